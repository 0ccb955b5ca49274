//! The release branch and the main branch merge without conflicts.

use async_trait::async_trait;
use greenlight_types::{ErrorCode, ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct MergesCleanly;

#[async_trait]
impl Check for MergesCleanly {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::MergesCleanly
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let (main, branch) = (&subject.run.profile.git.main, &subject.run.names.branch);
        let at = (subject.reads.branch(main).await?, subject.reads.branch(branch).await?);
        let (Some(base), Some(head)) = at else {
            return Ok(Finding::unknown("The merge is not tried", "A branch is not on GitHub."));
        };
        match subject.reads.merge_conflicts(&base, &head).await {
            Ok(conflicts) => Ok(judge(main, branch, &conflicts)),
            Err(failure) if failure.code == ErrorCode::MergeConflict => Ok(unrelated(main, branch)),
            Err(failure) => Err(failure),
        }
    }
}

/// Most names of files in the sentence.
const NAMED: usize = 3;

fn judge(main: &str, branch: &str, conflicts: &[String]) -> Finding {
    if conflicts.is_empty() {
        return Finding::ready(format!("{branch} fits into {main} without conflicts"));
    }
    let named: Vec<&str> = conflicts.iter().take(NAMED).map(String::as_str).collect();
    let more = conflicts.len() - named.len();
    let and_more = if more == 0 { String::new() } else { format!(" and {more} more") };
    Finding::blocked(
        format!("{branch} does not fit into {main}: the same lines changed in {}{and_more}", named.join(", ")),
        "Prepare would stop at the merge.",
    )
    .instruct(format!("Ask a developer to merge {main} into {branch} and to push it."))
}

fn unrelated(main: &str, branch: &str) -> Finding {
    Finding::blocked(format!("{branch} and {main} have no commit in common"), "Prepare would stop at the merge.")
        .instruct("Ask a developer whether one of the branches was started anew.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_conflict_blocks_and_names_its_files() {
        assert_eq!(judge("master", "v2.1.0", &[]).state, ReadinessState::Ready);
        for (count, ending) in [(1, "a0"), (3, "a2"), (5, "a2 and 2 more")] {
            let files: Vec<String> = (0..count).map(|number| format!("a{number}")).collect();
            let found = judge("master", "v2.1.0", &files);
            assert_eq!(found.state, ReadinessState::Blocked, "{count}");
            assert!(found.sentence.ends_with(ending), "{}", found.sentence);
        }
        assert_eq!(unrelated("master", "v2.1.0").state, ReadinessState::Blocked);
    }
}
