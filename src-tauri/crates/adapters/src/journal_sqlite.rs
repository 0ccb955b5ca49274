//! The journal in one SQLite file, and the settings of this computer beside it.
//!
//! An append is on disk when it returns (WAL, `synchronous=FULL`, RELIABILITY.md 6.5). One connection reads and writes;
//! a second copy of the app is kept away by [`crate::data_lock`]. Folds nothing and decides nothing.

mod open;
#[cfg(test)]
mod samples;
mod settings;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use async_trait::async_trait;
use greenlight_engine::journal::Journal;
use greenlight_types::{Actor, ErrorCode, Event, EventBody, Failure, RunId, Stamp};
use serde_json::Value;
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use tokio::sync::Mutex;

pub use settings::Setting;

const WRITE: &str = "write the record";
const READ: &str = "read the record";

/// The journal of this computer.
#[derive(Debug)]
pub struct SqliteJournal {
    connection: Mutex<SqliteConnection>,
    path: PathBuf,
    /// Set when the file has the schema of a newer app; then it is only read.
    newer_schema: Option<i64>,
}

impl SqliteJournal {
    /// Whether the record can only be read, because a newer app has changed its shape.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.newer_schema.is_some()
    }

    /// The first entry of a run alone: what may still be told of a run whose later entries a newer app wrote.
    ///
    /// # Errors
    /// `JournalFailed` when there is none; `JournalNewer` when not even that one is known here.
    pub async fn first(&self, run: &RunId) -> Result<Event, Failure> {
        let mut connection = self.connection.lock().await;
        let row = sqlx::query("SELECT seq, at, actor, app_version, kind, body FROM events WHERE run = ? AND seq = 1")
            .bind(&run.0)
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| self.failed(READ, &error))?;
        event_of(run, &row)
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
        at: &Stamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        self.writable()?;
        let events: Vec<Event> = (after + 1..)
            .zip(bodies)
            .map(|(seq, body)| Event { run: run.clone(), seq, at: at.clone(), by: by.clone(), body })
            .collect();
        let rows = events.iter().map(NewRow::of).collect::<Result<Vec<_>, _>>()?;
        let mut connection = self.connection.lock().await;
        insert(&mut connection, run, after, &rows).await.map_err(|problem| match problem {
            Problem::Moved(newest) => Failure::new(ErrorCode::JournalFailed, WRITE)
                .because(format!("the newest entry is {newest}, not {after}")),
            Problem::Sql(error) => self.failed(WRITE, &error),
        })?;
        Ok(events)
    }

    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure> {
        let mut connection = self.connection.lock().await;
        let rows = sqlx::query(
            "SELECT seq, at, actor, app_version, kind, body FROM events WHERE run = ? AND seq > ? ORDER BY seq",
        )
        .bind(&run.0)
        .bind(after)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| self.failed(READ, &error))?;
        let mut events = Vec::with_capacity(rows.len());
        for (expected, row) in (after + 1..).zip(&rows) {
            let event = event_of(run, row)?;
            if event.seq != expected {
                return Err(Failure::new(ErrorCode::JournalFailed, READ)
                    .because(format!("entry {expected} of this run is missing")));
            }
            events.push(event);
        }
        Ok(events)
    }

    async fn runs(&self) -> Result<Vec<RunId>, Failure> {
        let mut connection = self.connection.lock().await;
        // Ids of runs sort by creation (UUID of version 7).
        let rows = sqlx::query_scalar::<_, String>("SELECT DISTINCT run FROM events ORDER BY run DESC")
            .fetch_all(&mut *connection)
            .await
            .map_err(|error| self.failed(READ, &error))?;
        Ok(rows.into_iter().map(RunId).collect())
    }
}

enum Problem {
    Moved(u32),
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

async fn insert(
    connection: &mut SqliteConnection,
    run: &RunId,
    after: u32,
    rows: &[NewRow<'_>],
) -> Result<(), Problem> {
    // A transaction that is dropped rolls back.
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let newest: u32 = sqlx::query_scalar("SELECT coalesce(max(seq), 0) FROM events WHERE run = ?")
        .bind(&run.0)
        .fetch_one(&mut *transaction)
        .await?;
    if newest != after {
        transaction.rollback().await?;
        return Err(Problem::Moved(newest));
    }
    for row in rows {
        sqlx::query("INSERT INTO events (run, seq, at, actor, app_version, kind, body) VALUES (?, ?, ?, ?, ?, ?, ?)")
            .bind(&run.0)
            .bind(row.event.seq)
            .bind(&row.event.at.0)
            .bind(&row.actor)
            .bind(&row.event.by.app_version)
            .bind(&row.kind)
            .bind(&row.body)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// An event spelled for its columns.
struct NewRow<'a> {
    event: &'a Event,
    actor: String,
    kind: String,
    body: String,
}

impl<'a> NewRow<'a> {
    fn of(event: &'a Event) -> Result<Self, Failure> {
        let spelled = || -> Result<Self, serde_json::Error> {
            let body = serde_json::to_value(&event.body)?;
            let kind = body.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned();
            Ok(Self { event, actor: serde_json::to_string(&event.by)?, kind, body: body.to_string() })
        };
        spelled().map_err(|error| Failure::new(ErrorCode::Internal, WRITE).because_of(&error))
    }
}

fn event_of(run: &RunId, row: &SqliteRow) -> Result<Event, Failure> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(|error| failed(READ, &error));
    let seq: u32 = row.try_get("seq").map_err(|error| failed(READ, &error))?;
    let version = text("app_version")?;
    let strange = |what: &str, error: &serde_json::Error| {
        newer(READ, &version).because(format!("entry {seq}, {what}")).because_of(error)
    };
    let by: Actor = serde_json::from_str(&text("actor")?).map_err(|error| strange("its author", &error))?;
    let kind = text("kind")?;
    let body: EventBody = serde_json::from_str(&text("body")?).map_err(|error| strange(&kind, &error))?;
    Ok(Event { run: run.clone(), seq, at: Stamp(text("at")?), by, body })
}

fn newer(summary: &str, version: &str) -> Failure {
    Failure::new(ErrorCode::JournalNewer, summary)
        .with("version", version)
        .because(format!("it was written by a newer Greenlight ({version})"))
        .hint("Install the newest Greenlight on this computer.")
}

/// A failure of SQLite in words that tell a full disk from a broken file. Nothing was stored.
fn failed(summary: &str, error: &sqlx::Error) -> Failure {
    // Extended codes carry the primary one in their lowest byte (sqlite.org/rescode.html).
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
