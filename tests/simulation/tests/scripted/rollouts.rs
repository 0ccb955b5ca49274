//! Rollouts that another person, AWS or a registry disturbs.

use greenlight_rehearsal::world::rules::Deploys;
use greenlight_types::RunView;

use super::*;

/// A release whose servers are watched and fail to start.
async fn watched(world: &Arc<Mutex<World>>) -> Scripted {
    let ann = begun(world).await;
    back_up_and_build(&ann).await;
    ann.until(|view| fold::newest(view, FactKind::DeployPhaseBegan).is_some()).await.expect("the deployment");
    ann.until_is(StepId::AwaitRollout, Status::Running).await.expect("the watch of the servers");
    ann
}

#[test]
fn trap_e7_p4_a_deployment_of_a_colleague_is_told_as_theirs() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        let theirs = {
            let mut world = ann.world();
            world.copy_newest();
            let theirs = world.definitions().last().expect("a revision").revision;
            world.set_revision(theirs, "a colleague");
            theirs
        };
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("the end of our rollout");
        let failure = ann.failure(StepId::AwaitRollout).expect("its reason");
        assert_eq!(failure.code, ErrorCode::RolloutSuperseded, "{failure}");
        let value = |name: &str| failure.params.get(name).cloned().unwrap_or_default();
        assert!(value("seen").ends_with(&format!(":{theirs}")), "{failure:?}");
        assert!(value("expected").ends_with(&format!(":{}", ours(&ann))), "{failure:?}");
        assert!(value("since").starts_with("20"), "the time of their deployment: {failure:?}");
        assert!(!value("savedBy").is_empty() && failure.to_string().contains("was saved by"), "p4: {failure:?}");

        let revision = ours(&ann);
        ann.world().set_revision(revision, "a developer");
        press(&ann.release, &ann.by, StepId::AwaitRollout).await.expect("it may be watched again");
        press(&ann.release, &ann.by, StepId::RunMigration).await.expect("the old version serves");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
    });
}

#[test]
fn trap_e7_a_deployment_that_begins_within_a_look_is_told_as_theirs() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        let call = "services.describe_deployments";
        ann.wire.next(call, Fate::Late(Duration::from_secs(20)));
        ann.until_called(call).await.expect("a look at the deployments");
        {
            let mut world = ann.world();
            world.copy_newest();
            let theirs = world.definitions().last().expect("a revision").revision;
            world.set_revision(theirs, "a colleague");
        }
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("the end of our rollout");
        let failure = ann.failure(StepId::AwaitRollout).expect("its reason");
        assert_eq!(failure.code, ErrorCode::RolloutSuperseded, "{failure}");
    });
}

#[test]
fn trap_e6_a_failed_deployment_that_stays_listed_is_not_waited_for() {
    on_virtual_time(async {
        let breaker = Some(Breaker { rolls_back: false });
        let ann = watched(&world(Rules { breaker, keeps_failed: true, ..Rules::default() })).await;
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("the breaker");
        let failure = ann.failure(StepId::AwaitRollout).expect("its reason");
        assert_eq!(failure.code, ErrorCode::RolloutFailed, "{failure}");
        assert!(failure.to_string().contains("gave the deployment up"), "{failure}");

        let revision = ours(&ann);
        {
            let mut world = ann.world();
            world.rules.breaker = None;
            world.set_revision(revision, "a developer");
        }
        press(&ann.release, &ann.by, StepId::AwaitRollout).await.expect("it may be watched again");
        press(&ann.release, &ann.by, StepId::RunMigration).await.expect("the old version serves");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        assert!(ann.world().service.deployments.len() > 1, "the failed one is still listed");
    });
}

#[test]
fn a_server_with_another_image_is_not_called_released() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        press(&ann.release, &ann.by, StepId::RunMigration).await.expect("the old version serves");
        let has_new = |view: &RunView| fold::newest(view, FactKind::ServerBecameNew).is_some();
        ann.until(has_new).await.expect("the first server");
        let revision = ours(&ann);
        for task in ann.world().service.tasks.iter_mut().filter(|task| task.revision == revision) {
            task.digest = Some("sha256:of-somebody-else".to_owned());
        }
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("the end of the rollout");
        let failure = ann.failure(StepId::AwaitRollout).expect("its reason");
        assert_eq!(failure.code, ErrorCode::OtherImage, "{failure}");
    });
}

#[test]
fn de_4_settings_that_the_build_made_itself_are_accepted_by_a_person() {
    on_virtual_time(async {
        let rules = Rules { deploys: Deploys::ItsOwn, ..Rules::default() };
        let ann = begun(&world(rules)).await;
        back_up_and_build(&ann).await;
        let step = StepId::AwaitDeployPhase;
        ann.until_is(step, Status::Failed).await.expect("AWS uses other settings");
        assert_eq!(ann.failure(step).expect("its reason").code, ErrorCode::WrongRevision);
        let question = ann.release.plan(step).await.expect("a plan").question.expect("a decision");
        assert!(question.id.starts_with("otherRevision:arn:"), "{question:?}");
        assert!(question.options[0].detail.contains("They are equal"), "{question:?}");
        press(&ann.release, &ann.by, step).await.expect("Ann goes on with them");
        ann.until_is(step, Status::Succeeded).await.expect("the deployment counts as ours");
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn de_4_settings_of_a_colleague_with_another_package_are_never_accepted() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        back_up_and_build(&ann).await;
        let revision = ours(&ann);
        ann.world().set_revision(revision - 2, "a colleague");
        let step = StepId::AwaitDeployPhase;
        ann.until_is(step, Status::Failed).await.expect("AWS uses other settings");
        assert_eq!(ann.release.plan(step).await.expect("a plan").question, None);
        // The deployment of the build takes over later.
        press(&ann.release, &ann.by, step).await.expect("watched again");
        ann.world().set_revision(revision, "the workflow");
        ann.until_is(step, Status::Succeeded).await.expect("ours is in charge again");
    });
}

