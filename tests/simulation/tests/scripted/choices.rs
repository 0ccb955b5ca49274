//! The optional steps: the limit of failed starts, a stop, a new deployment, the way back.

use std::collections::BTreeSet;

use greenlight_engine::options;
use greenlight_rehearsal::world::{
    rules::{Threshold, ThresholdKind},
    service::Rollout,
};
use greenlight_types::{Question, RunView, StepView};

use super::*;

/// Rules of a service with the breaker that AWS switches on by default.
fn with_breaker() -> Rules {
    Rules { breaker: Some(Breaker { rolls_back: true }), ..Rules::default() }
}

/// The optional steps that the screen offers.
fn offered(view: &RunView) -> BTreeSet<StepId> {
    let mut view = view.clone();
    options::fill(&mut view);
    let may_choose = |step: &&StepView| step.options.may_choose;
    view.steps.iter().filter(may_choose).map(|step| step.definition.id).collect()
}

/// Chooses an optional step and waits for its end. A person needs some time for it.
async fn choose(at: &Scripted, step: StepId) {
    tokio::time::sleep(Duration::from_secs(30)).await;
    assert!(offered(&at.view()).contains(&step), "{step:?} is offered: {:?}", offered(&at.view()));
    press(&at.release, &at.by, step).await.expect("it is started");
    at.until_is(step, Status::Succeeded).await.expect("its effect");
}

fn precondition(plan: &StepPlan, id: &str) -> bool {
    plan.preconditions.iter().find(|one| one.id == id).expect("the precondition").passed
}

/// Comes to the end of the backup.
async fn backed_up(at: &Scripted) {
    at.press_when_offered(StepId::BackUp).await.expect("it is started");
    at.offered(StepId::DispatchBuild).await.expect("its button");
}

/// Comes to servers that fail to start.
async fn rolling_out(at: &Scripted) {
    back_up_and_build(at).await;
    at.until_is(StepId::AwaitRollout, Status::Running).await.expect("the watch of the servers");
}

/// Starts the migration and waits for its end.
async fn migrate(at: &Scripted) {
    at.press_when_offered(StepId::RunMigration).await.expect("the migration starts");
    at.until_is(StepId::RunMigration, Status::Succeeded).await.expect("its end");
}

/// Comes from servers that fail to start over the migration to new ones.
async fn migrate_to_new_servers(at: &Scripted) {
    at.until_is(StepId::AwaitRollout, Status::Running).await.expect("the watch of the servers");
    migrate(at).await;
    at.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
}

/// Waits for a condition of production.
async fn later(at: &Scripted, is_so: impl Fn(&World) -> bool) {
    while !is_so(&at.world()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        at.world().advance(at.clock.now_ms());
    }
}

/// Comes to a migration that stopped half-way while servers fail to start.
async fn fails_half_way(at: &Scripted) {
    rolling_out(at).await;
    at.world().host.ends.migration = 3;
    at.press_when_offered(StepId::RunMigration).await.expect("the migration starts");
    at.until_is(StepId::RunMigration, Status::Failed).await.expect("its script fails");
}

fn end(result: RunResult) -> Act {
    Act::EndRun { result, note: "as agreed".to_owned() }
}

