//! A package that was pushed after the dispatch, and not while the build job of the profile ran: no
//! job has its name, or a colleague pushed the package. A named person says whether the build made
//! it.

use greenlight_types::{Choice, ErrorCode, Failure, Question, Retry, RunView, StepId, Timestamp};

use super::{
    known_builds::{SKEW, answered, build_jobs},
    run_facts::FollowedBuild,
};
use crate::{
    fold,
    ports::{BuildJob, BuildRun, Image},
    step::StepContext,
    time,
};

const MADE: &str = "made";
const OTHER: &str = "other";
/// Most names of jobs in a question.
const NAMES_MAX: usize = 20;

/// Judgement about a package.
#[derive(Debug)]
pub(super) enum Judged {
    /// A person says that the build made it.
    Made,
    /// A person says that the build did not make it, or no job can have pushed it yet.
    NotMade,
    /// No person has answered.
    Open(Failure),
}

/// Whether another job than the one of the profile may have pushed the package.
pub(super) fn may_have_built(run: &RunView, jobs: &[BuildJob]) -> bool {
    build_jobs(jobs, &run.profile.github.build_job).is_empty() && jobs.iter().any(has_run)
}

/// Judges a package that was pushed after the dispatch. Any job that ran at the push may have made
/// it, also one that has not ended: it may wait for the servers, and they for the migration. After
/// a repeat GitHub shows only the last times of a job, and a build that succeeded may have found
/// the package made.
pub(super) fn judge(run: &RunView, build: &BuildRun, image: &Image, jobs: &[BuildJob]) -> Judged {
    let ran_then = jobs.iter().any(|job| has_run(job) && was_running(job, image.pushed_at));
    let may_be_of_build = ran_then || build.attempt > 1 || build.conclusion.as_deref() == Some("success");
    if !may_be_of_build {
        return Judged::NotMade;
    }
    match answered(run, &question_id(&build.id, image)) {
        Some(MADE) => Judged::Made,
        Some(_) => Judged::NotMade,
        None => Judged::Open(unproved(run, image, jobs)),
    }
}

/// Whether a job ran or runs. GitHub lists queued and skipped jobs too.
fn has_run(job: &BuildJob) -> bool {
    matches!(job.status.as_str(), "in_progress" | "completed") && job.conclusion.as_deref() != Some("skipped")
}

fn was_running(job: &BuildJob, at: Timestamp) -> bool {
    let (from, to) = (job.started_at, job.completed_at);
    from.is_some_and(|from| from.minus(SKEW) <= at) && to.is_none_or(|to| at <= to.plus(SKEW))
}

/// Whether a person says that the build did not make this package. That counts also after the name
/// of the job was corrected.
pub(super) fn is_denied(run: &RunView, build: &str, image: &Image) -> bool {
    answered(run, &question_id(build, image)) == Some(OTHER)
}

/// Whether the watch failed because of such a package. Only then is GitHub asked for a plan.
pub(super) fn has_failed(run: &RunView) -> bool {
    let failure = fold::step(run, StepId::FollowBuild).and_then(|step| step.failure());
    failure.is_some_and(|failure| failure.code == ErrorCode::PackageUnproved)
}

/// The question whether the build made the package. `None` once it has an answer.
///
/// # Errors
/// GitHub or AWS does not answer.
pub(super) async fn question(
    cx: &StepContext,
    run: &RunView,
    build: &FollowedBuild,
) -> Result<Option<Question>, Failure> {
    let Some(image) = cx.ports.images.find(&run.names.image_tag).await? else { return Ok(None) };
    let id = question_id(&build.id, &image);
    if answered(run, &id).is_some() {
        return Ok(None);
    }
    let jobs = cx.ports.builds.jobs(&build.id).await?;
    let choice = |id: &str, label: &str, detail: String| Choice { id: id.into(), label: label.into(), detail };
    Ok(Some(Question {
        id,
        text: format!(
            "{} The package {} was pushed on {} ({}). Did this build make it?",
            doubt(run, &jobs),
            run.names.image_tag,
            time::in_words(image.pushed_at),
            image.digest
        ),
        options: vec![
            choice(MADE, "This build made the package", format!("The release goes on with it. See {}.", build.url)),
            choice(OTHER, "It did not", "The release does not use the package.".to_owned()),
        ],
        needs_note: true,
    }))
}

/// Another package, or another build, is another question.
fn question_id(build: &str, image: &Image) -> String {
    format!("package:{build}:{}", image.digest)
}

fn names(jobs: &[BuildJob]) -> String {
    let ran = jobs.iter().filter(|job| has_run(job));
    let names: Vec<&str> = ran.take(NAMES_MAX).map(|job| job.name.as_str()).collect();
    names.join(", ")
}

/// Whether the build has the job of the profile. Then the package was pushed outside its times.
fn has_named_job(run: &RunView, jobs: &[BuildJob]) -> bool {
    !build_jobs(jobs, &run.profile.github.build_job).is_empty()
}

/// Why the app cannot tell whether the build made the package.
fn doubt(run: &RunView, jobs: &[BuildJob]) -> String {
    let (name, names) = (&run.profile.github.build_job, names(jobs));
    if has_named_job(run, jobs) {
        return format!(
            "The package was pushed outside the times that GitHub shows for the job \u{201c}{name}\u{201d}. These ran: {names}."
        );
    }
    format!("So far no job of the build is called \u{201c}{name}\u{201d}. These ran: {names}.")
}

