//! The real window on the pretend production while a colleague at another computer holds production: the person is told who,
//! takes over with a reason, and is told again when it is taken from her in the middle of Deploy. And a release whose record
//! is gone is continued on a computer that has none.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result, ensure};
use greenlight_adapters::{keychain::MemorySecrets, ssh::SshHost};
use greenlight_engine::ports::{Held, Hold, HostAddress, RemoteHost as _, Secrets as _, Taker};
use greenlight_rehearsal::{handle::Handle, host::USER};
use greenlight_tests::support::{
    desk::{VERSION, app},
    folder::{open_folder, picture_folder},
    operator::Operator,
    practice::stop_world,
    webdriver::{Display, Driver, Session, WINDOW},
};
use greenlight_types::{RunId, StepId};

const PATIENCE: Duration = Duration::from_secs(120);
/// Virtual seconds per second.
const SPEED: u32 = 60;

/// The colleague's own way to the staging machine.
struct Colleague {
    ssh: SshHost,
    machine: HostAddress,
    hold: Hold,
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
        let hold = Hold { environment: "rally.practice".to_owned(), run: RunId("run-of-maria".to_owned()) };
        Ok(Self { ssh: SshHost::new(Arc::new(memory)), machine, hold })
    }

    async fn holder(&self) -> Result<Option<RunId>> {
        Ok(self.ssh.environment(&self.machine, &self.hold.environment).await?.holder.map(|holder| holder.run))
    }

    /// Takes production, from whoever holds it.
    async fn take(&self, reason: &str) -> Result<()> {
        let taker = Taker {
            person: "Maria".to_owned(),
            computer: "desk-3".to_owned(),
            version: "2.0.1.12".to_owned(),
            reason: reason.to_owned(),
        };
        let from = self.holder().await?;
        let held = self.ssh.hold(&self.machine, &self.hold, &taker, from.as_ref()).await?;
        ensure!(held == Held::Ours, "{held:?}");
        Ok(())
    }
}

async fn taken_over(session: &Session, world: &Path) -> Result<()> {
    let operator = Operator::new(session, PATIENCE);
    let picture = async |name: &str| operator.picture(&picture_folder()?.join(format!("{name}.png"))).await;
    operator.introduce("Anna").await?;
    operator.set_speed(SPEED).await?;
    let world = Handle::attach(world).await.context("the pretend production does not answer")?;
    let maria = Colleague::new(&world).await?;
    maria.take("").await?;
    operator.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL.into_iter().take(6) {
        operator.do_step(step, VERSION).await?;
    }
    operator.wait_for_state(&["prepared"]).await?;
    operator.fill_deploy(VERSION, None).await?;
    operator.press_within("start-deploy", PATIENCE).await?;
    let told = operator.read("held").await?;
    ensure!(told.contains("Maria is releasing 2.0.1.12") && told.contains("desk-3"), "{told}");
    ensure!(operator.state().await? == "prepared", "Deploy started while somebody else holds production");
    picture("takeover-at-deploy").await?;
    operator.fill("take-reason", "Maria finished her hotfix and forgot to end it; we spoke").await?;
    operator.press("take-environment").await?;
    operator.wait_for_state(&["deploying"]).await?;
    ensure!(maria.holder().await? != Some(maria.hold.run.clone()), "Maria still holds it");

    maria.take("a second hotfix cannot wait").await?;
    ensure!(operator.prepare_step(StepId::BackUp).await?, "the backup is not offered");
    operator.press_within("step-button", PATIENCE).await?;
    let told = operator.read("held").await?;
    ensure!(told.contains("a second hotfix cannot wait"), "{told}");
    picture("takeover-in-deploy").await?;
    ensure!(operator.status(StepId::BackUp).await? == "awaitingOperator", "a step began without production");
    operator.fill("take-reason", "Maria's hotfix is out; we spoke").await?;
    operator.press("take-environment").await?;
    operator.until("production to be ours", PATIENCE, async || Ok(!operator.sees("held").await?)).await?;
    ensure!(maria.holder().await? != Some(maria.hold.run.clone()), "Maria still holds it");
    operator.do_step(StepId::BackUp, VERSION).await
}

