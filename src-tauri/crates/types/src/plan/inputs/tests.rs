//! Tests: every variant is read back, and an error names the missing or unreadable value.

use super::*;

fn text(value: &str) -> String {
    value.to_owned()
}

fn at() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().expect("a time")
}

fn commit() -> CommitInputs {
    CommitInputs { message: text("m"), author: text("Lena"), email: text("l@x"), time: at() }
}

fn stop_rollout() -> PlanInputs {
    let text = str::to_owned;
    PlanInputs::StopRollout { service_deployment: text("arn"), deployment: text("ecs-svc/1"), revision: text("arn:1") }
}

fn push_branch(pull_request: Option<u32>) -> PlanInputs {
    PlanInputs::PushBranch { base: text("b"), commit: text("c"), pull_request }
}

fn open_pull_request() -> PlanInputs {
    let (branch, commit, title, body) = (text("b"), text("c"), text("t"), text("d"));
    PlanInputs::OpenPullRequest(PullRequestInputs { branch, commit, title, body, newest: 7 })
}

/// Merge and version commit.
fn local_commits() -> [(StepId, PlanInputs); 2] {
    let merge = MergeInputs { base: text("b"), head: text("h"), commit: None };
    let version = VersionInputs { parent: text("p"), previous: String::new(), commit: Some(commit()) };
    [(StepId::MergeBranch, PlanInputs::MergeBranch(merge)), (StepId::SetVersion, PlanInputs::SetVersion(version))]
}

fn every_variant() -> Vec<(StepId, PlanInputs)> {
    let start = |late| JobInputs::Start { job: text("j"), late, script: text("s") };
    let follow = JobInputs::Follow { job: text("j"), started_at: Some(at()), finished_at: None };
    let build = |existing, package| BuildInputs {
        commit: text("c"),
        deployments_before: vec![text("ecs-svc/1"), text("ecs-svc/2")],
        serving_before: text("arn"),
        completed_before: Some(text("arn:1")),
        existing,
        package,
    };
    let tag = |action| PlanInputs::CreateTag(TagInputs { commit: text("c"), action });
    let register = RevisionInputs::Register {
        base: text("b"),
        newest: Some(text("n")),
        running: None,
        image: text("i"),
        body: text("{}"),
    };
    let exists = RevisionInputs::Exists { arn: text("a"), revision: 143, base: text("b") };
    let found = ExistingBuild { build: text("1"), url: text("u"), sent_at: at() };
    let limit = |kind: &str, value| FailureLimit { kind: text(kind), value };
    let limits = LimitInputs { before: limit("BOUNDED_PERCENT", 50), after: limit("COUNT", 180) };
    let deployment = DeploymentInputs { revision: text("arn"), deployment_before: String::new() };
    let mut all = local_commits().to_vec();
    all.extend(vec![
        (StepId::CreateTag, tag(TagAction::Create(commit()))),
        (StepId::CreateTag, tag(TagAction::Exists { object: text("o") })),
        (StepId::CreateTag, tag(TagAction::Taken)),
        (StepId::PushBranch, push_branch(None)),
        (StepId::PushBranch, push_branch(Some(7))),
        (StepId::PushTag, PlanInputs::PushTag { object: text("o"), commit: text("c") }),
        (StepId::RegisterTaskDefinition, PlanInputs::RegisterTaskDefinition(register)),
        (StepId::RegisterTaskDefinition, PlanInputs::RegisterTaskDefinition(exists)),
        (StepId::RegisterTaskDefinition, PlanInputs::RegisterTaskDefinition(RevisionInputs::Undecided)),
        (StepId::BackUp, PlanInputs::BackUp(BackupInputs { job: start(None), database: Some(text("41")) })),
        (StepId::DispatchBuild, PlanInputs::DispatchBuild(build(None, None))),
        (StepId::DispatchBuild, PlanInputs::DispatchBuild(build(Some(found.clone()), None))),
        (
            StepId::RunMigration,
            PlanInputs::RunMigration(MigrationInputs {
                job: start(Some(text("old"))),
                folder_hash: Some(text("f")),
                database: Some(String::new()),
            }),
        ),
        (
            StepId::RunMigration,
            PlanInputs::RunMigration(MigrationInputs { job: follow, folder_hash: None, database: None }),
        ),
        (StepId::CheckSite, PlanInputs::CheckSite),
        (StepId::RaiseFailureLimit, PlanInputs::RaiseFailureLimit(limits.clone())),
        (StepId::RestoreFailureLimit, PlanInputs::RestoreFailureLimit(limits)),
        (StepId::StopRollout, stop_rollout()),
        (StepId::DeployAgain, PlanInputs::DeployAgain(deployment.clone())),
        (StepId::RollBack, PlanInputs::RollBack(deployment)),
        (StepId::RerunBuild, PlanInputs::RerunBuild { build: text("1"), attempt: 1 }),
        (StepId::CancelBuild, PlanInputs::CancelBuild { build: text("1"), attempt: 2 }),
        (StepId::FollowOtherBuild, PlanInputs::FollowOtherBuild(Some(found))),
        (StepId::OpenPullRequest, open_pull_request()),
    ]);
    all
}

#[test]
fn reads_back_every_variant() {
    for (step, inputs) in every_variant() {
        assert_eq!(PlanInputs::read(step, &inputs.write()), Ok(inputs));
    }
}

#[test]
fn names_the_value_that_is_missing() {
    let mut map = PlanInputs::PushTag { object: text("o"), commit: text("c") }.write();
    map.remove("object");
    let error = PlanInputs::read(StepId::PushTag, &map).expect_err("no object");
    assert_eq!(error.to_string(), "the plan of PushTag has no value for object");
}

#[test]
fn rejects_a_time_that_cannot_be_read() {
    let inputs = MergeInputs { base: text("b"), head: text("h"), commit: Some(commit()) };
    let mut map = PlanInputs::MergeBranch(inputs).write();
    map.insert(text("time"), text("yesterday"));
    let error = PlanInputs::read(StepId::MergeBranch, &map).expect_err("no time");
    assert_eq!(error.to_string(), "the plan of MergeBranch has the unreadable value \"yesterday\" for time");
}
