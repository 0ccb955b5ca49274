//! One event and its columns: encoding and decoding. Knows no other entry.

use greenlight_types::{Actor, ErrorCode, Event, EventBody, Failure, Retry, RunId, Timestamp, TimestampError};
use serde_json::Value;
use sqlx::{Row, sqlite::SqliteRow};

use super::{READ, WRITE, failed, newer};

/// The text of every column, exactly as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub seq: u32,
    pub at: String,
    pub actor: String,
    pub app_version: String,
    pub kind: String,
    pub body: String,
}

impl Entry {
    /// Encodes an event.
    pub fn of(event: &Event) -> Result<Self, Failure> {
        let spelled = || -> Result<Self, serde_json::Error> {
            let body = serde_json::to_value(&event.body)?;
            Ok(Self {
                seq: event.seq,
                at: event.at.to_string(),
                actor: serde_json::to_string(&event.by)?,
                app_version: event.by.app_version.clone(),
                kind: body.get("kind").and_then(Value::as_str).unwrap_or_default().to_owned(),
                body: body.to_string(),
            })
        };
        spelled().map_err(|error| Failure::new(ErrorCode::Internal, WRITE).because_of(&error))
    }

    /// Reads the columns of a row.
    pub fn from_row(row: &SqliteRow) -> Result<Self, Failure> {
        let text = |column: &str| row.try_get::<String, _>(column).map_err(|error| failed(READ, &error));
        Ok(Self {
            seq: row.try_get("seq").map_err(|error| failed(READ, &error))?,
            at: text("at")?,
            actor: text("actor")?,
            app_version: text("app_version")?,
            kind: text("kind")?,
            body: text("body")?,
        })
    }

    /// Decodes the event.
    ///
    /// # Errors
    /// `JournalNewer` when this version does not know the event.
    pub fn event(&self, run: &RunId) -> Result<Event, Failure> {
        let strange = |what: &str, error: &serde_json::Error| {
            newer(READ, &self.app_version).because(format!("entry {}, {what}", self.seq)).because_of(error)
        };
        let by: Actor = serde_json::from_str(&self.actor).map_err(|error| strange("its author", &error))?;
        let body: EventBody = serde_json::from_str(&self.body).map_err(|error| strange(&self.kind, &error))?;
        Ok(Event { run: run.clone(), seq: self.seq, at: self.time()?, by, body })
    }

    /// Decodes the time.
    ///
    /// # Errors
    /// `JournalFailed` when it cannot be read.
    pub fn time(&self) -> Result<Timestamp, Failure> {
        self.at.parse().map_err(|error: TimestampError| {
            Failure::new(ErrorCode::JournalFailed, READ)
                .because(format!("entry {} of this run has no readable time: {error}", self.seq))
                .retry(Retry::No)
        })
    }
}
