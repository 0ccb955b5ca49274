//! The builds that GitHub shows while it is unknown whether a dispatch started one. A person says
//! which of several builds this release follows. A build of another commit ends the doubt.

use greenlight_types::{
    Changed, ErrorCode, Fact, Failure, Observation, Question, Retry, RunView, Status, StepId, Timestamp,
};

use super::{
    git_objects::short_id,
    known_builds::{SKEW, answered, known_since, which_build, which_build_id},
};
use crate::{fold, ports::BuildRun, step::StepContext};

/// Builds that were started by hand or through the API since the dispatch.
pub(super) struct ShownBuilds {
    /// Builds of our commit.
    of_commit: Vec<BuildRun>,
    /// Builds of another commit of the main branch.
    of_another: Vec<BuildRun>,
}

/// Whether it is unknown if the dispatch started a build.
pub(super) fn is_doubted(run: &RunView) -> bool {
    fold::step(run, StepId::DispatchBuild).is_some_and(|step| step.status() == Status::InDoubt)
}

/// Asks GitHub for the builds since the dispatch. `None` before Deploy.
///
/// # Errors
/// GitHub does not answer.
pub(super) async fn look(cx: &StepContext, run: &RunView, commit: &str) -> Result<Option<ShownBuilds>, Failure> {
    let started_at = fold::step(run, StepId::DispatchBuild).and_then(|step| step.started_at);
    let Some(since) = started_at.or(known_since(run)).map(|at| at.minus(SKEW)) else { return Ok(None) };
    let shown = cx.ports.builds.dispatched_runs(&run.profile.github.workflow, None, &since).await?;
    Ok(Some(sorted(run, commit, shown)))
}

/// A build of another branch is never ours, because a dispatch names the main branch.
fn sorted(run: &RunView, commit: &str, shown: Vec<BuildRun>) -> ShownBuilds {
    let (of_commit, mut of_another): (Vec<_>, Vec<_>) = shown.into_iter().partition(|one| one.head_sha == commit);
    of_another.retain(|one| one.head_branch.is_empty() || one.head_branch == run.profile.git.main);
    ShownBuilds { of_commit, of_another }
}

impl ShownBuilds {
    /// The question which of several builds this release follows.
    pub(super) fn question(&self) -> Option<Question> {
        (self.of_commit.len() > 1).then(|| which_build(&self.of_commit))
    }

    /// The answer about the dispatch. `is_late` is set once a list of GitHub shows every build that
    /// the dispatch can have started. `login` is the owner of our token.
    pub(super) fn judge(&self, run: &RunView, commit: &str, is_late: bool, login: Option<&str>) -> Observation {
        let followed = |one: &BuildRun, why: &str| Observation::Done {
            evidence: vec![format!("GitHub run {} of this commit, started by {}{why}.", one.number, one.actor)],
            facts: vec![started(&one.id, &one.url, one.created_at, commit)],
        };
        match (self.of_commit.as_slice(), self.of_another.as_slice()) {
            ([one], _) => followed(one, ""),
            ([], _) if !is_late => {
                let why = "GitHub shows no such build yet; it may take a minute to appear".to_owned();
                Observation::Unknown { why }
            }
            ([], []) => Observation::NotDone { evidence: "GitHub shows no such build.".into() },
            ([], others) => Observation::Failed { failure: Box::new(wrong_commit(others, commit, login)) },
            (several, _) => {
                let id = which_build_id(several);
                let chosen = answered(run, &id).and_then(|chosen| several.iter().find(|one| one.id == chosen));
                match (chosen, run.answer(&id)) {
                    (Some(one), Some(answer)) => followed(one, &format!(", as {} chose", answer.person)),
                    _ => Observation::Unknown {
                        why: format!(
                            "GitHub shows {} builds of this commit: a person has to choose the one of this release",
                            several.len()
                        ),
                    },
                }
            }
        }
    }
}

pub(super) fn started(build: &str, url: &str, sent_at: Timestamp, commit: &str) -> Fact {
    Fact::BuildStarted { build: build.to_owned(), url: url.to_owned(), sent_at, commit: commit.to_owned() }
}

/// The builds of another commit in one sentence. Main may have moved between the last check and the
/// dispatch (TRAP-G4).
pub(super) fn of_another_commit(runs: &[BuildRun]) -> String {
    let list: Vec<String> =
        runs.iter().map(|one| format!("run {} of {} by {}", one.number, short_id(&one.head_sha), one.actor)).collect();
    format!("GitHub shows a build of another commit: {}", list.join(", "))
}

