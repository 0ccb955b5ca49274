//! The servers for the screen, with the failed starts of our revision.

use std::collections::BTreeMap;

use greenlight_types::{ServerView, ServersView, StartFailure};
use regex::Regex;

use super::{
    goal::{RolloutGoal, Snapshot, has_other_image, is_alive, is_new},
    history,
};
use crate::ports::{
    BreakerCount, BreakerStatus, Deployment, ServiceDeployment, ServiceSnapshot, StopCode, TaskHealth, TaskSnapshot,
    TaskStatus, revision_name,
};

pub(super) fn picture(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>, new_count: usize) -> ServersView {
    let service = seen.service;
    let (count, failed) = failed_starts(seen, wanted);
    let mut alive: Vec<&TaskSnapshot> = seen.tasks.iter().filter(|task| is_alive(task)).collect();
    alive.sort_by(|a, b| {
        let key = |task: &TaskSnapshot| (task.task_definition == wanted.ours, task.created_at, task.id.clone());
        key(a).cmp(&key(b))
    });
    let last = failed.iter().max_by_key(|task| (task.stopped_at.unwrap_or(task.created_at), task.created_at));
    // AWS's own counter decides when AWS gives up. Without it: the count of the deployment leaves
    // out tasks that reached RUNNING (TRAP-E2), and the list forgets after an hour (TRAP-E9), so
    // the larger number is nearer to the truth.
    let listed = u32::try_from(failed.len()).unwrap_or(u32::MAX);
    let failed_starts = count.map_or_else(
        || ours(seen, wanted).0.map_or(0, |deployment| deployment.failed).max(listed),
        |breaker| breaker.failures,
    );
    ServersView {
        desired: service.desired,
        new_count: u32::try_from(new_count).unwrap_or(u32::MAX),
        servers: alive.into_iter().map(|task| server(task, wanted)).collect(),
        failed_starts,
        failed_starts_allowed: count.map(|breaker| breaker.threshold).or_else(|| allowed(service)),
        last_reason: last.and_then(|task| stop_reason(task)),
        start_failure: last.map(|task| failure_of(task, wanted)),
    }
}

/// Our deployment, and AWS's record of it. A record of an earlier deployment of the same revision
/// does not count: when AWS puts a revision back, that deployment has no record of its own.
fn ours<'a>(seen: Snapshot<'a>, wanted: &RolloutGoal<'_>) -> (Option<&'a Deployment>, Option<&'a ServiceDeployment>) {
    let is_ours = |one: &&Deployment| one.task_definition == wanted.ours && !wanted.is_earlier(&one.id, one.created_at);
    let primary = seen.service.primary().filter(is_ours);
    let (listed, told) = history::ours(seen, wanted);
    let ours = primary.or(listed);
    let record = match ours {
        Some(ours) => history::of(ours, seen.deployments.listed()),
        None => told,
    };
    (ours, record)
}

/// The failed starts of our deployment: AWS's counter, and the listed tasks that failed by
/// themselves.
pub(super) fn failed_starts<'a>(
    seen: Snapshot<'a>,
    wanted: &RolloutGoal<'_>,
) -> (Option<&'a BreakerCount>, Vec<&'a TaskSnapshot>) {
    let (ours, told) = ours(seen, wanted);
    let count = told.and_then(|told| told.breaker.as_ref()).filter(|breaker| counts(breaker));
    let failed = seen.tasks.iter().filter(|task| is_of(task, ours, wanted) && failed_by_itself(task)).collect();
    (count, failed)
}

/// Reasons for which servers of our deployment did not start, each with its first task.
pub(super) fn reasons(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>) -> BTreeMap<String, String> {
    let (_, mut failed) = failed_starts(seen, wanted);
    failed.sort_by_key(|task| (task.created_at, task.id.clone()));
    let mut reasons = BTreeMap::new();
    for task in failed {
        if let Some(reason) = stop_reason(task) {
            reasons.entry(reason).or_insert_with(|| task.id.clone());
        }
    }
    reasons
}

/// Whether a task belongs to our deployment; without ids, to our revision (TRAP-E8).
fn is_of(task: &TaskSnapshot, ours: Option<&Deployment>, wanted: &RolloutGoal<'_>) -> bool {
    task.task_definition == wanted.ours
        && ours.is_none_or(|ours| task.deployment.is_empty() || task.deployment == ours.id)
}

