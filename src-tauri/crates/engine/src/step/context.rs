//! The context of a step: the run, the ports, and the sink for its reports.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use greenlight_types::{Actor, Fact, Failure, LineSource, LiveUpdate, LogLine, RunView, StepId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::{
    earlier_runs::EarlierRuns,
    ports::{HostAddress, Ports, ServiceEvent},
    spool::OutputPosition,
};

/// Number of output lines in the failure of a script.
pub const TAIL: u32 = 12;

/// The stored output of a job.
#[derive(Debug, Default)]
pub struct StoredOutput {
    /// Position up to which the output is stored. `None` when nothing of this job is stored.
    pub reached: Option<OutputPosition>,
    /// Number of lines stored by old versions without a job id. The same lines arrive first when
    /// the output is fetched again.
    pub lines_without_job: u32,
    /// Last stored lines.
    pub tail: Vec<String>,
}

/// Receives the reports of a running step.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Records a fact. The fact is durable when the call returns.
    async fn learn(&self, step: StepId, fact: Fact) -> Result<(), Failure>;
    /// Records the intent to revoke a job, because an order to start it may arrive late. The intent
    /// is durable when the call returns.
    async fn announce_revoke(&self, step: StepId, job: &str) -> Result<(), Failure>;
    /// Shows a fresh observation. It may be lost.
    fn show(&self, update: LiveUpdate);
    /// Stores and shows lines.
    fn lines(&self, source: LineSource, lines: Vec<LogLine>);
    /// Stores and shows the events of the service since this time that are new.
    fn service_events(&self, events: &[ServiceEvent], since: Timestamp);
    /// Stores and shows lines of a job, and stores the position that they reach. Returns whether
    /// they are stored.
    fn job_lines(&self, source: LineSource, lines: Vec<LogLine>, reached: OutputPosition) -> bool;
    /// The output of this job that is already stored.
    fn stored_output(&self, source: LineSource, job: &str) -> StoredOutput;
}

/// Everything that a step can use.
#[derive(Clone)]
pub struct StepContext {
    /// The run, as its journal describes it now.
    pub view: watch::Receiver<Arc<RunView>>,
    pub ports: Ports,
    /// The person who ordered the step.
    pub by: Actor,
    /// The other runs of this computer.
    pub earlier: Arc<EarlierRuns>,
    pub sink: Arc<dyn Sink>,
    /// Start of each doubt.
    pub doubts: Arc<Doubts>,
}

/// Start of the doubt of each step, in this process of the app. Every request of the attempt was
/// sent before that moment, even if the attempt waited long before it sent one. The time in which
/// an effect may still show counts from the start of the doubt, never from the start of the
/// attempt.
#[derive(Debug, Default)]
pub struct Doubts {
    since: Mutex<BTreeMap<StepId, Timestamp>>,
    /// Jobs with an intent to revoke in the journal.
    announced: Mutex<BTreeSet<String>>,
}

impl Doubts {
    /// A step came into doubt, or was in doubt when the app was opened.
    pub fn begin(&self, step: StepId, at: &Timestamp) {
        self.since.lock().insert(step, *at);
    }

    /// The journal has the intent to revoke a job.
    pub(crate) fn announce(&self, job: &str) {
        self.announced.lock().insert(job.to_owned());
    }

    /// Whether the journal has the intent to revoke a job.
    pub(crate) fn was_announced(&self, job: &str) -> bool {
        self.announced.lock().contains(job)
    }

    /// The moment after which no request of the attempt in doubt can have been sent.
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

    /// Shows the current activity of the step, in plain words.
    pub fn activity(&self, step: StepId, text: impl Into<String>) {
        self.sink.show(LiveUpdate::Activity { step, text: text.into() });
    }

    /// Waits by the clock of the run.
    pub async fn wait(&self, duration: Duration) {
        self.ports.clock.sleep(duration).await;
    }

    /// Address of the staging machine.
    ///
    /// # Errors
    /// `NotAllowedNow` before Deploy, which confirms the machine.
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
