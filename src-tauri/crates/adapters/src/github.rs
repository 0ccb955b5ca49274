//! GitHub's workflows and pull requests over REST. Uses raw requests of octocrab with models of
//! this crate: octocrab's models refuse GitHub's own examples, and its dispatch does not know
//! `return_run_details` (docs/testing.md#peers).
//!
//! Only reads are retried. The engine finds the run of a dispatch whose answer was lost.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{
    BuildEnvironment, BuildJob, BuildRun, Builds, CommitCheck, Dispatch, GithubIdentity, PendingDeployment, PortResult,
    Secrets,
};
use greenlight_types::{Changed, ErrorCode, Failure, Timestamp};
use reqwest::Url;

use crate::sleep_detector::ReadClocks;

mod answers;
mod call;
mod pull_requests;
mod reports;
mod trouble;
mod workflows;

use call::{Answer, Caller};

/// Address of GitHub, unless the profile names another one.
pub const GITHUB: &str = "https://api.github.com";

/// Time limits of GitHub.
#[derive(Clone, Copy, Debug)]
pub struct GithubLimits {
    /// Maximum time of connecting.
    pub connect: Duration,
    /// Maximum silence.
    pub read: Duration,
    /// Maximum time of one request.
    pub whole: Duration,
    /// Pause before the first retry of a read. It doubles with each retry.
    pub pause: Duration,
}

impl Default for GithubLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(20),
            read: Duration::from_secs(20),
            whole: Duration::from_secs(60),
            pause: Duration::from_millis(500),
        }
    }
}

/// The workflows and pull requests of one repository.
pub struct GithubAdapter {
    caller: Caller,
    owner: String,
    name: String,
}

impl GithubAdapter {
    /// An adapter for `owner/name` at `base`: [`GITHUB`], or the endpoint of the profile.
    ///
    /// # Errors
    /// `BadProfile` when the address is not `https://…` or `http://…` to this computer, or the
    /// repository is not `owner/name`.
    pub fn new(base: &str, repository: &str, secrets: Arc<dyn Secrets>) -> PortResult<Self> {
        let (owner, name) = repository
            .split_once('/')
            .filter(|(owner, name)| is_plain_name(owner) && is_plain_name(name))
            .ok_or_else(|| {
                Failure::new(ErrorCode::BadProfile, "use the name of the repository")
                    .with("repository", repository.chars().take(200).collect::<String>())
                    .hint("A good name is owner/name")
            })?;
        let caller = Caller::new(base, secrets, GithubLimits::default())?;
        Ok(Self { caller, owner: owner.to_owned(), name: name.to_owned() })
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: GithubLimits) -> Self {
        self.caller = self.caller.with_limits(limits);
        self
    }

    /// Replaces the clocks, for tests.
    #[must_use]
    pub fn with_clocks(mut self, read_clocks: ReadClocks) -> Self {
        self.caller = self.caller.with_clocks(read_clocks);
        self
    }

    fn repository(&self, rest: &[&str]) -> Url {
        let mut parts = vec!["repos", self.owner.as_str(), self.name.as_str()];
        parts.extend(rest);
        self.caller.url(&parts)
    }

    fn actions(&self, rest: &[&str]) -> Url {
        let mut parts = vec!["actions"];
        parts.extend(rest);
        self.repository(&parts)
    }

    /// Runs of a workflow, newest first.
    async fn runs(
        &self,
        summary: &str,
        workflow: &str,
        event: Option<&str>,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>> {
        let workflow = checked_workflow(workflow)?;
        // Times of GitHub have no fraction, so a fraction here would exclude runs of the same
        // second.
        let second = since.whole_seconds();
        let mut url = self.actions(&["workflows", workflow, "runs"]);
        if let Some(event) = event {
            url.query_pairs_mut().append_pair("event", event);
        }
        url.query_pairs_mut().append_pair("created", &format!(">={}", second.as_jiff())).append_pair("per_page", "100");
        if let Some(head_sha) = head_sha {
            url.query_pairs_mut().append_pair("head_sha", head_sha);
        }
        let found = self.caller.get(summary, url).await?.expect::<answers::Runs>(summary)?;
        let mut runs: Vec<BuildRun> = found.workflow_runs.into_iter().map(answers::Run::into_port).collect();
        runs.retain(|run| head_sha.is_none_or(|head_sha| run.head_sha == head_sha) && run.created_at >= second);
        runs.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| b.number.cmp(&a.number)));
        Ok(runs)
    }

    /// Sends an order about a run once. GitHub describes no body for it.
    async fn order(&self, summary: &str, run: &str, order: &str) -> PortResult<()> {
        let url = self.actions(&["runs", checked_run(run)?, order]);
        let answer = self.caller.post_once(summary, url, None).await?;
        match answer.status {
            200..=299 => Ok(()),
            400..=407 | 409..=499 => Err(answer.failure(summary).with("run", run)),
            _ => Err(answer.failure(summary).changed(Changed::Unknown)),
        }
    }

    async fn send_dispatch(&self, dispatch: &Dispatch, with_details: bool) -> PortResult<Answer> {
        let mut body = serde_json::json!({ "ref": dispatch.git_ref, "inputs": dispatch.inputs });
        if with_details {
            body["return_run_details"] = true.into();
        }
        self.caller.post_once(SEND, self.actions(&["workflows", &dispatch.workflow, "dispatches"]), Some(&body)).await
    }
}

