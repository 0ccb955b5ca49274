//! The environment lock on the git remote, where an operator with another staging machine finds it.

use greenlight_simulation::operator::engine::{deploy_request, start};
use greenlight_types::{DeployRequest, Failure, LockOwner, RunId, Timestamp};

use super::*;

const BOBS_RUN: &str = "01900000-0000-7000-8000-0000000b0b00";

/// Bob's release, on another staging machine.
fn bob() -> LockOwner {
    LockOwner {
        run: RunId(BOBS_RUN.into()),
        person: "Bob".into(),
        computer: "desk-9".into(),
        version: "2.0.1.12".into(),
        is_rollback: false,
        reason: String::new(),
        since: Timestamp::EPOCH,
        seen: None,
    }
}

fn over(run: &str) -> Option<TakeOver> {
    Some(TakeOver { from: RunId(run.into()), reason: "we spoke".into() })
}

/// Ann's release of that production, prepared.
async fn prepared(world: &Arc<Mutex<World>>) -> Scripted {
    let profile = simulated_profile().expect("the built-in profile");
    let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
    ann.prepare().await.expect("Prepare");
    ann
}

fn owner(scripted: &Scripted) -> Option<String> {
    scripted.world().lock_owner()
}

fn is_held_by(failure: &Failure, person: &str) -> bool {
    failure.code == ErrorCode::EnvironmentHeld && failure.params["person"] == person
}

#[test]
fn promise_3_another_staging_machine_does_not_open_a_held_environment() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.world().write_lock(&bob(), true);
        let refused = ann.deploy(None).await.expect_err("Bob owns the environment");
        assert!(is_held_by(&refused, "Bob"), "{refused:?}");
        assert_eq!(ann.view().state, RunState::Prepared);
        ann.deploy(over(BOBS_RUN)).await.expect("Ann takes over");
        assert_eq!(owner(&ann), Some(ann.view().id.0));
    });
}

#[test]
fn a_rollback_of_another_operator_is_named_as_one() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.world().write_lock(&LockOwner { is_rollback: true, ..bob() }, true);
        let refused = ann.deploy(None).await.expect_err("Bob owns the environment");
        assert!(is_held_by(&refused, "Bob"), "{refused:?}");
        assert_eq!(
            (refused.params["owner_kind"].as_str(), refused.params["version"].as_str()),
            ("rollback", "2.0.1.12")
        );
        assert!(refused.summary.contains("Bob holds it for the rollback of 2.0.1.12"), "{refused}");
        ann.deploy(over(BOBS_RUN)).await.expect("Ann takes over");
    });
}

#[test]
fn no_step_starts_after_another_machine_took_the_lock() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        ann.offered(StepId::BackUp).await.expect("the backup");
        ann.world().write_lock(&bob(), true);
        let refused = press(&ann.release, &ann.by, StepId::BackUp).await.expect_err("Bob owns the environment");
        assert!(is_held_by(&refused, "Bob"), "{refused:?}");
        ann.act(Act::AcquireLock { over: over(BOBS_RUN) }).await.expect("Ann takes over");
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("the button works again");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("the backup");
    });
}

#[test]
fn a_lost_answer_about_the_lock_is_read_again() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.wire.next("git.push", Fate::Lost);
        ann.deploy(None).await.expect("the remote shows the entry");
        assert_eq!(owner(&ann), Some(ann.view().id.0));
    });
}

#[test]
fn a_lock_push_that_never_arrived_is_not_taken_for_done() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.wire.next("git.push", Fate::Delayed(Duration::from_secs(1)));
        let failure = ann.deploy(None).await.expect_err("the entry is not there");
        assert_eq!(failure.code, ErrorCode::TimedOut, "{failure:?}");
        assert_eq!((owner(&ann), ann.view().state), (None, RunState::Prepared));
        ann.deploy(None).await.expect("a second press");
    });
}

#[test]
fn the_run_keeps_the_remote_lock_while_the_machine_is_silent() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.wire.next("host.hold", Fate::Unreached);
        let failure = ann.deploy(None).await.expect_err("the machine is silent");
        assert_eq!(failure.code, ErrorCode::Unreachable, "{failure:?}");
        assert_eq!(owner(&ann), Some(ann.view().id.0), "the remote followed");
        ann.deploy(None).await.expect("the retry goes on at the machine");
    });
}

#[test]
fn a_refused_lock_is_known_before_anything_is_published_and_needs_a_person() {
    on_virtual_time(async {
        let world = world(Rules::default());
        world.lock().git.refuses_locks = true;
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
        ann.act(Act::StartPrepare { statement: "tested".into() }).await.expect("Prepare begins");
        let refusal = ann.view().lock_refusal.expect("a refusal");
        assert!(refusal.reason.contains("GH013") && !refusal.is_accepted, "{refusal:?}");
        for step in StepId::ALL.into_iter().take(6) {
            ann.press_when_offered(step).await.expect("Prepare goes on");
        }
        ann.until(|view| view.state == RunState::Prepared).await.expect("Prepare");
        let fingerprint = ann.world().host.fingerprint.clone();
        let unread: DeployRequest = deploy_request(&ann.view(), &fingerprint, Vec::new());
        let refused = ann.act(Act::StartDeploy(unread)).await.expect_err("no person accepted it");
        assert_eq!(refused.code, ErrorCode::PlanChanged, "{refused:?}");
        let differences = ann.release.deploy_differences().await.expect("differences");
        assert_eq!(differences.iter().filter(|one| one.id.starts_with("lockRefused:")).count(), 1, "{differences:?}");
        ann.deploy(None).await.expect("a person accepts the machine's lock alone");
        assert!(ann.view().lock_refusal.is_some_and(|refusal| refusal.is_accepted));
        ann.press_when_offered(StepId::BackUp).await.expect("the backup");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("the backup");
    });
}

