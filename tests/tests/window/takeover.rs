//! The real window on the simulator while another computer owns the environment lock: the operator
//! sees the owner, takes the lock over with a reason, and sees when she loses it during Deploy. A
//! release with a lost journal continues on a computer with an empty one. A computer that dies
//! during its migration and is reopened without a network reports that it does not know the
//! outcome, until the network is back.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use greenlight_adapters::{keychain::MemorySecrets, ssh::SshHost};
use greenlight_engine::ports::{EnvLock, HostAddress, LockClaim, Ownership, RemoteHost as _, Secrets as _};
use greenlight_rehearsal::{handle::Handle, host::USER};
use greenlight_tests::support::{
    desk::{VERSION, app},
    folder::{open_folder, picture_folder},
    practice::stop_world,
    webdriver::{Display, Driver, Session, window_size},
    window::Window,
};
use greenlight_types::{RunId, StepId, Trouble};
use tempfile::TempDir;

use super::TURN;

const PATIENCE: Duration = Duration::from_secs(120);
/// Virtual seconds per real second.
const SPEED: u32 = 60;

/// A data folder, a driver and a display for one window at a time.
struct Desk {
    driver: Driver,
    data: PathBuf,
    _display: Display,
    _folder: TempDir,
}

impl Desk {
    async fn new(name: &str) -> Result<Self> {
        let (display, folder) = (Display::start().await?, open_folder(name)?);
        let driver = Driver::start(&display, &[]).await?;
        Ok(Self { driver, data: folder.path().to_owned(), _display: display, _folder: folder })
    }

    fn world(&self) -> PathBuf {
        self.data.join("world")
    }

    async fn open(&self) -> Result<Session> {
        let session = self.driver.open(&app()?, &["--data-dir", self.data.to_str().context("a plain path")?]).await?;
        let (width, height) = window_size();
        session.set_window(width, height).await?;
        Ok(session)
    }

    /// Checks that the work in the window succeeded and closes everything.
    async fn end(self, session: Session, name: &str, worked: Result<()>) -> Result<()> {
        if worked.is_err() {
            let _kept = picture(&session, &format!("{name}-where-it-stopped")).await;
        }
        let world = self.world();
        drop(session);
        drop(self);
        stop_world(&world).await?;
        worked
    }
}

async fn picture(session: &Session, name: &str) -> Result<()> {
    Window::new(session, PATIENCE).picture(&picture_folder()?.join(format!("{name}.png"))).await
}

/// The colleague's own connection to the staging machine.
struct Colleague {
    ssh: SshHost,
    machine: HostAddress,
    lock: EnvLock,
}

impl Colleague {
    async fn new(world: &Handle) -> Result<Self> {
        let memory = MemorySecrets::default();
        for credential in world.credentials() {
            memory.set(&credential).await?;
        }
        let file = world.file();
        let machine = HostAddress {
            address: "127.0.0.1".to_owned(),
            port: file.ports.ssh,
            user: USER.to_owned(),
            fingerprint: file.fingerprint.clone(),
            machine_id: String::new(),
        };
        let lock = EnvLock { environment: "rally.practice".to_owned(), run: RunId("run-of-maria".to_owned()) };
        Ok(Self { ssh: SshHost::new(Arc::new(memory)), machine, lock })
    }

    async fn owner(&self) -> Result<Option<RunId>> {
        Ok(self.ssh.environment(&self.machine, &self.lock.environment).await?.owner.map(|owner| owner.run))
    }

    /// Takes the environment lock over from its owner.
    async fn take(&self, reason: &str) -> Result<()> {
        let claim = LockClaim {
            person: "Maria".to_owned(),
            computer: "desk-3".to_owned(),
            version: "2.0.1.12".to_owned(),
            reason: reason.to_owned(),
        };
        let from = self.owner().await?;
        let held = self.ssh.acquire_lock(&self.machine, &self.lock, &claim, from.as_ref()).await?;
        ensure!(held == Ownership::Ours, "{held:?}");
        Ok(())
    }
}

async fn taken_over(session: &Session, world: &Path) -> Result<()> {
    let window = Window::new(session, PATIENCE);
    window.introduce("Anna").await?;
    window.set_speed(SPEED).await?;
    let world = Handle::attach(world).await.context("the pretend production does not answer")?;
    let maria = Colleague::new(&world).await?;
    maria.take("").await?;
    window.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL.into_iter().take(6) {
        window.do_step(step, VERSION).await?;
    }
    window.wait_for_state(&["prepared"]).await?;
    window.fill_deploy(VERSION, None).await?;
    window.press_within("start-deploy", PATIENCE).await?;
    let told = window.read("held").await?;
    ensure!(told.contains("Maria is releasing 2.0.1.12") && told.contains("desk-3"), "{told}");
    ensure!(window.state().await? == "prepared", "Deploy started while somebody else holds production");
    picture(session, "takeover-at-deploy").await?;
    window.fill("take-reason", "Maria finished her hotfix and forgot to end it; we spoke").await?;
    window.press("take-environment").await?;
    window.wait_for_state(&["deploying"]).await?;
    ensure!(maria.owner().await? != Some(maria.lock.run.clone()), "Maria still holds it");

    maria.take("a second hotfix cannot wait").await?;
    ensure!(window.prepare_step(StepId::BackUp).await?, "the backup is not offered");
    window.press_within("step-button", PATIENCE).await?;
    let told = window.read("held").await?;
    ensure!(told.contains("a second hotfix cannot wait"), "{told}");
    picture(session, "takeover-in-deploy").await?;
    ensure!(window.status(StepId::BackUp).await? == "awaitingOperator", "a step began without production");
    window.fill("take-reason", "Maria's hotfix is out; we spoke").await?;
    window.press("take-environment").await?;
    window.until("production to be ours", PATIENCE, async || Ok(!window.sees("held").await?)).await?;
    ensure!(maria.owner().await? != Some(maria.lock.run.clone()), "Maria still holds it");
    window.do_step(StepId::BackUp, VERSION).await
}

