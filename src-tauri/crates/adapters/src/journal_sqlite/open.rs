//! Opens the file of the journal: file permissions, settings of SQLite, and a check that the file
//! is a complete journal.
//!
//! Does not check the chains: one altered run must not make the others unreadable. The list of
//! runs, which is the first screen, reads and checks every run.

use std::{path::Path, sync::atomic::AtomicBool, time::Duration};

use greenlight_types::{ErrorCode, Failure};
use sqlx::{
    ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{
    OPEN, SqliteJournal, failed,
    schema::{APPLICATION_ID, CHAINED, KNOWN, MIGRATIONS, Migration, migrate, number, run},
};

impl SqliteJournal {
    /// Opens the journal, or makes it. Copies an older file in the same folder before it migrates
    /// the schema. A file with a newer schema is read-only.
    ///
    /// # Errors
    /// `JournalFailed` when the file cannot be opened, is damaged, or is no journal.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_with(path, MIGRATIONS).await
    }

    /// Opens the journal of another window read-only. `None` when there is none. Makes and migrates
    /// nothing.
    ///
    /// # Errors
    /// `JournalFailed` when the file cannot be opened, is damaged, or is no journal.
    pub async fn open_to_read(path: &Path) -> Result<Option<Self>, Failure> {
        if !path.is_file() {
            return Ok(None);
        }
        let located = |failure: Failure| failure.with("file", path.display().to_string());
        let options = settings(path).read_only(true);
        let mut connection = options.connect().await.map_err(|error| located(failed(OPEN, &error)))?;
        check(&mut connection).await.map_err(located)?;
        let schema = number(&mut connection, "PRAGMA user_version").await.map_err(located)?;
        Ok(Some(Self {
            connection: Mutex::new(connection),
            path: path.to_owned(),
            newer_schema: Some(schema),
            is_chained: (CHAINED..=KNOWN).contains(&schema),
            checked: parking_lot::Mutex::default(),
            is_midway: AtomicBool::default(),
        }))
    }

    pub(super) async fn open_with(path: &Path, migrations: &[Migration]) -> Result<Self, Failure> {
        let unusable = |error: std::io::Error| {
            Failure::new(ErrorCode::JournalFailed, OPEN)
                .with("file", path.display().to_string())
                .because_of(&error)
                .hint("Check the rights of the folder that holds the record, and the space on the disk.")
        };
        private_file(path).map_err(unusable)?;
        let located = |failure: Failure| failure.with("file", path.display().to_string());
        let mut connection = connect(path).await.map_err(|error| located(failed(OPEN, &error)))?;
        check(&mut connection).await.map_err(located)?;
        let schema = number(&mut connection, "PRAGMA user_version").await.map_err(located)?;
        let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
        let newer_schema = (schema > known).then_some(schema);
        if newer_schema.is_some() {
            run(&mut connection, "PRAGMA query_only=ON").await.map_err(located)?;
        } else {
            migrate(&mut connection, path, schema, migrations).await.map_err(located)?;
        }
        Ok(Self {
            connection: Mutex::new(connection),
            path: path.to_owned(),
            newer_schema,
            // A newer version may chain in another way.
            is_chained: newer_schema.is_none(),
            checked: parking_lot::Mutex::default(),
            is_midway: AtomicBool::default(),
        })
    }

    /// Closes the file. A process that is killed loses nothing either.
    pub async fn close(self) {
        let connection = self.connection.into_inner();
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "the record did not close in good order");
        }
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    settings(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // On macOS only these reach the disk (docs/invariants.md#journal-file). Elsewhere they do
        // nothing.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        .connect()
        .await
}

/// Options of every connection.
fn settings(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
}

/// Checks that the file is a journal and not damaged.
async fn check(connection: &mut SqliteConnection) -> Result<(), Failure> {
    let broken = |why: String| Failure::new(ErrorCode::JournalFailed, OPEN).because(why);
    let result: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| failed(OPEN, &error))?;
    if result != "ok" {
        return Err(broken(format!("the file is damaged: {result}"))
            .hint("Keep the file, and ask a developer; a copy may lie beside it."));
    }
    let id = number(connection, "PRAGMA application_id").await?;
    let tables = number(connection, "SELECT count(*) FROM sqlite_schema").await?;
    if id != APPLICATION_ID && (id != 0 || tables != 0) {
        return Err(broken("the file belongs to another program".to_owned()));
    }
    Ok(())
}

/// Makes the folder (0700) and the file (0600) when they are missing. SQLite gives its `-wal` and
/// `-shm` files the permissions of the main file.
pub(super) fn private_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        crate::private::folder(folder)?;
    }
    crate::private::file(path).map(drop)
}
