//! DE-8: a script that hangs is stopped by a named person, and the release goes on.

use greenlight_rehearsal::world::host::Hanging;
use greenlight_types::{StopScriptRequest, UndoKind};

use super::*;

/// Ann's release on a machine whose scripts hang.
async fn begun_hanging(hanging: Hanging) -> Scripted {
    let world = world(Rules { breaker: None, ..Rules::default() });
    world.lock().host.hanging = hanging;
    begun(&world).await
}

/// Starts a step and waits until its script runs.
async fn started(at: &Scripted, step: StepId) {
    at.press_when_offered(step).await.expect("it is started");
    while at.world().host.jobs.values().all(|job| !job.is_running()) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn order(step: StepId) -> StopScriptRequest {
    StopScriptRequest { step, attempt: 1, is_forced: false, typed: "2.1.0".to_owned(), note: "Susan agrees".to_owned() }
}

async fn stop(at: &Scripted, wanted: StopScriptRequest) -> Result<(), greenlight_types::Failure> {
    at.act(Act::StopScript(wanted)).await.map(drop)
}

#[test]
fn de_8_a_backup_that_hangs_is_stopped_and_taken_again() {
    on_virtual_time(async {
        let ann = begun_hanging(Hanging { backups: 1, ..Hanging::default() }).await;
        started(&ann, StepId::BackUp).await;
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(ann.status(StepId::BackUp), Status::Running);
        stop(&ann, order(StepId::BackUp)).await.expect("the order is sent");
        ann.until_is(StepId::BackUp, Status::Failed).await.expect("its script ended");
        let failure = ann.failure(StepId::BackUp).expect("its reason");
        assert_eq!((failure.code, failure.params["exit"].as_str()), (ErrorCode::ScriptFailed, "143"));
        assert!(failure.causes.iter().any(|cause| cause.contains("Ann ordered it to stop")), "{failure}");
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("it may be taken again");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("the second one ends");
    });
}

#[test]
fn a_script_that_ignores_the_first_order_is_killed() {
    on_virtual_time(async {
        let ann = begun_hanging(Hanging { backups: 1, ignores_term: true, ..Hanging::default() }).await;
        started(&ann, StepId::BackUp).await;
        let forced = || StopScriptRequest { is_forced: true, ..order(StepId::BackUp) };
        assert_eq!(stop(&ann, forced()).await.expect_err("no order before").code, ErrorCode::NotAllowedNow);
        stop(&ann, order(StepId::BackUp)).await.expect("the order is sent");
        assert_eq!(stop(&ann, forced()).await.expect_err("at once").code, ErrorCode::NotAllowedNow);
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(ann.status(StepId::BackUp), Status::Running);
        stop(&ann, forced()).await.expect("it is killed");
        ann.until_is(StepId::BackUp, Status::Failed).await.expect("its script ended");
    });
}

#[test]
fn de_8_a_migration_that_hangs_is_stopped_only_with_the_typed_version() {
    on_virtual_time(async {
        let ann = begun_hanging(Hanging { migrations: 1, ..Hanging::default() }).await;
        back_up_and_build(&ann).await;
        started(&ann, StepId::RunMigration).await;
        for typed in ["", "yes"] {
            let wanted = StopScriptRequest { typed: typed.to_owned(), ..order(StepId::RunMigration) };
            assert_eq!(stop(&ann, wanted).await.expect_err("not typed").code, ErrorCode::BadInput);
        }
        assert_eq!(fold::step(&ann.view(), StepId::RunMigration).and_then(|step| step.stop_order.clone()), None);
        stop(&ann, order(StepId::RunMigration)).await.expect("the order is sent");
        ann.until_is(StepId::RunMigration, Status::Failed).await.expect("its script ended");
        let (step, note) = (StepId::RunMigration, "Susan looked at the tables".to_owned());
        let undone = Act::ReportUndone { step, attempt: 1, how: UndoKind::NothingApplied, note };
        ann.act(undone).await.expect("it waited for a lock");
        ann.press_when_offered(StepId::RunMigration).await.expect("another attempt");
        ann.until_is(StepId::RunMigration, Status::Succeeded).await.expect("it ends");
    });
}

#[test]
fn a_script_of_another_user_is_named_with_the_command_for_its_machine() {
    on_virtual_time(async {
        let ann = begun_hanging(Hanging { backups: 1, is_foreign: true, ..Hanging::default() }).await;
        started(&ann, StepId::BackUp).await;
        let refused = stop(&ann, order(StepId::BackUp)).await.expect_err("sudo does not stop it");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        assert!(refused.hints.iter().any(|hint| hint.ends_with("sudo kill -TERM -- -812")), "{refused:?}");
        assert_eq!(ann.status(StepId::BackUp), Status::Running);
    });
}

#[test]
fn a_run_that_lost_the_environment_stops_no_script() {
    on_virtual_time(async {
        let ann = begun_hanging(Hanging { backups: 1, ..Hanging::default() }).await;
        started(&ann, StepId::BackUp).await;
        ann.world().host.holder = None;
        let refused = stop(&ann, order(StepId::BackUp)).await.expect_err("it is not ours any more");
        assert_eq!(refused.code, ErrorCode::EnvironmentHeld);
        assert!(ann.world().host.jobs.values().any(greenlight_rehearsal::world::host::Job::is_running));
    });
}

#[test]
fn an_end_with_0_after_an_order_proves_nothing() {
    on_virtual_time(async {
        let hanging = Hanging { backups: 1, migrations: 1, exits_with_0: true, ..Hanging::default() };
        let ann = begun_hanging(hanging).await;
        started(&ann, StepId::BackUp).await;
        stop(&ann, order(StepId::BackUp)).await.expect("the order is sent");
        ann.until_is(StepId::BackUp, Status::Failed).await.expect("no file of it counts");
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("it may be taken again");
        ann.press_when_offered(StepId::DispatchBuild).await.expect("the build");
        started(&ann, StepId::RunMigration).await;
        stop(&ann, order(StepId::RunMigration)).await.expect("the order is sent");
        ann.until_is(StepId::RunMigration, Status::InDoubt).await.expect("it may be incomplete");
        let (step, note) = (StepId::RunMigration, "Susan looked at the tables".to_owned());
        ann.act(Act::SettleDoubt { step, attempt: 1, happened: false, note }).await.expect("a person knows");
        ann.until_is(step, Status::Failed).await.expect("it started, and its end is known now");
    });
}
