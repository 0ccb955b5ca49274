//! Applies an observation of the outside world to a step in doubt. Any other step is left
//! unchanged.

use greenlight_types::{Completion, Effect, Failure, Observation, RunEvent, RunState, Status, StepEvent, StepId};

use super::{Decision, Situation, Then, without_effect};
use crate::fold;

pub(crate) fn decide(now: &Situation<'_>, id: StepId, attempt: u32, observed: &Observation) -> Decision {
    let Some(step) = fold::step(now.view, id) else { return Decision::default() };
    let is_doubted = step.status() == Status::InDoubt && step.attempt == attempt;
    if !is_doubted || now.view.state == RunState::Ended {
        return Decision::default();
    }
    let resumed = |evidence: String| Decision {
        events: vec![StepEvent::Resumed { step: id, attempt, evidence }.into()],
        then: Then::Attach { step: id, attempt },
    };
    if step.definition.effect == Effect::None {
        return resumed("Watching changes nothing; it simply goes on.".to_owned());
    }
    match observed {
        Observation::Done { evidence, facts } => {
            let learned = facts.iter().map(|fact| RunEvent::FactLearned { step: id, fact: fact.clone() }.into());
            let (how, evidence) = (Completion::FoundDone, evidence.clone());
            let succeeded = StepEvent::Succeeded { step: id, attempt, how, evidence };
            Decision::events(learned.chain([succeeded.into()]).collect())
        }
        Observation::NotDone { evidence } => {
            let evidence = evidence.clone();
            let reset = StepEvent::Reset { step: id, attempt, evidence, reported_by: None };
            Decision::step_event(without_effect(now.view, reset))
        }
        Observation::InProgress { evidence } => resumed(evidence.clone()),
        Observation::Failed { failure } => {
            let failed = StepEvent::Failed { step: id, attempt, failure: Failure::clone(failure) };
            Decision::step_event(without_effect(now.view, failed))
        }
        Observation::Conflict { .. } | Observation::Unknown { .. } => Decision::default(),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Fact, StepState};

    use super::*;
    use crate::act::test_support::{Desk, deploying, ended, set};

    const STEP: StepId = StepId::DispatchBuild;

    fn doubted(step: StepId) -> Desk {
        Desk::new(set(deploying(), step, StepState::InDoubt { doubt: String::new() }))
    }

    fn not_done() -> Observation {
        Observation::NotDone { evidence: "nothing there".into() }
    }

    #[test]
    fn each_observation_leads_to_its_event() {
        let fact = Fact::MainPublished { commit: "c".into() };
        let done = Observation::Done { evidence: vec!["seen".into()], facts: vec![fact] };
        let decision = decide(&doubted(STEP).now(), STEP, 0, &done);
        assert_eq!(decision.events.len(), 2);
        assert!(matches!(decision.only_step_event(), StepEvent::Succeeded { how: Completion::FoundDone, .. }));
        let decision = decide(&doubted(STEP).now(), STEP, 0, &not_done());
        assert!(matches!(decision.only_step_event(), StepEvent::Reset { reported_by: None, .. }));
        let going_on = Observation::InProgress { evidence: "it runs".into() };
        let decision = decide(&doubted(STEP).now(), STEP, 0, &going_on);
        assert_eq!(decision.then, Then::Attach { step: STEP, attempt: 0 });
        let failure = Failure::new(ErrorCode::WrongCommit, "build this commit");
        let failed = Observation::Failed { failure: Box::new(failure.clone()) };
        let decision = decide(&doubted(STEP).now(), STEP, 0, &failed);
        assert_eq!(decision.only_step_event(), StepEvent::Failed { step: STEP, attempt: 0, failure });
        for open in [Observation::Conflict { what: String::new() }, Observation::Unknown { why: String::new() }] {
            assert_eq!(decide(&doubted(STEP).now(), STEP, 0, &open), Decision::default());
        }
    }

    #[test]
    fn a_watching_step_resumes_after_any_observation() {
        let step = StepId::AwaitRollout;
        let decision = decide(&doubted(step).now(), step, 0, &Observation::Unknown { why: String::new() });
        assert_eq!(decision.then, Then::Attach { step, attempt: 0 });
    }

    #[test]
    fn changes_nothing_for_another_attempt_another_state_or_an_ended_run() {
        assert_eq!(decide(&doubted(STEP).now(), STEP, 1, &not_done()), Decision::default());
        let running = Desk::new(set(deploying(), STEP, StepState::Running));
        assert_eq!(decide(&running.now(), STEP, 0, &not_done()), Decision::default());
        let over = Desk::new(set(ended(), STEP, StepState::InDoubt { doubt: String::new() }));
        assert_eq!(decide(&over.now(), STEP, 0, &not_done()), Decision::default());
    }
}
