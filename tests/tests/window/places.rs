//! One window with both places, on a home folder of its own: the first start, the switch in the
//! rail, a run that goes on, a second start, and the place that is remembered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenlight_tests::support::desk::{VERSION, app};
use greenlight_tests::support::folder::open_folder;
use greenlight_tests::support::keychain::Keychain;
use greenlight_tests::support::practice::stop_world;
use greenlight_tests::support::process::{Deadline, Process, Signal, clean_command, wait_gone};
use greenlight_tests::support::webdriver::{Display, Driver, Session, window_size};
use greenlight_tests::support::window::Window;
use greenlight_types::StepId;

use super::TURN;

const PATIENCE: Duration = Duration::from_secs(120);
/// Virtual seconds per real second. A backup takes about eight virtual minutes.
const SPEED: u32 = 60;

/// A computer on which Greenlight is started without arguments.
struct Computer {
    driver: Driver,
    environment: Vec<(String, String)>,
    app: PathBuf,
    home: PathBuf,
    out: PathBuf,
}

impl Computer {
    async fn open(&self) -> Result<Session> {
        let session = self.driver.open(&self.app, &[]).await?;
        let (width, height) = window_size();
        session.set_window(width, height).await?;
        Ok(session)
    }

    /// Starts the app once more beside the open window, and waits for its end.
    async fn start_again(&self, argument: &str) -> Result<()> {
        let mut again = clean_command(&self.app, &self.home);
        again.arg(argument).envs(self.environment.iter().cloned());
        let log = self.home.join("second-start.log");
        let mut second = Process::start("the second start", &again, Signal::Terminate, &log)?;
        let mut deadline = Deadline::after(PATIENCE);
        loop {
            if let Some(status) = second.ended()? {
                ensure!(status.success(), "the second start ended with {status}: {}", second.log_end());
                return Ok(());
            }
            deadline.pause("the second start to end").await?;
        }
    }

    async fn keep(&self, window: &Window<'_>, name: &str) -> Result<()> {
        window.picture(&self.out.join(format!("{name}.png"))).await
    }
}

async fn shows(window: &Window<'_>, realm: &str) -> Result<()> {
    window.wait_for_attribute("app", "data-realm", realm, PATIENCE).await?;
    window.ready().await
}

async fn both_places(computer: &Computer) -> Result<()> {
    let session = computer.open().await?;
    let window = Window::new(&session, PATIENCE);
    shows(&window, "practice").await?;
    ensure!(window.attribute("app", "data-view").await?.as_deref() == Some("home"), "the first screen is not Home");
    let servers = window.read("servers-now").await?;
    ensure!(servers.contains("2.0.1.11"), "{servers}");
    computer.keep(&window, "01-home-practice").await?;

    window.press("next-open").await?;
    window.set_speed(SPEED).await?;
    window.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL.into_iter().take_while(|step| *step != StepId::BackUp) {
        window.do_step(step, VERSION).await.with_context(|| step.name())?;
    }
    window.deploy(VERSION, None).await?;
    ensure!(window.prepare_step(StepId::BackUp).await?, "the backup is not offered");
    window.press_step(StepId::BackUp, VERSION).await?;

    window.press("place-production").await?;
    shows(&window, "production").await?;
    computer.keep(&window, "02-production-first").await?;
    ensure!(window.is_asked_who().await?, "production knows a name that nobody gave");
    window.introduce("Anna").await?;
    window.press("nav-home").await?;
    let elsewhere = window.read("elsewhere").await?;
    ensure!(elsewhere.contains("Practice"), "{elsewhere}");
    window.wait_for_attribute("production-failure", "data-code", "unconfirmed", PATIENCE).await?;
    computer.keep(&window, "03-home-production").await?;

    window.press("go-elsewhere").await?;
    shows(&window, "practice").await?;
    computer.keep(&window, "04-home-deploying").await?;
    window.go_to_release().await?;
    window.wait_done(StepId::BackUp).await?;

    computer.start_again("--production").await?;
    shows(&window, "production").await?;
    close(session).await?;

    let session = computer.open().await?;
    let window = Window::new(&session, PATIENCE);
    shows(&window, "production").await.context("the place that was shown last")?;
    let elsewhere = window.read("elsewhere").await?;
    ensure!(elsewhere.contains(VERSION), "{elsewhere}");
    close(session).await
}

async fn close(session: Session) -> Result<()> {
    let app = session.app_pid();
    session.end().await?;
    if let Some(app) = app { wait_gone(app, "the window to close").await } else { Ok(()) }
}

#[tokio::test]
async fn one_window_has_practice_and_production() -> Result<()> {
    let _turn = TURN.write().await;
    let display = Display::start().await?;
    let keychain = Keychain::start().await?;
    let folder = open_folder("window-places")?;
    let data = folder.path().join("data");
    let mut environment = keychain.env();
    environment.retain(|(name, _)| name != "XDG_DATA_HOME");
    environment
        .extend([("XDG_DATA_HOME".to_owned(), data.display().to_string()), ("DISPLAY".to_owned(), display.name())]);
    let driver = Driver::start(&display, &environment).await?;
    let app = app()?;
    let out = app.parent().and_then(Path::parent).context("no target folder")?.join("places");
    fs_err::create_dir_all(&out)?;
    let computer = Computer { driver, environment, app, home: folder.path().to_owned(), out };
    let played = both_places(&computer).await;
    drop(computer);
    stop_world(&data.join("greenlight/practice/world")).await?;
    played
}