#[test]
fn de_1_the_limit_is_raised_before_the_build_and_put_back_before_the_end() {
    on_virtual_time(async {
        let ann = begun(&world(with_breaker())).await;
        backed_up(&ann).await;
        let plan = ann.release.plan(StepId::DispatchBuild).await.expect("a plan");
        assert!(!precondition(&plan, "awsWaits"), "three failed starts do not last until the migration");
        assert_eq!(plan.question.expect("a decision").id, "awsGivesUp:DispatchBuild");

        // The answer of AWS is lost, so the app asks AWS for the limit.
        ann.wire.next("services.set_breaker_threshold", Fate::Lost);
        press(&ann.release, &ann.by, StepId::RaiseFailureLimit).await.expect("it is started");
        ann.until_is(StepId::RaiseFailureLimit, Status::Succeeded).await.expect("AWS shows the limit");
        let plan = ann.release.plan(StepId::DispatchBuild).await.expect("a plan");
        assert!(precondition(&plan, "awsWaits") && plan.question.is_none_or(|one| one.id == "stay"));

        ann.world().host.ends.migration_ms = 30 * 60 * 1_000;
        press(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("the build");
        migrate(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("AWS did not give up");
        ann.offered(StepId::RestoreFailureLimit).await.expect("the limit is to be put back");
        assert_ne!(ann.world().rules.breaker_threshold, Threshold::default());

        to_open_checks(&ann).await;
        answer_checks(&ann, &ann.view().profile.site.checks, CheckAnswer::Passed).await;
        ann.until_is(StepId::FollowBuild, Status::Succeeded).await.expect("the build");
        assert_eq!(ann.view().state, RunState::Checking, "a raised limit stays with no release");
        press(&ann.release, &ann.by, StepId::RestoreFailureLimit).await.expect("it is put back");
        ann.until(|view| view.state == RunState::Ended).await.expect("the end");
        assert_eq!(ann.view().result, Some(RunResult::Released));
        assert_eq!(ann.world().rules.breaker_threshold, Threshold::default());
    });
}

#[test]
fn de_1_a_stopped_run_names_the_limit_that_it_left() {
    on_virtual_time(async {
        let ann = begun(&world(with_breaker())).await;
        backed_up(&ann).await;
        choose(&ann, StepId::RaiseFailureLimit).await;
        ann.act(end(RunResult::Stopped)).await.expect("she stops");
        ann.until(|view| view.state == RunState::Ended).await.expect("the end");
        let left = ann.view().left_behind.join("\n");
        assert!(left.contains("limit of failed starts") && left.contains("BOUNDED_PERCENT 50"), "{left}");
    });
}

#[test]
fn de_1_a_deployment_that_aws_gave_up_is_started_again() {
    on_virtual_time(async {
        let ann = begun(&world(with_breaker())).await;
        back_up_and_build(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("the breaker");
        assert!(offered(&ann.view()).contains(&StepId::RaiseFailureLimit));
        choose(&ann, StepId::RaiseFailureLimit).await;
        choose(&ann, StepId::DeployAgain).await;
        ann.until_is(StepId::AwaitRollout, Status::Running).await.expect("the servers are watched again by themselves");
        press(&ann.release, &ann.by, StepId::RunMigration).await.expect("the conditions hold again");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
    });
}

#[test]
fn de_7_a_release_whose_check_failed_is_rolled_back() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        rolling_out(&ann).await;
        migrate(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        to_open_checks(&ann).await;
        for check in &ann.view().profile.site.checks {
            let (answer, note) = (CheckAnswer::Failed, "nobody can log in".to_owned());
            ann.act(Act::AnswerCheck { check: check.id.clone(), answer, note }).await.expect("the answer");
        }
        let plan = ann.release.plan(StepId::RollBack).await.expect("a plan");
        assert!(plan.notices.iter().any(|text| text.contains("database stays")), "{:?}", plan.notices);
        // The app is closed while AWS puts the old version back.
        ann.wire.next("services.roll_back_to", Fate::Lost);
        press(&ann.release, &ann.by, StepId::RollBack).await.expect("it is started");
        ann.until_is(StepId::RollBack, Status::Succeeded).await.expect("the old version serves");
        let refused = ann.act(end(RunResult::ReleasedWithFailedCheck)).await.expect_err("the old version serves");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        ann.act(end(RunResult::RolledBack)).await.expect("the true end");
        ann.until(|view| view.state == RunState::Ended).await.expect("the end");
        let view = ann.view();
        let left = view.left_behind.join("\n");
        assert_eq!(view.result, Some(RunResult::RolledBack));
        assert!(left.contains("database is migrated") && left.contains("the version before"), "{left}");
        assert_eq!(ann.world().serving_version().as_deref(), Some("2.0.1.11-RELEASE"));
    });
}

#[test]
fn de_10_a_new_deployment_starts_servers_that_aws_keeps_waiting() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        rolling_out(&ann).await;
        migrate(&ann).await;
        // AWS waits as after many starts that never ran (TRAP-E4).
        let until = ann.world().now_ms() + 5 * 60 * 60 * 1_000;
        {
            let mut world = ann.world();
            world.service.tasks.retain(|task| task.revision != ours(&ann));
            world.service.deployments.last_mut().expect("ours").next_start_ms = until;
        }
        choose(&ann, StepId::DeployAgain).await;
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        assert!(ann.world().now_ms() < until);
    });
}

