//! Workflow runs of the tagged commit that GitHub knows, and the question which of them this
//! release follows.

use std::time::Duration;

use greenlight_types::{Changed, Choice, ErrorCode, Failure, Precondition, Question, Retry, RunView, Timestamp};

use crate::{
    ports::{BuildJob, BuildRun},
    step::StepContext,
    time,
};

/// How far GitHub's clock may be behind ours (TRAP-W2).
pub(super) const SKEW: Duration = Duration::from_secs(120);
/// Longest time of a workflow run at GitHub, waiting included (GitHub, "Actions limits": workflow
/// run time).
pub(super) const LONGEST_BUILD: Duration = Duration::from_secs(35 * 86_400);
/// Event of a run that a person or the API started.
const DISPATCH: &str = "workflow_dispatch";
/// Id of the answer that none of the known builds makes the package.
const NEW: &str = "new";

/// From this time on, a build of this commit belongs to this release: the start of Deploy or, for a
/// release that another computer began, the time of the tag.
pub(super) fn known_since(run: &RunView) -> Option<Timestamp> {
    run.begun.as_ref().map(|begun| begun.at).or(run.deploy_started_at)
}

/// Builds of this commit that may belong to this release. An older build, of an earlier run of this
/// release, counts while it is under way.
pub(super) async fn known_runs(cx: &StepContext, run: &RunView, commit: &str) -> Result<Vec<BuildRun>, Failure> {
    let Some(since) = known_since(run).map(|at| at.minus(SKEW)) else {
        return Ok(Vec::new());
    };
    let longest_ago = since.minus(LONGEST_BUILD);
    let mut all = cx.ports.builds.all_runs(&run.profile.github.workflow, Some(commit), &longest_ago).await?;
    all.retain(|one| one.conclusion.is_none() || one.created_at >= since);
    Ok(all)
}

/// The build of this release: the only known one that was started by hand or through the API, or
/// the one that a person chose.
pub(super) fn ours<'a>(run: &RunView, known: &'a [BuildRun]) -> Option<&'a BuildRun> {
    match known {
        [one] if one.event == DISPATCH => Some(one),
        several => {
            let chosen = answered(run, &which_build_id(several))?;
            several.iter().find(|one| one.id == chosen)
        }
    }
}

/// Whether a person decided that none of the known builds makes the package.
pub(super) fn is_new_wanted(run: &RunView, known: &[BuildRun]) -> bool {
    !known.is_empty() && answered(run, &which_build_id(known)) == Some(NEW)
}

/// Whether a build may be started: none of this commit is known, or a person decided that none of
/// the known ones makes the package.
pub(super) fn may_dispatch(run: &RunView, known: &[BuildRun]) -> bool {
    known.is_empty() || is_new_wanted(run, known) && no_dispatched_build(known).passed
}

/// Somebody or something started a build of this commit after the plan was shown.
pub(super) fn started_meanwhile(known: &[BuildRun]) -> Failure {
    let numbers: Vec<String> = known.iter().map(|one| one.number.to_string()).collect();
    Failure::new(ErrorCode::PlanChanged, "start the build that was shown: GitHub shows other builds of this commit now")
        .because(format!("GitHub shows run {}", numbers.join(", ")))
        .hint("Nothing was started. Read the plan again.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// Precondition: no known build of this commit was started by hand or through the API. There is
/// never a second one (INV-B1).
pub(super) fn no_dispatched_build(known: &[BuildRun]) -> Precondition {
    let known: Vec<&BuildRun> = known.iter().filter(|one| one.event == DISPATCH).collect();
    let detail = match known.as_slice() {
        [] => "asked GitHub just now".to_owned(),
        several => {
            let numbers: Vec<String> = several.iter().map(|one| one.number.to_string()).collect();
            format!("GitHub shows {}", numbers.join(", "))
        }
    };
    Precondition {
        id: "notStarted".into(),
        passed: known.is_empty(),
        text: "No build of this commit was started".into(),
        detail,
    }
}

pub(super) fn which_build_id(known: &[BuildRun]) -> String {
    let mut ids: Vec<&str> = known.iter().map(|one| one.id.as_str()).collect();
    ids.sort_unstable();
    format!("build:{}", ids.join(":"))
}

/// Asks which of the builds of the commit this release follows. Only a person knows. A new build is
/// no answer while one is known that was started by hand or through the API (INV-B1).
pub(super) fn which_build(known: &[BuildRun]) -> Question {
    let new = known.iter().all(|one| one.event != DISPATCH).then(|| Choice {
        id: NEW.into(),
        label: "None of them: start a new build".into(),
        detail: "Choose this only if none of them builds the package.".into(),
    });
    Question {
        id: which_build_id(known),
        text: format!("GitHub shows {} of this commit. Which one does this release follow?", builds(known.len())),
        options: known.iter().map(build_choice).chain(new).collect(),
        needs_note: true,
    }
}

/// A build as an answer: who started it, when, and its state.
pub(super) fn build_choice(one: &BuildRun) -> Choice {
    Choice {
        id: one.id.clone(),
        label: format!("GitHub run {}", one.number),
        detail: format!(
            "Started by {} ({}) on {}; {}. {}",
            one.actor,
            one.event,
            time::in_words(one.created_at),
            one.conclusion.as_ref().unwrap_or(&one.status),
            one.url
        ),
    }
}

fn builds(count: usize) -> String {
    if count == 1 { "1 build".to_owned() } else { format!("{count} builds") }
}

/// Id of the newest answer to a question.
pub(super) fn answered<'a>(run: &'a RunView, id: &str) -> Option<&'a str> {
    run.answer(id).map(|answer| answer.answer.as_str())
}

