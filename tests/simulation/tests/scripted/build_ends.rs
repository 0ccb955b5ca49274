//! Builds that are cancelled, superseded or gone, and the ways on from them.

use greenlight_rehearsal::world::{
    git::MAIN,
    rules::{Concurrency, Deploys},
};

use super::*;

/// A release whose build runs.
async fn building(rules: Rules) -> Scripted {
    let ann = begun(&world(rules)).await;
    back_up_and_build(&ann).await;
    ann.until_is(StepId::FollowBuild, Status::Running).await.expect("the build runs");
    tokio::time::sleep(Duration::from_secs(20)).await;
    ann
}

/// Whether the screen offers an optional step.
fn is_offered(ann: &Scripted, step: StepId) -> bool {
    let mut view = ann.view();
    greenlight_engine::options::fill(&mut view);
    fold::step(&view, step).is_some_and(|step| step.options.may_choose)
}

#[test]
fn a_cancelled_build_ends_as_cancelled_and_runs_again() {
    on_virtual_time(async {
        let ann = building(Rules::default()).await;
        assert!(is_offered(&ann, StepId::CancelBuild) && !is_offered(&ann, StepId::FollowOtherBuild));
        press(&ann.release, &ann.by, StepId::CancelBuild).await.expect("GitHub cancels it");
        ann.until_is(StepId::CancelBuild, Status::Succeeded).await.expect("it is over");
        ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("the watch sees the end");
        let failure = ann.failure(StepId::FollowBuild).expect("its reason");
        assert_eq!(failure.code, ErrorCode::BuildFailed);
        assert!(failure.to_string().contains("GitHub says cancelled"), "{failure}");
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert!(!is_offered(&ann, StepId::CancelBuild), "nothing is left to cancel");
        press(&ann.release, &ann.by, StepId::RerunBuild).await.expect("GitHub runs it again");
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS puts it in place");
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn a_lost_answer_to_the_cancellation_is_a_doubt_that_github_ends() {
    on_virtual_time(async {
        let ann = building(Rules::default()).await;
        ann.wire.next("builds.cancel", Fate::Lost);
        press(&ann.release, &ann.by, StepId::CancelBuild).await.expect("it is sent");
        ann.until_is(StepId::CancelBuild, Status::Succeeded).await.expect("GitHub shows the end");
        assert!(fold::newest(&ann.view(), FactKind::BuildCancelled).is_some());
    });
}

#[test]
fn a_build_is_not_cancelled_once_aws_puts_it_in_place() {
    on_virtual_time(async {
        let ann = building(Rules::default()).await;
        let plan = read(&ann.release, &ann.by, StepId::CancelBuild).await.expect("a plan");
        assert!(plan.is_open(), "{plan:?}");
        let ours = ours(&ann);
        ann.world().set_revision(ours, "colleague");
        let plan = read(&ann.release, &ann.by, StepId::CancelBuild).await.expect("a plan");
        let closed: Vec<&str> =
            plan.preconditions.iter().filter(|one| !one.passed).map(|one| one.id.as_str()).collect();
        assert_eq!(closed, ["notInPlace"]);
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS puts it in place");
        assert!(!is_offered(&ann, StepId::CancelBuild));
    });
}

#[test]
fn de_5_a_superseded_build_is_replaced_by_the_one_of_a_developer() {
    on_virtual_time(async {
        let ann = building(Rules { concurrency: Concurrency::CancelInProgress, ..Rules::default() }).await;
        ann.world().dispatch(MAIN, serde_json::json!({}));
        ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("the newer build cancels ours");
        tokio::time::sleep(Duration::from_secs(20)).await;
        let other = ann.world().builds()[1].id.to_string();
        press(&ann.release, &ann.by, StepId::FollowOtherBuild).await.expect("it is recorded");
        ann.until_is(StepId::FollowOtherBuild, Status::Succeeded).await.expect("a record only");
        let followed = fold::newest(&ann.view(), FactKind::BuildStarted).cloned();
        assert!(matches!(followed, Some(Fact::BuildStarted { build, .. }) if build == other));
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS puts it in place");
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
        assert_eq!(ann.world().builds().len(), 2, "this release started one");
    });
}

#[test]
fn the_package_of_a_build_followed_before_does_not_count() {
    on_virtual_time(async {
        let ann = building(Rules::default()).await;
        ann.until(|view| fold::newest(view, FactKind::PackageReady).is_some()).await.expect("the first package");
        let first = ann.world().images().iter().find(|image| !image.tag.is_empty()).map(|image| image.digest.clone());
        let run = ann.world().builds()[0].id.to_string();
        ann.world().cancel_build(&run).expect("a developer cancels it before the deployment");
        ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("the build is cancelled");
        ann.world().dispatch(MAIN, serde_json::json!({}));
        tokio::time::sleep(Duration::from_secs(20)).await;
        press(&ann.release, &ann.by, StepId::FollowOtherBuild).await.expect("it is recorded");
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        let Some(Fact::PackageReady { digest, .. }) = fold::newest(&ann.view(), FactKind::PackageReady).cloned() else {
            panic!("no package")
        };
        assert_ne!(Some(digest), first, "the package of the second build");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn a_build_that_github_does_not_know_any_more_is_gone_after_five_minutes() {
    on_virtual_time(async {
        let ann = building(Rules::default()).await;
        ann.world().dispatch(MAIN, serde_json::json!({}));
        let run = ann.world().builds()[0].id.to_string();
        ann.world().delete_build(&run);
        ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("it is gone");
        let failure = ann.failure(StepId::FollowBuild).expect("its reason");
        assert_eq!((failure.code, failure.retry), (ErrorCode::BuildFailed, greenlight_types::Retry::Safe));
        tokio::time::sleep(Duration::from_secs(20)).await;
        press(&ann.release, &ann.by, StepId::FollowOtherBuild).await.expect("the one of a developer");
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS puts it in place");
    });
}

#[test]
fn trap_w7_a_build_that_waits_for_a_reviewer_says_for_whom() {
    on_virtual_time(async {
        let ann = building(Rules { approval: Some(86_400_000), ..Rules::default() }).await;
        let run = ann.world().builds()[0].id.to_string();
        let mut said = None;
        for _ in 0..10_000 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            said = ann.live.take().into_iter().find_map(|seen| match seen {
                greenlight_types::LiveUpdate::Build(build) => build.waits_for,
                greenlight_types::LiveUpdate::Servers(_)
                | greenlight_types::LiveUpdate::Site(_)
                | greenlight_types::LiveUpdate::Activity { .. }
                | greenlight_types::LiveUpdate::Heard { .. }
                | greenlight_types::LiveUpdate::Connection { .. }
                | greenlight_types::LiveUpdate::Watcher { .. } => None,
            });
            if said.is_some() {
                break;
            }
        }
        assert_eq!(said.as_deref(), Some("GitHub waits for an approval of production by release-manager."));
        assert_eq!(ann.status(StepId::FollowBuild), Status::Running);
        ann.world().approve(&run);
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

/// Answers the question about the package of a build without the job of the profile.
async fn judges_the_package(ann: &Scripted, answer: &str) {
    ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("a person is asked");
    let failure = ann.failure(StepId::FollowBuild).expect("its reason");
    assert_eq!(failure.code, ErrorCode::PackageUnproved, "{failure}");
    let wanted = |_: &greenlight_types::Question| Some(answer.to_owned());
    let first = ann.release.plan(StepId::FollowBuild).await.expect("a plan");
    let text = first.question.expect("the question").text;
    assert!(text.contains("compile") && text.contains("sha256:"), "{text}");
    let plan = read_choosing(&ann.release, &ann.by, StepId::FollowBuild, wanted).await.expect("a plan");
    assert!(plan.is_open(), "{plan:?}");
    start(&ann.release, &ann.by, plan).await.expect("it is watched again");
}

#[test]
fn fault_1_a_person_says_that_a_build_without_the_named_job_made_the_package() {
    on_virtual_time(async {
        let ann = building(Rules { renames_build_job: true, ..Rules::default() }).await;
        judges_the_package(&ann, "made").await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
        let answer = ann.view().answers.into_iter().find(|one| one.question.starts_with("package:"));
        assert_eq!(answer.map(|one| one.person).as_deref(), Some("Ann"));
    });
}

#[test]
fn fault_1_a_package_that_another_build_made_is_not_used() {
    on_virtual_time(async {
        let rules = Rules { renames_build_job: true, deploys: Deploys::Running, ..Rules::default() };
        let ann = building(rules).await;
        judges_the_package(&ann, "other").await;
        ann.until(|view| {
            let step = fold::step(view, StepId::FollowBuild);
            step.and_then(|step| step.failure()).is_some_and(|failure| failure.code == ErrorCode::BuildFailed)
        })
        .await
        .expect("the build ends without a package");
        assert!(fold::newest(&ann.view(), FactKind::PackageReady).is_none());
    });
}
