//! Asks the outside world about a step in doubt. "It did not start" is no answer while a start
//! order may still be on its way. So the job is revoked first (INV-J3, INV-D5).

use greenlight_types::{ErrorCode, Failure, LiveUpdate, Observation, RunView, Status, StepId, StepPlan, StepView};

use crate::{
    fold,
    ports::{RevokeReason, Revoked},
    step::StepContext,
    steps,
};

/// Words for a job whose start the machine has revoked.
const NEVER_STARTS: &str = "The machine can start it no more: an order still on its way starts nothing.";

/// Asks the outside world about a step. No order on its way can change the answer about a step in
/// doubt.
pub(crate) async fn ask(cx: &StepContext, step: StepId, plan: Option<&StepPlan>) -> Observation {
    let seen = steps::get(step).observe(cx, plan).await;
    let is_doubted = fold::step(&cx.run(), step).is_some_and(|step| step.status() == Status::InDoubt);
    if !is_doubted {
        return seen;
    }
    let heard = fenced(cx, step, plan, seen).await;
    cx.sink.show(LiveUpdate::Heard { step, what: heard.clone() });
    heard
}

/// Revokes a job that has not started, so that no order on its way can change the answer.
async fn fenced(cx: &StepContext, step: StepId, plan: Option<&StepPlan>, seen: Observation) -> Observation {
    match (seen, steps::get(step).startable_job_id(plan)) {
        (Observation::NotDone { evidence }, Some(job)) => {
            match fence(cx, step, &job).await {
                Ok(Revoked::Won) => Observation::NotDone { evidence: format!("{evidence} {NEVER_STARTS}") },
                // An order was faster. The job that it started is observed.
                Ok(Revoked::Lost) => match steps::get(step).observe(cx, plan).await {
                    Observation::NotDone { evidence } => Observation::Unknown {
                        why: format!("{evidence} But its start could not be revoked: another order was faster."),
                    },
                    seen @ (Observation::Done { .. }
                    | Observation::InProgress { .. }
                    | Observation::Failed { .. }
                    | Observation::Conflict { .. }
                    | Observation::Unknown { .. }) => seen,
                },
                Err(failure) => Observation::Unknown { why: failure.to_string() },
            }
        }
        (seen, _) => seen,
    }
}

/// Revokes a job that never started. The intent to revoke is in the journal first (INV-J1).
async fn fence(cx: &StepContext, step: StepId, job: &str) -> Result<Revoked, Failure> {
    if !cx.doubts.was_announced(job) {
        cx.sink.announce_revoke(step, job).await?;
        cx.doubts.announce(job);
    }
    cx.ports.host.revoke(&cx.host()?, job, RevokeReason::Expired).await
}

/// Asks about a step in doubt before the run ends with it. A job that could still start is revoked
/// first, so that it does not start after the end. A machine that is gone is not asked.
pub(crate) async fn ask_before_end(cx: &StepContext, step: StepId, plan: Option<&StepPlan>) -> Observation {
    let Some(job) = steps::get(step).startable_job_id(plan) else { return steps::get(step).observe(cx, plan).await };
    if let Some(gone) = &cx.run().machine_given_up {
        return Observation::Unknown { why: format!("{} says that it is gone", gone.person) };
    }
    match fence(cx, step, &job).await {
        Ok(Revoked::Won) => Observation::NotDone { evidence: format!("Job {job} never started. {NEVER_STARTS}") },
        Ok(Revoked::Lost) => steps::get(step).observe(cx, plan).await,
        Err(failure) => Observation::Unknown { why: failure.to_string() },
    }
}

/// State of the job of a step, after a person said that the step did not happen.
pub(crate) enum Fenced {
    /// It never starts. The text is added to the person's note.
    Never(String),
    /// It started and ended. By the person's statement it failed.
    Over,
}

/// Revokes the job of a step that a person says did not happen. The person's statement also counts
/// when the machine does not answer, or is another machine by now. A machine that is gone is not
/// asked.
///
/// # Errors
/// `NotAllowedNow` when the job runs or may run; `JournalFailed`.
pub(crate) async fn fence_for_word(cx: &StepContext, step: StepId, plan: Option<&StepPlan>) -> Result<Fenced, Failure> {
    let Some(job) = steps::get(step).startable_job_id(plan) else { return Ok(Fenced::Never(String::new())) };
    if let Some(gone) = &cx.run().machine_given_up {
        return Ok(Fenced::Never(format!(" The staging machine was not asked: {} says that it is gone.", gone.person)));
    }
    match fence(cx, step, &job).await {
        Ok(Revoked::Won) => Ok(Fenced::Never(" The machine can start the job no more.".to_owned())),
        Ok(Revoked::Lost) => match cx.ports.host.status(&cx.host()?, &job).await {
            Ok(status) if !status.state.is_alive() => Ok(Fenced::Over),
            Ok(_) => Err(runs(job)),
            Err(failure) => Err(runs(job).because(failure.to_string())),
        },
        Err(failure) if failure.code == ErrorCode::JournalFailed => Err(failure),
        Err(failure) => Ok(Fenced::Never(format!(" The staging machine could not be asked ({failure})."))),
    }
}

/// The step in doubt that a person's statement is about. A statement counts only for the attempt
/// that the person looked for.
///
/// # Errors
/// `NotAllowedNow` when the step is not in doubt, or another attempt of it is.
pub(crate) fn doubted(run: &RunView, step: StepId, attempt: u32) -> Result<&StepView, Failure> {
    let step = fold::step(run, step).filter(|step| step.status() == Status::InDoubt);
    let step = step.ok_or_else(|| Failure::new(ErrorCode::NotAllowedNow, "settle this step: it is not in doubt"))?;
    if step.attempt != attempt {
        return Err(Failure::new(
            ErrorCode::NotAllowedNow,
            format!("settle attempt {attempt} of this step: what is in doubt now is attempt {}", step.attempt),
        )
        .hint("Look at it again, and say what you saw."));
    }
    Ok(step)
}

/// Refuses a person's statement because the job started.
pub(crate) fn runs(job: String) -> Failure {
    Failure::new(
        ErrorCode::NotAllowedNow,
        format!("take your word: {job} started on the staging machine, and may still run"),
    )
    .with("job", job)
    .hint("Ask the world again; the app follows it.")
}
