//! Rows of the repository, of GitHub, and of the environment lock.

use greenlight_types::{
    ErrorCode, Failure,
    ReadinessCheck::{
        Approvals, Branches, BuildJob, BuildUnderWay, CommitChecks, GithubSignIn, LargeFiles, LockFree, MergesCleanly,
        PushRules, Settings, Submodules, TagFree, VersionFile, Workflow, WorkflowConcurrency, WorkflowDeploys,
        WorkflowInputs, WorkflowTriggers,
    },
    ReadinessState::{Blocked, Choose, Later, Ready, Unknown},
    Realm,
};

use super::{
    super::answers::{Answers, MAIN, branch, build, environment, job, lost, signed_out},
    NO_ANSWER, Row,
};
use crate::ports::{BranchRule, CommitCheck, CommitCheckState, RefCommit, RemoteRef};

pub fn rows() -> Vec<Row> {
    [branches(), release(), workflow(), workflow_file()].into_iter().flatten().collect()
}

fn only_main(world: &mut Answers) {
    world.refs = Ok(vec![branch("master", MAIN)]);
}

fn rule(kind: &str) -> BranchRule {
    BranchRule { kind: kind.into(), may_bypass: Some(false) }
}

fn ends(world: &mut Answers, hours: u64) {
    let end = world.now.plus(std::time::Duration::from_secs(hours * 3_600));
    if let Ok(identity) = &mut world.github {
        identity.expires_at = Some(end);
    }
}

fn checks(state: CommitCheckState) -> Vec<CommitCheck> {
    vec![CommitCheck { name: "ci / test".into(), state }]
}

