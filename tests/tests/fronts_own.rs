//! The app's own adapters as clients of the simulator, over the same protocols. Answers get lost,
//! refs move and scripts fail, and the adapter has to report the true outcome.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, ensure};
use greenlight_adapters::{
    aws::AwsAccess,
    ecs::task_definitions::EcsTaskDefinitions,
    git::GitAdapter,
    github::{GithubAdapter, GithubLimits},
    keychain::MemorySecrets,
    logs::CloudWatchLogs,
    ssh::SshHost,
};
use greenlight_engine::{
    ports::{
        Builds as _, Dispatch, EnvLock, Git as _, HostAddress, JobSpec, JobState, LockClaim, Logs as _, NewPullRequest,
        Ownership, PullRequestState, PullRequests as _, PushRef, PushResult, RemoteHost as _, Secrets, Signature,
        TaskDefinitions as _,
    },
    profile,
};
use greenlight_rehearsal::{
    process::troubles::Switch,
    world::{Pace, Rules},
};
use greenlight_tests::support::{process::Deadline, production::Served, relay::Relay};
use greenlight_types::{Changed, ErrorCode, Failure, Profile, RunId, Timestamp, Trouble};
use serde_json::{Value, json};

const MASTER: &str = "refs/heads/master";
const LONG_AGO: &str = "2020-01-01T00:00:00.000Z";
/// Longest wait for an event on the simulated host, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// The simulator, and the app's access to it.
struct Bench {
    served: Served,
    profile: Profile,
    secrets: Arc<dyn Secrets>,
}

impl Bench {
    async fn start() -> Result<Self> {
        Self::start_with(|_| {}).await
    }

    async fn start_with(change: fn(&mut Rules)) -> Result<Self> {
        let served = Served::start_with(60, change).await?;
        let rally = profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN)?;
        let secrets = MemorySecrets::default();
        for credential in served.handle().credentials() {
            secrets.set(&credential).await?;
        }
        Ok(Self { profile: served.handle().practice_profile(&rally), served, secrets: Arc::new(secrets) })
    }

    fn github(&self, url: &str) -> Result<GithubAdapter> {
        let limit = Duration::from_secs(5);
        let limits = GithubLimits { connect: limit, read: limit, whole: limit, pause: Duration::from_millis(1) };
        Ok(GithubAdapter::new(url, &self.profile.github.repository, self.secrets.clone())?.with_limits(limits))
    }

    fn github_url(&self) -> String {
        self.served.url(self.served.handle().file().ports.github)
    }

    fn aws(&self, url: &str) -> Result<AwsAccess> {
        Ok(AwsAccess::new(&self.profile.aws.region, Some(url), self.secrets.clone())?)
    }

    fn aws_url(&self) -> String {
        self.served.url(self.served.handle().file().ports.aws)
    }

    fn definitions(&self, url: &str) -> Result<EcsTaskDefinitions> {
        Ok(EcsTaskDefinitions::new(self.aws(url)?))
    }

    /// The newest revision, and a body that would register the same settings again.
    async fn newest(&self) -> Result<(u32, Value)> {
        let family = &self.profile.aws.family;
        let found = self.definitions(&self.aws_url())?.describe(family).await?.context("a revision")?;
        let mut body = found.definition;
        let object = body.as_object_mut().context("an object")?;
        for added in [
            "taskDefinitionArn",
            "revision",
            "status",
            "requiresAttributes",
            "compatibilities",
            "registeredAt",
            "registeredBy",
        ] {
            object.remove(added);
        }
        object.insert("tags".to_owned(), found.tags);
        Ok((found.revision, body))
    }

    async fn git(&self) -> Result<GitAdapter> {
        let git = GitAdapter::new(&self.profile.git.url, self.served.folder().join("clone.git"), self.secrets.clone())?;
        git.refresh().await?;
        Ok(git)
    }

    fn host(&self) -> (SshHost, HostAddress) {
        let host = &self.profile.host;
        let address = HostAddress {
            address: host.address.clone(),
            port: host.port,
            user: host.user.clone(),
            fingerprint: host.fingerprint.clone(),
            machine_id: String::new(),
        };
        (SshHost::new(self.secrets.clone()), address)
    }

    fn dispatch(&self) -> Dispatch {
        Dispatch { workflow: self.profile.github.workflow.clone(), git_ref: MASTER.to_owned(), inputs: BTreeMap::new() }
    }
}

