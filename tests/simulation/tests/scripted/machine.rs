//! A staging machine that gets another address, or is gone, while the migration is followed or in
//! doubt.

use super::*;

/// Ann's release, whose migration runs on the machine.
async fn migrating() -> Scripted {
    let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
    back_up_and_build(&ann).await;
    ann.press_when_offered(StepId::RunMigration).await.expect("it is started");
    while ann.world().host.jobs.values().all(|job| job.work() != Some(Work::Migration) || job.started_ms.is_none()) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    ann
}

/// Number of starts of the migration.
fn starts(at: &Scripted) -> u32 {
    at.world().host.jobs.values().filter(|job| job.work() == Some(Work::Migration)).map(|job| job.starts).sum()
}

fn doubt(at: &Scripted) -> String {
    let view = at.view();
    fold::step(&view, StepId::RunMigration).and_then(|step| step.doubt().map(str::to_owned)).unwrap_or_default()
}

fn moved(address: &str) -> Act {
    Act::ChangeAddress { address: address.to_owned(), port: 22 }
}

fn gone(note: &str) -> Act {
    Act::GiveUpMachine { note: note.to_owned() }
}

#[test]
fn de_3_a_migration_is_followed_at_the_new_address_of_its_machine() {
    on_virtual_time(async {
        let ann = migrating().await;
        ann.world().host.address = "192.0.2.77".to_owned();
        let refused = ann.act(moved("192.0.2.78")).await.expect_err("no machine answers there");
        assert_eq!(refused.code, ErrorCode::Unreachable);
        ann.world().host.machine_id = "another".to_owned();
        let refused = ann.act(moved("192.0.2.77")).await.expect_err("another machine answers there");
        assert_eq!(refused.code, ErrorCode::HostReplaced);
        ann.world().host.machine_id = "machine-1".to_owned();
        ann.act(moved(" 192.0.2.77 ")).await.expect("it is the same machine");
        ann.until_is(StepId::RunMigration, Status::Succeeded).await.expect("it is followed to its end");
        assert_eq!(ann.view().staging.map(|staging| staging.address).as_deref(), Some("192.0.2.77"));
        assert_eq!(starts(&ann), 1);
    });
}

#[test]
fn a_backup_is_proved_at_the_new_address_of_its_machine() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        ann.press_when_offered(StepId::BackUp).await.expect("it is started");
        ann.world().host.address = "192.0.2.77".to_owned();
        tokio::time::sleep(Duration::from_secs(20)).await;
        ann.act(moved("192.0.2.77")).await.expect("it is the same machine");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("its file is proved");
    });
}

#[test]
fn de_3_a_machine_that_is_gone_leaves_the_migration_in_doubt_and_the_run_stoppable() {
    on_virtual_time(async {
        let ann = migrating().await;
        let refused = ann.act(gone("it is gone")).await.expect_err("it answers");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        ann.world().host.is_reachable = false;
        let refused = ann.act(gone(" ")).await.expect_err("a note is needed");
        assert_eq!(refused.code, ErrorCode::BadInput);
        ann.act(gone("AWS ended the instance")).await.expect("her word is taken");
        ann.until_is(StepId::RunMigration, Status::InDoubt).await.expect("no one can ask the machine");
        let words = doubt(&ann);
        assert!(words.starts_with("Ann says that the staging machine is gone."), "{words}");
        assert_eq!(ann.act(gone("again")).await.expect_err("it is recorded").code, ErrorCode::NotAllowedNow);

        let (result, note) = (RunResult::Stopped, "a new machine is prepared".to_owned());
        ann.act(Act::EndRun { result, note }).await.expect("it may end in doubt");
        let left = ann.view().left_behind;
        assert!(left[0].starts_with("It is not known whether the migration of 2.1.0 changed"), "{left:?}");
        assert!(left[0].contains("192.0.2.10 by Ann") && left[1].contains("Ann says that it is gone"), "{left:?}");
    });
}

#[test]
fn words_about_a_gone_machine_need_no_answer_of_it() {
    on_virtual_time(async {
        for happened in [true, false] {
            let ann = migrating().await;
            ann.world().host.is_reachable = false;
            ann.act(gone("AWS ended the instance")).await.expect("her word is taken");
            let (step, note) = (StepId::RunMigration, "the database was looked at".to_owned());
            ann.act(Act::SettleDoubt { step, attempt: 1, happened, note }).await.expect("it is settled");
            let expected = if happened { Status::Succeeded } else { Status::AwaitingOperator };
            ann.until_is(step, expected).await.expect("no machine is asked");
        }
    });
}

#[test]
fn a_machine_that_answers_after_all_is_followed_again() {
    on_virtual_time(async {
        let ann = migrating().await;
        ann.world().host.is_reachable = false;
        ann.act(gone("it does not answer")).await.expect("her word is taken");
        ann.world().host.is_reachable = true;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(ann.status(StepId::RunMigration), Status::InDoubt, "the old attempt is not followed any more");
        ann.release.observe(ann.by.clone(), StepId::RunMigration).await.expect("it answers");
        ann.until_is(StepId::RunMigration, Status::Succeeded).await.expect("its end");
        assert_eq!(ann.view().machine_given_up, None);
        assert_eq!(starts(&ann), 1);
    });
}

#[test]
fn the_rollout_is_stopped_after_the_machine_is_gone() {
    on_virtual_time(async {
        let ann = migrating().await;
        ann.world().host.is_reachable = false;
        ann.act(gone("AWS ended the instance")).await.expect("her word is taken");
        let (step, note) = (StepId::RunMigration, "the database was looked at".to_owned());
        ann.act(Act::SettleDoubt { step, attempt: 1, happened: false, note }).await.expect("it is settled");
        press(&ann.release, &ann.by, StepId::StopRollout).await.expect("the lock on the git remote is enough");
        ann.until_is(StepId::StopRollout, Status::Succeeded).await.expect("the version before serves");
    });
}
