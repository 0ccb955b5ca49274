//! Releases in memory that are played by hand: one situation each, on virtual time.

#[path = "scripted/beside.rs"]
mod beside;
#[path = "scripted/build_doubts.rs"]
mod build_doubts;
#[path = "scripted/build_ends.rs"]
mod build_ends;
#[path = "scripted/builds.rs"]
mod builds;
#[path = "scripted/choices.rs"]
mod choices;
#[path = "scripted/hanging.rs"]
mod hanging;
#[path = "scripted/inputs.rs"]
mod inputs;
#[path = "scripted/lock.rs"]
mod lock;
#[path = "scripted/machine.rs"]
mod machine;
#[path = "scripted/missing_step.rs"]
mod missing_step;
#[path = "scripted/pull_request.rs"]
mod pull_request;
#[path = "scripted/restored_later.rs"]
mod restored_later;
#[path = "scripted/rollback_run.rs"]
mod rollback_run;
#[path = "scripted/rollouts.rs"]
mod rollouts;
#[path = "scripted/start_over.rs"]
mod start_over;
#[path = "scripted/undo.rs"]
mod undo;
#[path = "scripted/unknown_end.rs"]
mod unknown_end;

use std::{sync::Arc, time::Duration};

use greenlight_engine::{
    fold,
    redact::Redactor,
    release::{Act, Answer},
    spool::Spool as _,
};
use greenlight_rehearsal::{
    ports::Fate,
    world::{
        World,
        rules::{Breaker, Pace, Rules},
        work::Work,
    },
};
use greenlight_simulation::{
    operator::engine::{press, read, read_choosing, start},
    play::simulated_profile,
    scripted::{Scripted, person, quiet_world},
};
use greenlight_types::{
    CheckAnswer, Completion, ErrorCode, Fact, FactKind, LineSource, RunResult, RunState, SiteCheck, Status, StepId,
    StepPlan, TakeOver,
};
use parking_lot::Mutex;

/// Runs a script on virtual time.
fn on_virtual_time(script: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(script);
}

fn world(rules: Rules) -> Arc<Mutex<World>> {
    Arc::new(Mutex::new(quiet_world(rules)))
}

/// Ann's release of that production, with Deploy begun.
async fn begun(world: &Arc<Mutex<World>>) -> Scripted {
    let profile = simulated_profile().expect("the built-in profile");
    let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
    ann.prepare().await.expect("Prepare");
    ann.deploy(None).await.expect("Deploy begins");
    ann
}

/// The next release on this computer, with Deploy begun.
async fn next_release(at: &Scripted, version: &str) -> Scripted {
    {
        let mut world = at.world();
        let head = world.git.refs.get("refs/heads/v2.1.0").cloned().expect("a branch");
        world.git.refs.insert(format!("refs/heads/v{version}"), head);
    }
    let next = at.draft_another(version).await.expect("a draft");
    next.prepare().await.expect("Prepare");
    next.deploy(None).await.expect("Deploy begins");
    next
}

/// Number of our start-up settings.
fn ours(at: &Scripted) -> u32 {
    match fold::newest(&at.view(), FactKind::RevisionSaved) {
        Some(Fact::RevisionSaved { revision, .. }) => *revision,
        other => panic!("no settings: {other:?}"),
    }
}

/// Takes the backup, and reads the plan of the build.
async fn plan_of_the_build(at: &Scripted) -> StepPlan {
    at.press_when_offered(StepId::BackUp).await.expect("it is started");
    at.offered(StepId::DispatchBuild).await.expect("its button");
    read(&at.release, &at.by, StepId::DispatchBuild).await.expect("a plan")
}

/// Comes to where the migration may start, and reads its plan.
async fn plan_of_the_migration(at: &Scripted) -> StepPlan {
    back_up_and_build(at).await;
    at.offered(StepId::RunMigration).await.expect("its button");
    read(&at.release, &at.by, StepId::RunMigration).await.expect("a plan")
}

