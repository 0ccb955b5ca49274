//! The engine's ports in the app's process. Each call is one request and one answer over the link.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{
    AwsIdentity, BranchRule, BreakerThreshold, BuildEnvironment, BuildJob, BuildRun, Builds, Catalog, ChangedPaths,
    Clock, CloudIdentity, CommitCheck, CommitInfo, Dispatch, EnvLock, Environment, Git, GithubIdentity, HostAddress,
    Image, Images, JobSpec, JobStatus, Launched, ListedCluster, ListedService, ListedWorkflow, LockClaim, LogPage,
    Logs, MergeResult, NewPullRequest, Ownership, PendingDeployment, PortResult, PullRequest, PullRequests, PushRef,
    PushResult, RawPorts, ReadOutput, RefCommit, RemoteHost, RemoteRef, RevokeReason, Revoked, ScriptStop,
    ServiceDeployments, ServiceSnapshot, Services, Signature, Site, SiteAnswer, StopKind, StopSignal, Submitted,
    TagInfo, TaskDefinition, TaskDefinitions, TaskSnapshot,
};
use greenlight_types::{RunId, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::link::Link;

/// Ports at the other end of a link.
#[derive(Clone)]
pub struct Remote(pub Arc<Link>);

impl Remote {
    /// Returns the engine's ports.
    #[must_use]
    pub fn ports(self, clock: Arc<dyn Clock>) -> RawPorts {
        let all = Arc::new(self);
        RawPorts {
            git: all.clone(),
            builds: all.clone(),
            pull_requests: all.clone(),
            task_definitions: all.clone(),
            services: all.clone(),
            images: all.clone(),
            logs: all.clone(),
            identity: all.clone(),
            catalog: all.clone(),
            host: all.clone(),
            site: all,
            clock,
        }
    }

    async fn ask<T: DeserializeOwned>(&self, name: &'static str, args: impl Serialize) -> PortResult<T> {
        self.0.ask(name, serde_json::to_value(args).unwrap_or_default()).await
    }
}

#[async_trait]
impl Git for Remote {
    async fn refresh(&self) -> PortResult<()> {
        self.ask("git.refresh", ()).await
    }
    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>> {
        self.ask("git.ref_commit", (name,)).await
    }
    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.ask("git.remote_refs", ()).await
    }
    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>> {
        self.ask("git.commit", (id,)).await
    }
    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>> {
        self.ask("git.tag", (id,)).await
    }
    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        self.ask("git.commits_between", (base, head, limit)).await
    }
    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool> {
        self.ask("git.is_ancestor", (ancestor, commit)).await
    }
    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths> {
        self.ask("git.changed_paths", (from, to)).await
    }
    async fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<MergeResult> {
        self.ask("git.merge", (base, head, message, by, keep)).await
    }
    async fn merge_conflicts(&self, base: &str, head: &str) -> PortResult<Vec<String>> {
        self.ask("git.merge_conflicts", (base, head)).await
    }
    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        self.ask("git.read_file", (commit, path)).await
    }
    async fn commit_file(
        &self,
        parent: &str,
        path: &str,
        bytes: &[u8],
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.ask("git.commit_file", (parent, path, bytes, message, by, keep)).await
    }
    async fn make_tag(
        &self,
        commit: &str,
        name: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.ask("git.make_tag", (commit, name, message, by, keep)).await
    }
    async fn commit_message(
        &self,
        parent: Option<&str>,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.ask("git.commit_message", (parent, message, by, keep)).await
    }
    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        self.ask("git.push", (push,)).await
    }
}

#[async_trait]
impl Builds for Remote {
    async fn whoami(&self) -> PortResult<GithubIdentity> {
        self.ask("builds.whoami", ()).await
    }
    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>> {
        self.ask("builds.workflow", (workflow,)).await
    }
    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>> {
        self.ask("builds.dispatch", (dispatch,)).await
    }
    async fn dispatched_runs(
        &self,
        workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>> {
        self.ask("builds.dispatched_runs", (workflow, head_sha, since)).await
    }
    async fn all_runs(&self, workflow: &str, head_sha: Option<&str>, since: &Timestamp) -> PortResult<Vec<BuildRun>> {
        self.ask("builds.all_runs", (workflow, head_sha, since)).await
    }
    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>> {
        self.ask("builds.run", (id,)).await
    }
    async fn rerun_failed_jobs(&self, run: &str) -> PortResult<()> {
        self.ask("builds.rerun_failed_jobs", (run,)).await
    }
    async fn cancel(&self, run: &str) -> PortResult<()> {
        self.ask("builds.cancel", (run,)).await
    }
    async fn pending_deployments(&self, run: &str) -> PortResult<Vec<PendingDeployment>> {
        self.ask("builds.pending_deployments", (run,)).await
    }
    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>> {
        self.ask("builds.jobs", (run,)).await
    }
    async fn check_runs(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.ask("builds.check_runs", (sha,)).await
    }
    async fn commit_statuses(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        self.ask("builds.commit_statuses", (sha,)).await
    }
    async fn environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        self.ask("builds.environments", ()).await
    }
}

#[async_trait]
impl PullRequests for Remote {
    async fn branch_rules(&self, branch: &str) -> PortResult<Vec<BranchRule>> {
        self.ask("pull_requests.branch_rules", (branch,)).await
    }
    async fn of_branch(&self, head: &str, base: &str) -> PortResult<Vec<PullRequest>> {
        self.ask("pull_requests.of_branch", (head, base)).await
    }
    async fn pull_request(&self, number: u32) -> PortResult<Option<PullRequest>> {
        self.ask("pull_requests.pull_request", (number,)).await
    }
    async fn open_pull_request(&self, new: &NewPullRequest) -> PortResult<PullRequest> {
        self.ask("pull_requests.open_pull_request", (new,)).await
    }
}