#[test]
fn an_accepted_refusal_does_not_hide_another_owner() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.world().git.refuses_locks = true;
        let refused = ann.deploy(None).await.expect_err("the refusal is news");
        assert_eq!(refused.code, ErrorCode::PlanChanged, "{refused:?}");
        ann.deploy(None).await.expect("a person accepts it");
        // A computer whose rights allow it takes the lock.
        ann.world().git.refuses_locks = false;
        ann.world().write_lock(&bob(), true);
        ann.world().git.refuses_locks = true;
        ann.offered(StepId::BackUp).await.expect("the backup");
        let refused = press(&ann.release, &ann.by, StepId::BackUp).await.expect_err("Bob owns the environment");
        assert!(is_held_by(&refused, "Bob"), "{refused:?}");
        ann.act(Act::AcquireLock { over: over(BOBS_RUN) }).await.expect("the refusal is accepted already");
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("Ann spoke with Bob");
    });
}

#[test]
fn a_second_press_accepts_that_the_lock_is_refused_in_deploy() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        ann.world().write_lock(&bob(), true);
        ann.world().git.refuses_locks = true;
        let take = || Act::AcquireLock { over: over(BOBS_RUN) };
        let refused = ann.act(take()).await.expect_err("the remote refuses");
        assert_eq!(refused.code, ErrorCode::PushRefused, "{refused:?}");
        ann.offered(StepId::BackUp).await.expect("the backup");
        let refused = press(&ann.release, &ann.by, StepId::BackUp).await.expect_err("no person accepted it");
        assert!(is_held_by(&refused, "Bob"), "{refused:?}");
        ann.act(take()).await.expect("the second press accepts it");
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("the machine's lock counts");
    });
}

#[test]
fn an_entry_that_cannot_be_read_is_not_free() {
    on_virtual_time(async {
        let ann = prepared(&world(Rules::default())).await;
        ann.world().write_strange_lock();
        for over in [None, over(BOBS_RUN)] {
            let refused = ann.deploy(over).await.expect_err("the owner is unknown");
            assert_eq!(refused.code, ErrorCode::UnreadableAnswer, "{refused:?}");
        }
        let ended = Act::EndRun { result: RunResult::Stopped, note: "the owner is unknown".into() };
        ann.act(ended).await.expect("the run may end");
    });
}

#[test]
fn a_remote_that_does_not_answer_is_no_refusal() {
    on_virtual_time(async {
        let profile = simulated_profile().expect("the built-in profile");
        let world = world(Rules::default());
        let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
        ann.wire.next("git.ref_commit", Fate::Unreached);
        ann.prepare().await.expect("Prepare");
        assert_eq!(ann.view().lock_refusal, None);
        ann.deploy(None).await.expect("Deploy makes the lock");
        assert_eq!(owner(&ann), Some(ann.view().id.0));
    });
}

/// A failed migration wants the rollout stopped at once, also while GitHub does not answer.
#[test]
fn a_rollout_is_stopped_while_the_remote_does_not_answer() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        back_up_and_build(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Running).await.expect("the watch of the servers");
        let plan = read(&ann.release, &ann.by, StepId::StopRollout).await.expect("a plan");
        ann.wire.next("git.ref_commit", Fate::Unreached);
        ann.wire.next("git.ref_commit", Fate::Unreached);
        start(&ann.release, &ann.by, plan).await.expect("it is stopped");
        ann.until_is(StepId::StopRollout, Status::Succeeded).await.expect("the version before serves");

        let plan = read(&ann.release, &ann.by, StepId::DeployAgain).await.expect("a plan");
        ann.wire.next("git.ref_commit", Fate::Unreached);
        let refused = start(&ann.release, &ann.by, plan).await.expect_err("nothing else goes on");
        assert_eq!(refused.code, ErrorCode::Unreachable, "{refused:?}");
    });
}

#[test]
fn the_end_of_a_run_releases_the_lock_on_the_remote() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let ended = Act::EndRun { result: RunResult::Stopped, note: "postponed".into() };
        ann.act(ended).await.expect("the end");
        ann.release.clone().close().await;
        assert_eq!((owner(&ann), ann.world().host.holder.clone()), (None, None));
    });
}

#[test]
fn a_release_that_is_continued_elsewhere_takes_the_lock_over() {
    on_virtual_time(async {
        let world = world(Rules::default());
        let ann = begun(&world).await;
        ann.press_when_offered(StepId::BackUp).await.expect("the backup");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("the backup");
        let profile = simulated_profile().expect("the built-in profile");
        let cleo = Scripted::draft(&profile, world, person("Cleo", "desk-2")).await.expect("a draft");
        cleo.release.continue_here(cleo.by.clone()).await.expect("it was begun elsewhere");
        cleo.until(|view| view.state == RunState::Prepared).await.expect("Prepare is done");
        let refused = cleo.deploy(None).await.expect_err("Ann owns the environment");
        assert!(is_held_by(&refused, "Ann"), "{refused:?}");
        cleo.deploy(over(&ann.view().id.0)).await.expect("Cleo takes over");
        ann.offered(StepId::DispatchBuild).await.expect("Ann's computer wakes up");
        let refused = press(&ann.release, &ann.by, StepId::DispatchBuild).await.expect_err("Cleo owns the environment");
        assert!(is_held_by(&refused, "Cleo"), "{refused:?}");
    });
}
