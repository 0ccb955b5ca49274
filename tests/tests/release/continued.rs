//! "Continue this release here": a computer with an empty journal takes over the release of a lost
//! computer.

use greenlight_types::{Completion, Retry, RunEvent};

use super::*;

/// The draft of the same version on a computer with an empty journal.
async fn draft_elsewhere(desk: &mut Desk) -> Release {
    desk.move_to_another_computer();
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    desk.open(&run).await
}

/// The run of a release whose computer is lost while its migration runs.
async fn lost_in_its_migration(desk: &Desk) -> RunId {
    let (lost, _, _) = before_the_migration(desk).await;
    press(&lost, StepId::RunMigration).await;
    desk.until_started("migrate", &lost).await;
    let run = lost.view().id;
    lost.close().await;
    run
}

/// The difference that Deploy reports while the other deployment runs.
const UNDER_WAY: &str = "Another deployment is under way on AWS right now.";

fn over(from: RunId) -> TakeOver {
    TakeOver { from, reason: "Anna's computer was stolen".to_owned() }
}

/// The number of builds that were ever started for this release.
async fn builds(desk: &Desk, release: &Release) -> usize {
    let commit = match fold::newest(&release.view(), FactKind::VersionSet) {
        Some(Fact::VersionSet { commit, .. }) => commit.clone(),
        other => panic!("no version: {other:?}"),
    };
    let long_ago = "2020-01-01T00:00:00.000Z".parse().expect("a time");
    let workflow = &desk.profile.github.workflow;
    let runs = desk.ports().builds.dispatched_runs(workflow, Some(&commit), &long_ago).await.expect("GitHub answers");
    runs.len()
}

