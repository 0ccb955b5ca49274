//! INV-D8: a release that ends while the end of its migration is unknown, and the releases after it
//! on the same computer, played by hand. Simulated releases have second runs too
//! (`second_run.rs`).

use greenlight_types::{Precondition, Question};

use super::*;

const MIGRATION: StepId = StepId::RunMigration;

/// Ann's release, whose migration is in doubt. `launch` is the fate of the order that starts it.
async fn in_doubt(launch: Fate) -> Scripted {
    let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
    let plan = plan_of_the_migration(&ann).await;
    ann.wire.next("host.launch", launch);
    ann.wire.next("host.status", Fate::Unreached);
    start(&ann.release, &ann.by, plan).await.expect("the button works");
    ann.until_is(MIGRATION, Status::InDoubt).await.expect("no answer came");
    ann
}

fn stop() -> Act {
    Act::EndRun { result: RunResult::Stopped, note: "a new machine is prepared".to_owned() }
}

/// A release that ended in doubt on a machine that is gone. Another machine is at its address.
async fn ended_in_doubt() -> Scripted {
    let ann = in_doubt(Fate::Lost).await;
    ann.world().host.is_reachable = false;
    ann.act(stop()).await.expect("it may end in doubt");
    let mut world = ann.world();
    world.host.is_reachable = true;
    world.replace_host();
    drop(world);
    ann
}

/// The next release of that computer, at the plan of its migration.
async fn next(ann: &Scripted, version: &str) -> (Scripted, StepPlan) {
    let next = next_release(ann, version).await;
    back_up_and_build(&next).await;
    next.offered(MIGRATION).await.expect("its button");
    let plan = read_until(&next, |question| question.id.starts_with("migration:unknownEnd:")).await;
    (next, plan)
}

/// Answers the other questions of the migration.
async fn read_until(at: &Scripted, is_sought: impl Fn(&Question) -> bool) -> StepPlan {
    let other = |question: &Question| {
        if is_sought(question) { None } else { question.options.first().map(|one| one.id.clone()) }
    };
    read_choosing(&at.release, &at.by, MIGRATION, other).await.expect("a plan")
}

async fn answer(at: &Scripted, plan: &StepPlan, answer: &str) -> StepPlan {
    let question = plan.question.clone().expect("the question").id;
    let say = |note: &str| Act::AnswerQuestion {
        step: MIGRATION,
        question: question.clone(),
        answer: answer.to_owned(),
        note: note.to_owned(),
    };
    let refused = at.act(say(" ")).await.expect_err("a note is needed");
    assert_eq!(refused.code, ErrorCode::BadInput);
    at.act(say("the database was looked at")).await.expect("the answer is taken");
    read_until(at, |_| false).await
}

fn never_ran(plan: &StepPlan) -> Precondition {
    plan.preconditions.iter().find(|one| one.id == "neverRan").cloned().expect("the precondition")
}

#[test]
fn a_stop_in_doubt_says_first_that_the_database_is_unknown() {
    on_virtual_time(async {
        let ann = in_doubt(Fate::Lost).await;
        ann.world().host.is_reachable = false;
        ann.act(stop()).await.expect("it may end in doubt");
        let view = ann.view();
        assert_eq!((view.state, ann.status(MIGRATION)), (RunState::Ended, Status::InDoubt));
        let left = view.left_behind;
        assert!(left[0].starts_with("It is not known whether the migration of 2.1.0 changed"), "{left:?}");
        assert!(left[1].contains("could not be asked"), "{left:?}");
    });
}

#[test]
fn a_stop_in_doubt_first_revokes_the_job_that_never_started() {
    on_virtual_time(async {
        let ann = in_doubt(Fate::Unreached).await;
        ann.act(stop()).await.expect("it ends");
        assert_ne!(ann.status(MIGRATION), Status::InDoubt, "the machine knows that it never started");
        let is_revoked = ann.world().host.jobs.values().any(|job| job.work().is_some() && job.revoked.is_some());
        assert!(is_revoked);
        let left = ann.view().left_behind.join(" ");
        assert!(!left.contains("database"), "{left}");
    });
}

