//! The journal in one SQLite file, with the settings of this computer in the same file.
//!
//! An append is on disk when it returns (WAL, `synchronous=FULL`, docs/invariants.md#journal-file).
//! One connection reads and writes; [`crate::data_lock`] keeps a second process away. The journal
//! folds no events and decides nothing.
//!
//! The events of a run are a hash chain ([`chain`]). Every read checks it. The journal appends
//! nothing to a run that was altered, or that has an event which this version cannot decode.

mod chain;
#[cfg(test)]
mod chain_tests;
mod entry;
mod first_entry;
mod open;
#[cfg(test)]
mod samples;
mod schema;
mod settings;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use greenlight_engine::journal::Journal;
use greenlight_types::{Actor, ErrorCode, Event, EventBody, Failure, RunId, Timestamp};
use sqlx::SqliteConnection;
use tokio::sync::{Mutex, MutexGuard};

use self::{chain::Linked, entry::Entry};
pub use first_entry::FirstEntry;
pub use settings::Setting;

const OPEN: &str = "open the record";
const WRITE: &str = "write the record";
const READ: &str = "read the record";

/// The journal of this computer.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Mutex<SqliteConnection>,
    path: PathBuf,
    /// Schema of the file when a newer version made it. Such a file is read-only.
    newer_schema: Option<i64>,
    /// Whether this version can check the hashes of the events.
    is_chained: bool,
    /// Hash of the newest entry of every run that was read completely, with an intact chain and no
    /// unknown event.
    checked: parking_lot::Mutex<BTreeMap<RunId, Vec<u8>>>,
    /// An append began and has not ended: it is running, failed, or its caller was dropped.
    is_midway: AtomicBool,
}

