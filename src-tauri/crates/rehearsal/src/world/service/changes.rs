//! The changing calls of the service: UpdateService and StopServiceDeployment.

use super::{Rollout, Stage};
use crate::world::{
    World, definition,
    record::{Actor, Op},
    rules::{Breaker, Threshold},
};

/// Members of an UpdateService that the simulator knows. An absent one changes nothing.
#[derive(Clone, Debug, Default)]
pub struct ServiceUpdate {
    /// Revision of the task definition.
    pub revision: Option<u32>,
    /// Whether a deployment starts although nothing changed.
    pub is_forced: bool,
    /// The deployment configuration. It replaces the old one as a whole: the reference does not
    /// promise that members are merged, so a client must not rely on it.
    pub settings: Option<Settings>,
}

/// A whole deployment configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The breaker; `None` when it is off.
    pub breaker: Option<Breaker>,
    /// The threshold of the breaker.
    pub threshold: Threshold,
    /// Percentage of the desired tasks that must serve during a deployment.
    pub minimum_percent: usize,
    /// Percentage of the desired tasks that may exist during a deployment.
    pub maximum_percent: usize,
}

/// Refusal of a change: type and message of the ECS error.
pub type Refusal = (&'static str, String);

impl World {
    /// The deployment configuration of the service.
    #[must_use]
    pub fn settings(&self) -> Settings {
        Settings {
            breaker: self.rules.breaker,
            threshold: self.rules.breaker_threshold,
            minimum_percent: self.rules.minimum_percent,
            maximum_percent: self.rules.maximum_percent,
        }
    }

    /// `UpdateService`. Starts a deployment if the revision is another one, or if it is forced.
    ///
    /// # Errors
    /// A revision that does not exist, and settings of a breaker that is off.
    pub fn update_service(&mut self, update: &ServiceUpdate) -> Result<(), Refusal> {
        let (now, caller) = (self.now_ms, self.record.caller());
        let refused = self.refusal_of(update);
        let op = Op::UpdateService {
            arn: update.revision.map(definition::arn),
            forced: update.is_forced,
            threshold: update.settings.map(|settings| settings.threshold.words()),
        };
        self.record.request(now, refused.as_ref().map(|(_, why)| why.clone()), op);
        if let Some(refused) = refused {
            return Err(refused);
        }
        if let Some(settings) = update.settings {
            self.rules.breaker = settings.breaker;
            self.rules.breaker_threshold = settings.threshold;
            self.rules.minimum_percent = settings.minimum_percent;
            self.rules.maximum_percent = settings.maximum_percent;
            self.changed();
        }
        let current = self.service.deployments.last().map(|primary| primary.revision);
        let revision = update.revision.or(current).unwrap_or(definition::FIRST);
        if update.is_forced || Some(revision) != current {
            let by = if caller.actor == Actor::App { "app" } else { "colleague" };
            self.set_revision(revision, by);
        }
        Ok(())
    }

    fn refusal_of(&self, update: &ServiceUpdate) -> Option<Refusal> {
        let is_known = |revision: &u32| self.definitions().iter().any(|one| one.revision == *revision);
        if update.revision.is_some_and(|revision| !is_known(&revision)) {
            return Some(("ClientException", "Unable to describe task definition.".to_owned()));
        }
        None
    }

    /// `StopServiceDeployment` by ARN. Only `ROLLBACK` is valid, although the API has `ABORT` too.
    ///
    /// # Errors
    /// An unknown deployment, one that is over, another kind, or no completed revision to go back
    /// to.
    pub fn stop_service_deployment(&mut self, arn: &str, kind: &str) -> Result<(), Refusal> {
        let now = self.now_ms;
        let stopped = self.rollback_target(arn, kind);
        let refused = stopped.as_ref().err().map(|(_, why)| why.clone());
        let op = Op::StopDeployment { arn: arn.to_owned(), stop: kind.to_owned() };
        self.record.request(now, refused, op);
        if let Some(deployment) = stopped? {
            if let Some(listed) = self.service.deployments.iter_mut().find(|one| one.id == deployment) {
                listed.rollout = Rollout::Failed;
                "Service deployment was stopped by a request.".clone_into(&mut listed.reason);
            }
            self.roll_back(&deployment, "Service deployment rolled back because of a stop request.");
            self.changed();
        }
        Ok(())
    }

    /// Id of the deployment to roll back; `None` when that is under way already.
    fn rollback_target(&self, arn: &str, kind: &str) -> Result<Option<String>, Refusal> {
        let record = self.service.history.iter().rev().find(|one| one.arn() == arn);
        let Some(record) = record else {
            return Err(("ServiceDeploymentNotFoundException", "Service deployment not found.".to_owned()));
        };
        if kind != "ROLLBACK" {
            return Err(("InvalidParameterException", format!("Stop type {kind} is not supported.")));
        }
        match record.stage {
            Stage::RollbackInProgress => Ok(None),
            Stage::InProgress if self.service.completed == record.revision => {
                Err(("ConflictException", "There is no completed revision to roll back to.".to_owned()))
            }
            Stage::InProgress => Ok(Some(record.deployment.clone())),
            Stage::Successful | Stage::Stopped | Stage::RollbackSuccessful => {
                Err(("ConflictException", "Service deployment is not in a state that can be stopped.".to_owned()))
            }
        }
    }
}
