//! Ports that give the answers of a table row. Each call takes the same time; a dead peer never
//! answers. A call that a readiness check has no business with fails.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_types::{
    Actor, ConfirmedMachine, ErrorCode, Fact, Failure, LineSource, LiveUpdate, LogLine, Readiness, RunId, StepId,
    Timestamp,
};
use tokio::sync::watch;

use super::answers::{Answers, FINGERPRINT};
use crate::{
    earlier_runs::EarlierRuns,
    journal::MemoryJournal,
    ports::{
        AwsIdentity, BranchRule, BreakerThreshold, BuildEnvironment, BuildJob, BuildRun, Builds, Catalog, ChangedPaths,
        Clock, CloudIdentity, CommitCheck, CommitInfo, Dispatch, EnvLock, Environment, Git, GithubIdentity,
        HostAddress, Image, Images, JobSpec, JobStatus, Launched, ListedCluster, ListedService, ListedWorkflow,
        LockClaim, LogPage, Logs, MergeResult, NewPullRequest, Ownership, PendingDeployment, PortResult, PullRequest,
        PullRequests, PushRef, PushResult, RawPorts, ReadOutput, RefCommit, RemoteHost, RemoteRef, RevokeReason,
        Revoked, ScriptStop, ServiceDeployments, ServiceEvent, ServiceSnapshot, Services, Signature, Site, SiteAnswer,
        StopKind, StopSignal, Submitted, TagInfo, TaskDefinition, TaskDefinitions, TaskSnapshot,
    },
    redact::Redactor,
    spool::OutputPosition,
    step::{Doubts, Sink, StepContext, StoredOutput},
};

/// An outside system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    Git,
    Github,
    Aws,
    Machine,
    Site,
}

/// The peers of one look.
pub struct Peers {
    pub answers: Answers,
    /// Duration of each call over the network.
    pub latency: Duration,
    pub dead: Option<Peer>,
}

impl Peers {
    pub fn of(answers: Answers) -> Self {
        Self { answers, latency: Duration::ZERO, dead: None }
    }

    async fn tell<T: Clone + Sync>(&self, peer: Peer, answer: &PortResult<T>) -> PortResult<T> {
        if self.dead == Some(peer) {
            std::future::pending::<()>().await;
        }
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        answer.clone()
    }

    /// The context of a run that asks these peers.
    pub fn context(self) -> StepContext {
        let (_, view) = watch::channel(Arc::new(self.answers.run.clone()));
        let all = Arc::new(self);
        let ports = RawPorts {
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
            site: all.clone(),
            clock: all,
        };
        let by = Actor {
            person: "Lena".into(),
            computer: "desk".into(),
            app_version: "0.1.0".into(),
            github_login: None,
            aws_identity: None,
        };
        let earlier = Arc::new(EarlierRuns::new(Arc::new(MemoryJournal::default())));
        let ports = ports.cleaned(&Arc::<Redactor>::default());
        StepContext { view, ports, by, earlier, sink: Arc::new(NoSink), doubts: Arc::<Doubts>::default() }
    }

    /// The answer of all checks.
    pub async fn look(self) -> Readiness {
        let machine = self.machine();
        let computer = self.answers.computer.clone();
        super::super::look(&self.context(), machine, computer).await
    }

    pub fn machine(&self) -> Option<ConfirmedMachine> {
        let machine = ConfirmedMachine { address: "192.0.2.1".into(), port: 22, fingerprint: FINGERPRINT.into() };
        self.answers.has_machine.then_some(machine)
    }
}

/// The failure of a call that changes something, or that no check makes.
fn no_check<T>() -> PortResult<T> {
    Err(Failure::new(ErrorCode::Internal, "make a call that no readiness check makes"))
}

