//! PostgreSQL on loopback with Rally's database before the migration: `study_site` without
//! `closed_on`, and enough rows for a dump of plausible size. The server runs as a user other than
//! root, because initdb refuses root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::folder::{open_folder, set_mode};
use super::process::{Deadline, Process, Signal, clean_command, free_port, is_root, program, run};

/// The database of the application.
pub const DATABASE: &str = "rally";
/// The login user of the application, the backup and the migration.
pub const USER: &str = "rally";
/// Password of that user.
pub const PASSWORD: &str = "PeerDatabasePassword-7d41";

/// About 2 MiB in a compressed dump.
const SEED: &str = "
create table study_site (id serial primary key, name text not null, opened_on date not null, note text not null);
insert into study_site (name, opened_on, note)
  select 'Site ' || n, date '2019-01-01' + n % 2000, md5(n::text) || md5((n * 7)::text) from generate_series(1, 40000) n;
create table schema_version (version text not null, applied_at timestamptz not null default now());
insert into schema_version (version) values ('2.0.1.11');
";

/// A database server.
#[derive(Debug)]
pub struct Postgres {
    _server: Process,
    port: u16,
    bin: PathBuf,
    folder: TempDir,
}

impl Postgres {
    /// Creates a server with the schema of 2.0.1.11.
    ///
    /// # Errors
    /// When a program is missing or the server does not start.
    pub async fn start() -> Result<Self> {
        let bin = server_programs()?;
        program("database", "psql", "postgresql")?;
        let folder = open_folder("postgres")?;
        let data = folder.path().join("data");
        let password_file = folder.path().join("password");
        fs_err::create_dir(&data)?;
        fs_err::write(&password_file, PASSWORD)?;
        set_mode(&password_file, 0o644)?;
        if is_root() {
            run(Command::new("chown").arg("postgres:").arg(&data))?;
        }
        let mut initdb = as_owner(&bin.join("initdb"), folder.path())?;
        initdb.args(["-U", USER, "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"]);
        run(initdb.arg("--pwfile").arg(&password_file).arg("-D").arg(&data))?;

        let port = free_port()?;
        let mut server = as_owner(&bin.join("postgres"), folder.path())?;
        server.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        let quick = ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "synchronous_commit=off"];
        for setting in quick {
            server.args(["-c", setting]);
        }
        let mut server = Process::start("postgres", &server, Signal::Interrupt, &folder.path().join("postgres.log"))?;
        let mut deadline = Deadline::after(Duration::from_secs(20));
        while run(clean_command(bin.join("pg_isready"), folder.path())
            .args(["-q", "-h", "127.0.0.1", "-p"])
            .arg(port.to_string()))
        .is_err()
        {
            server.ensure_running()?;
            deadline.pause("PostgreSQL to accept connections").await?;
        }
        let started = Self { _server: server, port, bin, folder };
        started.sql("postgres", &format!("create database {DATABASE}"))?;
        started.sql(DATABASE, SEED)?;
        Ok(started)
    }

    /// Loopback port of the server.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Connection address of Rally's database, with the password.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_of(DATABASE)
    }

    /// Runs SQL on one database and returns the rows, with columns separated by `|`.
    ///
    /// # Errors
    /// When the server refuses the SQL. Nothing has changed then.
    pub fn sql(&self, database: &str, text: &str) -> Result<String> {
        let mut psql = clean_command("psql", self.folder.path());
        psql.args(["-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", "-d", &self.url_of(database), "-c", text]);
        Ok(run(&mut psql)?.trim_end().to_owned())
    }

    /// Whether `study_site` has the column that 2.1.0 needs.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn schema_is_migrated(&self) -> Result<bool> {
        self.has_column(DATABASE)
    }

    /// The newest schema version in the database.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn schema_version(&self) -> Result<String> {
        self.sql(DATABASE, "select version from schema_version order by applied_at desc limit 1")
    }

    /// Changes the schema in the way of a person who finishes a migration by hand.
    ///
    /// # Errors
    /// When the schema has already been changed.
    pub fn migrate_by_hand(&self) -> Result<()> {
        self.sql(
            DATABASE,
            "alter table study_site add column closed_on date; insert into schema_version values ('2.1.0')",
        )
        .map(|_| ())
    }

    /// Restores a dump into a new database with `pg_restore` and returns the number of rows of its
    /// `study_site`.
    ///
    /// # Errors
    /// When `pg_restore` reports an error.
    pub fn restore_check(&self, dump: &Path) -> Result<u64> {
        let database = format!("restored_{}", rand::random::<u32>());
        self.sql("postgres", &format!("create database {database}"))?;
        let mut restore = clean_command(self.bin.join("pg_restore"), self.folder.path());
        restore.args(["--exit-on-error", "--no-owner", "-d", &self.url_of(&database)]).arg(dump);
        run(&mut restore).context("the dump does not restore")?;
        let rows = self.sql(&database, "select count(*) from study_site")?;
        self.sql("postgres", &format!("drop database {database}"))?;
        Ok(rows.parse()?)
    }

    /// Whether a dump has the old schema, so that the backup was taken before the migration.
    ///
    /// # Errors
    /// When the dump cannot be read.
    pub fn dump_is_of_old_schema(&self, dump: &Path) -> Result<bool> {
        let mut restore = clean_command(self.bin.join("pg_restore"), self.folder.path());
        Ok(!run(restore.args(["--schema-only", "-f", "-"]).arg(dump))?.contains("closed_on"))
    }

    fn has_column(&self, database: &str) -> Result<bool> {
        let query = "select count(*) from information_schema.columns
            where table_name = 'study_site' and column_name = 'closed_on'";
        Ok(self.sql(database, query)? == "1")
    }

    fn url_of(&self, database: &str) -> String {
        format!("postgresql://{USER}:{PASSWORD}@127.0.0.1:{}/{database}", self.port)
    }
}

/// Folder of the newest installed server. Debian keeps it off PATH.
fn server_programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    versions
        .map(|entry| entry.path().join("bin"))
        .filter(|bin| bin.join("initdb").is_file())
        .max_by_key(|bin| bin.parent().and_then(Path::file_name).and_then(|name| name.to_str()?.parse::<u32>().ok()))
        .context("this peer (database) needs initdb: apt-get install --no-install-recommends postgresql")
}

/// A command as the user who owns the server's files. This is `postgres` when the test runs as
/// root.
fn as_owner(program_file: &Path, home: &Path) -> Result<Command> {
    if !is_root() {
        return Ok(clean_command(program_file, home));
    }
    let setpriv = program("database", "setpriv", "util-linux")?;
    let mut command = clean_command(setpriv, home);
    command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]).arg(program_file).current_dir("/");
    Ok(command)
}
