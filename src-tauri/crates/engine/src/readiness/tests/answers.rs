//! The outside world of a table row: one answer per question. [`Answers::good`] is a world in which
//! every check is ready.

use std::collections::BTreeMap;

use greenlight_types::{ErrorCode, Failure, RunView, Timestamp};
use serde_json::{Value, json};

use super::super::computer_state::{ComputerState, KeepAwake, KeyFileState, Power};
use crate::{
    act::test_support::draft,
    ports::{
        AwsIdentity, BranchRule, BuildEnvironment, BuildJob, BuildRun, CommitCheck, CommitCheckState, Deployment,
        DeploymentSettings, DeploymentStatus, Environment, GithubIdentity, Image, JobStatus, PortResult, ReadOutput,
        RefCommit, RemoteRef, RolloutState, ServiceSnapshot, SiteAnswer, StopCode, TaskDefinition, TaskHealth,
        TaskSnapshot, TaskStatus,
    },
};

pub const MAIN: &str = "1111111111111111111111111111111111111111";
pub const BRANCH: &str = "2222222222222222222222222222222222222222";
pub const FINGERPRINT: &str = "SHA256:confirmed";
pub const WORKFLOW: &str = ".github/workflows/build-deploy.yml";

/// The answers of all peers, and the run that asks.
#[derive(Clone)]
pub struct Answers {
    pub run: RunView,
    pub has_machine: bool,
    pub computer: ComputerState,
    pub now: Timestamp,
    pub github: PortResult<GithubIdentity>,
    pub refs: PortResult<Vec<RemoteRef>>,
    pub refresh: PortResult<()>,
    pub commits: u32,
    pub lfs: Vec<String>,
    pub conflicts: PortResult<Vec<String>>,
    pub files: BTreeMap<String, Vec<u8>>,
    pub lock: PortResult<Option<RefCommit>>,
    pub rules: PortResult<Vec<BranchRule>>,
    pub workflow: PortResult<Option<String>>,
    pub builds: PortResult<Vec<BuildRun>>,
    pub jobs: PortResult<Vec<BuildJob>>,
    pub check_runs: PortResult<Vec<CommitCheck>>,
    pub statuses: PortResult<Vec<CommitCheck>>,
    pub environments: PortResult<Vec<BuildEnvironment>>,
    pub aws: PortResult<AwsIdentity>,
    pub service: PortResult<Option<ServiceSnapshot>>,
    pub tasks: PortResult<Vec<TaskSnapshot>>,
    pub running: PortResult<Option<TaskDefinition>>,
    pub newest: PortResult<Option<TaskDefinition>>,
    pub package: PortResult<Option<Image>>,
    pub log: PortResult<()>,
    pub site: PortResult<SiteAnswer>,
    pub fingerprints: PortResult<Vec<String>>,
    pub machine: PortResult<Environment>,
    pub machine_jobs: PortResult<Vec<JobStatus>>,
    /// Answers to commands, by a part of the command. The first that fits counts.
    pub commands: Vec<(&'static str, PortResult<ReadOutput>)>,
}

/// The failure of a peer that cannot be reached.
pub fn lost<T>() -> PortResult<T> {
    Err(Failure::new(ErrorCode::Unreachable, "ask the peer"))
}

/// The failure of a sign-in that is not saved.
pub fn signed_out<T>() -> PortResult<T> {
    Err(Failure::new(ErrorCode::CredentialMissing, "sign in"))
}

pub fn printed(exit: i32, out: &str) -> PortResult<ReadOutput> {
    Ok(ReadOutput { exit: Some(exit), out: out.to_owned(), err: String::new() })
}

impl Answers {
    /// A world without trouble: two servers, a branch with three commits, and a machine at hand.
    pub fn good() -> Self {
        let mut run = draft();
        run.profile.aws.region = "us-east-1".to_owned();
        run.profile.aws.service = "web".to_owned();
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let newest = Some(definition(&run, 142));
        Self {
            has_machine: true,
            computer: good_computer(),
            now,
            github: Ok(GithubIdentity { login: "bot".into(), expires_at: None, answered_at: Some(now) }),
            refs: Ok(vec![branch("master", MAIN), branch("v2.1.0", BRANCH)]),
            refresh: Ok(()),
            commits: 3,
            lfs: Vec::new(),
            conflicts: Ok(Vec::new()),
            files: BTreeMap::from([
                (run.profile.git.version_file.clone(), b"version=2.0.1.11-RELEASE\n".to_vec()),
                (WORKFLOW.to_owned(), GOOD_WORKFLOW.into()),
            ]),
            lock: Ok(None),
            rules: Ok(Vec::new()),
            workflow: Ok(Some("build-deploy".into())),
            builds: Ok(vec![build("completed")]),
            jobs: Ok(vec![job("build"), job("deploy")]),
            check_runs: Ok(vec![CommitCheck { name: "ci".into(), state: CommitCheckState::Passed }]),
            statuses: Ok(Vec::new()),
            environments: Ok(vec![environment(&[])]),
            aws: Ok(AwsIdentity { account: run.profile.aws.account.clone(), arn: "arn:aws:iam::1:user/bot".into() }),
            service: Ok(Some(service(&run))),
            tasks: Ok(vec![task(&run, "a"), task(&run, "b")]),
            running: Ok(newest.clone()),
            newest: Ok(newest),
            package: Ok(None),
            log: Ok(()),
            site: Ok(SiteAnswer { status: 200, body: "Version 2.0.1.11-RELEASE".into(), took_ms: 42 }),
            fingerprints: Ok(vec![FINGERPRINT.into()]),
            machine: Ok(Environment { machine_id: "m".into(), boot_id: "b".into(), owner: None }),
            machine_jobs: Ok(Vec::new()),
            commands: good_commands(now),
            run,
        }
    }