#[async_trait]
impl Git for Peers {
    async fn refresh(&self) -> PortResult<()> {
        self.tell(Peer::Git, &self.answers.refresh).await
    }
    async fn ref_commit(&self, _: &str) -> PortResult<Option<RefCommit>> {
        self.tell(Peer::Git, &self.answers.lock).await
    }
    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.tell(Peer::Git, &self.answers.refs).await
    }
    async fn commit(&self, _: &str) -> PortResult<Option<CommitInfo>> {
        no_check()
    }
    async fn tag(&self, _: &str) -> PortResult<Option<TagInfo>> {
        no_check()
    }
    async fn commits_between(&self, _: &str, _: &str, _: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        Ok((Vec::new(), self.answers.commits))
    }
    async fn is_ancestor(&self, _: &str, _: &str) -> PortResult<bool> {
        no_check()
    }
    async fn changed_paths(&self, _: &str, _: &str) -> PortResult<ChangedPaths> {
        Ok(ChangedPaths { paths: Vec::new(), lfs_pointers: self.answers.lfs.clone() })
    }
    async fn merge(&self, _: &str, _: &str, _: &str, _: &Signature, _: &str) -> PortResult<MergeResult> {
        no_check()
    }
    async fn merge_conflicts(&self, _: &str, _: &str) -> PortResult<Vec<String>> {
        self.answers.conflicts.clone()
    }
    async fn read_file(&self, _: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        Ok(self.answers.files.get(path).cloned())
    }
    async fn commit_file(&self, _: &str, _: &str, _: &[u8], _: &str, _: &Signature, _: &str) -> PortResult<String> {
        no_check()
    }
    async fn make_tag(&self, _: &str, _: &str, _: &str, _: &Signature, _: &str) -> PortResult<String> {
        no_check()
    }
    async fn commit_message(&self, _: Option<&str>, _: &str, _: &Signature, _: &str) -> PortResult<String> {
        no_check()
    }
    async fn push(&self, _: &PushRef) -> PortResult<PushResult> {
        no_check()
    }
}

#[async_trait]
impl Builds for Peers {
    async fn whoami(&self) -> PortResult<GithubIdentity> {
        self.tell(Peer::Github, &self.answers.github).await
    }
    async fn workflow(&self, _: &str) -> PortResult<Option<String>> {
        self.tell(Peer::Github, &self.answers.workflow).await
    }
    async fn dispatch(&self, _: &Dispatch) -> PortResult<Option<String>> {
        no_check()
    }
    async fn dispatched_runs(&self, _: &str, _: Option<&str>, _: &Timestamp) -> PortResult<Vec<BuildRun>> {
        no_check()
    }
    async fn all_runs(&self, _: &str, _: Option<&str>, _: &Timestamp) -> PortResult<Vec<BuildRun>> {
        self.tell(Peer::Github, &self.answers.builds).await
    }
    async fn run(&self, _: &str) -> PortResult<Option<BuildRun>> {
        no_check()
    }
    async fn rerun_failed_jobs(&self, _: &str) -> PortResult<()> {
        no_check()
    }
    async fn cancel(&self, _: &str) -> PortResult<()> {
        no_check()
    }
    async fn pending_deployments(&self, _: &str) -> PortResult<Vec<PendingDeployment>> {
        no_check()
    }
    async fn jobs(&self, _: &str) -> PortResult<Vec<BuildJob>> {
        self.tell(Peer::Github, &self.answers.jobs).await
    }
    async fn check_runs(&self, _: &str) -> PortResult<Vec<CommitCheck>> {
        self.tell(Peer::Github, &self.answers.check_runs).await
    }
    async fn commit_statuses(&self, _: &str) -> PortResult<Vec<CommitCheck>> {
        self.tell(Peer::Github, &self.answers.statuses).await
    }
    async fn environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        self.tell(Peer::Github, &self.answers.environments).await
    }
}

#[async_trait]
impl PullRequests for Peers {
    async fn branch_rules(&self, _: &str) -> PortResult<Vec<BranchRule>> {
        self.tell(Peer::Github, &self.answers.rules).await
    }
    async fn of_branch(&self, _: &str, _: &str) -> PortResult<Vec<PullRequest>> {
        no_check()
    }
    async fn pull_request(&self, _: u32) -> PortResult<Option<PullRequest>> {
        no_check()
    }
    async fn open_pull_request(&self, _: &NewPullRequest) -> PortResult<PullRequest> {
        no_check()
    }
}

#[async_trait]
impl TaskDefinitions for Peers {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        let is_running = name.starts_with("arn:");
        self.tell(Peer::Aws, if is_running { &self.answers.running } else { &self.answers.newest }).await
    }
    async fn register(&self, _: &serde_json::Value) -> PortResult<TaskDefinition> {
        no_check()
    }
}

#[async_trait]
impl Services for Peers {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        self.tell(Peer::Aws, &self.answers.service).await
    }
    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.tell(Peer::Aws, &self.answers.tasks).await
    }
    async fn deployments(&self) -> PortResult<ServiceDeployments> {
        no_check()
    }
    async fn set_breaker_threshold(&self, _: &BreakerThreshold) -> PortResult<ServiceSnapshot> {
        no_check()
    }
    async fn force_new_deployment(&self, _: &str) -> PortResult<ServiceSnapshot> {
        no_check()
    }
    async fn roll_back_to(&self, _: &str) -> PortResult<ServiceSnapshot> {
        no_check()
    }
    async fn stop_deployment(&self, _: &str, _: StopKind) -> PortResult<()> {
        no_check()
    }
}

