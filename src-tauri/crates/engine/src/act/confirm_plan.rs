//! Confirms the plan of an irreversible step: issues a token for one start of exactly that plan.

use greenlight_types::{Failure, StepId};

use super::{Decision, Situation, Then, not_open, plan_changed, step_of};

pub(crate) fn decide(now: &Situation<'_>, step: StepId, plan_hash: String) -> Result<Decision, Failure> {
    step_of(now.view, step, "confirm")?;
    let plan = now.plans.plan(step, &plan_hash).ok_or_else(plan_changed)?;
    if !plan.is_open() {
        return Err(not_open(plan));
    }
    Ok(Decision { events: Vec::new(), then: Then::IssueToken { step, plan_hash } })
}

#[cfg(test)]
mod tests {
    use greenlight_types::ErrorCode;

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, plan, with_open_precondition, with_question};

    const STEP: StepId = StepId::RunMigration;

    #[test]
    fn issues_a_token_for_the_plan_that_was_shown() {
        let mut desk = Desk::new(deploying());
        desk.plans.keep(plan(STEP, "h1"), 1);
        let decision = decide(&desk.now(), STEP, "h1".into()).expect("allowed");
        assert_eq!(decision.then, Then::IssueToken { step: STEP, plan_hash: "h1".into() });
        assert!(decision.events.is_empty());
    }

    #[test]
    fn refuses_a_step_that_the_run_does_not_have() {
        let mut desk = Desk::new(deploying());
        desk.plans.keep(plan(StepId::StopRollout, "h1"), 1);
        let refused = decide(&desk.now(), StepId::StopRollout, "h1".into()).expect_err("refused");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        assert_eq!(refused.summary, "confirm this step: the run does not have it");
    }

    #[test]
    fn refuses_another_plan_and_one_that_is_not_open() {
        let mut desk = Desk::new(deploying());
        assert_eq!(code(decide(&desk.now(), STEP, "h1".into())), ErrorCode::PlanChanged);
        desk.plans.keep(plan(STEP, "h2"), 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1".into())), ErrorCode::PlanChanged);
        desk.plans.keep(with_open_precondition(plan(STEP, "h1")), 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1".into())), ErrorCode::PreconditionFailed);
        desk.plans.keep(with_question(plan(STEP, "h1")), 1);
        assert_eq!(code(decide(&desk.now(), STEP, "h1".into())), ErrorCode::QuestionOpen);
    }
}