/// The files of the app's own data. The simulator in the same folder stays.
const RECORD: [&str; 3] = ["journal.sqlite", "clone", "lines"];

/// Prepares a release up to the tag and loses the computer.
async fn begun(session: Session) -> Result<()> {
    let window = Window::new(&session, PATIENCE);
    window.introduce("Maria").await?;
    window.set_speed(SPEED).await?;
    window.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL.into_iter().take(5) {
        window.do_step(step, VERSION).await?;
    }
    session.kill_app().await
}

async fn continued(session: &Session) -> Result<()> {
    let window = Window::new(session, PATIENCE);
    window.introduce("Anna").await?;
    window.draft(VERSION).await?;
    window.until("who began it", PATIENCE, async || window.sees("elsewhere").await).await?;
    let told = window.read("elsewhere").await?;
    ensure!(told.contains("Begun by") && told.contains("unknown"), "{told}");
    picture(session, "continue-here").await?;
    window.press("continue-here").await?;
    // The task definition was not registered yet. From this step on, every step has its button.
    let step = StepId::RegisterTaskDefinition;
    ensure!(window.prepare_step(step).await?, "the first step that is open has no button");
    picture(session, "continued-here").await?;
    for done in StepId::ALL.into_iter().take(5) {
        ensure!(window.status(done).await? == "succeeded", "{done:?} is not recorded as done");
    }
    window.do_step(step, VERSION).await?;
    window.wait_for_state(&["prepared"]).await
}

/// Prepares and deploys up to the migration, and loses computer and network while the migration
/// runs.
async fn dies_in_its_migration(session: Session) -> Result<()> {
    let window = Window::new(&session, PATIENCE);
    window.introduce("Anna").await?;
    window.set_speed(SPEED).await?;
    window.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL.into_iter().take(6) {
        window.do_step(step, VERSION).await?;
    }
    window.deploy(VERSION, None).await?;
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        window.do_step(step, VERSION).await?;
    }
    window.wait_done(StepId::AwaitDeployPhase).await?;
    window.switch_on(Trouble::ConnectionLostInMigration).await?;
    window.answer_failed_start("oldDatabase").await?;
    ensure!(window.prepare_step(StepId::RunMigration).await?, "the migration is not offered");
    // Slow from here on, so that the network is away for a minute.
    window.set_speed(1).await?;
    window.press_step(StepId::RunMigration, VERSION).await?;
    window.look_at(StepId::RunMigration).await?;
    window.until("the lost connection", PATIENCE, async || window.sees("connection-lost").await).await?;
    picture(&session, "connection-lost").await?;
    session.kill_app().await
}

async fn finds_out(session: &Session) -> Result<()> {
    let (window, step) = (Window::new(session, PATIENCE), StepId::RunMigration);
    window.go_to_release().await?;
    let in_doubt = async || Ok(window.status(step).await? == "inDoubt");
    window.until("the doubt", PATIENCE, in_doubt).await?;
    window.look_at(step).await?;
    let answer = async || Ok(window.read("doubt-answer").await?.contains("asked at"));
    window.until("what the app hears", PATIENCE, answer).await?;
    ensure!(!window.sees("step-button").await? && !window.sees("try-again").await?, "a second start is offered");
    picture(session, "doubt-without-a-network").await?;
    window.press("did-not-happen").await?;
    picture(session, "doubt-said-by-a-person").await?;
    window.press("note-no").await?;
    window.set_speed(SPEED).await?;
    window.wait_done(step).await
}

#[tokio::test]
async fn a_migration_is_unknown_until_the_network_is_back() -> Result<()> {
    let _turn = TURN.read().await;
    let mut desk = Desk::new("window-doubt").await?;
    dies_in_its_migration(desk.open().await?).await?;
    desk.driver.restart().await?;
    let session = desk.open().await?;
    let ended = finds_out(&session).await;
    desk.end(session, "doubt", ended).await
}

#[tokio::test]
async fn continues_a_release_with_an_empty_journal() -> Result<()> {
    let _turn = TURN.read().await;
    let mut desk = Desk::new("window-continued").await?;
    begun(desk.open().await?).await?;
    for entry in fs_err::read_dir(&desk.data)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match RECORD.iter().any(|one| name.starts_with(one)) {
            true if path.is_dir() => fs_err::remove_dir_all(&path)?,
            true => fs_err::remove_file(&path)?,
            false => {}
        }
    }
    desk.driver.restart().await?;
    let session = desk.open().await?;
    let ended = continued(&session).await;
    desk.end(session, "continued", ended).await
}

#[tokio::test]
async fn takes_the_lock_over_with_a_reason() -> Result<()> {
    let _turn = TURN.read().await;
    let desk = Desk::new("window-takeover").await?;
    let session = desk.open().await?;
    let ended = taken_over(&session, &desk.world()).await;
    desk.end(session, "takeover", ended).await
}
