//! Record of the simulator for the checker: requests that change something, spontaneous events, and
//! the answers that a verdict may rest on.
//!
//! The checker judges a release by this record alone. It holds actual effects, never the beliefs of
//! the app.

use serde::Serialize;
use serde_json::Value;

/// Most entries kept until [`Record::take`]; later ones are dropped.
const KEPT_MAX: usize = 20_000;

/// The party that acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The app under test.
    App,
    /// Another person or program of the team.
    Colleague,
    /// GitHub, without a request.
    Github,
    /// AWS, without a request.
    #[default]
    Aws,
    /// The host, without a request.
    Host,
}

/// The party that sends the current request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The party that asks.
    pub actor: Actor,
    /// Number of the app's start, from 1.
    pub process: u32,
    /// Whether the answer will reach the caller.
    pub is_answered: bool,
    /// Whether the request arrives long after the caller gave up its connection.
    pub is_late: bool,
}

impl Caller {
    /// A colleague whose request is answered.
    pub const COLLEAGUE: Self = Self { actor: Actor::Colleague, process: 0, is_answered: true, is_late: false };
}

/// One entry of the record.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Sequence number from 1, without gaps.
    pub seq: u64,
    /// Time in ms since 1970.
    pub at: i64,
    /// The party that acted.
    pub actor: Actor,
    /// Number of the app's start that sent the request; 0 for other parties.
    pub process: u32,
    /// Whether the request had its effect.
    pub applied: bool,
    /// Whether the answer reached the caller.
    pub answered: bool,
    /// Whether the request arrived long after its connection was given up.
    pub late: bool,
    /// Text of the refusal.
    pub refused: Option<String>,
    /// The request, event or answer.
    pub op: Op,
}

