//! AWS replaces no servers now.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{PortResult, ServiceSnapshot, revision_name};

pub struct NoDeployment;

#[async_trait]
impl Check for NoDeployment {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Deployment
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.reads.service().await?))
    }
}

fn judge(service: &ServiceSnapshot) -> Finding {
    if !service.is_replacing() {
        return Finding::ready("No deployment is under way on AWS");
    }
    let open = service.deployments.iter().filter(|one| !one.is_over());
    let newest = open.max_by_key(|one| one.created_at);
    let revision = newest.map_or("", |one| revision_name(&one.task_definition));
    Finding::choose(
        format!("AWS is putting {revision} in place right now"),
        "Two deployments at once replace each other.",
    )
    .instruct("Wait until it has ended, or ask who started it.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Timestamp};

    use super::*;
    use crate::ports::{Deployment, DeploymentSettings, DeploymentStatus, RolloutState};

    fn service(states: &[(DeploymentStatus, RolloutState)]) -> ServiceSnapshot {
        let deployment = |(status, rollout_state): &(DeploymentStatus, RolloutState)| Deployment {
            id: "ecs-svc/1".into(),
            status: status.clone(),
            task_definition: "arn:aws:ecs:us-east-1:1:task-definition/rally-prod:143".into(),
            rollout_state: rollout_state.clone(),
            rollout_reason: String::new(),
            desired: 2,
            running: 2,
            pending: 0,
            failed: 0,
            created_at: Timestamp::EPOCH,
        };
        ServiceSnapshot {
            task_definition: String::new(),
            desired: 2,
            running: 2,
            deployments: states.iter().map(deployment).collect(),
            settings: DeploymentSettings::default(),
            events: Vec::new(),
        }
    }

    #[test]
    fn a_deployment_under_way_is_named() {
        use DeploymentStatus::{Active, Primary};
        use RolloutState::{Completed, InProgress};
        assert_eq!(judge(&service(&[(Primary, Completed)])).state, ReadinessState::Ready);
        for states in [vec![(Primary, InProgress)], vec![(Primary, Completed), (Active, Completed)]] {
            let found = judge(&service(&states));
            assert_eq!(found.state, ReadinessState::Choose, "{states:?}");
            assert!(found.sentence.contains("rally-prod:143"), "{}", found.sentence);
        }
    }
}