/// Confirms a plan; the token for one start.
async fn confirmed(at: &Scripted, plan: &StepPlan) -> String {
    let confirm = Act::ConfirmPlan { step: plan.step, plan_hash: plan.hash.clone() };
    match at.act(confirm).await.expect("the confirmation") {
        Answer::Token(token) => token,
        other => panic!("no token: {other:?}"),
    }
}

/// The start of a plan with a token.
fn run(plan: &StepPlan, token: &str) -> Act {
    Act::StartStep { step: plan.step, plan_hash: plan.hash.clone(), token: Some(token.to_owned()) }
}

/// Takes the backup and starts the build, or finds them.
async fn back_up_and_build(at: &Scripted) {
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        at.press_when_offered(step).await.expect("it is started, or found");
    }
}

/// Comes to where a person answers the checks of the site.
async fn to_open_checks(at: &Scripted) {
    at.press_when_offered(StepId::CheckSite).await.expect("the check of the site");
    at.until(|view| fold::newest(view, FactKind::SiteAnswered).is_some()).await.expect("the version on the site");
}

/// Gives one answer to checks of the site.
async fn answer_checks(at: &Scripted, checks: &[SiteCheck], answer: CheckAnswer) {
    for check in checks {
        let act = Act::AnswerCheck { check: check.id.clone(), answer, note: "as seen".to_owned() };
        at.act(act).await.expect("the answer is taken");
    }
}

/// The site shows the version, every check is answered, and the run ends.
async fn check_and_end(at: &Scripted) {
    to_open_checks(at).await;
    answer_checks(at, &at.view().profile.site.checks, CheckAnswer::Passed).await;
    at.until(|view| view.state == RunState::Ended).await.expect("the end");
}

#[test]
fn servers_that_aws_gave_up_are_watched_again_once_somebody_put_the_version_in_place() {
    on_virtual_time(async {
        let breaker = Some(Breaker { rolls_back: true });
        let ann = begun(&world(Rules { breaker, ..Rules::default() })).await;
        back_up_and_build(&ann).await;
        // Nobody migrates in time: AWS tries three servers, and brings the old version back.
        ann.until_is(StepId::AwaitRollout, Status::Failed).await.expect("the breaker");
        ann.until_is(StepId::FollowBuild, Status::Failed).await.expect("the build that waited for the servers");
        let failure = ann.failure(StepId::FollowBuild).expect("its reason");
        assert_eq!(failure.code, ErrorCode::RolloutFailed, "the build itself was good: {failure}");
        let failure = ann.failure(StepId::AwaitRollout).expect("its reason");
        let (text, hints) = (failure.to_string(), failure.hints.join(" "));
        assert!(text.contains("circuit breaker"), "in the words of AWS: {text}");
        assert!(hints.contains("is not migrated"), "nothing was migrated: {hints}");
        let plan = ann.release.plan(StepId::RunMigration).await.expect("a plan");
        assert!(
            plan.preconditions.iter().any(|precondition| precondition.id == "deploymentIsOurs" && !precondition.passed),
            "{:?}",
            plan.preconditions
        );

        let revision = ours(&ann);
        {
            let mut world = ann.world();
            world.rules.breaker = None;
            world.set_revision(revision, "a developer");
        }
        press(&ann.release, &ann.by, StepId::AwaitRollout).await.expect("watching changes nothing: it may go on");
        press(&ann.release, &ann.by, StepId::RunMigration).await.expect("the preconditions hold again");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        ann.until_is(StepId::FollowBuild, Status::Warned).await.expect("it is watched again, and AWS decides");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn no_build_starts_when_another_version_serves_than_the_one_that_was_shown() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let plan = plan_of_the_build(&ann).await;
        let revision = ours(&ann);
        ann.world().set_revision(revision - 2, "a developer");
        start(&ann.release, &ann.by, plan).await.expect("the button works");
        ann.until_is(StepId::DispatchBuild, Status::Failed).await.expect("nothing is ordered");
        let failure = ann.failure(StepId::DispatchBuild).expect("its reason");
        assert_eq!(failure.code, ErrorCode::PlanChanged, "{failure}");
    });
}

