//! A package of this version that is in the registry before the build: the commit that it was built
//! from, and the decision whether the release uses it (docs/releases.md#a-package-that-is-there).

use greenlight_types::{
    Choice, ErrorCode, ExistingBuild, ExistingPackage, Failure, Precondition, Question, RunView, StepId, Timestamp,
};

use super::{
    git_objects::short_id,
    known_builds::{LONGEST_BUILD, SKEW, answered, build_jobs, was_building},
};
use crate::{
    ports::{BuildJob, BuildRun, Image},
    step::StepContext,
    time,
};

/// Most runs of one answer of GitHub. A full answer may hide another run.
const LISTED_MAX: usize = 100;
/// Most runs whose jobs are read.
const ASKED_MAX: usize = 20;

/// Result of the look into the registry before the build.
pub(super) enum Found {
    /// The tag is free, or a person decided to build again.
    Build,
    /// A person has to decide.
    Open(Question),
    /// A person said that it is of another commit, and it cannot be overwritten. Another answer is
    /// still possible.
    Denied(Question),
    /// A person decided to use the package.
    Use(UsedPackage),
}

/// A package that a person decided to use.
#[derive(Clone)]
pub(super) struct UsedPackage {
    pub package: ExistingPackage,
    /// The run that built it, if GitHub can show it.
    pub build: Option<ExistingBuild>,
    /// The evidence, as a sentence.
    pub evidence: String,
}

/// The commit that a package was built from.
enum Origin {
    /// This run of the tagged commit built it.
    OfCommit(BuildRun),
    /// This run of another commit built it.
    OfAnother(BuildRun),
    /// GitHub's answers do not prove it.
    Unknown,
}

/// Searches the registry for a package of this version, and reads the decision of the person about
/// it.
pub(super) async fn look(cx: &StepContext, run: &RunView, commit: &str) -> Result<Found, Failure> {
    let Some(image) = cx.ports.images.find(&run.names.image_tag).await? else { return Ok(Found::Build) };
    cx.activity(StepId::DispatchBuild, "Asking GitHub who built the package that is there");
    let origin = origin(cx, run, commit, image.pushed_at).await?;
    let id = question_id(&image, &origin);
    match answered(run, &id) {
        Some("again") => return Ok(Found::Build),
        Some("use") => return Ok(Found::Use(used(run, &id, image, &origin))),
        Some(_) | None => {}
    }
    let may_overwrite = cx.ports.images.tags_may_be_overwritten().await? != Some(false);
    let question = question(run, commit, &image, &origin, may_overwrite)?;
    let is_denied = !may_overwrite && answered(run, &id) == Some("other");
    Ok(if is_denied { Found::Denied(question) } else { Found::Open(question) })
}

/// Asks GitHub for the runs of the time of the push.
async fn origin(cx: &StepContext, run: &RunView, commit: &str, pushed_at: Timestamp) -> Result<Origin, Failure> {
    let (workflow, since) = (&run.profile.github.workflow, pushed_at.minus(LONGEST_BUILD));
    let mut listed = cx.ports.builds.all_runs(workflow, None, &since).await?;
    let is_whole = listed.len() < LISTED_MAX;
    listed.retain(|one| one.created_at <= pushed_at.plus(SKEW));
    if !is_whole || listed.len() > ASKED_MAX {
        return Ok(Origin::Unknown);
    }
    let mut runs = Vec::new();
    for one in listed {
        let jobs = cx.ports.builds.jobs(&one.id).await?;
        runs.push((one, jobs));
    }
    Ok(judge(runs, &run.profile.github.build_job, commit, pushed_at))
}

/// The run whose build job was under way when the image was pushed. A run of another commit that
/// was repeated leaves it open, because GitHub shows only its last attempt.
fn judge(runs: Vec<(BuildRun, Vec<BuildJob>)>, build_job: &str, commit: &str, pushed_at: Timestamp) -> Origin {
    let mut pushers = Vec::new();
    for (one, jobs) in runs {
        let is_pushing = was_building(&jobs, build_job, one.created_at, pushed_at);
        let is_good = build_jobs(&jobs, build_job).iter().all(|job| job.conclusion.as_deref() == Some("success"));
        if is_pushing || one.attempt > 1 && one.head_sha != commit {
            pushers.push((one, is_pushing && is_good));
        }
    }
    match pushers.as_slice() {
        all if all.iter().all(|(one, _)| one.head_sha == commit) => {
            let good = pushers.into_iter().find(|(_, is_good)| *is_good);
            good.map_or(Origin::Unknown, |(one, _)| Origin::OfCommit(one))
        }
        [(one, true)] => Origin::OfAnother(one.clone()),
        _ => Origin::Unknown,
    }
}

