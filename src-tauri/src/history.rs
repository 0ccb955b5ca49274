//! Reads runs from the journals of both realms: the list, the events, the output lines. Changes
//! nothing.

use std::sync::Arc;

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::{fold, journal::Journal, options, spool::Spool};
use greenlight_types::{Event, Failure, LineSource, LogLine, RunId, RunSummary, RunUpdate, RunView};

use crate::{other_realm::OtherRealm, systems::Systems};

/// Maximum number of lines in one answer.
const LINES_MAX: u32 = 2_000;

/// The runs of both realms, to read.
pub struct History {
    journal: Arc<SqliteJournal>,
    other_realm: OtherRealm,
    spool: Arc<dyn Spool>,
    pub(crate) systems: Arc<Systems>,
}

impl History {
    pub fn new(
        journal: Arc<SqliteJournal>,
        other_realm: OtherRealm,
        spool: Arc<dyn Spool>,
        systems: Arc<Systems>,
    ) -> Self {
        Self { journal, other_realm, spool, systems }
    }

    /// All runs, newest first.
    pub async fn list(&self) -> Result<Vec<RunSummary>, Failure> {
        let mut found = Vec::new();
        for run in self.journal.runs().await? {
            match self.view(&run).await {
                Ok(view) => found.push(fold::summary(&view)),
                Err(failure) => {
                    tracing::warn!(%run, %failure, "a run cannot be read");
                    found.extend(self.unreadable(&run, &failure).await);
                }
            }
        }
        found.extend(self.other_realm.list().await);
        // Run ids are UUIDs of version 7, which sort by creation.
        found.sort_by(|one, other| other.id.cmp(&one.id));
        Ok(found)
    }

    async fn view(&self, run: &RunId) -> Result<RunView, Failure> {
        fold::fold(&self.journal.events(run, 0).await?)
    }

    /// Summary of a run whose journal this version cannot fully decode. Listed, but read-only.
    async fn unreadable(&self, run: &RunId, failure: &Failure) -> Option<RunSummary> {
        let first = self.journal.first(run).await.ok()?;
        let mut summary = fold::summary(&fold::fold(&[first]).ok()?);
        summary.read_only = Some(match failure.params.get("version") {
            Some(version) => format!("Greenlight {version} can continue it."),
            None => "Its record is damaged; keep the data folder and call a developer.".to_owned(),
        });
        Some(summary)
    }

    /// Events of a run with a sequence number above `seq`.
    pub async fn events(&self, run: &RunId, seq: u32) -> Result<Vec<Event>, Failure> {
        if self.other_realm.has(run) {
            return self.other_realm.events(run, seq).await;
        }
        self.journal.events(run, seq).await
    }

    /// The view of a run and its events with a number above `seq`; `None` when there is no newer
    /// event.
    pub async fn update(&self, run: &RunId, seq: u32) -> Result<Option<RunUpdate>, Failure> {
        let events = self.events(run, 0).await?;
        if events.last().is_none_or(|newest| newest.seq <= seq) {
            return Ok(None);
        }
        let mut view = fold::fold(&events)?;
        options::fill(&mut view);
        let events = events.into_iter().filter(|event| event.seq > seq).collect();
        Ok(Some(RunUpdate { view, events }))
    }

    pub fn lines(&self, run: &RunId, source: LineSource, from: u32, count: u32) -> Result<Vec<LogLine>, Failure> {
        self.other_realm.refuse_lines(run)?;
        self.spool.read(run, source, from, count.min(LINES_MAX))
    }

    pub fn line_count(&self, run: &RunId, source: LineSource) -> Result<u32, Failure> {
        self.other_realm.refuse_lines(run)?;
        self.spool.count(run, source)
    }
}
