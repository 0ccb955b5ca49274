//! Failures that several steps return.

use greenlight_types::{Changed, ErrorCode, Failure, Retry, StepPlan};

use crate::step::Outcome;

/// Production changed between the plan and the attempt.
pub(super) fn production_changed(act: &str) -> Failure {
    Failure::new(ErrorCode::PlanChanged, format!("{act}: production is another one now"))
        .hint("Nothing was changed. Read the plan again.")
        .changed(Changed::Nothing)
        .retry(Retry::Safe)
}

/// A precondition failed after the plan was shown. Nothing was started.
pub(super) fn plan_closed(plan: &StepPlan) -> Failure {
    let failed = plan.failed_preconditions();
    let failure = Failure::new(
        ErrorCode::PreconditionFailed,
        "start: something changed after the plan was shown, and nothing was started",
    );
    if failed.is_empty() {
        failure.because("the plan is not the one that was shown")
    } else {
        failure.because(failed.join("; "))
    }
}

/// A step received the plan of another step.
pub(super) fn foreign_plan(plan: &StepPlan) -> Outcome {
    Outcome::Failed(Failure::new(
        ErrorCode::Internal,
        format!("act on this plan of {}: its inputs are of another kind", plan.step.name()),
    ))
}

/// AWS does not know a name of the profile.
pub(crate) fn missing_on_aws(name: &str) -> Failure {
    Failure::new(ErrorCode::AwsMissing, format!("find {name} on AWS"))
        .with("name", name)
        .hint("Ask a developer whether the name in the profile is right.")
}
