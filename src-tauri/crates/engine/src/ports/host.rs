//! The staging machine as the engine uses it: commands that only read, and jobs that start at most
//! once (docs/remote-jobs.md).

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{LockOwner, RunId, RunView, StagingMachine, Timestamp};
use serde::{Deserialize, Serialize};

use super::PortResult;

/// Address and identity of the staging machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAddress {
    /// Host name or IP address.
    pub address: String,
    pub port: u16,
    pub user: String,
    /// Confirmed fingerprint `SHA256:…`. Nothing is sent to a host with another one (INV-S1).
    pub fingerprint: String,
    /// Machine id that Deploy recorded. Empty before the first question. A machine with another id
    /// refuses every job verb with `HostReplaced`, also a read: a replaced machine knows no job
    /// (INV-S2).
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

/// Environment and run of an environment lock: the right of the run to change the environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvLock {
    /// `<product>.<environment>`, in the characters of a job id.
    pub environment: String,
    pub run: RunId,
}

impl EnvLock {
    /// The environment of a run's product.
    #[must_use]
    pub fn of(run: &RunView) -> Self {
        let product = &run.profile.product;
        Self { environment: format!("{}.{}", product.id, product.environment), run: run.id.clone() }
    }
}

/// A new lock owner, as other operators see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockClaim {
    pub person: String,
    /// Name of the computer.
    pub computer: String,
    /// The version that is released.
    pub version: String,
    /// Why the lock is taken from another run. Empty when the lock is free.
    pub reason: String,
}

/// A machine's report about itself and the owner of an environment lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// `/etc/machine-id` of the machine.
    pub machine_id: String,
    /// Boot id of the machine.
    pub boot_id: String,
    /// Owner of the environment lock. `None` when the lock is free.
    pub owner: Option<LockOwner>,
}

/// Whether a run owns an environment lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// The run owns the lock.
    Ours,
    /// Another run owns the lock, or the lock is free. Nothing was changed.
    NotOurs(Option<LockOwner>),
}

/// A script to run detached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Job id `<product>.<environment>.<step>.<version>.a<k>` of at most 100 characters
    /// `[A-Za-z0-9._-]`.
    pub id: String,
    /// The exact script (POSIX sh), with directory, environment, login shell and sudo.
    pub script: String,
    /// Name of a mutex, in the characters of a job id. At most one job with the same mutex runs on
    /// a machine (INV-D4).
    pub mutex: String,
    /// The machine accepts and starts the job only while this run owns the environment lock.
    pub lock: EnvLock,
    /// The job never starts later than this after its submit, however late the launch order arrives
    /// (INV-D5).
    pub starts_within: Duration,
}

/// State of a job on the host (docs/remote-jobs.md#states).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// The host has no such job.
    Absent,
    /// Submitted, never started. It may start.
    NotStarted,
    /// Submitted, never started: another job with the same mutex runs.
    Busy,
    /// Submitted, never started, and its time limit has passed.
    Expired,
    /// Revoked before it started. It never starts.
    Revoked(RevokeReason),
    /// The script runs.
    Running,
    /// The script runs, and its supervisor has ended.
    Orphaned,
    /// The script has ended.
    Finished {
        exit: i32,
        /// End of the script, by the clock of the host.
        finished_at: Timestamp,
    },
    /// It started, nothing runs, and there is no result: the job was killed, or the host was
    /// restarted or replaced. The outcome is unknown.
    Lost {
        /// Description of the host's answer.
        why: String,
    },
}

impl JobState {
    /// Whether the job never started. It may still start later, unless it is revoked.
    #[must_use]
    pub const fn never_started(&self) -> bool {
        matches!(self, Self::Absent | Self::NotStarted | Self::Busy | Self::Expired | Self::Revoked(_))
    }

    /// Exit code and end of the script, if it ended with a result.
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

    /// Whether the script runs now.
    #[must_use]
    pub const fn is_alive(&self) -> bool {
        matches!(self, Self::Running | Self::Orphaned)
    }
}