/// GitHub builds another commit. The failure names the build of the owner of our token, or else the
/// newest one.
fn wrong_commit(others: &[BuildRun], commit: &str, login: Option<&str>) -> Failure {
    let of_login = others.iter().find(|one| login == Some(one.actor.as_str()));
    let failure = Failure::new(ErrorCode::WrongCommit, "build the labelled commit: GitHub builds another commit")
        .because(of_another_commit(others))
        .with("expected", commit)
        .hint("Cancel that build before AWS starts putting it in place. Ask the person who started it first.")
        .hint("The way on is a new version number.")
        .changed(Changed::Partly)
        .retry(Retry::No);
    of_login.or(others.first()).map_or(failure.clone(), |one| named(failure, one))
}

/// Names a build of another commit, so that it can be cancelled and listed at the end.
pub(super) fn named(failure: Failure, one: &BuildRun) -> Failure {
    failure
        .with("run", one.id.clone())
        .with("number", one.number.to_string())
        .with("commit", one.head_sha.clone())
        .with("url", one.url.clone())
}

#[cfg(test)]
mod tests {
    use greenlight_types::{AnswerView, StepState};

    use super::*;
    use crate::act::test_support::{deploying, set};

    const OURS: &str = "8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";
    const OTHER: &str = "0000000000000000000000000000000000000000";

    fn build(id: &str, commit: &str, branch: &str, actor: &str) -> BuildRun {
        BuildRun {
            id: id.into(),
            number: 412,
            status: "in_progress".into(),
            conclusion: None,
            head_sha: commit.into(),
            head_branch: branch.into(),
            event: "workflow_dispatch".into(),
            actor: actor.into(),
            created_at: Timestamp::EPOCH,
            attempt: 1,
            url: format!("https://github.invalid/{id}"),
        }
    }

    fn doubted() -> RunView {
        set(deploying(), StepId::DispatchBuild, StepState::InDoubt { doubt: "no answer".into() })
    }

    fn judged(run: &RunView, shown: Vec<BuildRun>, is_late: bool) -> Observation {
        sorted(run, OURS, shown).judge(run, OURS, is_late, Some("ann"))
    }

    #[test]
    fn one_build_of_the_commit_is_ours() {
        let seen =
            judged(&doubted(), vec![build("1", OURS, "master", "ann"), build("2", OTHER, "master", "bob")], false);
        let Observation::Done { facts, .. } = seen else { panic!("{seen:?}") };
        assert!(matches!(&facts[..], [Fact::BuildStarted { build, .. }] if build == "1"), "{facts:?}");
    }

    #[test]
    fn only_a_person_ends_the_doubt_about_several_builds() {
        let mut run = doubted();
        let shown = || vec![build("1", OURS, "master", "ann"), build("2", OURS, "master", "bob")];
        assert!(matches!(judged(&run, shown(), true), Observation::Unknown { .. }));
        let question = sorted(&run, OURS, shown()).question().expect("a question");
        let offered: Vec<&str> = question.options.iter().map(|option| option.id.as_str()).collect();
        assert_eq!((offered, question.needs_note), (vec!["1", "2"], true));
        run.answers.push(AnswerView {
            question: question.id,
            text: question.text,
            answer: "2".into(),
            label: String::new(),
            note: "Bob said so".into(),
            person: "Lena".into(),
            at: Timestamp::EPOCH,
        });
        let seen = judged(&run, shown(), true);
        let Observation::Done { facts, evidence } = seen else { panic!("{seen:?}") };
        assert!(matches!(&facts[..], [Fact::BuildStarted { build, .. }] if build == "2"), "{facts:?}");
        assert!(evidence[0].contains("as Lena chose"), "{evidence:?}");
        let more = shown().into_iter().chain([build("3", OURS, "master", "eve")]).collect();
        assert!(matches!(judged(&run, more, true), Observation::Unknown { .. }), "another situation");
    }

    #[test]
    fn a_build_of_another_commit_ends_the_doubt_once_ours_would_show() {
        let shown = || vec![build("7", OTHER, "master", "bob"), build("6", OTHER, "master", "ann")];
        assert!(matches!(judged(&doubted(), shown(), false), Observation::Unknown { .. }));
        let seen = judged(&doubted(), shown(), true);
        let Observation::Failed { failure } = seen else { panic!("{seen:?}") };
        assert_eq!((failure.code, failure.retry), (ErrorCode::WrongCommit, Retry::No));
        assert_eq!(failure.params.get("run").map(String::as_str), Some("6"), "the one of our token");
        assert_eq!(failure.params.get("commit").map(String::as_str), Some(OTHER));
    }

    #[test]
    fn a_build_of_another_branch_is_never_ours() {
        let seen = judged(&doubted(), vec![build("7", OTHER, "feature", "bob")], true);
        assert!(matches!(seen, Observation::NotDone { .. }), "{seen:?}");
    }
}