/// Kinds of requests, spontaneous events and answers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Op {
    /// Request to set a ref. `message` is the entry of an environment lock.
    PushRef {
        name: String,
        expected: Option<String>,
        old: Option<String>,
        new: String,
        forced: bool,
        message: Option<String>,
    },
    /// Request to start a workflow.
    Dispatch { workflow: String, git_ref: String, head_sha: String, run: Option<String>, inputs: Value },
    /// Request to run the failed jobs of a workflow run again.
    RerunBuild { run: String, attempt: u32 },
    /// Request to cancel a workflow run.
    CancelBuild { run: String },
    /// Request to open a pull request from a branch with the commit `head`.
    PullRequestOpened { branch: String, head: String, number: Option<u32> },
    /// A reviewer merged a pull request; `commit` is the new one of the main branch.
    PullRequestMerged { number: u32, commit: String },
    /// Request to register a task definition.
    RegisterTaskDefinition { family: String, body: Value, arn: Option<String> },
    /// Request to update the service.
    UpdateService { arn: Option<String>, forced: bool, threshold: Option<String> },
    /// Request to stop a service deployment.
    StopDeployment { arn: String, stop: String },
    /// Request to put a job on the host.
    SubmitJob { id: String, script: String },
    /// Request to start a job.
    LaunchJob { id: String },
    /// Request to revoke a job.
    RevokeJob { id: String, why: String },
    /// Request to stop a script by a signal.
    StopScript { id: String, forced: bool },
    /// Request of a run to acquire the environment lock.
    EnvironmentTaken { run: String, from: Option<String> },
    /// Request of a run to release the environment lock.
    EnvironmentLeft { run: String },
    /// Another machine answers at the address of the host.
    HostReplaced { machine: String },
    /// A script began. For a migration this must happen at most once, unless it was undone.
    PayloadStarted { job: String, work: &'static str, boot: u32 },
    /// A script ended.
    PayloadEnded { job: String, work: &'static str, exit: i32 },
    /// A backup file was written.
    DumpWritten { job: String, file: String, bytes: u64, good: bool },
    /// The version of the database schema changed.
    SchemaChanged { from: String, to: String, complete: bool },
    /// A person restored the database from a backup.
    DatabaseRestored { from: String, to: String },
    /// The host restarted.
    HostRebooted { boot: u32 },
    /// The workflow pushed an image.
    ImagePushed { tag: String, digest: String, commit: String, run: String },
    /// A workflow run ended.
    RunEnded { run: String, conclusion: String },
    /// A deployment began.
    DeploymentStarted { id: String, arn: String, by: String },
    /// A deployment ended: `completed`, `rolledBack` or `superseded`.
    DeploymentEnded { id: String, result: &'static str },
    /// A task became healthy and serves.
    TaskBecameHealthy { task: String, arn: String, digest: String },
    /// A task of the service ended.
    TaskStopped { task: String, arn: String, reason: String, exit: Option<i32> },
    /// Answer: refs of the repository.
    Listing { refs: Value },
    /// Answer: a task definition.
    Described { arn: String, definition: Value },
    /// Answer: deployments and tasks of the service. Written only when it differs from the previous
    /// one.
    ServiceSeen { deployments: Value, tasks: Value },
    /// Answer: the version on the site.
    SiteAnswered { version: Option<String> },
    /// Answer: the state of a job on the host.
    JobSeen { id: String, state: &'static str, exit: Option<i32> },
    /// Answer: the version of the database; `None` when the database does not answer.
    DatabaseSeen { version: Option<String> },
    /// Answer: a workflow run. Written only when it differs from the previous one.
    RunSeen { run: String, status: String, conclusion: Option<String>, head_sha: String, created: i64, attempt: u32 },
    /// Answer: an image tag of the registry. Written only when it differs from the previous one.
    ImageSeen { tag: String, digest: Option<String> },
}

/// The record and its state.
#[derive(Clone, Debug, Default)]
pub struct Record {
    is_on: bool,
    caller: Caller,
    written: u64,
    entries: Vec<Entry>,
    /// The last answer of each kind. An unchanged answer is not written again.
    told: Vec<Op>,
}

impl Record {
    /// Starts to record. Earlier events are not kept.
    pub fn switch_on(&mut self) {
        self.is_on = true;
    }

    /// Whether it records. Callers skip building costly entries when it does not.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Sets the caller of the requests that follow.
    pub fn called_by(&mut self, caller: Caller) {
        self.caller = caller;
    }

    /// The caller of the current request.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// Records a successful request of the caller.
    pub fn done(&mut self, at: i64, op: Op) {
        self.request(at, None, op);
    }

    /// Records a request of the caller; `refused` is the text of a refusal.
    pub fn request(&mut self, at: i64, refused: Option<String>, op: Op) {
        let caller = self.caller;
        self.write(at, caller, refused, op);
    }

    /// Records an answer to the caller. Skips an unchanged answer and one that will be lost.
    pub fn told(&mut self, at: i64, op: Op) {
        if !self.is_on || !self.caller.is_answered || self.told.contains(&op) {
            return;
        }
        self.told.retain(|before| !is_about_the_same(before, &op));
        self.told.push(op.clone());
        self.done(at, op);
    }

    /// Records an event that no request caused.
    pub fn by_itself(&mut self, at: i64, actor: Actor, op: Op) {
        // Another machine may give the answers of the one before about jobs of its own.
        if let Op::HostReplaced { .. } = &op {
            self.told.retain(|told| !matches!(told, Op::JobSeen { .. }));
        }
        self.write(at, Caller { actor, process: 0, is_answered: true, is_late: false }, None, op);
    }

    fn write(&mut self, at: i64, caller: Caller, refused: Option<String>, op: Op) {
        if !self.is_on || self.entries.len() >= KEPT_MAX {
            return;
        }
        self.written += 1;
        self.entries.push(Entry {
            seq: self.written,
            at,
            actor: caller.actor,
            process: caller.process,
            applied: refused.is_none(),
            answered: caller.is_answered,
            late: caller.is_late,
            refused,
            op,
        });
    }

    /// Removes and returns the entries since the last call.
    pub fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }
}

/// Whether two answers concern the same thing, so that the newer replaces the older.
fn is_about_the_same(one: &Op, other: &Op) -> bool {
    match (one, other) {
        (Op::JobSeen { id: one, .. }, Op::JobSeen { id: other, .. })
        | (Op::RunSeen { run: one, .. }, Op::RunSeen { run: other, .. })
        | (Op::ImageSeen { tag: one, .. }, Op::ImageSeen { tag: other, .. })
        | (Op::Described { arn: one, .. }, Op::Described { arn: other, .. }) => one == other,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}
