//! Records that the work of a step was done outside the app. The outside world has to show it. Only
//! a migration, and a backup without a probe, rest on the statement of a named person
//! (docs/releases.md#word-of-a-person).

use greenlight_types::{Completion, ErrorCode, Fact, Failure, Observation, RunEvent, Status, StepEvent, StepId};

use super::{Asker, Decision, Order, Situation, cannot_claim, refuse, revoke_job, step_of};
use crate::{fold, phase::is_active, ports::RevokeReason, step::Statement, steps};

pub(crate) async fn ask(asker: &Asker<'_>, step: StepId, note: String) -> Result<Order, Failure> {
    if note.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "record this without a note: say what was done and seen"));
    }
    let (_, plan) = asker.attempt(step);
    let status = fold::step(&asker.view(), step).map(|step| step.status());
    let observed = if rests_on_word(step, status) {
        revoke_job::revoke_all(asker, step, &note, RevokeReason::Outside).await?;
        None
    } else {
        Some(steps::get(step).observe(asker.context, plan.as_ref()).await)
    };
    Ok(Order::ReportDone { step, note, observed })
}

fn rests_on_word(step: StepId, status: Option<Status>) -> bool {
    matches!(
        (step, status),
        (StepId::RunMigration, Some(Status::AwaitingOperator | Status::Failed | Status::Stopped))
            | (StepId::BackUp, Some(Status::Warned))
    )
}

/// `observed` is absent for a step that rests on a person's statement.
pub(crate) fn decide(
    now: &Situation<'_>,
    id: StepId,
    note: String,
    observed: Option<Observation>,
) -> Result<Decision, Failure> {
    let step = step_of(now.view, id, "record")?;
    if !is_active(now.view.state, id.phase()) || step.status().is_open() {
        return Err(refuse("record this step as done by hand now"));
    }
    let person = &now.by.person;
    let (facts, how, evidence) = match observed {
        Some(Observation::Done { evidence, facts }) => (facts, Completion::ByHand { note }, evidence.join(" ")),
        None => {
            let word = Statement { person, note: &note, at: &now.now };
            let facts = steps::get(id).claim(now.view, step.plan.as_ref(), &word).ok_or_else(cannot_claim)?;
            let evidence = format!("{person}: {note}");
            (facts, Completion::SaidBy { note }, evidence)
        }
        Some(Observation::Failed { failure }) => {
            return Err(refuse("record this step as done: the world does not show it").because(failure.summary));
        }
        Some(
            Observation::NotDone { evidence: why }
            | Observation::InProgress { evidence: why }
            | Observation::Conflict { what: why }
            | Observation::Unknown { why },
        ) => {
            return Err(refuse("record this step as done: the world does not show it").because(why));
        }
    };
    Ok(succeeded(id, step.attempt, facts, how, evidence))
}

/// The events of a step that succeeded: its facts, then the success.
pub(crate) fn succeeded(step: StepId, attempt: u32, facts: Vec<Fact>, how: Completion, evidence: String) -> Decision {
    let learned = facts.into_iter().map(|fact| RunEvent::FactLearned { step, fact }.into());
    let event = StepEvent::Succeeded { step, attempt, how, evidence: vec![evidence] };
    Decision::events(learned.chain([event.into()]).collect())
}

#[cfg(test)]
mod tests {
    use greenlight_types::StepState;

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, prepared, set};

    fn done() -> Option<Observation> {
        Some(Observation::Done { evidence: vec!["seen".into()], facts: Vec::new() })
    }

    fn report(step: StepId, state: StepState, observed: Option<Observation>) -> Result<Decision, Failure> {
        decide(&Desk::new(set(deploying(), step, state)).now(), step, "by hand".into(), observed)
    }

    #[test]
    fn records_work_that_the_world_shows() {
        let decision = report(StepId::DispatchBuild, StepState::AwaitingOperator, done()).expect("allowed");
        let StepEvent::Succeeded { how, evidence, .. } = decision.only_step_event() else { panic!("succeeded") };
        assert_eq!((how, evidence), (Completion::ByHand { note: "by hand".into() }, vec!["seen".to_owned()]));
    }

    #[test]
    fn refuses_work_that_the_world_does_not_show() {
        let why = String::new;
        for observed in [
            Observation::NotDone { evidence: why() },
            Observation::Failed { failure: Box::new(Failure::new(ErrorCode::WrongCommit, "build")) },
            Observation::InProgress { evidence: why() },
            Observation::Conflict { what: why() },
            Observation::Unknown { why: why() },
        ] {
            let refused = report(StepId::DispatchBuild, StepState::AwaitingOperator, Some(observed));
            assert_eq!(code(refused), ErrorCode::NotAllowedNow);
        }
    }

    #[test]
    fn takes_a_word_for_the_migration_and_not_for_a_build() {
        let decision = report(StepId::RunMigration, StepState::AwaitingOperator, None).expect("a word counts");
        assert_eq!(decision.events.len(), 2, "the fact and the end of the step");
        assert_eq!(code(report(StepId::DispatchBuild, StepState::AwaitingOperator, None)), ErrorCode::NotAllowedNow);
    }

    #[test]
    fn refuses_a_step_that_is_under_way_or_outside_its_phase() {
        for state in [StepState::Running, StepState::InDoubt { doubt: String::new() }] {
            assert_eq!(code(report(StepId::DispatchBuild, state, done())), ErrorCode::NotAllowedNow);
        }
        let view = set(prepared(), StepId::DispatchBuild, StepState::AwaitingOperator);
        let refused = decide(&Desk::new(view).now(), StepId::DispatchBuild, "n".into(), done());
        assert_eq!(code(refused), ErrorCode::NotAllowedNow);
    }

    #[test]
    fn a_word_counts_only_where_nothing_can_be_observed() {
        for status in [Status::AwaitingOperator, Status::Failed, Status::Stopped] {
            assert!(rests_on_word(StepId::RunMigration, Some(status)));
        }
        assert!(rests_on_word(StepId::BackUp, Some(Status::Warned)));
        assert!(!rests_on_word(StepId::BackUp, Some(Status::Failed)));
        assert!(!rests_on_word(StepId::RunMigration, Some(Status::Running)));
        assert!(!rests_on_word(StepId::PushTag, Some(Status::AwaitingOperator)));
    }
}
