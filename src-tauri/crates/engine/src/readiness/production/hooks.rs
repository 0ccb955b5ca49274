//! No function of the owner holds or ends a deployment.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct Hooks;

#[async_trait]
impl Check for Hooks {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Hooks
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.reads.service().await?.settings.hooks))
    }
}

fn judge(hooks: &[String]) -> Finding {
    if hooks.is_empty() {
        return Finding::ready("No function holds a deployment");
    }
    Finding::choose(
        format!("AWS calls functions during a deployment: {}", hooks.join(", ")),
        "Each of them can hold the new version, or end its deployment.",
    )
    .instruct("Ask a developer what they wait for.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_hook_is_a_choice_and_is_named() {
        assert_eq!(judge(&[]).state, ReadinessState::Ready);
        let found = judge(&["smoke-test".into(), "notify".into()]);
        assert_eq!(found.state, ReadinessState::Choose);
        assert!(found.sentence.ends_with("smoke-test, notify"), "{}", found.sentence);
    }
}