#[test]
fn a_build_is_not_ordered_when_its_gates_were_asked_long_ago() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let plan = plan_of_the_build(&ann).await;
        // The lid is closed between the last question, who holds the environment, and the order.
        ann.wire.next("host.still", Fate::Calm);
        ann.wire.next("host.still", Fate::Late(Duration::from_secs(16 * 60)));
        start(&ann.release, &ann.by, plan).await.expect("the button works");
        ann.until_is(StepId::DispatchBuild, Status::Failed).await.expect("nothing is ordered");
        let failure = ann.failure(StepId::DispatchBuild).expect("its reason");
        assert_eq!(failure.code, ErrorCode::PreconditionFailed, "{failure}");

        press(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("it is asked again");
        ann.until_is(StepId::DispatchBuild, Status::Succeeded).await.expect("it is ordered");
        let view = ann.view();
        let how = fold::step(&view, StepId::DispatchBuild).and_then(|step| step.how().cloned());
        assert_ne!(how, Some(Completion::AlreadyDone), "there was none before");
    });
}

#[test]
fn who_continues_a_release_on_another_machine_says_that_its_migration_was_not_started_elsewhere() {
    on_virtual_time(async {
        let world = world(Rules { breaker: None, ..Rules::default() });
        let ann = begun(&world).await;
        back_up_and_build(&ann).await;
        ann.offered(StepId::RunMigration).await.expect("its button");
        let lost = ann.view().id;
        ann.release.close().await;
        world.lock().replace_host();

        let profile = simulated_profile().expect("the built-in profile");
        let bob = Scripted::draft(&profile, world, person("Bob", "desk-8")).await.expect("a draft");
        bob.release.continue_here(bob.by.clone()).await.expect("what the world shows is recorded");
        bob.until(|view| view.state == RunState::Prepared).await.expect("Prepared");
        bob.deploy(Some(TakeOver { from: lost, reason: "Ann's computer was stolen".to_owned() }))
            .await
            .expect("Deploy begins");
        back_up_and_build(&bob).await;
        bob.offered(StepId::RunMigration).await.expect("its button");
        let plan = bob.release.plan(StepId::RunMigration).await.expect("a plan");
        let question = plan.question.as_ref().expect("nobody here knows of the first machine");
        assert_eq!(question.id, "migration:startedElsewhere");
        let confirm = Act::ConfirmPlan { step: StepId::RunMigration, plan_hash: plan.hash.clone() };
        assert!(bob.act(confirm).await.is_err(), "nothing is confirmed before a person has said so");
        press(&bob.release, &bob.by, StepId::RunMigration).await.expect("Bob says so");
        bob.until_is(StepId::RunMigration, Status::Succeeded).await.expect("it runs");
        let said = bob.view().answers.iter().find(|one| one.question == question.id).cloned();
        assert_eq!(said.map(|one| one.person), Some("Bob".to_owned()));
    });
}

#[test]
fn a_plan_that_is_asked_for_again_and_says_the_same_keeps_its_confirmation() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let shown = plan_of_the_migration(&ann).await;
        let token = confirmed(&ann, &shown).await;
        let again = ann.release.plan(StepId::RunMigration).await.expect("a plan");
        assert_eq!(again.hash, shown.hash);
        ann.act(run(&shown, &token)).await.expect("the plan is the one that was confirmed");
        ann.until_is(StepId::RunMigration, Status::Succeeded).await.expect("the migration");
    });
}

#[test]
fn only_the_newest_confirmation_of_a_plan_counts() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let shown = plan_of_the_migration(&ann).await;
        let (first, second) = (confirmed(&ann, &shown).await, confirmed(&ann, &shown).await);
        let refused = ann.act(run(&shown, &first)).await.expect_err("it was confirmed again since");
        assert_eq!(refused.code, ErrorCode::NotConfirmed);
        ann.act(run(&shown, &second)).await.expect("the newest one");
    });
}