    /// Changes the service.
    pub fn service(&mut self, change: impl FnOnce(&mut ServiceSnapshot)) {
        if let Ok(Some(service)) = &mut self.service {
            change(service);
        }
    }

    /// Makes the newest task definition another revision than the running one.
    pub fn newer(&mut self, change: impl FnOnce(&mut Value)) {
        let mut newer = definition(&self.run, 143);
        change(&mut newer.definition);
        self.newest = Ok(Some(newer));
    }

    /// Answers otherwise to commands with this part.
    pub fn command(&mut self, part: &'static str, answer: PortResult<ReadOutput>) {
        self.commands.insert(0, (part, answer));
    }

    pub fn workflow_file(&mut self, text: &str) {
        self.files.insert(WORKFLOW.to_owned(), text.into());
    }
}

fn good_computer() -> ComputerState {
    ComputerState {
        keychain: Ok("the keychain".into()),
        key_file: KeyFileState::Private,
        free_bytes: Some(1 << 40),
        power: Power::Mains,
        keep_awake: KeepAwake::Possible,
    }
}

fn good_commands(now: Timestamp) -> Vec<(&'static str, PortResult<ReadOutput>)> {
    vec![
        ("date +%s", printed(0, &now.as_second().to_string())),
        ("greenlight-readiness", printed(0, "greenlight-readiness\n")),
        ("df -Pk", printed(0, "Filesystem 1024-blocks Used Available\n/dev/vda 9 9 99999999\n")),
        ("sudo", printed(0, "")),
        ("", printed(0, "yes\n")),
    ]
}

const GOOD_WORKFLOW: &str = "\
on: workflow_dispatch
jobs:
  deploy:
    environment: production
    steps:
      - run: aws ecs update-service --service web --task-definition rally-prod
";

pub fn branch(name: &str, id: &str) -> RemoteRef {
    RemoteRef { name: format!("refs/heads/{name}"), id: id.into(), peeled: None }
}

pub fn build(status: &str) -> BuildRun {
    BuildRun {
        id: "1".into(),
        number: 87,
        status: status.into(),
        conclusion: (status == "completed").then(|| "success".into()),
        head_sha: MAIN.into(),
        head_branch: "master".into(),
        event: "push".into(),
        actor: "dev".into(),
        created_at: Timestamp::EPOCH,
        attempt: 1,
        url: "https://github.com/o/r/actions/runs/1".into(),
    }
}

pub fn job(name: &str) -> BuildJob {
    BuildJob {
        id: name.into(),
        name: name.into(),
        status: "completed".into(),
        conclusion: Some("success".into()),
        started_at: None,
        completed_at: None,
        steps: Vec::new(),
    }
}

pub fn environment(reviewers: &[&str]) -> BuildEnvironment {
    let reviewers = reviewers.iter().map(|name| (*name).to_owned()).collect();
    BuildEnvironment { name: "production".into(), reviewers, wait_minutes: 0 }
}

fn arn(run: &RunView, revision: u32) -> String {
    let aws = &run.profile.aws;
    format!("arn:aws:ecs:{}:{}:task-definition/{}:{revision}", aws.region, aws.account, aws.family)
}

pub fn definition(run: &RunView, revision: u32) -> TaskDefinition {
    let aws = &run.profile.aws;
    TaskDefinition {
        arn: arn(run, revision),
        revision,
        definition: json!({
            "executionRoleArn": "arn:aws:iam::1:role/start", "taskRoleArn": "arn:aws:iam::1:role/run",
            "containerDefinitions": [{
                "name": aws.container,
                "image": format!("{}/{}:RALLY-V2_0_1_11-RELEASE", run.profile.registry(), aws.image_repository),
                "secrets": [{ "name": "DB", "valueFrom": "/rally/prod/db" }],
            }]
        }),
        tags: json!([]),
        registered: Some(("dev".into(), Timestamp::EPOCH)),
    }
}

fn service(run: &RunView) -> ServiceSnapshot {
    ServiceSnapshot {
        task_definition: arn(run, 142),
        desired: 2,
        running: 2,
        deployments: vec![deployment(run, DeploymentStatus::Primary, RolloutState::Completed)],
        settings: DeploymentSettings { load_balancers: 1, grace_seconds: Some(120), ..DeploymentSettings::default() },
        events: Vec::new(),
    }
}

pub fn deployment(run: &RunView, status: DeploymentStatus, rollout_state: RolloutState) -> Deployment {
    Deployment {
        id: "ecs-svc/1".into(),
        status,
        task_definition: arn(run, 142),
        rollout_state,
        rollout_reason: String::new(),
        desired: 2,
        running: 2,
        pending: 0,
        failed: 0,
        created_at: Timestamp::EPOCH,
    }
}

fn task(run: &RunView, id: &str) -> TaskSnapshot {
    TaskSnapshot {
        id: id.into(),
        task_definition: arn(run, 142),
        last_status: TaskStatus::Running,
        health: TaskHealth::Healthy,
        deployment: "ecs-svc/1".into(),
        stop_code: StopCode::NotSent,
        stopped_reason: String::new(),
        stopped_at: None,
        exit_code: None,
        image_digest: String::new(),
        created_at: Timestamp::EPOCH,
    }
}
