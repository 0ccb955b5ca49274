//! `make test-release`: a whole release of 2.1.0 in the real window on real systems, from the
//! version field to its end.

use std::time::Duration;

use greenlight_rehearsal::process::rally::Pace;
use greenlight_tests::support::desk::{Desk, VERSION};
use greenlight_tests::support::hold::Moment;
use greenlight_tests::support::ssh_host::Script;
use greenlight_tests::support::window::Window;
use greenlight_types::StepId;

use super::TURN;

/// Longest wait for one step.
const PATIENCE: Duration = Duration::from_secs(120);

/// Releases 2.1.0 as an operator would on a fresh computer, until the button of the migration is
/// enabled.
async fn until_the_migration(window: &Window<'_>, desk: &Desk) {
    window.introduce("Anna").await.expect("the app asks for a name");
    let band = window.read("band").await.expect("the band");
    assert!(band.starts_with("PRODUCTION"), "{band}");
    window.sign_in(&desk.stage.sign_ins()).await.expect("every sign-in works");
    window.go_to_release().await.expect("the release page");
    window.draft(VERSION).await.expect("a release is opened");
    window.start_prepare().await.expect("Prepare starts");
    for step in StepId::ALL.into_iter().take_while(|step| *step != StepId::BackUp) {
        window.do_step(step, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    }
    window.wait_for_state(&["prepared"]).await.expect("Prepare ends");
    window.fill_deploy(VERSION, None).await.expect("Deploy can be started");
    window.start_deploy().await.expect("Deploy starts");
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        window.do_step(step, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    }
    assert!(window.prepare_step(StepId::RunMigration).await.expect("the migration is offered"));
}

async fn to_its_end(window: &Window<'_>) {
    window.do_step(StepId::RunMigration, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    window.wait_done(StepId::AwaitRollout).await.expect("the servers are new");
    assert!(window.prepare_step(StepId::CheckSite).await.expect("the site can be checked"));
    window.press_step(StepId::CheckSite, VERSION).await.expect("the checks start");
    window.pass_checks(VERSION).await.expect("every check is answered");
    assert_eq!(window.wait_for_end().await.expect("the release ends"), "released");
    assert_eq!(window.read("run-title").await.expect("a title"), "Rally 2.1.0 was released");
}

async fn a_release_in_the_window(ends_at_update: bool) {
    let _turn = TURN.write().await;
    let desk = Desk::start(ends_at_update, Pace::brisk()).await.expect("every system starts");
    let session = desk.open().await.expect("a window");
    let window = Window::new(&session, PATIENCE);
    until_the_migration(&window, &desk).await;
    to_its_end(&window).await;
    desk.judge().await.expect("the systems agree");
    let record = desk.data().join("record.md");
    window.save_record(&record).await.expect("the record is saved");
    session.end().await.expect("the window closes");
    desk.find_no_secret().expect("no secret is kept or printed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn releases_in_the_window_on_real_systems() {
    a_release_in_the_window(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release"]
async fn releases_with_a_workflow_that_ends_early() {
    a_release_in_the_window(true).await;
}

/// Starts with the default breaker of AWS. The migration takes longer than the breaker would allow,
/// and the app is killed after the limit was raised and while the script runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release"]
async fn releases_past_the_circuit_breaker_with_a_slow_migration() {
    let _turn = TURN.write().await;
    let mut desk = Desk::start(false, Pace::brisk()).await.expect("every system starts");
    desk.stage.service.turn_breaker_on();
    let before = desk.stage.breaker().await.expect("AWS answers");
    assert_eq!(before["enable"], true, "{before}");
    let session = desk.open().await.expect("a window");
    until_the_migration(&Window::new(&session, PATIENCE), &desk).await;
    let raised = desk.stage.breaker().await.expect("AWS answers");
    assert_ne!(raised, before, "the limit is raised before the build");
    desk.kill(session).await.expect("the app is killed");

    let script = desk.stage.machine.hold(Script::Migration, Moment::BeforeEffect).expect("a hold");
    let session = desk.open().await.expect("a window");
    let window = Window::new(&session, PATIENCE);
    window.go_to_release().await.expect("the release page");
    window.press_step(StepId::RunMigration, VERSION).await.expect("the migration starts");
    script.wait_until_held(PATIENCE).await.expect("the script runs");
    let breaks_at = 3;
    let is_slow = async || Ok(desk.stage.service.ended("2.1.0.0") > breaks_at);
    window.until("more failed starts than the breaker allows", PATIENCE, is_slow).await.expect("servers fail");
    desk.kill(session).await.expect("the app is killed");
    script.release().expect("the script goes on");

    let session = desk.open().await.expect("a window");
    let window = Window::new(&session, PATIENCE);
    window.go_to_release().await.expect("the release page");
    window.wait_done(StepId::RunMigration).await.expect("the app follows the script");
    window.wait_done(StepId::AwaitRollout).await.expect("the servers are new");
    window.check_site(VERSION).await.expect("every check is answered, and the limit is put back");
    window.wait_released().await.expect("the release ends");
    assert_eq!(desk.stage.breaker().await.expect("AWS answers"), before, "AWS has its own limit again");
    let starts = desk.stage.machine.starts(Script::Migration);
    assert_eq!(starts.len(), 1, "{starts:?}");
    desk.judge().await.expect("the systems agree");
    session.end().await.expect("the window closes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release"]
async fn a_release_whose_check_failed_is_rolled_back() {
    let _turn = TURN.write().await;
    let desk = Desk::start(false, Pace::brisk()).await.expect("every system starts");
    let session = desk.open().await.expect("a window");
    let window = Window::new(&session, PATIENCE);
    until_the_migration(&window, &desk).await;
    window.do_step(StepId::RunMigration, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
    window.wait_done(StepId::AwaitRollout).await.expect("the servers are new");
    assert!(window.prepare_step(StepId::CheckSite).await.expect("the site can be checked"));
    window.press_step(StepId::CheckSite, VERSION).await.expect("the checks start");
    let is_open = async || window.has_open_checks().await;
    window.until("the checks to be open", PATIENCE, is_open).await.expect("the site answers");
    window.fail_check("check-footer", "The footer is gone").await.expect("a check fails");

    window.do_choice(StepId::RollBack, VERSION).await.expect("the version before serves again");
    let result = window.stop_here("The footer is gone").await.expect("the run ends");
    assert_eq!(result, "rolledBack");
    let record = desk.data().join("record.md");
    window.save_record(&record).await.expect("the record is saved");
    let said = fs_err::read_to_string(&record).expect("the record");
    assert!(said.contains("The production database is migrated for 2.1.0"), "{said}");
    let shown = desk.stage.site("/version").await.expect("the site answers");
    assert_eq!(shown.trim(), "2.0.1.11-RELEASE");
    let starts = desk.stage.machine.starts(Script::Migration);
    assert_eq!(starts.len(), 1, "{starts:?}");
    session.end().await.expect("the window closes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_failed_migration_is_stopped_or_finished_by_hand() {
    let _turn = TURN.write().await;
    let desk = Desk::start(false, Pace::brisk()).await.expect("every system starts");
    desk.stage.machine.fail(Script::Migration, true).expect("the script is told to fail");
    let session = desk.open().await.expect("a window");
    let window = Window::new(&session, PATIENCE);
    until_the_migration(&window, &desk).await;
    window.press_step(StepId::RunMigration, VERSION).await.expect("the migration starts");
    let failed = async || Ok(window.status(StepId::RunMigration).await? == "failed");
    window.until("the migration to fail", PATIENCE, failed).await.expect("it fails");

    window.look_at(StepId::RunMigration).await.expect("the step is shown");
    window.read("failure").await.expect("its failure is shown");
    assert_eq!(window.attribute("failure", "data-code").await.expect("an answer").as_deref(), Some("scriptFailed"));
    for absent in ["try-again", "step-button"] {
        assert!(!window.sees(absent).await.expect("an answer"), "{absent} would start it a second time");
    }
    assert!(window.sees("person-finished-it").await.expect("an answer"));
    window.press("log-tab-migration").await.expect("its output is shown");
    let output = async || Ok(window.read("log-lines").await?.contains("study_site"));
    window.until("the output of the script", PATIENCE, output).await.expect("its output is shown");
    if let Some(folder) = std::env::var_os("GREENLIGHT_PICTURES") {
        let file = std::path::Path::new(&folder).join("failed-migration.png");
        window.picture(&file).await.expect("a picture");
    }

    window.press("stop-here").await.expect("it can be stopped");
    window.fill("note-text", "Ada restores the backup").await.expect("a note is asked for");
    window.press("note-yes").await.expect("it is stopped");
    assert_eq!(window.wait_for_end().await.expect("the release ends"), "stopped");
    let starts = desk.stage.machine.starts(Script::Migration);
    assert_eq!(starts.len(), 1, "{starts:?}");
    session.end().await.expect("the window closes");
}