#[async_trait]
impl Images for Peers {
    async fn find(&self, _: &str) -> PortResult<Option<Image>> {
        self.tell(Peer::Aws, &self.answers.package).await
    }
    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>> {
        self.tell(Peer::Aws, &Ok(Some(true))).await
    }
}

#[async_trait]
impl Logs for Peers {
    async fn page(&self, _: i64, _: Option<&str>) -> PortResult<LogPage> {
        self.tell(Peer::Aws, &self.answers.log).await.map(|()| LogPage { events: Vec::new(), next: None })
    }
}

/// No check asks for a list.
#[async_trait]
impl Catalog for Peers {
    async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>> {
        Ok(Vec::new())
    }
    async fn clusters(&self) -> PortResult<Vec<ListedCluster>> {
        Ok(Vec::new())
    }
    async fn services(&self) -> PortResult<Vec<ListedService>> {
        Ok(Vec::new())
    }
    async fn repositories(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
    async fn image_tags(&self) -> PortResult<Vec<String>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl CloudIdentity for Peers {
    async fn whoami(&self) -> PortResult<AwsIdentity> {
        self.tell(Peer::Aws, &self.answers.aws).await
    }
}

#[async_trait]
impl Site for Peers {
    async fn get(&self, _: &str) -> PortResult<SiteAnswer> {
        self.tell(Peer::Site, &self.answers.site).await
    }
}

#[async_trait]
impl RemoteHost for Peers {
    async fn fingerprints(&self, _: &str, _: u16) -> PortResult<Vec<String>> {
        self.tell(Peer::Machine, &self.answers.fingerprints).await
    }
    async fn read(&self, _: &HostAddress, command: &str, _: Duration) -> PortResult<ReadOutput> {
        let found = self.answers.commands.iter().find(|(part, _)| command.contains(part));
        self.tell(Peer::Machine, found.map_or(&no_check(), |(_, answer)| answer)).await
    }
    async fn submit(&self, _: &HostAddress, _: &JobSpec) -> PortResult<Submitted> {
        no_check()
    }
    async fn launch(&self, _: &HostAddress, _: &str, _: &EnvLock) -> PortResult<Launched> {
        no_check()
    }
    async fn revoke(&self, _: &HostAddress, _: &str, _: RevokeReason) -> PortResult<Revoked> {
        no_check()
    }
    async fn stop_script(&self, _: &HostAddress, _: &str, _: &EnvLock, _: StopSignal) -> PortResult<ScriptStop> {
        no_check()
    }
    async fn environment(&self, _: &HostAddress, _: &str) -> PortResult<Environment> {
        self.tell(Peer::Machine, &self.answers.machine).await
    }
    async fn acquire_lock(
        &self,
        _: &HostAddress,
        _: &EnvLock,
        _: &LockClaim,
        _: Option<&RunId>,
    ) -> PortResult<Ownership> {
        no_check()
    }
    async fn check_lock(&self, _: &HostAddress, _: &EnvLock) -> PortResult<Ownership> {
        no_check()
    }
    async fn release_lock(&self, _: &HostAddress, _: &EnvLock) -> PortResult<()> {
        no_check()
    }
    async fn status(&self, _: &HostAddress, _: &str) -> PortResult<JobStatus> {
        no_check()
    }
    async fn jobs(&self, _: &HostAddress, _: &str) -> PortResult<Vec<JobStatus>> {
        self.tell(Peer::Machine, &self.answers.machine_jobs).await
    }
    async fn output(&self, _: &HostAddress, _: &str, _: u64, _: u32) -> PortResult<Vec<u8>> {
        no_check()
    }
}

#[async_trait]
impl Clock for Peers {
    fn now(&self) -> Timestamp {
        self.answers.now
    }
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// A look reports nothing to the run.
struct NoSink;

#[async_trait]
impl Sink for NoSink {
    async fn learn(&self, _: StepId, _: Fact) -> Result<(), Failure> {
        no_check()
    }
    async fn announce_revoke(&self, _: StepId, _: &str) -> Result<(), Failure> {
        no_check()
    }
    fn show(&self, _: LiveUpdate) {}
    fn lines(&self, _: LineSource, _: Vec<LogLine>) {}
    fn service_events(&self, _: &[ServiceEvent], _: Timestamp) {}
    fn job_lines(&self, _: LineSource, _: Vec<LogLine>, _: OutputPosition) -> bool {
        false
    }
    fn stored_output(&self, _: LineSource, _: &str) -> StoredOutput {
        StoredOutput::default()
    }
}
