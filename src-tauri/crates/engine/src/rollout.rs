//! Judges whether the service runs our revision: takes one snapshot of AWS, gives one verdict and
//! one view.
//!
//! Pure: asks nothing, waits for nothing, and keeps no state between two snapshots.

mod goal;
mod history;
mod patience;
#[cfg(test)]
mod tests;
mod view;

use std::collections::BTreeMap;

pub(crate) use goal::is_alive;
pub use goal::{EarlierDeployments, RolloutGoal, Snapshot};
use goal::{has_other_image, is_new};
use greenlight_types::{ServersView, Timestamp};
pub use patience::{Patience, build_needs, migration_needs, patience, raised_limit};
pub use view::{start_failure, stop_reason};

use crate::ports::{
    Deployment, RolloutState, ServiceDeployment, ServiceDeploymentStatus, ServiceDeployments, TaskSnapshot,
    revision_name,
};

/// Result of one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Rollout {
    pub verdict: Verdict,
    /// The servers, for the screen.
    pub view: ServersView,
    /// Ids of the tasks that run our revision and are healthy, sorted.
    pub became_new: Vec<String>,
    /// Reasons for which servers of our deployment did not start, each once with its first task.
    pub failed_starts: BTreeMap<String, String>,
}

/// Progress of the rollout of our revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No deployment uses our revision yet.
    Waiting {
        /// The first condition that is open.
        waits_for: Condition,
    },
    /// A deployment uses our revision and is under way.
    Began {
        /// Id of the ECS deployment.
        deployment: String,
        /// The first condition of "done" that is open.
        waits_for: Condition,
    },
    /// Every server runs our revision, is healthy, and no other deployment is left.
    Done {
        /// Id of the ECS deployment.
        deployment: String,
        /// Number of servers.
        servers: u32,
    },
    /// As `Done`, but a server runs another image than the one that was built (INV-B2, TRAP-T6).
    OtherImage {
        /// Task with the other image.
        task: String,
        /// Digest of that image.
        digest: String,
    },
    /// A new deployment uses a revision that is neither ours nor the one that served when the watch
    /// began (TRAP-T9).
    WrongRevision {
        /// ARN of the revision that it uses.
        arn: String,
    },
    /// Our deployment existed, and a deployment of another revision took over. AWS did not say that
    /// it rolled back.
    Superseded {
        /// Id of the deployment in charge.
        deployment: String,
        /// ARN of its revision.
        arn: String,
        /// Its creation time.
        since: Timestamp,
        /// Its reason in the words of AWS.
        reason: String,
    },
    /// Our deployment was stopped, and its revision is still in charge.
    Stopped {
        /// Reason in the words of AWS.
        reason: String,
    },
    /// Our deployment existed, and AWS put another revision back in charge.
    RolledBack {
        /// Reason in the words of AWS.
        reason: String,
    },
    /// AWS gave our deployment up, and no other one took over.
    Failed {
        /// Reason in the words of AWS.
        reason: String,
    },
}

/// A condition of a finished rollout that is not met yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A deployment with our revision.
    OurDeployment,
    /// AWS wants servers at all.
    WantedServers,
    /// Enough healthy servers of our revision.
    NewServers { ready: u32, of: u32 },
    /// The end of servers of another revision.
    OldServers { left: u32 },
    /// The end of another deployment.
    OtherDeployment { deployment: String, arn: String },
    /// Agreement of the counts of AWS, which may be minutes apart (TRAP-E7).
    SameCounts,
    /// The word of AWS that the deployment is complete.
    Completion,
    /// The end of a rollback that AWS began.
    RollbackEnd,
    /// The end of a stop that was requested.
    StopEnd,
}

impl Condition {
    /// The condition in words, for the activity of a step.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::OurDeployment => "Waiting for AWS to start a deployment of our revision.".to_owned(),
            Self::WantedServers => "AWS wants no server at all. Waiting until it wants one.".to_owned(),
            Self::NewServers { ready, of } => {
                format!("Waiting for healthy servers of the new version: {ready} of {of}.")
            }
            Self::OldServers { left } => format!("Waiting for AWS to end servers of another version: {left} left."),
            Self::OtherDeployment { deployment, arn } => {
                format!("Waiting for the end of another deployment: {deployment} with {}.", revision_name(arn))
            }
            Self::SameCounts => "Waiting until the counts of AWS agree with its list of servers.".to_owned(),
            Self::Completion => "All servers are new. Waiting for AWS to call the deployment complete.".to_owned(),
            Self::RollbackEnd => "AWS is putting another revision back. Waiting for the end of that.".to_owned(),
            Self::StopEnd => "AWS is stopping the deployment. Waiting for the end of that.".to_owned(),
        }
    }
}

/// AWS's record of a deployment that the service lists.
#[must_use]
pub fn record_of<'a>(deployment: &Deployment, deployments: &'a ServiceDeployments) -> Option<&'a ServiceDeployment> {
    history::of(deployment, deployments.listed())
}

/// Judges one snapshot (TRAP-E6 to E9).
///
/// Done means all of: the deployment in charge uses our revision and is COMPLETED, as many tasks
/// run as are wanted, each of them runs our revision and image and is healthy (or has no health
/// check), and no other deployment is left.
#[must_use]
pub fn assess(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>) -> Rollout {
    let is_new = |task: &&TaskSnapshot| is_new(task, wanted) && !has_other_image(task, wanted);
    let mut became_new: Vec<String> = seen.tasks.iter().filter(is_new).map(|task| task.id.clone()).collect();
    became_new.sort();
    let view = view::picture(seen, wanted, became_new.len());
    Rollout { verdict: verdict(seen, wanted), view, became_new, failed_starts: view::reasons(seen, wanted) }
}