#[async_trait]
impl TaskDefinitions for Remote {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        self.ask("task_definitions.describe", (name,)).await
    }
    async fn register(&self, body: &Value) -> PortResult<TaskDefinition> {
        self.ask("task_definitions.register", (body,)).await
    }
}

#[async_trait]
impl Services for Remote {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        self.ask("services.describe", ()).await
    }
    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.ask("services.tasks", ()).await
    }
    async fn deployments(&self) -> PortResult<ServiceDeployments> {
        self.ask("services.deployments", ()).await
    }
    async fn set_breaker_threshold(&self, threshold: &BreakerThreshold) -> PortResult<ServiceSnapshot> {
        self.ask("services.set_breaker_threshold", (threshold,)).await
    }
    async fn force_new_deployment(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.ask("services.force_new_deployment", (task_definition,)).await
    }
    async fn roll_back_to(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.ask("services.roll_back_to", (task_definition,)).await
    }
    async fn stop_deployment(&self, arn: &str, kind: StopKind) -> PortResult<()> {
        self.ask("services.stop_deployment", (arn, kind)).await
    }
}

#[async_trait]
impl Images for Remote {
    async fn find(&self, tag: &str) -> PortResult<Option<Image>> {
        self.ask("images.find", (tag,)).await
    }
    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>> {
        self.ask("images.tags_may_be_overwritten", ()).await
    }
}

#[async_trait]
impl Logs for Remote {
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage> {
        self.ask("logs.page", (from_ms, token)).await
    }
}

#[async_trait]
impl CloudIdentity for Remote {
    async fn whoami(&self) -> PortResult<AwsIdentity> {
        self.ask("identity.whoami", ()).await
    }
}

#[async_trait]
impl Catalog for Remote {
    async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>> {
        self.ask("catalog.workflows", ()).await
    }
    async fn clusters(&self) -> PortResult<Vec<ListedCluster>> {
        self.ask("catalog.clusters", ()).await
    }
    async fn services(&self) -> PortResult<Vec<ListedService>> {
        self.ask("catalog.services", ()).await
    }
    async fn repositories(&self) -> PortResult<Vec<String>> {
        self.ask("catalog.repositories", ()).await
    }
    async fn image_tags(&self) -> PortResult<Vec<String>> {
        self.ask("catalog.image_tags", ()).await
    }
}

#[async_trait]
impl Site for Remote {
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        self.ask("site.get", (url,)).await
    }
}

#[async_trait]
impl RemoteHost for Remote {
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>> {
        self.ask("host.fingerprints", (address, port)).await
    }
    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.ask("host.read", (host, command, deadline)).await
    }
    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.ask("host.submit", (host, job)).await
    }
    async fn launch(&self, host: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Launched> {
        self.ask("host.launch", (host, id, lock)).await
    }
    async fn revoke(&self, host: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Revoked> {
        self.ask("host.revoke", (host, id, why)).await
    }
    async fn stop_script(
        &self,
        host: &HostAddress,
        id: &str,
        lock: &EnvLock,
        signal: StopSignal,
    ) -> PortResult<ScriptStop> {
        self.ask("host.stop_script", (host, id, lock, signal)).await
    }
    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        self.ask("host.environment", (host, environment)).await
    }
    async fn acquire_lock(
        &self,
        host: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Ownership> {
        self.ask("host.hold", (host, lock, claim, from)).await
    }
    async fn check_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<Ownership> {
        self.ask("host.still_holds", (host, lock)).await
    }
    async fn release_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<()> {
        self.ask("host.leave", (host, lock)).await
    }
    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        self.ask("host.status", (host, id)).await
    }
    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        self.ask("host.jobs", (host, prefix)).await
    }
    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        self.ask("host.output", (host, id, offset, max)).await
    }
}

#[cfg(test)]
mod tests {
    use greenlight_engine::ports::JobState;
    use greenlight_types::{ErrorCode, Failure, LockOwner};
    use serde_json::{from_value, to_value};

    use super::*;

    /// The value after the way over the socket.
    fn sent<T: Serialize + DeserializeOwned>(value: &PortResult<T>) -> PortResult<T> {
        from_value(to_value(value).expect("JSON")).expect("the same type")
    }

    #[test]
    fn answers_survive_the_socket_unchanged() {
        let finished = JobState::Finished { exit: 3, finished_at: "2026-11-23T09:00:00.000Z".parse().expect("a time") };
        for state in [JobState::Absent, JobState::Revoked(RevokeReason::Outside), finished] {
            assert_eq!(sent(&Ok(state.clone())), Ok(state));
        }
        let nothing: PortResult<Option<String>> = Ok(None);
        assert_eq!(sent(&nothing), nothing);
        let unowned: PortResult<Ownership> = Ok(Ownership::NotOurs(None::<LockOwner>));
        assert_eq!(sent(&unowned), unowned);
        let refused: PortResult<()> = Err(Failure::new(ErrorCode::Internal, "ask the host"));
        assert_eq!(sent(&refused), refused);
        assert!(from_value::<JobState>(serde_json::json!({ "Finished": "three" })).is_err());
    }
}
