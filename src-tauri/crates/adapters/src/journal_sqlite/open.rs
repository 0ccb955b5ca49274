//! Opens the file of the journal: rights, settings of SQLite, check, and migration of the schema.

use std::{path::Path, time::Duration};

use greenlight_types::{ErrorCode, Failure};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{SqliteJournal, failed};

/// Marks a file as ours: "GRNL".
const APPLICATION_ID: i64 = 0x4752_4e4c;
/// Each takes the schema one version further; `user_version` says how many were made.
const MIGRATIONS: &[&str] = &[include_str!("../../migrations/1.sql")];
const OPEN: &str = "open the record";

impl SqliteJournal {
    /// Opens the journal, makes it when it is not there, and brings its schema up to date after a backup beside it.
    /// A file with the schema of a newer app is opened to be read only.
    ///
    /// # Errors
    /// `JournalFailed` when the file cannot be opened, is damaged, or is no journal.
    pub async fn open(path: &Path) -> Result<Self, Failure> {
        Self::open_with(path, MIGRATIONS).await
    }

    /// Opens the journal of another window to read only; `None` when there is none. Makes and changes nothing, and one
    /// of an older app is read as it is.
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
        Ok(Some(Self { connection: Mutex::new(connection), path: path.to_owned(), newer_schema: Some(schema) }))
    }

    pub(super) async fn open_with(path: &Path, migrations: &[&'static str]) -> Result<Self, Failure> {
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
        Ok(Self { connection: Mutex::new(connection), path: path.to_owned(), newer_schema })
    }

    /// Closes the file in good order; a process that is killed instead loses nothing.
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
        // macOS: only these reach the platter (RELIABILITY.md 5, 32); elsewhere they do nothing.
        .pragma("fullfsync", "1")
        .pragma("checkpoint_fullfsync", "1")
        .connect()
        .await
}

/// What reading and writing share.
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

/// Is it ours, and is it whole?
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

async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    schema: i64,
    migrations: &[&'static str],
) -> Result<(), Failure> {
    let made = usize::try_from(schema).unwrap_or(0);
    if made > 0 && made < migrations.len() {
        back_up(connection, path, schema).await?;
    }
    for (index, sql) in migrations.iter().enumerate().skip(made) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| failed(OPEN, &error))?;
        run(&mut transaction, sql).await?;
        run(&mut transaction, &format!("PRAGMA application_id={APPLICATION_ID}")).await?;
        // The version is part of the transaction, so a migration is made completely or not at all.
        run(&mut transaction, &format!("PRAGMA user_version={}", index + 1)).await?;
        transaction.commit().await.map_err(|error| failed(OPEN, &error))?;
    }
    Ok(())
}

/// Copies the whole record beside itself: `journal.db.schema-1.bak`. A copy that is there stays the older one.
async fn back_up(connection: &mut SqliteConnection, path: &Path, schema: i64) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".schema-{schema}.bak"));
    let copy = std::path::PathBuf::from(name);
    let unusable = |error: std::io::Error| {
        Failure::new(ErrorCode::JournalFailed, "copy the record before changing its shape").because_of(&error)
    };
    if copy.metadata().is_ok_and(|found| found.len() > 0) {
        return Ok(());
    }
    // VACUUM INTO accepts an empty file; made by us first, it has the right rights from the start.
    private_file(&copy).map_err(unusable)?;
    sqlx::query("VACUUM INTO ?")
        .bind(copy.display().to_string())
        .execute(connection)
        .await
        .map_err(|error| failed("copy the record before changing its shape", &error))?;
    Ok(())
}

async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<(), Failure> {
    // Only texts of this file and of `migrations/` come here, never a value from outside.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(|error| failed(OPEN, &error))?;
    Ok(())
}

async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, Failure> {
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| failed(OPEN, &error))
}

/// Makes folder and file if they are missing, for this person only: 0700 and 0600. SQLite gives its `-wal` and `-shm`
/// files the rights of the main one.
fn private_file(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        crate::private::folder(folder)?;
    }
    crate::private::file(path).map(drop)
}
