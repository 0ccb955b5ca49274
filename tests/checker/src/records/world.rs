//! The record of the simulated world: requests, effects and answers, and its final state.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// The source of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    App,
    Colleague,
    Github,
    Aws,
    Host,
}

#[derive(Debug, Deserialize)]
pub struct Entry {
    pub at: i64,
    pub actor: Actor,
    pub applied: bool,
    pub answered: bool,
    /// Whether it arrived long after it left the app.
    #[serde(default)]
    pub late: bool,
    /// Number of the app process.
    #[serde(default)]
    pub process: u32,
    pub op: Op,
}

/// A request, an effect or an answer in the world.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Op {
    PushRef {
        name: String,
        expected: Option<String>,
        old: Option<String>,
        new: String,
        forced: bool,
        /// The entry of an environment lock.
        #[serde(default)]
        message: Option<String>,
    },
    DeleteRef {
        name: String,
    },
    Dispatch {
        git_ref: String,
        head_sha: String,
        run: Option<String>,
    },
    RerunBuild {
        run: String,
    },
    CancelBuild {
        run: String,
    },
    PullRequestOpened {
        branch: String,
        head: String,
    },
    PullRequestMerged {
        commit: String,
    },
    RegisterTaskDefinition {
        body: Value,
        #[serde(default)]
        arn: Option<String>,
    },
    SubmitJob {
        id: String,
        script: String,
    },
    LaunchJob {
        id: String,
    },
    RevokeJob {
        id: String,
    },
    StopScript {
        id: String,
        forced: bool,
    },
    EnvironmentTaken {
        run: String,
        from: Option<String>,
    },
    EnvironmentLeft {
        run: String,
    },
    HostReplaced {
        machine: String,
    },
    PayloadStarted {
        job: String,
        work: Work,
    },
    PayloadEnded {
        job: String,
        exit: i32,
    },
    DumpWritten {
        job: String,
        file: String,
        good: bool,
    },
    SchemaChanged {
        #[serde(default)]
        from: String,
        #[serde(default)]
        to: String,
        #[serde(default)]
        complete: bool,
    },
    DatabaseRestored,
    HostRebooted,
    ImagePushed {
        #[serde(default)]
        digest: String,
        #[serde(default)]
        commit: String,
    },
    RunEnded {
        #[serde(default)]
        run: String,
    },
    DeploymentStarted,
    DeploymentEnded,
    TaskBecameHealthy,
    TaskStopped {
        #[serde(default)]
        task: String,
        #[serde(default)]
        reason: String,
    },
    UpdateService {
        #[serde(default)]
        arn: Option<String>,
        #[serde(default)]
        forced: bool,
        #[serde(default)]
        threshold: Option<String>,
    },
    StopDeployment {
        #[serde(default)]
        arn: String,
    },
    Listing {
        refs: BTreeMap<String, Ref>,
    },
    Described {
        arn: String,
    },
    ServiceSeen {
        deployments: Vec<Deployment>,
        tasks: Vec<Task>,
    },
    SiteAnswered {
        version: Option<String>,
    },
    JobSeen {
        id: String,
        state: JobState,
        exit: Option<i32>,
    },
    RunSeen {
        run: String,
        status: String,
        conclusion: Option<String>,
        head_sha: String,
        /// Milliseconds since 1970.
        #[serde(default)]
        created: Option<i64>,
        #[serde(default = "first")]
        attempt: u32,
    },
    ImageSeen {
        tag: String,
        digest: Option<String>,
    },
    DatabaseSeen {
        version: Option<String>,
    },
}

/// The kind of a job's script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    Backup,
    Migration,
}

/// State of a job as the host reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum JobState {
    Absent,
    NotStarted,
    Revoked,
    Running,
    Finished,
    Lost,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Ref {
    pub id: String,
    pub peeled: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deployment {
    pub id: String,
    pub status: String,
    pub arn: String,
    pub rollout_state: String,
    pub running: u32,
    pub desired: u32,
}

/// A task of the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    pub id: String,
    pub arn: String,
    pub last_status: String,
    pub health: String,
    #[serde(default)]
    pub digest: Option<String>,
}

/// The state at the end of a play.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    pub healed_at: i64,
    /// Time of the last fault of the run before, where the journal has two.
    #[serde(default)]
    pub healed_before: i64,
    pub now: i64,
    /// Whether the operator gave up after a long time without any change.
    pub idle: bool,
    /// Whether the operator says only true things.
    #[serde(default)]
    pub honest: bool,
    pub world: World,
}

/// The final state of the world.
#[derive(Debug, Deserialize)]
pub struct World {
    pub git: WorldGit,
    pub github: WorldGithub,
    pub ecs: WorldEcs,
    pub host: WorldHost,
}

#[derive(Debug, Deserialize)]
pub struct WorldGit {
    pub refs: BTreeMap<String, String>,
    pub commits: BTreeMap<String, Commit>,
    pub tags: BTreeMap<String, Tag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Commit {
    pub parents: Vec<String>,
    pub version_value: String,
    pub changed_files: Vec<String>,
    pub changed_lines: u32,
}

#[derive(Debug, Deserialize)]
pub struct Tag {
    pub target: String,
}

#[derive(Debug, Deserialize)]
pub struct WorldGithub {
    pub runs: Vec<Run>,
}

#[derive(Debug, Deserialize)]
pub struct Run {
    pub id: String,
    pub status: String,
}

#[derive(Debug, Deserialize)]
pub struct WorldEcs {
    pub definitions: Vec<Definition>,
}

#[derive(Debug, Deserialize)]
pub struct Definition {
    pub arn: String,
    pub definition: Value,
    pub tags: Value,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorldHost {
    pub jobs: Vec<Job>,
}

#[derive(Debug, Deserialize)]
pub struct Job {
    pub id: String,
    pub state: JobState,
}

/// Number of the first attempt, in records without one.
fn first() -> u32 {
    1
}