#[test]
fn a_confirmation_counts_only_for_the_plan_that_was_read() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        let before = plan_of_the_migration(&ann).await;
        let token = confirmed(&ann, &before).await;
        ann.world().host.folder_hash = "7".repeat(64);
        let now = ann.release.plan(StepId::RunMigration).await.expect("a plan");
        assert_ne!(now.hash, before.hash);
        let refused = ann.act(run(&before, &token)).await.expect_err("another plan is shown by now");
        assert_eq!(refused.code, ErrorCode::PlanChanged);
        let refused = ann.act(run(&now, &token)).await.expect_err("nobody confirmed this plan");
        assert_eq!(refused.code, ErrorCode::NotConfirmed);
        assert_eq!(ann.status(StepId::RunMigration), Status::AwaitingOperator);
    });
}

#[test]
fn a_word_about_an_attempt_settles_no_later_one() {
    on_virtual_time(async {
        let profile = simulated_profile().expect("the built-in profile");
        let world = world(Rules::default());
        let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
        let statement = "Testing of 2.1.0 is finished".to_owned();
        ann.act(Act::StartPrepare { statement }).await.expect("Prepare begins");
        let (step, happened) = (StepId::PushBranch, false);
        let says = |attempt| Act::SettleDoubt { step, attempt, happened, note: "nothing is there".to_owned() };
        for before in StepId::ALL.into_iter().take_while(|&before| before != step) {
            ann.press_when_offered(before).await.expect("the steps before it");
        }
        for attempt in [1, 2] {
            ann.offered(step).await.expect("its button");
            let plan = read(&ann.release, &ann.by, step).await.expect("a plan");
            ann.wire.next("git.push", Fate::Delayed(Duration::ZERO));
            ann.wire.next("git.remote_refs", Fate::Unreached);
            start(&ann.release, &ann.by, plan).await.expect("it is pushed");
            ann.until_is(step, Status::InDoubt).await.expect("nobody answered");
            if attempt == 1 {
                ann.act(says(1)).await.expect("her word is taken");
            }
        }
        let refusal = ann.act(says(1)).await.expect_err("that word was about the first push");
        assert_eq!(refusal.code, ErrorCode::NotAllowedNow, "{refusal}");
        assert_eq!(ann.status(step), Status::InDoubt);
        ann.act(says(2)).await.expect("her word about this one is taken");
        ann.until_is(step, Status::AwaitingOperator).await.expect("it may be pushed again");
    });
}

/// Fails the next `silent` reads of a migration's output, beginning with its end. Returns the
/// stored lines and the lines of the host.
async fn kept_when_its_end_is_silent(ann: &Scripted, silent: u32) -> (Vec<String>, Vec<String>) {
    ann.offered(StepId::RunMigration).await.expect("its button");
    press(&ann.release, &ann.by, StepId::RunMigration).await.expect("it is started");
    let has_ended =
        || ann.world().host.jobs.values().any(|job| job.work() == Some(Work::Migration) && job.ended.is_some());
    while !has_ended() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        ann.world().advance(ann.clock.now_ms());
    }
    for _ in 0..silent {
        ann.wire.next("host.output", Fate::Unreached);
    }
    ann.until_is(StepId::RunMigration, Status::Succeeded).await.expect("its end");
    let kept = ann.spool.read(&ann.view().id, LineSource::Migration, 0, 1_000).expect("the spool");
    let output = ann
        .world()
        .host
        .jobs
        .values()
        .find(|job| job.work() == Some(Work::Migration))
        .map(|job| job.output(ann.clock.now_ms()));
    let there = output.unwrap_or_default().lines().map(str::to_owned).collect();
    (kept.into_iter().map(|line| line.text).collect(), there)
}

