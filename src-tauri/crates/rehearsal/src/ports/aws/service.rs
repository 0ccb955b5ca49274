//! The service, its tasks and its deployments in the words of the engine. This file holds no rules.

use greenlight_engine::ports::{
    BreakerCount, BreakerStatus, BreakerThreshold, CircuitBreaker, Deployment, DeploymentSettings, DeploymentStatus,
    RolloutState, ServiceDeployment, ServiceDeploymentStatus, ServiceEvent, ServiceSnapshot, StopCode, TaskHealth,
    TaskSnapshot, TaskStatus, ThresholdKind,
};

use super::stamp;
use crate::world::{GRACE_SECONDS, World, definition, service};

pub(super) fn snapshot(world: &World) -> ServiceSnapshot {
    let primary = world.service.deployments.last();
    ServiceSnapshot {
        task_definition: definition::arn(primary.map_or(definition::FIRST, |primary| primary.revision)),
        desired: count(world.rules.desired),
        running: count(world.service.tasks.iter().filter(|task| task.is_running()).count()),
        deployments: world.service.deployments.iter().rev().map(|one| deployment(world, one)).collect(),
        settings: settings(world),
        events: world
            .service
            .events
            .iter()
            .rev()
            .take(ServiceSnapshot::EVENTS_MAX)
            .map(|(at, text)| ServiceEvent { id: service::event_id(*at, text), at: stamp(*at), message: text.clone() })
            .collect(),
    }
}

fn deployment(world: &World, one: &service::Deployment) -> Deployment {
    let tasks = || world.service.tasks.iter().filter(|task| task.deployment == one.id);
    let is_primary = world.service.deployments.last().is_some_and(|primary| primary.id == one.id);
    Deployment {
        id: one.id.clone(),
        status: if is_primary { DeploymentStatus::Primary } else { DeploymentStatus::Active },
        task_definition: definition::arn(one.revision),
        rollout_state: RolloutState::parse(one.rollout.word()),
        rollout_reason: one.reason.clone(),
        desired: count(world.desired_of(one)),
        running: count(tasks().filter(|task| task.is_running()).count()),
        pending: count(tasks().filter(|task| task.is_pending()).count()),
        failed: one.failed,
        created_at: stamp(one.created_ms),
    }
}

fn settings(world: &World) -> DeploymentSettings {
    let threshold = world.rules.breaker_threshold;
    DeploymentSettings {
        breaker: Some(CircuitBreaker {
            is_enabled: world.rules.breaker.is_some(),
            rolls_back: world.rules.breaker.is_some_and(|breaker| breaker.rolls_back),
            threshold: BreakerThreshold { kind: ThresholdKind::parse(threshold.kind_word()), value: threshold.value },
            resets_on_healthy_task: true,
        }),
        minimum_percent: Some(count(world.rules.minimum_percent)),
        maximum_percent: Some(count(world.rules.maximum_percent)),
        bake_minutes: None,
        alarms: None,
        load_balancers: 1,
        grace_seconds: Some(GRACE_SECONDS),
        ..DeploymentSettings::default()
    }
}

pub(super) fn task_snapshot(task: &service::Task, arn: &str, has_health_check: bool) -> TaskSnapshot {
    let (last, health) = task.words(has_health_check);
    TaskSnapshot {
        id: task.id.clone(),
        task_definition: arn.to_owned(),
        last_status: TaskStatus::parse(last),
        health: TaskHealth::parse(health),
        deployment: task.deployment.clone(),
        stop_code: StopCode::parse(task.stop_code().unwrap_or_default()),
        stopped_reason: task.reason.clone(),
        stopped_at: task.stopped_ms.map(stamp),
        exit_code: task.exit,
        image_digest: task.digest.clone().unwrap_or_default(),
        created_at: stamp(task.created_ms),
    }
}

pub(super) fn service_deployment(world: &World, one: &service::ServiceDeployment) -> ServiceDeployment {
    ServiceDeployment {
        arn: one.arn(),
        revision_arn: one.revision_arn(),
        task_definition: one.task_definition(),
        status: ServiceDeploymentStatus::parse(one.stage.word()),
        reason: one.reason.clone(),
        created_at: stamp(one.created_ms),
        started_at: Some(stamp(one.created_ms)),
        finished_at: one.finished_ms.map(stamp),
        has_rollback: one.rollback.is_some(),
        breaker: Some(BreakerCount {
            status: BreakerStatus::parse(one.breaker_word(&world.rules)),
            failures: one.failures,
            threshold: count(world.rules.breaker_limit()),
        }),
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
