//! What the engine needs of the outside: one trait per system, in the words of a release.
//!
//! An adapter implements a port over the real protocol; the pretend production implements all of them in process.
//! Every method returns a [`Failure`] whose `changed` says what happened outside: reads always leave
//! [`Changed::Nothing`](greenlight_types::Changed); a changing call whose answer was lost leaves
//! [`Changed::Unknown`](greenlight_types::Changed), and nobody may turn that into "failed". No port retries a changing
//! call.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_types::{CredentialKind, Failure, LogLine, Stamp};

mod host;

pub use host::{
    Environment, Held, Hold, HostAddress, JobSpec, JobState, JobStatus, Launched, ReadOutput, RemoteHost, Revoked,
    Submitted, Taker, Why,
};

/// Everything a run reaches the outside with.
#[derive(Clone)]
pub struct Ports {
    /// The repository.
    pub git: Arc<dyn Git>,
    /// GitHub's workflows.
    pub builds: Arc<dyn Builds>,
    /// ECS task definitions.
    pub task_definitions: Arc<dyn TaskDefinitions>,
    /// ECS services.
    pub services: Arc<dyn Services>,
    /// ECR images.
    pub images: Arc<dyn Images>,
    /// CloudWatch Logs.
    pub logs: Arc<dyn Logs>,
    /// The AWS identity.
    pub identity: Arc<dyn CloudIdentity>,
    /// The staging machine.
    pub host: Arc<dyn RemoteHost>,
    /// The site.
    pub site: Arc<dyn Site>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Result of a port.
pub type PortResult<T> = Result<T, Failure>;

// ---------------------------------------------------------------- git

/// A ref on the remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteRef {
    /// Full name: `refs/heads/master`.
    pub name: String,
    /// Object it names (a tag object for an annotated tag).
    pub id: String,
    /// Commit behind an annotated tag.
    pub peeled: Option<String>,
}

impl RemoteRef {
    /// The commit it leads to.
    #[must_use]
    pub fn commit(&self) -> &str {
        self.peeled.as_deref().unwrap_or(&self.id)
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInfo {
    /// Full id.
    pub id: String,
    /// Parents' full ids.
    pub parents: Vec<String>,
    /// First line of the message.
    pub summary: String,
    /// Author's name.
    pub author: String,
    /// Author's time.
    pub at: Stamp,
}

/// An annotated tag of our clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInfo {
    /// Its whole message.
    pub message: String,
    /// Tagger's name; empty when it has none.
    pub tagger: String,
    /// Tagger's time.
    pub at: Stamp,
}

/// Author and committer of what the app writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Time; the same time gives the same ids.
    pub at: Stamp,
}

/// Result of a merge in our clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeResult {
    /// The merge commit, parents (base, head).
    Merged(String),
    /// It does not merge; the files in conflict, sorted.
    Conflict(Vec<String>),
}

/// One ref to push as a compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushRef {
    /// Object in our clone.
    pub id: String,
    /// Full name on the remote.
    pub name: String,
    /// What the remote must have now; `None` when the ref must be absent.
    pub expect: Option<String>,
}

/// Result of a push whose answer arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PushResult {
    /// The server reports the ref as updated.
    Accepted,
    /// The remote had something else before anything was sent; nothing was pushed.
    Moved {
        /// What it has.
        now: Option<String>,
    },
    /// The server refused; nothing was pushed. The reason is the server's own text (status and sideband).
    Refused {
        /// The server's words.
        reason: String,
    },
}

/// The repository: the app's own bare clone and its remote. Always full ref names (TRAP-G1).
#[async_trait]
pub trait Git: Send + Sync {
    /// Makes the clone if it is missing and fetches branches and tags into `refs/remotes/origin/*` and
    /// `refs/remote-tags/*`. Never touches `refs/greenlight/*`.
    async fn refresh(&self) -> PortResult<()>;
    /// A fresh listing of the remote, all refs.
    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>>;
    /// One commit of our clone; `None` when the clone does not have it.
    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>>;
    /// One annotated tag of our clone, by its object; `None` when the clone does not have it or it is no such tag.
    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>>;
    /// Commits reachable from `head` and not from `base`, newest first, at most `limit`, with the total (capped at 10,000).
    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)>;
    /// Whether `ancestor` is reachable from `commit`.
    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool>;
    /// Paths that differ between two commits, sorted, and which of them are LFS pointers in the second.
    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths>;
    /// Merges `head` into `base` in memory and keeps the commit under `keep`.
    async fn merge(&self, base: &str, head: &str, message: &str, by: &Signature, keep: &str)
    -> PortResult<MergeResult>;
    /// Bytes of a file at a commit; `None` when it is not there.
    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>>;
    /// Commits one changed file on top of `parent` and keeps the commit under `keep`.
    async fn commit_file(
        &self,
        parent: &str,
        path: &str,
        bytes: &[u8],
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String>;
    /// Makes an annotated tag object named `name` for `commit`, keeps it under `keep`, returns its id.
    async fn make_tag(&self, commit: &str, name: &str, message: &str, by: &Signature, keep: &str)
    -> PortResult<String>;
    /// Pushes one ref as a compare-and-swap: refuses before sending when the remote differs from `expect`, never forces,
    /// reads the server's own status (libgit2's `push` returns Ok for a refused ref). A failure with
    /// `Changed::Unknown` means that the answer was lost after something was sent.
    async fn push(&self, push: &PushRef) -> PortResult<PushResult>;
}

