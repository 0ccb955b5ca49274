//! Sets the service to the newest revision before ours whose deployment was completed, and follows
//! it until it serves on every server. The database stays as it is (TRAP-E10).

use async_trait::async_trait;
use greenlight_types::{
    DeploymentInputs, Effect, FactKind, Failure, Observation, PlanInputs, Role, RunView, StepId, StepPlan, WayBack,
};

use super::{
    production::Production,
    refusals::foreign_plan,
    register_task_definition::check_account,
    run_facts::{our_revision, restore_target},
    service_change::{Return, check_again, database_stays, follow_return, not_shown, previous_is_known, service},
};
use crate::{
    fold,
    ports::revision_name,
    rollout::Verdict,
    rollout_facts::has_rolled_back,
    step::{Entry, Outcome, PlanDraft, Step, StepContext},
};

pub struct RollBack;

#[async_trait]
impl Step for RollBack {
    fn id(&self) -> StepId {
        StepId::RollBack
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

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        check_account(cx, &run).await?;
        let production = Production::read(cx, &run).await?;
        let previous = restore_target(&production.service, &run, &our_revision(&run)?);
        let primary = production.service.primary();
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::RollBack(DeploymentInputs {
                revision: previous.clone(),
                deployment_before: primary.map(|primary| primary.id.clone()).unwrap_or_default(),
            }),
            "Roll back",
            format!(
                "AWS puts the version before {} back on every server. It starts the old servers first and ends the new ones \
                 then.",
                run.version
            ),
        )
        .irreversible()
        .line("In charge now", primary.map_or("nothing", |primary| revision_name(&primary.task_definition)))
        .line("AWS puts back", revision_name(&previous))
        .preconditions(vec![previous_is_known(cx, &previous).await?]);
        let draft = database_stays(&run).into_iter().fold(draft, PlanDraft::notice);
        if primary.is_none_or(|primary| primary.task_definition != previous) {
            return Ok(draft.finish());
        }
        let name = revision_name(&previous);
        Ok(match production.assess_return(&run, &previous)? {
            Verdict::Done { .. } => draft.already(format!("{name} serves on every server already.")).finish(),
            Verdict::Waiting { .. }
            | Verdict::Began { .. }
            | Verdict::OtherImage { .. }
            | Verdict::WrongRevision { .. }
            | Verdict::Superseded { .. }
            | Verdict::Stopped { .. }
            | Verdict::RolledBack { .. }
            | Verdict::Failed { .. } => {
                draft.follows(format!("AWS is putting {name} back already."), "Follow the way back").finish()
            }
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::RollBack(inputs) = &plan.inputs else { return foreign_plan(plan) };
        if entry == Entry::Start && plan.already.is_none() {
            if let Err(failure) = check_again(cx, self, plan).await {
                return Outcome::Failed(failure);
            }
            if let Err(failure) = cx.ports.services.roll_back_to(&inputs.revision).await {
                return failure.into();
            }
        }
        let DeploymentInputs { revision, deployment_before } = inputs;
        follow_return(cx, Return { step: self.id(), revision, deployment_before, facts: Vec::new() }).await
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::RollBack(inputs)) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "Nothing was rolled back.".into() };
        };
        let service = match service(cx, &cx.run()).await {
            Ok(service) => service,
            Err(failure) => return Observation::Unknown { why: failure.to_string() },
        };
        match service.primary() {
            Some(primary) if primary.task_definition == inputs.revision => Observation::InProgress {
                evidence: format!("AWS is putting {} back.", revision_name(&inputs.revision)),
            },
            Some(primary) if primary.id != inputs.deployment_before => Observation::Conflict {
                what: format!("AWS is putting {} in place", revision_name(&primary.task_definition)),
            },
            Some(_) | None => not_shown(cx, self.id(), "AWS shows no way back.".into()),
        }
    }

    fn roll_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "“Start a new deployment” puts the new version in place once more.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        fold::newest(run, FactKind::DeployPhaseBegan).is_some() && !has_rolled_back(run)
    }
}