impl SqliteJournal {
    /// Whether the file is read-only, because a newer version changed its schema.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.newer_schema.is_some()
    }

    /// The first entry of a run, without a check of the chain. Serves the summary of a run that
    /// cannot be read.
    ///
    /// # Errors
    /// `JournalFailed` when there is none, or its time cannot be read.
    pub async fn first(&self, run: &RunId) -> Result<FirstEntry, Failure> {
        let mut connection = self.connection().await;
        let row = sqlx::query("SELECT seq, at, actor, app_version, kind, body FROM events WHERE run = ? AND seq = 1")
            .bind(&run.0)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| self.failed(READ, &error))?;
        FirstEntry::of(&Entry::from_row(&row)?)
    }

    /// The events of a run, and the hash of the newest one in hexadecimal digits. A copy of the
    /// hash in another place shows later that the entries up to it are still the same. `None` in a
    /// file without a chain.
    ///
    /// # Errors
    /// `JournalFailed` when the run was altered or cannot be read.
    pub async fn events_and_hash(&self, run: &RunId) -> Result<(Vec<Event>, Option<String>), Failure> {
        let mut connection = self.connection().await;
        let (events, newest) = self.read(&mut connection, run, 0).await?;
        let hex = |hash: Vec<u8>| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok((events, newest.filter(|hash| !hash.is_empty()).map(hex)))
    }

    /// Events above number `after`, after a check of their chain, and the hash of the newest one.
    async fn read(
        &self,
        connection: &mut SqliteConnection,
        run: &RunId,
        after: u32,
    ) -> Result<(Vec<Event>, Option<Vec<u8>>), Failure> {
        let sql = if self.is_chained {
            "SELECT seq, at, actor, app_version, kind, body, chain FROM events WHERE run = ? AND seq >= ? ORDER BY seq"
        } else {
            "SELECT seq, at, actor, app_version, kind, body, x'' AS chain FROM events WHERE run = ? AND seq >= ? ORDER BY seq"
        };
        let rows = sqlx::query(sql)
            .bind(&run.0)
            .bind(after)
            .fetch_all(connection)
            .await
            .map_err(|error| self.failed(READ, &error))?;
        let entries = rows.iter().map(Linked::from_row).collect::<Result<Vec<_>, _>>()?;
        let newest = entries.last().map(|linked| linked.chain.clone());
        let entries = chain::unaltered(run, after, self.is_chained, entries)?;
        let events = entries.iter().map(|entry| entry.event(run)).collect::<Result<Vec<_>, _>>()?;
        Ok((events, newest))
    }

    /// Refuses a run that was altered, or that has an unknown event. Reads a run once: later
    /// entries are of this process, and an entry of another writer has another hash.
    async fn check_before_adding(
        &self,
        connection: &mut SqliteConnection,
        run: &RunId,
        newest: Option<&[u8]>,
    ) -> Result<(), Failure> {
        let is_checked = self.checked.lock().get(run).map(Vec::as_slice) == newest;
        if newest.is_some() && !is_checked {
            self.read(connection, run, 0).await?;
        }
        Ok(())
    }

    /// The connection, outside of any transaction.
    async fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        let mut connection = self.connection.lock().await;
        self.undo(&mut connection).await;
        connection
    }

    /// Rolls back an append that did not end. Transactions of sqlx are not used here: on a full
    /// disk or an I/O error SQLite itself rolls back (sqlite.org/lang_transaction.html), sqlx still
    /// counts the transaction as open, and then every later one fails.
    async fn undo(&self, connection: &mut SqliteConnection) {
        if !self.is_midway.load(Ordering::SeqCst) {
            return;
        }
        if let Err(error) = sqlx::raw_sql("ROLLBACK").execute(connection).await {
            tracing::debug!(%error, "the append was undone already");
        }
        self.is_midway.store(false, Ordering::SeqCst);
    }

    async fn insert(&self, run: &RunId, after: u32, entries: Vec<Entry>) -> Result<(), Failure> {
        let mut connection = self.connection().await;
        self.is_midway.store(true, Ordering::SeqCst);
        let newest = self.insert_midway(&mut connection, run, after, entries).await;
        if newest.is_ok() {
            self.is_midway.store(false, Ordering::SeqCst);
        } else {
            self.undo(&mut connection).await;
        }
        if let Some(newest) = newest? {
            self.checked.lock().insert(run.clone(), newest);
        }
        Ok(())
    }

    /// Runs from BEGIN to COMMIT. Returns the hash of the newest entry.
    async fn insert_midway(
        &self,
        connection: &mut SqliteConnection,
        run: &RunId,
        after: u32,
        entries: Vec<Entry>,
    ) -> Result<Option<Vec<u8>>, Failure> {
        let refused = |error: sqlx::Error| self.failed(WRITE, &error);
        sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await.map_err(refused)?;
        let newest: Option<(u32, Vec<u8>)> =
            sqlx::query_as("SELECT seq, chain FROM events WHERE run = ? ORDER BY seq DESC LIMIT 1")
                .bind(&run.0)
                .fetch_optional(&mut *connection)
                .await
                .map_err(refused)?;
        let (seq, newest) = newest.map_or((0, None), |(seq, chain)| (seq, Some(chain)));
        if seq != after {
            return Err(Failure::new(ErrorCode::JournalFailed, WRITE)
                .because(format!("the newest entry is {seq}, not {after}")));
        }
        self.check_before_adding(connection, run, newest.as_deref()).await?;
        let linked = chain::chain(run, newest.as_deref(), entries);
        for Linked { entry, chain } in &linked {
            sqlx::query(
                "INSERT INTO events (run, seq, at, actor, app_version, kind, body, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(&run.0)
            .bind(entry.seq)
            .bind(&entry.at)
            .bind(&entry.actor)
            .bind(&entry.app_version)
            .bind(&entry.kind)
            .bind(&entry.body)
            .bind(chain)
            .execute(&mut *connection)
            .await
            .map_err(refused)?;
        }
        sqlx::raw_sql("COMMIT").execute(&mut *connection).await.map_err(refused)?;
        Ok(linked.into_iter().next_back().map(|newest| newest.chain))
    }

    fn writable(&self) -> Result<(), Failure> {
        match self.newer_schema {
            None => Ok(()),
            Some(schema) => Err(newer(WRITE, &format!("with schema {schema}"))),
        }
    }

    fn failed(&self, summary: &str, error: &sqlx::Error) -> Failure {
        if let (Some(schema), sqlx::Error::Database(_)) = (self.newer_schema, error) {
            return newer(summary, &format!("with schema {schema}")).because_of(error);
        }
        failed(summary, error).with("file", self.path.display().to_string())
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    async fn append(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        self.writable()?;
        let events: Vec<Event> = (after + 1..)
            .zip(bodies)
            .map(|(seq, body)| Event { run: run.clone(), seq, at: *at, by: by.clone(), body })
            .collect();
        let entries = events.iter().map(Entry::of).collect::<Result<Vec<_>, _>>()?;
        self.insert(run, after, entries).await?;
        Ok(events)
    }

    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure> {
        let mut connection = self.connection().await;
        let (events, newest) = self.read(&mut connection, run, after).await?;
        if let (0, Some(newest)) = (after, newest) {
            self.checked.lock().insert(run.clone(), newest);
        }
        Ok(events)
    }

    async fn runs(&self) -> Result<Vec<RunId>, Failure> {
        let mut connection = self.connection().await;
        // Run ids are UUIDs of version 7, which sort by creation.
        let rows = sqlx::query_scalar::<_, String>("SELECT DISTINCT run FROM events ORDER BY run DESC")
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| self.failed(READ, &error))?;
        Ok(rows.into_iter().map(RunId).collect())
    }
}

fn newer(summary: &str, version: &str) -> Failure {
    Failure::new(ErrorCode::JournalNewer, summary)
        .with("version", version)
        .because(format!("it was written by a newer Greenlight ({version})"))
        .hint("Install the newest Greenlight on this computer.")
}

/// Maps an error of SQLite, and names a full disk and a damaged file. Nothing was stored.
fn failed(summary: &str, error: &sqlx::Error) -> Failure {
    // The lowest byte of an extended code is the primary code (sqlite.org/rescode.html).
    let primary = error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok()).map(|code| code & 0xff);
    let (words, hint) = match primary {
        Some(13) => ("the disk is full", "Free some space on this computer, then try again."),
        Some(8) => ("the file can only be read", "Check the rights of the folder that holds the record."),
        Some(10) => ("the disk reported an error", "Check the disk of this computer."),
        Some(11 | 26) => ("the file is damaged", "Keep the file, and ask a developer; a copy may lie beside it."),
        Some(5 | 6) => ("another program uses the file", "Close the other program, then try again."),
        Some(14) => ("the file cannot be opened", "Check the rights of the folder that holds the record."),
        Some(_) | None => ("the database refused", "Ask a developer."),
    };
    Failure::new(ErrorCode::JournalFailed, summary).because(words).because_of(error).hint(hint)
}
