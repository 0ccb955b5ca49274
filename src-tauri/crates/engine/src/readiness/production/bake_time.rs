//! AWS ends a deployment without a bake time.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct BakeTime;

#[async_trait]
impl Check for BakeTime {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::BakeTime
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(subject.reads.service().await?.settings.bake_minutes))
    }
}

fn judge(minutes: Option<u32>) -> Finding {
    match minutes {
        None | Some(0) => Finding::ready("AWS stops the old servers as soon as the new ones serve"),
        Some(minutes) => Finding::choose(
            format!("AWS keeps the old servers for {minutes} min after the change"),
            "Until then the old program may answer on the migrated database.",
        )
        .instruct("Tell the people who watch the site."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_bake_time_is_a_choice() {
        assert_eq!(judge(None).state, ReadinessState::Ready);
        assert_eq!(judge(Some(0)).state, ReadinessState::Ready);
        assert_eq!(judge(Some(10)).state, ReadinessState::Choose);
    }
}
