//! The goal of a rollout, and the judgement of one task by it.

use greenlight_types::Timestamp;
use regex::Regex;

use crate::ports::{ServiceDeployments, ServiceSnapshot, TaskHealth, TaskSnapshot, TaskStatus};

/// One look at AWS.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    pub service: &'a ServiceSnapshot,
    pub tasks: &'a [TaskSnapshot],
    pub deployments: &'a ServiceDeployments,
}

/// The goal that a snapshot is judged against.
#[derive(Clone, Copy, Debug)]
pub struct RolloutGoal<'a> {
    /// ARN of our revision.
    pub ours: &'a str,
    /// ARN of the revision that served before. Empty when unknown.
    pub previous: &'a str,
    /// Id of the deployment with our revision that was seen to begin.
    pub deployment: Option<&'a str>,
    /// Id of the deployment that was in charge before the build was started. It is of an earlier
    /// release, also if that one had our revision.
    pub before: Option<&'a str>,
    /// Start of the build of this release. Service deployments from before belong to earlier
    /// attempts (TRAP-E8).
    pub since: Option<Timestamp>,
    /// End of the migration. Before it, a task of ours that runs without a health check is about to
    /// fail.
    pub migrated_at: Option<Timestamp>,
    /// Digest of the image that was built. `None` when unknown.
    pub digest: Option<&'a str>,
    /// Patterns of stop reasons that are expected before the migration.
    pub expected: &'a [Regex],
}

impl RolloutGoal<'_> {
    /// Whether a deployment is the one from before the build. Not once ours was seen to begin.
    pub(super) fn is_from_before(&self, id: &str) -> bool {
        self.deployment.is_none() && self.before == Some(id)
    }
}

/// Whether a task is listed and not stopping.
pub(super) fn is_alive(task: &TaskSnapshot) -> bool {
    matches!(
        task.last_status,
        TaskStatus::Provisioning | TaskStatus::Pending | TaskStatus::Activating | TaskStatus::Running
    )
}

/// Whether a task serves with our revision. Its image is not compared.
pub(super) fn is_new(task: &TaskSnapshot, wanted: &RolloutGoal<'_>) -> bool {
    // Without a health check ECS reports UNKNOWN for ever, also for a program that is about to find
    // the old schema and end.
    let is_well = match task.health {
        TaskHealth::Healthy => true,
        TaskHealth::Unknown => wanted.migrated_at.is_some(),
        TaskHealth::Unhealthy => false,
    };
    task.task_definition == wanted.ours && task.last_status == TaskStatus::Running && is_well
}

/// Whether a task of our revision is known to run another image than the one that was built.
pub(super) fn has_other_image(task: &TaskSnapshot, wanted: &RolloutGoal<'_>) -> bool {
    task.task_definition == wanted.ours
        && !task.image_digest.is_empty()
        && wanted.digest.is_some_and(|digest| digest != task.image_digest)
}
