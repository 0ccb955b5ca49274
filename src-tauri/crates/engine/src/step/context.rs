//! What a step is given: the run, the ports, the sink for its reports.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use greenlight_types::{Actor, Fact, Failure, LineSource, LogLine, RunView, Seen, StepId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    ports::{HostAddress, Ports},
    spool::Reached,
};

/// Number of lines that a failed script is reported with.
pub const TAIL: u32 = 12;

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
