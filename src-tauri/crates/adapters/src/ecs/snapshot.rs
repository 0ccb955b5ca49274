//! The service in the words of the engine, from an answer of the SDK.

use aws_sdk_ecs::types;
use greenlight_engine::ports::{
    BreakerThreshold, CircuitBreaker, Deployment, DeploymentAlarms, DeploymentController, DeploymentSettings,
    DeploymentStatus, DeploymentStrategy, PortResult, RolloutState, ServiceEvent, ServiceSnapshot, ThresholdKind,
};

use crate::aws::{Call, count, timestamp};

/// A service as `call` answered it.
pub(super) fn service(call: Call, service: &types::Service) -> PortResult<ServiceSnapshot> {
    Ok(ServiceSnapshot {
        task_definition: service.task_definition().unwrap_or_default().to_owned(),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        deployments: service.deployments().iter().map(|one| deployment(call, one)).collect::<PortResult<_>>()?,
        settings: settings(service),
        events: events(service.events()),
    })
}

fn deployment(call: Call, deployment: &types::Deployment) -> PortResult<Deployment> {
    Ok(Deployment {
        id: deployment.id().ok_or_else(|| call.missing("the id of a deployment"))?.to_owned(),
        status: DeploymentStatus::parse(deployment.status().unwrap_or_default()),
        task_definition: deployment.task_definition().unwrap_or_default().to_owned(),
        rollout_state: RolloutState::parse(
            deployment.rollout_state().map_or("", types::DeploymentRolloutState::as_str),
        ),
        rollout_reason: deployment.rollout_state_reason().unwrap_or_default().to_owned(),
        desired: count(deployment.desired_count()),
        running: count(deployment.running_count()),
        pending: count(deployment.pending_count()),
        failed: count(deployment.failed_tasks()),
        created_at: timestamp(deployment.created_at()).ok_or_else(|| call.missing("createdAt of a deployment"))?,
    })
}

fn settings(service: &types::Service) -> DeploymentSettings {
    let configured = service.deployment_configuration().map(configuration).unwrap_or_default();
    DeploymentSettings {
        controller: service
            .deployment_controller()
            .map(|one| DeploymentController::parse(one.r#type().as_str()))
            .unwrap_or_default(),
        load_balancers: u32::try_from(service.load_balancers().len()).unwrap_or(u32::MAX),
        grace_seconds: service.health_check_grace_period_seconds().map(count),
        ..configured
    }
}

fn configuration(set: &types::DeploymentConfiguration) -> DeploymentSettings {
    let last_part = |arn: &str| arn.rsplit([':', '/']).next().unwrap_or(arn).to_owned();
    DeploymentSettings {
        breaker: set.deployment_circuit_breaker().map(breaker),
        minimum_percent: set.minimum_healthy_percent().map(count),
        maximum_percent: set.maximum_percent().map(count),
        bake_minutes: set.bake_time_in_minutes().map(count),
        alarms: set.alarms().map(|alarms| DeploymentAlarms {
            names: alarms.alarm_names().to_vec(),
            is_enabled: alarms.enable(),
            rolls_back: alarms.rollback(),
        }),
        strategy: set.strategy().map(|one| DeploymentStrategy::parse(one.as_str())).unwrap_or_default(),
        hooks: set.lifecycle_hooks().iter().map(|hook| last_part(hook.hook_target_arn().unwrap_or_default())).collect(),
        ..DeploymentSettings::default()
    }
}

fn breaker(set: &types::DeploymentCircuitBreaker) -> CircuitBreaker {
    CircuitBreaker {
        is_enabled: set.enable(),
        rolls_back: set.rollback(),
        threshold: set.threshold_configuration().map_or_else(BreakerThreshold::default, |threshold| BreakerThreshold {
            kind: ThresholdKind::parse(threshold.r#type().as_str()),
            value: count(threshold.value()),
        }),
        // The default of ECS (API reference, `DeploymentCircuitBreaker.resetOnHealthyTask`).
        resets_on_healthy_task: set.reset_on_healthy_task().unwrap_or(true),
    }
}

/// The newest events first. One without id or time says nothing that can be kept.
fn events(all: &[types::ServiceEvent]) -> Vec<ServiceEvent> {
    let mut events: Vec<ServiceEvent> = all
        .iter()
        .filter_map(|event| {
            Some(ServiceEvent {
                id: event.id()?.to_owned(),
                at: timestamp(event.created_at())?,
                message: event.message().unwrap_or_default().to_owned(),
            })
        })
        .collect();
    events.sort_by_key(|one| std::cmp::Reverse(one.at));
    events.truncate(ServiceSnapshot::EVENTS_MAX);
    events
}
