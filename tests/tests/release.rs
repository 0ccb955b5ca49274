//! Whole releases without a window: the engine, the real adapters and the journal on disk, against
//! the simulator over its real protocols.

#[path = "release/backup_again.rs"]
mod backup_again;
#[path = "release/continued.rs"]
mod continued;
#[path = "release/desk.rs"]
mod desk;
#[path = "release/holder.rs"]
mod holder;
#[path = "release/offline.rs"]
mod offline;
#[path = "release/pacer.rs"]
mod pacer;
#[path = "release/ready.rs"]
mod ready;
#[path = "release/rolled_back.rs"]
mod rolled_back;
#[path = "release/second_machine.rs"]
mod second_machine;

use std::{path::Path, sync::Arc, time::Duration};

use desk::Desk;
use greenlight_engine::{
    export, fold,
    ports::{EnvLock, HostAddress, JobSpec, JobState, LockClaim, Ownership, RevokeReason, Submitted, TaskStatus},
    release::{Act, Answer, Release},
    rollback_run,
};
use greenlight_rehearsal::host::jobs::ExitCodes;
use greenlight_simulation::operator::engine;
use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, ErrorCode, EventBody, Fact, FactKind, Failure, FingerprintSource, LineSource,
    Realm, RunEvent, RunId, RunResult, RunState, RunView, Status, StepId, TakeOver, Version,
};

/// Fast enough for a test, and slow enough for polls on the virtual clock.
const SPEED: u32 = 120;
/// Longest wait for a value in a release, in real time.
const PATIENCE: Duration = Duration::from_secs(900);

fn anna() -> Actor {
    Actor {
        person: "Anna".into(),
        computer: "test".into(),
        app_version: "0.1.0".into(),
        github_login: None,
        aws_identity: None,
    }
}

async fn until(release: &Release, what: &str, is_so: impl Fn(&RunView) -> bool) -> RunView {
    let mut watch = release.watch();
    let waited = tokio::time::timeout(PATIENCE, watch.wait_for(|view| is_so(view))).await;
    match waited {
        Ok(Ok(view)) => (**view).clone(),
        Ok(Err(_)) => panic!("the run was closed while waiting for {what}: {}", told(&release.view())),
        Err(_) => panic!("waited too long for {what}: {}", told(&release.view())),
    }
}

fn told(view: &RunView) -> String {
    view.steps
        .iter()
        .map(|step| format!("\n{:?} {:?} {:?} {:?}", step.definition.id, step.status(), step.failure(), step.doubt()))
        .collect()
}

fn status(view: &RunView, id: StepId) -> Status {
    fold::step(view, id).map_or(Status::NotStarted, |step| step.status())
}

/// Presses the button of one step as an operator does: answers its questions, confirms, starts.
async fn press(release: &Release, id: StepId) {
    until(release, &format!("the button of {}", id.name()), |view| status(view, id) == Status::AwaitingOperator).await;
    let started = async {
        let plan = engine::read(release, &anna(), id).await?;
        assert!(plan.already.is_some() || plan.is_open(), "{} is closed: {:?}", id.name(), plan.preconditions);
        engine::start(release, &anna(), plan).await
    };
    started.await.unwrap_or_else(|failure| panic!("{}: {failure}", id.name()));
}

async fn press_and_see(release: &Release, id: StepId) -> RunView {
    press(release, id).await;
    let view =
        until(release, id.name(), |view| !matches!(status(view, id), Status::Running | Status::AwaitingOperator)).await;
    assert_eq!(status(&view, id), Status::Succeeded, "{}", told(&view));
    view
}

async fn prepare(desk: &Desk) -> Release {
    let release = prepare_steps(desk, 6).await;
    until(&release, "Prepared", |view| view.state == RunState::Prepared).await;
    release
}

/// Drafts a release and runs this number of its first steps.
async fn prepare_steps(desk: &Desk, steps: usize) -> Release {
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    let release = desk.open(&run).await;
    let statement = "Testing of 2.1.0 is finished".to_owned();
    release.act(anna(), Act::StartPrepare { statement }).await.expect("Prepare starts");
    for id in StepId::ALL.into_iter().take(steps) {
        press_and_see(&release, id).await;
    }
    release
}

async fn deploy(release: &Release, desk: &Desk) {
    deploy_from(release, desk, &[], None).await;
}