/// Requires a failure that leaves the change unknown.
fn is_open<T: std::fmt::Debug>(answer: Result<T, Failure>) -> Result<()> {
    let failure = answer.err().context("the answer was lost")?;
    ensure!(failure.changed == Changed::Unknown, "{failure:?}");
    Ok(())
}

async fn id_of(git: &GitAdapter, name: &str) -> Result<Option<String>> {
    Ok(git.remote_refs().await?.into_iter().find(|entry| entry.name == name).map(|entry| entry.id))
}

fn by() -> Signature {
    Signature {
        name: "Anna".into(),
        email: "anna@rally.example".into(),
        at: "2026-11-23T09:00:00.000Z".parse().expect("a time"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispatch_with_a_lost_answer_is_sent_once() -> Result<()> {
    let bench = Bench::start().await?;
    let relay = Relay::start(bench.served.handle().file().ports.github, "/dispatches").await?;
    is_open(bench.github(&relay.url())?.dispatch(&bench.dispatch()).await)?;
    ensure!(relay.lost() == 1, "it was sent {} times", relay.lost());
    let since: Timestamp = LONG_AGO.parse()?;
    let runs = bench.github(&bench.github_url())?.dispatched_runs(&bench.dispatch().workflow, None, &since).await?;
    let begun: Vec<u32> = runs.iter().map(|run| run.number).collect();
    ensure!(begun == [412, 411], "one build beside the one before the first: {runs:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_waiting_build_names_its_reviewer_and_is_cancelled() -> Result<()> {
    let held = |rules: &mut Rules| (rules.pace, rules.approval) = (Pace::brisk(), Some(86_400_000));
    let bench = Bench::start_with(held).await?;
    let github = bench.github(&bench.github_url())?;
    let id = github.dispatch(&bench.dispatch()).await?.context("the id of the run")?;
    let mut deadline = Deadline::after(PATIENCE);
    while github.run(&id).await?.context("the run")?.status != "waiting" {
        deadline.pause("the build waits for its reviewer").await?;
    }
    let pending = github.pending_deployments(&id).await?;
    let [one] = &pending[..] else { anyhow::bail!("{pending:?}") };
    ensure!(one.environment == "production" && one.reviewers == ["release-manager"], "{one:?}");
    github.cancel(&id).await?;
    let seen = github.run(&id).await?.context("the run")?;
    ensure!(seen.conclusion.as_deref() == Some("cancelled"), "{seen:?}");
    let failure = github.cancel(&id).await.err().context("a build is cancelled once")?;
    ensure!(failure.changed == Changed::Nothing, "{failure:?}");
    ensure!(github.pending_deployments(&id).await?.is_empty(), "nothing waits any more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_with_a_lost_answer_is_sent_once() -> Result<()> {
    let bench = Bench::start().await?;
    let (before, body) = bench.newest().await?;
    let relay = Relay::start(bench.served.handle().file().ports.aws, "RegisterTaskDefinition").await?;
    is_open(bench.definitions(&relay.url())?.register(&body).await)?;
    ensure!(relay.lost() == 1, "it was sent {} times", relay.lost());
    ensure!(bench.newest().await?.0 == before + 1, "one new revision");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registered_definition_keeps_every_member() -> Result<()> {
    let bench = Bench::start().await?;
    let (before, mut body) = bench.newest().await?;
    body["containerDefinitions"][0]["image"] = json!("012345678901.dkr.ecr.us-east-1.amazonaws.com/rally:new");
    bench.definitions(&bench.aws_url())?.register(&body).await?;
    let (after, registered) = bench.newest().await?;
    ensure!(after == before + 1 && registered == body, "sent {body}\ngot {registered}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_moves_an_existing_tag() -> Result<()> {
    let bench = Bench::start().await?;
    let git = bench.git().await?;
    let main = id_of(&git, MASTER).await?.context("a main branch")?;
    let first = git.commit(&main).await?.and_then(|commit| commit.parents.first().cloned()).context("a parent")?;
    let push = |id: &str, expect: Option<&str>| PushRef {
        id: id.to_owned(),
        name: "refs/tags/v9.9.9".to_owned(),
        expect: expect.map(str::to_owned),
    };
    ensure!(git.push(&push(&first, None)).await? == PushResult::Accepted);
    let moved = git.push(&push(&main, None)).await?;
    ensure!(moved == PushResult::Moved { now: Some(first.clone()) }, "{moved:?}");
    ensure!(id_of(&git, "refs/tags/v9.9.9").await?.as_deref() == Some(first.as_str()), "the tag was moved");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_that_the_server_refuses_is_no_success() -> Result<()> {
    let bench = Bench::start().await?;
    let git = bench.git().await?;
    let main = id_of(&git, MASTER).await?.context("a main branch")?;
    let file = &bench.profile.git.version_file;
    let bytes = git.read_file(&main, file).await?.context("the version file")?;
    let keep = "refs/greenlight/test/version";
    let next = git.commit_file(&main, file, &[&bytes[..], b"# next\n"].concat(), "next", &by(), keep).await?;
    let hook = bench.served.folder().join("git").join(format!("{}.git/hooks/update", bench.profile.github.repository));
    fs_err::write(&hook, "#!/bin/sh\necho 'error: GH006: Protected branch update failed.' >&2\nexit 1\n")?;
    fs_err::set_permissions(&hook, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let push = PushRef { id: next, name: MASTER.to_owned(), expect: Some(main.clone()) };
    let refused = git.push(&push).await?;
    ensure!(matches!(&refused, PushResult::Refused { .. }), "{refused:?}");
    ensure!(id_of(&git, MASTER).await? == Some(main), "main moved");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_page_of_the_log_is_not_its_end() -> Result<()> {
    let bench = Bench::start_with(|rules| rules.has_empty_pages = true).await?;
    let logs = CloudWatchLogs::new(bench.aws(&bench.aws_url())?, &bench.profile.aws.log_group);
    let mut deadline = Deadline::after(PATIENCE);
    loop {
        let first = logs.page(0, None).await?;
        ensure!(first.events.is_empty(), "the first page has lines");
        let token = first.next.context("a page without a line, and no next one")?;
        if !logs.page(0, Some(&token)).await?.events.is_empty() {
            return Ok(());
        }
        deadline.pause("a line of the log").await?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_nothing_to_a_machine_with_another_fingerprint() -> Result<()> {
    let bench = Bench::start().await?;
    let (ssh, mut address) = bench.host();
    address.fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let job = job("true\n");
    let failure = ssh.submit(&address, &job).await.err().context("another machine")?;
    ensure!(failure.code == ErrorCode::HostChanged, "{failure:?}");
    let (ssh, address) = bench.host();
    ensure!(ssh.status(&address, &job.id).await?.state == JobState::Absent, "the job is there");
    Ok(())
}

fn job(script: &str) -> JobSpec {
    JobSpec {
        id: "rally.practice.backup.9.9.9.a1".into(),
        script: script.into(),
        mutex: "rally.practice-db".into(),
        lock: EnvLock { environment: "rally.practice".into(), run: RunId("run-1".into()) },
        starts_within: Duration::from_secs(3_600),
    }
}

/// The state of an ended job on the simulated host, as the adapter reports it.
async fn ended(bench: &Bench, script: &str) -> Result<JobState> {
    let (ssh, address) = bench.host();
    let job = job(script);
    let claim =
        LockClaim { person: "Anna".into(), computer: "desk".into(), version: "9.9.9".into(), reason: "".into() };
    ensure!(ssh.acquire_lock(&address, &job.lock, &claim, None).await? == Ownership::Ours, "the environment is free");
    ssh.submit(&address, &job).await?;
    ssh.launch(&address, &job.id, &job.lock).await?;
    let mut deadline = Deadline::after(PATIENCE);
    loop {
        let state = ssh.status(&address, &job.id).await?.state;
        if matches!(state, JobState::Finished { .. } | JobState::Lost { .. }) {
            return Ok(state);
        }
        deadline.pause("the job to end").await?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_that_ends_with_an_error_has_its_code() -> Result<()> {
    let bench = Bench::start().await?;
    let state = ended(&bench, "exit 7\n").await?;
    ensure!(matches!(state, JobState::Finished { exit: 7, .. }), "{state:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_without_its_supervisor_is_lost() -> Result<()> {
    let bench = Bench::start().await?;
    // The script's parent is the supervisor, which would write the result.
    let state = ended(&bench, "kill -9 $PPID; sleep 0.2\n").await?;
    ensure!(matches!(state, JobState::Lost { .. }), "{state:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_practice_repository_takes_the_environment_lock() -> Result<()> {
    const LOCK: &str = "refs/greenlight/rally/prod";
    let bench = Bench::start().await?;
    let git = bench.git().await?;
    ensure!(git.ref_commit(LOCK).await?.is_none(), "it is new");
    let mut before = None;
    for message in ["free\n", "held\n", "free\n"] {
        let id = git.commit_message(before.as_deref(), message, &by(), "refs/greenlight/01/lock").await?;
        let push = PushRef { id: id.clone(), name: LOCK.to_owned(), expect: before };
        ensure!(git.push(&push).await? == PushResult::Accepted, "{message}");
        let found = git.ref_commit(LOCK).await?.context("an entry")?;
        ensure!(found.message == message && found.id == id, "{found:?}");
        before = Some(id);
    }
    Ok(())
}

/// A commit on top of main that is published on a branch of its own. Returns main and the commit.
async fn published(bench: &Bench, git: &GitAdapter, branch: &str) -> Result<(String, String)> {
    let main = id_of(git, MASTER).await?.context("a main branch")?;
    let file = &bench.profile.git.version_file;
    let bytes = git.read_file(&main, file).await?.context("the version file")?;
    let keep = "refs/greenlight/test/version";
    let next = git.commit_file(&main, file, &[&bytes[..], b"# next\n"].concat(), "next", &by(), keep).await?;
    let push = PushRef { id: next.clone(), name: format!("refs/heads/{branch}"), expect: None };
    ensure!(git.push(&push).await? == PushResult::Accepted, "the branch is not protected");
    Ok((main, next))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_protected_main_takes_a_change_by_pull_request() -> Result<()> {
    const BRANCH: &str = "greenlight/v9.9.9";
    let bench = Bench::start().await?;
    let (git, github) = (bench.git().await?, bench.github(&bench.github_url())?);
    ensure!(github.branch_rules("master").await?.is_empty(), "main takes pushes");
    let on = Switch { trouble: Trouble::MainIsProtected, on: true, after_ms: None, only_first: false };
    bench.served.handle().switch(&on).await?;
    let rules = github.branch_rules("master").await?;
    ensure!(rules.len() == 1 && rules[0].kind == "pull_request" && rules[0].may_bypass == Some(false), "{rules:?}");
    ensure!(github.branch_rules(BRANCH).await?.is_empty(), "another branch has no rule");
    let (main, next) = published(&bench, &git, BRANCH).await?;
    let push = PushRef { id: next.clone(), name: MASTER.to_owned(), expect: Some(main.clone()) };
    let refused = git.push(&push).await?;
    let PushResult::Refused { reason } = &refused else { anyhow::bail!("{refused:?}") };
    ensure!(reason.contains("Changes must be made through a pull request"), "{reason}");

    let (head, base) = (BRANCH.to_owned(), "master".to_owned());
    let new = NewPullRequest { title: "Release 9.9.9".to_owned(), body: "Please merge it.".to_owned(), head, base };
    let relay = Relay::start(bench.served.handle().file().ports.github, "/pulls").await?;
    is_open(bench.github(&relay.url())?.open_pull_request(&new).await)?;
    ensure!(relay.lost() == 1, "it was sent {} times", relay.lost());
    let found = github.of_branch(BRANCH, "master").await?;
    ensure!(found.len() == 1 && found[0].state == PullRequestState::Open && found[0].head == next, "{found:?}");
    let failure = github.open_pull_request(&new).await.err().context("a second one")?;
    ensure!(failure.code == ErrorCode::PushRefused && failure.changed == Changed::Nothing, "{failure:?}");
    ensure!(failure.params["problem"].contains("already exists for"), "{failure:?}");

    let mut deadline = Deadline::after(PATIENCE);
    let merged = loop {
        let seen = github.pull_request(1).await?.context("the pull request")?;
        if seen.state != PullRequestState::Open {
            break seen;
        }
        deadline.pause("the reviewer merges").await?;
    };
    ensure!(merged.state == PullRequestState::Merged && merged.merged_by.as_deref() == Some("reviewer"), "{merged:?}");
    let commit = merged.merged_as.context("the commit of main")?;
    git.refresh().await?;
    ensure!(id_of(&git, MASTER).await?.as_deref() == Some(commit.as_str()), "main is {commit}");
    let parents = git.commit(&commit).await?.context("the commit of main")?.parents;
    ensure!(parents == [main, next], "{parents:?}");
    ensure!(github.branch_rules("master").await?.is_empty(), "the trouble is over");
    ensure!(github.pull_request(2).await?.is_none(), "there is one only");
    Ok(())
}
