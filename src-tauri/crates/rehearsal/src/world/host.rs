//! Model of the host: jobs that start at most once, scripts with a duration, backup files, and
//! restarts that lose running scripts.
//!
//! The fronts run real scripts in a real shell instead. This model serves thousands of releases in
//! memory.

use std::collections::BTreeMap;

use greenlight_types::LockOwner;
use serde::{Deserialize, Serialize};

mod orders;

use super::work::Work;

/// Size of a good backup: 4.1 GB.
pub const DUMP_BYTES: u64 = 4_100_000_000;

/// Exit code that a shell reports for a script ended by SIGHUP.
const SIGHUP: i32 = 129;
/// The same for SIGKILL.
const SIGKILL: i32 = 137;
/// The same for SIGTERM.
const SIGTERM: i32 = 143;
/// Time after which a script that hangs would end, in ms: a month.
const HANGS_MS: i64 = 30 * 86_400_000;

/// State and behaviour of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// All jobs by job id.
    pub jobs: BTreeMap<String, Job>,
    /// Backup files, oldest first.
    pub dumps: Vec<Dump>,
    #[serde(default)]
    pub dump_folder: DumpFolder,
    /// Number of boots, from 1.
    pub boot: u32,
    /// Whether the host answers at all.
    pub is_reachable: bool,
    /// The only address at which the host answers; empty for every address.
    #[serde(default)]
    pub address: String,
    /// Whether the login user may run the backup as root (TRAP-S7).
    pub may_back_up: bool,
    /// How the next scripts end.
    pub ends: Ends,
    /// How the next scripts hang.
    #[serde(default)]
    pub hanging: Hanging,
    /// Schema version that the migration on this host brings: `2.1.0.0`.
    pub migrates_to: String,
    /// Hash of the migration folder, 64 characters.
    pub folder_hash: String,
    /// Fingerprint that the host presents.
    pub fingerprint: String,
    /// Identity of the machine; a replaced machine has another one.
    #[serde(default)]
    pub machine_id: String,
    /// Owner of the environment lock.
    #[serde(default)]
    pub holder: Option<LockOwner>,
    /// Whether a restart loses the start latch of a job whose script has begun (INV-D3). Models a
    /// latch that did not reach the disk.
    #[serde(default)]
    pub forgets_gates: bool,
    /// Whether scripts end when the app ends, as they do over a plain SSH channel (TRAP-S1).
    #[serde(default)]
    pub hangs_up: bool,
    /// Orders under way: arrival in ms since 1970, machine id of the addressee, order.
    #[serde(default)]
    pub under_way: Vec<(i64, String, Packet)>,
}

/// An order that is still under way when the app gives its connection up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Packet {
    /// Puts a job on the host.
    Submit {
        /// Identifies the job.
        id: String,
        /// Exact text of the script.
        script: String,
        /// Mutex of the job, see [`Job::mutex`].
        mutex: String,
        /// Time in which the job may be started, in ms.
        within: i64,
        /// Run that must own the environment lock.
        run: String,
    },
    /// Starts a submitted job.
    Launch {
        /// Identifies the job.
        id: String,
        /// Run that must own the environment lock.
        run: String,
    },
}

/// Who may list the folder of the backup files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DumpFolder {
    /// The login user.
    #[default]
    Open,
    /// Root, and sudo lets the login user become root for every program.
    RootOnly,
    /// Root, and sudo lets the login user become root for the backup script only.
    Closed,
}

/// How scripts end, and how long they take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// Number of backups that succeed before the first bad one.
    #[serde(default)]
    pub good_backups: u32,
    /// Number of backups that fail after the good ones.
    pub bad_backups: u32,
    /// Exit code of a bad backup. With 0 it leaves an empty file (TRAP-M1).
    pub backup: i32,
    /// Exit code of the migration.
    pub migration: i32,
    /// Duration of a backup, in ms.
    pub backup_ms: i64,
    /// Whether each backup overwrites the previous one.
    #[serde(default)]
    pub has_one_name: bool,
    /// Number of the next backup proofs that never finish.
    #[serde(default)]
    pub lost_proofs: u32,
    /// Duration of a migration, in ms.
    pub migration_ms: i64,
    /// Whether the migration leaves the database unchanged, with any exit code.
    #[serde(default)]
    pub changes_nothing: bool,
}

/// A job on the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Exact text of the script.
    pub script: String,
    /// Of all jobs with the same mutex, one runs at a time. An empty mutex excludes nothing.
    pub mutex: String,
    /// Latest time of a start, in ms since 1970.
    pub not_after_ms: i64,
    /// Reason of the revoke before the start: `expired` or `outside`.
    pub revoked: Option<String>,
    /// Start of the script, in ms since 1970.
    pub started_ms: Option<i64>,
    /// Planned end of the script, in ms since 1970.
    pub ends_ms: i64,
    /// End in ms since 1970, and exit code.
    pub ended: Option<(i64, i32)>,
    /// The host restarted while the script ran, so no result exists (`rebooted` in
    /// docs/remote-jobs.md).
    pub is_lost: bool,
    /// Number of starts of the script.
    pub starts: u32,
    /// The script does nothing and does not end.
    #[serde(default)]
    pub hangs: bool,
}

/// Result of a submit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// The job is new on the host.
    New,
    /// The same job was on the host before.
    Same,
    /// Another script has this job id.
    Conflict,
    /// The job id was revoked.
    Revoked,
    /// The previous attempt may still start, or runs.
    Unfinished,
    /// The run does not own the environment lock.
    NotOwner,
}

