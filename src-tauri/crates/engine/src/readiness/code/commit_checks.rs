//! The tests of exactly the commit that is released passed on GitHub.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{CommitCheck, CommitCheckState, PortResult};

pub struct CommitChecks;

#[async_trait]
impl Check for CommitChecks {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::CommitChecks
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let Some(commit) = subject.reads.commit_to_release().await? else {
            return Ok(Finding::unknown("No test result is read", "The release branch is not on GitHub."));
        };
        let (runs, statuses) =
            futures::join!(subject.reads.check_runs(&commit), subject.reads.commit_statuses(&commit));
        judge(&commit, subject.is_before_prepare(), runs, statuses)
    }
}

/// Most names of checks in the sentence.
const NAMED: usize = 5;
/// Length of a commit id on the screen.
const SHORT: usize = 10;

/// A failed check counts even if GitHub does not tell the rest. After Prepare the commit is
/// published, and the build of this release makes checks of its own: a person decides then.
fn judge(
    commit: &str,
    is_before_prepare: bool,
    runs: PortResult<Vec<CommitCheck>>,
    statuses: PortResult<Vec<CommitCheck>>,
) -> PortResult<Finding> {
    let short: String = commit.chars().take(SHORT).collect();
    let known: Vec<&CommitCheck> = [&runs, &statuses].into_iter().flatten().flatten().collect();
    let failed = names(&known, CommitCheckState::Failed);
    if !failed.is_empty() {
        let sentence = format!("{} of {} checks of {short} failed: {}", failed.len(), known.len(), listed(&failed));
        let found = if is_before_prepare {
            Finding::blocked(sentence, "The release would contain the fault that they found.")
        } else {
            Finding::choose(sentence, "An earlier build of this release may be among them; Deploy builds again.")
        };
        return Ok(found.instruct("Ask a developer to look at the checks of this commit on GitHub."));
    }
    let known: Vec<CommitCheck> = [runs?, statuses?].concat();
    let running = names(&known.iter().collect::<Vec<_>>(), CommitCheckState::Running);
    if !running.is_empty() {
        let sentence =
            format!("{} of {} checks of {short} have not ended: {}", running.len(), known.len(), listed(&running));
        return Ok(Finding::choose(sentence, "A failure of them would show only after the start.")
            .instruct("Wait until they have ended, and check again."));
    }
    Ok(match known.len() {
        0 => Finding::unknown(
            format!("GitHub has no test result for {short}"),
            "No program tested this commit, or its result is not on GitHub.",
        )
        .instruct("Ask a developer whether the tests of this state passed."),
        1 => Finding::ready(format!("The one check of {short} passed")),
        several => Finding::ready(format!("All {several} checks of {short} passed")),
    })
}

fn names<'a>(checks: &[&'a CommitCheck], state: CommitCheckState) -> Vec<&'a str> {
    checks.iter().filter(|check| check.state == state).map(|check| check.name.as_str()).collect()
}

fn listed(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED { format!("{shown} and {} more", names.len() - NAMED) } else { shown }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Failure, ReadinessState};

    use super::*;

    const COMMIT: &str = "8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";

    fn checks(states: &[CommitCheckState]) -> PortResult<Vec<CommitCheck>> {
        Ok(states.iter().map(|state| CommitCheck { name: format!("{state:?}"), state: *state }).collect())
    }

    fn hidden() -> PortResult<Vec<CommitCheck>> {
        Err(Failure::new(ErrorCode::PermissionMissing, "read the checks of the commit"))
    }

    #[test]
    fn the_worst_check_of_both_kinds_decides() {
        use CommitCheckState::{Failed, Passed, Running};
        for (runs, statuses, state) in [
            (&[Passed][..], &[][..], ReadinessState::Ready),
            (&[Passed], &[Passed, Passed], ReadinessState::Ready),
            (&[], &[], ReadinessState::Unknown),
            (&[Passed, Running], &[], ReadinessState::Choose),
            (&[Passed], &[Running], ReadinessState::Choose),
            (&[Passed, Running], &[Failed], ReadinessState::Blocked),
            (&[Failed; 7], &[], ReadinessState::Blocked),
        ] {
            let found = judge(COMMIT, true, checks(runs), checks(statuses)).expect("a finding");
            assert_eq!(found.state, state, "{runs:?} {statuses:?}");
            assert!(found.sentence.contains("8f3a6d1c2b") && !found.sentence.contains("8f3a6d1c2b4"), "{found:?}");
        }
        let published = judge(COMMIT, false, checks(&[Failed]), checks(&[Passed])).expect("a finding");
        assert_eq!(published.state, ReadinessState::Choose, "the build of this release may have failed");
        let many = judge(COMMIT, true, checks(&[Failed; 7]), checks(&[])).expect("a finding");
        assert!(many.sentence.starts_with("7 of 7") && many.sentence.ends_with("and 2 more"), "{}", many.sentence);
    }

    #[test]
    fn a_hidden_kind_is_no_answer_unless_the_other_failed() {
        use CommitCheckState::{Failed, Passed};
        for (runs, statuses) in [(hidden(), checks(&[Passed])), (checks(&[Passed]), hidden()), (hidden(), hidden())] {
            let failure = judge(COMMIT, true, runs, statuses).expect_err("no answer");
            assert_eq!(failure.code, ErrorCode::PermissionMissing);
        }
        assert_eq!(judge(COMMIT, true, checks(&[Failed]), hidden()).expect("a finding").state, ReadinessState::Blocked);
        assert_eq!(judge(COMMIT, true, hidden(), checks(&[Failed])).expect("a finding").state, ReadinessState::Blocked);
    }
}
