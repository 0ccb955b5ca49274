//! The rollback of a release that ended, as a run of its own.

use greenlight_engine::{journal::Journal as _, rollback_run};
use greenlight_rehearsal::world::git::LOCK;
use greenlight_types::{LaterRollback, RunId, RunSummary};

use super::*;

const STEP: StepId = StepId::RollBack;

/// Ann's release up to its end.
pub(super) async fn released() -> Scripted {
    let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
    back_up_and_build(&ann).await;
    ann.press_when_offered(StepId::RunMigration).await.expect("the migration starts");
    ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
    check_and_end(&ann).await;
    assert_eq!(ann.view().result, Some(RunResult::Released));
    ann
}

/// The rows of the history list of this computer, by run.
async fn row(at: &Scripted, run: &RunId) -> RunSummary {
    let mut views = Vec::new();
    for run in at.journal.runs().await.expect("the runs") {
        views.push(fold::fold(&at.journal.events(&run, 0).await.expect("its events")).expect("a run"));
    }
    rollback_run::summaries(&views).into_iter().find(|row| row.id == *run).expect("a row")
}

fn end() -> Act {
    Act::EndRun { result: RunResult::RolledBack, note: "the search was broken".to_owned() }
}

/// A release that ended, and its rollback after the version before serves again.
async fn rolled_back() -> (Scripted, Scripted) {
    let ann = released().await;
    let back = ann.draft_rollback().await.expect("a draft");
    back.deploy(None).await.expect("the environment is free");
    back.press_when_offered(STEP).await.expect("the rollback starts");
    back.until_is(STEP, Status::Succeeded).await.expect("the version before serves");
    (ann, back)
}

#[test]
fn a_release_that_ended_is_rolled_back_by_a_run_of_its_own() {
    on_virtual_time(async {
        let ann = released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        assert_eq!(back.view().state, RunState::Prepared, "it needs no Prepare");
        back.deploy(None).await.expect("the environment is free");
        back.offered(STEP).await.expect("its button");
        let plan = read(&back.release, &back.by, STEP).await.expect("a plan");
        assert!(plan.notices.iter().any(|notice| notice.contains("may be migrated")), "{:?}", plan.notices);
        start(&back.release, &back.by, plan).await.expect("the rollback starts");
        back.until_is(STEP, Status::Succeeded).await.expect("the version before serves");
        let serving = back.world().service.deployments.last().map(|one| one.revision);
        assert_ne!(serving, Some(ours(&ann)), "AWS has the version before in charge");

        back.act(end()).await.expect("the true end");
        let view = back.view();
        assert_eq!(view.result, Some(RunResult::RolledBack));
        assert_eq!(
            view.left_behind,
            [
                "The production database was migrated for 2.1.0; this rollback did not change it.",
                "AWS put the version before 2.1.0 back on every server."
            ]
        );
        let rolled_back = row(&ann, &view.id).await;
        assert!(rolled_back.is_rollback && rolled_back.rolled_back.is_none());
        let release = row(&ann, &ann.view().id).await;
        let at = view.ended_at.expect("an end");
        let later = LaterRollback { run: view.id, person: "Ann".to_owned(), at };
        assert_eq!((release.is_rollback, release.rolled_back), (false, Some(later)));
        let refused = ann.draft_rollback().await.err().expect("it was rolled back");
        assert!(refused.to_string().contains("Ann rolled it back on"), "{refused}");
    });
}

#[test]
fn a_release_whose_rollback_was_stopped_may_be_rolled_back_again() {
    on_virtual_time(async {
        let (ann, back) = rolled_back().await;
        let note = "the search works after all".to_owned();
        back.act(Act::EndRun { result: RunResult::Stopped, note }).await.expect("a way on");
        assert_eq!(row(&ann, &ann.view().id).await.rolled_back, None);
        assert_ne!(ann.draft_rollback().await.expect("another").view().id, back.view().id);
    });
}

