//! Tasks and deployments in the words of ECS. This file holds no rules.

use serde::{Deserialize, Serialize};

/// A task of the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// Last part of the task's ARN.
    pub id: String,
    /// Revision of the task definition.
    pub revision: u32,
    /// Id of the deployment that started the task.
    pub deployment: String,
    /// Time of creation, in ms since 1970.
    pub created_ms: i64,
    /// Current state of the task.
    pub status: Status,
    /// Planned end after a stop request, in ms since 1970.
    pub stops_at: Option<i64>,
    /// Actual end, in ms since 1970.
    pub stopped_ms: Option<i64>,
    /// Reason of the end, as AWS words it.
    pub reason: String,
    /// Exit code of the container.
    pub exit: Option<i32>,
    /// Digest of the pulled image.
    #[serde(default)]
    pub digest: Option<String>,
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// ECS looks for capacity.
    Provisioning,
    /// ECS pulls the image.
    Pending,
    /// The program starts.
    Running,
    /// The task serves.
    Healthy,
    /// The task ended.
    Stopped,
}

impl Task {
    /// Name of the log stream: `prefix/container/taskId`.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("ecs/{}/{}", crate::world::CONTAINER, self.id)
    }

    /// `lastStatus` and `healthStatus` in ECS's words. Without a health check `healthStatus` is
    /// always `UNKNOWN`.
    #[must_use]
    pub fn words(&self, has_health_check: bool) -> (&'static str, &'static str) {
        match self.status {
            Status::Provisioning => ("PROVISIONING", "UNKNOWN"),
            Status::Pending => ("PENDING", "UNKNOWN"),
            Status::Running => ("RUNNING", "UNKNOWN"),
            Status::Healthy if has_health_check => ("RUNNING", "HEALTHY"),
            Status::Healthy => ("RUNNING", "UNKNOWN"),
            Status::Stopped => ("STOPPED", "UNKNOWN"),
        }
    }

    /// `stopCode` in ECS's words; `None` while the task is not ending.
    #[must_use]
    pub fn stop_code(&self) -> Option<&'static str> {
        match (self.stops_at, self.status, self.exit) {
            (Some(_), _, _) => Some("ServiceSchedulerInitiated"),
            (None, Status::Stopped, Some(_)) => Some("EssentialContainerExited"),
            (None, Status::Stopped, None) => Some("TaskFailedToStart"),
            (None, Status::Provisioning | Status::Pending | Status::Running | Status::Healthy, _) => None,
        }
    }

    /// Whether ECS counts the task as running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.status, Status::Running | Status::Healthy)
    }

    /// Whether ECS counts the task as pending.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.status, Status::Provisioning | Status::Pending)
    }
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rollout {
    /// The rollout goes on.
    #[default]
    InProgress,
    /// All tasks are healthy, and no old one is left.
    Completed,
    /// The circuit breaker gave the deployment up.
    Failed,
}

impl Rollout {
    /// ECS's word for the state.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// A deployment of the service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deployment {
    /// Id of the deployment: `ecs-svc/…`.
    pub id: String,
    /// Revision of the task definition.
    pub revision: u32,
    /// Time of creation, in ms since 1970.
    pub created_ms: i64,
    /// Total number of failed tasks.
    pub failed: u32,
    /// Failed tasks since the last healthy one; the circuit breaker counts these.
    #[serde(default)]
    pub failed_in_a_row: u32,
    /// Failed tasks since the last one that reached RUNNING; the back-off counts these.
    #[serde(default)]
    pub never_ran_in_a_row: u32,
    /// Earliest start of the next task, in ms since 1970.
    pub next_start_ms: i64,
    /// State of the rollout.
    #[serde(default)]
    pub rollout: Rollout,
    /// Reason of the state, as AWS words it.
    #[serde(default)]
    pub reason: String,
    /// Digest that the tag resolved to at the first pull (TRAP-T6).
    #[serde(default)]
    pub digest: Option<String>,
}
