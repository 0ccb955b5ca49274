//! Tasks and deployments as ECS describes them, and its words for their states. No rule is here.

use serde::{Deserialize, Serialize};

/// A task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    /// The last part of its ARN.
    pub id: String,
    /// Revision.
    pub revision: u32,
    /// Deployment that started it.
    pub deployment: String,
    /// When it was created.
    pub created_ms: i64,
    /// State.
    pub status: Status,
    /// When it ends, once it was told to.
    pub stops_at: Option<i64>,
    /// When it ended.
    pub stopped_ms: Option<i64>,
    /// Why, in AWS's words.
    pub reason: String,
    /// Exit code of its container.
    pub exit: Option<i32>,
    /// Digest of the image that it pulled.
    #[serde(default)]
    pub digest: Option<String>,
}

/// State of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Status {
    /// A place is looked for.
    Provisioning,
    /// Its image is pulled.
    Pending,
    /// Its program starts.
    Running,
    /// It serves.
    Healthy,
    /// It ended.
    Stopped,
}

impl Task {
    /// `prefix/container/taskId`.
    #[must_use]
    pub fn stream(&self) -> String {
        format!("ecs/{}/{}", crate::world::CONTAINER, self.id)
    }

    /// `lastStatus` and `healthStatus` in ECS's words. Without a health check ECS says `UNKNOWN` for ever.
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

    /// Whether ECS counts it as running.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.status, Status::Running | Status::Healthy)
    }

    /// Whether ECS counts it as pending.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        matches!(self.status, Status::Provisioning | Status::Pending)
    }
}

/// `rolloutState` of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rollout {
    /// Under way.
    #[default]
    InProgress,
    /// Every task is there and well.
    Completed,
    /// The breaker gave it up.
    Failed,
}

impl Rollout {
    /// ECS's word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
        }
    }
}

/// A deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Deployment {
    /// `ecs-svc/…`.
    pub id: String,
    /// Revision.
    pub revision: u32,
    /// When it was created.
    pub created_ms: i64,
    /// Failed tasks in all.
    pub failed: u32,
    /// Failed tasks since the last healthy one: what the breaker counts.
    #[serde(default)]
    pub failed_in_a_row: u32,
    /// Tasks since the last one that reached RUNNING: what the back-off counts.
    #[serde(default)]
    pub never_ran_in_a_row: u32,
    /// Its next task starts then.
    pub next_start_ms: i64,
    /// How far it is.
    #[serde(default)]
    pub rollout: Rollout,
    /// Why, in AWS's words.
    #[serde(default)]
    pub reason: String,
    /// Digest that its tag led to when its first task was pulled (TRAP-T6).
    #[serde(default)]
    pub digest: Option<String>,
}