/// Paths that differ between two commits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangedPaths {
    /// All, sorted.
    pub paths: Vec<String>,
    /// Those whose new content is a Git LFS pointer.
    pub lfs_pointers: Vec<String>,
}

// ---------------------------------------------------------------- builds

/// Who the GitHub token belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GithubIdentity {
    /// Login.
    pub login: String,
    /// `github-authentication-token-expiration`, when sent.
    pub expires_at: Option<Stamp>,
}

/// A workflow run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildRun {
    /// Run id.
    pub id: String,
    /// Number as people see it.
    pub number: u32,
    /// `queued`, `in_progress`, `waiting`, `completed`, …
    pub status: String,
    /// `success`, `failure`, `cancelled`, `timed_out`, … once completed.
    pub conclusion: Option<String>,
    /// Commit it builds.
    pub head_sha: String,
    /// Branch it was started on.
    pub head_branch: String,
    /// `workflow_dispatch`, `push`, …
    pub event: String,
    /// Login of who started it.
    pub actor: String,
    /// When it was created, by GitHub's clock.
    pub created_at: Stamp,
    /// Page.
    pub url: String,
}

/// A job of a workflow run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildJob {
    /// Job id.
    pub id: String,
    /// Name.
    pub name: String,
    /// As in [`BuildRun::status`].
    pub status: String,
    /// As in [`BuildRun::conclusion`].
    pub conclusion: Option<String>,
    /// When it ended.
    pub completed_at: Option<Stamp>,
    /// Its steps: name, status, conclusion.
    pub steps: Vec<BuildStep>,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildStep {
    /// Name.
    pub name: String,
    /// As in [`BuildRun::status`].
    pub status: String,
    /// As in [`BuildRun::conclusion`].
    pub conclusion: Option<String>,
}

/// What a dispatch sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispatch {
    /// Workflow file name.
    pub workflow: String,
    /// Full ref name: `refs/heads/master`.
    pub git_ref: String,
    /// Inputs.
    pub inputs: std::collections::BTreeMap<String, String>,
}

/// GitHub's workflows of the profile's repository.
#[async_trait]
pub trait Builds: Send + Sync {
    /// `GET /user`.
    async fn whoami(&self) -> PortResult<GithubIdentity>;
    /// Whether the workflow exists and may be dispatched: its name, for the plan.
    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>>;
    /// `POST …/dispatches` with `return_run_details`; sent ONCE. Returns the run id when GitHub tells it, `None` when it
    /// answered 204. A 422 "not a permitted key" is answered by one repeat without the flag (nothing was dispatched,
    /// TRAP-W1). A time-out or 5xx is a failure with `Changed::Unknown` (TRAP-W2).
    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>>;
    /// Runs of this workflow started by `workflow_dispatch`, of this commit where one is given, created at or after
    /// `since`, newest first,
    /// at most 100.
    async fn dispatched_runs(&self, workflow: &str, head_sha: Option<&str>, since: &Stamp)
    -> PortResult<Vec<BuildRun>>;
    /// One run; `None` when GitHub does not know it.
    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>>;
    /// Jobs of the newest attempt of a run, at most 100.
    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>>;
}

// ---------------------------------------------------------------- AWS

/// A task definition revision with its untouched JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDefinition {
    /// ARN with revision.
    pub arn: String,
    /// Its number.
    pub revision: u32,
    /// The `taskDefinition` object exactly as the service sent it.
    pub definition: serde_json::Value,
    /// The `tags` array beside it (TRAP-T2).
    pub tags: serde_json::Value,
    /// Who registered it, and when, if the service says so.
    pub registered: Option<(String, Stamp)>,
}

/// ECS task definitions as raw JSON (TRAP-T1: a typed SDK drops fields that it does not know).
#[async_trait]
pub trait TaskDefinitions: Send + Sync {
    /// Describes one revision by ARN or `family:revision`, or the newest ACTIVE one by family, tags included.
    /// `None` when there is none.
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>>;
    /// Registers this body exactly as it is; sent ONCE. Returns what the service answered.
    async fn register(&self, body: &serde_json::Value) -> PortResult<TaskDefinition>;
}