/// The files of the app's own record; the pretend production beside it stays.
const RECORD: [&str; 3] = ["journal.sqlite", "clone", "lines"];

/// Prepares a release up to the label, and loses the computer.
async fn begun(session: Session) -> Result<()> {
    let operator = Operator::new(&session, PATIENCE);
    operator.introduce("Maria").await?;
    operator.set_speed(SPEED).await?;
    operator.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL.into_iter().take(5) {
        operator.do_step(step, VERSION).await?;
    }
    session.kill_app().await
}

async fn continued(session: &Session) -> Result<()> {
    let operator = Operator::new(session, PATIENCE);
    let picture = async |name: &str| operator.picture(&picture_folder()?.join(format!("{name}.png"))).await;
    operator.introduce("Anna").await?;
    operator.draft(VERSION).await?;
    operator.until("who began it", PATIENCE, async || operator.sees("elsewhere").await).await?;
    let told = operator.read("elsewhere").await?;
    ensure!(told.contains("Begun by") && told.contains("unknown"), "{told}");
    picture("continue-here").await?;
    operator.press("continue-here").await?;
    // The start-up settings were not saved yet: from there on every step has its button.
    let step = StepId::RegisterTaskDefinition;
    ensure!(operator.prepare_step(step).await?, "the first step that is open has no button");
    picture("continued-here").await?;
    for done in StepId::ALL.into_iter().take(5) {
        ensure!(operator.status(done).await? == "succeeded", "{done:?} is not recorded as done");
    }
    operator.do_step(step, VERSION).await?;
    operator.wait_for_state(&["prepared"]).await
}

#[tokio::test]
async fn a_release_is_continued_on_a_computer_whose_record_is_empty() -> Result<()> {
    let display = Display::start().await?;
    let folder = open_folder("window-continued")?;
    let data = folder.path().to_owned();
    let theme = std::env::var("GTK_THEME").ok().map(|theme| ("GTK_THEME".to_owned(), theme));
    let mut driver = Driver::start(&display, theme.as_slice()).await?;
    let args = ["--data-dir", data.to_str().context("a plain path")?];
    let session = driver.open(&app()?, &args).await?;
    session.set_window(WINDOW.0, WINDOW.1).await?;
    let world = data.join("world");
    begun(session).await?;
    for entry in fs_err::read_dir(&data)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match RECORD.iter().any(|one| name.starts_with(one)) {
            true if path.is_dir() => fs_err::remove_dir_all(&path)?,
            true => fs_err::remove_file(&path)?,
            false => {}
        }
    }
    driver.restart().await?;
    let session = driver.open(&app()?, &args).await?;
    session.set_window(WINDOW.0, WINDOW.1).await?;
    let ended = continued(&session).await;
    if ended.is_err() {
        let operator = Operator::new(&session, PATIENCE);
        let _kept = operator.picture(&picture_folder()?.join("continued-where-it-stopped.png")).await;
    }
    drop(session);
    drop(driver);
    stop_world(&world).await?;
    ended
}

#[tokio::test]
async fn a_person_is_told_who_holds_production_and_takes_over_with_a_reason() -> Result<()> {
    let display = Display::start().await?;
    let folder = open_folder("window-takeover")?;
    let data = folder.path().to_owned();
    let theme = std::env::var("GTK_THEME").ok().map(|theme| ("GTK_THEME".to_owned(), theme));
    let driver = Driver::start(&display, theme.as_slice()).await?;
    let session = driver.open(&app()?, &["--data-dir", data.to_str().context("a plain path")?]).await?;
    session.set_window(WINDOW.0, WINDOW.1).await?;
    let world = data.join("world");
    let ended = taken_over(&session, &world).await;
    if ended.is_err() {
        let operator = Operator::new(&session, PATIENCE);
        let _kept = operator.picture(&picture_folder()?.join("takeover-where-it-stopped.png")).await;
    }
    drop(session);
    drop(driver);
    stop_world(&world).await?;
    ended
}