/// Answer of the host about a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStatus {
    pub id: String,
    pub state: JobState,
    /// Start of the script, by the clock of the host.
    pub started_at: Option<Timestamp>,
    /// Bytes of output so far.
    pub output_bytes: u64,
}

/// Result of a submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Submitted {
    /// The job is on the host now.
    New,
    /// The job was there before, with the same content.
    Same,
    /// The host has a job with this id and other content. Nothing was changed.
    Conflict,
    /// This job is revoked. It never starts.
    Revoked,
    /// The attempt before this one is not over. Nothing was changed.
    Unfinished,
    /// The run does not own the environment lock. Nothing was changed.
    NotOwner(Option<LockOwner>),
}

/// Result of the order to start a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Launched {
    /// The order was given. The status tells whether the job starts.
    Ordered,
    /// The run does not own the environment lock. Nothing was started.
    NotOwner(Option<LockOwner>),
}

/// Reason of a revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RevokeReason {
    /// The job was not started in time, or is not needed. Another attempt may replace it.
    Expired,
    /// A named person said that the work was done outside the app.
    Outside,
}

/// Result of a revoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Revoked {
    /// The job never started and never will, even if an order arrives late.
    Won,
    /// The job had started before.
    Lost,
}

/// Signal to the processes of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopSignal {
    /// SIGTERM. A script may clean up, or ignore it.
    Terminate,
    /// SIGKILL. No script can ignore it.
    Kill,
}

/// Result of the order to stop a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptStop {
    /// Every process of the script got the signal. The status tells when it has ended.
    Signalled,
    /// The script has ended, or it never started.
    NotRunning,
    /// The script has only just started. No process got the signal.
    TooEarly,
    /// A process of the script belongs to another user, and sudo does not stop it. No process got
    /// the signal.
    OtherUser {
        /// Process group of the script.
        group: String,
    },
    /// The run does not own the environment lock. No process got the signal.
    NotOwner(Option<LockOwner>),
}

/// Output of a command that only reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOutput {
    /// Exit code. `None` when the session ended without one: such an answer proves nothing.
    pub exit: Option<i32>,
    /// Standard output, cut at 256 KiB.
    pub out: String,
    /// Standard error, cut at 64 KiB.
    pub err: String,
}

/// The staging machine. Jobs live in `~/.greenlight/jobs/<id>` of the login user.
#[async_trait]
pub trait RemoteHost: Send + Sync {
    /// The fingerprints of the host's keys, that of the preferred key first. Never empty. Sends no
    /// authentication.
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>>;
    /// Runs a command that only reads, in a plain `sh`, with a deadline.
    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput>;
    /// Submits a job. Idempotent: the first submit of an id wins.
    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted>;
    /// Starts a submitted job, detached from the connection, unless it started before. Idempotent:
    /// a job starts at most once.
    async fn launch(&self, host: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Launched>;
    /// Revokes a job for ever by taking its start latch, also for a job that is not there yet.
    /// Idempotent.
    async fn revoke(&self, host: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Revoked>;
    /// Sends a signal to every process of a script that runs, if the run owns the environment lock.
    async fn stop_script(
        &self,
        host: &HostAddress,
        id: &str,
        lock: &EnvLock,
        signal: StopSignal,
    ) -> PortResult<ScriptStop>;
    /// The identity of the machine, and the owner of an environment lock.
    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment>;
    /// Acquires the environment lock for a run, as a compare-and-swap: `from` must be the owner, or
    /// the lock must be free if `from` is `None`. Idempotent: a run that owns the lock keeps it.
    async fn acquire_lock(
        &self,
        host: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Ownership>;
    /// Whether a run still owns its environment lock. If it does, the host notes the time of the
    /// question.
    async fn check_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<Ownership>;
    /// Releases an environment lock. Idempotent. Changes nothing if another run owns it.
    async fn release_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<()>;
    /// The state of a job.
    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus>;
    /// Jobs whose id starts with `prefix`, sorted.
    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>>;
    /// At most `max` bytes of output from `offset`.
    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>>;
}
