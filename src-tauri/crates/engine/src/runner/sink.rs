//! Receives the reports of a running step. Facts go through the runner to the journal, everything
//! else directly to spool and screen.

use std::collections::BTreeMap;

use async_trait::async_trait;
use greenlight_types::{Fact, Failure, LineSource, Live, LiveUpdate, LogLine, RunId, StepId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::{
    act::{Message, Order, Orders, refuse},
    parts::Parts,
    ports::ServiceEvent,
    service_events::{REMEMBERED, StoredEvents},
    spool::OutputPosition,
    step::{Sink, StoredOutput, TAIL},
};

pub(super) struct RunnerSink {
    parts: Parts,
    run: RunId,
    messages: mpsc::WeakSender<Message>,
    /// Number of kept lines per source, so that output that is fetched again from its beginning is
    /// not kept twice.
    kept: Mutex<BTreeMap<LineSource, u32>>,
    /// Events of the service that are stored. `None` until the first event arrives.
    events: Mutex<Option<StoredEvents>>,
}

impl RunnerSink {
    pub(super) fn new(parts: Parts, run: RunId, messages: mpsc::WeakSender<Message>) -> Self {
        Self { parts, run, messages, kept: Mutex::default(), events: Mutex::default() }
    }

    fn orders(&self) -> Result<Orders, Failure> {
        self.messages.upgrade().map(Orders).ok_or_else(|| refuse("record this: the run is not open any more"))
    }
}

#[async_trait]
impl Sink for RunnerSink {
    async fn learn(&self, step: StepId, fact: Fact) -> Result<(), Failure> {
        self.orders()?.send(None, Order::LearnFact { step, fact }).await.map(drop)
    }

    async fn announce_revoke(&self, step: StepId, job: &str) -> Result<(), Failure> {
        let (job, note) = (job.to_owned(), String::new());
        self.orders()?.send(None, Order::RevokeJob { step, job, note }).await.map(drop)
    }

    fn show(&self, seen: LiveUpdate) {
        self.parts.screen.live(Live { run: self.run.clone(), at: self.parts.clock.now(), seen });
    }

    fn lines(&self, source: LineSource, lines: Vec<LogLine>) {
        let mut kept = self.kept.lock();
        let next = *kept.entry(source).or_insert_with(|| self.parts.spool.count(&self.run, source).unwrap_or(0));
        let fresh: Vec<LogLine> = lines.into_iter().filter(|line| line.number >= next).collect();
        let Some(last) = fresh.last() else { return };
        match self.parts.spool.append(&self.run, source, &fresh) {
            Ok(()) => {
                kept.insert(source, last.number + 1);
            }
            Err(failure) => tracing::warn!(%failure, "lines were shown and could not be kept"),
        }
        drop(kept);
        self.parts.screen.lines(&self.run, source, &fresh);
    }

    fn service_events(&self, events: &[ServiceEvent], since: Timestamp) {
        let source = LineSource::ServiceEvents;
        let mut stored = self.events.lock();
        let count = self.parts.spool.count(&self.run, source).unwrap_or(0);
        let stored = stored.get_or_insert_with(|| {
            let first = count.saturating_sub(REMEMBERED);
            StoredEvents::of(self.parts.spool.read(&self.run, source, first, REMEMBERED).unwrap_or_default())
        });
        self.lines(source, stored.add(events, since, count));
    }

    fn job_lines(&self, source: LineSource, mut lines: Vec<LogLine>, reached: OutputPosition) -> bool {
        let spool = &self.parts.spool;
        let kept = spool.count(&self.run, source).and_then(|count| {
            for (number, line) in (count..).zip(&mut lines) {
                line.number = number;
            }
            spool.append_to(&self.run, source, &lines, &reached)
        });
        if let Err(failure) = kept {
            tracing::warn!(%failure, "output of a job could not be kept and is fetched again");
            return false;
        }
        self.parts.screen.lines(&self.run, source, &lines);
        true
    }

    fn stored_output(&self, source: LineSource, job: &str) -> StoredOutput {
        let spool = &self.parts.spool;
        let count = spool.count(&self.run, source).unwrap_or(0);
        match spool.reached(&self.run, source) {
            Ok(Some(reached)) if reached.job == job => {
                let last = spool.read(&self.run, source, count.saturating_sub(TAIL), TAIL).unwrap_or_default();
                let tail = last.into_iter().map(|line| line.text).collect();
                StoredOutput { reached: Some(reached), lines_without_job: 0, tail }
            }
            Ok(Some(_)) | Err(_) => StoredOutput::default(),
            Ok(None) => StoredOutput { lines_without_job: count, ..StoredOutput::default() },
        }
    }
}
