//! A health check decides whether a new server serves, and leaves it time to start.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::{DeploymentSettings, PortResult, TaskDefinition};

pub struct HealthChecks;

#[async_trait]
impl Check for HealthChecks {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::HealthChecks
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let settings = subject.reads.service().await?.settings;
        let has_check = has_check(&subject.reads.running().await?, &subject.run.profile.aws.container);
        Ok(judge(&settings, has_check))
    }
}

/// Whether the container has a health check of its own (ECS API, `ContainerDefinition`).
fn has_check(definition: &TaskDefinition, container: &str) -> bool {
    let containers = definition.definition["containerDefinitions"].as_array();
    let ours = containers.into_iter().flatten().find(|one| one["name"] == container);
    ours.is_some_and(|one| one["healthCheck"].is_object())
}

fn judge(settings: &DeploymentSettings, has_check: bool) -> Finding {
    let grace = settings.grace_seconds.filter(|seconds| *seconds > 0);
    match (settings.load_balancers > 0, grace, has_check) {
        (true, Some(seconds), _) => {
            Finding::ready(format!("The load balancer judges a new server after {seconds} s at the earliest"))
        }
        (true, None, _) => Finding::choose(
            "The load balancer judges a new server at once (no grace period)",
            "AWS may stop a new server while it still starts, and start another one, again and again.",
        )
        .instruct("Ask a developer for a grace period that covers the start of the program."),
        (false, _, true) => Finding::ready("The health check of the container decides whether a new server serves"),
        (false, _, false) => Finding::choose(
            "No health check decides whether a new server serves",
            "AWS stops the old servers as soon as the new program runs, even if it does not answer.",
        )
        .instruct("Look at the site yourself during the change, or ask a developer for a health check."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_new_server_needs_time_and_a_judge() {
        for (load_balancers, grace_seconds, has_check, state) in [
            (1, Some(120), true, ReadinessState::Ready),
            (1, Some(120), false, ReadinessState::Ready),
            (1, Some(0), true, ReadinessState::Choose),
            (2, None, true, ReadinessState::Choose),
            (0, None, true, ReadinessState::Ready),
            (0, None, false, ReadinessState::Choose),
        ] {
            let settings = DeploymentSettings { load_balancers, grace_seconds, ..DeploymentSettings::default() };
            assert_eq!(judge(&settings, has_check).state, state, "{load_balancers} {grace_seconds:?} {has_check}");
        }
    }

    #[test]
    fn only_the_check_of_our_container_counts() {
        let definition = |containers: Value| TaskDefinition {
            arn: "arn".into(),
            revision: 1,
            definition: json!({ "containerDefinitions": containers }),
            tags: Value::Null,
            registered: Some(("dev".into(), Timestamp::EPOCH)),
        };
        let check = json!({ "command": ["CMD-SHELL", "true"] });
        assert!(has_check(&definition(json!([{ "name": "web", "healthCheck": check }])), "web"));
        assert!(!has_check(&definition(json!([{ "name": "mail", "healthCheck": check }, { "name": "web" }])), "web"));
        assert!(!has_check(&definition(Value::Null), "web"));
    }
}
