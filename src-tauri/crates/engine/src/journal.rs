//! The journal: its trait, and a journal in memory for tests and simulation.

use std::collections::BTreeMap;

use async_trait::async_trait;
use greenlight_types::{Actor, ErrorCode, Event, EventBody, Failure, RunId, Timestamp};
use parking_lot::Mutex;

/// All events of all runs. Append-only. An append is durable when it returns.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Appends events of one run in one transaction: all or none, numbered from `after + 1`.
    ///
    /// # Errors
    /// Fails when the newest event of the run is not number `after` (another writer was faster),
    /// when [`Self::events`] refuses the run, or when the events could not be stored. Nothing was
    /// appended then, with one exception: if the disk fails at the very end and stays broken, the
    /// next opening may find all of the events.
    async fn append(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure>;
    /// Events of a run with a number above `after`, in order.
    ///
    /// # Errors
    /// `JournalNewer` when this app cannot read an event; its param `version` names the app that
    /// wrote the event. `JournalFailed` when an event is missing or was altered; its param `entry`
    /// is the number of that event. An error returns no event, so a run is never folded in part.
    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure>;
    /// Ids of all runs, newest first.
    async fn runs(&self) -> Result<Vec<RunId>, Failure>;
}

/// A journal in memory.
#[derive(Default)]
pub struct MemoryJournal {
    runs: Mutex<BTreeMap<RunId, Vec<Event>>>,
}

impl MemoryJournal {
    /// Every event of a run.
    #[must_use]
    pub fn all(&self, run: &RunId) -> Vec<Event> {
        self.with(|runs| runs.get(run).cloned().unwrap_or_default())
    }

    fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<RunId, Vec<Event>>) -> T) -> T {
        let mut guard = self.runs.lock();
        work(&mut guard)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn append(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        self.with(|runs| {
            let events = runs.entry(run.clone()).or_default();
            let newest = events.last().map_or(0, |event| event.seq);
            if newest != after {
                return Err(Failure::new(ErrorCode::JournalFailed, "write the record")
                    .because(format!("the newest entry is {newest}, not {after}")));
            }
            let fresh: Vec<Event> = (after + 1..)
                .zip(bodies)
                .map(|(seq, body)| Event { run: run.clone(), seq, at: *at, by: by.clone(), body })
                .collect();
            events.extend(fresh.iter().cloned());
            Ok(fresh)
        })
    }

    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure> {
        Ok(self.with(|runs| {
            runs.get(run)
                .map(|events| events.iter().filter(|event| event.seq > after).cloned().collect())
                .unwrap_or_default()
        }))
    }

    async fn runs(&self) -> Result<Vec<RunId>, Failure> {
        Ok(self.with(|runs| runs.keys().rev().cloned().collect()))
    }
}
