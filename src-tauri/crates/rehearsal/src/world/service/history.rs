//! Service deployments: the record that ECS keeps of each rollout, also after its end.

use serde::{Deserialize, Serialize};

use super::{Deployment, Service};
use crate::world::{CLUSTER, REGION, SERVICE, definition, rules::Rules};

/// Most records kept.
const KEPT_MAX: usize = 100;

/// `status` of a service deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The rollout goes on.
    InProgress,
    /// The rollout completed.
    Successful,
    /// It was superseded, or failed without a rollback.
    Stopped,
    /// ECS puts the last completed revision back.
    RollbackInProgress,
    /// The last completed revision is back.
    RollbackSuccessful,
}

impl Stage {
    /// ECS's word for the stage.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InProgress => "IN_PROGRESS",
            Self::Successful => "SUCCESSFUL",
            Self::Stopped => "STOPPED",
            Self::RollbackInProgress => "ROLLBACK_IN_PROGRESS",
            Self::RollbackSuccessful => "ROLLBACK_SUCCESSFUL",
        }
    }

    fn is_open(self) -> bool {
        matches!(self, Self::InProgress | Self::RollbackInProgress)
    }
}

/// One service deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceDeployment {
    /// Id of the deployment that it started: `ecs-svc/…`.
    pub deployment: String,
    /// Id of the deployment that puts the completed revision back.
    pub rollback: Option<String>,
    /// Revision of the task definition that it brings.
    pub revision: u32,
    /// Time of creation, in ms since 1970.
    pub created_ms: i64,
    /// Time of the end, in ms since 1970.
    pub finished_ms: Option<i64>,
    /// Stage of the rollout.
    pub stage: Stage,
    /// Reason of the stage, as AWS words it.
    pub reason: String,
    /// Failed starts as the breaker counts them.
    pub failures: u32,
    /// Whether the breaker ended it.
    pub has_tripped: bool,
}

impl ServiceDeployment {
    /// Number in the id of the deployment. The service revision has the same.
    fn number(&self) -> &str {
        self.deployment.rsplit('/').next().unwrap_or_default()
    }

    /// ARN of the service deployment.
    #[must_use]
    pub fn arn(&self) -> String {
        let id = crate::world::hex_id(&self.deployment, 21);
        format!("arn:aws:ecs:{REGION}:{}:service-deployment/{CLUSTER}/{SERVICE}/{id}", crate::world::ACCOUNT)
    }

    /// ARN of its target service revision.
    #[must_use]
    pub fn revision_arn(&self) -> String {
        let account = crate::world::ACCOUNT;
        format!("arn:aws:ecs:{REGION}:{account}:service-revision/{CLUSTER}/{SERVICE}/{}", self.number())
    }

    /// ARN of the task definition of that revision.
    #[must_use]
    pub fn task_definition(&self) -> String {
        definition::arn(self.revision)
    }

    /// `status` of the breaker in ECS's words.
    #[must_use]
    pub fn breaker_word(&self, rules: &Rules) -> &'static str {
        match self.stage {
            _ if self.has_tripped => "TRIGGERED",
            _ if rules.breaker.is_none() => "DISABLED",
            Stage::InProgress => "MONITORING",
            Stage::Successful | Stage::Stopped | Stage::RollbackInProgress | Stage::RollbackSuccessful => {
                "MONITORING_COMPLETE"
            }
        }
    }
}

impl Service {
    /// Opens the record of a new deployment, and ends the one that it supersedes.
    pub(super) fn open_record(&mut self, deployment: &str, revision: u32, at_ms: i64) {
        if let Some(last) = self.history.last_mut().filter(|last| last.stage.is_open()) {
            last.stage = Stage::Stopped;
            last.finished_ms = Some(at_ms);
            "Service deployment stopped because a newer service deployment began.".clone_into(&mut last.reason);
        }
        self.history.push(ServiceDeployment {
            deployment: deployment.to_owned(),
            rollback: None,
            revision,
            created_ms: at_ms,
            finished_ms: None,
            stage: Stage::InProgress,
            reason: String::new(),
            failures: 0,
            has_tripped: false,
        });
        let surplus = self.history.len().saturating_sub(KEPT_MAX);
        self.history.drain(..surplus);
    }

    /// Ends the record of a deployment that completed, or that put the completed revision back.
    pub(super) fn close_record(&mut self, deployment: &str, at_ms: i64) {
        let is_of =
            |one: &&mut ServiceDeployment| one.deployment == deployment || one.rollback.as_deref() == Some(deployment);
        let Some(record) = self.history.iter_mut().rev().find(is_of) else { return };
        let is_rollback = record.rollback.is_some();
        record.stage = if is_rollback { Stage::RollbackSuccessful } else { Stage::Successful };
        record.finished_ms = Some(at_ms);
    }

    /// Keeps the counter of the breaker.
    pub(super) fn keep_failures(&mut self, deployment: &Deployment) {
        if let Some(record) = self.history.iter_mut().rev().find(|one| one.deployment == deployment.id) {
            record.failures = deployment.failed_in_a_row;
        }
    }
}
