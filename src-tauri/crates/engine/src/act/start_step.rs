//! Starts a step. `ask` makes sure that this run still owns the environment lock. `decide` checks
//! the rest without the outside world, and records the attempt.

use greenlight_types::{
    ErrorCode, Failure, Phase, Retry, Role, RunView, StepEvent, StepId, StepPlan, StepState, StepView,
};

use super::{Asker, Decision, Order, Situation, Then, not_open, plan_changed, refuse, step_of};
use crate::{
    env_lock,
    phase::{is_active, is_choosable, is_ready},
    steps,
};

pub(crate) async fn ask(
    asker: &Asker<'_>,
    step: StepId,
    plan_hash: String,
    token: Option<String>,
) -> Result<Order, Failure> {
    step_of(&asker.view(), step, "run")?;
    if step.phase() == Phase::Deploy {
        env_lock::ensure_owned_for(asker.context, step).await?;
    }
    Ok(Order::StartStep { step, plan_hash, token })
}

pub(crate) fn decide(
    now: &Situation<'_>,
    id: StepId,
    plan_hash: &str,
    token: Option<&str>,
) -> Result<Decision, Failure> {
    let view = now.view;
    let step = step_of(view, id, "run")?;
    if !is_active(view.state, id.phase()) {
        return Err(refuse("run this step before its part of the run has started"));
    }
    may_start(view, step)?;
    refuse_second(view)?;
    if !is_ready(view, id) {
        return Err(refuse("run this step: it still waits for an earlier one"));
    }
    let plan = now.plans.plan(id, plan_hash).ok_or_else(plan_changed)?;
    let is_done_already = plan.already.is_some();
    if !is_done_already && !plan.is_open() {
        return Err(not_open(plan));
    }
    if plan.irreversible && !is_done_already && !token.is_some_and(|token| now.plans.confirms(token, id, plan_hash)) {
        return Err(Failure::new(ErrorCode::NotConfirmed, "run this step: it was not confirmed")
            .hint("Press the button again and confirm what is shown."));
    }
    Ok(started(id, step.attempt + 1, plan.clone()))
}

/// The decision to start an attempt.
pub(crate) fn started(step: StepId, attempt: u32, plan: StepPlan) -> Decision {
    let event = StepEvent::Started { step, attempt, plan: Box::new(plan.clone()) };
    Decision { events: vec![event.into()], then: Then::Start { step, attempt, plan: Box::new(plan) } }
}

/// Refuses a second changing step. The checks of the site are answered one by one and exclude
/// nothing.
fn refuse_second(view: &RunView) -> Result<(), Failure> {
    let other = view.steps.iter().find(|other| {
        other.definition.role == Role::Changing && other.status().is_open() && other.definition.id != StepId::CheckSite
    });
    match other {
        Some(other) => {
            Err(refuse(&format!("run two steps at once: \u{201c}{}\u{201d} is under way", other.definition.title)))
        }
        None => Ok(()),
    }
}