const SEND: &str = "start the build";
/// Event of a run that was started by hand or through the API.
const DISPATCH: &str = "workflow_dispatch";

#[async_trait]
impl Builds for GithubAdapter {
    async fn whoami(&self) -> PortResult<GithubIdentity> {
        let summary = "ask GitHub who the token belongs to";
        let answer = self.caller.get(summary, self.caller.url(&["user"])).await?;
        let login = answer.expect::<answers::User>(summary)?.login;
        Ok(GithubIdentity { login, expires_at: answer.token_expires_at(), answered_at: answer.answered_at() })
    }

    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>> {
        let summary = "look up the build workflow";
        let workflow = checked_workflow(workflow)?;
        let answer = self.caller.get(summary, self.actions(&["workflows", workflow])).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let found = answer.expect::<answers::Workflow>(summary)?;
        if found.state == "active" {
            return Ok(Some(found.name));
        }
        Err(Failure::new(ErrorCode::WorkflowMissing, summary)
            .with("workflow", workflow)
            .with("state", found.state.as_str())
            .because(format!("the workflow is switched off ({})", found.state))
            .hint("Switch it on at GitHub: Actions, the workflow, \u{201c}Enable workflow\u{201d}."))
    }

    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>> {
        checked_workflow(&dispatch.workflow)?;
        let mut answer = self.send_dispatch(dispatch, true).await?;
        if answer.refuses_run_details() {
            // GitHub refused the whole request, so it dispatched nothing (TRAP-W1).
            answer = self.send_dispatch(dispatch, false).await?;
        }
        match answer.status {
            204 => Ok(None),
            200 => match answer.expect::<answers::Dispatched>(SEND) {
                Ok(dispatched) => Ok(Some(dispatched.workflow_run_id.to_string())),
                Err(failure) => Err(failure.changed(Changed::Unknown)),
            },
            400..=407 | 409..=499 => {
                Err(answer.failure(SEND).with("workflow", &dispatch.workflow).with("ref", &dispatch.git_ref))
            }
            _ => Err(answer.failure(SEND).changed(Changed::Unknown)),
        }
    }

    async fn dispatched_runs(
        &self,
        workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>> {
        let summary = "look for the build that was started";
        let mut runs = self.runs(summary, workflow, Some(DISPATCH), head_sha, since).await?;
        runs.retain(|run| run.event == DISPATCH);
        Ok(runs)
    }

    async fn all_runs(&self, workflow: &str, head_sha: Option<&str>, since: &Timestamp) -> PortResult<Vec<BuildRun>> {
        self.runs("look for builds of this workflow", workflow, None, head_sha, since).await
    }

    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>> {
        let summary = "ask GitHub about the build";
        let answer = self.caller.get(summary, self.actions(&["runs", checked_run(id)?])).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.expect::<answers::Run>(summary).map(|run| Some(run.into_port()))
    }

    async fn rerun_failed_jobs(&self, run: &str) -> PortResult<()> {
        self.order("run the failed part of the build again", run, "rerun-failed-jobs").await
    }

    async fn cancel(&self, run: &str) -> PortResult<()> {
        self.order("cancel the build", run, "cancel").await
    }

    async fn pending_deployments(&self, run: &str) -> PortResult<Vec<PendingDeployment>> {
        let summary = "ask GitHub who has to approve the build";
        let url = self.actions(&["runs", checked_run(run)?, "pending_deployments"]);
        let pending = self.caller.get(summary, url).await?.expect::<Vec<answers::Pending>>(summary)?;
        Ok(pending.into_iter().map(answers::Pending::into_port).collect())
    }

    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>> {
        let summary = "ask GitHub about the jobs of the build";
        let mut url = self.actions(&["runs", checked_run(run)?, "jobs"]);
        url.query_pairs_mut().append_pair("filter", "latest").append_pair("per_page", "100");
        let jobs = self.caller.get(summary, url).await?.expect::<answers::Jobs>(summary)?;
        Ok(jobs.jobs.into_iter().map(answers::Job::into_port).collect())
    }

    async fn check_runs(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.list_check_runs(sha).await
    }

    async fn commit_statuses(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.list_statuses(sha).await
    }

    async fn environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        self.list_environments().await
    }
}

fn is_plain_name(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=100).contains(&text.len()) && text != "." && text != ".." && text.bytes().all(fits)
}

fn checked_workflow(workflow: &str) -> PortResult<&str> {
    if is_plain_name(workflow) {
        return Ok(workflow);
    }
    Err(Failure::new(ErrorCode::BadProfile, "use the file name of the workflow")
        .with("workflow", workflow.chars().take(200).collect::<String>())
        .hint("A good name is release.yml"))
}

fn checked_run(id: &str) -> PortResult<&str> {
    if (1..=20).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(id);
    }
    Err(Failure::new(ErrorCode::BadInput, "use the number of a build")
        .with("run", id.chars().take(50).collect::<String>()))
}
