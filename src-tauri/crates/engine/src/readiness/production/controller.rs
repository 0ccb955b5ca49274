//! ECS itself replaces the servers, one after another.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{DeploymentController, DeploymentStrategy, PortResult};

pub struct Controller;

#[async_trait]
impl Check for Controller {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Controller
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let settings = subject.reads.service().await?.settings;
        Ok(judge(&settings.controller, &settings.strategy))
    }
}

fn judge(controller: &DeploymentController, strategy: &DeploymentStrategy) -> Finding {
    match (controller, strategy) {
        (DeploymentController::Ecs, DeploymentStrategy::Rolling) => {
            Finding::ready("AWS replaces the servers one after another")
        }
        (DeploymentController::Ecs, DeploymentStrategy::Other(word)) => Finding::choose(
            format!("AWS replaces the servers in another way ({word})"),
            "The app shows servers that are replaced one after another. AWS may move all users at once, and later.",
        )
        .instruct("Ask a developer how production changes, and when the old version stops."),
        (
            DeploymentController::CodeDeploy | DeploymentController::External | DeploymentController::Other(_),
            DeploymentStrategy::Rolling | DeploymentStrategy::Other(_),
        ) => Finding::blocked(
            format!("Another program replaces the servers ({})", controller.word()),
            "The app could neither watch nor stop the change of production.",
        )
        .instruct("Ask a developer whether the profile names the right service."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn only_ecs_can_be_watched() {
        let rolling = DeploymentStrategy::Rolling;
        for (word, state) in [
            ("ECS", ReadinessState::Ready),
            ("CODE_DEPLOY", ReadinessState::Blocked),
            ("EXTERNAL", ReadinessState::Blocked),
            ("MOON", ReadinessState::Blocked),
        ] {
            let found = judge(&DeploymentController::parse(word), &rolling);
            assert_eq!(found.state, state, "{word}");
            assert_eq!(found.sentence.contains(word), state == ReadinessState::Blocked, "{}", found.sentence);
        }
        for word in ["BLUE_GREEN", "CANARY"] {
            let found = judge(&DeploymentController::Ecs, &DeploymentStrategy::parse(word));
            assert_eq!(found.state, ReadinessState::Choose, "{word}");
        }
    }
}
