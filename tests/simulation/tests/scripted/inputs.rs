//! Inputs of the outside world that differ from the usual ones.

use greenlight_rehearsal::world::{
    git::{MAIN, VERSION_FILE},
    host::DumpFolder,
    rules::StoredShape,
};
use greenlight_simulation::truth::{Deeds, TrueAnswer, Truth};
use greenlight_types::{LiveUpdate, Question, RunView, Watcher, WatcherTrouble};

use super::*;

fn evidence(at: &Scripted, step: StepId) -> String {
    fold::step(&at.view(), step).map(|step| step.evidence().join(" ")).unwrap_or_default()
}

#[test]
fn fault_5_a_backup_is_judged_with_the_rights_of_its_script() {
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

/// A release in Deploy whose profile has no command that proves a backup.
async fn begun_without_a_proof(world: &Arc<Mutex<World>>) -> Scripted {
    let mut profile = simulated_profile().expect("the built-in profile");
    profile.backup.artifact_probe.clear();
    let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
    ann.prepare().await.expect("Prepare");
    ann.deploy(None).await.expect("Deploy begins");
    ann
}

fn may_confirm(at: &Scripted) -> bool {
    let mut view = at.view();
    greenlight_engine::options::fill(&mut view);
    fold::step(&view, StepId::BackUp).is_some_and(|step| step.options.may_confirm)
}

/// INV-D1: name, size and time prove no backup.
#[test]
fn promise_2_a_backup_without_a_proof_waits_for_a_person() {
    on_virtual_time(async {
        let world = world(Rules::default());
        let ann = begun_without_a_proof(&world).await;
        ann.press_when_offered(StepId::BackUp).await.expect("it is started");
        ann.until_is(StepId::BackUp, Status::Warned).await.expect("the file is plausible");
        assert!(fold::newest(&ann.view(), FactKind::BackupProved).is_none(), "nothing proved it");
        assert_eq!(ann.status(StepId::DispatchBuild), Status::NotStarted);
        let said = evidence(&ann, StepId::BackUp);
        assert!(said.contains("The backup before it: rally-"), "she compares them: {said}");
        assert!(may_confirm(&ann));
        let note = "It is as large as last week's".to_owned();
        ann.act(Act::ReportDone { step: StepId::BackUp, note }).await.expect("her word counts");
        let Some(Fact::BackupProved { file, confirmed_by, .. }) =
            fold::newest(&ann.view(), FactKind::BackupProved).cloned()
        else {
            panic!("it is confirmed")
        };
        assert!(file.starts_with("/opt/backup/files/rally-"), "the file that the app saw: {file}");
        assert_eq!(confirmed_by.as_deref(), Some("Ann"));
        assert!(!may_confirm(&ann));
        let plan = read(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("a plan");
        assert!(plan.preconditions.iter().all(|one| one.passed), "{:?}", plan.preconditions);

        // The confirmed file is still looked at.
        world.lock().host.dumps.clear();
        let plan = read(&ann.release, &ann.by, StepId::DispatchBuild).await.expect("a plan");
        let proved = plan.preconditions.iter().find(|one| one.id == "backupProved").expect("the precondition");
        assert!(!proved.passed && proved.detail.contains("not among the newest"), "{proved:?}");
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
fn a_release_that_aws_does_not_confirm_says_so_and_ends_later() {
    on_virtual_time(async {
        let ann = begun(&world(Rules::default())).await;
        back_up_and_build(&ann).await;
        ann.press_when_offered(StepId::RunMigration).await.expect("the migration");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        let has_ended = |view: &RunView| fold::newest(view, FactKind::BuildEnded).is_some();
        ann.until(has_ended).await.expect("the build");
        to_open_checks(&ann).await;
        troubles(&ann, Watcher::Servers);
        for _ in 0..3 {
            ann.wire.next("services.describe", Fate::Unreached);
        }
        answer_checks(&ann, &ann.view().profile.site.checks, CheckAnswer::Passed).await;
        assert_eq!(ann.view().state, RunState::Checking, "AWS is silent");
        ann.until(|view| view.state == RunState::Ended).await.expect("AWS answers");
        let shown = troubles(&ann, Watcher::Servers);
        assert!(shown.iter().any(Option::is_some) && shown.last() == Some(&None), "{shown:?}");
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn fault_10_a_failing_watcher_shows_its_reason_until_it_works_again() {
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

#[test]
fn fault_11_an_old_value_that_is_no_older_version_is_a_question() {
    on_virtual_time(async {
        let truth = |is_true: bool| if is_true { TrueAnswer::Choice("replace".to_owned()) } else { TrueAnswer::None };
        for (value, words, answer) in [
            ("${project.version}", "is not a version in the form of 2.1.0.0-RELEASE", truth(false)),
            ("@project.version@", "is not a version in the form of 2.1.0.0-RELEASE", truth(false)),
            ("2.2.0.0-RELEASE", "is newer than 2.1.0", truth(true)),
        ] {
            let world = world(Rules::default());
            let at = world.lock().now_ms();
            let text = format!("name=rally\nversion={value}\n");
            let changed = world.lock().git.commit_on("refs/heads/v2.1.0", VERSION_FILE, &text, "Version", at);
            changed.expect("the release branch");
            let profile = simulated_profile().expect("the built-in profile");
            let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
            ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
            ann.press_when_offered(StepId::MergeBranch).await.expect("it is merged");
            ann.offered(StepId::SetVersion).await.expect("its button");
            let plan = ann.release.plan(StepId::SetVersion).await.expect("a plan");
            let question = plan.question.clone().expect("a question");
            assert!(question.text.contains(value) && question.text.contains(words), "{}", question.text);
            let deeds = Deeds::default();
            assert_eq!(Truth { world: &ann.world(), deeds: &deeds }.answer(&ann.view(), &question), answer);
            let refused = start(&ann.release, &ann.by, plan).await.expect_err("the question is open");
            assert_eq!(refused.code, ErrorCode::QuestionOpen);
            let silent = Act::AnswerQuestion {
                step: StepId::SetVersion,
                question: question.id,
                answer: "replace".to_owned(),
                note: String::new(),
            };
            assert_eq!(ann.act(silent).await.expect_err("without a reason").code, ErrorCode::BadInput);
            ann.press_when_offered(StepId::SetVersion).await.expect("answered and started");
            ann.until_is(StepId::SetVersion, Status::Succeeded).await.expect("it is set");
        }
    });
}

#[test]
fn a_byte_order_mark_stays_before_the_version() {
    on_virtual_time(async {
        let world = world(Rules::default());
        let at = world.lock().now_ms();
        let text = "\u{feff}version=2.0.1.11-RELEASE\nname=rally\n";
        world.lock().git.commit_on("refs/heads/v2.1.0", VERSION_FILE, text, "Version", at).expect("the release branch");
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        let world = ann.world();
        let commit = &world.git.objects.commits[&world.git.refs[MAIN]];
        assert_eq!(commit.files[VERSION_FILE], "\u{feff}version=2.1.0.0-RELEASE\nname=rally\n");
    });
}

#[test]
fn fault_3_settings_that_aws_keeps_in_another_shape_are_ours() {
    on_virtual_time(async {
        let world = world(Rules { stored_shape: StoredShape::SameMeaning, ..Rules::default() });
        world.lock().add_environment("JAVA_OPTS", "-Xmx2g");
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        let revision = ours(&ann);
        // Another computer recognises them, and saves none of its own.
        let bob = Scripted::draft(&profile, world, person("Bob", "desk-8")).await.expect("a draft");
        bob.prepare().await.expect("Prepare");
        assert_eq!(ours(&bob), revision);
    });
}

#[test]
fn a_person_decides_about_settings_that_differ_in_more() {
    on_virtual_time(async {
        for (answer, is_saved_again) in [("newest", false), ("running", true)] {
            let world = world(Rules { stored_shape: StoredShape::OtherMeaning, ..Rules::default() });
            let profile = simulated_profile().expect("the built-in profile");
            let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
            ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
            let step = StepId::RegisterTaskDefinition;
            for before in StepId::ALL.into_iter().take_while(|one| *one != step) {
                ann.press_when_offered(before).await.expect("it is started");
            }
            ann.press_when_offered(step).await.expect("it is started");
            ann.until_is(step, Status::Failed).await.expect("AWS kept something else");
            let failure = ann.failure(step).expect("its reason");
            assert_eq!(failure.code, ErrorCode::RevisionDiffers, "{failure}");
            assert!(failure.to_string().contains("stopTimeout"), "the difference is shown: {failure}");
            ann.world().rules.stored_shape = StoredShape::AsSent;

            let question = ann.release.plan(step).await.expect("a plan").question.expect("a question");
            let detail = &question.options.first().expect("an option").detail;
            assert!(question.needs_note && detail.contains("stopTimeout"), "{question:?}");
            let truth = Truth { world: &ann.world(), deeds: &Deeds::default() }.answer(&ann.view(), &question);
            assert_eq!(truth, TrueAnswer::Choice("newest".to_owned()));
            let choose = |_: &Question| Some(answer.to_owned());
            let plan = read_choosing(&ann.release, &ann.by, step, choose).await.expect("a plan");
            assert_eq!(plan.already.is_none(), is_saved_again);
            start(&ann.release, &ann.by, plan).await.expect("it is started");
            ann.until_is(step, Status::Succeeded).await.expect("the decision counts");
            assert_eq!(ours(&ann), if is_saved_again { 144 } else { 143 });
        }
    });
}

#[test]
fn an_image_of_another_repository_is_a_question() {
    on_virtual_time(async {
        let world = world(Rules::default());
        let old = "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/rally-prod";
        world.lock().set_image(&format!("{old}@sha256:0123"));
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
        ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
        let step = StepId::RegisterTaskDefinition;
        for before in StepId::ALL.into_iter().take_while(|one| *one != step) {
            ann.press_when_offered(before).await.expect("it is started");
        }
        ann.offered(step).await.expect("its button");
        let plan = ann.release.plan(step).await.expect("a plan");
        let question = plan.question.expect("a question");
        assert!(question.needs_note && question.text.contains(old), "{}", question.text);
        let truth = Truth { world: &ann.world(), deeds: &Deeds::default() }.answer(&ann.view(), &question);
        assert_eq!(truth, TrueAnswer::Choice("replace".to_owned()));
        ann.press_when_offered(step).await.expect("answered and started");
        ann.until_is(step, Status::Succeeded).await.expect("it is saved");
    });
}

/// DE-6: a confirmed value is wrong. The build job has another name on GitHub.
#[test]
fn de_6_a_wrong_job_name_is_corrected_in_the_run() {
    on_virtual_time(async {
        let mut profile = simulated_profile().expect("the built-in profile");
        profile.github.build_job = "package".to_owned();
        let ann = Scripted::draft(&profile, world(Rules::default()), person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        ann.deploy(None).await.expect("Deploy begins");
        back_up_and_build(&ann).await;
        let is_deploying = |view: &RunView| fold::newest(view, FactKind::DeployPhaseBegan).is_some();
        ann.until(is_deploying).await.expect("AWS begins");
        assert!(fold::newest(&ann.view(), FactKind::PackageReady).is_none(), "no job has that name");
        let correct = |value: &str| Act::CorrectValue {
            key: "github.build_job".to_owned(),
            value: value.to_owned(),
            reason: "GitHub calls it so".to_owned(),
        };
        ann.act(correct("package")).await.expect_err("it is the value already");
        ann.act(correct("build")).await.expect("a correction");
        // The build may be over by now. Then it waits for a person's word about its jobs.
        if ann.status(StepId::FollowBuild) == Status::Failed {
            press(&ann.release, &ann.by, StepId::FollowBuild).await.expect("it is looked at again");
        }
        ann.until(|view| fold::newest(view, FactKind::PackageReady).is_some()).await.expect("the job is found");
        assert_eq!(ann.view().profile.github.build_job, "build");
        ann.offered(StepId::RunMigration).await.expect("the migration is offered");
    });
}

#[test]
fn settings_that_aws_keeps_otherwise_are_not_called_unsaved_after_a_lost_answer() {
    on_virtual_time(async {
        let rules = Rules { stored_shape: StoredShape::OtherMeaning, ..Rules::default() };
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world(rules), person("Ann", "desk-7")).await.expect("a draft");
        ann.act(Act::StartPrepare { statement: "Testing is finished".to_owned() }).await.expect("Prepare");
        for step in StepId::ALL.into_iter().take(5) {
            ann.press_when_offered(step).await.expect("a step of Prepare");
        }
        ann.wire.next("task_definitions.register", Fate::Lost);
        let step = StepId::RegisterTaskDefinition;
        ann.press_when_offered(step).await.expect("it is started");
        ann.until_is(step, Status::Failed).await.expect("AWS shows them");
        assert_eq!(ann.failure(step).map(|failure| failure.code), Some(ErrorCode::RevisionDiffers));
        let plan = ann.release.plan(step).await.expect("a plan");
        assert!(plan.question.is_some_and(|question| question.id.starts_with("saved:")));
    });
}