#[test]
fn the_result_of_a_migration_waits_for_the_rest_of_its_output() {
    on_virtual_time(async {
        let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
        back_up_and_build(&ann).await;
        let (kept, there) = kept_when_its_end_is_silent(&ann, 12).await;
        assert!(!there.is_empty());
        assert_eq!(kept, there);
    });
}

#[test]
fn a_build_that_was_only_not_watched_to_its_end_lets_the_deploy_phase_be_awaited_again() {
    on_virtual_time(async {
        // The build waits for seven hours in the queue of GitHub.
        let pace = Pace::default();
        let late = |at: i64| at + 7 * 3_600_000;
        let pace = Pace {
            queued: late(pace.queued),
            image: late(pace.image),
            built: late(pace.built),
            set: late(pace.set),
            ..pace
        };
        let ann = begun(&world(Rules { breaker: None, pace, ..Rules::default() })).await;
        back_up_and_build(&ann).await;
        for step in [StepId::FollowBuild, StepId::AwaitDeployPhase] {
            ann.until_is(step, Status::Failed).await.expect("nobody watches for longer than six hours");
            assert_eq!(ann.failure(step).map(|failure| failure.code), Some(ErrorCode::TimedOut));
        }
        press(&ann.release, &ann.by, StepId::AwaitDeployPhase).await.expect("watching changes nothing");
        ann.until_is(StepId::AwaitDeployPhase, Status::Succeeded).await.expect("AWS begins after seven hours");
    });
}

/// F2: everything of this product is named after the passphrase of its key.
#[test]
fn a_passphrase_that_names_the_product_changes_no_release() {
    on_virtual_time(async {
        let redactor = Arc::new(Redactor::default());
        redactor.add("passphrase", "rally");
        let profile = simulated_profile().expect("the built-in profile");
        let world = world(Rules::default());
        let ann = Scripted::draft_with(&profile, world, person("Ann", "desk-7"), redactor).await.expect("a draft");
        assert_eq!(ann.view().profile, profile, "settings are frozen as they are");

        ann.act(Act::StartPrepare { statement: "rally is tested".to_owned() }).await.expect("Prepare begins");
        for step in StepId::ALL.into_iter().take(6) {
            ann.press_when_offered(step).await.expect("a step of Prepare");
        }
        ann.until(|view| view.state == RunState::Prepared).await.expect("Prepare ends");
        ann.deploy(None).await.expect("Deploy begins");
        back_up_and_build(&ann).await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));

        let view = ann.view();
        let file = match fold::newest(&view, FactKind::BackupProved) {
            Some(Fact::BackupProved { file, .. }) => file.clone(),
            other => panic!("no backup: {other:?}"),
        };
        assert!(file.starts_with("/opt/backup/files/rally-"), "the file keeps its name: {file}");
        let events = serde_json::to_string(&ann.journal.all(&view.id)).expect("JSON");
        assert!(events.contains("[passphrase] is tested"), "the words of a person are cleaned");
        assert!(!events.contains("rally is tested"));
    });
}

/// F6: a plain password in the start-up settings.
#[test]
fn a_plain_password_in_the_settings_reaches_aws_and_no_event() {
    const PASSWORD: &str = "correct-horse-4711";
    on_virtual_time(async {
        let world = world(Rules::default());
        world.lock().add_environment("DATASOURCE_PASSWORD", PASSWORD);
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");

        let saved = world.lock().definitions().last().expect("a revision").definition.to_string();
        assert!(saved.contains(PASSWORD), "AWS has the real value: {saved}");
        let view = ann.view();
        let plan =
            fold::step(&view, StepId::RegisterTaskDefinition).and_then(|step| step.plan.clone()).expect("a plan");
        let plan = serde_json::to_string(&plan).expect("JSON");
        assert!(plan.contains("DATASOURCE_PASSWORD") && plan.contains("[hidden sha256:"), "{plan}");
        let events = serde_json::to_string(&ann.journal.all(&view.id)).expect("JSON");
        assert!(!events.contains(PASSWORD), "no event holds it");
    });
}
