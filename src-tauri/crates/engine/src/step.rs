//! The contract of a step: outline, plan, run, observe, way back.

mod context;
mod draft;
mod outline;

use async_trait::async_trait;
use greenlight_types::{
    Effect, Fact, FactKind, Failure, Observation, Role, RunView, StepId, StepPlan, Timestamp, WayBack,
};

pub use context::{Doubts, Sink, StepContext, StoredOutput, TAIL};
pub use draft::{PlanDraft, hex};
pub use outline::Outline;

/// Result of an attempt.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Outcome {
    /// The effect is proved.
    Succeeded {
        /// Answers of the outside world that prove it, as sentences.
        evidence: Vec<String>,
        /// Facts that the attempt learned.
        facts: Vec<Fact>,
    },
    /// The effect was there before. Nothing was changed.
    Already {
        /// Answers of the outside world that prove it, as sentences.
        evidence: Vec<String>,
        /// Facts that the attempt learned.
        facts: Vec<Fact>,
    },
    /// The effect is there, with a warning for the operator.
    Warned {
        /// Answers of the outside world that prove it, as sentences.
        evidence: Vec<String>,
        /// Facts that the attempt learned.
        facts: Vec<Fact>,
        warning: String,
    },
    /// The attempt ended without its effect, or with a part of it. `changed` of the failure tells
    /// which.
    Failed(Failure),
    /// The effect is unknown, because an answer was lost. Never turned into a failure.
    Unknown(String),
}

impl From<Failure> for Outcome {
    /// A failure whose request may have been acted on is `Unknown`, not `Failed` (INV-J2).
    fn from(failure: Failure) -> Self {
        if failure.is_lost_reply() { Self::Unknown(failure.to_string()) } else { Self::Failed(failure) }
    }
}

/// Whether an attempt may change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Cause the effect, then follow it.
    Start,
    /// The effect is under way: only follow it. Change nothing.
    Attach,
}

/// Statement of a named person about an effect that the app cannot see.
#[derive(Clone, Copy, Debug)]
pub struct Statement<'a> {
    pub person: &'a str,
    /// Note of the person.
    pub note: &'a str,
    /// Time of the statement.
    pub at: &'a Timestamp,
}

/// A step of the release. Each has one file in `steps/`.
#[async_trait]
pub trait Step: Send + Sync {
    fn id(&self) -> StepId;
    /// Whether the step changes the outside world, and whether it may be started again.
    fn effect(&self) -> Effect;
    /// Whether the step waits for its button.
    fn role(&self) -> Role;
    /// Facts that must be known before the step starts.
    fn waits_for(&self) -> &'static [FactKind];
    /// The values and the change of the step for the plan of the whole release. Asks nothing.
    fn outline(&self, run: &RunView) -> Outline;
    /// Plans the exact changes. Reads only.
    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure>;
    /// Causes the effect, or follows it.
    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome;
    /// Asks the outside world about the effect. `plan` is the plan of the last attempt, if there
    /// was one.
    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation;
    /// How to undo the step, or the reason why that is impossible.
    fn way_back(&self, run: &RunView) -> WayBack;
    /// Whether a step that is done may be done again. By default it may not.
    fn may_repeat(&self, _run: &RunView) -> bool {
        false
    }
    /// Whether a person may choose an optional step now. By default the step is not optional.
    fn may_choose(&self, _run: &RunView) -> bool {
        false
    }
    /// Whether an optional step is needed now, so that its button is offered. By default it is not.
    fn is_due(&self, _run: &RunView) -> bool {
        false
    }
    /// Facts that restart a failed watching step without a person. By default there are none.
    fn watches_again_after(&self) -> &'static [FactKind] {
        &[]
    }
    /// The result of an earlier attempt that still counts if a repeated attempt comes to nothing,
    /// in words. By default none counts.
    fn still_counts(&self, _run: &RunView) -> Option<String> {
        None
    }
    /// Id of the last attempt's job, which a late order could still start. By default `None`: the
    /// step has no job, so no machine starts its work later.
    fn startable_job_id(&self, _plan: Option<&StepPlan>) -> Option<String> {
        None
    }
    /// Jobs that could still start on the staging machine. They are revoked before a named person's
    /// statement counts that their work was done outside the app (docs/remote-jobs.md#revoke).
    /// Reads only. By default the step has no job.
    ///
    /// # Errors
    /// The failure of the machine that did not answer.
    async fn jobs_to_revoke(&self, _cx: &StepContext) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
    /// Facts that follow from a person's statement that the effect happened, where the app cannot
    /// see it. By default `None`: the app must see the effect.
    fn claim(&self, _run: &RunView, _plan: Option<&StepPlan>, _word: &Statement<'_>) -> Option<Vec<Fact>> {
        None
    }
}