fn unproved(run: &RunView, image: &Image, jobs: &[BuildJob]) -> Failure {
    let job = &run.profile.github.build_job;
    Failure::new(ErrorCode::PackageUnproved, "tell whether the build made the package")
        .with(if has_named_job(run, jobs) { "idle" } else { "job" }, job.clone())
        .with("digest", image.digest.clone())
        .because(doubt(run, jobs))
        .hint("Look at the jobs on GitHub and answer the question. Then watch again.")
        .retry(Retry::Safe)
}

#[cfg(test)]
mod tests {
    use greenlight_types::AnswerView;

    use super::*;
    use crate::{act::test_support::deploying, steps::known_builds::was_building};

    fn at(minute: u64) -> Timestamp {
        Timestamp::EPOCH.plus(std::time::Duration::from_secs(60 * minute))
    }

    fn job(name: &str, conclusion: Option<&str>, minute: u64) -> BuildJob {
        BuildJob {
            id: name.to_owned(),
            name: name.to_owned(),
            status: if conclusion.is_some() { "completed" } else { "in_progress" }.to_owned(),
            conclusion: conclusion.map(str::to_owned),
            started_at: Some(at(0)),
            completed_at: conclusion.map(|_| at(minute)),
            steps: Vec::new(),
        }
    }

    fn build(id: &str, attempt: u32, conclusion: Option<&str>) -> BuildRun {
        BuildRun {
            id: id.to_owned(),
            number: 412,
            status: if conclusion.is_some() { "completed" } else { "in_progress" }.to_owned(),
            conclusion: conclusion.map(str::to_owned),
            head_sha: String::new(),
            head_branch: "master".to_owned(),
            event: "workflow_dispatch".to_owned(),
            actor: "robin".to_owned(),
            created_at: at(0),
            attempt,
            url: String::new(),
        }
    }

    fn image() -> Image {
        Image { digest: "sha256:one".to_owned(), pushed_at: at(20) }
    }

    fn answer(mut run: RunView, id: &str, answer: &str) -> RunView {
        run.answers.push(AnswerView {
            question: id.to_owned(),
            text: String::new(),
            answer: answer.to_owned(),
            label: String::new(),
            note: "seen".to_owned(),
            person: "Lena".to_owned(),
            at: Timestamp::EPOCH,
        });
        run
    }

    #[test]
    fn asks_only_where_no_job_has_the_name_and_one_has_begun() {
        let run = deploying();
        let named = run.profile.github.build_job.clone();
        assert!(may_have_built(&run, &[job("compile", Some("success"), 21)]));
        assert!(may_have_built(&run, &[job("compile", None, 21)]), "it may wait for the servers");
        let unstarted = BuildJob { status: "queued".to_owned(), ..job("compile", None, 21) };
        for jobs in [vec![job(&named, None, 21), job("docs", Some("success"), 21)], vec![unstarted], Vec::new()] {
            assert!(!may_have_built(&run, &jobs), "{jobs:?}");
        }
    }

    #[test]
    fn only_a_person_says_that_the_build_made_the_package() {
        let jobs = [job("compile", Some("success"), 21)];
        let judged = judge(&deploying(), &build("77", 1, None), &image(), &jobs);
        let Judged::Open(failure) = judged else { panic!("{judged:?}") };
        assert_eq!((failure.code, failure.retry), (ErrorCode::PackageUnproved, Retry::Safe));
        let id = question_id("77", &image());
        assert!(matches!(
            judge(&answer(deploying(), &id, "made"), &build("77", 1, None), &image(), &jobs),
            Judged::Made
        ));
        assert!(matches!(
            judge(&answer(deploying(), &id, "other"), &build("77", 1, None), &image(), &jobs),
            Judged::NotMade
        ));
        assert!(is_denied(&answer(deploying(), &id, "other"), "77", &image()));
        assert!(
            !is_denied(&answer(deploying(), &id, "made"), "77", &image()) && !is_denied(&deploying(), "77", &image())
        );
        let other = judge(&answer(deploying(), &id, "made"), &build("78", 1, None), &image(), &jobs);
        assert!(matches!(other, Judged::Open(_)), "another build is another question");
    }

    #[test]
    fn a_package_from_after_the_build_job_is_a_question_while_another_job_runs() {
        let run = deploying();
        let name = run.profile.github.build_job.clone();
        let built = job(&name, Some("success"), 10);
        assert!(!was_building(std::slice::from_ref(&built), &name, at(0), image().pushed_at));
        assert!(matches!(judge(&run, &build("77", 1, None), &image(), std::slice::from_ref(&built)), Judged::NotMade));
        for conclusion in [None, Some("success"), Some("failure")] {
            let judged = judge(&run, &build("77", 1, None), &image(), &[built.clone(), job("deploy", conclusion, 30)]);
            let Judged::Open(failure) = judged else { panic!("{judged:?}") };
            assert_eq!(failure.params.get("idle"), Some(&name));
        }
        let skipped = judge(&run, &build("77", 1, None), &image(), &[built, job("deploy", Some("skipped"), 30)]);
        assert!(matches!(skipped, Judged::NotMade));
    }

    #[test]
    fn a_package_from_after_the_last_job_is_of_another_build_unless_github_may_hide_one() {
        let jobs = [job("compile", Some("success"), 15)];
        let judged = |build: &BuildRun| judge(&deploying(), build, &image(), &jobs);
        for other in [build("77", 1, None), build("77", 1, Some("failure"))] {
            assert!(matches!(judged(&other), Judged::NotMade), "{other:?}");
        }
        for open in [build("77", 2, None), build("77", 1, Some("success"))] {
            assert!(matches!(judged(&open), Judged::Open(_)), "{open:?}");
        }
    }
}