/// Another origin is another situation, so it is another question.
fn question_id(image: &Image, origin: &Origin) -> String {
    let kind = match origin {
        Origin::OfCommit(_) => "imageOfCommit",
        Origin::OfAnother(_) => "imageOfAnother",
        Origin::Unknown => "image",
    };
    format!("{kind}:{}", image.digest)
}

fn used(run: &RunView, question: &str, image: Image, origin: &Origin) -> UsedPackage {
    let words = run.answer(question).map(|one| format!("{}: {}", one.person, one.note)).unwrap_or_default();
    let Image { digest, pushed_at } = image;
    let (build, evidence) = match origin {
        Origin::OfCommit(one) => {
            let build = ExistingBuild { build: one.id.clone(), url: one.url.clone(), sent_at: one.created_at };
            (Some(build), format!("GitHub run {} of the tagged commit built it. {words}", one.number))
        }
        Origin::OfAnother(_) | Origin::Unknown => (None, words),
    };
    UsedPackage { package: ExistingPackage { digest, pushed_at }, build, evidence }
}

/// An image of that name before the build is a question, not an error (docs/releases.md#questions).
fn question(
    run: &RunView,
    commit: &str,
    image: &Image,
    origin: &Origin,
    may_overwrite: bool,
) -> Result<Question, Failure> {
    let commit = short_id(commit);
    let (built, use_it) = match origin {
        Origin::OfCommit(one) => (
            format!("GitHub run {} built it from the labelled commit {commit}.", one.number),
            Some("Nothing is built. You then start the deployment with “Start a new deployment”.".to_owned()),
        ),
        Origin::OfAnother(one) => {
            (format!("GitHub run {} built it from another commit, {}.", one.number, short_id(&one.head_sha)), None)
        }
        Origin::Unknown => (
            "GitHub and AWS do not show from which commit it was built.".to_owned(),
            Some(format!(
                "Choose this only if you know that it was built from commit {commit}. Your name is kept with it. Nothing is \
                 built; you then start the deployment with “Start a new deployment”."
            )),
        ),
    };
    let choice = |id: &str, label: &str, detail: String| Choice { id: id.into(), label: label.into(), detail };
    let again = "The new build takes this name. Servers that run the package keep it until they are replaced. Choose this \
                 only if nobody needs it under this name.";
    let mut options: Vec<Choice> = may_overwrite
        .then(|| choice("again", "Build it again", again.into()))
        .into_iter()
        .chain(use_it.map(|detail| choice("use", "Use the package that is there", detail)))
        .collect();
    // The answer that rests on proof comes first.
    if matches!(origin, Origin::OfCommit(_)) {
        options.reverse();
    }
    // The proof may be wrong: a colleague may have pushed the package while the build job ran.
    if !may_overwrite && !matches!(origin, Origin::OfAnother(_)) {
        let end = "It cannot be overwritten, so this version cannot be built.";
        options.push(choice("other", "It was built from another commit", end.into()));
    }
    if options.is_empty() {
        return Err(cannot_be_overwritten(run, &built));
    }
    Ok(Question {
        id: question_id(image, origin),
        text: format!(
            "A package named {} is there already, pushed on {}. {built}",
            run.names.image_tag,
            time::in_words(image.pushed_at)
        ),
        options,
        needs_note: true,
    })
}

/// The failed precondition of a package that a person denied.
pub(super) fn denied(run: &RunView) -> Precondition {
    Precondition {
        id: "packageIsOurs".into(),
        passed: false,
        text: format!("The package {} is of the labelled commit, or can be overwritten", run.names.image_tag),
        detail: "a person says that it is of another commit".into(),
    }
}