async fn deploy_from(release: &Release, desk: &Desk, differences: &[&str], take_over: Option<TakeOver>) {
    let host = &desk.profile.host;
    let fingerprint =
        desk.ports().host.fingerprints(&host.address, host.port).await.expect("a fingerprint").swap_remove(0);
    let accepted_differences = release.deploy_differences().await.expect("the world answers");
    assert_eq!(accepted_differences.iter().map(|one| one.text.as_str()).collect::<Vec<_>>(), differences);
    let accepted_differences = accepted_differences.into_iter().map(|one| one.id).collect();
    let request = DeployRequest {
        address: host.address.clone(),
        port: host.port,
        fingerprint,
        known_by: FingerprintSource::Given,
        told: "Everyone".into(),
        typed_version: " 2.1.0 ".into(),
        accepted_differences,
        take_over,
    };
    release.act(anna(), Act::StartDeploy(request)).await.expect("Deploy starts");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn detects_a_revision_registered_after_the_plan() {
    let desk = Desk::new(ExitCodes::default()).await;
    let release = prepare_steps(&desk, 5).await;
    let id = StepId::RegisterTaskDefinition;
    until(&release, "the button", |view| status(view, id) == Status::AwaitingOperator).await;
    let plan = release.plan(id).await.expect("a plan");
    let mut theirs: serde_json::Value = serde_json::from_str(&plan.inputs.write()["body"]).expect("settings");
    theirs["containerDefinitions"][0]["image"] = serde_json::json!("rally-prod:a-hotfix");
    desk.ports().task_definitions.register(&theirs).await.expect("a colleague saves them");
    let act = Act::StartStep { step: id, plan_hash: plan.hash.clone(), token: None };
    release.act(anna(), act).await.expect("it is the plan that was shown");
    let view = until(&release, "its end", |view| status(view, id) == Status::Failed).await;
    let failure = fold::step(&view, id).and_then(|step| step.failure().cloned()).expect("a failure");
    assert_eq!(failure.code, ErrorCode::PlanChanged, "{failure:?}");
    let fresh = release.plan(id).await.expect("a plan");
    assert!(
        fresh.question.is_some() || fresh.inputs.write().get("newest") != plan.inputs.write().get("newest"),
        "theirs are seen: {fresh:?}"
    );
    let _ = desk.handle.stop().await;
}

async fn asks_before_the_same_version_is_released_again(desk: &Desk) {
    let parts = desk.parts().await;
    let draft = async |text: &str, anyway: Option<&str>| {
        let version = Version::parse(text).expect("a version");
        Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), anyway).await
    };
    for (text, words) in [("2.1.0", "2.1.0 was released before"), ("2.0.9", "2.0.9 is not newer than 2.1.0")] {
        for anyway in [None, Some(" ")] {
            let refused = draft(text, anyway).await.expect_err("a reason is asked for");
            assert_eq!(refused.code, ErrorCode::VersionNotNewer);
            assert!(refused.params["sentence"].starts_with(words) && refused.params["sentence"].contains("Anna"));
        }
    }
    draft("2.1.1", None).await.expect("a newer one needs no reason");
    let again = draft("2.1.0", Some("the hotfix was reverted")).await.expect("a draft with its reason");
    let view = fold::fold(&parts.journal.events(&again, 0).await.expect("the events")).expect("a run");
    assert_eq!(view.answers[0].note, "the hotfix was reverted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_whole_release_has_every_effect_once() {
    let desk = Desk::new(ExitCodes::default()).await;
    let release = prepare(&desk).await;
    deploy(&release, &desk).await;
    press_and_see(&release, StepId::BackUp).await;
    press_and_see(&release, StepId::DispatchBuild).await;
    let before = until(&release, "the migration's button", |view| {
        status(view, StepId::RunMigration) == Status::AwaitingOperator
    })
    .await;
    assert!(fold::newest(&before, FactKind::RolledOut).is_none(), "nothing is rolled out before the migration");
    press_and_see(&release, StepId::RunMigration).await;
    press(&release, StepId::CheckSite).await;
    until(&release, "the version on the site", |view| fold::newest(view, FactKind::SiteAnswered).is_some()).await;
    let asked_at = desk.clock.now();
    while asked_at.until_or_zero(desk.clock.now()) < Duration::from_secs(600) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&release.view(), StepId::CheckSite), Status::Running, "a person may take ten minutes to look");
    for check in &desk.profile.site.checks {
        let act = Act::AnswerCheck { check: check.id.clone(), answer: CheckAnswer::Passed, note: String::new() };
        release.act(anna(), act).await.expect("the answer is taken");
    }
    let end = until(&release, "the end", |view| view.state == RunState::Ended).await;
    assert_eq!(end.result, Some(RunResult::Released), "{}", told(&end));
    assert_eq!((desk.starts("migrate"), desk.starts("backup")), (1, 1), "each job started once");

    let journal = desk.parts().await.journal;
    let events = journal.events(&end.id, 0).await.expect("the events");
    assert_eq!(fold::fold(&events).expect("a run"), end, "the record on disk tells the same run");
    keep_golden("released", &events, &end);
    asks_before_the_same_version_is_released_again(&desk).await;
    let record = export::markdown(&end, &events);
    for step in &end.steps {
        let is_unused = step.definition.is_optional && step.status() == Status::NotStarted;
        assert_eq!(
            record.contains(&format!("| {} |", step.definition.title)),
            !is_unused,
            "the record lists exactly the steps that ran: {}",
            step.definition.id.name()
        );
    }
    outside_world(&desk, &end).await;
    rolled_back::roll_back(&desk, &end).await;
    let _ = desk.handle.stop().await;
}