fn how(view: &RunView, id: StepId) -> Option<Completion> {
    fold::step(view, id).and_then(|step| step.how().cloned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn continues_a_release_lost_during_its_migration() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let first = lost_in_its_migration(&desk).await;

    let release = draft_elsewhere(&mut desk).await;
    let begun = release.begun_elsewhere().await.expect("GitHub answers").expect("its label is there");
    assert_eq!((begun.run.as_ref(), begun.person.as_str()), (Some(&first), "Anna"));
    release.continue_here(anna()).await.expect("what the world shows is recorded");
    let view = until(&release, "Prepared", |view| view.state == RunState::Prepared).await;
    for id in StepId::ALL.into_iter().take(6) {
        assert_eq!(how(&view, id), Some(Completion::AlreadyDone), "{id:?} was done already, and nothing was sent");
    }
    let events = desk.parts().await.journal.events(&view.id, 0).await.expect("the events");
    assert!(
        events.iter().any(|event| matches!(&event.body, EventBody::Run(RunEvent::PrepareStarted { statement, .. })
            if statement.contains("unknown here") && statement.contains(&first.0))),
        "the record says what it does not know"
    );
    assert_eq!(release.begun_elsewhere().await, Ok(None), "it is continued already");
    deploy_from(&release, &desk, &[UNDER_WAY], Some(over(first))).await;

    press_and_see(&release, StepId::BackUp).await;
    let view = press_and_see(&release, StepId::DispatchBuild).await;
    assert_eq!(
        how(&view, StepId::DispatchBuild),
        Some(Completion::AlreadyDone),
        "the build of the other computer is ours"
    );
    assert_eq!(builds(&desk, &release).await, 1, "and nobody started a second one");
    let id = StepId::RunMigration;
    press(&release, id).await;
    // The database version from before the start is only in the lost journal.
    let view = until(&release, "the end of the migration", |view| {
        !matches!(status(view, id), Status::Running | Status::AwaitingOperator)
    })
    .await;
    assert_eq!(status(&view, id), Status::InDoubt, "{}", told(&view));
    let note = "I asked the database: it has the schema of 2.1.0".to_owned();
    release
        .act(anna(), Act::SettleDoubt { step: id, attempt: 1, happened: true, note })
        .await
        .expect("the word is taken");
    press(&release, StepId::CheckSite).await;
    until(&release, "the version on the site", |view| fold::newest(view, FactKind::SiteAnswered).is_some()).await;
    for check in &desk.profile.site.checks {
        let act = Act::AnswerCheck { check: check.id.clone(), answer: CheckAnswer::Passed, note: String::new() };
        release.act(anna(), act).await.expect("the answer is taken");
    }
    let end = until(&release, "the end", |view| view.state == RunState::Ended).await;
    let Some(Fact::MigrationFinished { started_at, finished_at, .. }) = fold::newest(&end, FactKind::MigrationFinished)
    else {
        panic!("the migration is not recorded")
    };
    let pressed = fold::step(&end, id).and_then(|step| step.started_at).expect("a press");
    // The host writes whole seconds, and a short script ends in the second in which it started.
    assert!(
        started_at <= finished_at && *started_at < pressed,
        "{started_at:?} to {finished_at:?}, pressed {pressed:?}"
    );
    assert_eq!(end.result, Some(RunResult::Released), "{}", told(&end));
    assert_eq!((desk.starts("migrate"), desk.starts("backup")), (1, 1), "each job started once, over both computers");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn does_not_offer_to_continue_an_unstarted_release() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let release = draft_elsewhere(&mut desk).await;
    assert_eq!(release.begun_elsewhere().await, Ok(None));
    let refused = release.continue_here(anna()).await.expect_err("there is nothing to continue");
    assert_eq!(refused.code, ErrorCode::NotAllowedNow);
    assert_eq!(release.view().state, RunState::Draft);
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn own_releases_are_not_offered_as_begun_elsewhere() {
    let desk = Desk::new(ExitCodes::default()).await;
    let first = prepare(&desk).await;
    let end = Act::EndRun { result: RunResult::Abandoned, note: "a second try".to_owned() };
    first.act(anna(), end).await.expect("it ends");
    first.close().await;
    let version = Version::parse("2.1.0").expect("a version");
    let parts = desk.parts().await;
    let run = Release::draft(&parts, &desk.profile, Realm::Practice, &version, &anna(), None).await.expect("a draft");
    let second = desk.open(&run).await;
    assert_eq!(second.begun_elsewhere().await, Ok(None), "the label on GitHub is of this computer's first run");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn a_migration_failed_on_the_lost_computer_stays_failed() {
    let mut desk = Desk::new(ExitCodes { backup: 0, migration: 3 }).await;
    let first = lost_in_its_migration(&desk).await;
    let release = draft_elsewhere(&mut desk).await;
    release.continue_here(anna()).await.expect("what the world shows is recorded");
    deploy_from(&release, &desk, &[UNDER_WAY], Some(over(first))).await;
    press_and_see(&release, StepId::BackUp).await;
    press_and_see(&release, StepId::DispatchBuild).await;
    let id = StepId::RunMigration;
    press(&release, id).await;
    let over = |view: &RunView| !matches!(status(view, id), Status::Running | Status::AwaitingOperator);
    let view = until(&release, "the end of the migration", over).await;
    assert_eq!(status(&view, id), Status::Failed, "{}", told(&view));
    let failure = fold::step(&view, id).and_then(|step| step.failure().cloned()).expect("a failure");
    assert_eq!((failure.code, failure.retry), (ErrorCode::ScriptFailed, Retry::No), "{failure:?}");
    let end = Act::EndRun { result: RunResult::Stopped, note: "the database is half migrated".to_owned() };
    release.act(anna(), end).await.expect("there is a way on");
    assert_eq!(desk.starts("migrate"), 1, "it started once");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn only_the_backup_before_the_migration_counts() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let first = lost_in_its_migration(&desk).await;
    let release = draft_elsewhere(&mut desk).await;
    release.continue_here(anna()).await.expect("what the world shows is recorded");
    deploy_from(&release, &desk, &[UNDER_WAY], Some(over(first))).await;
    let dumps = desk.folder.path().join("world/host/opt/backup/dumps");
    let later = dumps.join("rally-9999.dump");
    std::fs::write(&later, vec![b'x'; 64 * 1024 * 1024]).expect("somebody's file");
    let now_ms = u64::try_from(desk.clock.now().as_millisecond()).expect("after 1970");
    let modified = std::time::UNIX_EPOCH + Duration::from_millis(now_ms + 60_000);
    let file = std::fs::File::options().write(true).open(&later).expect("that file");
    file.set_modified(modified).expect("its time");

    let plan = release.plan(StepId::BackUp).await.expect("a plan");
    assert!(plan.follows && plan.inputs.job().is_some_and(|job| job.id().ends_with(".a1")), "{plan:?}");
    let view = press_and_see(&release, StepId::BackUp).await;
    let Some(Fact::BackupProved { file, .. }) = fold::newest(&view, FactKind::BackupProved) else {
        panic!("no backup is proved")
    };
    assert!(!file.ends_with("rally-9999.dump"), "{file}");
    assert_eq!(desk.starts("backup"), 1, "none was made of the migrated database");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn continues_from_the_tag_without_the_branch() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let first = prepare(&desk).await;
    first.close().await;
    let repository = git2::Repository::open_bare(desk.folder.path().join("world/git/rallyforresearch/rally.git"));
    let repository = repository.expect("the pretend repository");
    let main = repository.find_reference("refs/heads/master").and_then(|main| main.peel_to_commit()).expect("main");
    let by = git2::Signature::now("Maria", "maria@example.invalid").expect("a signature");
    let tree = main.tree().expect("its tree");
    repository.commit(Some("refs/heads/master"), &by, &by, "A fix", &tree, &[&main]).expect("a commit");
    repository.find_reference("refs/heads/v2.1.0").and_then(|mut branch| branch.delete()).expect("deleted");

    let release = draft_elsewhere(&mut desk).await;
    release.continue_here(anna()).await.expect("what the world shows is recorded");
    let view = until(&release, "Prepared", |view| view.state == RunState::Prepared).await;
    let Some(Fact::VersionSet { commit, .. }) = fold::newest(&view, FactKind::VersionSet) else { panic!("no version") };
    assert_eq!(*commit, main.id().to_string(), "what the label stands at, not what came after it");
    let differences = release.deploy_differences().await.expect("the world answers");
    assert!(differences.iter().any(|one| one.text.contains("A fix")), "{differences:?}");
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn a_release_that_is_not_continued_makes_its_own_backup() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    let first = lost_in_its_migration(&desk).await;
    let release = draft_elsewhere(&mut desk).await;
    let statement = "Testing of 2.1.0 is finished".to_owned();
    release.act(anna(), Act::StartPrepare { statement }).await.expect("Prepare starts");
    for id in StepId::ALL.into_iter().take(6) {
        press_and_see(&release, id).await;
    }
    until(&release, "Prepared", |view| view.state == RunState::Prepared).await;
    deploy_from(&release, &desk, &[UNDER_WAY], Some(over(first))).await;
    until(&release, "its button", |view| status(view, StepId::BackUp) == Status::AwaitingOperator).await;
    let plan = release.plan(StepId::BackUp).await.expect("a plan");
    assert!(plan.already.is_none() && plan.inputs.job().is_some_and(|job| job.id().ends_with(".a2")), "{plan:?}");
    let _ = desk.handle.stop().await;
}
