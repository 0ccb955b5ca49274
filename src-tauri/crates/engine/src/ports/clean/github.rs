//! GitHub's answers without secrets in their texts. Names of jobs are compared with the profile
//! and stay as they are.

use async_trait::async_trait;
use greenlight_types::Timestamp;

use super::decorator::Clean;
use crate::{
    ports::{
        BranchRule, BuildEnvironment, BuildJob, BuildRun, Builds, CommitCheck, Dispatch, GithubIdentity,
        NewPullRequest, PendingDeployment, PortResult, PullRequest, PullRequests,
    },
    redact::Redactor,
};

#[async_trait]
impl Builds for Clean<dyn Builds> {
    async fn whoami(&self) -> PortResult<GithubIdentity> {
        self.clean_failure(self.inner.whoami().await)
    }

    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>> {
        self.cleaned(self.inner.workflow(workflow).await, |redactor, name| {
            name.iter_mut().for_each(|name| redactor.clean(name));
        })
    }

    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>> {
        self.clean_failure(self.changing(self.inner.dispatch(dispatch)).await)
    }

    async fn dispatched_runs(
        &self,
        workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>> {
        self.clean_failure(self.inner.dispatched_runs(workflow, head_sha, since).await)
    }

    async fn all_runs(&self, workflow: &str, head_sha: Option<&str>, since: &Timestamp) -> PortResult<Vec<BuildRun>> {
        self.clean_failure(self.inner.all_runs(workflow, head_sha, since).await)
    }

    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>> {
        self.clean_failure(self.inner.run(id).await)
    }

    async fn rerun_failed_jobs(&self, run: &str) -> PortResult<()> {
        self.clean_failure(self.changing(self.inner.rerun_failed_jobs(run)).await)
    }

    async fn cancel(&self, run: &str) -> PortResult<()> {
        self.clean_failure(self.changing(self.inner.cancel(run)).await)
    }

    async fn pending_deployments(&self, run: &str) -> PortResult<Vec<PendingDeployment>> {
        self.cleaned(self.inner.pending_deployments(run).await, |redactor, pending| {
            for one in pending {
                redactor.clean(&mut one.environment);
                one.reviewers.iter_mut().for_each(|name| redactor.clean(name));
            }
        })
    }

    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>> {
        self.cleaned(self.inner.jobs(run).await, |redactor, jobs| {
            jobs.iter_mut().flat_map(|job| &mut job.steps).for_each(|step| redactor.clean(&mut step.name));
        })
    }

    async fn check_runs(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.cleaned(self.inner.check_runs(sha).await, |redactor, checks| clean_checks(redactor, checks))
    }

    async fn commit_statuses(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.cleaned(self.inner.commit_statuses(sha).await, |redactor, checks| clean_checks(redactor, checks))
    }

    /// The names of environments are compared with those of the workflow and stay as they are.
    async fn environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        self.cleaned(self.inner.environments().await, |redactor, environments| {
            environments.iter_mut().flat_map(|one| &mut one.reviewers).for_each(|name| redactor.clean(name));
        })
    }
}

fn clean_checks(redactor: &Redactor, checks: &mut [CommitCheck]) {
    checks.iter_mut().for_each(|check| redactor.clean(&mut check.name));
}

#[async_trait]
impl PullRequests for Clean<dyn PullRequests> {
    async fn branch_rules(&self, branch: &str) -> PortResult<Vec<BranchRule>> {
        self.clean_failure(self.inner.branch_rules(branch).await)
    }

    async fn of_branch(&self, head: &str, base: &str) -> PortResult<Vec<PullRequest>> {
        self.clean_failure(self.inner.of_branch(head, base).await)
    }

    async fn pull_request(&self, number: u32) -> PortResult<Option<PullRequest>> {
        self.clean_failure(self.inner.pull_request(number).await)
    }

    async fn open_pull_request(&self, new: &NewPullRequest) -> PortResult<PullRequest> {
        self.clean_failure(self.changing(self.inner.open_pull_request(new)).await)
    }
}
