//! Revokes a job on the staging machine, so that no start order can have an effect any more. The
//! intent is in the journal before the machine is asked (INV-J1).

use greenlight_types::{Failure, RunEvent, Status, StepId};

use super::{Asker, Decision, Order, Situation, refuse, step_of};
use crate::{
    doubt,
    phase::is_active,
    ports::{RevokeReason, Revoked},
    steps,
};

/// Revokes every job of a step that could still start. Comes before a person's statement that the
/// work was done outside the app ([`RevokeReason::Outside`]), or is not needed.
///
/// # Errors
/// `NotAllowedNow` when one of the jobs started; the failure of the machine.
pub(crate) async fn revoke_all(
    asker: &Asker<'_>,
    step: StepId,
    note: &str,
    reason: RevokeReason,
) -> Result<(), Failure> {
    let unclosed = |failure: Failure| {
        failure.hint(
            "Your word is taken once the app has made sure on the staging machine that it never starts this itself.",
        )
        .hint("If that machine is gone, say so first. Then your word needs no answer of it.")
    };
    let context = asker.context;
    // A machine that is gone starts nothing any more, and cannot be asked.
    if context.run().machine_given_up.is_some() {
        return Ok(());
    }
    for job in steps::get(step).jobs_to_revoke(context).await.map_err(unclosed)? {
        asker.order(Order::RevokeJob { step, job: job.clone(), note: note.to_owned() }).await?;
        match context.ports.host.revoke(&context.host()?, &job, reason).await.map_err(unclosed)? {
            Revoked::Won => {}
            Revoked::Lost => return Err(doubt::runs(job)),
        }
    }
    Ok(())
}

pub(crate) fn decide(now: &Situation<'_>, id: StepId, job: String, note: String) -> Result<Decision, Failure> {
    let step = step_of(now.view, id, "record")?;
    let is_settled = step.status().is_done() || step.status() == Status::Running;
    if !is_active(now.view.state, id.phase()) || is_settled {
        return Err(refuse("record this step as done by hand now"));
    }
    Ok(Decision::run_event(RunEvent::JobRevoking { step: id, job, note }))
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Completion, ErrorCode, StepState, Timestamp};

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, prepared, set};

    const STEP: StepId = StepId::RunMigration;

    fn revoke(view: greenlight_types::RunView) -> Result<Decision, Failure> {
        decide(&Desk::new(view).now(), STEP, "job".into(), "note".into())
    }

    #[test]
    fn records_the_job_of_a_waiting_or_doubted_step() {
        for state in [StepState::AwaitingOperator, StepState::InDoubt { doubt: String::new() }] {
            let decision = revoke(set(deploying(), STEP, state)).expect("allowed");
            assert!(matches!(decision.only_run_event(), RunEvent::JobRevoking { .. }));
        }
    }

    #[test]
    fn refuses_a_step_that_runs_or_is_done() {
        let (ended_at, how, evidence) = (Timestamp::EPOCH, Completion::Did, Vec::new());
        for state in [StepState::Running, StepState::Succeeded { ended_at, how, evidence }] {
            assert_eq!(code(revoke(set(deploying(), STEP, state))), ErrorCode::NotAllowedNow);
        }
        assert_eq!(code(revoke(set(prepared(), STEP, StepState::AwaitingOperator))), ErrorCode::NotAllowedNow);
    }
}
