//! Reads runs from the journals of both realms: the list, the events, the output lines. Changes
//! nothing.

use std::sync::Arc;

use greenlight_adapters::journal_sqlite::{FirstEntry, SqliteJournal};
use greenlight_engine::{fold, journal::Journal, options, rollback_run, spool::Spool};
use greenlight_types::{
    Event, Failure, LineSource, LogLine, Realm, RunId, RunState, RunSummary, RunUpdate, RunView, Version,
};
use serde::Deserialize as _;

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
        let (mut views, mut found) = (Vec::new(), Vec::new());
        for run in self.journal.runs().await? {
            match self.view(&run).await {
                Ok(view) => views.push(view),
                Err(failure) => {
                    tracing::warn!(%run, %failure, "a run cannot be read");
                    found.extend(self.unreadable(&run, &failure).await);
                }
            }
        }
        found.extend(rollback_run::summaries(&views));
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
        summary_of_unreadable(run, &self.journal.first(run).await.ok()?, failure)
    }

    /// Events of a run with a sequence number above `seq`.
    pub async fn events(&self, run: &RunId, seq: u32) -> Result<Vec<Event>, Failure> {
        if self.other_realm.has(run) {
            return self.other_realm.events(run, seq).await;
        }
        self.journal.events(run, seq).await
    }

    /// The events of a run, and the hash of the newest one; `None` for a run of the other realm.
    pub(crate) async fn events_and_hash(&self, run: &RunId) -> Result<(Vec<Event>, Option<String>), Failure> {
        if self.other_realm.has(run) {
            return Ok((self.other_realm.events(run, 0).await?, None));
        }
        self.journal.events_and_hash(run).await
    }

    /// The view of a run and its events with a number above `seq`; `None` when there is no newer
    /// event.
    pub async fn update(&self, run: &RunId, seq: u32) -> Result<Option<RunUpdate>, Failure> {
        let events = self.events(run, 0).await?;
        if events.last().is_none_or(|newest| newest.seq <= seq) {
            return Ok(None);
        }
        let mut view = self.with_later_rollback(fold::fold(&events)?).await?;
        options::fill(&mut view);
        let events = events.into_iter().filter(|event| event.seq > seq).collect();
        Ok(Some(RunUpdate { view, events }))
    }

    /// The view with the later run that rolled this release back, if there is one.
    pub(crate) async fn with_later_rollback(&self, view: RunView) -> Result<RunView, Failure> {
        let rolled_back = if self.other_realm.has(&view.id) {
            self.other_realm.later_rollback(&view).await?
        } else {
            rollback_run::later(self.journal.as_ref(), &view).await?
        };
        Ok(RunView { rolled_back, ..view })
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

/// The row of a run that this version cannot read, from the values of its first event. The kind of
/// that event may be unknown, too. `None` when it names no product, version or realm.
fn summary_of_unreadable(run: &RunId, first: &FirstEntry, failure: &Failure) -> Option<RunSummary> {
    let body = &first.body;
    let read_only = match failure.params.get("version") {
        Some(version) => format!("Greenlight {version} can continue it."),
        None => "Its record is damaged; keep the data folder and call a developer.".to_owned(),
    };
    Some(RunSummary {
        id: run.clone(),
        product: body["profile"]["product"]["name"].as_str()?.to_owned(),
        version: Version::deserialize(&body["version"]).ok()?,
        realm: Realm::deserialize(&body["realm"]).ok()?,
        is_rollback: !body["rollsBack"].is_null(),
        rolled_back: None,
        state: RunState::Draft,
        result: None,
        stopped_at: None,
        person: first.person.clone(),
        drafted_at: first.at,
        ended_at: None,
        read_only: Some(read_only),
    })
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Timestamp};
    use serde_json::{Value, json};

    use super::*;

    fn first(body: Value) -> FirstEntry {
        FirstEntry { at: Timestamp::EPOCH, person: "Ann".into(), body }
    }

    fn listed(body: Value) -> Option<RunSummary> {
        let newer = Failure::new(ErrorCode::JournalNewer, "read the record").with("version", "9.9.9");
        summary_of_unreadable(&RunId("r".into()), &first(body), &newer)
    }

    fn draft(kind: &str) -> Value {
        json!({ "kind": kind, "profile": { "product": { "name": "Rally" } }, "version": "2.1.0", "realm": "production" })
    }

    #[test]
    fn a_run_of_an_unknown_kind_is_listed_with_the_version_that_continues_it() {
        for kind in ["runDrafted", "moonPhaseDrafted"] {
            let row = listed(draft(kind)).expect("a row");
            assert_eq!((row.product.as_str(), row.version.to_string()), ("Rally", "2.1.0".to_owned()), "{kind}");
            assert_eq!((row.person.as_str(), row.realm, row.is_rollback), ("Ann", Realm::Production, false), "{kind}");
            assert_eq!(row.read_only.as_deref(), Some("Greenlight 9.9.9 can continue it."), "{kind}");
        }
        let mut rollback = draft("moonRollbackDrafted");
        rollback["rollsBack"] = json!({ "run": "r0" });
        assert!(listed(rollback).expect("a row").is_rollback);
    }

    #[test]
    fn an_entry_without_the_values_of_a_row_is_not_listed() {
        for missing in ["profile", "version", "realm"] {
            let mut body = draft("runDrafted");
            body[missing] = Value::Null;
            assert_eq!(listed(body), None, "{missing}");
        }
        assert_eq!(listed(Value::Null), None);
    }

    #[test]
    fn a_damaged_record_is_listed_as_damaged() {
        let damaged = Failure::new(ErrorCode::JournalFailed, "read the record");
        let row = summary_of_unreadable(&RunId("r".into()), &first(draft("runDrafted")), &damaged).expect("a row");
        assert!(row.read_only.expect("words").contains("damaged"));
    }
}
