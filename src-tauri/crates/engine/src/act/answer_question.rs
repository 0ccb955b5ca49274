//! Answers the question of a plan. Stores the id of the answer, and the label that the person saw.
//! An answer about a step in doubt may end the doubt, so the outside world is asked again.

use greenlight_types::{ErrorCode, Failure, RunEvent, Status, StepId};

use super::{Decision, Situation, Then, plan_changed};
use crate::fold;

pub(crate) fn decide(
    now: &Situation<'_>,
    step: StepId,
    question: String,
    answer: String,
    note: String,
) -> Result<Decision, Failure> {
    let asked = now.plans.newest(step).and_then(|plan| plan.question.as_ref()).filter(|asked| asked.id == question);
    let asked = asked.ok_or_else(plan_changed)?;
    let bad = |why: &str| Failure::new(ErrorCode::BadInput, format!("take this answer{why}"));
    let option = asked.options.iter().find(|option| option.id == answer);
    let label = option.ok_or_else(|| bad(": the question does not offer it"))?.label.clone();
    if asked.needs_note && note.trim().is_empty() {
        return Err(bad(" without a note: say why"));
    }
    let text = asked.text.clone();
    let doubted = fold::step(now.view, step).filter(|step| step.status() == Status::InDoubt);
    let then = doubted.map_or(Then::Nothing, |doubted| Then::Ask { step, attempt: doubted.attempt });
    let answered = RunEvent::QuestionAnswered { step, question, text, answer, label, note };
    Ok(Decision { then, ..Decision::run_event(answered) })
}

#[cfg(test)]
mod tests {
    use greenlight_types::StepState;

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, plan, set, with_question};

    const STEP: StepId = StepId::DispatchBuild;

    fn answer(question: &str, answer: &str, note: &str) -> Result<Decision, Failure> {
        let mut desk = Desk::new(deploying());
        desk.plans.keep(with_question(plan(STEP, "h1")), 1);
        decide(&desk.now(), STEP, question.into(), answer.into(), note.into())
    }

    #[test]
    fn stores_the_label_beside_the_id() {
        let decision = answer("q", "yes", "because").expect("allowed");
        let RunEvent::QuestionAnswered { text, answer, label, .. } = decision.only_run_event() else {
            panic!("answer")
        };
        assert_eq!((text.as_str(), answer.as_str(), label.as_str()), ("Really?", "yes", "Yes, really"));
    }

    #[test]
    fn refuses_another_question_an_unknown_answer_and_a_missing_note() {
        assert_eq!(code(answer("p", "yes", "because")), ErrorCode::PlanChanged);
        assert_eq!(code(answer("q", "maybe", "because")), ErrorCode::BadInput);
        assert_eq!(code(answer("q", "yes", " ")), ErrorCode::BadInput);
    }

    #[test]
    fn an_answer_about_a_doubt_asks_the_world_again() {
        let mut desk = Desk::new(set(deploying(), STEP, StepState::InDoubt { doubt: String::new() }));
        desk.plans.keep(with_question(plan(STEP, "h1")), 1);
        let decision = decide(&desk.now(), STEP, "q".into(), "yes".into(), "because".into()).expect("allowed");
        assert_eq!(decision.then, Then::Ask { step: STEP, attempt: 0 });
        let decision = answer("q", "yes", "because").expect("allowed");
        assert_eq!(decision.then, Then::Nothing);
    }
}
