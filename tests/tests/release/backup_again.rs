//! A finished backup may be repeated until the migration starts. The newest proved backup counts.

use greenlight_rehearsal::process::troubles::Switch;
use greenlight_types::{Precondition, StepView, Trouble};

use super::*;

/// Virtual minutes after which a backup is too old in this test. The build takes longer.
const MAX_AGE: u32 = 20;

fn proved(view: &RunView) -> Vec<String> {
    let job = |fact: &Fact| if let Fact::BackupProved { job, .. } = fact { Some(job.clone()) } else { None };
    view.facts.iter().filter_map(|learned| job(&learned.fact)).collect()
}

fn backup(view: &RunView) -> &StepView {
    fold::step(view, StepId::BackUp).expect("the step")
}

async fn backup_precondition(release: &Release) -> Precondition {
    let plan = release.plan(StepId::RunMigration).await.expect("a plan");
    plan.preconditions.into_iter().find(|precondition| precondition.id == "backupProved").expect("the precondition")
}

/// Repeats the backup and waits for the end of this attempt.
async fn again(release: &Release, attempt: u32) -> RunView {
    let plan = release.plan(StepId::BackUp).await.expect("a plan");
    assert!(plan.lede.contains("Until this one is proved, the backup of"), "{}", plan.lede);
    let act = Act::StartStep { step: StepId::BackUp, plan_hash: plan.hash, token: None };
    release.act(anna(), act).await.expect("it is taken again");
    until(release, "the end of the backup", |view| {
        let step = backup(view);
        step.attempt == attempt && step.status() != Status::Running
    })
    .await
}

/// Asks for the plan until the backup of a release no longer counts.
async fn until_too_old(release: &Release) -> Precondition {
    loop {
        let precondition = backup_precondition(release).await;
        if !precondition.passed {
            return precondition;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-engine"]
async fn the_newest_proved_backup_replaces_an_old_one() {
    let mut desk = Desk::new(ExitCodes::default()).await;
    desk.profile.backup.max_age_minutes = MAX_AGE;
    let release = prepare(&desk).await;
    deploy(&release, &desk).await;
    press_and_see(&release, StepId::BackUp).await;
    let view = press_and_see(&release, StepId::DispatchBuild).await;
    let first = proved(&view);
    until(&release, "the migration's button", |view| status(view, StepId::RunMigration) == Status::AwaitingOperator)
        .await;
    let old = tokio::time::timeout(PATIENCE, until_too_old(&release)).await.expect("the backup becomes too old");

    let full = Switch { trouble: Trouble::BackupDiskFull, on: true, after_ms: Some(1_000), only_first: false };
    desk.handle.switch(&full).await.expect("a full disk");
    let view = again(&release, 2).await;
    assert_eq!(backup(&view).status(), Status::Warned, "{}", told(&view));
    assert!(backup(&view).warning().is_some_and(|words| words.starts_with("It was not done again")), "{view:?}");
    assert_eq!(proved(&view), first, "what was not taken is not proved, and the first one still counts");
    let precondition = backup_precondition(&release).await;
    assert!(
        !precondition.passed,
        "an attempt that came to nothing makes no backup younger: {precondition:?}, before {old:?}"
    );
    let word = Act::ReportDone { step: StepId::BackUp, note: "I saw it".into() };
    let refused = release.act(anna(), word).await.expect_err("of that attempt there is no file to see");
    assert_eq!(refused.code, ErrorCode::NotAllowedNow);

    let view = again(&release, 3).await;
    assert_eq!(backup(&view).status(), Status::Succeeded, "{}", told(&view));
    let newest = proved(&view);
    assert!(
        newest.len() == 2
            && newest[1] != first[0]
            && newest[1] == backup(&view).plan.clone().expect("a plan").inputs.write()["job"]
    );
    let Some(Fact::BackupProved { file, .. }) = fold::newest(&view, FactKind::BackupProved) else {
        panic!("no backup")
    };
    let dump = desk.folder.path().join("world/host/opt/backup/dumps").join(file.rsplit('/').next().expect("a name"));
    std::fs::rename(&dump, dump.with_extension("away")).expect("somebody clears the folder");
    let precondition = backup_precondition(&release).await;
    assert!(
        !precondition.passed && precondition.detail.contains("not among the newest"),
        "a backup that is gone is none: {precondition:?}"
    );
    std::fs::rename(dump.with_extension("away"), &dump).expect("and puts it back");
    press_and_see(&release, StepId::RunMigration).await;
    let plan = release.plan(StepId::BackUp).await.expect("a plan");
    let unstarted =
        plan.preconditions.iter().find(|precondition| precondition.id == "noMigrationStarted").expect("listed");
    assert!(!unstarted.passed && unstarted.detail.contains("the backup before it counts"), "{unstarted:?}");
    let late = Act::StartStep { step: StepId::BackUp, plan_hash: plan.hash, token: None };
    let refused = release.act(anna(), late).await.expect_err("no backup brings the old database back any more");
    assert_eq!(refused.code, ErrorCode::NotAllowedNow);
    assert_eq!((desk.starts("migrate"), desk.starts("backup")), (1, 3));

    let journal = desk.parts().await.journal;
    let view = release.view();
    let events = journal.events(&view.id, 0).await.expect("the events");
    assert_eq!(fold::fold(&events).expect("a run").steps, view.steps, "the record on disk tells the same run");
    keep_golden("a-backup-taken-again", &events, &fold::fold(&events).expect("a run"));
    let _ = desk.handle.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keeps_the_whole_output_of_each_backup() {
    let desk = Desk::new(ExitCodes { backup: 1, ..ExitCodes::default() }).await;
    let release = prepare(&desk).await;
    deploy(&release, &desk).await;
    let id = StepId::BackUp;
    press(&release, id).await;
    until(&release, "the first failure", |view| status(view, id) == Status::Failed).await;
    let plan = release.plan(id).await.expect("a plan");
    release.act(anna(), Act::StartStep { step: id, plan_hash: plan.hash, token: None }).await.expect("it starts again");
    let second = |view: &RunView| fold::step(view, id).is_some_and(|step| step.attempt == 2);
    let view = until(&release, "the second failure", |view| second(view) && status(view, id) == Status::Failed).await;
    let lines = desk.parts().await.spool.read(&view.id, LineSource::Backup, 0, 1_000).expect("the kept lines");
    let ended = lines.iter().filter(|line| line.text.contains("Backup FAILED with 1")).count();
    assert_eq!(ended, 2, "{lines:?}");
    let numbers: Vec<u32> = lines.iter().map(|line| line.number).collect();
    assert_eq!(numbers, (0..u32::try_from(lines.len()).expect("a count")).collect::<Vec<_>>());
    let _ = desk.handle.stop().await;
}
