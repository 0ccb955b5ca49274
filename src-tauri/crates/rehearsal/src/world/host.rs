//! The staging machine as rules: jobs with one start each, scripts that take their time, files of backups, a restart that
//! loses what ran. The fronts run real scripts on a real shell instead; this one is for thousands of releases in memory.

use std::collections::BTreeMap;

use greenlight_types::Holder;
use serde::{Deserialize, Serialize};

mod orders;

use super::work::Work;

/// Size of a good backup: 4.1 GB.
pub const DUMP_BYTES: u64 = 4_100_000_000;

/// Exit code that a shell tells of a script that SIGHUP ended.
const SIGHUP: i32 = 129;

/// How the machine behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Jobs by id.
    pub jobs: BTreeMap<String, Job>,
    /// Backup files, oldest first.
    pub dumps: Vec<Dump>,
    /// Restarts so far.
    pub boot: u32,
    /// Whether it answers at all.
    pub is_reachable: bool,
    /// Whether the login user may run the backup as root (TRAP-S7).
    pub may_back_up: bool,
    /// How the next scripts end.
    pub ends: Ends,
    /// Schema that its migration brings: `2.1.0.0`.
    pub migrates_to: String,
    /// Hash over its migration folder; 64 characters.
    pub folder_hash: String,
    /// The fingerprint it presents.
    pub fingerprint: String,
    /// Its machine id.
    #[serde(default)]
    pub machine_id: String,
    /// Who holds the environment.
    #[serde(default)]
    pub holder: Option<Holder>,
    /// Whether a restart loses the gate of a job whose script has begun, as on a machine where it was not on disk before
    /// (INV-D3).
    #[serde(default)]
    pub forgets_gates: bool,
    /// Whether scripts end when the app does, as they do over a plain SSH channel (TRAP-S1).
    #[serde(default)]
    pub hangs_up: bool,
    /// Orders under way: when each arrives, and the machine that it is meant for.
    #[serde(default)]
    pub under_way: Vec<(i64, String, Packet)>,
}

/// An order for the machine that is still under way when its connection is given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Packet {
    /// A job to put there.
    Submit {
        /// Its id.
        id: String,
        /// Its script.
        script: String,
        /// Its mutex.
        mutex: String,
        /// How long it may be started, in ms.
        within: i64,
        /// The run that holds the environment.
        run: String,
    },
    /// A job to start.
    Launch {
        /// Its id.
        id: String,
        /// The run that holds the environment.
        run: String,
    },
}

/// How scripts end, and how long they take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ends {
    /// How many of the next backups go well before any goes wrong.
    #[serde(default)]
    pub good_backups: u32,
    /// How many go wrong then.
    pub bad_backups: u32,
    /// Exit code of a backup that goes wrong; with 0 it leaves an empty file (TRAP-M1).
    pub backup: i32,
    /// Exit code of the migration.
    pub migration: i32,
    /// How long a backup takes, in ms.
    pub backup_ms: i64,
    /// Whether every backup is written over the one before.
    #[serde(default)]
    pub has_one_name: bool,
    /// How many of the next proofs of a backup never come to their end.
    #[serde(default)]
    pub lost_proofs: u32,
    /// How long a migration takes, in ms.
    pub migration_ms: i64,
    /// Whether the migration leaves the database as it was, however it ends.
    #[serde(default)]
    pub changes_nothing: bool,
}

/// A job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its exact script.
    pub script: String,
    /// Of all jobs with this word, one runs at a time.
    pub mutex: String,
    /// After this it is not started any more.
    pub not_after_ms: i64,
    /// Why its gate was closed before it started: `expired` or `outside`.
    pub revoked: Option<String>,
    /// When its script began.
    pub started_ms: Option<i64>,
    /// When its script ends by itself.
    pub ends_ms: i64,
    /// When it ended, and its exit code.
    pub ended: Option<(i64, i32)>,
    /// The machine was restarted while it ran: nobody wrote a result (RELIABILITY.md 3.4, REBOOTED).
    pub is_lost: bool,
    /// How often its script began.
    pub starts: u32,
}

/// What became of putting a job on the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is there now.
    New,
    /// It was there.
    Same,
    /// Another one of this name is there.
    Conflict,
    /// The gate of this name was closed.
    Revoked,
    /// The attempt before may still start, or runs.
    Unfinished,
    /// Another run holds the environment, or nobody.
    NotHeld,
}

/// A backup file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dump {
    /// Job that wrote it; empty when somebody else did.
    pub job: String,
    /// Name.
    pub file: String,
    /// Size.
    pub bytes: u64,
    /// When it was written.
    pub at_ms: i64,
    /// Whether it can be read to its end.
    pub is_good: bool,
}

impl Host {
    /// A machine that was prepared for a version.
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
            }],
            boot: 1,
            is_reachable: true,
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

    /// Whether a run holds the environment.
    #[must_use]
    pub fn is_held_by(&self, run: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.run.0 == run)
    }

    /// Whether the attempt before this one is over.
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

    /// When the next script ends.
    pub(crate) fn due_ms(&self) -> Option<i64> {
        let ends = self.jobs.values().filter(|job| job.is_running()).map(|job| job.ends_ms);
        ends.chain(self.under_way.iter().map(|(at, _, _)| *at)).min()
    }

    /// The newest file that a pattern of backups finds.
    #[must_use]
    pub fn newest_dump(&self) -> Option<&Dump> {
        self.dumps.iter().max_by_key(|dump| dump.at_ms)
    }
}

impl Job {
    /// Whether its script runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.started_ms.is_some() && self.ended.is_none() && !self.is_lost
    }

    /// What it does, read from its script; `None` when it touches no database.
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

    /// Everything it has printed by now.
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
