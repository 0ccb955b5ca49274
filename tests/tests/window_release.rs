//! `make test-release`: a whole release of 2.1.0 in the real window, on real systems, from the version field to its end.

use std::time::Duration;

use greenlight_rehearsal::process::rally::Pace;
use greenlight_tests::support::desk::{Desk, VERSION};
use greenlight_tests::support::operator::Operator;
use greenlight_types::StepId;

/// Two whole stages at once are too much for a small machine.
static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Longest wait for one step.
const PATIENCE: Duration = Duration::from_secs(120);

/// Releases 2.1.0 as a person would, on a fresh computer.
async fn release(operator: &Operator<'_>, desk: &Desk) {
    operator.introduce("Anna").await.expect("the app asks for a name");
    let band = operator.read("band").await.expect("the band");
    assert!(band.starts_with("PRODUCTION"), "{band}");
    operator.sign_in(&desk.stage.sign_ins()).await.expect("every sign-in works");
    operator.press("nav-release").await.expect("the release page");
    operator.draft(VERSION).await.expect("a release is opened");
    operator.start_prepare().await.expect("Prepare starts");
    for step in StepId::ALL {
        match step {
            StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout => {}
            StepId::BackUp => {
                operator.wait_for_state(&["prepared"]).await.expect("Prepare ends");
                operator.fill_deploy(VERSION, None).await.expect("Deploy can be started");
                operator.start_deploy().await.expect("Deploy starts");
                operator.do_step(step, VERSION).await.expect("the backup is taken");
            }
            StepId::CheckSite => {
                operator.wait_done(StepId::AwaitRollout).await.expect("the servers are new");
                assert!(operator.prepare_step(step).await.expect("the site can be checked"));
                operator.press_step(step, VERSION).await.expect("the checks start");
                operator.pass_checks().await.expect("every check is answered");
            }
            StepId::MergeBranch
            | StepId::SetVersion
            | StepId::CreateTag
            | StepId::PushBranch
            | StepId::PushTag
            | StepId::RegisterTaskDefinition
            | StepId::DispatchBuild
            | StepId::RunMigration => {
                operator.do_step(step, VERSION).await.unwrap_or_else(|error| panic!("{error:#}"));
            }
        }
    }
    assert_eq!(operator.wait_for_end().await.expect("the release ends"), "released");
    assert_eq!(operator.read("run-title").await.expect("a title"), "Rally 2.1.0 was released");
}

async fn a_release_in_the_window(ends_at_update: bool) {
    let _turn = ONE_AT_A_TIME.lock().await;
    let desk = Desk::start(ends_at_update, Pace::brisk()).await.expect("every system starts");
    let session = desk.open().await.expect("a window");
    let operator = Operator::new(&session, PATIENCE);
    release(&operator, &desk).await;
    desk.judge().await.expect("the systems agree");
    let record = desk.data().join("record.md");
    operator.save_record(&record).await.expect("the record is saved");
    session.end().await.expect("the window closes");
    desk.find_no_secret().expect("no secret is kept or printed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_is_carried_out_in_the_window_on_real_systems() {
    a_release_in_the_window(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_release_whose_workflow_ends_at_the_service_update_is_carried_out_too() {
    a_release_in_the_window(true).await;
}
