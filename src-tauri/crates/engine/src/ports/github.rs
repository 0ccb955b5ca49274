//! GitHub: who the token belongs to, and the workflows.

use async_trait::async_trait;
use greenlight_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::PortResult;

/// Who the GitHub token belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubIdentity {
    /// Login.
    pub login: String,
    /// `github-authentication-token-expiration`, when sent.
    pub expires_at: Option<Timestamp>,
}

/// A workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub created_at: Timestamp,
    /// Page.
    pub url: String,
}

/// A job of a workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    pub completed_at: Option<Timestamp>,
    /// Its steps: name, status, conclusion.
    pub steps: Vec<BuildStep>,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStep {
    /// Name.
    pub name: String,
    /// As in [`BuildRun::status`].
    pub status: String,
    /// As in [`BuildRun::conclusion`].
    pub conclusion: Option<String>,
}

/// What a dispatch sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    async fn dispatched_runs(
        &self,
        workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>>;
    /// One run; `None` when GitHub does not know it.
    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>>;
    /// Jobs of the newest attempt of a run, at most 100.
    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>>;
}
