//! Leaves a step out, with the reason of a named person: the migration, because this release has
//! none; or the backup, where the profile allows it. Jobs of the migration that could still start
//! are revoked first, so that the app never starts them afterwards (INV-D2, INV-D5).

use greenlight_types::{ErrorCode, Failure, RunView, StepEvent, StepId};

use super::{Asker, Decision, Order, Situation, refuse, revoke_job};
use crate::{
    fold,
    phase::may_skip,
    ports::{JobStatus, RevokeReason},
    steps::migration::attempts,
};

pub(crate) async fn ask(asker: &Asker<'_>, step: StepId, mut note: String) -> Result<Order, Failure> {
    let view = asker.view();
    check(&view, step, &note)?;
    match revoke(asker, step, &note).await {
        Ok(()) => {}
        Err(failure) if is_refusal(failure.code) => return Err(failure),
        // No order of this run is on its way in these states, so nothing can start it later.
        Err(failure) => note.push_str(&format!(" The staging machine could not be asked ({failure}).")),
    }
    Ok(Order::SkipStep { step, note })
}

async fn revoke(asker: &Asker<'_>, step: StepId, note: &str) -> Result<(), Failure> {
    if step == StepId::RunMigration
        && let Some(JobStatus { id: job, .. }) = attempts::started(asker.context).await?
    {
        return Err(Failure::new(
            ErrorCode::MigrationStarted,
            format!("leave the migration out: {job} started on the staging machine"),
        )
        .with("job", job)
        .hint("Look at the plan of the step: the app follows that job to its end."));
    }
    // Not `Outside`: nothing was migrated, so a later release of this version may migrate.
    revoke_job::revoke_all(asker, step, note, RevokeReason::Expired).await
}

/// Whether a failure is the answer of the machine or of the journal, and not the absence of one.
fn is_refusal(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::MigrationStarted | ErrorCode::NotAllowedNow | ErrorCode::JournalFailed)
}

fn check(view: &RunView, id: StepId, note: &str) -> Result<(), Failure> {
    if !fold::step(view, id).is_some_and(|step| may_skip(view, step)) {
        return Err(refuse("leave this step out now"));
    }
    if note.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "leave this step out without a note: say how you know"));
    }
    Ok(())
}

pub(crate) fn decide(now: &Situation<'_>, id: StepId, note: String) -> Result<Decision, Failure> {
    check(now.view, id, &note)?;
    Ok(Decision::step_event(StepEvent::Skipped { step: id, note }))
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Completion, Retry, StepState, StepView, Timestamp};

    use super::*;
    use crate::act::test_support::{Desk, checking, code, deploying, prepared, set, with_migration_job};

    const STEP: StepId = StepId::RunMigration;
    const AT: Timestamp = Timestamp::EPOCH;

    fn failed(code: ErrorCode, retry: Retry) -> StepState {
        StepState::Failed { ended_at: AT, failure: Failure::new(code, "migrate").retry(retry) }
    }

    fn skip(state: StepState) -> Result<Decision, Failure> {
        let view = with_migration_job(set(deploying(), STEP, state), "a1");
        decide(&Desk::new(view).now(), STEP, "only texts changed".into())
    }

    #[test]
    fn a_migration_that_never_started_may_be_left_out() {
        let cases = [
            (StepState::NotStarted, true),
            (StepState::AwaitingOperator, true),
            (failed(ErrorCode::PreconditionFailed, Retry::Safe), true),
            (failed(ErrorCode::JobConflict, Retry::No), true),
            (failed(ErrorCode::ScriptFailed, Retry::No), false),
            (failed(ErrorCode::DatabaseUnchanged, Retry::No), false),
            (failed(ErrorCode::SaidFailed, Retry::No), false),
            (StepState::Running, false),
            (StepState::InDoubt { doubt: String::new() }, false),
            (StepState::Succeeded { ended_at: AT, how: Completion::Did, evidence: Vec::new() }, false),
            (StepState::Skipped { ended_at: AT, person: String::new(), warning: String::new() }, false),
            (StepState::Stopped { ended_at: AT, warning: String::new() }, false),
        ];
        for (state, is_allowed) in cases {
            assert_eq!(skip(state.clone()).is_ok(), is_allowed, "{state:?}");
        }
    }

    #[test]
    fn records_the_note_and_needs_one() {
        let decision = skip(StepState::AwaitingOperator).expect("allowed");
        let StepEvent::Skipped { step, note } = decision.only_step_event() else { panic!("skipped") };
        assert_eq!((step, note.as_str()), (STEP, "only texts changed"));
        let desk = Desk::new(set(deploying(), STEP, StepState::AwaitingOperator));
        assert_eq!(code(decide(&desk.now(), STEP, " ".into())), ErrorCode::BadInput);
    }

    #[test]
    fn refuses_another_step_and_another_part_of_the_run() {
        let desk = Desk::new(set(deploying(), StepId::DispatchBuild, StepState::AwaitingOperator));
        assert_eq!(code(decide(&desk.now(), StepId::DispatchBuild, "n".into())), ErrorCode::NotAllowedNow);
        for view in [prepared(), checking()] {
            let desk = Desk::new(set(view, STEP, StepState::NotStarted));
            assert_eq!(code(decide(&desk.now(), STEP, "n".into())), ErrorCode::NotAllowedNow);
        }
    }

    #[test]
    fn a_backup_is_left_out_only_where_the_profile_allows_it() {
        let failed = failed(ErrorCode::ScriptFailed, Retry::Safe);
        let cases = [
            (StepState::AwaitingOperator, true, true),
            (StepState::AwaitingOperator, false, false),
            (failed, true, true),
            (StepState::Running, true, false),
            (StepState::InDoubt { doubt: String::new() }, true, false),
            (StepState::Succeeded { ended_at: AT, how: Completion::Did, evidence: Vec::new() }, true, false),
        ];
        for (state, allows, expected) in cases {
            let mut view = set(deploying(), StepId::BackUp, state.clone());
            view.profile.backup.may_skip = allows;
            let decided = decide(&Desk::new(view).now(), StepId::BackUp, "the nightly snapshot".into());
            assert_eq!(decided.is_ok(), expected, "{state:?} {allows}");
        }
    }

    #[test]
    fn no_step_waits_for_a_migration_that_was_left_out() {
        let skipped = StepState::Skipped { ended_at: AT, person: "Lena".into(), warning: "only texts".into() };
        let view = set(deploying(), STEP, skipped);
        let kind = greenlight_types::FactKind::MigrationFinished;
        assert!(fold::newest(&view, kind).is_none() && fold::is_known(&view, kind));
        assert!(!fold::is_known(&view, greenlight_types::FactKind::RolledOut));
        let words = fold::step(&view, STEP).and_then(StepView::left_out);
        assert_eq!(words.as_deref(), Some("Lena: this release has no migration. only texts"));
    }
}