#[test]
fn p1_nothing_is_released_while_production_runs_something_else() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        let theirs = {
            let mut world = ann.world();
            world.copy_newest();
            let theirs = world.definitions().last().expect("a revision").revision;
            world.set_revision(theirs, "a colleague");
            theirs
        };
        ann.until(|view| fold::newest(view, FactKind::RolloutLost).is_some()).await.expect("the app looks on");
        let Some(Fact::RolloutLost { arn, .. }) = fold::newest(&ann.view(), FactKind::RolloutLost).cloned() else {
            panic!("the loss")
        };
        assert!(arn.ends_with(&format!(":{theirs}")), "{arn}");
        to_open_checks(&ann).await;
        answer_checks(&ann, &ann.view().profile.site.checks, CheckAnswer::Passed).await;
        ann.until_is(StepId::CheckSite, Status::Succeeded).await.expect("the checks");
        let has_ended = |view: &RunView| fold::newest(view, FactKind::BuildEnded).is_some();
        ann.until(has_ended).await.expect("the build");
        assert_eq!(ann.view().state, RunState::Checking, "their settings are in charge");

        press(&ann.release, &ann.by, StepId::DeployAgain).await.expect("ours once more");
        ann.until(|view| view.state == RunState::Ended).await.expect("released by itself once ours is back");
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn p1_another_version_that_takes_over_before_the_last_answer_is_seen() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        let has_ended = |view: &RunView| fold::newest(view, FactKind::BuildEnded).is_some();
        ann.until(has_ended).await.expect("the build");
        to_open_checks(&ann).await;
        let checks = ann.view().profile.site.checks;
        let (others, last) = checks.split_at(checks.len() - 1);
        answer_checks(&ann, others, CheckAnswer::Passed).await;
        {
            let mut world = ann.world();
            world.copy_newest();
            let theirs = world.definitions().last().expect("a revision").revision;
            world.set_revision(theirs, "a colleague");
        }
        answer_checks(&ann, last, CheckAnswer::Passed).await;
        ann.until(|view| fold::newest(view, FactKind::RolloutLost).is_some()).await.expect("the last look");
        assert_eq!(ann.view().state, RunState::Checking, "their version is in charge");
    });
}

#[test]
fn a_new_deployment_of_ours_keeps_the_release_open_until_it_is_complete() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        to_open_checks(&ann).await;
        answer_checks(&ann, &ann.view().profile.site.checks, CheckAnswer::CouldNotCheck).await;
        let has_ended = |view: &RunView| fold::newest(view, FactKind::BuildEnded).is_some();
        ann.until(has_ended).await.expect("the build");
        let revision = ours(&ann);
        ann.world().set_revision(revision, "a colleague");
        let end = || Act::EndRun { result: RunResult::ReleasedWithFailedCheck, note: "looked at later".to_owned() };
        let refused = ann.act(end()).await.expect_err("its servers start");
        assert!(refused.to_string().contains("every server"), "{refused}");
        let again = ann.act(end()).await.expect_err("it is not offered any more");
        assert!(again.to_string().contains("this way now"), "{again}");
        let is_complete = |view: &RunView| {
            fold::newest(view, FactKind::RolledOut).is_some()
                && view.facts.iter().rposition(|one| one.fact.kind() == FactKind::RolledOut)
                    > view.facts.iter().rposition(|one| one.fact.kind() == FactKind::DeployPhaseBegan)
        };
        ann.until(is_complete).await.expect("every server is new once more");
        ann.act(end()).await.expect("the end");
    });
}

#[test]
fn p1_a_new_deployment_of_ours_that_fails_is_told() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        to_open_checks(&ann).await;
        let revision = ours(&ann);
        let count = |view: &RunView, kind: FactKind| view.facts.iter().filter(|one| one.fact.kind() == kind).count();
        let before = count(&ann.view(), FactKind::DeployPhaseBegan);
        ann.world().set_revision(revision, "a colleague");
        ann.until(|view| count(view, FactKind::DeployPhaseBegan) > before).await.expect("the app looks on");
        {
            let mut world = ann.world();
            world.copy_newest();
            let theirs = world.definitions().last().expect("a revision").revision;
            world.set_revision(theirs, "a colleague");
        }
        ann.until(|view| count(view, FactKind::RolloutLost) > 0).await.expect("the loss");
    });
}

#[test]
fn p10_the_reasons_of_failed_starts_are_kept_each_once() {
    on_virtual_time(async {
        let ann = watched(&world(Rules::default())).await;
        let failed =
            |view: &RunView| view.facts.iter().filter(|learned| learned.fact.kind() == FactKind::StartFailed).count();
        ann.until(|view| failed(view) > 0).await.expect("the first failed start");
        tokio::time::sleep(Duration::from_secs(10 * 60)).await;
        assert!(ann.world().service.deployments.last().expect("ours").failed > 3, "several servers failed");
        assert_eq!(failed(&ann.view()), 1, "for one reason");
        let view = ann.view();
        let Some(Fact::StartFailed { reason, .. }) = fold::newest(&view, FactKind::StartFailed) else { panic!("it") };
        assert_eq!(reason, "Essential container in task exited (exit code 1)");
    });
}
