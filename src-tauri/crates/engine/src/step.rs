//! The step contract: plan, run, observe, roll back.

mod context;
mod draft;

use async_trait::async_trait;
use greenlight_types::{
    Effect, Fact, FactKind, Failure, Observation, Role, RunView, StepId, StepPlan, Timestamp, WayBack,
};

pub use context::{Doubts, Earlier, EarlierStart, Kept, Sink, StepContext, TAIL};
pub use draft::{PlanDraft, hex};

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Outcome {
    /// The effect is there, proved.
    Succeeded {
        /// What the world showed, in plain words.
        evidence: Vec<String>,
        /// What was learned.
        facts: Vec<Fact>,
    },
    /// It was there before; nothing was changed.
    Already {
        /// What the world showed.
        evidence: Vec<String>,
        /// What was learned.
        facts: Vec<Fact>,
    },
    /// Done, with something to know.
    Warned {
        /// What the world showed.
        evidence: Vec<String>,
        /// What was learned.
        facts: Vec<Fact>,
        /// What to know.
        warning: String,
    },
    /// Ended without its effect, or with a part of it; the failure's `changed` says which.
    Failed(Failure),
    /// We do not know: the answer was lost. Never turned into a failure.
    Unknown(String),
}

impl From<Failure> for Outcome {
    /// A failure whose request may have been acted on is not a failed step, it is an unknown one (INV-J2).
    fn from(failure: Failure) -> Self {
        if failure.is_lost_reply() { Self::Unknown(failure.to_string()) } else { Self::Failed(failure) }
    }
}

/// Whether an attempt may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Have the effect, then follow it.
    Start,
    /// The effect is under way already: only follow it. Nothing is changed.
    Attach,
}

/// What a named person says.
#[derive(Clone, Copy, Debug)]
pub struct Word<'a> {
    /// Who.
    pub person: &'a str,
    /// What was written down.
    pub note: &'a str,
    /// When it was said.
    pub at: &'a Timestamp,
}

/// A step of the release. One file each under `steps/`.
#[async_trait]
pub trait Step: Send + Sync {
    /// Its id.
    fn id(&self) -> StepId;
    /// What it does to the world.
    fn effect(&self) -> Effect;
    /// Whether it waits for its button.
    fn role(&self) -> Role;
    /// The facts it waits for.
    fn waits_for(&self) -> &'static [FactKind];
    /// What exactly would change. Reads only.
    async fn plan(&self, cx: &StepContext) -> Result<StepPlan, Failure>;
    /// Does it, or follows it.
    async fn run(&self, cx: &StepContext, plan: &StepPlan, entry: Entry) -> Outcome;
    /// Asks the world. `plan` is the plan of the last attempt, when there was one.
    async fn observe(&self, cx: &StepContext, plan: Option<&StepPlan>) -> Observation;
    /// How to undo it, or why not.
    fn roll_back(&self, run: &RunView) -> WayBack;
    /// Whether it may be done once more although it is done.
    fn may_repeat(&self, run: &RunView) -> bool {
        let _never = run;
        false
    }
    /// What still counts of an earlier attempt when one that repeats it comes to nothing, in plain words.
    fn still_counts(&self, run: &RunView) -> Option<String> {
        let _nothing = run;
        None
    }
    /// The job of the last attempt, which an order that is still on its way could start. `None` for what no machine takes up
    /// by itself.
    fn could_start(&self, plan: Option<&StepPlan>) -> Option<String> {
        let _starts_no_job = plan;
        None
    }
    /// Jobs that could still start on the staging machine, and whose gates are closed before a named person's word is taken
    /// that their work was done outside the app. Reads only.
    ///
    /// # Errors
    /// When the machine cannot be asked.
    async fn gates_to_close(&self, cx: &StepContext) -> Result<Vec<String>, Failure> {
        let _has_no_job = cx;
        Ok(Vec::new())
    }
    /// The facts that follow when a named person says that it happened and the app cannot see it. `None` when the app
    /// cannot go on without seeing it itself, as most steps cannot.
    fn claim(&self, run: &RunView, plan: Option<&StepPlan>, word: &Word<'_>) -> Option<Vec<Fact>> {
        let _nothing_follows = (run, plan, word);
        None
    }
}
