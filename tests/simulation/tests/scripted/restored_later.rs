//! The database is restored after a migration that ended well.

use greenlight_engine::ports::Clock as _;
use greenlight_rehearsal::world::work::HostEvent;
use greenlight_types::UndoKind;

use super::{
    undo::{begun_asking, failed_half_way, patient, planned_job, undone},
    *,
};

const STEP: StepId = StepId::RunMigration;

#[test]
fn a_migration_whose_database_was_restored_later_runs_once_more() {
    on_virtual_time(async {
        let ann = begun_asking(&world(patient())).await;
        back_up_and_build(&ann).await;
        ann.press_when_offered(STEP).await.expect("the migration starts");
        ann.until_is(STEP, Status::Succeeded).await.expect("the migration");
        let refused = ann.act(undone(UndoKind::Restored)).await.expect_err("the database says that it is migrated");
        assert_eq!(refused.code, ErrorCode::DatabaseNotAsBefore, "{refused}");

        assert!(ann.world().restore_database());
        ann.act(undone(UndoKind::Restored)).await.expect("the database says the version from before");
        assert!(!fold::is_known(&ann.view(), FactKind::MigrationFinished), "the end of the migration is over");
        migrate_again(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

/// Starts the second attempt of the migration, and waits until it succeeds.
async fn migrate_again(at: &Scripted) {
    at.offered(STEP).await.expect("its button is back");
    let plan = read(&at.release, &at.by, STEP).await.expect("a plan");
    assert!(planned_job(&plan).ends_with(".a2"), "{:?}", plan.inputs);
    start(&at.release, &at.by, plan).await.expect("the second attempt");
    at.until_is(STEP, Status::Succeeded).await.expect("the migration");
}

/// Ann's release of a product whose database can be asked, up to the checks of the site.
async fn at_checks() -> Scripted {
    let ann = begun_asking(&world(patient())).await;
    back_up_and_build(&ann).await;
    ann.press_when_offered(STEP).await.expect("the migration starts");
    ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
    to_open_checks(&ann).await;
    ann
}

/// The database is restored, and Ann reports that.
async fn restored(at: &Scripted) {
    assert!(at.world().restore_database());
    at.act(undone(UndoKind::Restored)).await.expect("the database says the version from before");
}

/// Waits until the app has read the site again. Then no check has an answer.
async fn until_checks_are_open(at: &Scripted) {
    at.until(|view| fold::is_known(view, FactKind::SiteAnswered)).await.expect("the site is read again");
    assert_eq!((at.view().state, at.view().checks.len()), (RunState::Checking, 0), "nobody has looked since");
    assert!(!at.view().may_end.contains(&RunResult::ReleasedWithFailedCheck));
}

/// Answers every check of the new database. The run then ends as released.
async fn check_again_and_end(at: &Scripted) {
    until_checks_are_open(at).await;
    answer_checks(at, &at.view().profile.site.checks, CheckAnswer::Passed).await;
    at.until(|view| view.state == RunState::Ended).await.expect("the end");
    assert_eq!(at.view().result, Some(RunResult::Released));
}

#[test]
fn checks_under_way_are_asked_again_after_a_restore() {
    on_virtual_time(async {
        let ann = at_checks().await;
        let checks = ann.view().profile.site.checks.clone();
        answer_checks(&ann, &checks[1..], CheckAnswer::Passed).await;
        restored(&ann).await;
        let (check, note) = (checks[0].id.clone(), String::new());
        let early = Act::AnswerCheck { check, answer: CheckAnswer::Passed, note };
        assert_eq!(ann.act(early).await.expect_err("production lacks it").code, ErrorCode::NotAllowedNow);
        migrate_again(&ann).await;
        check_again_and_end(&ann).await;
    });
}

#[test]
fn checks_that_were_answered_are_asked_again_after_a_restore() {
    on_virtual_time(async {
        let ann = at_checks().await;
        let checks = ann.view().profile.site.checks.clone();
        answer_checks(&ann, &checks, CheckAnswer::CouldNotCheck).await;
        ann.until_is(StepId::CheckSite, Status::Warned).await.expect("every check has an answer");
        restored(&ann).await;
        assert_eq!(ann.status(StepId::CheckSite), Status::NotStarted);
        migrate_again(&ann).await;
        to_open_checks(&ann).await;
        check_again_and_end(&ann).await;
    });
}

#[test]
fn a_migration_by_hand_may_be_undone_and_is_done_by_hand_again() {
    on_virtual_time(async {
        let ann = begun(&world(patient())).await;
        back_up_and_build(&ann).await;
        ann.offered(STEP).await.expect("its button");
        let by_hand = || Act::ReportDone { step: STEP, note: "the team ran it".to_owned() };
        ann.act(by_hand()).await.expect("Ann's word");
        let restored =
            Act::ReportUndone { step: STEP, attempt: 0, how: UndoKind::Restored, note: "it is old".to_owned() };
        ann.act(restored).await.expect("Ann's word");
        let words = ann.release.left_behind().join(" ");
        assert!(words.contains("The migration was undone"), "{words}");
        assert!(press(&ann.release, &ann.by, STEP).await.is_err(), "the app starts none beside the team");
        ann.act(by_hand()).await.expect("the team did it again");
        assert_eq!(ann.status(STEP), Status::Succeeded);
    });
}

#[test]
fn a_database_that_moved_on_after_the_report_is_not_migrated_again() {
    on_virtual_time(async {
        let ann = begun_asking(&world(patient())).await;
        failed_half_way(&ann).await;
        restored(&ann).await;
        ann.world().on_host(HostEvent::Ended(Work::Migration, 0));
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("a backup of the database as it is now");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("the backup");
        ann.offered(STEP).await.expect("its button");
        let plan = read(&ann.release, &ann.by, STEP).await.expect("a plan");
        let text = "The database says the version from before the migration that was undone";
        assert!(plan.failed_preconditions().contains(&text), "{:?}", plan.preconditions);
    });
}

/// No person reports the restore. The last check is answered a moment later.
#[test]
fn a_release_does_not_end_on_a_database_that_was_restored_in_silence() {
    on_virtual_time(async {
        let ann = at_checks().await;
        let checks = ann.view().profile.site.checks.clone();
        answer_checks(&ann, &checks[1..], CheckAnswer::Passed).await;
        assert!(ann.world().restore_database());
        answer_checks(&ann, &checks[..1], CheckAnswer::Passed).await;
        ann.clock.sleep(Duration::from_secs(120)).await;
        assert_eq!(ann.view().state, RunState::Checking, "the database says the version from before");
        let end = Act::EndRun { result: RunResult::Released, note: String::new() };
        let refused = ann.act(end).await.expect_err("it is not released");
        assert!(refused.to_string().contains("again, as before the migration"), "{refused}");

        ann.act(undone(UndoKind::Restored)).await.expect("the database says the version from before");
        migrate_again(&ann).await;
        to_open_checks(&ann).await;
        check_again_and_end(&ann).await;
    });
}
