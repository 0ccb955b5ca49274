//! The record of the other of production and practice, beside this window's own: read for the one list of History, never
//! written, and never continued from here.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::{fold, journal::Journal as _};
use greenlight_types::{ErrorCode, Event, Failure, Realm, RunId, RunState, RunSummary};

/// The other record, where there is one.
pub struct Beside {
    /// Its file; `None` where this window was given a place of its own.
    file: Option<PathBuf>,
    /// Runs that were listed from it.
    known: Mutex<BTreeSet<RunId>>,
}

impl Beside {
    pub fn new(folder: Option<&Path>) -> Self {
        Self { file: folder.map(|folder| folder.join("journal.sqlite")), known: Mutex::default() }
    }

    /// Opened for each look and closed after it: its own window may open, write and move it at any time.
    async fn open(&self) -> Option<SqliteJournal> {
        let file = self.file.as_deref()?;
        match SqliteJournal::open_to_read(file).await {
            Ok(journal) => journal,
            Err(failure) => {
                tracing::info!(%failure, "the other record cannot be read");
                None
            }
        }
    }

    /// Its runs, newest first. One that goes on says where it is continued.
    pub async fn list(&self) -> Vec<RunSummary> {
        let Some(journal) = self.open().await else { return Vec::new() };
        let mut found = Vec::new();
        for run in journal.runs().await.unwrap_or_default() {
            // A run that is not whole, or of a newer app, is told of in its own window.
            let Ok(view) = journal.events(&run, 0).await.and_then(|events| fold::fold(&events)) else { continue };
            let mut summary = fold::summary(&view);
            if summary.state != RunState::Ended {
                summary.read_only = Some(match summary.realm {
                    Realm::Production => "It goes on in the window of production.".to_owned(),
                    Realm::Practice => "It goes on in the window of practice.".to_owned(),
                });
            }
            found.push(summary);
        }
        journal.close().await;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *known = found.iter().map(|summary| summary.id.clone()).collect();
        found
    }

    /// Whether a run is of the other record.
    pub fn has(&self, run: &RunId) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(run)
    }

    pub async fn events(&self, run: &RunId, seq: u32) -> Result<Vec<Event>, Failure> {
        let journal = self.open().await.ok_or_else(|| {
            Failure::new(ErrorCode::JournalFailed, "read the record").because("the other record cannot be opened")
        })?;
        let events = journal.events(run, seq).await;
        journal.close().await;
        events
    }

    /// Output is kept by the window that made it.
    pub fn refuse_lines(&self, run: &RunId) -> Result<(), Failure> {
        if !self.has(run) {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::NotAllowedNow, "read the output")
            .because("this run is in the record of the other window")
            .hint("Its output is shown in that window."))
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Actor, Timestamp};

    use super::*;

    /// A record with one ended practised release in it, as its own window leaves it.
    async fn record(folder: &Path) -> RunId {
        let text = include_str!("../../tests/golden/fold/released.json");
        let golden: serde_json::Value = serde_json::from_str(text).expect("the golden record");
        let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).expect("its events");
        let journal = SqliteJournal::open(&folder.join("journal.sqlite")).await.expect("a journal");
        let run = events[0].run.clone();
        for event in &events {
            let (by, at): (&Actor, &Timestamp) = (&event.by, &event.at);
            journal.append(&run, event.seq - 1, at, by, vec![event.body.clone()]).await.expect("kept");
        }
        journal.close().await;
        run
    }

    #[tokio::test]
    async fn runs_of_the_other_record_are_listed_and_read_and_never_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = record(folder.path()).await;
        let before = std::fs::read(folder.path().join("journal.sqlite")).expect("the file");
        let beside = Beside::new(Some(folder.path()));
        assert!(!beside.has(&run));
        let listed = beside.list().await;
        assert_eq!(listed.iter().map(|one| &one.id).collect::<Vec<_>>(), [&run]);
        assert!(beside.has(&run) && beside.refuse_lines(&run).is_err());
        assert!(!beside.events(&run, 0).await.expect("its events").is_empty());
        assert_eq!(std::fs::read(folder.path().join("journal.sqlite")).expect("the file"), before);
    }

    #[tokio::test]
    async fn without_another_record_nothing_is_listed_and_no_file_is_made() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(Beside::new(Some(&folder.path().join("practice"))).list().await.is_empty());
        assert!(!folder.path().join("practice").exists(), "a look made a folder");
        assert!(Beside::new(None).list().await.is_empty());
    }
}
