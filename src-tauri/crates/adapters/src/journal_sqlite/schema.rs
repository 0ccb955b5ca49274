//! The schema of the journal and its migrations. Each migration is one transaction, after a copy of
//! the whole file.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use greenlight_types::{ErrorCode, Failure, RunId};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::{OPEN, chain, entry::Entry, failed, open::private_file};

/// `application_id` of a journal: "GRNL".
pub(super) const APPLICATION_ID: i64 = 0x4752_4e4c;
/// First schema with a hash chain.
pub(super) const CHAINED: i64 = 2;
/// Newest schema of this version.
pub(super) const KNOWN: i64 = MIGRATIONS.len() as i64;
/// All migrations in order. `user_version` is the number of those that were made.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("../../migrations/1.sql"), needs_chains: false },
    Migration { sql: include_str!("../../migrations/2.sql"), needs_chains: true },
];

const COPY: &str = "copy the record before changing its shape";

/// One step from a schema to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    pub sql: &'static str,
    /// Whether the SQL reads the hashes of the events from a table `chains`, because SQLite cannot
    /// compute them.
    pub needs_chains: bool,
}

/// Migrates the schema to the newest version.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
    schema: i64,
    migrations: &[Migration],
) -> Result<(), Failure> {
    let made = usize::try_from(schema).unwrap_or(0);
    if made > 0 && made < migrations.len() {
        back_up(connection, path, schema).await?;
    }
    for (index, migration) in migrations.iter().enumerate().skip(made) {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| failed(OPEN, &error))?;
        if migration.needs_chains {
            fill_chains(&mut transaction).await?;
        }
        run(&mut transaction, migration.sql).await?;
        run(&mut transaction, &format!("PRAGMA application_id={APPLICATION_ID}")).await?;
        // The version is part of the transaction.
        run(&mut transaction, &format!("PRAGMA user_version={}", index + 1)).await?;
        transaction.commit().await.map_err(|error| failed(OPEN, &error))?;
    }
    Ok(())
}

/// Writes the hash of every event to a new table `chains`, one run at a time. Earlier alterations
/// stay unknown.
async fn fill_chains(connection: &mut SqliteConnection) -> Result<(), Failure> {
    run(
        connection,
        "CREATE TABLE chains (run TEXT NOT NULL, seq INTEGER NOT NULL, chain BLOB NOT NULL, PRIMARY KEY (run, seq)) STRICT",
    )
    .await?;
    let refused = |error: sqlx::Error| failed(OPEN, &error);
    let runs = sqlx::query_scalar::<_, String>("SELECT DISTINCT run FROM events").fetch_all(&mut *connection).await;
    for run in runs.map_err(refused)?.into_iter().map(RunId) {
        let rows = sqlx::query("SELECT seq, at, actor, app_version, kind, body FROM events WHERE run = ? ORDER BY seq")
            .bind(&run.0)
            .fetch_all(&mut *connection)
            .await
            .map_err(refused)?;
        let entries = rows.iter().map(Entry::from_row).collect::<Result<Vec<_>, _>>()?;
        for linked in chain::chain(&run, None, entries) {
            sqlx::query("INSERT INTO chains (run, seq, chain) VALUES (?, ?, ?)")
                .bind(&run.0)
                .bind(linked.entry.seq)
                .bind(linked.chain)
                .execute(&mut *connection)
                .await
                .map_err(refused)?;
        }
    }
    Ok(())
}

/// Copies the file to `journal.db.schema-1.bak` in the same folder. Keeps a copy that exists. The
/// copy gets its name when it is complete, so an incomplete one never has this name.
async fn back_up(connection: &mut SqliteConnection, path: &Path, schema: i64) -> Result<(), Failure> {
    let beside = |end: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".schema-{schema}.bak{end}"));
        PathBuf::from(name)
    };
    let unusable = |error: std::io::Error| {
        Failure::new(ErrorCode::JournalFailed, COPY)
            .because_of(&error)
            .hint("Check the rights of the folder that holds the record, and the space on the disk.")
    };
    let (copy, part) = (beside(""), beside(".part"));
    if copy.try_exists().map_err(unusable)? {
        return Ok(());
    }
    // Files of an earlier attempt. SQLite would apply their journal to the new copy.
    for left in [&part, &beside(".part-journal")] {
        match fs_err::remove_file(left) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unusable(error)),
            Ok(()) | Err(_) => {}
        }
    }
    // VACUUM INTO accepts an empty file, which has the right permissions from the start.
    private_file(&part).map_err(unusable)?;
    sqlx::query("VACUUM INTO ?")
        .bind(part.display().to_string())
        .execute(connection)
        .await
        .map_err(|error| failed(COPY, &error))?;
    fs_err::rename(&part, &copy).map_err(unusable)?;
    sync_folder(&copy).map_err(unusable)
}

/// Syncs a folder, so that a new name in it is on disk. Windows has no such call.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => fs_err::File::open(folder)?.sync_all(),
        Some(_) | None => Ok(()),
    }
}

pub(super) async fn run(connection: &mut SqliteConnection, sql: &str) -> Result<(), Failure> {
    // The texts are of this module and of `migrations/`, never values from outside.
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map_err(|error| failed(OPEN, &error))?;
    Ok(())
}

pub(super) async fn number(connection: &mut SqliteConnection, sql: &'static str) -> Result<i64, Failure> {
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(|error| failed(OPEN, &error))
}
