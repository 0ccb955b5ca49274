//! The journal of the other realm: of practice while production is shown, of production while
//! practice is shown. History lists its runs. Only the composition of its own place writes to it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::{fold, journal::Journal as _, rollback_run};
use greenlight_types::{ErrorCode, Event, Failure, LaterRollback, Realm, RunId, RunState, RunSummary, RunView};
use parking_lot::Mutex;

/// The journal of the other realm.
pub struct OtherRealm {
    /// The journal's file. `None` when this window has one place.
    file: Option<PathBuf>,
    /// Runs of the last list.
    listed: Mutex<BTreeSet<RunId>>,
}

impl OtherRealm {
    pub fn new(folder: Option<&Path>) -> Self {
        Self { file: folder.map(|folder| folder.join("journal.sqlite")), listed: Mutex::default() }
    }

    /// Opens the journal for one read: its own place may write, move or replace the file at any
    /// time.
    async fn open(&self) -> Option<SqliteJournal> {
        let file = self.file.as_deref()?;
        match SqliteJournal::open_to_read(file).await {
            Ok(journal) => journal,
            Err(failure) => {
                tracing::info!(%failure, "the journal of the other realm cannot be read");
                None
            }
        }
    }

    /// Its runs, newest first. A run that has not ended names the place that continues it.
    pub async fn list(&self) -> Vec<RunSummary> {
        let Some(journal) = self.open().await else { return Vec::new() };
        let mut views = Vec::new();
        for run in journal.runs().await.unwrap_or_default() {
            // Its own place reports a run that is damaged or of a newer version.
            views.extend(journal.events(&run, 0).await.and_then(|events| fold::fold(&events)));
        }
        journal.close().await;
        let mut found = rollback_run::summaries(&views);
        for summary in &mut found {
            if summary.state != RunState::Ended {
                summary.read_only = Some(match summary.realm {
                    Realm::Production => "It goes on in Production.".to_owned(),
                    Realm::Practice => "It goes on in Practice.".to_owned(),
                });
            }
        }
        let mut listed = self.listed.lock();
        *listed = found.iter().map(|summary| summary.id.clone()).collect();
        found
    }

    /// Whether the last list had this run.
    pub fn has(&self, run: &RunId) -> bool {
        self.listed.lock().contains(run)
    }

    pub async fn events(&self, run: &RunId, seq: u32) -> Result<Vec<Event>, Failure> {
        let journal = self.opened().await?;
        let events = journal.events(run, seq).await;
        journal.close().await;
        events
    }

    /// The run of that journal that rolled an ended release back.
    pub async fn later_rollback(&self, release: &RunView) -> Result<Option<LaterRollback>, Failure> {
        let journal = self.opened().await?;
        let later = rollback_run::later(&journal, release).await;
        journal.close().await;
        later
    }

    async fn opened(&self) -> Result<SqliteJournal, Failure> {
        self.open().await.ok_or_else(|| {
            Failure::new(ErrorCode::JournalFailed, "read the record").because("the other record cannot be opened")
        })
    }

    /// Refuses the output of a run of the other realm: only its own place stores it.
    pub fn refuse_lines(&self, run: &RunId) -> Result<(), Failure> {
        if !self.has(run) {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::NotAllowedNow, "read the output")
            .because("this run is in the record of the other of Practice and Production")
            .hint("Its output is shown there."))
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Actor, Timestamp};

    use super::*;

    /// A journal with one ended release of practice, as its own place leaves it.
    async fn journal_with_a_run(folder: &Path) -> RunId {
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
    async fn reads_the_other_realm_without_changing_its_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = journal_with_a_run(folder.path()).await;
        let before = std::fs::read(folder.path().join("journal.sqlite")).expect("the file");
        let other = OtherRealm::new(Some(folder.path()));
        assert!(!other.has(&run));
        let listed = other.list().await;
        assert_eq!(listed.iter().map(|one| &one.id).collect::<Vec<_>>(), [&run]);
        assert!(other.has(&run) && other.refuse_lines(&run).is_err());
        assert!(!other.events(&run, 0).await.expect("its events").is_empty());
        assert_eq!(std::fs::read(folder.path().join("journal.sqlite")).expect("the file"), before);
    }

    #[tokio::test]
    async fn makes_no_file_when_there_is_no_other_journal() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(OtherRealm::new(Some(&folder.path().join("practice"))).list().await.is_empty());
        assert!(!folder.path().join("practice").exists(), "a look made a folder");
        assert!(OtherRealm::new(None).list().await.is_empty());
    }
}
