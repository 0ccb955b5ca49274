//! The reads of the outside systems that the checks share. Each system is asked once for each
//! answer, however many checks use it. No method changes anything.

use std::time::Duration;

use greenlight_types::{ErrorCode, Failure, Retry, RunState, RunView, Timestamp};
use tokio::sync::OnceCell;

use crate::{
    env_lock::git_ref::{self, RefState},
    ports::{
        AwsIdentity, BranchRule, BuildEnvironment, BuildJob, BuildRun, CommitCheck, Environment, GithubIdentity,
        HostAddress, Image, JobStatus, LogPage, PortResult, ReadOutput, RemoteRef, ServiceSnapshot, SiteAnswer,
        TaskDefinition, TaskSnapshot,
    },
    step::StepContext,
    steps::{check_account, missing_on_aws, run_facts::release_commit},
};

use super::workflow_text::{self, WorkflowFile};

/// Age of the oldest build whose jobs are compared.
const BUILDS_SINCE: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Maximum duration of a command on the staging machine.
const COMMAND_MAX: Duration = Duration::from_secs(15);

type Once<T> = OnceCell<PortResult<T>>;

/// An answer of GitHub with the time of this computer before the question and after the answer.
#[derive(Clone)]
pub(super) struct TimedIdentity {
    pub identity: GithubIdentity,
    pub before: Timestamp,
    pub after: Timestamp,
}

/// The reads of one look.
pub(super) struct Reads<'a> {
    cx: &'a StepContext,
    run: &'a RunView,
    machine: Option<HostAddress>,
    github: Once<TimedIdentity>,
    refs: Once<Vec<RemoteRef>>,
    fetched: Once<()>,
    builds: Once<Vec<BuildRun>>,
    aws: Once<AwsIdentity>,
    service: Once<ServiceSnapshot>,
    tasks: Once<Vec<TaskSnapshot>>,
    running: Once<TaskDefinition>,
    newest: Once<TaskDefinition>,
    environment: Once<Environment>,
    workflow_file: Once<WorkflowFile>,
}

impl<'a> Reads<'a> {
    pub fn new(cx: &'a StepContext, run: &'a RunView, machine: Option<HostAddress>) -> Self {
        Self {
            cx,
            run,
            machine,
            github: OnceCell::new(),
            refs: OnceCell::new(),
            fetched: OnceCell::new(),
            builds: OnceCell::new(),
            aws: OnceCell::new(),
            service: OnceCell::new(),
            tasks: OnceCell::new(),
            running: OnceCell::new(),
            newest: OnceCell::new(),
            environment: OnceCell::new(),
            workflow_file: OnceCell::new(),
        }
    }

    /// The clock of the app.
    pub fn now(&self) -> Timestamp {
        self.cx.ports.clock.now()
    }

    pub async fn github(&self) -> PortResult<TimedIdentity> {
        let asked = async {
            let before = self.now();
            let identity = self.cx.ports.builds.whoami().await?;
            Ok(TimedIdentity { identity, before, after: self.now() })
        };
        self.github.get_or_init(|| asked).await.clone()
    }

