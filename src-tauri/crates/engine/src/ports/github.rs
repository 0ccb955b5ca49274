//! GitHub: the owner of the token, the workflows, and pull requests with the rules of a branch.

use async_trait::async_trait;
use greenlight_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::PortResult;

/// The owner of the GitHub token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GithubIdentity {
    pub login: String,
    /// Header `github-authentication-token-expiration`, if GitHub sends it.
    pub expires_at: Option<Timestamp>,
    /// Time of the answer by the clock of GitHub, in whole seconds (header `Date`).
    pub answered_at: Option<Timestamp>,
}

/// A workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildRun {
    pub id: String,
    /// Number that GitHub shows to people.
    pub number: u32,
    /// `queued`, `in_progress`, `waiting`, `completed`, …
    pub status: String,
    /// `success`, `failure`, `cancelled`, `timed_out`, … once completed.
    pub conclusion: Option<String>,
    /// Commit that the run builds.
    pub head_sha: String,
    /// Branch on which the run was started.
    pub head_branch: String,
    /// `workflow_dispatch`, `push`, …
    pub event: String,
    /// Login of the person who started the run.
    pub actor: String,
    /// Time of creation, by the clock of GitHub.
    pub created_at: Timestamp,
    /// Number of the newest attempt, from 1 (`run_attempt`). A re-run keeps the id (TRAP-W9).
    pub attempt: u32,
    /// Address of the run's page.
    pub url: String,
}

/// A job of a workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildJob {
    pub id: String,
    pub name: String,
    /// As in [`BuildRun::status`].
    pub status: String,
    /// As in [`BuildRun::conclusion`].
    pub conclusion: Option<String>,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// Steps of the job, in their order.
    pub steps: Vec<BuildStep>,
}

/// A step of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildStep {
    pub name: String,
    /// As in [`BuildRun::status`].
    pub status: String,
    /// As in [`BuildRun::conclusion`].
    pub conclusion: Option<String>,
}

/// An environment whose protection rules hold a run (`pending_deployments`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingDeployment {
    /// Name of the environment.
    pub environment: String,
    /// Logins of people and names of teams, of whom one has to approve. Empty for a timer.
    pub reviewers: Vec<String>,
}

/// Result of a check run or of a commit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CommitCheckState {
    /// It passed, was skipped, or counts for neither side.
    Passed,
    /// It has not ended.
    Running,
    /// It ended in any other way.
    Failed,
}

/// A check run or a commit status of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitCheck {
    /// Name of the check run, or context of the status.
    pub name: String,
    pub state: CommitCheckState,
}

/// An environment of the repository, with the rules that hold a job which names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildEnvironment {
    pub name: String,
    /// Logins of people and names of teams, of whom one has to approve.
    pub reviewers: Vec<String>,
    /// Minutes for which a job waits. 0 without a timer.
    pub wait_minutes: u32,
}

/// The content of a dispatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// File name of the workflow.
    pub workflow: String,
    /// Full ref name: `refs/heads/master`.
    pub git_ref: String,
    /// Inputs of the workflow.
    pub inputs: std::collections::BTreeMap<String, String>,
}

