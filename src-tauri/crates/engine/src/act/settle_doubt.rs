//! Settles a step in doubt by the statement of a named person. A job that could still start is
//! revoked first, so that the statement stays true (INV-J3, INV-D5).

use greenlight_types::{Changed, Completion, Effect, ErrorCode, Failure, Retry, StepEvent, StepId};

use super::{Asker, Decision, Order, Report, Situation, cannot_claim, report_done, revoke_job, without_effect};
use crate::{
    doubt::{self, Fenced},
    ports::RevokeReason,
    step::Statement,
    steps,
};

pub(crate) async fn ask(
    asker: &Asker<'_>,
    step: StepId,
    attempt: u32,
    happened: bool,
    mut note: String,
) -> Result<Order, Failure> {
    // Also checked here: a step that is not in doubt yet may be in doubt when the runner decides,
    // and its job would not be revoked.
    doubt::doubted(&asker.view(), step, attempt)?;
    let mut report = if happened { Report::Happened } else { Report::NeverHappened };
    if note.trim().is_empty() {
        return Ok(Order::SettleDoubt { step, attempt, report, note });
    }
    if happened {
        revoke_job::revoke_all(asker, step, &note, RevokeReason::Outside).await?;
    } else {
        let (_, plan) = asker.attempt(step);
        match doubt::fence_for_word(asker.context, step, plan.as_ref()).await? {
            Fenced::Never(known) => note.push_str(&known),
            Fenced::Over => report = Report::Failed,
        }
    }
    Ok(Order::SettleDoubt { step, attempt, report, note })
}

pub(crate) fn decide(
    now: &Situation<'_>,
    id: StepId,
    attempt: u32,
    report: Report,
    note: &str,
) -> Result<Decision, Failure> {
    let step = doubt::doubted(now.view, id, attempt)?;
    if note.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "settle this without a note: say what you looked at and saw"));
    }
    let person = &now.by.person;
    match report {
        Report::Happened => {
            let word = Statement { person, note, at: &now.now };
            let facts = steps::get(id).claim(now.view, step.plan.as_ref(), &word).ok_or_else(cannot_claim)?;
            let how = Completion::SaidBy { note: note.to_owned() };
            Ok(report_done::succeeded(id, attempt, facts, how, format!("{person}: {note}")))
        }
        Report::NeverHappened => {
            let evidence = format!("{person} looked: it did not happen. {note}");
            let reset = StepEvent::Reset { step: id, attempt, evidence, reported_by: Some(person.clone()) };
            Ok(Decision::step_event(without_effect(now.view, reset)))
        }
        Report::Failed => {
            let is_at_most_once = step.definition.effect == Effect::AtMostOnce;
            let failure = Failure::new(ErrorCode::SaidFailed, format!("see its end: {person} looked, {note}"))
                .with("person", person.clone())
                .with("note", note)
                .hint("Call the people named for this step.")
                .changed(Changed::Unknown)
                .retry(if is_at_most_once { Retry::No } else { Retry::Safe });
            let failed = StepEvent::Failed { step: id, attempt, failure };
            Ok(Decision::step_event(without_effect(now.view, failed)))
        }
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{RunView, StepState};

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, set};

    /// The last attempt of a step is in doubt.
    fn doubted(step: StepId) -> RunView {
        set(deploying(), step, StepState::InDoubt { doubt: "no answer".into() })
    }

    fn settle(step: StepId, report: Report) -> Result<Decision, Failure> {
        let view = doubted(step);
        let attempt = crate::fold::step(&view, step).expect("a step").attempt;
        decide(&Desk::new(view).now(), step, attempt, report, "looked at the log")
    }

    #[test]
    fn a_person_can_say_that_a_migration_happened() {
        let decision = settle(StepId::RunMigration, Report::Happened).expect("allowed");
        assert!(matches!(decision.only_step_event(), StepEvent::Succeeded { how: Completion::SaidBy { .. }, .. }));
    }

    #[test]
    fn a_person_cannot_say_that_a_build_happened() {
        assert_eq!(code(settle(StepId::DispatchBuild, Report::Happened)), ErrorCode::NotAllowedNow);
    }

    #[test]
    fn a_reset_names_the_person_who_reported_it() {
        let decision = settle(StepId::DispatchBuild, Report::NeverHappened).expect("allowed");
        let StepEvent::Reset { reported_by, .. } = decision.only_step_event() else { panic!("reset") };
        assert_eq!(reported_by.as_deref(), Some("Lena"));
    }

    #[test]
    fn a_migration_that_is_over_is_never_repeated() {
        let decision = settle(StepId::RunMigration, Report::Failed).expect("allowed");
        let StepEvent::Failed { failure, .. } = decision.only_step_event() else { panic!("failed") };
        assert_eq!(
            (failure.code, failure.changed, failure.retry),
            (ErrorCode::SaidFailed, Changed::Unknown, Retry::No)
        );
    }

    #[test]
    fn a_proved_backup_counts_when_its_repeat_did_not_happen() {
        let decision = settle(StepId::BackUp, Report::NeverHappened).expect("allowed");
        assert!(matches!(decision.only_step_event(), StepEvent::Warned { .. }));
    }

    #[test]
    fn refuses_another_attempt_a_step_without_doubt_and_an_empty_note() {
        let desk = Desk::new(doubted(StepId::RunMigration));
        let refused = |step, attempt, note: &str| code(decide(&desk.now(), step, attempt, Report::Happened, note));
        assert_eq!(refused(StepId::RunMigration, 1, "seen"), ErrorCode::NotAllowedNow);
        assert_eq!(refused(StepId::DispatchBuild, 0, "seen"), ErrorCode::NotAllowedNow);
        assert_eq!(refused(StepId::RunMigration, 0, " "), ErrorCode::BadInput);
    }
}
