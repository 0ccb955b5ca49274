//! `make test-release-kills`: one release of 2.1.0 in the real window on real systems, with
//! thirteen SIGKILLs, one inside each step. Each system holds a request before or after its effect,
//! in turn, and the test kills the app while the request is held. Then the held request continues,
//! as it would on a real system. No effect may happen twice.
//!
//! The first three steps change only the app's own clone, so no other system can hold them. There
//! the kill happens when the journal on disk has the start of the step, or when the clone on disk
//! has the result.

use std::path::Path;
use std::time::Duration;

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::journal::Journal as _;
use greenlight_rehearsal::process::rally::Pace;
use greenlight_tests::support::desk::{Desk, VERSION};
use greenlight_tests::support::hold::Moment;
use greenlight_tests::support::process::{Signal, signal};
use greenlight_tests::support::ssh_host::Script;
use greenlight_tests::support::webdriver::Session;
use greenlight_tests::support::window::Window;
use greenlight_types::{EventBody, StepEvent, StepId};

use super::TURN;

/// Longest wait for one step. A step in doubt may poll for a minute and a half.
const PATIENCE: Duration = Duration::from_secs(180);
/// Longest wait until a request is held.
const HELD: Duration = Duration::from_secs(90);

/// The order in which the steps are killed. The servers are watched before the migration.
const ORDER: [StepId; 13] = [
    StepId::MergeBranch,
    StepId::SetVersion,
    StepId::CreateTag,
    StepId::PushBranch,
    StepId::PushTag,
    StepId::RegisterTaskDefinition,
    StepId::BackUp,
    StepId::DispatchBuild,
    StepId::FollowBuild,
    StepId::AwaitDeployPhase,
    StepId::AwaitRollout,
    StepId::RunMigration,
    StepId::CheckSite,
];

/// A held request of one of the systems.
enum Held {
    File(greenlight_tests::support::hold::Hold),
    Door(greenlight_tests::support::stage::HeldRequest),
}

impl Held {
    async fn wait(&mut self) {
        let held = match self {
            Self::File(hold) => hold.wait_until_held(HELD).await,
            Self::Door(request) => request.wait_until_held(HELD).await,
        };
        held.expect("the request is held");
    }

    fn release(self) {
        match self {
            Self::File(hold) => hold.release().expect("it goes on"),
            Self::Door(request) => request.release(),
        }
    }
}

fn hold(desk: &Desk, step: StepId, moment: Moment) -> Option<Held> {
    let stage = &desk.stage;
    let door = |name: &str| Some(Held::Door(stage.doors.hold(moment, name)));
    match step {
        StepId::MergeBranch
        | StepId::SetVersion
        | StepId::CreateTag
        | StepId::RaiseFailureLimit
        | StepId::RestoreFailureLimit
        | StepId::StopRollout
        | StepId::DeployAgain
        | StepId::RollBack
        | StepId::RerunBuild
        | StepId::CancelBuild
        | StepId::FollowOtherBuild
        | StepId::OpenPullRequest => None,
        StepId::PushBranch => Some(Held::File(stage.git.hold(moment, "refs/heads/master").expect("a hold"))),
        StepId::PushTag => Some(Held::File(stage.git.hold(moment, "refs/tags/v2.1.0").expect("a hold"))),
        StepId::RegisterTaskDefinition => door("AWS RegisterTaskDefinition"),
        StepId::BackUp => Some(Held::File(stage.machine.hold(Script::Backup, moment).expect("a hold"))),
        StepId::DispatchBuild => door("/dispatches"),
        StepId::FollowBuild => door("/jobs"),
        StepId::AwaitDeployPhase => door("AWS DescribeServices"),
        StepId::AwaitRollout => door("AWS DescribeTasks"),
        StepId::RunMigration => Some(Held::File(stage.machine.hold(Script::Migration, moment).expect("a hold"))),
        StepId::CheckSite => door("site GET /version"),
    }
}

