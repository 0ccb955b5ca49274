//! The staging machine as the engine needs it: commands that only read, and jobs that start at most once.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{Holder, RunId, RunView, StagingMachine, Timestamp};
use serde::{Deserialize, Serialize};

use super::PortResult;

/// Where the staging machine is, and which one it has to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAddress {
    /// Name or address.
    pub address: String,
    /// SSH port.
    pub port: u16,
    /// Login user.
    pub user: String,
    /// Confirmed fingerprint `SHA256:…`; nothing is sent to a host with another one (INV-S1).
    pub fingerprint: String,
    /// Its machine id, as Deploy recorded it; empty when nobody has asked yet. A job verb at a machine with another one is
    /// refused with `HostReplaced`, also when it only reads: a replaced machine knows of no job (INV-S2).
    pub machine_id: String,
}

impl HostAddress {
    /// The address of a run's staging machine.
    #[must_use]
    pub fn of(staging: &StagingMachine) -> Self {
        Self {
            address: staging.address.clone(),
            port: staging.port,
            user: staging.user.clone(),
            fingerprint: staging.fingerprint.clone(),
            machine_id: staging.machine_id.clone(),
        }
    }
}

/// The right of a run to change an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// `<product>.<environment>`; characters as in a job id.
    pub environment: String,
    /// The run.
    pub run: RunId,
}

impl Hold {
    /// The environment of a run's product.
    #[must_use]
    pub fn of(run: &RunView) -> Self {
        let product = &run.profile.product;
        Self { environment: format!("{}.{}", product.id, product.environment), run: run.id.clone() }
    }
}

/// Who takes an environment, for whoever finds it taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taker {
    /// Person.
    pub person: String,
    /// Computer.
    pub computer: String,
    /// The version that is released.
    pub version: String,
    /// Why it is taken from another run; empty when nobody holds it.
    pub reason: String,
}

/// What a machine says of itself and of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// `/etc/machine-id` of the machine.
    pub machine_id: String,
    /// Its boot id.
    pub boot_id: String,
    /// Who holds the environment.
    pub holder: Option<Holder>,
}

/// Whether a run holds an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// It does.
    Ours,
    /// Another one does, or nobody; nothing was changed.
    NotOurs(Option<Holder>),
}

/// A script to run detached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// `<product>.<environment>.<step>.<version>.a<k>`; characters `[A-Za-z0-9._-]`, at most 100.
    pub id: String,
    /// The exact script (POSIX sh). It holds directory, environment, login shell and sudo.
    pub script: String,
    /// Of all jobs of the machine with the same word here, one runs at a time (INV-D4). Characters as in the id.
    pub mutex: String,
    /// It is put there, and starts, only while this run holds the environment.
    pub hold: Hold,
    /// It never starts later than this after it was put there, however late the order to start it arrives (INV-D5).
    pub starts_within: Duration,
}

/// What the host says about a job (RELIABILITY.md 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// No such job.
    Absent,
    /// Put there, never started; it may start.
    NotStarted,
    /// Put there, never started: another job with the same mutex runs.
    Busy,
    /// Put there, never started, and it is too late to start it now.
    Expired,
    /// Its gate was closed before it started: it never starts.
    Revoked(Why),
    /// Its script runs.
    Running,
    /// Its script runs on; what was to write its result down has ended.
    Orphaned,
    /// Its script ended.
    Finished {
        /// Exit code.
        exit: i32,
        /// When, by the host's clock.
        finished_at: Timestamp,
    },
    /// It started, and nothing runs, and there is no result: killed, or the host was restarted or replaced. Outcome
    /// unknown.
    Lost {
        /// What the host shows.
        why: String,
    },
}

impl JobState {
    /// It never started, and whether it still may is another question.
    #[must_use]
    pub const fn never_started(&self) -> bool {
        matches!(self, Self::Absent | Self::NotStarted | Self::Busy | Self::Expired | Self::Revoked(_))
    }

    /// Exit code and time of the end of its script, once it has ended with a result.
    #[must_use]
    pub const fn end(&self) -> Option<(i32, Timestamp)> {
        match self {
            Self::Finished { exit, finished_at } => Some((*exit, *finished_at)),
            Self::Absent
            | Self::NotStarted
            | Self::Busy
            | Self::Expired
            | Self::Revoked(_)
            | Self::Running
            | Self::Orphaned
            | Self::Lost { .. } => None,
        }
    }

    /// Its script runs now.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        matches!(self, Self::Running | Self::Orphaned)
    }
}

/// A job as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: JobState,
    /// When it started, by the host's clock.
    pub started_at: Option<Timestamp>,
    /// Bytes of output so far.
    pub output_bytes: u64,
}

/// Result of a submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Submitted {
    /// The job is on the host now.
    New,
    /// It was there before, with the same content.
    Same,
    /// A job of this id with other content is there; nothing was changed.
    Conflict,
    /// The gate of this id was closed: it never starts.
    Revoked,
    /// The attempt before this one is not over; nothing was changed.
    Unfinished,
    /// The run does not hold the environment; nothing was changed.
    NotHeld(Option<Holder>),
}

/// Result of the order to start a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Launched {
    /// It was given. Whether the job starts, its status tells.
    Ordered,
    /// The run does not hold the environment; nothing was started.
    NotHeld(Option<Holder>),
}

/// Why the gate of a job was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// It was not started in time, and another attempt takes its place.
    Expired,
    /// A named person said that its work was done outside the app.
    Outside,
}

/// Result of closing the gate of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revoked {
    /// It never started and never will, whatever is still on its way to the machine.
    Won,
    /// It had started before.
    Lost,
}

/// Output of a command that only reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOutput {
    /// Exit code; `None` when the session ended without one (then nothing may be concluded).
    pub exit: Option<i32>,
    /// Standard output, at most 256 KiB.
    pub out: String,
    /// Standard error, at most 64 KiB.
    pub err: String,
}

/// The staging machine. Jobs live in `~/.greenlight/jobs/<id>` of the login user.
#[async_trait]
pub trait RemoteHost: Send + Sync {
    /// The fingerprint that the host presents, without sending any authentication.
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String>;
    /// Runs a command that only reads, in a plain `sh`, with a deadline.
    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput>;
    /// Puts a job on the host. Repeatable: the first submit of an id wins.
    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted>;
    /// Starts a submitted job, detached from the connection, unless it started before. Repeatable: one start at most.
    async fn launch(&self, host: &HostAddress, id: &str, hold: &Hold) -> PortResult<Launched>;
    /// Closes the gate of a job for ever, also of one that is not there yet. Repeatable.
    async fn revoke(&self, host: &HostAddress, id: &str, why: Why) -> PortResult<Revoked>;
    /// Which machine this is, and who holds an environment.
    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment>;
    /// Takes an environment for a run, from `from` or from nobody, and only when that is still so (compare and swap).
    /// Repeatable: a run that holds it already keeps it.
    async fn hold(&self, host: &HostAddress, hold: &Hold, taker: &Taker, from: Option<&RunId>) -> PortResult<Held>;
    /// Whether a run still holds its environment; when it does, it is noted as seen.
    async fn still_holds(&self, host: &HostAddress, hold: &Hold) -> PortResult<Held>;
    /// Gives an environment back. Repeatable; of another holder nothing is changed.
    async fn leave(&self, host: &HostAddress, hold: &Hold) -> PortResult<()>;
    /// What the host knows of a job.
    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus>;
    /// Jobs whose id starts with `prefix`, sorted.
    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>>;
    /// At most `max` bytes of output from `offset`.
    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>>;
}
