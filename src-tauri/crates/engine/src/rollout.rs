//! Judges whether the service runs our revision: takes one snapshot of AWS, gives one verdict and
//! one view.
//!
//! Pure: asks nothing, waits for nothing, and keeps no state between two snapshots.

#[cfg(test)]
mod tests;

use greenlight_types::{ServerView, ServersView};
use regex::Regex;

use crate::ports::{Deployment, DeploymentStatus, RolloutState, ServiceSnapshot, TaskHealth, TaskSnapshot, TaskStatus};

/// Result of one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    pub verdict: Verdict,
    /// The servers, for the screen.
    pub view: ServersView,
    /// Ids of the tasks that run our revision and are healthy, sorted.
    pub became_new: Vec<String>,
}

/// Progress of the rollout of our revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No deployment uses our revision yet.
    Waiting,
    /// A deployment uses our revision and is under way.
    Began {
        /// Id of the ECS deployment.
        deployment: String,
    },
    /// Every server runs our revision, is healthy, and no other deployment is left.
    Done {
        /// Id of the ECS deployment.
        deployment: String,
        /// Number of servers.
        servers: u32,
    },
    /// A new deployment uses a revision that is neither ours nor the one that served when the watch
    /// began (TRAP-T9).
    WrongRevision {
        /// ARN of the revision that it uses.
        arn: String,
    },
    /// Our deployment existed, and AWS put another revision back in charge.
    RolledBack {
        /// Reason in the words of AWS.
        reason: String,
    },
    /// Our deployment failed, and no other one took over.
    Failed {
        /// Reason in the words of AWS.
        reason: String,
    },
}

/// The goal that a snapshot is judged against.
#[derive(Clone, Copy, Debug)]
pub struct RolloutGoal<'a> {
    /// ARN of our revision.
    pub ours: &'a str,
    /// ARN of the revision that served before. Empty when unknown.
    pub previous: &'a str,
    /// Whether a deployment with our revision was seen before.
    pub has_begun: bool,
    /// Whether the database is migrated. Before that, a task of ours that runs without a health
    /// check is about to fail.
    pub is_migrated: bool,
    /// Patterns of stop reasons that are expected before the migration.
    pub expected: &'a [Regex],
}

/// Judges one snapshot (TRAP-E6, E7 and E9).
///
/// Done means all of: the deployment in charge uses our revision and is COMPLETED, as many tasks
/// run as are wanted, each of them runs our revision and is healthy (or has no health check), and
/// no other deployment is left.
#[must_use]
pub fn assess(service: &ServiceSnapshot, tasks: &[TaskSnapshot], wanted: &RolloutGoal<'_>) -> Rollout {
    let mut became_new: Vec<String> =
        tasks.iter().filter(|task| is_new(task, wanted)).map(|task| task.id.clone()).collect();
    became_new.sort();
    let view = picture(service, tasks, wanted, became_new.len());
    Rollout { verdict: verdict(service, tasks, wanted), view, became_new }
}

fn verdict(service: &ServiceSnapshot, tasks: &[TaskSnapshot], wanted: &RolloutGoal<'_>) -> Verdict {
    let ours = service.deployments.iter().find(|deployment| deployment.task_definition == wanted.ours);
    let Some(primary) = service.primary() else { return Verdict::Waiting };
    if primary.task_definition != wanted.ours {
        if let Some(ours) = ours.filter(|ours| ours.rollout_state == RolloutState::Failed) {
            return Verdict::RolledBack { reason: reason(ours, primary) };
        }
        if wanted.has_begun {
            return Verdict::RolledBack { reason: primary.rollout_reason.clone() };
        }
        let is_known = wanted.previous.is_empty() || primary.task_definition == wanted.previous;
        return if is_known {
            Verdict::Waiting
        } else {
            Verdict::WrongRevision { arn: primary.task_definition.clone() }
        };
    }
    let deployment = primary.id.clone();
    match primary.rollout_state {
        RolloutState::Failed => Verdict::Failed { reason: primary.rollout_reason.clone() },
        RolloutState::Completed if is_settled(service, tasks, wanted, primary) => {
            Verdict::Done { deployment, servers: service.desired }
        }
        RolloutState::Completed | RolloutState::InProgress | RolloutState::NotSent | RolloutState::Other(_) => {
            Verdict::Began { deployment }
        }
    }
}

fn reason(ours: &Deployment, primary: &Deployment) -> String {
    if ours.rollout_reason.is_empty() { primary.rollout_reason.clone() } else { ours.rollout_reason.clone() }
}