/// Kills the app once the journal on disk has the start of a step, or once the clone has one more
/// ref of ours.
async fn kill_when_on_disk(desk: &Desk, app: u32, step: StepId, moment: Moment) {
    let clone = desk.data().join("clone/rally.git/refs/greenlight");
    let before = refs_below(&clone);
    let journal = SqliteJournal::open(&desk.data().join("journal.sqlite")).await.expect("the journal opens");
    let is_there = tokio::time::timeout(HELD, async {
        loop {
            let is_there = match moment {
                Moment::BeforeEffect => has_started(&journal, step).await,
                Moment::AfterEffect => refs_below(&clone) > before,
            };
            if is_there {
                return;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    is_there.await.expect("the step starts");
    signal(app, Signal::Kill).expect("the app is killed");
}

async fn has_started(journal: &SqliteJournal, step: StepId) -> bool {
    let run = journal.runs().await.expect("the runs").into_iter().next().expect("a run");
    let events = journal.events(&run, 0).await.expect("the events");
    events.iter().any(
        |event| matches!(&event.body, EventBody::Step(StepEvent::Started { step: started, .. }) if *started == step),
    )
}

fn refs_below(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { refs_below(&entry.path()) } else { 1 }).sum()
}

fn is_watching(step: StepId) -> bool {
    matches!(step, StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout)
}

/// Starts a step, or waits until it starts automatically. Kills the app inside the step and reopens
/// the app.
async fn kill_inside(desk: &mut Desk, session: Session, step: StepId, moment: Moment) -> Session {
    let name = step.name();
    let window = Window::new(&session, PATIENCE);
    if is_watching(step) {
        let running = window.until(name, PATIENCE, async || Ok(window.status(step).await? == "running")).await;
        running.unwrap_or_else(|error| panic!("{name} goes on: {error:#}"));
        let mut held = hold(desk, step, moment).expect("a hold");
        held.wait().await;
        desk.kill(session).await.expect("the app is killed");
        held.release();
    } else {
        let is_offered = window.prepare_step(step).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
        assert!(is_offered, "{name} has a button");
        match hold(desk, step, moment) {
            Some(mut held) => {
                window.press_step(step, VERSION).await.unwrap_or_else(|error| panic!("{name}: {error:#}"));
                held.wait().await;
                desk.kill(session).await.expect("the app is killed");
                held.release();
            }
            None => {
                let app = session.app_pid().expect("the app's process id");
                let (_, pressed) =
                    tokio::join!(kill_when_on_disk(desk, app, step, moment), window.press("step-button"));
                // The window may be gone before the driver has answered the click.
                drop(pressed);
                desk.driver.restart().await.expect("the driver starts again");
            }
        }
    }
    let session = desk.open().await.expect("the app opens again");
    Window::new(&session, PATIENCE).go_to_release().await.expect("it knows what there is");
    session
}

/// After the app was reopened: the step ends, with one more press at most, for any state of the
/// outside systems.
async fn finish(window: &Window<'_>, step: StepId) {
    if is_watching(step) || step == StepId::CheckSite {
        return;
    }
    window.do_step(step, VERSION).await.unwrap_or_else(|error| panic!("{}: {error:#}", step.name()));
}

async fn a_release_with_thirteen_kills(first: Moment) {
    let _turn = TURN.write().await;
    let mut desk = Desk::start(false, Pace::unhurried()).await.expect("every system starts");
    let mut session = desk.open().await.expect("a window");
    let window = Window::new(&session, PATIENCE);
    window.introduce("Anna").await.expect("the app asks for a name");
    window.sign_in(&desk.stage.sign_ins()).await.expect("every sign-in works");
    window.go_to_release().await.expect("the release page");
    window.draft(VERSION).await.expect("a release is opened");
    window.start_prepare().await.expect("Prepare starts");

    let mut moment = first;
    for step in ORDER {
        if step == StepId::BackUp {
            let window = Window::new(&session, PATIENCE);
            window.wait_for_state(&["prepared"]).await.expect("Prepare ends");
            window.fill_deploy(VERSION, None).await.expect("Deploy can be started");
            window.start_deploy().await.expect("Deploy starts");
        }
        session = kill_inside(&mut desk, session, step, moment).await;
        finish(&Window::new(&session, PATIENCE), step).await;
        moment = match moment {
            Moment::BeforeEffect => Moment::AfterEffect,
            Moment::AfterEffect => Moment::BeforeEffect,
        };
    }
    let window = Window::new(&session, PATIENCE);
    if window.prepare_step(StepId::CheckSite).await.expect("the site can be checked") {
        window.press_step(StepId::CheckSite, VERSION).await.expect("the checks start");
    }
    window.pass_checks(VERSION).await.expect("every check is answered");
    assert_eq!(window.wait_for_end().await.expect("the release ends"), "released");
    desk.judge().await.expect("the systems agree: released, and nothing twice");
    session.end().await.expect("the window closes");
    desk.find_no_secret().expect("no secret is kept or printed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn survives_kills_starting_before_the_first_effect() {
    a_release_with_thirteen_kills(Moment::BeforeEffect).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "a long form: make test-release-kills"]
async fn survives_kills_starting_after_the_first_effect() {
    a_release_with_thirteen_kills(Moment::AfterEffect).await;
}