    pub async fn refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.refs.get_or_init(|| self.cx.ports.git.remote_refs()).await.clone()
    }

    /// Commit of a branch on the remote. `None` when there is no such branch.
    pub async fn branch(&self, name: &str) -> PortResult<Option<String>> {
        let full = format!("refs/heads/{name}");
        Ok(self.refs().await?.iter().find(|one| one.name == full).map(|one| one.commit().to_owned()))
    }

    /// Commit that this release is made of: the head of the release branch before Prepare, the
    /// tagged commit after it. `None` when the branch is not on the remote.
    pub async fn commit_to_release(&self) -> PortResult<Option<String>> {
        if self.run.state == RunState::Draft {
            return self.branch(&self.run.names.branch).await;
        }
        release_commit(self.run).map(Some)
    }

    /// Files that conflict when the release branch is merged into main. Fetches both first.
    pub async fn merge_conflicts(&self, main: &str, branch: &str) -> PortResult<Vec<String>> {
        self.fetch().await?;
        self.cx.ports.git.merge_conflicts(main, branch).await
    }

    pub async fn check_runs(&self, commit: &str) -> PortResult<Vec<CommitCheck>> {
        self.cx.ports.builds.check_runs(commit).await
    }

    pub async fn commit_statuses(&self, commit: &str) -> PortResult<Vec<CommitCheck>> {
        self.cx.ports.builds.commit_statuses(commit).await
    }

    pub async fn environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        self.cx.ports.builds.environments().await
    }

    /// The file of the workflow at [`Self::commit_to_release`]. A branch that was cut before main
    /// had the file gets it from main with the merge.
    pub async fn workflow_file(&self) -> PortResult<WorkflowFile> {
        let asked = async {
            let Some(commit) = self.commit_to_release().await? else { return Ok(WorkflowFile::NoBranch) };
            let path = format!(".github/workflows/{}", self.run.profile.github.workflow);
            let mut bytes = self.file(&commit, &path).await?;
            if bytes.is_none()
                && self.run.state == RunState::Draft
                && let Some(main) = self.branch(&self.run.profile.git.main).await?
            {
                bytes = self.file(&main, &path).await?;
            }
            Ok(bytes.map_or(WorkflowFile::Missing, |bytes| workflow_text::read(&bytes)))
        };
        self.workflow_file.get_or_init(|| asked).await.clone()
    }

    /// Commits of `head` that `base` does not have, and their number. Fetches both first.
    pub async fn commits_between(&self, base: &str, head: &str) -> PortResult<u32> {
        self.fetch().await?;
        Ok(self.cx.ports.git.commits_between(base, head, 1).await?.1)
    }

    /// Paths of Git LFS that differ between two commits.
    pub async fn large_files(&self, from: &str, to: &str) -> PortResult<Vec<String>> {
        self.fetch().await?;
        Ok(self.cx.ports.git.changed_paths(from, to).await?.lfs_pointers)
    }

    pub async fn file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        self.fetch().await?;
        self.cx.ports.git.read_file(commit, path).await
    }

    /// Fetches into the clone of the app. The remote does not change.
    async fn fetch(&self) -> PortResult<()> {
        self.fetched.get_or_init(|| self.cx.ports.git.refresh()).await.clone()
    }

    pub async fn lock(&self) -> PortResult<RefState> {
        git_ref::read(self.cx).await
    }

    pub async fn branch_rules(&self, branch: &str) -> PortResult<Vec<BranchRule>> {
        self.cx.ports.pull_requests.branch_rules(branch).await
    }

    /// Name of the workflow of the profile. `None` when GitHub does not know it.
    pub async fn workflow(&self) -> PortResult<Option<String>> {
        self.cx.ports.builds.workflow(&self.run.profile.github.workflow).await
    }

    /// Runs of the workflow in the last 30 days, newest first.
    pub async fn builds(&self) -> PortResult<Vec<BuildRun>> {
        let since = self.now().minus(BUILDS_SINCE);
        let workflow = &self.run.profile.github.workflow;
        self.builds.get_or_init(|| async { self.cx.ports.builds.all_runs(workflow, None, &since).await }).await.clone()
    }

    pub async fn jobs(&self, build: &str) -> PortResult<Vec<BuildJob>> {
        self.cx.ports.builds.jobs(build).await
    }

    pub async fn aws(&self) -> PortResult<AwsIdentity> {
        self.aws.get_or_init(|| self.cx.ports.identity.whoami()).await.clone()
    }

    /// The service of the profile, in the account of the profile.
    pub async fn service(&self) -> PortResult<ServiceSnapshot> {
        let asked = async {
            let found = self.cx.ports.services.describe().await?;
            let service = found.ok_or_else(|| missing_on_aws(&self.run.profile.aws.service))?;
            check_account(&self.run.profile, &service)?;
            Ok(service)
        };
        self.service.get_or_init(|| asked).await.clone()
    }

    pub async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.tasks.get_or_init(|| self.cx.ports.services.tasks()).await.clone()
    }

    /// The task definition that the service is set to.
    pub async fn running(&self) -> PortResult<TaskDefinition> {
        let asked = async {
            let arn = self.service().await?.task_definition;
            self.cx.ports.task_definitions.describe(&arn).await?.ok_or_else(|| missing_on_aws(&arn))
        };
        self.running.get_or_init(|| asked).await.clone()
    }

    /// The newest task definition of the family.
    pub async fn newest(&self) -> PortResult<TaskDefinition> {
        let family = &self.run.profile.aws.family;
        let asked =
            async { self.cx.ports.task_definitions.describe(family).await?.ok_or_else(|| missing_on_aws(family)) };
        self.newest.get_or_init(|| asked).await.clone()
    }

    /// The package of this version. `None` when its name is free.
    pub async fn package(&self) -> PortResult<Option<Image>> {
        self.cx.ports.images.find(&self.run.names.image_tag).await
    }

    pub async fn may_overwrite_packages(&self) -> PortResult<Option<bool>> {
        self.cx.ports.images.tags_may_be_overwritten().await
    }

    /// Events of the production log from now on.
    pub async fn log_page(&self) -> PortResult<LogPage> {
        self.cx.ports.logs.page(self.now().as_millisecond(), None).await
    }

    pub async fn site(&self, url: &str) -> PortResult<SiteAnswer> {
        self.cx.ports.site.get(url).await
    }

    /// Whether a person has confirmed a staging machine for this look.
    pub fn has_machine(&self) -> bool {
        self.machine.is_some()
    }

    fn machine(&self) -> PortResult<&HostAddress> {
        self.machine.as_ref().ok_or_else(|| {
            Failure::new(ErrorCode::HostUnknown, "ask the staging machine")
                .because("no person has confirmed it yet")
                .retry(Retry::Safe)
        })
    }

    /// The fingerprints of the staging machine. Sends no sign-in.
    pub async fn fingerprints(&self) -> PortResult<Vec<String>> {
        let machine = self.machine()?;
        self.cx.ports.host.fingerprints(&machine.address, machine.port).await
    }

    /// The confirmed fingerprint of the staging machine.
    pub fn confirmed_fingerprint(&self) -> PortResult<String> {
        Ok(self.machine()?.fingerprint.clone())
    }

    /// The machine's identity and the owner of its lock, after a sign-in.
    pub async fn environment(&self) -> PortResult<Environment> {
        let name = crate::ports::EnvLock::of(self.run).environment;
        let asked = async { self.cx.ports.host.environment(self.machine()?, &name).await };
        self.environment.get_or_init(|| asked).await.clone()
    }

    /// The jobs of this product on the machine.
    pub async fn machine_jobs(&self) -> PortResult<Vec<JobStatus>> {
        let prefix = format!("{}.", crate::ports::EnvLock::of(self.run).environment);
        self.cx.ports.host.jobs(self.machine()?, &prefix).await
    }

    /// The answer of the staging machine to a command that only reads.
    pub async fn answer_to(&self, command: &str) -> PortResult<ReadOutput> {
        self.cx.ports.host.read(self.machine()?, command, COMMAND_MAX).await
    }
}