#[test]
fn a_stop_is_refused_when_the_migration_turns_out_to_run() {
    on_virtual_time(async {
        let ann = in_doubt(Fate::Lost).await;
        let refused = ann.act(stop()).await.expect_err("it runs");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        ann.until_is(MIGRATION, Status::Succeeded).await.expect("it is followed to its end");
    });
}

#[test]
fn the_same_version_does_not_start_again_once_it_is_called_applied() {
    on_virtual_time(async {
        let ann = ended_in_doubt().await;
        let (next, plan) = next(&ann, "2.1.0").await;
        let question = plan.question.clone().expect("a person has to say what became of it");
        assert_eq!(question.id, format!("migration:unknownEnd:{}", ann.view().id));
        assert!(question.needs_note && question.text.contains("192.0.2.10 by Ann"), "{question:?}");
        assert!(!never_ran(&plan).passed);
        assert!(press(&next.release, &next.by, StepId::BackUp).await.is_ok(), "the backup may be taken again");
        next.until_is(StepId::BackUp, Status::Succeeded).await.expect("the backup");

        let plan = answer(&next, &plan, "applied").await;
        let ran = never_ran(&plan);
        assert!(!ran.passed && ran.detail.contains("record the migration as done by hand"), "{ran:?}");
        assert!(start(&next.release, &next.by, plan).await.is_err(), "it never starts");
        let note = "it was applied on the first machine".to_owned();
        next.act(Act::ReportDone { step: MIGRATION, note }).await.expect("the way on");
        next.until_is(MIGRATION, Status::Succeeded).await.expect("it is recorded");
    });
}

#[test]
fn the_same_version_starts_once_it_is_called_not_applied() {
    on_virtual_time(async {
        let ann = ended_in_doubt().await;
        let (next, plan) = next(&ann, "2.1.0").await;
        let plan = answer(&next, &plan, "notApplied").await;
        assert!(never_ran(&plan).passed && plan.is_open(), "{:?}", plan.preconditions);
        start(&next.release, &next.by, plan).await.expect("it starts");
        next.until_is(MIGRATION, Status::Succeeded).await.expect("it runs");
    });
}

#[test]
fn promise_1_another_version_waits_for_a_word_about_the_unknown_end() {
    on_virtual_time(async {
        for choice in ["applied", "notApplied"] {
            let ann = ended_in_doubt().await;
            let (next, plan) = next(&ann, "2.2.0").await;
            assert!(plan.question.is_some() && !plan.is_open());
            assert!(start(&next.release, &next.by, plan.clone()).await.is_err(), "nothing starts before");
            let plan = answer(&next, &plan, choice).await;
            assert!(plan.is_open(), "{:?} {:?}", plan.question, plan.preconditions);
            let said = next.view().answers.iter().find(|one| one.answer == choice).map(|one| one.person.clone());
            assert_eq!(said.as_deref(), Some("Ann"));
        }
    });
}

#[test]
fn a_run_that_was_open_before_the_unknown_end_knows_it() {
    on_virtual_time(async {
        let ann = begun(&world(Rules { breaker: None, ..Rules::default() })).await;
        let second = ann.draft_another("2.1.0").await.expect("a draft");
        let plan = plan_of_the_migration(&ann).await;
        ann.wire.next("host.launch", Fate::Lost);
        ann.wire.next("host.status", Fate::Unreached);
        start(&ann.release, &ann.by, plan).await.expect("the button works");
        ann.until_is(MIGRATION, Status::InDoubt).await.expect("no answer came");
        ann.world().host.is_reachable = false;
        ann.act(stop()).await.expect("it may end in doubt");
        {
            let mut world = ann.world();
            world.host.is_reachable = true;
            world.replace_host();
        }
        second.prepare().await.expect("Prepare");
        second.deploy(None).await.expect("Deploy begins");
        back_up_and_build(&second).await;
        second.offered(MIGRATION).await.expect("its button");
        let plan = read_until(&second, |question| question.id.starts_with("migration:unknownEnd:")).await;
        assert!(plan.question.is_some_and(|one| one.id.ends_with(&ann.view().id.0)));
    });
}
