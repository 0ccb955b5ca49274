//! Ways on from a failed migration, from a release without one, and from a new version that is
//! healthy before it.

use greenlight_engine::journal::Journal as _;
use greenlight_rehearsal::world::{host::Job, work::HostEvent};
use greenlight_types::{PlanInputs, Question, UndoKind};

use super::*;

const STEP: StepId = StepId::RunMigration;

/// Rules under which AWS never gives up.
pub(super) fn patient() -> Rules {
    Rules { breaker: None, ..Rules::default() }
}

/// Ann's release with Deploy begun, of a product whose database can be asked.
pub(super) async fn begun_asking(world: &Arc<Mutex<World>>) -> Scripted {
    let mut profile = simulated_profile().expect("the built-in profile");
    profile.migration.probe = "rally-schema".to_owned();
    let ann = Scripted::draft(&profile, world.clone(), person("Ann", "desk-7")).await.expect("a draft");
    ann.prepare().await.expect("Prepare");
    ann.deploy(None).await.expect("Deploy begins");
    ann
}

/// Starts the migration, whose script ends with an error half-way.
pub(super) async fn failed_half_way(at: &Scripted) {
    back_up_and_build(at).await;
    at.world().host.ends.migration = 3;
    at.press_when_offered(STEP).await.expect("the migration starts");
    at.until_is(STEP, Status::Failed).await.expect("its script fails");
}

pub(super) fn undone(how: UndoKind) -> Act {
    Act::ReportUndone { step: STEP, attempt: 1, how, note: "the database team did it".to_owned() }
}

fn skip() -> Act {
    Act::SkipStep { step: STEP, note: "only texts changed".to_owned() }
}

/// Production whose database the new version needs no migration for.
fn world_without_a_migration() -> Arc<Mutex<World>> {
    let world = world(patient());
    world.lock().on_host(HostEvent::Ended(Work::Migration, 0));
    world
}

/// Id of the migration's job in the newest plan of the run.
pub(super) fn planned_job(plan: &StepPlan) -> String {
    let PlanInputs::RunMigration(inputs) = &plan.inputs else { panic!("a migration") };
    inputs.job.id().to_owned()
}

#[test]
fn de_12_a_release_without_a_migration_is_released() {
    on_virtual_time(async {
        let ann = begun(&world_without_a_migration()).await;
        back_up_and_build(&ann).await;
        ann.offered(STEP).await.expect("its button");
        ann.act(skip()).await.expect("Ann says that there is none");
        assert_eq!(ann.status(STEP), Status::Skipped);
        let closed = ann.world().host.jobs.iter().find(|(id, _)| id.contains("migrate")).map(|(_, job)| job.clone());
        assert_eq!(closed.and_then(|job| job.revoked).as_deref(), Some("expired"), "the app can never start it");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        let view = ann.view();
        assert_eq!(view.result, Some(RunResult::Released));
        let words = fold::step(&view, STEP).and_then(greenlight_types::StepView::left_out);
        assert_eq!(words.as_deref(), Some("Ann: this release has no migration. only texts changed"));
    });
}