fn verdict(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>) -> Verdict {
    let service = seen.service;
    let Some(primary) = service.primary() else { return Verdict::Waiting { waits_for: Condition::OurDeployment } };
    if primary.task_definition != wanted.ours || wanted.is_earlier(&primary.id, primary.created_at) {
        return of_other_primary(seen, wanted, primary);
    }
    let told = history::of(primary, seen.deployments.listed());
    let reason = || history::reason(told, Some(primary), None);
    if primary.rollout_state == RolloutState::Failed {
        return Verdict::Failed { reason: reason() };
    }
    let deployment = primary.id.clone();
    let under_way = |waits_for| Verdict::Began { deployment: deployment.clone(), waits_for };
    match told.map(|told| &told.status) {
        Some(ServiceDeploymentStatus::RollbackFailed) => return Verdict::Failed { reason: reason() },
        Some(ServiceDeploymentStatus::Stopped) if told.is_some_and(|told| told.has_tripped()) => {
            return Verdict::Failed { reason: reason() };
        }
        Some(ServiceDeploymentStatus::Stopped) => {
            // The two answers of AWS are of two moments: a newer deployment has replaced ours.
            let newer = told.and_then(|told| history::newer(told, seen.deployments.listed()));
            return match newer {
                Some(newer) => under_way(Condition::OtherDeployment {
                    deployment: history::deployment_id(newer),
                    arn: newer.task_definition.clone(),
                }),
                None => Verdict::Stopped { reason: reason() },
            };
        }
        Some(ServiceDeploymentStatus::StopRequested) => return under_way(Condition::StopEnd),
        Some(
            ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful,
        ) => return under_way(Condition::RollbackEnd),
        Some(
            ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Other(_),
        )
        | None => {}
    }
    if let Some(waits_for) = open_condition(seen, wanted, primary) {
        return under_way(waits_for);
    }
    match seen.tasks.iter().find(|task| is_alive(task) && has_other_image(task, wanted)) {
        Some(task) => Verdict::OtherImage { task: task.id.clone(), digest: task.image_digest.clone() },
        None => Verdict::Done { deployment, servers: service.desired },
    }
}

/// The verdict while another deployment than ours is in charge.
fn of_other_primary(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>, primary: &Deployment) -> Verdict {
    let (ours, told) = history::ours(seen, wanted);
    if wanted.deployment.is_none() && ours.is_none() && told.is_none() {
        let arn = primary.task_definition.as_str();
        let is_known = wanted.previous.is_empty()
            || arn == wanted.previous
            || Some(arn) == wanted.completed
            || wanted.is_earlier(&primary.id, primary.created_at);
        return if is_known {
            Verdict::Waiting { waits_for: Condition::OurDeployment }
        } else {
            Verdict::WrongRevision { arn: primary.task_definition.clone() }
        };
    }
    // AWS's own record decides. Without it, a failed deployment of ours that is still listed, or
    // the words of the new one, show that AWS put another revision back.
    let is_rolled_back = match told {
        Some(told) => told.status.is_rollback(),
        None => {
            ours.is_some_and(|ours| ours.rollout_state == RolloutState::Failed)
                || primary.rollout_reason.contains("rolling back")
        }
    };
    if is_rolled_back {
        return Verdict::RolledBack { reason: history::reason(told, ours, Some(primary)) };
    }
    Verdict::Superseded {
        deployment: primary.id.clone(),
        arn: primary.task_definition.clone(),
        since: primary.created_at,
        reason: history::reason(None, Some(primary), None),
    }
}

/// The first condition of a finished rollout that is not met. It looks at everything but the
/// images.
fn open_condition(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>, primary: &Deployment) -> Option<Condition> {
    let service = seen.service;
    // A service that wants no task serves no request, so it is never "released".
    if service.desired == 0 {
        return Some(Condition::WantedServers);
    }
    let alive: Vec<&TaskSnapshot> = seen.tasks.iter().filter(|task| is_alive(task)).collect();
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let ready = number(alive.iter().filter(|task| is_new(task, wanted)).count());
    if ready < service.desired {
        return Some(Condition::NewServers { ready, of: service.desired });
    }
    let left = number(alive.iter().filter(|task| task.task_definition != wanted.ours).count());
    if left > 0 {
        return Some(Condition::OldServers { left });
    }
    if let Some(other) = service.deployments.iter().find(|other| other.id != primary.id && !other.is_over()) {
        let (deployment, arn) = (other.id.clone(), other.task_definition.clone());
        return Some(Condition::OtherDeployment { deployment, arn });
    }
    // AWS gives both counts, and they may be minutes apart (TRAP-E7). So the counts of the service,
    // of the deployment and of the listed tasks must agree.
    let counts_agree = service.running == service.desired
        && primary.running == service.desired
        && number(alive.len()) == service.desired
        && service.task_definition == wanted.ours;
    if !counts_agree {
        return Some(Condition::SameCounts);
    }
    (primary.rollout_state != RolloutState::Completed).then_some(Condition::Completion)
}
