//! Asks the world about a step in doubt. "It did not start" is no answer while an order to start it may still be on its way:
//! the gate of its job is closed first, and then it is (INV-J3, INV-D5).

use greenlight_types::{ErrorCode, Failure, Observation, RunView, Seen, Status, StepId, StepPlan, StepView};

use crate::{
    fold,
    ports::{Revoked, Why},
    step::StepContext,
    steps,
};

/// What the world says of a step; of one in doubt, for good.
pub(crate) async fn ask(cx: &StepContext, step: StepId, plan: Option<&StepPlan>) -> Observation {
    let seen = steps::get(step).observe(cx, plan).await;
    let is_doubted = fold::step(&cx.run(), step).is_some_and(|step| step.status() == Status::InDoubt);
    if !is_doubted {
        return seen;
    }
    let heard = fenced(cx, step, plan, seen).await;
    cx.sink.seen(Seen::Heard { step, what: heard.clone() });
    heard
}

/// An answer that no order under way can turn into another one.
async fn fenced(cx: &StepContext, step: StepId, plan: Option<&StepPlan>, seen: Observation) -> Observation {
    match (seen, steps::get(step).could_start(plan)) {
        (Observation::NotDone { evidence }, Some(job)) => {
            match fence(cx, step, &job).await {
                Ok(Revoked::Won) => Observation::NotDone {
                    evidence: format!("{evidence} Its gate is closed now: an order still on its way starts nothing."),
                },
                // An order was faster: what it started is found.
                Ok(Revoked::Lost) => match steps::get(step).observe(cx, plan).await {
                    Observation::NotDone { evidence } => Observation::Unknown {
                        why: format!("{evidence} But its gate could not be closed: something has passed it."),
                    },
                    seen @ (Observation::Done { .. }
                    | Observation::InProgress { .. }
                    | Observation::Conflict { .. }
                    | Observation::Unknown { .. }) => seen,
                },
                Err(failure) => Observation::Unknown { why: failure.to_string() },
            }
        }
        (seen, _) => seen,
    }
}

/// Closes the gate of a job that never started. That it is about to be closed stands in the record first (INV-J1).
async fn fence(cx: &StepContext, step: StepId, job: &str) -> Result<Revoked, Failure> {
    if !cx.doubts.was_announced(job) {
        cx.sink.closing(step, job).await?;
        cx.doubts.announce(job);
    }
    cx.ports.host.revoke(&cx.host()?, job, Why::Expired).await
}

/// What is known of the job of a step that a person says did not happen.
pub(crate) enum Fenced {
    /// It never starts; what is to be added to the person's word.
    Never(String),
    /// It started and is over: it failed, by that word.
    Over,
}

/// Closes the gate of what a person says did not happen. A machine that does not answer, or is another one by now, does not
/// keep a person from saying what they saw.
///
/// # Errors
/// `NotAllowedNow` when it runs.
pub(crate) async fn fence_for_word(cx: &StepContext, step: StepId, plan: Option<&StepPlan>) -> Result<Fenced, Failure> {
    let Some(job) = steps::get(step).could_start(plan) else { return Ok(Fenced::Never(String::new())) };
    match fence(cx, step, &job).await {
        Ok(Revoked::Won) => Ok(Fenced::Never(" Its gate is closed now.".to_owned())),
        Ok(Revoked::Lost) => match cx.ports.host.status(&cx.host()?, &job).await {
            Ok(status) if !status.state.is_alive() => Ok(Fenced::Over),
            Ok(_) => Err(runs(job)),
            Err(failure) => Err(runs(job).because(failure.to_string())),
        },
        Err(failure) if failure.code == ErrorCode::JournalFailed => Err(failure),
        Err(failure) => Ok(Fenced::Never(format!(" The staging machine could not be asked ({failure})."))),
    }
}

/// The step in doubt that a person speaks of. Their word is about the attempt that they looked for, and no other.
///
/// # Errors
/// `NotAllowedNow` when nobody's word is asked for.
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

/// A job that started stands in the way of a person's word.
pub(crate) fn runs(job: String) -> Failure {
    Failure::new(
        ErrorCode::NotAllowedNow,
        format!("take your word: {job} started on the staging machine, and may still run"),
    )
    .with("job", job)
    .hint("Ask the world again; the app follows it.")
}
