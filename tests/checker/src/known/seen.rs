//! The newest answers and effects of the world.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::records::{Deployment, JobState, Ref, Task, Work};

/// Number of service reads that are kept. Two reads make one verdict, and other reads may come
/// between.
const LOOKS_KEPT: usize = 4;

/// Answers and effects of the world.
#[derive(Debug, Default)]
pub struct Seen {
    pub listing: BTreeMap<String, Ref>,
    /// Commits of the pull requests that the app opened.
    pub pull_requests: Vec<String>,
    /// Commits of main that pull requests became.
    pub merged: Vec<String>,
    pub described: BTreeSet<String>,
    pub looks: VecDeque<(Vec<Deployment>, Vec<Task>)>,
    pub site: Option<String>,
    pub jobs: BTreeMap<String, (JobState, Option<i32>)>,
    pub runs: BTreeMap<String, RunSeen>,
    pub images: BTreeMap<String, Option<String>>,
    /// The commit of each image that a workflow run pushed, by digest.
    pub built_from: BTreeMap<String, String>,
    /// Jobs that were revoked before they started.
    pub revoked: BTreeSet<String>,
    /// Jobs whose script began and has not ended.
    pub running: BTreeSet<String>,
    /// Jobs whose script got a signal by a person's order.
    pub stopped_scripts: BTreeSet<String>,
    /// Number of script starts per job.
    pub payloads: BTreeMap<String, u32>,
    /// Jobs of the migrations that began, in order.
    pub migrations: Vec<String>,
    /// Whether a migration changed the schema and no restore followed.
    pub is_schema_changed: bool,
    /// Job, file name and readability of each dump.
    pub dumps: Vec<(String, String, bool)>,
    pub exits: BTreeMap<String, i32>,
    /// Time and ARN of the newest revision that another actor saved.
    pub saved: Option<(i64, String)>,
    /// Ids of workflow runs in answers to the app's dispatches.
    pub told_runs: BTreeSet<String>,
    /// The run that has the environment lock, and the time of the last change.
    pub holder: (Option<String>, i64),
    /// The environment lock on the git remote.
    pub lock: LockSeen,
    /// The database's last answer.
    pub database: Option<String>,
    /// The database's answer when the migration began.
    pub database_before: Option<String>,
    /// Number of the newest app process that sent a request.
    pub process: u32,
    /// Id of the machine that replaced the first one.
    pub machine: Option<String>,
    /// Tasks that stopped, each with its reason.
    pub stopped: BTreeSet<(String, String)>,
    /// The limit of failed starts that was set last.
    pub limit: Option<String>,
}

/// The environment lock on the git remote.
#[derive(Clone, Debug, Default)]
pub struct LockSeen {
    /// The run that owns the lock.
    pub owner: Option<String>,
    /// Time of the last change in milliseconds since 1970.
    pub at: i64,
    /// Whether the remote has the ref.
    pub exists: bool,
    /// Whether the newest entry is none that the app writes.
    pub is_strange: bool,
    /// Whether the remote refused a change.
    pub was_refused: bool,
}

impl LockSeen {
    /// The lock after an entry was pushed.
    pub fn after(message: &str, at: i64) -> Self {
        let is_held = message.lines().next().is_some_and(|line| line.ends_with(": held"));
        let is_free = message.lines().next().is_some_and(|line| line.ends_with(": free"));
        let run = message.lines().find_map(|line| line.strip_prefix("Run: ")).map(str::to_owned);
        let is_strange = run.is_none() || !is_held && !is_free;
        Self { owner: run.filter(|_| is_held), at, exists: true, is_strange, was_refused: false }
    }
}

/// A workflow run as GitHub last reported it.
#[derive(Clone, Debug)]
pub struct RunSeen {
    pub status: String,
    pub conclusion: Option<String>,
    pub head_sha: String,
    pub created: Option<i64>,
    pub attempt: u32,
}

impl Seen {
    /// The run owns the lock of the machine. Acquiring again by the owner changes nothing.
    pub fn take_environment(&mut self, run: String, at: i64) {
        if self.holder.0.as_ref() != Some(&run) {
            self.holder = (Some(run), at);
        }
    }

    /// Adds a look at the service.
    pub fn look(&mut self, deployments: Vec<Deployment>, tasks: Vec<Task>) {
        self.looks.push_back((deployments, tasks));
        if self.looks.len() > LOOKS_KEPT {
            self.looks.pop_front();
        }
    }

    pub fn start_payload(&mut self, job: String, work: Work) {
        *self.payloads.entry(job.clone()).or_default() += 1;
        if work == Work::Migration {
            self.database_before.clone_from(&self.database);
            self.migrations.push(job.clone());
        }
        self.running.insert(job);
    }

    pub fn push_lock(&mut self, message: Option<String>, at: i64, is_applied: bool) {
        if is_applied {
            self.lock = LockSeen::after(&message.unwrap_or_default(), at);
        } else {
            self.lock.was_refused = true;
        }
    }

    /// Forgets the jobs of the machine before and their files.
    pub fn forget_jobs(&mut self) {
        self.jobs.clear();
        self.revoked.clear();
        self.running.clear();
        self.payloads.clear();
        self.exits.clear();
        self.dumps.clear();
    }

    pub fn replace_machine(&mut self, machine: String, at: i64) {
        self.machine = Some(machine);
        self.holder = (None, at);
        // The jobs of the old machine are gone, and the new machine does not know them.
        self.jobs.clear();
    }
}