/// Writes events and view as a golden file when `GREENLIGHT_WRITE_GOLDEN` is set.
fn keep_golden(name: &str, events: &[greenlight_types::Event], view: &RunView) {
    if std::env::var_os("GREENLIGHT_WRITE_GOLDEN").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/fold/{name}.json"));
        let text = serde_json::to_string_pretty(&serde_json::json!({ "events": events, "view": view })).expect("JSON");
        std::fs::write(file, text + "\n").expect("the golden file is written");
    }
}

/// Checks the outside systems instead of the app.
async fn outside_world(desk: &Desk, end: &RunView) {
    let ports = desk.ports();
    let refs = ports.git.remote_refs().await.expect("a listing");
    let commit = |name: &str| refs.iter().find(|one| one.name == name).map(|one| one.commit().to_owned());
    let tagged = commit("refs/tags/v2.1.0").expect("the tag");
    assert_eq!(commit("refs/heads/master"), Some(tagged.clone()), "master is the tagged commit");
    let file = ports.git.read_file(&tagged, &desk.profile.git.version_file).await.expect("a read").expect("the file");
    assert!(String::from_utf8_lossy(&file).contains("version=2.1.0.0-RELEASE"));
    let Some(Fact::RevisionSaved { arn, .. }) = fold::newest(end, FactKind::RevisionSaved) else {
        panic!("a revision was saved")
    };
    let tasks = ports.services.tasks().await.expect("tasks");
    let running: Vec<_> = tasks.iter().filter(|task| task.last_status == TaskStatus::Running).collect();
    assert_eq!(running.len(), 2, "two servers run");
    assert!(running.iter().all(|task| &task.task_definition == arn), "both run the new revision");
    let site = ports.site.get(&desk.profile.site.version_url).await.expect("the site answers");
    assert!(site.body.contains("2.1.0.0-RELEASE"), "{}", site.body);
}

/// A release whose migration is offered, the job of that migration, and the host with the id that
/// another computer would use.
async fn before_the_migration(desk: &Desk) -> (Release, JobSpec, HostAddress) {
    let release = prepare(desk).await;
    deploy(&release, desk).await;
    press_and_see(&release, StepId::BackUp).await;
    press_and_see(&release, StepId::DispatchBuild).await;
    let id = StepId::RunMigration;
    let view = until(&release, "the migration's button", |view| status(view, id) == Status::AwaitingOperator).await;
    let plan = release.plan(id).await.expect("a plan");
    let host = HostAddress::of(&view.staging.clone().expect("the staging machine"));
    // Another computer with an empty journal gives the same job the same id.
    let spec = JobSpec {
        lock: EnvLock { environment: "rally.practice".into(), run: RunId("another-computer".into()) },
        id: plan.inputs.write()["job"].clone(),
        script: plan.inputs.write()["script"].clone(),
        mutex: "rally.practice-db".into(),
        starts_within: Duration::from_secs(3_600),
    };
    (release, spec, host)
}

/// Makes another computer take the lock over.
async fn take_over(desk: &Desk, host: &HostAddress, spec: &JobSpec, from: &RunId) {
    let claim = LockClaim {
        person: "Maria".into(),
        computer: "desk-3".into(),
        version: "2.1.0".into(),
        reason: "Anna's computer does not start".into(),
    };
    assert_eq!(desk.ports().host.acquire_lock(host, &spec.lock, &claim, Some(from)).await, Ok(Ownership::Ours));
}