#[test]
fn de_2_the_rollout_is_stopped_after_a_failed_migration() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        fails_half_way(&ann).await;
        choose(&ann, StepId::StopRollout).await;
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("nothing is rolled out");
        let failure = ann.failure(StepId::AwaitRollout).expect("its reason");
        assert_eq!(failure.code, ErrorCode::RolloutStopped, "it is not called a failure of AWS: {failure}");
        let primary = ann.world().service.deployments.last().cloned().expect("a deployment");
        assert_eq!((primary.rollout, primary.revision), (Rollout::Completed, ours(&ann) - 1));
        ann.act(end(RunResult::RolledBack)).await.expect("the true end");
    });
}

#[test]
fn de_9_credentials_may_be_replaced_while_a_step_only_follows() {
    on_virtual_time(async {
        let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
        rolling_out(&ann).await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        ann.wire.next("services.roll_back_to", Fate::Late(Duration::from_secs(20)));
        press(&ann.release, &ann.by, StepId::RollBack).await.expect("it is started");
        let mut was_calling = false;
        while ann.release.has_changing_call() || !was_calling {
            was_calling |= ann.release.has_changing_call();
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        assert_eq!(ann.status(StepId::RollBack), Status::Running, "it follows AWS, and calls nothing");
        ann.until_is(StepId::RollBack, Status::Succeeded).await.expect("the version before serves");
    });
}

#[test]
fn a_version_before_that_does_not_start_leaves_a_way_on() {
    // With a breaker AWS has a record of each deployment, but none of its own rollback.
    for breaker in [None, Some(Breaker { rolls_back: true })] {
        on_virtual_time(async {
            // One of two servers is old while the new one fails.
            let breaker_threshold = Threshold { kind: ThresholdKind::Count, value: 500 };
            let rules =
                Rules { breaker, breaker_threshold, minimum_percent: 50, maximum_percent: 100, ..Rules::default() };
            let ann = begun(&world(rules)).await;
            fails_half_way(&ann).await;
            let began = ann.clock.now_ms();
            press(&ann.release, &ann.by, StepId::StopRollout).await.expect("it is started");
            ann.until_is(StepId::StopRollout, Status::Failed).await.expect("no server starts on half a migration");
            assert!(ann.clock.now_ms() - began < 3_600_000, "long before the end of the watch");
            let failure = ann.failure(StepId::StopRollout).expect("its reason");
            assert!(failure.to_string().contains("do not start"), "{failure}");
            assert!(ann.world().restore_database());
            choose(&ann, StepId::RollBack).await;
            ann.act(end(RunResult::RolledBack)).await.expect("the true end");
        });
    }
}

#[test]
fn a_version_before_that_serves_already_is_recorded_at_once() {
    on_virtual_time(async {
        let breaker = Some(Breaker { rolls_back: true });
        let ann = begun(&world(Rules { breaker, ..Rules::default() })).await;
        back_up_and_build(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("AWS gives up and puts it back");
        tokio::time::sleep(Duration::from_secs(600)).await;
        let plan = ann.release.plan(StepId::RollBack).await.expect("a plan");
        assert!(plan.already.is_some(), "{plan:?}");
        choose(&ann, StepId::RollBack).await;
        ann.act(end(RunResult::RolledBack)).await.expect("the true end");
    });
}

#[test]
fn a_way_back_that_aws_gave_up_is_started_again() {
    on_virtual_time(async {
        let rules = Rules { breaker: None, minimum_percent: 50, maximum_percent: 100, ..Rules::default() };
        let ann = begun(&world(rules)).await;
        fails_half_way(&ann).await;
        ann.world().rules.breaker = Some(Breaker { rolls_back: false });
        press(&ann.release, &ann.by, StepId::RollBack).await.expect("it is started");
        let has_given_up = |at: &Scripted| at.world().service.deployments.last().map(|one| one.rollout);
        while has_given_up(&ann) != Some(Rollout::Failed) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        ann.until_is(StepId::RollBack, Status::Failed).await.expect("no server starts on half a migration");
        assert!(ann.world().restore_database());
        let plan = ann.release.plan(StepId::RollBack).await.expect("a plan");
        assert_eq!(plan.already, None, "AWS puts nothing back: {plan:?}");
        choose(&ann, StepId::RollBack).await;
        ann.act(end(RunResult::RolledBack)).await.expect("the true end");
    });
}

#[test]
fn a_rollback_skips_a_release_whose_servers_never_started() {
    for step in [StepId::StopRollout, StepId::RollBack] {
        on_virtual_time(async {
            let first = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
            rolling_out(&first).await;
            first.act(end(RunResult::Stopped)).await.expect("AWS goes on with its servers");
            let served = ours(&first) - 1;

            let next = next_release(&first, "2.1.1").await;
            rolling_out(&next).await;
            choose(&next, step).await;
            let back = fold::newest(&next.view(), FactKind::RolledBack).cloned();
            let Some(Fact::RolledBack { arn, .. }) = back else { panic!("no rollback") };
            assert!(arn.ends_with(&format!(":{served}")), "{arn}");
            let primary = next.world().service.deployments.last().cloned().expect("a deployment");
            assert_eq!((primary.rollout, primary.revision), (Rollout::Completed, served));
        });
    }
}

/// A run that AWS gave up, and the next one of the same version, after its backup.
async fn after_a_failed_deployment(rolls_back: bool) -> Scripted {
    let rules = Rules { breaker: Some(Breaker { rolls_back }), keeps_failed: true, ..Rules::default() };
    let first = begun(&world(rules)).await;
    rolling_out(&first).await;
    first.until_is(StepId::AwaitRollout, Status::Failed).await.expect("AWS gives up");
    first.act(end(RunResult::Stopped)).await.expect("AWS goes on listing the failed deployment");
    first.world().rules.breaker = None;
    let next = next_release(&first, "2.1.0").await;
    assert_eq!(ours(&next), ours(&first), "the same start-up settings");
    backed_up(&next).await;
    next
}

/// Reads the plan of the build, decides about the package that is there, and starts it.
async fn build_with(at: &Scripted, package: &str) {
    let choose = |question: &Question| {
        let option = question.options.iter().find(|one| one.id == package).or(question.options.first());
        option.map(|one| one.id.clone())
    };
    let plan = read_choosing(&at.release, &at.by, StepId::DispatchBuild, choose).await.expect("a plan");
    start(&at.release, &at.by, plan).await.expect("it is started");
}

#[test]
fn the_failed_deployment_of_an_earlier_run_is_not_the_one_of_a_new_build() {
    for rolls_back in [false, true] {
        on_virtual_time(async {
            let next = after_a_failed_deployment(rolls_back).await;
            build_with(&next, "again").await;
            migrate_to_new_servers(&next).await;
        });
    }
}

#[test]
fn a_build_without_a_deployment_ends_beside_the_failed_one_of_an_earlier_run() {
    on_virtual_time(async {
        let next = after_a_failed_deployment(false).await;
        {
            let mut world = next.world();
            let between = i64::midpoint(world.rules.pace.built, world.rules.pace.set);
            world.rules.build_fails_at = Some(between);
        }
        build_with(&next, "again").await;
        next.until_is(StepId::FollowBuild, Status::Failed).await.expect("the build deployed nothing");
        choose(&next, StepId::DeployAgain).await;
        next.until_is(StepId::AwaitRollout, Status::Running).await.expect("the watch of the servers");
    });
}

#[test]
fn a_failed_deployment_of_the_package_is_started_once_more() {
    on_virtual_time(async {
        let next = after_a_failed_deployment(false).await;
        build_with(&next, "use").await;
        next.until_is(StepId::DispatchBuild, Status::Succeeded).await.expect("the package is used");
        choose(&next, StepId::DeployAgain).await;
        migrate_to_new_servers(&next).await;
    });
}

#[test]
fn an_optional_step_excludes_every_other_change() {
    on_virtual_time(async {
        let ann = begun(&world(with_breaker())).await;
        backed_up(&ann).await;
        ann.wire.next("services.set_breaker_threshold", Fate::Late(Duration::from_secs(600)));
        press(&ann.release, &ann.by, StepId::RaiseFailureLimit).await.expect("it is started");
        let refused = press(&ann.release, &ann.by, StepId::BackUp).await.expect_err("one change at a time");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow, "{refused}");
    });
}

#[test]
fn p2_a_migration_stays_closed_while_the_new_version_cannot_be_pulled() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        rolling_out(&ann).await;
        ann.offered(StepId::RunMigration).await.expect("its button");
        let newest = ours(&ann);
        later(&ann, |world| world.service.tasks.iter().any(|task| task.revision == newest)).await;
        {
            let mut world = ann.world();
            let world_now = world.now_ms();
            for task in world.service.tasks.iter_mut().filter(|task| task.revision == newest) {
                task.stopped_ms = Some(world_now);
                "CannotPullContainerError: pull access denied".clone_into(&mut task.reason);
                (task.status, task.exit) = (greenlight_rehearsal::world::service::Status::Stopped, None);
            }
        }
        let plan = ann.release.plan(StepId::RunMigration).await.expect("a plan");
        assert!(!precondition(&plan, "startsFailAsExpected"), "{:?}", plan.preconditions);
    });
}