fn branches() -> Vec<Row> {
    vec![
        Row(Settings, Ready, "Every value", |_| {}),
        Row(Settings, Choose, "Not confirmed yet", |world| world.run.profile.aws.cluster.clear()),
        Row(Settings, Blocked, "Not confirmed yet", |world| {
            world.run.realm = Realm::Production;
            world.run.profile.aws.cluster.clear();
        }),
        Row(GithubSignIn, Ready, "Signed in to GitHub as bot", |_| {}),
        Row(GithubSignIn, Choose, "The GitHub token ends", |world| ends(world, 24)),
        Row(GithubSignIn, Blocked, "The GitHub token ends", |world| ends(world, 1)),
        Row(GithubSignIn, Blocked, "No sign-in for GitHub", |world| world.github = signed_out()),
        Row(GithubSignIn, Unknown, NO_ANSWER, |world| world.github = lost()),
        Row(Branches, Ready, "v2.1.0 brings 3 commits to master", |_| {}),
        Row(Branches, Later, "has every commit", |world| world.commits = 0),
        Row(Branches, Blocked, "v2.1.0 is not on GitHub", only_main),
        Row(Branches, Unknown, NO_ANSWER, |world| world.refs = lost()),
        Row(MergesCleanly, Ready, "v2.1.0 fits into master", |_| {}),
        Row(MergesCleanly, Blocked, "the same lines changed in pom.xml", |world| {
            world.conflicts = Ok(vec!["pom.xml".into()]);
        }),
        Row(MergesCleanly, Blocked, "no commit in common", |world| {
            world.conflicts = Err(Failure::new(ErrorCode::MergeConflict, "try the merge"));
        }),
        Row(MergesCleanly, Unknown, "not tried", only_main),
        Row(MergesCleanly, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(CommitChecks, Ready, "The one check of 2222222222 passed", |_| {}),
        Row(CommitChecks, Choose, "have not ended: ci / test", |world| {
            world.statuses = Ok(checks(CommitCheckState::Running));
        }),
        Row(CommitChecks, Blocked, "failed: ci / test", |world| {
            world.check_runs = Ok(checks(CommitCheckState::Failed));
        }),
        Row(CommitChecks, Unknown, "no test result for 2222222222", |world| world.check_runs = Ok(Vec::new())),
        Row(CommitChecks, Unknown, "No test result is read", only_main),
        Row(CommitChecks, Unknown, NO_ANSWER, |world| {
            world.check_runs = Err(Failure::new(ErrorCode::PermissionMissing, "read the checks of the commit"));
        }),
    ]
}

fn release() -> Vec<Row> {
    vec![
        Row(VersionFile, Ready, "says 2.0.1.11-RELEASE", |_| {}),
        Row(VersionFile, Blocked, "is not on the release branch", |world| world.files.clear()),
        Row(VersionFile, Unknown, "is not read", only_main),
        Row(VersionFile, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(LargeFiles, Ready, "No large file", |_| {}),
        Row(LargeFiles, Blocked, "1 large files (Git LFS) change: a.bin", |world| world.lfs = vec!["a.bin".into()]),
        Row(LargeFiles, Unknown, "not compared", only_main),
        Row(LargeFiles, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(Submodules, Ready, "no submodules", |_| {}),
        Row(Submodules, Later, "1 submodules: libs/a", |world| {
            world.files.insert(".gitmodules".into(), b"[submodule \"libs/a\"]\n".to_vec());
        }),
        Row(Submodules, Unknown, "not looked for", only_main),
        Row(Submodules, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(TagFree, Ready, "The label v2.1.0 is free", |_| {}),
        Row(TagFree, Later, "is on GitHub already", |world| {
            let tag = RemoteRef { name: "refs/tags/v2.1.0".into(), id: MAIN.into(), peeled: None };
            world.refs = Ok(vec![branch("master", MAIN), tag]);
        }),
        Row(TagFree, Unknown, NO_ANSWER, |world| world.refs = lost()),
        Row(PushRules, Ready, "No rule", |_| {}),
        Row(PushRules, Later, "only by pull request", |world| world.rules = Ok(vec![rule("pull_request")])),
        Row(PushRules, Blocked, "GitHub will not take a push", |world| world.rules = Ok(vec![rule("update")])),
        Row(PushRules, Unknown, NO_ANSWER, |world| world.rules = lost()),
        Row(LockFree, Ready, "No other release has", |_| {}),
        Row(LockFree, Later, "Maria on desk-3 is releasing 2.0.1.12", |world| {
            let message = "Environment lock of rally.practice: held\n\nRun: other\nPerson: Maria\nComputer: desk-3\n\
                           Version: 2.0.1.12\nSince: 2026-11-23T11:00:00.000Z\n";
            world.lock = Ok(Some(RefCommit { id: MAIN.into(), message: message.into() }));
        }),
        Row(LockFree, Unknown, NO_ANSWER, |world| world.lock = lost()),
    ]
}

fn workflow() -> Vec<Row> {
    vec![
        Row(Workflow, Ready, "The app can start the workflow", |_| {}),
        Row(Workflow, Blocked, "GitHub has no workflow", |world| world.workflow = Ok(None)),
        Row(Workflow, Blocked, "cannot be started", |world| {
            world.workflow = Err(Failure::new(ErrorCode::WorkflowMissing, "look up the build workflow"));
        }),
        Row(Workflow, Unknown, NO_ANSWER, |world| world.workflow = lost()),
        Row(BuildJob, Ready, "was in the last build (87)", |_| {}),
        Row(BuildJob, Blocked, "It has: package", |world| world.jobs = Ok(vec![job("package")])),
        Row(BuildJob, Unknown, "No build of the last 30 days", |world| world.builds = Ok(Vec::new())),
        Row(BuildJob, Unknown, NO_ANSWER, |world| world.jobs = lost()),
        Row(BuildUnderWay, Ready, "No build is under way", |_| {}),
        Row(BuildUnderWay, Choose, "Build 87 is under way", |world| world.builds = Ok(vec![build("queued")])),
        Row(BuildUnderWay, Unknown, NO_ANSWER, |world| world.builds = lost()),
        Row(Approvals, Ready, "No approval", |_| {}),
        Row(Approvals, Choose, "one of lena has to approve", |world| {
            world.environments = Ok(vec![environment(&["lena"])]);
        }),
        Row(Approvals, Unknown, "while it runs", |world| {
            world.workflow_file("on: workflow_dispatch\njobs: { a: { environment: \"${{ inputs.to }}\" } }\n");
            world.environments = Ok(vec![environment(&["lena"])]);
        }),
        Row(Approvals, Unknown, "The workflow file is not read", |world| world.workflow_file("[")),
        Row(Approvals, Unknown, NO_ANSWER, |world| world.environments = lost()),
    ]
}

fn workflow_file() -> Vec<Row> {
    vec![
        Row(WorkflowInputs, Ready, "takes the start with no inputs", |_| {}),
        Row(WorkflowInputs, Blocked, "cannot be started by hand", |world| world.workflow_file("on: push\n")),
        Row(WorkflowInputs, Blocked, "version is required", |world| {
            world.workflow_file("on: { workflow_dispatch: { inputs: { version: { required: true } } } }\n");
        }),
        Row(WorkflowInputs, Blocked, "is not in this state of the code", |world| world.files.clear()),
        Row(WorkflowInputs, Unknown, "The workflow file is not read", only_main),
        Row(WorkflowInputs, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(WorkflowTriggers, Ready, "No push starts the workflow", |_| {}),
        Row(WorkflowTriggers, Choose, "The push of master", |world| world.workflow_file("on: push\n")),
        Row(WorkflowTriggers, Unknown, "The workflow file is not read", |world| world.files.clear()),
        Row(WorkflowTriggers, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(WorkflowConcurrency, Ready, "does not cancel the first", |_| {}),
        Row(WorkflowConcurrency, Choose, "cancels the one before it", |world| {
            world.workflow_file("on: push\nconcurrency: { group: deploy, cancel-in-progress: true }\n");
        }),
        Row(WorkflowConcurrency, Unknown, "The workflow file is not read", only_main),
        Row(WorkflowConcurrency, Unknown, NO_ANSWER, |world| world.refresh = lost()),
        Row(WorkflowDeploys, Ready, "the newest start-up settings in place", |_| {}),
        Row(WorkflowDeploys, Choose, "start-up settings of its own", |world| {
            world.workflow_file(
                "on: push\njobs: { a: { steps: [{ uses: aws-actions/amazon-ecs-deploy-task-definition@v2 }] } }\n",
            );
        }),
        Row(WorkflowDeploys, Unknown, "does not show how", |world| world.workflow_file("on: push\n")),
        Row(WorkflowDeploys, Unknown, NO_ANSWER, |world| world.refresh = lost()),
    ]
}
