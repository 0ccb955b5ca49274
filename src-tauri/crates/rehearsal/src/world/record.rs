//! What the World writes down: every request that changes something, everything it did by itself, and the answers that
//! a verdict may rest on. An independent reader judges a release by this record alone, so it says what really happened,
//! never what the app believes.

use serde::Serialize;
use serde_json::Value;

/// Entries that are kept until somebody takes them.
const KEPT_MAX: usize = 20_000;

/// Who did something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// The app.
    App,
    /// Another person or program of the team.
    Colleague,
    /// GitHub by itself.
    Github,
    /// AWS by itself.
    #[default]
    Aws,
    /// The staging machine by itself.
    Host,
}

/// Who is asking right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who.
    pub actor: Actor,
    /// Which start of the app, from 1.
    pub process: u32,
    /// Whether the answer will reach it.
    pub is_answered: bool,
    /// Whether it left long ago.
    pub is_late: bool,
}

impl Caller {
    /// A colleague.
    pub const COLLEAGUE: Self = Self { actor: Actor::Colleague, process: 0, is_answered: true, is_late: false };
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// From 1, without gaps.
    pub seq: u64,
    /// When, in ms since 1970.
    pub at: i64,
    /// Who.
    pub actor: Actor,
    /// Which start of the app sent it; 0 for others.
    pub process: u32,
    /// Whether it had its effect.
    pub applied: bool,
    /// Whether the answer reached who asked.
    pub answered: bool,
    /// Whether it was under way for long after its connection was given up.
    pub late: bool,
    /// Words of a refusal.
    pub refused: Option<String>,
    /// What.
    pub op: Op,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Op {
    /// A ref was to be set.
    PushRef { name: String, expected: Option<String>, old: Option<String>, new: String, forced: bool },
    /// A workflow was to be started.
    Dispatch { workflow: String, git_ref: String, head_sha: String, run: Option<String>, inputs: Value },
    /// A task definition was to be registered.
    RegisterTaskDefinition { family: String, body: Value, arn: Option<String> },
    /// A job was put on the host.
    SubmitJob { id: String, script: String },
    /// A job was told to start.
    LaunchJob { id: String },
    /// The gate of a job was to be closed.
    RevokeJob { id: String, why: String },
    /// The environment was to be taken for a run.
    EnvironmentTaken { run: String, from: Option<String> },
    /// The environment was to be given back by a run.
    EnvironmentLeft { run: String },
    /// Another machine stands at the address of the staging machine.
    HostReplaced { machine: String },
    /// A script began: the moment that must come at most once for a migration.
    PayloadStarted { job: String, work: &'static str, boot: u32 },
    /// It ended.
    PayloadEnded { job: String, work: &'static str, exit: i32 },
    /// A backup file was written.
    DumpWritten { job: String, file: String, bytes: u64, good: bool },
    /// The schema of the database changed.
    SchemaChanged { from: String, to: String, complete: bool },
    /// The host was restarted.
    HostRebooted { boot: u32 },
    /// The workflow pushed an image.
    ImagePushed { tag: String, digest: String, commit: String, run: String },
    /// A workflow run ended.
    RunEnded { run: String, conclusion: String },
    /// A deployment began.
    DeploymentStarted { id: String, arn: String, by: String },
    /// It ended: `completed`, `rolledBack` or `superseded`.
    DeploymentEnded { id: String, result: &'static str },
    /// A task serves.
    TaskBecameHealthy { task: String, arn: String, digest: String },
    /// A task ended.
    TaskStopped { task: String, arn: String, reason: String, exit: Option<i32> },
    /// The refs that a listing showed.
    Listing { refs: Value },
    /// The task definition that was described.
    Described { arn: String, definition: Value },
    /// What the service looked like, told when it differs from what was told last.
    ServiceSeen { deployments: Value, tasks: Value },
    /// The version that the site showed.
    SiteAnswered { version: Option<String> },
    /// What the host said of a job.
    JobSeen { id: String, state: &'static str, exit: Option<i32> },
    /// What the database said of itself; nothing when it did not answer.
    DatabaseSeen { version: Option<String> },
    /// What GitHub said of a run, told when it differs from what was told last.
    RunSeen { run: String, status: String, conclusion: Option<String>, head_sha: String, created: i64 },
    /// What the registry said of a tag, told when it differs from what was told last.
    ImageSeen { tag: String, digest: Option<String> },
}

/// The record.
#[derive(Clone, Debug, Default)]
pub struct Record {
    is_on: bool,
    caller: Caller,
    written: u64,
    entries: Vec<Entry>,
    /// The last answer of each kind, so that a poll that shows nothing new is not written again.
    told: Vec<Op>,
}

impl Record {
    /// Starts writing; before that nothing is kept.
    pub fn switch_on(&mut self) {
        self.is_on = true;
    }

    /// Whether it writes: what is costly to tell is not put together otherwise.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// Says who asks from now on.
    pub fn called_by(&mut self, caller: Caller) {
        self.caller = caller;
    }

    /// Who asks.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.caller
    }

    /// A request of the caller that was done.
    pub fn done(&mut self, at: i64, op: Op) {
        self.request(at, None, op);
    }

    /// A request of the caller, refused or done.
    pub fn request(&mut self, at: i64, refused: Option<String>, op: Op) {
        let caller = self.caller;
        self.write(at, caller, refused, op);
    }

    /// An answer that the caller gets; nothing is written when it was told the same before, or the answer is lost.
    pub fn told(&mut self, at: i64, op: Op) {
        if !self.is_on || !self.caller.is_answered || self.told.contains(&op) {
            return;
        }
        self.told.retain(|before| !is_about_the_same(before, &op));
        self.told.push(op.clone());
        self.done(at, op);
    }

    /// Something that happened by itself.
    pub fn by_itself(&mut self, at: i64, actor: Actor, op: Op) {
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

    /// The entries since the last time.
    pub fn take(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }
}

/// Whether two answers are about the same thing, so that the newer one replaces the older one.
fn is_about_the_same(one: &Op, other: &Op) -> bool {
    match (one, other) {
        (Op::JobSeen { id: one, .. }, Op::JobSeen { id: other, .. })
        | (Op::RunSeen { run: one, .. }, Op::RunSeen { run: other, .. })
        | (Op::ImageSeen { tag: one, .. }, Op::ImageSeen { tag: other, .. })
        | (Op::Described { arn: one, .. }, Op::Described { arn: other, .. }) => one == other,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}
