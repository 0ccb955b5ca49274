//! Inputs of the outside world that differ from the usual ones.

use greenlight_rehearsal::world::host::DumpFolder;
use greenlight_types::{LiveUpdate, Watcher, WatcherTrouble};

use super::*;

fn evidence(at: &Scripted, step: StepId) -> String {
    fold::step(&at.view(), step).map(|step| step.evidence().join(" ")).unwrap_or_default()
}

#[test]
fn a_backup_is_judged_with_the_rights_of_its_script() {
    on_virtual_time(async {
        let world = world(Rules::default());
        world.lock().host.dump_folder = DumpFolder::RootOnly;
        let ann = begun(&world).await;
        ann.press_when_offered(StepId::BackUp).await.expect("it is started");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("root may look");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        let plan = read(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("a plan");
        assert!(plan.preconditions.iter().all(|one| one.passed), "{:?}", plan.preconditions);
    });
}

#[test]
fn a_backup_that_the_app_may_not_see_is_proved_by_a_person() {
    on_virtual_time(async {
        let world = world(Rules::default());
        world.lock().host.dump_folder = DumpFolder::Closed;
        let ann = begun(&world).await;
        ann.press_when_offered(StepId::BackUp).await.expect("it is started");
        ann.until_is(StepId::BackUp, Status::Warned).await.expect("it is taken, and nothing proves it");
        let said = evidence(&ann, StepId::BackUp);
        assert!(said.contains("may not look into /opt/backup/files as ec2-user or through sudo"), "{said}");
        assert!(said.contains("a password is required"), "the reason of sudo: {said}");
        let note = "rally-1.dump, 4.1 GB".to_owned();
        ann.act(Act::ReportDone { step: StepId::BackUp, note }).await.expect("her word counts");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        let plan = read(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("a plan");
        assert!(plan.preconditions.iter().all(|one| one.passed), "{:?}", plan.preconditions);
    });
}

/// The troubles of a watcher that the screen was shown since the last call.
fn troubles(at: &Scripted, of: Watcher) -> Vec<Option<WatcherTrouble>> {
    let trouble = |update| match update {
        LiveUpdate::Watcher { watcher, trouble } if watcher == of => Some(trouble),
        LiveUpdate::Watcher { .. }
        | LiveUpdate::Servers(_)
        | LiveUpdate::Build(_)
        | LiveUpdate::Site(_)
        | LiveUpdate::Activity { .. }
        | LiveUpdate::Heard { .. }
        | LiveUpdate::Connection { .. } => None,
    };
    at.live.take().into_iter().filter_map(trouble).collect()
}

#[test]
fn a_failing_watcher_shows_its_reason_until_it_works_again() {
    on_virtual_time(async {
        for (watcher, call) in [(Watcher::ProductionLog, "logs.page"), (Watcher::Site, "site")] {
            let ann = begun(&world(Rules::default())).await;
            for _ in 0..3 {
                ann.wire.next(call, Fate::Unreached);
            }
            tokio::time::sleep(Duration::from_secs(120)).await;
            let shown = troubles(&ann, watcher);
            let [Some(first), Some(second), Some(third), None] = &shown[..] else { panic!("{shown:?}") };
            assert_eq!((first.since, first.since), (second.since, third.since), "since the first failure");
            assert_eq!(third.failure.code, ErrorCode::Unreachable, "{:?}", third.failure);
        }
    });
}
