//! The service in the words of the engine, from an answer of the SDK.

use aws_sdk_ecs::types;
use greenlight_engine::ports::{
    BreakerThreshold, CircuitBreaker, Deployment, DeploymentAlarms, DeploymentSettings, DeploymentStatus, PortResult,
    RolloutState, ServiceEvent, ServiceSnapshot, ThresholdKind,
};

use crate::aws::{Call, count, timestamp};

/// A service as `call` answered it.
pub(super) fn service(call: Call, service: &types::Service) -> PortResult<ServiceSnapshot> {
    Ok(ServiceSnapshot {
        task_definition: service.task_definition().unwrap_or_default().to_owned(),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        deployments: service.deployments().iter().map(|one| deployment(call, one)).collect::<PortResult<_>>()?,
        settings: service.deployment_configuration().map(settings).unwrap_or_default(),
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

fn settings(set: &types::DeploymentConfiguration) -> DeploymentSettings {
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