/// GitHub's workflows of the profile's repository.
#[async_trait]
pub trait Builds: Send + Sync {
    /// The owner of the token (`GET /user`).
    async fn whoami(&self) -> PortResult<GithubIdentity>;
    /// Name of the workflow, for the plan. `None` when GitHub does not know it. A disabled workflow
    /// is a failure (TRAP-W3).
    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>>;
    /// Sends `POST …/dispatches` with `return_run_details`, once. Returns the run id, or `None`
    /// when GitHub answers 204. After a 422 "not a permitted key" nothing was dispatched, so the
    /// adapter sends once more without the flag (TRAP-W1). A timeout or 5xx is a failure with
    /// `Changed::Unknown` (TRAP-W2).
    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>>;
    /// Runs of this workflow with the event `workflow_dispatch`, created at or after `since`,
    /// newest first, at most 100. Only runs of the commit `head_sha`, if it is given.
    async fn dispatched_runs(
        &self,
        workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>>;
    /// As [`Self::dispatched_runs`], with runs of every event.
    async fn all_runs(&self, workflow: &str, head_sha: Option<&str>, since: &Timestamp) -> PortResult<Vec<BuildRun>>;
    /// One run. `None` when GitHub does not know it.
    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>>;
    /// Sends `POST …/rerun-failed-jobs`, once. A timeout or 5xx is a failure with
    /// `Changed::Unknown`.
    async fn rerun_failed_jobs(&self, run: &str) -> PortResult<()>;
    /// Sends `POST …/cancel`, once. GitHub answers 202 and ends the run later, or 409 when the run
    /// cannot be cancelled. A timeout or 5xx is a failure with `Changed::Unknown`.
    async fn cancel(&self, run: &str) -> PortResult<()>;
    /// Environments for which a run with the status `waiting` waits.
    async fn pending_deployments(&self, run: &str) -> PortResult<Vec<PendingDeployment>>;
    /// Jobs of the newest attempt of a run, at most 100.
    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>>;
    /// The newest run of each check of a commit (`GET …/commits/{sha}/check-runs`).
    ///
    /// # Errors
    /// `UnreadableAnswer` when there are more than 500.
    async fn check_runs(&self, sha: &str) -> PortResult<Vec<CommitCheck>>;
    /// The newest status of each context of a commit (`GET …/commits/{sha}/status`).
    ///
    /// # Errors
    /// As [`Self::check_runs`].
    async fn commit_statuses(&self, sha: &str) -> PortResult<Vec<CommitCheck>>;
    /// The environments of the repository (`GET …/environments`).
    ///
    /// # Errors
    /// As [`Self::check_runs`].
    async fn environments(&self) -> PortResult<Vec<BuildEnvironment>>;
}

/// A rule of a ruleset that is active for a branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchRule {
    /// GitHub's word: `pull_request`, `required_status_checks`, `required_signatures`, `update`, …
    pub kind: String,
    /// Whether the owner of the token may push in spite of the rule: `current_user_can_bypass` of
    /// the ruleset is `always` or `exempt`. `None` when GitHub does not tell.
    pub may_bypass: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PullRequestState {
    Open,
    /// Closed without a merge.
    Closed,
    Merged,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Number that GitHub shows to people.
    pub number: u32,
    /// Address of its page.
    pub url: String,
    pub state: PullRequestState,
    /// Newest commit of its branch (`head.sha`).
    pub head: String,
    /// Commit of the target branch that brought the changes: a merge commit, a squashed commit, or
    /// the last rebased one. Only of a merged one (`merge_commit_sha`).
    pub merged_as: Option<String>,
    /// Login of the person who merged it. Lists of GitHub do not tell it.
    pub merged_by: Option<String>,
}

/// A pull request to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewPullRequest {
    pub title: String,
    pub body: String,
    /// Branch with the changes, without `refs/heads/`.
    pub head: String,
    /// Branch that takes the changes, without `refs/heads/`.
    pub base: String,
}

/// Pull requests of the profile's repository, and the rules of its branches.
#[async_trait]
pub trait PullRequests: Send + Sync {
    /// Rules of all rulesets that are active for a branch
    /// (`GET /repos/{owner}/{repo}/rules/branches/{branch}`), at most 100. A branch protection of
    /// the older kind is not among them: GitHub shows it to administrators only.
    async fn branch_rules(&self, branch: &str) -> PortResult<Vec<BranchRule>>;
    /// Pull requests from `head` to `base` in every state, newest first, at most 30.
    async fn of_branch(&self, head: &str, base: &str) -> PortResult<Vec<PullRequest>>;
    /// One pull request. `None` when GitHub does not know it.
    async fn pull_request(&self, number: u32) -> PortResult<Option<PullRequest>>;
    /// Sends `POST …/pulls`, once. GitHub refuses a second open one between the same branches with
    /// 422. A timeout or 5xx is a failure with `Changed::Unknown`.
    async fn open_pull_request(&self, new: &NewPullRequest) -> PortResult<PullRequest>;
}