/// The jobs that build the package. GitHub names a job of a reusable workflow "caller / job", and
/// one of a matrix "job (value)". All of them have to succeed.
pub(crate) fn build_jobs<'a>(jobs: &'a [BuildJob], name: &str) -> Vec<&'a BuildJob> {
    let exact: Vec<&BuildJob> = jobs.iter().filter(|job| job.name == name).collect();
    if exact.is_empty() { jobs.iter().filter(|job| is_form_of(&job.name, name)).collect() } else { exact }
}

fn is_form_of(seen: &str, name: &str) -> bool {
    let is_called = |seen: &str| seen == name || seen.ends_with(&format!(" / {name}"));
    let without_values = seen.strip_suffix(')').and_then(|seen| seen.rsplit_once(" (")).map(|(job, _)| job);
    is_called(seen) || without_values.is_some_and(is_called)
}

/// Whether a job that builds the package was under way at a time. `created_at` is the time of the
/// workflow run.
pub(super) fn was_building(jobs: &[BuildJob], name: &str, created_at: Timestamp, at: Timestamp) -> bool {
    build_jobs(jobs, name).iter().any(|job| {
        let (from, to) = (job.started_at.unwrap_or(created_at), job.completed_at);
        from.minus(SKEW) <= at && to.is_none_or(|to| at <= to.plus(SKEW))
    })
}

/// Whether every job that builds the package succeeded.
pub(super) fn is_built(jobs: &[BuildJob], name: &str) -> bool {
    let built = build_jobs(jobs, name);
    !built.is_empty() && built.iter().all(|job| job.conclusion.as_deref() == Some("success"))
}

#[cfg(test)]
mod tests {
    use greenlight_types::AnswerView;

    use super::*;
    use crate::act::test_support::deploying;

    fn job(name: &str, conclusion: Option<&str>) -> BuildJob {
        BuildJob {
            id: name.to_owned(),
            name: name.to_owned(),
            status: "completed".to_owned(),
            conclusion: conclusion.map(str::to_owned),
            started_at: None,
            completed_at: None,
            steps: Vec::new(),
        }
    }

    #[test]
    fn finds_the_job_of_a_caller_and_of_a_matrix() {
        for name in ["build", "release / build", "org / release / build", "build (17)", "release / build (17, linux)"] {
            assert!(is_built(&[job(name, Some("success")), job("deploy", None)], "build"), "{name}");
        }
        for name in ["prebuild", "build / release", "build-docs", "build(17)", "release/build", "Build"] {
            assert!(!is_built(&[job(name, Some("success"))], "build"), "{name}");
        }
    }

    #[test]
    fn every_job_of_a_matrix_has_to_succeed() {
        let one = |second| [job("build (17)", Some("success")), job("build (21)", second)];
        assert!(is_built(&one(Some("success")), "build"));
        for end in [None, Some("failure"), Some("cancelled"), Some("skipped")] {
            assert!(!is_built(&one(end), "build"), "{end:?}");
        }
    }

    #[test]
    fn the_exact_name_counts_before_other_forms() {
        let jobs = [job("build", Some("success")), job("docs / build", Some("failure"))];
        assert!(is_built(&jobs, "build"));
    }

    fn build(id: &str, event: &str) -> BuildRun {
        BuildRun {
            id: id.to_owned(),
            number: 7,
            status: "queued".to_owned(),
            conclusion: None,
            head_sha: "c0ffee".to_owned(),
            head_branch: "master".to_owned(),
            event: event.to_owned(),
            actor: "Bob".to_owned(),
            created_at: Timestamp::EPOCH,
            attempt: 1,
            url: String::new(),
        }
    }

    #[test]
    fn a_dispatch_needs_the_word_of_a_person_about_each_known_build() {
        let mut run = deploying();
        run.answers.push(AnswerView {
            question: which_build_id(&[build("1", "push")]),
            text: String::new(),
            answer: NEW.to_owned(),
            label: String::new(),
            note: String::new(),
            person: "Ann".to_owned(),
            at: Timestamp::EPOCH,
        });
        assert!(may_dispatch(&run, &[]));
        assert!(may_dispatch(&run, &[build("1", "push")]));
        assert!(!may_dispatch(&run, &[build("2", "push")]), "started after the answer");
        assert!(!may_dispatch(&run, &[build("1", "push"), build("2", "push")]));
        assert!(!may_dispatch(&run, &[build("1", DISPATCH)]), "there is never a second one");
    }
}