fn cannot_be_overwritten(run: &RunView, built: &str) -> Failure {
    Failure::new(
        ErrorCode::PreconditionFailed,
        format!("build {}: a package of this name is there and cannot be overwritten", run.version),
    )
    .because(built)
    .with("image", run.names.image.clone())
    .hint("Stop here; a developer decides what happens with the package, or the way on is a new version number.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::deploying;

    const OURS: &str = "8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";
    const OTHER: &str = "0000000000000000000000000000000000000000";

    fn at(minute: u64) -> Timestamp {
        Timestamp::EPOCH.plus(std::time::Duration::from_secs(60 * minute))
    }

    /// A run whose build job ran between these minutes.
    fn run(id: &str, commit: &str, minutes: (u64, u64), conclusion: &str) -> (BuildRun, Vec<BuildJob>) {
        let run = BuildRun {
            id: id.into(),
            number: 412,
            status: "completed".into(),
            conclusion: Some(conclusion.into()),
            head_sha: commit.into(),
            head_branch: "master".into(),
            event: "push".into(),
            actor: "robin".into(),
            created_at: at(minutes.0),
            attempt: 1,
            url: String::new(),
        };
        let job = BuildJob {
            id: id.into(),
            name: "release / build".into(),
            status: "completed".into(),
            conclusion: Some(conclusion.into()),
            started_at: Some(at(minutes.0)),
            completed_at: Some(at(minutes.1)),
            steps: Vec::new(),
        };
        (run, vec![job])
    }

    /// The verdict about an image that was pushed at minute 100.
    fn verdict(runs: Vec<(BuildRun, Vec<BuildJob>)>) -> String {
        match judge(runs, "build", OURS, at(100)) {
            Origin::OfCommit(one) => format!("commit {}", one.id),
            Origin::OfAnother(one) => format!("another {}", one.id),
            Origin::Unknown => "unknown".into(),
        }
    }

    #[test]
    fn a_push_during_a_good_build_of_the_commit_is_proof() {
        assert_eq!(verdict(vec![run("1", OURS, (80, 101), "success")]), "commit 1");
        assert_eq!(verdict(vec![run("1", OURS, (80, 98), "success")]), "commit 1", "two minutes of clock difference");
        assert_eq!(verdict(vec![run("1", OURS, (80, 97), "success")]), "unknown");
        assert_eq!(verdict(vec![run("1", OURS, (103, 120), "success")]), "unknown");
        assert_eq!(verdict(vec![run("1", OURS, (80, 101), "failure")]), "unknown");
        assert_eq!(verdict(Vec::new()), "unknown");
    }

    #[test]
    fn a_build_of_another_commit_at_that_time_leaves_it_open() {
        let (ours, other) = (run("1", OURS, (80, 101), "success"), run("2", OTHER, (90, 110), "success"));
        assert_eq!(verdict(vec![ours.clone(), other.clone()]), "unknown");
        assert_eq!(verdict(vec![other]), "another 2");
        let over = run("2", OTHER, (60, 70), "success");
        assert_eq!(verdict(vec![ours.clone(), over.clone()]), "commit 1");
        let repeated = (BuildRun { attempt: 2, ..over.0 }, over.1);
        assert_eq!(verdict(vec![ours, repeated]), "unknown", "its first attempt is not shown");
    }

    #[test]
    fn one_good_build_of_the_commit_is_enough() {
        let runs = vec![run("2", OURS, (90, 101), "failure"), run("1", OURS, (80, 101), "success")];
        assert_eq!(verdict(runs), "commit 1");
    }

    #[test]
    fn a_person_may_deny_the_proof_where_the_package_cannot_be_overwritten() {
        let image = Image { digest: "sha256:one".to_owned(), pushed_at: at(100) };
        let (ours, other) = (run("1", OURS, (80, 101), "success").0, run("2", OTHER, (80, 101), "success").0);
        let options = |origin: &Origin, may_overwrite| -> Vec<String> {
            let asked = question(&deploying(), OURS, &image, origin, may_overwrite).expect("a question");
            asked.options.into_iter().map(|one| one.id).collect()
        };
        assert_eq!(options(&Origin::OfCommit(ours.clone()), true), ["use", "again"]);
        assert_eq!(options(&Origin::OfCommit(ours), false), ["use", "other"]);
        assert_eq!(options(&Origin::Unknown, false), ["use", "other"]);
        assert_eq!(options(&Origin::OfAnother(other.clone()), true), ["again"]);
        assert!(question(&deploying(), OURS, &image, &Origin::OfAnother(other), false).is_err());
    }
}
