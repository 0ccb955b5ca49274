//! A person starts Prepare or Deploy although the readiness checks found something. Kept as the
//! answer to a question, with the reason.

use greenlight_types::{ErrorCode, Failure, RunEvent, RunState, RunView, StepId};

use super::{Decision, Situation, refuse};
use crate::readiness::last_look::{as_answered, question};

/// Most findings of one answer. The page has fewer checks.
const FINDINGS_MAX: usize = 60;

pub(crate) fn decide(now: &Situation<'_>, findings: &[String], reason: &str) -> Result<Decision, Failure> {
    let (question, step) = question_of(now.view)?;
    let bad = |why: &str| Failure::new(ErrorCode::BadInput, format!("start all the same: {why}"));
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(bad("write down why"));
    }
    if findings.is_empty() || findings.len() > FINDINGS_MAX {
        return Err(bad("name the findings of the checks"));
    }
    let sentences: Vec<String> = findings.iter().map(|finding| as_answered(finding)).collect();
    Ok(Decision::run_event(RunEvent::QuestionAnswered {
        step,
        question: question.to_owned(),
        text: format!("{}.", sentences.join(". ")),
        answer: "anyway".into(),
        label: "Start all the same".into(),
        note: reason.to_owned(),
    }))
}

/// Id of the question, and the first step of the part of the run that starts next.
fn question_of(view: &RunView) -> Result<(&'static str, StepId), Failure> {
    let question = question(view.state).ok_or_else(|| refuse("start all the same: it has started already"))?;
    let step = match view.state {
        RunState::Draft => StepId::MergeBranch,
        RunState::Prepared if view.is_rollback() => StepId::RollBack,
        RunState::Prepared | RunState::Preparing | RunState::Deploying | RunState::Checking | RunState::Ended => {
            StepId::BackUp
        }
    };
    Ok((question, step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{Desk, code, deploying, draft, prepared};

    fn findings() -> Vec<String> {
        vec!["1 of 2 servers serve".into(), "The site answers with an error (503).".into()]
    }

    #[test]
    fn keeps_findings_and_reason_as_an_answer_of_the_next_part() {
        for (view, expected) in [(draft(), StepId::MergeBranch), (prepared(), StepId::BackUp)] {
            let event = decide(&Desk::new(view).now(), &findings(), " known ").expect("kept").only_run_event();
            let RunEvent::QuestionAnswered { step, text, note, .. } = event else { panic!("{event:?}") };
            assert_eq!(text, "1 of 2 servers serve. The site answers with an error (503).");
            assert_eq!((step, note.as_str()), (expected, "known"));
        }
    }

    #[test]
    fn refuses_without_a_reason_without_findings_and_after_the_start() {
        let desk = Desk::new(draft());
        assert_eq!(code(decide(&desk.now(), &findings(), " ")), ErrorCode::BadInput);
        assert_eq!(code(decide(&desk.now(), &[], "known")), ErrorCode::BadInput);
        assert_eq!(code(decide(&desk.now(), &vec![String::new(); 61], "known")), ErrorCode::BadInput);
        assert_eq!(code(decide(&Desk::new(deploying()).now(), &findings(), "known")), ErrorCode::NotAllowedNow);
    }
}
