//! `make test-release`: a whole release of 2.1.0 in the real window on real systems, from the
//! version field to its end.

use std::time::Duration;

use greenlight_rehearsal::process::rally::Pace;
use greenlight_tests::support::desk::{Desk, VERSION};
use greenlight_tests::support::operator::Operator;
use greenlight_tests::support::ssh_host::Script;
use greenlight_types::StepId;

/// One stage at a time, because two stages are too much for a small machine.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Longest wait for one step.
const PATIENCE: Duration = Duration::from_secs(120);

/// Releases 2.1.0 as an operator would on a fresh computer, until the button of the migration is
/// enabled.
async fn until_the_migration(operator: &Operator<'_>, desk: &Desk) {
    operator.introduce("Anna").await.expect("the app asks for a name");
    let band = operator.read("band").await.expect("the band");
    assert!(band.starts_with("PRODUCTION"), "{band}");
    operator.sign_in(&desk.stage.sign_ins()).await.expect("every sign-in works");
    operator.press("nav-release").await.expect("the release page");
    operator.draft(VERSION).await.expect("a release is opened");
    operator.start_prepare().await.expect("Prepare starts");
    for step in StepId::ALL.into_iter().take_while(|step| *step != StepId::BackUp) {
        operator.do_step(step, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    }
    operator.wait_for_state(&["prepared"]).await.expect("Prepare ends");
    operator.fill_deploy(VERSION, None).await.expect("Deploy can be started");
    operator.start_deploy().await.expect("Deploy starts");
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        operator.do_step(step, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    }
    assert!(operator.prepare_step(StepId::RunMigration).await.expect("the migration is offered"));
}

async fn to_its_end(operator: &Operator<'_>) {
    operator.do_step(StepId::RunMigration, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    operator.wait_done(StepId::AwaitRollout).await.expect("the servers are new");
    assert!(operator.prepare_step(StepId::CheckSite).await.expect("the site can be checked"));
    operator.press_step(StepId::CheckSite, VERSION).await.expect("the checks start");
    operator.pass_checks().await.expect("every check is answered");
    assert_eq!(operator.wait_for_end().await.expect("the release ends"), "released");
    assert_eq!(operator.read("run-title").await.expect("a title"), "Rally 2.1.0 was released");
}

async fn a_release_in_the_window(ends_at_update: bool) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let desk = Desk::start(ends_at_update, Pace::brisk()).await.expect("every system starts");
    let session = desk.open().await.expect("a window");
    let operator = Operator::new(&session, PATIENCE);
    until_the_migration(&operator, &desk).await;
    to_its_end(&operator).await;
    desk.judge().await.expect("the systems agree");
    let record = desk.data().join("record.md");
    operator.save_record(&record).await.expect("the record is saved");
    session.end().await.expect("the window closes");
    desk.find_no_secret().expect("no secret is kept or printed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn releases_in_the_window_on_real_systems() {
    a_release_in_the_window(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn releases_with_a_workflow_that_ends_early() {
    a_release_in_the_window(true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failed_migration_is_stopped_or_finished_by_hand() {
    let _turn = ONE_AT_A_TIME.lock().await;
    let desk = Desk::start(false, Pace::brisk()).await.expect("every system starts");
    desk.stage.machine.fail(Script::Migration, true).expect("the script is told to fail");
    let session = desk.open().await.expect("a window");
    let operator = Operator::new(&session, PATIENCE);
    until_the_migration(&operator, &desk).await;
    operator.press_step(StepId::RunMigration, VERSION).await.expect("the migration starts");
    let failed = async || Ok(operator.status(StepId::RunMigration).await? == "failed");
    operator.until("the migration to fail", PATIENCE, failed).await.expect("it fails");

    operator.look_at(StepId::RunMigration).await.expect("the step is shown");
    operator.read("failure").await.expect("its failure is shown");
    assert_eq!(operator.attribute("failure", "data-code").await.expect("an answer").as_deref(), Some("scriptFailed"));
    for absent in ["try-again", "step-button"] {
        assert!(!operator.sees(absent).await.expect("an answer"), "{absent} would start it a second time");
    }
    assert!(operator.sees("person-finished-it").await.expect("an answer"));
    operator.press("log-tab-migration").await.expect("its output is shown");
    let output = async || Ok(operator.read("log-lines").await?.contains("study_site"));
    operator.until("the output of the script", PATIENCE, output).await.expect("its output is shown");
    if let Some(folder) = std::env::var_os("GREENLIGHT_PICTURES") {
        let file = std::path::Path::new(&folder).join("failed-migration.png");
        operator.picture(&file).await.expect("a picture");
    }

    operator.press("stop-here").await.expect("it can be stopped");
    operator.fill("note-text", "Ada restores the backup").await.expect("a note is asked for");
    operator.press("note-yes").await.expect("it is stopped");
    assert_eq!(operator.wait_for_end().await.expect("the release ends"), "stopped");
    let starts = desk.stage.machine.starts(Script::Migration);
    assert_eq!(starts.len(), 1, "{starts:?}");
    session.end().await.expect("the window closes");
}
