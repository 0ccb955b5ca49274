//! Settings of this computer, outside the events: the person's name, confirmed values of the
//! profile, confirmed hosts, and facts about saved credentials. Never a secret.

use greenlight_types::{ErrorCode, Failure, Retry, Timestamp, TimestampError};
use sqlx::{Row, sqlite::SqliteRow};

use super::{READ, SqliteJournal, failed};

const KEEP: &str = "keep a setting";

/// One setting: its newest value and its author.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Dotted name: `person`, `profile.aws.cluster`, `credential.github`.
    pub key: String,
    /// The value. The key defines its format.
    pub value: String,
    /// Time of the change.
    pub at: Timestamp,
    /// The person who made the change.
    pub by: String,
}

impl SqliteJournal {
    /// One setting. `None` when it was never set.
    ///
    /// # Errors
    /// `JournalFailed` when the file cannot be read.
    pub async fn setting(&self, key: &str) -> Result<Option<Setting>, Failure> {
        let mut connection = self.connection().await;
        let row = sqlx::query("SELECT key, value, at, \"by\" FROM settings WHERE key = ?")
            .bind(key)
            .fetch_optional(&mut *connection)
            .await
            .map_err(|error| self.failed(READ, &error))?;
        row.as_ref().map(setting_of).transpose()
    }

    /// Settings whose key starts with `prefix`, by key.
    ///
    /// # Errors
    /// `JournalFailed` when the file cannot be read.
    pub async fn settings(&self, prefix: &str) -> Result<Vec<Setting>, Failure> {
        let mut connection = self.connection().await;
        let rows = sqlx::query(
            "SELECT key, value, at, \"by\" FROM settings WHERE substr(key, 1, length(?1)) = ?1 ORDER BY key",
        )
        .bind(prefix)
        .fetch_all(&mut *connection)
        .await
        .map_err(|error| self.failed(READ, &error))?;
        rows.iter().map(setting_of).collect()
    }

    /// Stores a setting, or replaces its older value.
    ///
    /// # Errors
    /// `JournalFailed` or `JournalNewer`. The older value remains.
    pub async fn set_setting(&self, setting: &Setting) -> Result<(), Failure> {
        self.writable()?;
        let mut connection = self.connection().await;
        sqlx::query(
            "INSERT INTO settings (key, value, at, \"by\") VALUES (?, ?, ?, ?) \
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, at = excluded.at, \"by\" = excluded.\"by\"",
        )
        .bind(&setting.key)
        .bind(&setting.value)
        .bind(setting.at.to_string())
        .bind(&setting.by)
        .execute(&mut *connection)
        .await
        .map_err(|error| self.failed(KEEP, &error))?;
        Ok(())
    }

    /// Removes a setting. An absent one is no error.
    ///
    /// # Errors
    /// `JournalFailed` or `JournalNewer`. The setting remains.
    pub async fn remove_setting(&self, key: &str) -> Result<(), Failure> {
        self.writable()?;
        let mut connection = self.connection().await;
        sqlx::query("DELETE FROM settings WHERE key = ?")
            .bind(key)
            .execute(&mut *connection)
            .await
            .map_err(|error| self.failed(KEEP, &error))?;
        Ok(())
    }
}

fn setting_of(row: &SqliteRow) -> Result<Setting, Failure> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(|error| failed(READ, &error));
    let at: Timestamp = text("at")?.parse().map_err(|error: TimestampError| {
        Failure::new(ErrorCode::JournalFailed, READ).because(error).retry(Retry::No)
    })?;
    Ok(Setting { key: text("key")?, value: text("value")?, at, by: text("by")? })
}
