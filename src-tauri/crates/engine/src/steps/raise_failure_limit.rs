//! Raises the limit of failed starts, so that AWS does not give up before the database is migrated
//! (TRAP-E1, INV-E5). It is put back by a step of its own.

use async_trait::async_trait;
use greenlight_types::{
    Effect, Fact, FactKind, Failure, FailureLimit, LimitInputs, Observation, PlanInputs, Role, RunView, StepId,
    StepPlan, WayBack,
};

use super::{
    production::{Production, migrated_at},
    refusals::foreign_plan,
    register_task_definition::check_account,
    service_change::{breaker, check_again, limit_in_words, not_shown, service},
};
use crate::{
    ports::{BreakerThreshold, ServiceSnapshot},
    step::{Entry, Outcome, Outline, PlanDraft, Step, StepContext},
};

pub struct RaiseFailureLimit;

#[async_trait]
impl Step for RaiseFailureLimit {
    fn id(&self) -> StepId {
        StepId::RaiseFailureLimit
    }
    fn effect(&self) -> Effect {
        Effect::Repeatable
    }
    fn role(&self) -> Role {
        Role::Changing
    }
    fn waits_for(&self) -> &'static [FactKind] {
        &[FactKind::RevisionSaved]
    }
    fn outline(&self, run: &RunView) -> Outline {
        Outline::changes("AWS gives up after more failed starts. No server is started or stopped.")
            .setting("Service", &run.profile.aws.service)
            .setting("Cluster", &run.profile.aws.cluster)
    }

    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure> {
        let run = cx.run();
        check_account(cx, &run).await?;
        let production = Production::read(cx, &run).await?;
        let (before, after) = limits(&production, &run)?;
        let desired = production.service.desired;
        let covers = BreakerThreshold::from(&before).limit(desired) >= BreakerThreshold::from(&after).limit(desired);
        let draft = PlanDraft::new(
            self,
            &run,
            PlanInputs::RaiseFailureLimit(LimitInputs { before: before.clone(), after: after.clone() }),
            "Let AWS wait longer",
            format!(
                "Until the database is migrated, {} cannot start. AWS gives up after a number of failed starts. This raises \
                 that number for {}. Nothing else changes, and no server is started or stopped.",
                run.version, run.profile.aws.service
            ),
        )
        .line("Now AWS gives up after", limit_in_words(&before, desired))
        .line("Then it gives up after", limit_in_words(&after, desired))
        .notice("“Put the limit back” is offered once the release is in place. A release ends only after that.")
        .precondition(
            "hasLimit",
            breaker(&production.service).is_some(),
            "AWS has a limit of failed starts",
            if breaker(&production.service).is_some() { "its circuit breaker is on" } else { "AWS never gives up" },
        )
        .precondition(
            "limitIsLower",
            !covers,
            "The limit is lower than needed",
            limit_in_words(&before, desired),
        );
        Ok(draft.finish())
    }

    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome {
        let PlanInputs::RaiseFailureLimit(inputs) = &plan.inputs else { return foreign_plan(plan) };
        let fact = |now| Fact::FailureLimitRaised { before: inputs.before.clone(), now };
        set_limit(cx, self, plan, entry, inputs, fact).await
    }

    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation {
        let Some(PlanInputs::RaiseFailureLimit(inputs)) = plan.map(|plan| &plan.inputs) else {
            return Observation::NotDone { evidence: "The limit was never raised.".into() };
        };
        let fact = |now| Fact::FailureLimitRaised { before: inputs.before.clone(), now };
        observe_limit(cx, self.id(), inputs, fact).await
    }

    fn way_back(&self, _run: &RunView) -> WayBack {
        WayBack::Harmless { why: "The limit is put back by a step of its own.".into() }
    }

    fn may_choose(&self, run: &RunView) -> bool {
        migrated_at(run).is_none()
    }
}

/// The limit now, and the one that is needed.
fn limits(production: &Production, run: &RunView) -> Result<(FailureLimit, FailureLimit), Failure> {
    Ok((limit_of(&production.service), FailureLimit::from(&production.raised_limit(run)?)))
}

/// The limit of the service. AWS has one even while its breaker is off.
pub(super) fn limit_of(service: &ServiceSnapshot) -> FailureLimit {
    let threshold = service.settings.breaker.as_ref().map(|breaker| breaker.threshold.clone()).unwrap_or_default();
    FailureLimit::from(&threshold)
}

/// Sends a limit once, and proves it by the answer of AWS.
pub(super) async fn set_limit(
    cx: &StepContext,
    step: &dyn Step,
    plan: &StepPlan,
    entry: Entry,
    inputs: &LimitInputs,
    fact: impl Fn(FailureLimit) -> Fact,
) -> Outcome {
    if entry == Entry::Attach {
        return Outcome::Unknown("a change of the limit is never followed, only asked about".into());
    }
    if let Some(evidence) = &plan.already {
        return Outcome::Already { evidence: vec![evidence.clone()], facts: vec![fact(inputs.before.clone())] };
    }
    let wanted = &inputs.after;
    if let Err(failure) = check_again(cx, step, plan).await {
        return Outcome::Failed(failure);
    }
    match cx.ports.services.set_breaker_threshold(&BreakerThreshold::from(wanted)).await {
        Ok(service) if limit_of(&service) == *wanted => Outcome::Succeeded {
            evidence: vec![format!("AWS gives up after {} now.", limit_in_words(wanted, service.desired))],
            facts: vec![fact(wanted.clone())],
        },
        Ok(service) => {
            let shown = limit_in_words(&limit_of(&service), service.desired);
            Outcome::Unknown(format!("AWS accepted the limit and shows another one: {shown}"))
        }
        Err(failure) => failure.into(),
    }
}

/// Asks AWS for its limit after an attempt whose answer was lost.
pub(super) async fn observe_limit(
    cx: &StepContext,
    step: StepId,
    inputs: &LimitInputs,
    fact: impl Fn(FailureLimit) -> Fact,
) -> Observation {
    let service = match service(cx, &cx.run()).await {
        Ok(service) => service,
        Err(failure) => return Observation::Unknown { why: failure.to_string() },
    };
    let now = limit_of(&service);
    let shown = format!("AWS gives up after {} now.", limit_in_words(&now, service.desired));
    if now == inputs.after {
        Observation::Done { evidence: vec![shown], facts: vec![fact(now)] }
    } else if now == inputs.before {
        not_shown(cx, step, shown)
    } else {
        Observation::Conflict { what: format!("{shown} Somebody else set that limit.") }
    }
}
