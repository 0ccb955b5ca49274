//! No alarm of AWS ends a deployment.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{DeploymentAlarms, PortResult};

pub struct Alarms;

#[async_trait]
impl Check for Alarms {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Alarms
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(subject.reads.service().await?.settings.alarms.as_ref()))
    }
}

fn judge(alarms: Option<&DeploymentAlarms>) -> Finding {
    match alarms.filter(|alarms| alarms.is_enabled) {
        None => Finding::ready("No alarm ends a deployment"),
        Some(alarms) => Finding::choose(
            format!("Alarms can end a deployment: {}", alarms.names.join(", ")),
            if alarms.rolls_back {
                "If one rings while the new version fails to start, AWS puts the old version back."
            } else {
                "If one rings while the new version fails to start, AWS stops the deployment."
            },
        )
        .instruct("Ask a developer whether they ring during a release."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn alarms_that_are_on_are_a_choice() {
        let alarms = |is_enabled| DeploymentAlarms { names: vec!["5xx".into()], is_enabled, rolls_back: true };
        assert_eq!(judge(None).state, ReadinessState::Ready);
        assert_eq!(judge(Some(&alarms(false))).state, ReadinessState::Ready);
        let on = judge(Some(&alarms(true)));
        assert_eq!(on.state, ReadinessState::Choose);
        assert!(on.sentence.ends_with("5xx"), "{}", on.sentence);
    }
}