#[test]
fn p2_a_failure_that_the_profile_does_not_know_is_a_question() {
    on_virtual_time(async {
        let mut profile = simulated_profile().expect("the built-in profile");
        profile.logs.expected_failures.clear();
        let ann = Scripted::draft(&profile, world(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        ann.deploy(None).await.expect("Deploy begins");
        rolling_out(&ann).await;
        ann.offered(StepId::RunMigration).await.expect("its button");
        later(&ann, |world| world.service.tasks.iter().any(|task| task.exit == Some(1))).await;
        let unasked = Act::AnswerQuestion {
            step: StepId::RunMigration,
            question: "noDatabaseVersion".to_owned(),
            answer: "goOn".to_owned(),
            note: "nobody can".to_owned(),
        };
        ann.release.plan(StepId::RunMigration).await.expect("a plan");
        ann.act(unasked).await.expect("this database cannot be asked");
        let answer = async |choice: &str| {
            let plan = ann.release.plan(StepId::RunMigration).await.expect("a plan");
            let question = plan.question.expect("the question").id;
            assert!(question.starts_with("failedStart:"), "{question}");
            let (step, answer, note) = (StepId::RunMigration, choice.to_owned(), "read its log".to_owned());
            ann.act(Act::AnswerQuestion { step, question, answer, note }).await.expect("the answer");
            let plan = ann.release.plan(StepId::RunMigration).await.expect("a plan");
            precondition(&plan, "startsFailAsExpected")
        };
        assert!(!answer("somethingElse").await);
        assert!(answer("oldDatabase").await);
    });
}

#[test]
fn a_breaker_that_somebody_turned_off_needs_no_limit() {
    on_virtual_time(async {
        let ann = begun(&world(with_breaker())).await;
        backed_up(&ann).await;
        choose(&ann, StepId::RaiseFailureLimit).await;
        let raised = ann.world().rules.breaker_threshold;
        ann.world().rules.breaker = None;
        choose(&ann, StepId::RestoreFailureLimit).await;
        let view = ann.view();
        let Some(Fact::FailureLimitRestored { now }) = fold::newest(&view, FactKind::FailureLimitRestored) else {
            panic!("nothing is owed any more")
        };
        assert_eq!((now.kind.as_str(), now.value), ("COUNT", raised.value), "the limit that AWS has");
    });
}
