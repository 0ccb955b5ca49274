//! Stops the deployment of our revision. AWS then puts the revision before it back.

use async_trait::async_trait;
use greenlight_types::{
    Effect, Fact, FactKind, Failure, Observation, PlanInputs, Precondition, Role, RunView, StepId, StepPlan, WayBack,
};

use super::{
    production::Production,
    refusals::foreign_plan,
    register_task_definition::check_account,
    run_facts::{our_revision, recorded_rollback_target, rollback_target},
    service_change::{Rollback, check_again, database_stays, follow_rollback, not_shown, previous_is_known},
};
use crate::{
    ports::{ServiceDeployment, ServiceDeploymentStatus, ServiceSnapshot, StopKind, revision_name},
    rollout_facts::is_rolling_out,
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct StopRollout;

#[async_trait]
impl Step for StopRollout {
    fn id(&self) -> StepId {
        StepId::StopRollout
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::DeployPhaseBegan]
    }
    fn outline(&self, run: &RunView) -> Outline {
        Outline::changes("AWS stops the deployment, and puts the version before it back on every server.")
            .confirmed()
            .setting("Service", &run.profile.aws.service)
            .setting("Cluster", &run.profile.aws.cluster)
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        check_account(cx, &run).await?;
        let (ours, production) = (our_revision(&run)?, Production::read(cx, &run).await?);
        let previous = rollback_target(&production.service, &run, &ours);
        let primary = production.service.primary().filter(|primary| primary.task_definition == ours);
        let record = primary.and(production.record_of_primary()).filter(|record| is_under_way(record));
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::StopRollout {
                service_deployment: record.map(|record| record.arn.clone()).unwrap_or_default(),
                deployment: primary.map(|primary| primary.id.clone()).unwrap_or_default(),
                revision: previous.clone(),
            },
            "Stop the rollout",
            format!("AWS stops putting {} in place and puts the version before it back on every server.", run.version),
        )
        .irreversible()
        .line("AWS stops", revision_name(&ours))
        .line("AWS puts back", revision_name(&previous))
        .precondition(
            "isUnderWay",
            record.is_some(),
            format!("AWS is putting {} in place", run.version),
            match (primary, record) {
                (_, Some(record)) => record.reason.clone(),
                (Some(_), None) => "AWS shows no deployment that can be stopped: use “Roll back”".to_owned(),
                (None, None) => "another version is in charge".to_owned(),
            },
        )
        .preconditions(vec![brings_other_version(&production.service, &ours), previous_is_known(cx, &previous).await?]);
        let draft = database_stays(&run).into_iter().fold(draft, PlanDraft::notice);
        Ok(draft.finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::StopRollout { service_deployment, deployment, revision } = &plan.inputs else {
            return foreign_plan(plan);
        };
        if entry == Entry::Start {
            if let Err(failure) = check_again(cx, self, plan).await {
                return Outcome::Failed(failure);
            }
            if let Err(failure) = cx.ports.services.stop_deployment(service_deployment, StopKind::Rollback).await {
                return failure.into();
            }
        }
        let revision = if revision.is_empty() { &recorded_rollback_target(&cx.run()) } else { revision };
        let stopped = Fact::RolloutStopped { deployment: deployment.clone(), reason: "stopped by this release".into() };
        let back = Rollback { step: self.id(), revision, deployment_before: deployment, facts: vec![stopped] };
        follow_rollback(cx, back).await
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::StopRollout { service_deployment, .. }) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "The rollout was never stopped.".into() };
        };
        let listed = match cx.ports.services.deployments().await {
            Ok(listed) => listed,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        let Some(record) = listed.listed().iter().find(|one| one.arn == *service_deployment) else {
            return Observation::Unknown { why: "AWS does not list the deployment any more".into() };
        };
        let evidence = format!("AWS says about the deployment: {}", record.reason);
        match &record.status {
            // A newer deployment may stop the return to the other revision as well.
            ServiceDeploymentStatus::Stopped if record.has_rollback => Observation::InProgress { evidence },
            ServiceDeploymentStatus::Pending
            | ServiceDeploymentStatus::InProgress
            | ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped => not_shown(cx, self.id(), evidence),
            ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => Observation::InProgress { evidence },
            ServiceDeploymentStatus::Other(word) => {
                Observation::Unknown { why: format!("AWS calls the deployment {word}, which this app does not know") }
            }
        }
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "“Start a new deployment” puts the new version in place once more.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        is_rolling_out(run)
    }
}

/// Precondition: AWS does not put an earlier deployment of our revision back.
fn brings_other_version(service: &ServiceSnapshot, ours: &str) -> Precondition {
    let is_ours = service.completed_before_primary().is_some_and(|one| one.task_definition == ours);
    Precondition {
        id: "bringsOtherVersion".into(),
        passed: !is_ours,
        text: "AWS puts another version back".into(),
        detail: if is_ours {
            format!("AWS would put an earlier deployment of {} back: use “Roll back”", revision_name(ours))
        } else {
            "asked AWS just now".to_owned()
        },
    }
}

fn is_under_way(record: &ServiceDeployment) -> bool {
    matches!(record.status, ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress)
}
