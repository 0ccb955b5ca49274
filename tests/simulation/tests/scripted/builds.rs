//! Builds and packages that this release did not start itself.

use greenlight_rehearsal::world::{git::MAIN, rules::Deploys};

use super::*;

/// A prepared release whose workflow leaves the servers on the version before.
async fn prepared(rules: Rules) -> Scripted {
    let world = world(Rules { deploys: Deploys::Running, ..rules });
    let profile = simulated_profile().expect("the built-in profile");
    let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
    ann.prepare().await.expect("Prepare");
    ann
}

/// A colleague builds main, and the build ends.
async fn built_by_colleague(ann: &Scripted) {
    ann.world().dispatch(MAIN, serde_json::json!({}));
    for _ in 0..10_000 {
        let now_ms = ann.clock.now_ms();
        ann.world().advance(now_ms);
        if ann.world().builds().iter().all(|build| build.ended.is_some()) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the build of the colleague does not end");
}

/// Answers the question about the package with `use`.
async fn uses_the_package(ann: &Scripted, kind: &str) -> StepPlan {
    let plan = ann.release.plan(StepId::DispatchBuild).await.expect("a plan");
    let question = plan.question.expect("the question about the package");
    assert!(question.id.starts_with(kind), "{question:?}");
    assert!(question.needs_note);
    let choose = |asked: &greenlight_types::Question| {
        let wanted = if asked.id.starts_with("image") { "use" } else { "stay" };
        asked.options.iter().find(|option| option.id == wanted).map(|option| option.id.clone())
    };
    read_choosing(&ann.release, &ann.by, StepId::DispatchBuild, choose).await.expect("a plan")
}

/// Starts the deployment by hand and comes to the end of the release.
async fn deploy_and_end(ann: &Scripted) {
    ann.until_is(StepId::FollowBuild, Status::Succeeded).await.expect("nothing is built");
    ann.press_when_offered(StepId::DeployAgain).await.expect("the deployment is started by hand");
    ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
    check_and_end(ann).await;
    assert_eq!(ann.view().result, Some(RunResult::Released));
}

#[test]
fn uses_a_package_that_a_build_of_the_commit_pushed() {
    on_virtual_time(async {
        let ann = prepared(Rules::default()).await;
        built_by_colleague(&ann).await;
        ann.deploy(None).await.expect("Deploy begins");
        ann.press_when_offered(StepId::BackUp).await.expect("the backup");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        let plan = uses_the_package(&ann, "imageOfCommit:").await;
        assert!(!plan.irreversible && plan.is_open(), "{plan:?}");
        start(&ann.release, &ann.by, plan).await.expect("the package is used");
        ann.until_is(StepId::DispatchBuild, Status::Succeeded).await.expect("the package");
        assert_eq!(ann.world().builds().len(), 1, "only the colleague built");
        deploy_and_end(&ann).await;
    });
}

#[test]
fn uses_an_unproved_package_on_the_word_of_a_person() {
    on_virtual_time(async {
        let ann = prepared(Rules { has_immutable_tags: true, ..Rules::default() }).await;
        ann.deploy(None).await.expect("Deploy begins");
        ann.press_when_offered(StepId::BackUp).await.expect("the backup");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        ann.world().put_image("2.1.0.0", "pushed by hand");
        let plan = uses_the_package(&ann, "image:").await;
        start(&ann.release, &ann.by, plan).await.expect("the package is used");
        ann.until_is(StepId::DispatchBuild, Status::Succeeded).await.expect("the package");
        assert!(ann.world().builds().is_empty(), "nothing was built");
        deploy_and_end(&ann).await;
    });
}

#[test]
fn a_person_may_say_that_an_unproved_package_is_of_another_commit() {
    on_virtual_time(async {
        let ann = prepared(Rules { has_immutable_tags: true, ..Rules::default() }).await;
        ann.deploy(None).await.expect("Deploy begins");
        ann.press_when_offered(StepId::BackUp).await.expect("the backup");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        ann.world().put_image("2.1.0.0", "pushed by hand");
        let choose = |_: &greenlight_types::Question| Some("other".to_owned());
        let plan = read_choosing(&ann.release, &ann.by, StepId::DispatchBuild, choose).await.expect("a plan");
        let closed: Vec<&str> =
            plan.preconditions.iter().filter(|one| !one.passed).map(|one| one.id.as_str()).collect();
        assert_eq!(closed, ["packageIsOurs"], "neither use nor build");
        assert!(start(&ann.release, &ann.by, plan).await.is_err());
        let plan = uses_the_package(&ann, "image:").await;
        assert!(plan.is_open(), "the person may answer otherwise: {plan:?}");
    });
}

#[test]
fn an_immutable_package_of_another_commit_closes_the_build() {
    on_virtual_time(async {
        let ann = prepared(Rules { has_immutable_tags: true, ..Rules::default() }).await;
        ann.deploy(None).await.expect("Deploy begins");
        ann.press_when_offered(StepId::BackUp).await.expect("the backup");
        ann.offered(StepId::DispatchBuild).await.expect("its button");
        {
            let (mut world, now_ms) = (ann.world(), ann.clock.now_ms());
            world.git.commit_on(MAIN, "src/Web.java", "hotfix", "Hotfix", now_ms).expect("a commit");
            world.follow_main();
        }
        built_by_colleague(&ann).await;
        let refused = ann.release.plan(StepId::DispatchBuild).await.expect_err("neither use nor build");
        assert_eq!(refused.code, ErrorCode::PreconditionFailed);
        assert!(refused.causes.iter().any(|cause| cause.contains("another commit")), "{refused:?}");
    });
}

/// A release whose build fails before the package.
async fn with_red_build(rules: Rules) -> Scripted {
    let ann = begun(&world(Rules { build_fails_at: Some(20_000), ..rules })).await;
    back_up_and_build(&ann).await;
    ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("the build is red");
    ann.until_is(StepId::AwaitDeployPhase, Status::Failed).await.expect("nothing is put in place");
    // Time passes until the person acts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    ann
}

#[test]
fn de_5_the_failed_part_runs_again_and_the_release_goes_on() {
    on_virtual_time(async {
        let ann = with_red_build(Rules::default()).await;
        press(&ann.release, &ann.by, StepId::RerunBuild).await.expect("GitHub runs it again");
        ann.until_is(StepId::RerunBuild, Status::Succeeded).await.expect("another attempt");
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS puts it in place");
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
        assert_eq!(ann.world().builds().len(), 1, "the run is the same one");
    });
}

#[test]
fn an_attempt_that_a_developer_started_is_followed() {
    on_virtual_time(async {
        let ann = with_red_build(Rules::default()).await;
        let run = ann.world().builds()[0].id.to_string();
        ann.world().rerun_failed_jobs(&run).expect("the developer presses it on GitHub");
        press(&ann.release, &ann.by, StepId::FollowBuild).await.expect("it may be watched again");
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS puts it in place");
        let rerun = fold::newest(&ann.view(), FactKind::BuildRerun).cloned();
        assert!(matches!(rerun, Some(Fact::BuildRerun { attempt: 2, .. })), "{rerun:?}");
    });
}

#[test]
fn trap_w9_a_taken_immutable_name_closes_the_re_run() {
    on_virtual_time(async {
        let ann = with_red_build(Rules { has_immutable_tags: true, ..Rules::default() }).await;
        ann.world().put_image("2.1.0.0", "pushed by hand");
        let plan = read(&ann.release, &ann.by, StepId::RerunBuild).await.expect("a plan");
        let closed: Vec<&str> =
            plan.preconditions.iter().filter(|one| !one.passed).map(|one| one.id.as_str()).collect();
        assert_eq!(closed, ["packageMayBePushed"]);
    });
}

#[test]
fn a_lost_answer_to_the_re_run_is_a_doubt_that_github_ends() {
    on_virtual_time(async {
        let ann = with_red_build(Rules::default()).await;
        ann.wire.next("builds.rerun_failed_jobs", Fate::Lost);
        press(&ann.release, &ann.by, StepId::RerunBuild).await.expect("it is sent");
        ann.until_is(StepId::RerunBuild, Status::Succeeded).await.expect("GitHub shows the attempt");
        assert_eq!(ann.world().builds()[0].attempt(), 2, "it was sent once");
    });
}

#[test]
fn the_doubt_about_a_build_tells_how_github_answered() {
    on_virtual_time(async {
        for (fate, words) in [(Fate::Calm, "GitHub accepted the order"), (Fate::Lost, "GitHub's answer was lost")] {
            let ann = begun(&world(Rules { tells_run: false, list_lag: 300_000, ..Rules::default() })).await;
            ann.press_when_offered(StepId::BackUp).await.expect("the backup");
            ann.offered(StepId::DispatchBuild).await.expect("its button");
            ann.wire.next("builds.dispatch", fate);
            press(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("it is sent");
            ann.until_is(StepId::DispatchBuild, Status::InDoubt).await.expect("no build shows");
            let view = ann.view();
            let step = fold::step(&view, StepId::DispatchBuild).expect("the step");
            let greenlight_types::StepState::InDoubt { doubt } = &step.state else { panic!("{step:?}") };
            assert!(doubt.starts_with(words), "{doubt}");
        }
    });
}

/// A product whose backups are made elsewhere: the person says which one there is.
#[test]
fn a_release_without_a_backup_of_its_own() {
    on_virtual_time(async {
        let mut profile = simulated_profile().expect("the built-in profile");
        let skip = || Act::SkipStep { step: StepId::BackUp, note: "the snapshot of 09:00".to_owned() };
        let strict =
            Scripted::draft(&profile, world(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
        strict.prepare().await.expect("Prepare");
        strict.deploy(None).await.expect("Deploy begins");
        strict.offered(StepId::BackUp).await.expect("its button");
        assert_eq!(strict.act(skip()).await.expect_err("its profile says no").code, ErrorCode::NotAllowedNow);

        profile.backup.may_skip = true;
        let ann = Scripted::draft(&profile, world(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        ann.deploy(None).await.expect("Deploy begins");
        ann.offered(StepId::BackUp).await.expect("its button");
        ann.act(skip()).await.expect("the profile allows it");
        assert!(ann.release.left_behind().join(" ").contains("this release makes no backup. the snapshot of 09:00"));
        for step in [StepId::DispatchBuild, StepId::RunMigration] {
            ann.press_when_offered(step).await.expect("nothing waits for a backup");
        }
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}