/// Whether the state of a step allows a start. A step with the effect "at most once" starts again
/// only if its failure is safe to repeat.
fn may_start(run: &RunView, step: &StepView) -> Result<(), Failure> {
    let may_repeat = || steps::get(step.definition.id).may_repeat(run);
    match &step.state {
        StepState::AwaitingOperator => Ok(()),
        _ if is_choosable(run, step) => Ok(()),
        StepState::Succeeded { .. } | StepState::Warned { .. } if may_repeat() => Ok(()),
        StepState::Failed { failure, .. } if failure.retry == Retry::No => {
            Err(refuse("try this step again: it must not be repeated").because(failure.summary.clone()))
        }
        StepState::Failed { .. } => Ok(()),
        StepState::Running | StepState::InDoubt { .. } => Err(refuse("run this step: it is under way, or in doubt")),
        StepState::Succeeded { .. } | StepState::Skipped { .. } => Err(refuse("run this step: it is done")),
        StepState::Warned { .. } => Err(refuse("run this step: it is done, with something to know")),
        StepState::NotStarted => Err(refuse("run this step: it still waits for an earlier one")),
        StepState::Stopped { .. } => Err(refuse("run this step: it was stopped")),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Completion, Timestamp};

    use super::*;
    use crate::act::test_support::{
        Desk, code, deploying, plan, prepared, set, with_open_precondition, with_question, without_facts,
    };

    const STEP: StepId = StepId::DispatchBuild;
    const AT: Timestamp = Timestamp::EPOCH;

    /// A run in Deploy whose build waits for its button, with the plan `h1` shown.
    fn waiting() -> Desk {
        let mut desk = Desk::new(set(deploying(), STEP, StepState::AwaitingOperator));
        desk.plans.keep(plan(STEP, "h1"), 1);
        desk
    }

    fn failed(retry: Retry) -> StepState {
        StepState::Failed { ended_at: AT, failure: Failure::new(ErrorCode::ScriptFailed, "run").retry(retry) }
    }

    fn succeeded() -> StepState {
        StepState::Succeeded { ended_at: AT, how: Completion::Did, evidence: Vec::new() }
    }

    #[test]
    fn records_the_next_attempt_with_the_plan_that_was_shown() {
        let decision = decide(&waiting().now(), STEP, "h1", None).expect("allowed");
        let StepEvent::Started { attempt, plan: recorded, .. } = decision.only_step_event() else { panic!("started") };
        assert_eq!((attempt, recorded.hash.as_str()), (1, "h1"));
        assert!(matches!(decision.then, Then::Start { attempt: 1, .. }));
    }

    #[test]
    fn starts_only_from_the_states_that_allow_it() {
        let cases = [
            (StepState::AwaitingOperator, true),
            (failed(Retry::Safe), true),
            (failed(Retry::AfterObserve), true),
            (failed(Retry::No), false),
            (StepState::NotStarted, false),
            (StepState::Running, false),
            (StepState::InDoubt { doubt: String::new() }, false),
            (succeeded(), false),
            (StepState::Warned { ended_at: AT, evidence: Vec::new(), warning: String::new() }, false),
            (StepState::Skipped { ended_at: AT, person: String::new(), warning: String::new() }, false),
            (StepState::Stopped { ended_at: AT, warning: String::new() }, false),
        ];
        for (state, expected) in cases {
            let mut desk = waiting();
            desk.view = set(desk.view, STEP, state.clone());
            assert_eq!(decide(&desk.now(), STEP, "h1", None).is_ok(), expected, "{state:?}");
        }
    }

    #[test]
    fn refuses_a_step_outside_its_phase_or_without_its_facts() {
        let mut desk = waiting();
        desk.view = set(prepared(), STEP, StepState::AwaitingOperator);
        assert_eq!(code(decide(&desk.now(), STEP, "h1", None)), ErrorCode::NotAllowedNow);
        let mut desk = waiting();
        desk.view = without_facts(desk.view);
        assert_eq!(code(decide(&desk.now(), STEP, "h1", None)), ErrorCode::NotAllowedNow);
    }

    #[test]
    fn refuses_a_step_that_the_run_does_not_have() {
        let mut desk = waiting();
        desk.plans.keep(plan(StepId::StopRollout, "h1"), 1);
        let refused = decide(&desk.now(), StepId::StopRollout, "h1", None).expect_err("refused");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        assert_eq!(refused.summary, "run this step: the run does not have it");
    }

    #[test]
    fn refuses_a_second_changing_step() {
        let mut desk = waiting();
        for state in [StepState::Running, StepState::InDoubt { doubt: String::new() }] {
            desk.view = set(desk.view, StepId::BackUp, state);
            assert_eq!(code(decide(&desk.now(), STEP, "h1", None)), ErrorCode::NotAllowedNow);
        }
        desk.view = set(desk.view, StepId::BackUp, succeeded());
        assert!(decide(&desk.now(), STEP, "h1", None).is_ok());
    }

    #[test]
    fn refuses_a_stale_plan_and_one_not_ready() {
        let mut desk = waiting();
        assert_eq!(code(decide(&desk.now(), STEP, "h0", None)), ErrorCode::PlanChanged);
        desk.plans.keep(with_open_precondition(plan(STEP, "h1")), 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1", None)), ErrorCode::PreconditionFailed);
        desk.plans.keep(with_question(plan(STEP, "h1")), 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1", None)), ErrorCode::QuestionOpen);
    }

    #[test]
    fn a_slow_plan_from_before_the_answer_does_not_open_the_question_again() {
        let mut desk = waiting();
        desk.plans.keep(plan(STEP, "h1"), 8);
        desk.plans.keep(with_question(plan(STEP, "h1")), 7);
        assert!(decide(&desk.now(), STEP, "h1", None).is_ok());
    }

    #[test]
    fn an_irreversible_step_needs_the_token_of_exactly_this_plan() {
        let mut desk = waiting();
        desk.plans.keep(StepPlan { irreversible: true, ..plan(STEP, "h1") }, 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1", None)), ErrorCode::NotConfirmed);
        desk.plans.issue("t0".into(), StepId::RunMigration, "h1".into());
        assert_eq!(code(decide(&desk.now(), STEP, "h1", Some("t0"))), ErrorCode::NotConfirmed);
        desk.plans.issue("t1".into(), STEP, "h1".into());
        assert!(decide(&desk.now(), STEP, "h1", Some("t1")).is_ok());
        desk.plans.issue("t2".into(), STEP, "h1".into());
        assert_eq!(
            code(decide(&desk.now(), STEP, "h1", Some("t1"))),
            ErrorCode::NotConfirmed,
            "only the newest counts"
        );
    }

    #[test]
    fn a_confirmation_outlives_the_same_plan_and_not_another() {
        let mut desk = waiting();
        let irreversible = |hash: &str| StepPlan { irreversible: true, ..plan(STEP, hash) };
        desk.plans.keep(irreversible("h1"), 1);
        desk.plans.issue("t".into(), STEP, "h1".into());
        desk.plans.keep(irreversible("h1"), 1);
        assert!(decide(&desk.now(), STEP, "h1", Some("t")).is_ok());
        desk.plans.keep(irreversible("h2"), 1);
        desk.plans.keep(irreversible("h1"), 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1", Some("t"))), ErrorCode::NotConfirmed);
    }

    #[test]
    fn work_that_is_done_already_needs_no_confirmation() {
        let mut desk = waiting();
        let done = StepPlan { irreversible: true, already: Some("seen".into()), ..plan(STEP, "h1") };
        desk.plans.keep(with_open_precondition(done), 1);
        assert!(decide(&desk.now(), STEP, "h1", None).is_ok());
    }
}