fn is_settled(
    service: &ServiceSnapshot,
    tasks: &[TaskSnapshot],
    wanted: &RolloutGoal<'_>,
    primary: &Deployment,
) -> bool {
    let running: Vec<&TaskSnapshot> = tasks.iter().filter(|task| is_alive(task)).collect();
    // AWS gives both counts, and they may be minutes apart (TRAP-E7). So the counts of the service,
    // of the deployment and of the listed tasks must agree. A service that wants no task serves no
    // request, so it is never "released".
    let counts_agree = service.desired > 0
        && service.running == service.desired
        && primary.running == service.desired
        && u32::try_from(running.len()) == Ok(service.desired);
    let is_alone = service.deployments.iter().all(|deployment| {
        deployment.id == primary.id || deployment.status == DeploymentStatus::Inactive && deployment.running == 0
    });
    counts_agree
        && is_alone
        && service.task_definition == wanted.ours
        && running.iter().all(|task| is_new(task, wanted))
}

/// Whether a task is listed and not stopping.
fn is_alive(task: &TaskSnapshot) -> bool {
    matches!(
        task.last_status,
        TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating | TaskStatus::Running
    )
}

fn is_new(task: &TaskSnapshot, wanted: &RolloutGoal<'_>) -> bool {
    // Without a health check ECS reports UNKNOWN for ever, also for a program that is about to find
    // the old schema and end.
    let is_well = match task.health {
        TaskHealth::Healthy => true,
        TaskHealth::Unknown => wanted.is_migrated,
        TaskHealth::Unhealthy => false,
    };
    task.task_definition == wanted.ours && task.last_status == TaskStatus::Running && is_well
}

fn picture(
    service: &ServiceSnapshot,
    tasks: &[TaskSnapshot],
    wanted: &RolloutGoal<'_>,
    new_count: usize,
) -> ServersView {
    let ours = service.deployments.iter().find(|deployment| deployment.task_definition == wanted.ours);
    let mut alive: Vec<&TaskSnapshot> = tasks.iter().filter(|task| is_alive(task)).collect();
    alive.sort_by(|a, b| {
        let key = |task: &TaskSnapshot| (task.task_definition == wanted.ours, task.created_at, task.id.clone());
        key(a).cmp(&key(b))
    });
    let stopped: Vec<&TaskSnapshot> = tasks
        .iter()
        .filter(|task| task.task_definition == wanted.ours && task.last_status == TaskStatus::Stopped)
        .collect();
    let last_reason = stopped.iter().max_by_key(|task| &task.created_at).and_then(|task| stop_reason(task));
    // The count of the deployment leaves out tasks that reached RUNNING (TRAP-E2). The list forgets
    // after an hour (TRAP-E9). The larger number is nearer to the truth.
    let listed = u32::try_from(stopped.len()).unwrap_or(u32::MAX);
    ServersView {
        desired: service.desired,
        new_count: u32::try_from(new_count).unwrap_or(u32::MAX),
        servers: alive.into_iter().map(|task| server(task, wanted)).collect(),
        failed_starts: ours.map_or(0, |deployment| deployment.failed).max(listed),
        failed_starts_allowed: allowed(service),
        is_expected: last_reason.as_deref().is_some_and(|reason| is_expected(reason, wanted.expected)),
        last_reason,
    }
}

/// Failed starts after which AWS gives up: half of the wanted tasks, at least 3, at most 200
/// (TRAP-E1). `None` without a circuit breaker.
fn allowed(service: &ServiceSnapshot) -> Option<u32> {
    service.breaker?.is_enabled.then(|| service.desired.div_ceil(2).clamp(3, 200))
}

fn server(task: &TaskSnapshot, wanted: &RolloutGoal<'_>) -> ServerView {
    let is_ours = task.task_definition == wanted.ours;
    let is_running = task.last_status == TaskStatus::Running;
    let state = match task.health {
        TaskHealth::Healthy | TaskHealth::Unhealthy | TaskHealth::Unknown if !is_running => "starting",
        TaskHealth::Unhealthy => "running, not healthy",
        TaskHealth::Healthy | TaskHealth::Unknown if is_ours && !is_new(task, wanted) => "trying to start",
        TaskHealth::Healthy | TaskHealth::Unknown => "serving",
    };
    ServerView {
        task: task.id.clone(),
        is_new: is_ours,
        version: task.task_definition.rsplit('/').next().unwrap_or_default().to_owned(),
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

/// Whether a stop reason is expected before the migration. A fault that no migration can cure is
/// never expected (TRAP-E9).
#[must_use]
pub fn is_expected(reason: &str, expected: &[Regex]) -> bool {
    const NEVER: [&str; 4] = ["CannotPullContainer", "ResourceInitialization", "OutOfMemory", "unable to place"];
    !NEVER.iter().any(|bad| reason.contains(bad)) && expected.iter().any(|pattern| pattern.is_match(reason))
}
