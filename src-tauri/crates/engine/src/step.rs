//! The step contract: four functions, and what a step is given.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use greenlight_types::{
    Actor, ByHand, Effect, Fact, FactKind, Failure, LineSource, LogLine, Observation, PlanInputs, Role, RunView, Seen,
    StepId, StepPlan, Timestamp, WayBack,
};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::{
    ports::{HostAddress, Ports},
    spool::Reached,
};

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

/// Number of lines that a failed script is reported with.
pub(crate) const TAIL: u32 = 12;

/// What is kept of the output of a job.
#[derive(Debug, Default)]
pub struct Kept {
    /// How far it reaches; `None` when nothing of this job is kept.
    pub reached: Option<Reached>,
    /// Lines that an earlier app kept without saying of which job: the first ones that come again.
    pub unnamed: u32,
    /// The last lines.
    pub tail: Vec<String>,
}

/// Where a step reports while it runs.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Records a fact; durable when it returns.
    async fn learn(&self, step: StepId, fact: Fact) -> Result<(), Failure>;
    /// Records that the gate of a job is about to be closed, because an order to start it may still be on its way;
    /// durable when it returns.
    async fn closing(&self, step: StepId, job: &str) -> Result<(), Failure>;
    /// Shows something seen just now; may be lost.
    fn seen(&self, seen: Seen);
    /// Keeps and shows lines.
    fn lines(&self, source: LineSource, lines: Vec<LogLine>);
    /// Keeps and shows lines of a job, and how far they reach; whether they are kept.
    fn job_lines(&self, source: LineSource, lines: Vec<LogLine>, reached: Reached) -> bool;
    /// What is kept of the output of this job already.
    fn kept(&self, source: LineSource, job: &str) -> Kept;
}

/// What the record of a computer knows of migrations before a run, of the same product and realm.
#[derive(Clone, Debug, Default)]
pub struct Earlier {
    /// Version, and hash of the migration folder, of the last other version that was released.
    pub released: Option<(String, String)>,
    /// The migration of the same version, where an earlier run may have started it.
    pub started: Option<EarlierStart>,
}

/// See [`Earlier::started`].
#[derive(Clone, Debug)]
pub struct EarlierStart {
    /// Address of its staging machine.
    pub address: String,
    /// Id of that machine; empty in records of earlier apps.
    pub machine_id: String,
    /// When.
    pub at: Option<Timestamp>,
    /// Who started it.
    pub by: String,
}

/// What a step is given.
#[derive(Clone)]
pub struct StepContext {
    /// The run, always as its journal tells it now.
    pub view: watch::Receiver<Arc<RunView>>,
    /// The outside.
    pub ports: Ports,
    /// Who asked.
    pub by: Actor,
    /// What this computer knows of migrations before this run.
    pub earlier: Earlier,
    /// Where to report.
    pub sink: Arc<dyn Sink>,
    /// Since when steps are in doubt.
    pub doubts: Arc<Doubts>,
}

/// Since when steps are in doubt, by this start of the app. A request of an attempt left before that moment, however
/// long the attempt had waited before it sent one: "the world shows nothing" counts from there, never from the start of
/// the attempt.
#[derive(Debug, Default)]
pub struct Doubts {
    since: Mutex<BTreeMap<StepId, Timestamp>>,
    /// Jobs whose gates are to be closed, as the record says.
    announced: Mutex<BTreeSet<String>>,
}

impl Doubts {
    /// A step came into doubt, or was found in doubt when the app was opened.
    pub fn begin(&self, step: StepId, at: &Timestamp) {
        self.since.lock().insert(step, *at);
    }

    /// The record says that the gate of a job is about to be closed.
    pub(crate) fn announce(&self, job: &str) {
        self.announced.lock().insert(job.to_owned());
    }

    /// Whether the record says so already.
    pub(crate) fn was_announced(&self, job: &str) -> bool {
        self.announced.lock().contains(job)
    }

    /// The moment after which no request of the attempt in doubt can have left.
    #[must_use]
    pub fn since(&self, step: StepId) -> Option<Timestamp> {
        self.since.lock().get(&step).cloned()
    }
}

impl StepContext {
    /// The run as it is now.
    #[must_use]
    pub fn run(&self) -> Arc<RunView> {
        self.view.borrow().clone()
    }