/// A deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Deployment id: `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE`, `INACTIVE`.
    pub status: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`; empty when not sent.
    pub rollout_state: String,
    /// In AWS's words.
    pub rollout_reason: String,
    /// Wanted tasks.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Failed tasks so far.
    pub failed: u32,
    /// When it was created.
    pub created_at: Stamp,
}

/// A service as AWS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSnapshot {
    /// ARN of the revision the service is set to.
    pub task_definition: String,
    /// Wanted tasks.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Its deployments.
    pub deployments: Vec<Deployment>,
    /// Whether the circuit breaker is on, and whether it rolls back.
    pub breaker: Option<(bool, bool)>,
}

impl ServiceSnapshot {
    /// The deployment in charge.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }
}

/// A task of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSnapshot {
    /// Task id: the last part of its ARN.
    pub id: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `STOPPED`, …
    pub last_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: String,
    /// Why it stopped, in AWS's words.
    pub stopped_reason: String,
    /// Exit code of the profile's container, when it ended.
    pub exit_code: Option<i32>,
    /// Digest of the image of the profile's container.
    pub image_digest: String,
    /// When it was created.
    pub created_at: Stamp,
}

/// The ECS service of the profile.
#[async_trait]
pub trait Services: Send + Sync {
    /// Describes the service; `None` when AWS does not know it.
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>>;
    /// Its tasks, running and recently stopped (listed for about an hour, TRAP-E9), all pages.
    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>>;
}

/// An image of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:…`.
    pub digest: String,
    /// When it was pushed.
    pub pushed_at: Stamp,
}

/// The image repository of the profile.
#[async_trait]
pub trait Images: Send + Sync {
    /// The image with this tag; `None` when the name is free.
    async fn find(&self, tag: &str) -> PortResult<Option<Image>>;
    /// Whether a tag may be overwritten (`imageTagMutability`); `None` when AWS does not say so.
    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>>;
}

/// One event of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Event id; unique within the group.
    pub id: String,
    /// Stream: `prefix/container/taskId`.
    pub stream: String,
    /// When it was written, in ms since 1970.
    pub at_ms: i64,
    /// The text.
    pub message: String,
}

/// One page of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// Events; may be empty although there is a next page (TRAP-L4).
    pub events: Vec<LogEvent>,
    /// Token of the next page.
    pub next: Option<String>,
}

/// The log group of the profile.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Events written at or after `from_ms`, one page.
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage>;
}

/// The AWS identity in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIdentity {
    /// Account of twelve digits.
    pub account: String,
    /// ARN.
    pub arn: String,
}

/// STS.
#[async_trait]
pub trait CloudIdentity: Send + Sync {
    /// `GetCallerIdentity`.
    async fn whoami(&self) -> PortResult<AwsIdentity>;
}

// ---------------------------------------------------------------- site, secrets, time, screen

/// An answer of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteAnswer {
    /// HTTP status.
    pub status: u16,
    /// At most 256 KiB of the body.
    pub body: String,
    /// How long it took, in ms.
    pub took_ms: u32,
}

/// The site.
#[async_trait]
pub trait Site: Send + Sync {
    /// One GET without credentials; redirects are followed at most 5 times.
    async fn get(&self, url: &str) -> PortResult<SiteAnswer>;
}

/// A secret as an adapter needs it. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the adapter that sends it to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for SecretText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// A credential with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// GitHub token.
    Github {
        /// The token.
        token: SecretText,
    },
    /// AWS access key.
    Aws {
        /// Key id; not a secret.
        key_id: String,
        /// Secret access key.
        secret: SecretText,
        /// Session token of temporary credentials.
        session: Option<SecretText>,
    },
    /// Key file for the staging machine.
    StagingKey {
        /// Path; the file is left where it is.
        path: String,
        /// Its passphrase.
        passphrase: Option<SecretText>,
    },
}

/// Where credentials are kept.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The credential; `None` when it was never saved.
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>>;
    /// Saves or replaces it.
    async fn set(&self, credential: &Credential) -> PortResult<()>;
    /// Removes it; nothing happens when it is absent.
    async fn remove(&self, kind: CredentialKind) -> PortResult<()>;
    /// Where it is kept, in plain words: "the keychain of this computer".
    fn place(&self) -> String;
}

/// Time of the composition: real, or virtual with a speed.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Stamp;
    /// Waits that long by this clock.
    async fn sleep(&self, duration: Duration);
}

/// Identifiers that nobody has used before: of runs, and of one-use tokens that nobody can guess.
pub trait Ids: Send + Sync {
    /// A fresh one, 36 characters as a UUID is written; later ones sort behind earlier ones.
    fn fresh(&self) -> String;
}

/// What the engine tells the screen. Both may be lost; the truth is pulled from the journal.
pub trait Screen: Send + Sync {
    /// The journal of a run has events up to `seq`.
    fn moved(&self, run: &greenlight_types::RunId, seq: u32);
    /// Something was seen just now.
    fn live(&self, live: greenlight_types::Live);
    /// Lines arrived.
    fn lines(&self, run: &greenlight_types::RunId, source: greenlight_types::LineSource, lines: &[LogLine]);
}