async fn say_it_was_done(release: &Release) -> Result<Answer, Failure> {
    let note = "The database team ran it from their own machine".to_owned();
    release.act(anna(), Act::ReportDone { step: StepId::RunMigration, note }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn never_starts_a_migration_that_was_run_by_hand() {
    let desk = Desk::new(ExitCodes::default()).await;
    let (release, spec, host) = before_the_migration(&desk).await;
    say_it_was_done(&release).await.expect("the word is taken");
    let id = StepId::RunMigration;
    let view = until(&release, "the word", |view| status(view, id) == Status::Succeeded).await;
    let events = desk.parts().await.journal.events(&view.id, 0).await.expect("the events");
    assert!(
        events
            .iter()
            .any(|event| matches!(&event.body, EventBody::Run(RunEvent::JobRevoking { job, .. }) if *job == spec.id)),
        "the record says which job was revoked"
    );
    let machine = Arc::clone(&desk.ports().host);
    take_over(&desk, &host, &spec, &view.id).await;
    assert_eq!(machine.submit(&host, &spec).await, Ok(Submitted::Revoked));
    machine.launch(&host, &spec.id, &spec.lock).await.expect("an order that arrives late");
    let state = machine.status(&host, &spec.id).await.expect("a status").state;
    assert_eq!(state, JobState::Revoked(RevokeReason::Outside));
    assert_eq!(desk.starts("migrate"), 0);
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_persons_word_does_not_finish_a_running_migration() {
    let desk = Desk::new(ExitCodes::default()).await;
    let (release, spec, host) = before_the_migration(&desk).await;
    let machine = Arc::clone(&desk.ports().host);
    take_over(&desk, &host, &spec, &release.view().id).await;
    assert_eq!(machine.submit(&host, &spec).await, Ok(Submitted::New));
    machine.launch(&host, &spec.id, &spec.lock).await.expect("it starts there");
    tokio::time::timeout(PATIENCE, async {
        while !machine.status(&host, &spec.id).await.is_ok_and(|status| status.state.is_alive()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it runs");
    let refused = say_it_was_done(&release).await.expect_err("it runs right now");
    assert!(refused.code == ErrorCode::NotAllowedNow && refused.params["job"] == spec.id, "{refused:?}");
    let plan = release.plan(StepId::RunMigration).await.expect("a plan");
    assert!(plan.already.is_some(), "it can be followed, and is not started beside the other one");
    assert_eq!(status(&release.view(), StepId::RunMigration), Status::AwaitingOperator);
    assert_eq!(desk.starts("migrate"), 1);
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn finds_a_backup_that_ran_while_closed() {
    let desk = Desk::new(ExitCodes::default()).await;
    let release = prepare(&desk).await;
    deploy(&release, &desk).await;
    press(&release, StepId::BackUp).await;
    desk.until_started("backup", &release).await;
    let run = release.view().id;
    release.close().await;

    let again = desk.open(&run).await;
    let view = until(&again, "the backup's end", |view| {
        !matches!(status(view, StepId::BackUp), Status::Running | Status::InDoubt)
    })
    .await;
    assert_eq!(status(&view, StepId::BackUp), Status::Succeeded, "{}", told(&view));
    assert_eq!(fold::step(&view, StepId::BackUp).map(|step| step.attempt), Some(1), "it is the same attempt");
    assert_eq!(desk.starts("backup"), 1, "and it started once");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn a_failed_migration_keeps_its_output_and_never_restarts() {
    let desk = Desk::new(ExitCodes { migration: 3, ..ExitCodes::default() }).await;
    let release = prepare(&desk).await;
    deploy(&release, &desk).await;
    press_and_see(&release, StepId::BackUp).await;
    press_and_see(&release, StepId::DispatchBuild).await;
    press(&release, StepId::RunMigration).await;
    let view = until(&release, "the migration's end", |view| {
        !matches!(status(view, StepId::RunMigration), Status::Running | Status::AwaitingOperator)
    })
    .await;
    let step = fold::step(&view, StepId::RunMigration).expect("the step");
    assert_eq!(step.status(), Status::Failed, "{}", told(&view));
    let failure = step.failure().expect("a failure");
    assert_eq!(failure.params.get("exit").map(String::as_str), Some("3"));
    assert!(failure.params.get("output").is_some_and(|output| !output.is_empty()), "its output is told");

    let plan = release.plan(StepId::RunMigration).await.expect("a plan");
    assert!(!plan.is_open(), "the plan says that it ran before");
    let refused =
        release.act(anna(), Act::ConfirmPlan { step: StepId::RunMigration, plan_hash: plan.hash.clone() }).await;
    assert!(refused.is_err(), "no token for a second start");
    let act = Act::StartStep { step: StepId::RunMigration, plan_hash: plan.hash, token: None };
    assert!(release.act(anna(), act).await.is_err(), "no second start");
    assert_eq!(desk.starts("migrate"), 1);

    let run = release.view().id;
    let act = Act::EndRun { result: RunResult::Stopped, note: "the migration failed".into() };
    release.act(anna(), act).await.expect("a person may stop here");
    let end = until(&release, "the end", |view| view.state == RunState::Ended).await;
    assert_eq!(end.result, Some(RunResult::Stopped));
    assert!(!end.left_behind.is_empty(), "what stays behind is listed");
    let events = desk.parts().await.journal.events(&run, 0).await.expect("the events");
    keep_golden("stopped-after-a-failed-migration", &events, &end);
    let _ = desk.handle.stop().await;
}

/// Presses a step, closes the app at once, reopens it, and continues as an operator would until the
/// step is done.
async fn press_through_a_crash(desk: &Desk, release: Release, id: StepId, pause: Duration) -> Release {
    let run = release.view().id;
    press(&release, id).await;
    // A fixed pause, not a wait for a value: each step and each pause close the app at another
    // point.
    tokio::time::sleep(pause).await;
    release.close().await;
    let release = desk.open(&run).await;
    // A step that did not happen gets its button back. Two more presses are enough.
    for _ in 0..3 {
        let view = until(&release, &format!("{} after a crash", id.name()), |view| {
            view.state == RunState::Ended
                || status(view, id).is_done()
                || matches!(status(view, id), Status::AwaitingOperator | Status::Failed)
                || (id == StepId::CheckSite && fold::newest(view, FactKind::SiteAnswered).is_some())
        })
        .await;
        match status(&view, id) {
            Status::AwaitingOperator => press(&release, id).await,
            Status::Failed => panic!("{}", told(&view)),
            Status::NotStarted
            | Status::Running
            | Status::InDoubt
            | Status::Succeeded
            | Status::Warned
            | Status::Skipped
            | Status::Stopped => break,
        }
    }
    release
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn closing_the_app_inside_each_step_repeats_no_effect() {
    let desk = Desk::new(ExitCodes::default()).await;
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    let mut release = desk.open(&run).await;
    let statement = "Testing of 2.1.0 is finished".to_owned();
    release.act(anna(), Act::StartPrepare { statement }).await.expect("Prepare starts");
    for (at, id) in StepId::ALL.into_iter().take(6).enumerate() {
        let pause = Duration::from_millis([0, 3, 10][at % 3]);
        release = press_through_a_crash(&desk, release, id, pause).await;
    }
    until(&release, "Prepared", |view| view.state == RunState::Prepared).await;
    deploy(&release, &desk).await;
    let pauses =
        [(StepId::BackUp, 300), (StepId::DispatchBuild, 5), (StepId::RunMigration, 200), (StepId::CheckSite, 1)];
    for (id, ms) in pauses {
        release = press_through_a_crash(&desk, release, id, Duration::from_millis(ms)).await;
    }
    until(&release, "the version on the site", |view| fold::newest(view, FactKind::SiteAnswered).is_some()).await;
    let asked_at = desk.clock.now();
    while asked_at.until_or_zero(desk.clock.now()) < Duration::from_secs(600) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status(&release.view(), StepId::CheckSite), Status::Running, "a person may take ten minutes to look");
    for check in &desk.profile.site.checks {
        let act = Act::AnswerCheck { check: check.id.clone(), answer: CheckAnswer::Passed, note: String::new() };
        release.act(anna(), act).await.expect("the answer is taken");
    }
    let end = until(&release, "the end", |view| view.state == RunState::Ended).await;
    assert_eq!(end.result, Some(RunResult::Released), "{}", told(&end));
    assert_eq!(desk.starts("migrate"), 1, "one migration");
    outside_world(&desk, &end).await;

    let ports = desk.ports();
    let Some(Fact::VersionSet { commit, .. }) = fold::newest(&end, FactKind::VersionSet) else { panic!("a commit") };
    let since = end.deploy_started_at.as_ref().expect("Deploy started");
    let builds =
        ports.builds.dispatched_runs(&desk.profile.github.workflow, Some(commit), since).await.expect("a list");
    assert_eq!(builds.len(), 1, "one build");
    let Some(Fact::RevisionSaved { revision, base_arn, .. }) = fold::newest(&end, FactKind::RevisionSaved) else {
        panic!("a revision")
    };
    assert!(base_arn.ends_with(&format!(":{}", revision - 1)), "one revision was saved: {base_arn}, {revision}");
    let main = ports.git.commit(commit).await.expect("a read").expect("the version commit");
    let merge = ports.git.commit(&main.parents[0]).await.expect("a read").expect("the merge commit");
    assert_eq!((main.parents.len(), merge.parents.len()), (1, 2), "one merge, then one version commit");
    let _ = desk.handle.stop().await;
}