/// Whether a task ended because of itself, and not because ECS or a person ended it. A failed
/// health check has the stop code of the scheduler and words of its own (ECS Developer Guide,
/// "Stopped tasks error messages").
fn failed_by_itself(task: &TaskSnapshot) -> bool {
    task.last_status == TaskStatus::Stopped
        && match task.stop_code {
            StopCode::TaskFailedToStart | StopCode::EssentialContainerExited => true,
            StopCode::ServiceSchedulerInitiated => task.stopped_reason.starts_with("Task failed"),
            StopCode::NotSent => !task.stopped_reason.starts_with("Scaling activity"),
            StopCode::UserInitiated
            | StopCode::SpotInterruption
            | StopCode::TerminationNotice
            | StopCode::InfrastructureHealth
            | StopCode::Other(_) => false,
        }
}

/// Whether a counter of AWS counts.
fn counts(breaker: &BreakerCount) -> bool {
    breaker.status != BreakerStatus::Disabled && breaker.threshold > 0
}

/// Failed starts after which AWS gives up, by the settings of the service (TRAP-E1). `None` without
/// a circuit breaker.
fn allowed(service: &ServiceSnapshot) -> Option<u32> {
    let breaker = service.settings.breaker.as_ref().filter(|breaker| breaker.is_enabled)?;
    breaker.threshold.limit(service.desired)
}

fn server(task: &TaskSnapshot, wanted: &RolloutGoal<'_>) -> ServerView {
    let is_ours = task.task_definition == wanted.ours;
    let is_running = task.last_status == TaskStatus::Running;
    let state = match task.health {
        TaskHealth::Healthy | TaskHealth::Unhealthy | TaskHealth::Unknown if !is_running => "starting",
        TaskHealth::Unhealthy => "running, not healthy",
        TaskHealth::Healthy | TaskHealth::Unknown if has_other_image(task, wanted) => "running, with another image",
        TaskHealth::Healthy | TaskHealth::Unknown if is_ours && !is_new(task, wanted) => "trying to start",
        TaskHealth::Healthy | TaskHealth::Unknown => "serving",
    };
    ServerView {
        task: task.id.clone(),
        is_new: is_ours,
        version: revision_name(&task.task_definition).to_owned(),
        state: state.to_owned(),
    }
}

/// Why a task stopped, for people: the words of AWS and the exit code.
#[must_use]
pub fn stop_reason(task: &TaskSnapshot) -> Option<String> {
    let reason = task.stopped_reason.trim();
    match (reason.is_empty(), task.exit_code) {
        (true, None) => None,
        (true, Some(code)) => Some(format!("exit code {code}")),
        (false, None) => Some(reason.to_owned()),
        (false, Some(code)) => Some(format!("{reason} (exit code {code})")),
    }
}

/// Classifies the failure of a task. A task that started after the migration finds the new schema,
/// so its failure is never expected. A person judges one from before a restore.
fn failure_of(task: &TaskSnapshot, wanted: &RolloutGoal<'_>) -> StartFailure {
    let met_the_new_schema = wanted.migrated_at.is_some_and(|at| task.created_at >= at);
    let has_not_run = task.stop_code == StopCode::TaskFailedToStart;
    if met_the_new_schema || has_not_run {
        return StartFailure::NeverExpected;
    }
    if wanted.undone_at.is_some_and(|at| task.created_at < at) {
        return StartFailure::NotRecognised;
    }
    start_failure(&stop_reason(task).unwrap_or_default(), wanted.expected)
}

/// Classifies a stop reason from before the migration. A missing package, memory or resource is
/// never expected, because a migration does not provide it (TRAP-E9).
#[must_use]
pub fn start_failure(reason: &str, expected: &[Regex]) -> StartFailure {
    const NEVER: [&str; 8] = [
        "CannotPullContainer",
        "CannotCreateContainer",
        "CannotStartContainer",
        "CannotInspectContainer",
        "ResourceInitialization",
        "OutOfMemory",
        "health checks",
        "unable to place",
    ];
    if NEVER.iter().any(|bad| reason.contains(bad)) {
        StartFailure::NeverExpected
    } else if expected.iter().any(|pattern| pattern.is_match(reason)) {
        StartFailure::Expected
    } else {
        StartFailure::NotRecognised
    }
}
