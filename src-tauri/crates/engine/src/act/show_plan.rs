//! Makes the plan of a step and keeps it as the one that may be started.

use greenlight_types::{Failure, StepId, StepPlan};

use super::{Asker, Order, refuse, step_of};
use crate::{phase::is_active, steps};

/// # Errors
/// `NotAllowedNow` outside the step's phase, or when the run does not have the step; the failure of
/// the outside system that did not answer.
pub(crate) async fn perform(asker: &Asker<'_>, step: StepId) -> Result<StepPlan, Failure> {
    let view = asker.view();
    step_of(&view, step, "plan")?;
    if !is_active(view.state, step.phase()) {
        return Err(refuse("plan this step before its part of the run has started"));
    }
    let made_from = view.seq;
    let plan = steps::get(step).plan(asker.context).await?;
    asker.order(Order::ShowPlan { plan: Box::new(plan.clone()), made_from }).await?;
    Ok(plan)
}
