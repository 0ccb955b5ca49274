//! The main branch and the release branch are on the remote.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct Branches;

#[async_trait]
impl Check for Branches {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Branches
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
        let commits = match &at {
            (Some(base), Some(head)) => Some(subject.reads.commits_between(base, head).await?),
            (None, _) | (_, None) => None,
        };
        Ok(judge(main, branch, at.0.is_some(), commits))
    }
}

fn judge(main: &str, branch: &str, has_main: bool, commits: Option<u32>) -> Finding {
    let missing = |name: &str| {
        Finding::blocked(format!("The branch {name} is not on GitHub"), "Prepare merges the release branch into it.")
            .instruct("Ask a developer whether the branch has another name, or was not pushed.")
    };
    match (has_main, commits) {
        (false, _) => missing(main),
        (true, None) => missing(branch),
        (true, Some(0)) => Finding::later(
            format!("{main} has every commit of {branch} already"),
            "Prepare then only sets the version and the label.",
        ),
        (true, Some(1)) => Finding::ready(format!("{branch} brings 1 commit to {main}")),
        (true, Some(several)) => Finding::ready(format!("{branch} brings {several} commits to {main}")),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn both_branches_have_to_be_there() {
        for (has_main, commits, state) in [
            (true, Some(3), ReadinessState::Ready),
            (true, Some(0), ReadinessState::Later),
            (true, None, ReadinessState::Blocked),
            (false, None, ReadinessState::Blocked),
        ] {
            assert_eq!(judge("master", "v2.1.0", has_main, commits).state, state, "{has_main} {commits:?}");
        }
        assert_eq!(judge("master", "v2.1.0", true, Some(1)).sentence, "v2.1.0 brings 1 commit to master");
        assert!(judge("master", "v2.1.0", true, None).sentence.contains("v2.1.0"));
    }
}
