//! No build of the workflow is under way.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{BuildRun, PortResult};

pub struct BuildUnderWay;

#[async_trait]
impl Check for BuildUnderWay {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::BuildUnderWay
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.reads.builds().await?))
    }
}

fn judge(builds: &[BuildRun]) -> Finding {
    let open: Vec<&BuildRun> = builds.iter().filter(|one| one.status != "completed").collect();
    let Some(first) = open.first() else { return Finding::ready("No build is under way on GitHub") };
    Finding::choose(
        format!("Build {} is under way on GitHub, started by {}", first.number, first.actor),
        "GitHub may hold or cancel a second build, and it may change production.",
    )
    .instruct(format!("Look at it: {}", first.url))
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_build_that_has_not_ended_is_named() {
        let build = |status: &str| BuildRun {
            id: "1".into(),
            number: 87,
            status: status.into(),
            conclusion: None,
            head_sha: "c".into(),
            head_branch: "master".into(),
            event: "push".into(),
            actor: "dev".into(),
            created_at: greenlight_types::Timestamp::EPOCH,
            attempt: 1,
            url: "https://github.com/o/r/actions/runs/1".into(),
        };
        assert_eq!(judge(&[]).state, ReadinessState::Ready);
        assert_eq!(judge(&[build("completed")]).state, ReadinessState::Ready);
        for status in ["queued", "in_progress", "waiting"] {
            let found = judge(&[build("completed"), build(status)]);
            assert_eq!(found.state, ReadinessState::Choose, "{status}");
            assert!(found.sentence.contains("87") && found.sentence.contains("dev"), "{}", found.sentence);
        }
    }
}
