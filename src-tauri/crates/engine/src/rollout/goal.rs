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
    /// ARN of the revision that the service was set to before. Empty when unknown.
    pub previous: &'a str,
    /// ARN of the revision that served before, if the rollout of `previous` was not complete. AWS
    /// may put it back.
    pub completed: Option<&'a str>,
    /// Id of the deployment with our revision that was seen to begin.
    pub deployment: Option<&'a str>,
    pub earlier: EarlierDeployments<'a>,
    /// Start of the build of this release. Service deployments from before belong to earlier
    /// attempts (TRAP-E8).
    pub since: Option<Timestamp>,
    /// End of the migration. Before it, a task of ours that runs without a health check is about to
    /// fail.
    pub migrated_at: Option<Timestamp>,
    /// When a person reported a migration as undone. The app does not know the schema that a task
    /// from before that time found.
    pub undone_at: Option<Timestamp>,
    /// Digest of the image that was built. `None` when unknown.
    pub digest: Option<&'a str>,
    /// Patterns of stop reasons that are expected before the migration.
    pub expected: &'a [Regex],
}

/// The deployments from before the build of this release. None of them counts as ours, even with
/// our revision, because an earlier release may have used the same one.
#[derive(Clone, Copy, Debug, Default)]
pub struct EarlierDeployments<'a> {
    /// Ids of those that the service listed when the build was planned.
    pub ids: &'a [String],
    /// Start of a build that was found, by GitHub's clock. This computer's clock may be wrong, so
    /// the time of an order of this release does not count.
    pub until: Option<Timestamp>,
}

impl EarlierDeployments<'_> {
    /// Whether a deployment is one of them.
    #[must_use]
    pub fn contain(&self, id: &str, created_at: Timestamp) -> bool {
        self.ids.iter().any(|one| one == id) || self.until.is_some_and(|until| created_at < until)
    }
}

impl RolloutGoal<'_> {
    /// Whether a deployment is from before the build. The one that was seen to begin is not.
    pub(super) fn is_earlier(&self, id: &str, created_at: Timestamp) -> bool {
        self.deployment != Some(id) && self.earlier.contain(id, created_at)
    }
}

/// Whether a task is listed and not stopping.
pub(crate) fn is_alive(task: &TaskSnapshot) -> bool {
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
