//! Continues a release that was begun on another computer. Starts Prepare and records each step
//! that the outside world shows as done, up to the first one that is not. Changes nothing outside.

use std::time::Duration;

use greenlight_types::{ErrorCode, Failure, Handover, RunView, Status, StepId};

use super::{Asker, Order, refuse, show_plan, start_step};
use crate::{
    fold, handover,
    start_rules::{self, Start},
};

/// Longest time in which a step may record its observation.
const SETTLES_WITHIN: Duration = Duration::from_secs(300);

/// The release of this version that another computer began. `None` when there is none, or when the
/// journal of this computer has that run.
///
/// # Errors
/// The failure of the outside system that did not answer.
pub(crate) async fn begun(asker: &Asker<'_>) -> Result<Option<Handover>, Failure> {
    let Some(begun) = handover::begun(asker.context).await? else { return Ok(None) };
    let ours = asker.journal.runs().await?;
    Ok(Some(begun).filter(|begun| begun.run.as_ref().is_none_or(|run| !ours.contains(run))))
}

/// # Errors
/// `NotAllowedNow` when no other computer began this release, or while another run of this computer
/// prevents it (`start_rules`); the failure that prevented an observation. Steps that were recorded
/// before it stay recorded.
pub(crate) async fn run(asker: &Asker<'_>) -> Result<(), Failure> {
    let begun =
        begun(asker).await?.ok_or_else(|| refuse("continue this release here: nobody began it on another computer"))?;
    start_rules::check(asker.journal, &asker.view(), Start::Prepare).await?;
    let statement = handover::statement(&begun);
    asker.order(Order::StartPrepare { statement, begun: Some(begun) }).await?;
    for step in handover::steps() {
        if settled(asker, step).await? != Status::AwaitingOperator {
            return Ok(());
        }
        let plan = show_plan::perform(asker, step).await?;
        if plan.already.is_none() {
            return Ok(());
        }
        asker.order(start_step::ask(asker, step, plan.hash, None).await?).await?;
        if !settled(asker, step).await?.is_done() {
            return Ok(());
        }
    }
    Ok(())
}

/// Waits until a step neither runs nor waits for another step.
async fn settled(asker: &Asker<'_>, step: StepId) -> Result<Status, Failure> {
    let status = |view: &RunView| fold::step(view, step).map_or(Status::NotStarted, |step| step.status());
    let mut view = asker.context.view.clone();
    let wait = view.wait_for(|view| handover::is_settled(status(view)));
    tokio::select! {
        biased;
        settled = wait => {
            settled.map(|view| status(&view)).map_err(|_| refuse("reach this run: it is not open any more"))
        }
        () = asker.context.wait(SETTLES_WITHIN) => Err(Failure::new(
            ErrorCode::TimedOut,
            "record what the world shows: a step did not come to its end",
        )),
    }
}