/// Result of an order to stop a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Its processes got the signal.
    Signalled,
    /// The script does not run.
    NotRunning,
    /// The script runs as another user.
    OtherUser,
    /// The run does not own the environment lock.
    NotOwner,
}

/// How the scripts on the host hang.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Hanging {
    /// Number of the next backups that never end.
    pub backups: u32,
    /// Number of the next migrations that never end.
    pub migrations: u32,
    /// Whether they ignore SIGTERM.
    pub ignores_term: bool,
    /// Whether they end with 0 at SIGTERM, without their work.
    pub exits_with_0: bool,
    /// Whether they run as another user, whose processes the login user may not stop.
    pub is_foreign: bool,
}

/// A backup file on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// Job that wrote the file; empty for a file from outside the app.
    pub job: String,
    /// Name of the file.
    pub file: String,
    /// File size in bytes.
    pub bytes: u64,
    /// Time of writing, in ms since 1970.
    pub at_ms: i64,
    /// Whether the file can be read to its end.
    pub is_good: bool,
    /// Schema version in the file. Empty in states of earlier versions, and for a file from outside
    /// the app.
    #[serde(default)]
    pub schema: String,
}

impl Host {
    /// A host prepared for the migration to a version.
    #[must_use]
    pub fn prepared_for(version: &str, now_ms: i64) -> Self {
        Self {
            jobs: BTreeMap::new(),
            dumps: vec![Dump {
                job: String::new(),
                file: "rally-yesterday.dump".to_owned(),
                bytes: DUMP_BYTES - 7,
                at_ms: now_ms - 86_400_000,
                is_good: true,
                schema: String::new(),
            }],
            dump_folder: DumpFolder::Open,
            boot: 1,
            is_reachable: true,
            address: String::new(),
            may_back_up: true,
            ends: Ends {
                good_backups: 0,
                bad_backups: 0,
                backup: 1,
                migration: 0,
                backup_ms: Work::Backup.duration_ms(),
                has_one_name: false,
                lost_proofs: 0,
                migration_ms: Work::Migration.duration_ms(),
                changes_nothing: false,
            },
            hanging: Hanging::default(),
            migrates_to: version.to_owned(),
            folder_hash: super::digest(version).trim_start_matches("sha256:").to_owned(),
            fingerprint: format!("SHA256:{}", super::digest(version).chars().skip(7).take(43).collect::<String>()),
            machine_id: "machine-1".to_owned(),
            holder: None,
            forgets_gates: false,
            hangs_up: false,
            under_way: Vec::new(),
        }
    }

    /// Whether a run owns the environment lock.
    #[must_use]
    pub fn is_held_by(&self, run: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.run.0 == run)
    }

    /// Whether the previous attempt of this job is over.
    fn is_next(&self, id: &str) -> bool {
        let Some((name, number)) = id.rsplit_once(".a") else { return true };
        let Ok(number @ 2..) = number.parse::<u32>() else { return true };
        let before = self.jobs.get(&format!("{name}.a{}", number - 1));
        before.is_some_and(|job| job.revoked.is_some() || job.started_ms.is_some() && !job.is_running())
    }

    /// Whether another job with the same mutex runs.
    #[must_use]
    pub fn is_busy(&self, id: &str) -> bool {
        let mutex = self.jobs.get(id).map(|job| job.mutex.as_str()).unwrap_or_default();
        !mutex.is_empty() && self.jobs.iter().any(|(other, job)| other != id && job.mutex == mutex && job.is_running())
    }

    /// Time of the next end of a script or arrival of an order, in ms since 1970.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let ends = self.jobs.values().filter(|job| job.is_running()).map(|job| job.ends_ms);
        ends.chain(self.under_way.iter().map(|(at, _, _)| *at)).min()
    }

    /// The newest backup file.
    #[must_use]
    pub fn newest_dump(&self) -> Option<&Dump> {
        self.dumps.iter().max_by_key(|dump| dump.at_ms)
    }
}

impl Job {
    /// Whether the script runs now.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.started_ms.is_some() && self.ended.is_none() && !self.is_lost
    }

    /// The kind of work, read from the script; `None` when the script touches no database.
    #[must_use]
    pub fn work(&self) -> Option<Work> {
        if self.script.contains("backupRally") {
            Some(Work::Backup)
        } else if self.script.contains("run.sh") {
            Some(Work::Migration)
        } else {
            None
        }
    }

    /// Output that the script has printed until `now_ms`.
    #[must_use]
    pub fn output(&self, now_ms: i64) -> String {
        let (Some(started), Some(work)) = (self.started_ms, self.work()) else { return String::new() };
        let length = (self.ends_ms - started).max(1);
        let until = self.ended.map_or(now_ms, |(at, _)| at);
        let part = (until - started).saturating_mul(1_000) / length;
        let stop = self.ended.map_or(1_000, |(_, exit)| if exit == 0 { 1_000 } else { 500 });
        let mut text: String = work
            .lines()
            .iter()
            .filter(|(at, _)| *at <= part && *at < stop)
            .map(|(_, line)| format!("{line}\n"))
            .collect();
        if self.ended.is_some_and(|(_, exit)| exit != 0) {
            text.push_str("ERROR: stopped half-way\n");
        }
        text
    }
}