    /// Says what the step is doing, in plain words.
    pub fn activity(&self, step: StepId, text: impl Into<String>) {
        self.sink.seen(Seen::Activity { step, text: text.into() });
    }

    /// Waits by the run's clock.
    pub async fn wait(&self, duration: Duration) {
        self.ports.clock.sleep(duration).await;
    }

    /// Address of the staging machine, from Deploy on.
    ///
    /// # Errors
    /// `NotAllowedNow` before Deploy.
    pub fn host(&self) -> Result<HostAddress, Failure> {
        let run = self.run();
        let staging = run.staging.as_ref().ok_or_else(|| {
            Failure::new(
                greenlight_types::ErrorCode::NotAllowedNow,
                "reach the staging machine: it is confirmed when Deploy starts",
            )
        })?;
        Ok(HostAddress::of(staging))
    }
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
    /// What an operator would say.
    fn title(&self, run: &RunView) -> String {
        crate::steps::titles(self.id(), &run.profile, &run.version).0
    }
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

/// Builds a plan; the hash is taken at the end.
pub struct PlanDraft {
    plan: StepPlan,
}

impl PlanDraft {
    /// A plan without changes, gates or question.
    #[must_use]
    pub fn new(step: &dyn Step, run: &RunView, inputs: PlanInputs, button: &str, lede: impl Into<String>) -> Self {
        Self {
            plan: StepPlan {
                lede: lede.into(),
                button: button.to_owned(),
                ..StepPlan::new(step.id(), step.roll_back(run), inputs)
            },
        }
    }

    /// Adds an exact change.
    #[must_use]
    pub fn change(mut self, change: greenlight_types::Change) -> Self {
        self.plan.changes.push(change);
        self
    }

    /// Adds one sentence with a value.
    #[must_use]
    pub fn line(self, text: impl Into<String>, value: impl Into<String>) -> Self {
        self.change(greenlight_types::Change::Line { text: text.into(), value: value.into() })
    }

    /// Adds a gate.
    #[must_use]
    pub fn gate(mut self, id: &str, passed: bool, text: impl Into<String>, detail: impl Into<String>) -> Self {
        self.plan.gates.push(greenlight_types::Gate {
            id: id.to_owned(),
            passed,
            text: text.into(),
            detail: detail.into(),
        });
        self
    }

    /// Adds several gates.
    #[must_use]
    pub fn gates(mut self, gates: Vec<greenlight_types::Gate>) -> Self {
        self.plan.gates.extend(gates);
        self
    }

    /// Adds something worth knowing.
    #[must_use]
    pub fn notice(mut self, text: impl Into<String>) -> Self {
        self.plan.notices.push(text.into());
        self
    }

    /// Asks the person.
    #[must_use]
    pub fn question(mut self, question: greenlight_types::Question) -> Self {
        self.plan.question = Some(question);
        self
    }

    /// Marks it as already true.
    #[must_use]
    pub fn already(mut self, evidence: impl Into<String>) -> Self {
        self.plan.already = Some(evidence.into());
        "Record it as done".clone_into(&mut self.plan.button);
        self
    }

    /// Marks it as begun before, with its end still to be seen by this button.
    #[must_use]
    pub fn follows(mut self, evidence: impl Into<String>, button: &str) -> Self {
        self.plan.already = Some(evidence.into());
        self.plan.follows = true;
        button.clone_into(&mut self.plan.button);
        self
    }

    /// Marks it as something that cannot be taken back.
    #[must_use]
    pub fn irreversible(mut self) -> Self {
        self.plan.irreversible = true;
        self
    }

    /// How a person does it.
    #[must_use]
    pub fn by_hand(mut self, lines: Vec<String>, page: Option<String>) -> Self {
        self.plan.by_hand = ByHand { lines, page };
        self
    }

    /// The finished plan.
    #[must_use]
    pub fn finish(mut self) -> StepPlan {
        self.plan.hash = hash(&self.plan);
        self.plan
    }
}

/// Hex SHA-256 over what a plan would do.
fn hash(plan: &StepPlan) -> String {
    let parts = serde_json::json!({
        "step": plan.step, "changes": plan.changes, "inputs": plan.inputs,
        "irreversible": plan.irreversible, "already": plan.already.is_some(),
    });
    hex(&Sha256::digest(parts.to_string().as_bytes()))
}

/// Lower-case hex.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
