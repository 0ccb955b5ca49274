//! Rollouts that another person, AWS or a registry disturbs.

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
fn trap_e7_a_deployment_of_a_colleague_is_told_as_theirs() {
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

        let revision = ours(&ann);
        ann.world().set_revision(revision, "a developer");
        press(&ann.release, &ann.by, StepId::AwaitRollout).await.expect("it may be watched again");
        press(&ann.release, &ann.by, StepId::RunMigration).await.expect("the old version serves");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
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
