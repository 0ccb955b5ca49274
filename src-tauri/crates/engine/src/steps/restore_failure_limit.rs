//! Puts the limit of failed starts back to the one of before this release.

use async_trait::async_trait;
use greenlight_types::{
    Effect, ErrorCode, Fact, FactKind, Failure, LimitInputs, Observation, PlanInputs, Role, RunView, StepId, StepPlan,
    WayBack,
};

use super::{
    production::migrated_at,
    raise_failure_limit::{limit_of, observe_limit, set_limit},
    refusals::foreign_plan,
    register_task_definition::check_account,
    service_change::{breaker, limit_in_words, service},
};
use crate::{
    rollout_facts::{has_rolled_back, is_rolling_out, limit_before},
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct RestoreFailureLimit;

#[async_trait]
impl Step for RestoreFailureLimit {
    fn id(&self) -> StepId {
        StepId::RestoreFailureLimit
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::FailureLimitRaised]
    }
    fn outline(&self, run: &RunView) -> Outline {
        Outline::changes("The number of failed starts after which AWS gives up is as before this release.")
            .setting("Service", &run.profile.aws.service)
            .setting("Cluster", &run.profile.aws.cluster)
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        check_account(cx, &run).await?;
        let Some(after) = limit_before(&run).cloned() else {
            return Err(Failure::new(ErrorCode::NotAllowedNow, "put the limit back: this release did not raise it"));
        };
        let service = service(cx, &run).await?;
        let before = limit_of(&service);
        let desired = service.desired;
        let is_back = before == after;
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::RestoreFailureLimit(LimitInputs { before: before.clone(), after: after.clone() }),
            "Put the limit back",
            format!(
                "Sets the limit of failed starts of {} to the value from before this release. Nothing else changes.",
                run.profile.aws.service
            ),
        )
        .line("Now AWS gives up after", limit_in_words(&before, desired))
        .line("Then it gives up after", limit_in_words(&after, desired));
        let draft = if is_rolling_out(&run) {
            draft.notice("The new version is not on every server yet. AWS may give it up after this.")
        } else {
            draft
        };
        Ok(if is_back {
            draft.already(format!("AWS gives up after {} already.", limit_in_words(&after, desired))).finish()
        } else if breaker(&service).is_none() {
            // AWS refuses a limit while its breaker is off, and then the limit has no effect.
            draft.already("Somebody has turned the circuit breaker of AWS off, so no limit counts.").finish()
        } else {
            draft.finish()
        })
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::RestoreFailureLimit(inputs) = &plan.inputs else { return foreign_plan(plan) };
        set_limit(cx, self, plan, entry, inputs, |now| Fact::FailureLimitRestored { now }).await
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::RestoreFailureLimit(inputs)) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "The limit was never put back.".into() };
        };
        observe_limit(cx, self.id(), inputs, |now| Fact::FailureLimitRestored { now }).await
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::NothingToUndo
    }

    fn may_choose(&self, run: &RunView) -> bool {
        limit_before(run).is_some()
    }

    fn is_due(&self, run: &RunView) -> bool {
        let is_in_place = migrated_at(run).is_some() && !is_rolling_out(run);
        limit_before(run).is_some() && (is_in_place || has_rolled_back(run))
    }
}