#[test]
fn a_migration_that_is_left_out_early_keeps_nobody_waiting() {
    on_virtual_time(async {
        let ann = begun(&world_without_a_migration()).await;
        ann.world().host.is_reachable = false;
        ann.act(skip()).await.expect("the machine need not answer before anything was sent to it");
        ann.world().host.is_reachable = true;
        back_up_and_build(&ann).await;
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn a_migration_that_began_elsewhere_is_not_left_out() {
    on_virtual_time(async {
        let ann = begun(&world(patient())).await;
        for (ended, code) in [(None, ErrorCode::MigrationStarted), (Some((9, 3)), ErrorCode::MigrationStarted)] {
            let job =
                Job { script: "run.sh".to_owned(), started_ms: Some(1), ends_ms: i64::MAX, ended, ..Job::default() };
            ann.world().host.jobs.insert("rally.prod.migrate.2.1.0.a1".to_owned(), job);
            let refused = ann.act(skip()).await.expect_err("a migration of this version began");
            assert_eq!(refused.code, code, "{refused}");
            assert_eq!(ann.status(STEP), Status::NotStarted);
        }
    });
}

#[test]
fn a_migration_that_was_undone_starts_once_more_and_the_release_ends_well() {
    on_virtual_time(async {
        let ann = begun_asking(&world(patient())).await;
        failed_half_way(&ann).await;
        let refused = ann.act(undone(UndoKind::NothingApplied)).await.expect_err("the database says otherwise");
        assert_eq!(refused.code, ErrorCode::DatabaseNotAsBefore, "{refused}");
        assert!(refused.params["before"].starts_with("2.0.1.11 "), "{refused:?}");
        assert!(refused.params["now"].starts_with("2.0.1.11+half "), "{refused:?}");
        assert!(press(&ann.release, &ann.by, STEP).await.is_err(), "nothing starts before a report");

        {
            let mut world = ann.world();
            assert!(world.restore_database());
            world.host.ends.migration = 0;
        }
        ann.act(undone(UndoKind::Restored)).await.expect("the database says the version from before");
        ann.offered(STEP).await.expect("its button is back");
        let plan = read(&ann.release, &ann.by, STEP).await.expect("a plan");
        assert!(planned_job(&plan).ends_with(".a2"), "{:?}", plan.inputs);
        assert!(plan.notices.iter().any(|notice| notice.contains(".a1")), "{:?}", plan.notices);
        start(&ann.release, &ann.by, plan).await.expect("the second attempt");
        ann.until_is(STEP, Status::Succeeded).await.expect("the migration");
        let starts: u32 = ann.world().host.jobs.values().map(|job| job.starts).sum();
        assert_eq!(starts, 3, "one backup and two migrations");
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

#[test]
fn a_migration_that_an_earlier_run_undid_starts_only_after_another_report() {
    on_virtual_time(async {
        let ann = begun_asking(&world(patient())).await;
        failed_half_way(&ann).await;
        {
            let mut world = ann.world();
            assert!(world.restore_database());
            world.host.ends.migration = 0;
        }
        ann.act(undone(UndoKind::Restored)).await.expect("the database says the version from before");
        ann.act(Act::EndRun { result: RunResult::Stopped, note: "too late today".to_owned() }).await.expect("the end");

        let next = next_release(&ann, "2.1.0").await;
        back_up_and_build(&next).await;
        let plan = read(&next.release, &next.by, STEP).await.expect("a plan");
        assert!(plan.already.is_some() && planned_job(&plan).ends_with(".a1"), "{:?}", plan.inputs);
        start(&next.release, &next.by, plan).await.expect("its end is recorded");
        next.until_is(STEP, Status::Failed).await.expect("it failed");
        // Since the report of the earlier run, somebody may have finished it by hand.
        next.act(undone(UndoKind::Restored)).await.expect("a person's word");
        let events = next.journal.events(&next.view().id, 0).await.expect("the journal");
        let said = format!("{:?}", events.iter().map(|event| &event.body).collect::<Vec<_>>());
        assert!(said.contains("again, as before the migration"), "the earlier run asked before its start: {said}");
        next.press_when_offered(STEP).await.expect("another start");
        next.until_is(STEP, Status::Succeeded).await.expect("the migration");
        let migrations =
            ann.world().host.jobs.iter().filter(|(id, job)| id.contains("migrate") && job.starts > 0).count();
        assert_eq!(migrations, 2);
    });
}

/// Ann migrates and stops; the database is restored, or not. Bob goes on, and reads the plan of the
/// migration once it asks about that.
async fn asked_since(is_restored: bool) -> (Scripted, Question) {
    let world = world(patient());
    let ann = begun(&world).await;
    back_up_and_build(&ann).await;
    ann.press_when_offered(STEP).await.expect("the migration starts");
    ann.until_is(STEP, Status::Succeeded).await.expect("the migration");
    if is_restored {
        assert!(ann.world().restore_database());
    }
    let bob = continued_by_bob(&ann, &world).await;
    let plan = bob.release.plan(STEP).await.expect("a plan");
    assert_eq!(plan.already, None, "it is not recorded before a person answers");
    let question = plan.question.expect("a question about the database");
    (bob, question)
}

fn answer_since(question: &Question, answer: &str) -> Act {
    let (question, answer) = (question.id.clone(), answer.to_owned());
    Act::AnswerQuestion { step: STEP, question, answer, note: "says the database team".to_owned() }
}

#[test]
fn a_migration_before_a_restore_is_not_recorded_as_done() {
    on_virtual_time(async {
        let (bob, question) = asked_since(true).await;
        bob.act(answer_since(&question, "restored")).await.expect("Bob's word");
        press(&bob.release, &bob.by, STEP).await.expect("its end is read");
        bob.until_is(STEP, Status::Failed).await.expect("the database was restored since");
        bob.act(undone(UndoKind::Restored)).await.expect("Bob's report");
        bob.press_when_offered(STEP).await.expect("another start");
        bob.until_is(STEP, Status::Succeeded).await.expect("the migration");
        let is_second = |(id, job): (&String, &Job)| id.ends_with("migrate.2.1.0.a2") && job.starts == 1;
        assert!(bob.world().host.jobs.iter().any(is_second));
    });
}

#[test]
fn a_migration_that_still_holds_is_recorded_as_done() {
    on_virtual_time(async {
        let (bob, question) = asked_since(false).await;
        bob.act(answer_since(&question, "stillMigrated")).await.expect("Bob's word");
        press(&bob.release, &bob.by, STEP).await.expect("its end is read");
        bob.until_is(STEP, Status::Succeeded).await.expect("the migration");
    });
}

#[test]
fn the_backup_may_be_taken_again_after_a_restore() {
    on_virtual_time(async {
        let ann = begun_asking(&world(patient())).await;
        failed_half_way(&ann).await;
        assert!(press(&ann.release, &ann.by, StepId::BackUp).await.is_err(), "it would hold half a migration");
        ann.world().restore_database();
        ann.act(undone(UndoKind::Restored)).await.expect("it was restored");
        press(&ann.release, &ann.by, StepId::BackUp).await.expect("a backup of the restored database");
        ann.until_is(StepId::BackUp, Status::Succeeded).await.expect("the backup");
        ann.world().host.ends.migration = 0;
        ann.press_when_offered(STEP).await.expect("the second attempt");
        ann.until_is(STEP, Status::Succeeded).await.expect("the migration");
    });
}

#[test]
fn the_word_of_a_person_counts_where_nobody_can_ask_the_database() {
    on_virtual_time(async {
        let ann = begun(&world(patient())).await;
        failed_half_way(&ann).await;
        assert!(ann.act(skip()).await.is_err(), "this release has a migration: it began");
        let unsaid = Act::ReportUndone { step: STEP, attempt: 1, how: UndoKind::Restored, note: " ".to_owned() };
        assert_eq!(ann.act(unsaid).await.expect_err("no note").code, ErrorCode::BadInput);
        ann.act(undone(UndoKind::Restored)).await.expect("Ann's word");
        ann.offered(STEP).await.expect("its button is back");
        let again = ann.act(undone(UndoKind::Restored)).await.expect_err("it is settled");
        assert_eq!(again.code, ErrorCode::NotAllowedNow);
    });
}

#[test]
fn work_by_hand_after_a_restore_is_not_the_failed_attempt() {
    on_virtual_time(async {
        let ann = begun(&world(patient())).await;
        failed_half_way(&ann).await;
        ann.act(undone(UndoKind::Restored)).await.expect("Ann's word");
        ann.offered(STEP).await.expect("its button is back");
        let said_at = ann.clock.now_ms();
        ann.act(Act::ReportDone { step: STEP, note: "the team ran it".to_owned() }).await.expect("Ann's word");
        let Some(Fact::MigrationFinished { job, started_at, .. }) =
            fold::newest(&ann.view(), FactKind::MigrationFinished).cloned()
        else {
            panic!("no migration")
        };
        assert_eq!(job, "", "no job of the app did it");
        assert!(started_at.as_millisecond() >= said_at, "only the time of the word is known");
        let jobs = ann.world().host.jobs.clone();
        let next = jobs.get("rally.prod.migrate.2.1.0.a2").and_then(|job| job.revoked.clone());
        assert_eq!(next.as_deref(), Some("outside"), "the app can never start another attempt");
    });
}

#[test]
fn a_failed_migration_shows_its_way_back_and_not_its_command() {
    on_virtual_time(async {
        let ann = begun(&world(patient())).await;
        failed_half_way(&ann).await;
        let command = ann.view().profile.migration.command;
        let lines = ann.release.plan(STEP).await.expect("a plan").by_hand.lines.join("\n");
        assert!(!lines.contains(&command), "{lines}");
        assert!(lines.contains("/opt/backup/files/rally-1.dump"), "{lines}");
        let mut view = ann.view();
        greenlight_engine::options::fill(&mut view);
        let options = fold::step(&view, STEP).expect("the step").options.clone();
        let recovery = options.recovery.expect("the way back");
        assert!(options.may_report_undone && recovery.backup_at.is_some() && !recovery.who.is_empty());
    });
}

#[test]
fn de_11_a_person_decides_when_the_new_version_runs_before_the_migration() {
    on_virtual_time(async {
        let ann = begun(&world_without_a_migration()).await;
        back_up_and_build(&ann).await;
        let no_old =
            |plan: &StepPlan| plan.question.as_ref().is_some_and(|one| one.id.starts_with("newVersionServes:"));
        let mut plan = plan_after_other_questions(&ann).await;
        for _ in 0..2_000 {
            if no_old(&plan) {
                break;
            }
            tokio::time::sleep(Duration::from_secs(5)).await;
            plan = ann.release.plan(STEP).await.expect("a plan");
        }
        let question = plan.question.clone().expect("nobody decides but a person");
        assert!(question.text.contains("2 of 2 servers without the migration"), "{}", question.text);
        assert!(question.options[0].detail.contains("This release has no migration"));
        let confirm = Act::ConfirmPlan { step: STEP, plan_hash: plan.hash.clone() };
        assert!(ann.act(confirm).await.is_err(), "nothing is confirmed before the answer");
        press(&ann.release, &ann.by, STEP).await.expect("Ann answers: migrate now");
        ann.until_is(STEP, Status::Succeeded).await.expect("the migration");
        let answer = ann.view().answers.into_iter().find(|one| one.question == question.id);
        assert_eq!(answer.map(|one| (one.answer, one.person)), Some(("migrateNow".to_owned(), "Ann".to_owned())));
        ann.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
        check_and_end(&ann).await;
        assert_eq!(ann.view().result, Some(RunResult::Released));
    });
}

/// The plan of the migration once the question about the database is answered.
async fn plan_after_other_questions(at: &Scripted) -> StepPlan {
    at.offered(STEP).await.expect("its button");
    let plan = at.release.plan(STEP).await.expect("a plan");
    let Some(question) = plan.question.filter(|one| one.id == "noDatabaseVersion") else { panic!("it is asked first") };
    let answer =
        Act::AnswerQuestion { step: STEP, question: question.id, answer: "goOn".to_owned(), note: String::new() };
    at.act(answer).await.expect("the answer");
    at.release.plan(STEP).await.expect("a plan")
}

/// Ann ends her run, and Bob continues the release at another computer.
async fn continued_by_bob(ann: &Scripted, world: &Arc<Mutex<World>>) -> Scripted {
    let note = "Bob goes on".to_owned();
    ann.act(Act::EndRun { result: RunResult::Stopped, note }).await.expect("Ann stops");
    ann.release.clone().close().await;
    let profile = simulated_profile().expect("the built-in profile");
    let bob = Scripted::draft(&profile, world.clone(), person("Bob", "desk-8")).await.expect("a draft");
    bob.release.continue_here(bob.by.clone()).await.expect("what the world shows is recorded");
    bob.until(|view| view.state == RunState::Prepared).await.expect("Prepared");
    bob.deploy(None).await.expect("Deploy begins");
    back_up_and_build(&bob).await;
    bob.offered(STEP).await.expect("its button");
    bob
}

#[test]
fn a_migration_that_was_left_out_by_mistake_runs_in_the_next_release() {
    on_virtual_time(async {
        let world = world(patient());
        let ann = begun(&world).await;
        back_up_and_build(&ann).await;
        ann.offered(STEP).await.expect("its button");
        ann.act(skip()).await.expect("Ann is wrong: there is one");
        let bob = continued_by_bob(&ann, &world).await;
        press(&bob.release, &bob.by, STEP).await.expect("nobody said that it was done");
        bob.until_is(STEP, Status::Succeeded).await.expect("the migration");
        bob.until_is(StepId::AwaitRollout, Status::Succeeded).await.expect("every server is new");
    });
}

#[test]
fn a_failed_migration_of_another_computer_is_followed_and_undone() {
    on_virtual_time(async {
        let world = world(patient());
        let ann = begun(&world).await;
        failed_half_way(&ann).await;
        let bob = continued_by_bob(&ann, &world).await;
        press(&bob.release, &bob.by, STEP).await.expect("it is followed to its end");
        bob.until_is(STEP, Status::Failed).await.expect("the end of Ann's attempt");
        bob.world().restore_database();
        bob.world().host.ends.migration = 0;
        bob.act(undone(UndoKind::Restored)).await.expect("Bob's word");
        bob.offered(STEP).await.expect("its button is back");
        let plan = read(&bob.release, &bob.by, STEP).await.expect("a plan");
        assert!(planned_job(&plan).ends_with(".a2"), "{:?}", plan.inputs);
        start(&bob.release, &bob.by, plan).await.expect("the second attempt");
        bob.until_is(STEP, Status::Succeeded).await.expect("the migration");
    });
}