#[test]
fn the_lock_of_a_rollback_says_so() {
    on_virtual_time(async {
        let ann = released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        let message = |at: &Scripted| {
            let world = at.world();
            let id = world.git.refs.get(LOCK).cloned().expect("the ref of the lock");
            world.git.objects.commits.get(&id).expect("its entry").message()
        };
        back.deploy(None).await.expect("the environment is free");
        assert!(message(&back).contains("\nVersion: 2.1.0 (rollback)\n"), "{}", message(&back));
        back.act(Act::EndRun { result: RunResult::Stopped, note: "not needed".to_owned() }).await.expect("a way on");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let free = message(&back);
        assert!(free.contains(": free\n") && free.contains("\nReason: The rollback has ended.\n"), "{free}");
    });
}

#[test]
fn a_rollback_goes_on_after_the_app_was_closed() {
    on_virtual_time(async {
        let ann = released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        back.deploy(None).await.expect("the environment is free");
        back.press_when_offered(STEP).await.expect("the rollback starts");
        let again = back.reopen().await.expect("it opens");
        again.until_is(STEP, Status::Succeeded).await.expect("the version before serves");
    });
}

#[test]
fn a_later_version_is_not_rolled_back_over() {
    on_virtual_time(async {
        let ann = released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        {
            let mut world = back.world();
            let newest = world.copy_newest();
            world.set_revision(newest, "colleague");
        }
        back.deploy(None).await.expect("the differences are accepted");
        back.offered(STEP).await.expect("its button");
        let plan = read(&back.release, &back.by, STEP).await.expect("a plan");
        assert_eq!(plan.failed_preconditions(), ["AWS has 2.1.0 in charge, or the version before it"]);
        let stop = Act::EndRun { result: RunResult::Stopped, note: "a colleague is first".to_owned() };
        back.act(stop).await.expect("a way on");
        assert!(back.view().left_behind.is_empty(), "nothing was sent");
    });
}

#[test]
fn a_rollback_needs_no_staging_machine() {
    on_virtual_time(async {
        let ann = released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        back.world().host.is_reachable = false;
        back.deploy(None).await.expect("the lock on the remote is enough");
        back.press_when_offered(STEP).await.expect("the rollback starts");
        back.until_is(STEP, Status::Succeeded).await.expect("the version before serves");
        back.act(end()).await.expect("the true end");
        tokio::time::sleep(Duration::from_secs(60)).await;
        let owner = back.world().lock_owner();
        assert_eq!(owner, None, "the environment is free again");
    });
}

#[test]
fn a_rollback_that_was_lost_does_not_end_as_one() {
    on_virtual_time(async {
        let (ann, back) = rolled_back().await;
        back.world().set_revision(ours(&ann), "colleague");
        let refused = back.act(end()).await.expect_err("2.1.0 is in charge again");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow, "{refused}");
        press(&back.release, &back.by, STEP).await.expect("it is rolled back once more");
        back.until(|view| fold::step(view, STEP).is_some_and(|step| step.attempt == 2 && step.status().is_done()))
            .await
            .expect("the version before serves");
        back.act(end()).await.expect("the true end");
    });
}

#[test]
fn a_release_has_one_rollback_at_a_time() {
    on_virtual_time(async {
        let ann = released().await;
        let back = ann.draft_rollback().await.expect("a draft");
        assert_eq!(ann.draft_rollback().await.expect("the same").view().id, back.view().id);
        let note = "it works again".to_owned();
        back.act(Act::EndRun { result: RunResult::Abandoned, note }).await.expect("nothing was done");
        assert_ne!(ann.draft_rollback().await.expect("another").view().id, back.view().id);
    });
}

#[test]
fn only_a_release_that_ended_is_rolled_back() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let refused = ann.draft_rollback().await.err().expect("it is under way");
        assert!(refused.to_string().contains("did not end as released"), "{refused}");
    });
}
