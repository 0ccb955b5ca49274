//! Plays a whole release in the window on the simulator, from outside, as a person would. This is
//! `make run` without a display. Leaves a picture of every screen and the audit trail of the run in
//! a folder.
//!
//! `practise APP OUT`. Ends with 0 only if the release ended as released.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use greenlight_tests::support::practice::stop_world;
use greenlight_tests::support::process::wait_gone;
use greenlight_tests::support::webdriver::{Display, Driver, window_size};
use greenlight_tests::support::window::Window;
use greenlight_types::{Phase, StepId};

/// The released version.
const VERSION: &str = "2.1.0";
/// Virtual seconds per real second.
const SPEED: &str = "60";
/// Longest wait for one step, in real time. The slowest step, the build, takes half a minute at
/// this speed.
const PATIENCE: Duration = Duration::from_secs(150);
/// Longest duration of the whole program.
const WHOLE: Duration = Duration::from_secs(420);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(app), Some(out), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        say("usage: practise APP OUT");
        return ExitCode::FAILURE;
    };
    let played = match std::path::absolute(&out) {
        Ok(out) => play(Path::new(&app), &out).await,
        Err(error) => Err(error.into()),
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("The release did not end as released: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this program tells its progress on the terminal")]
fn say(line: &str) {
    println!("{line}");
}

/// Removes the files of an earlier run. The app never overwrites an audit trail, and old pictures
/// would look like new ones.
fn clear(out: &Path) -> Result<()> {
    for entry in fs_err::read_dir(out)? {
        let path = entry?.path();
        let is_picture = path.extension().is_some_and(|end| end == "png");
        if is_picture || path.file_name().is_some_and(|name| name == "record.md") {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}

async fn play(app: &Path, out: &Path) -> Result<()> {
    fs_err::create_dir_all(out)?;
    clear(out)?;
    let data = tempfile::Builder::new().prefix("greenlight-practice-").tempdir()?;
    let too_long = || anyhow!("it did not end within {} minutes", WHOLE.as_secs() / 60);
    let ended = tokio::time::timeout(WHOLE, play_in(app, out, data.path())).await.unwrap_or_else(|_| Err(too_long()));
    // The simulator outlives the window on purpose. This program does not use it again.
    let stopped = stop_world(&data.path().join("world")).await.context("stop the pretend production");
    ended.and(stopped)
}

async fn play_in(app: &Path, out: &Path, data: &Path) -> Result<()> {
    let display = Display::start().await?;
    let folder = data.display().to_string();
    let place = Place { app, arguments: ["--speed", SPEED, "--data-dir", &folder], out };
    let plain =
        if takes_pictures() { Vec::new() } else { vec![("WEBKIT_DISABLE_DMABUF_RENDERER".to_owned(), "1".to_owned())] };
    let light = Driver::start(&display, &plain).await?;
    let dark =
        Driver::start(&display, &[plain, vec![("GTK_THEME".to_owned(), "Adwaita:dark".to_owned())]].concat()).await?;
    let mut album = Album { out, number: 1, titles: Vec::new() };

    say("Opening Greenlight on the pretend production.");
    let begun = Instant::now();
    place.at_window(&light, async |window| prepare(window, &mut album).await).await?;
    say("Closing it between Prepare and Deploy, and opening it again: first in the dark.");
    place.at_window(&dark, async |window| dark_release(window, &album).await).await?;
    place.at_window(&light, async |window| deploy(window, &mut album).await).await?;
    place.at_window(&light, async |window| roll_back(window, &mut album).await).await?;
    place.at_window(&dark, async |window| dark_screens(window, &album).await).await?;
    let took = begun.elapsed().as_secs();
    say(&format!("The whole rehearsal took {} min {} s.", took / 60, took % 60));
    say(&format!("Rally {VERSION} was released, and rolled back. Pictures of every screen are in {}.", out.display()));
    Ok(())
}

/// The program to open, and the folder for pictures.
struct Place<'a> {
    app: &'a Path,
    arguments: [&'a str; 4],
    out: &'a Path,
}

impl Place<'_> {
    /// Opens the window, runs `work` in it, and closes it. Keeps a picture of the page when the
    /// work fails.
    async fn at_window(&self, driver: &Driver, work: impl AsyncFnOnce(&Window<'_>) -> Result<()>) -> Result<()> {
        let session = driver.open(self.app, &self.arguments).await?;
        let (width, height) = window_size();
        session.set_window(width, height).await?;
        let window = Window::new(&session, PATIENCE);
        let done = work(&window).await;
        if done.is_err() {
            let picture = self.out.join("99-where-it-stopped.png");
            if window.picture(&picture).await.is_ok() {
                say(&format!("{} shows where it stopped.", picture.display()));
            }
        }
        let app = session.app_pid();
        let closed = session.end().await;
        done.and(closed)?;
        // Only one window at a time may have the data folder open.
        if let Some(app) = app { wait_gone(app, "the window to close").await } else { Ok(()) }
    }
}

/// The pictures, numbered in the order in which they are taken.
struct Album<'a> {
    out: &'a Path,
    number: u32,
    /// Titles of the steps so far.
    titles: Vec<String>,
}

impl Album<'_> {
    async fn keep(&mut self, window: &Window<'_>, name: &str) -> Result<()> {
        let file = self.file(&format!("{:02}-{name}", self.number));
        self.number += 1;
        taken(window, &file).await
    }

    fn file(&self, name: &str) -> PathBuf {
        self.out.join(format!("{name}.png"))
    }
}

/// Whether pictures are taken. A measurement of memory takes none: they would be measured too. For
/// it the web view draws as it does for a person (`start_with_steady_webview` of the app), and a
/// driver never gets a picture in that mode.
fn takes_pictures() -> bool {
    std::env::var_os("GREENLIGHT_NO_PICTURES").is_none()
}

async fn taken(window: &Window<'_>, file: &Path) -> Result<()> {
    if takes_pictures() { window.picture(file).await } else { Ok(()) }
}

async fn prepare(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    if window.is_asked_who().await? {
        album.keep(window, "welcome").await?;
    }
    window.introduce("Anna").await?;
    ensure!(window.attribute("app", "data-realm").await?.as_deref() == Some("practice"), "this is not practice");
    window.press("nav-home").await?;
    window.read("servers-now").await?;
    album.keep(window, "home").await?;
    window.press("next-open").await?;
    window.go_to_release().await?;
    album.keep(window, "new-release").await?;
    window.press("practice-open").await?;
    window.read("trouble-siteCheckFails").await?;
    album.keep(window, "practice").await?;
    window.press("practice-close").await?;
    window.press("nav-setup").await?;
    window.press("test-all").await?;
    for group in ["code", "aws", "machine", "database", "site"] {
        window.wait_for_attribute(&format!("group-{group}"), "data-tested", "true", PATIENCE).await?;
    }
    window.press("fold-aws").await?;
    album.keep(window, "setup").await?;
    window.press("fold-aws").await?;
    window.press("fold-site").await?;
    window.press("edit-site.version_pattern").await?;
    window.read("candidates").await?;
    album.keep(window, "setup-choose").await?;
    window.press("nav-access").await?;
    window.read("card-stagingKey").await?;
    album.keep(window, "access").await?;
    window.go_to_release().await?;
    window.fill("version", VERSION).await?;
    window.read("names").await?;
    album.keep(window, "version").await?;
    window.draft(VERSION).await?;
    window.wait_for_attribute("readiness", "data-asking", "false", PATIENCE).await?;
    album.keep(window, "draft").await?;
    plan_of_release(window, &album.file("88-plan")).await?;
    window.start_prepare().await?;
    for step in StepId::ALL.into_iter().filter(|step| step.phase() == Phase::Prepare) {
        one_step(window, album, step).await?;
    }
    window.wait_for_state(&["prepared"]).await?;
    window.read("deploy-panel").await?;
    album.keep(window, "prepared").await
}

/// Opens the whole plan from the page that starts a part, takes a picture of it, and goes back.
async fn plan_of_release(window: &Window<'_>, file: &Path) -> Result<()> {
    window.press("see-plan").await?;
    window.read("plan-step-CheckSite").await?;
    taken(window, file).await?;
    window.press("plan-back").await?;
    window.read("see-plan").await.map(drop)
}

async fn deploy(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    window.go_to_release().await?;
    window.fill_deploy(VERSION, None).await?;
    album.keep(window, "deploy").await?;
    window.start_deploy().await?;
    for step in StepId::ALL.into_iter().filter(|step| step.phase() != Phase::Prepare) {
        one_step(window, album, step).await?;
    }
    let title = window.wait_released().await?;
    album.keep(window, "released").await?;
    say(&format!("The window says: {title}."));
    let record = album.out.join("record.md");
    if record.exists() {
        fs_err::remove_file(&record)?;
    }
    window.save_record(&record).await?;
    album.keep(window, "history").await?;
    judge_record(&record, &album.titles)?;
    say(&format!("The record is {}.", record.display()));
    Ok(())
}

/// Rolls the release back that has just ended, from History.
async fn roll_back(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    window.press("nav-history").await?;
    window.press("roll-back-release").await?;
    window.read("deploy-panel").await?;
    window.wait_for_attribute("deploy-panel", "data-asking", "false", PATIENCE).await?;
    window.wait_for_attribute("readiness", "data-asking", "false", PATIENCE).await?;
    window.fill("deploy-told", "The support desk, by mail").await?;
    window.fill("deploy-version", VERSION).await?;
    album.keep(window, "rollback").await?;
    window.start_deploy().await?;
    let step = StepId::RollBack;
    ensure!(window.prepare_step(step).await?, "the rollback is not offered");
    window.look_at(step).await?;
    album.keep(window, "RollBack").await?;
    window.press_step(step, VERSION).await?;
    window.wait_done(step).await?;
    window.look_at(step).await?;
    album.keep(window, "RollBack-done").await?;
    window.press("end-rolled-back").await?;
    window.note("Practised until the end").await?;
    let result = window.wait_for_end().await?;
    ensure!(result == "rolledBack", "the rollback ended as {result}");
    album.keep(window, "rolled-back").await?;
    see_later_rollback(window, album).await
}

/// Reads in History that the release was rolled back.
async fn see_later_rollback(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    window.press("nav-history").await?;
    window.read("history-detail").await?;
    let rows = window.all("history-row-").await?;
    ensure!(rows.len() == 2, "History has {rows:?}");
    for row in rows {
        if window.attribute(&row, "data-result").await?.as_deref() == Some("released") {
            window.press(&row).await?;
        }
    }
    let told = window.read("rolled-back-later").await?;
    ensure!(told.contains(&format!("put the version before {VERSION} back")), "the release says: {told}");
    ensure!(!window.sees("roll-back-card").await?, "a second rollback is offered");
    album.keep(window, "rolled-back-later").await
}

/// Checks that the audit trail on disk matches the window.
fn judge_record(record: &Path, titles: &[String]) -> Result<()> {
    let text = fs_err::read_to_string(record)?;
    ensure!(text.lines().any(|line| line == "* Result: Released"), "the record does not say Released");
    ensure!(titles.len() == StepId::ALL.len(), "{} steps were seen", titles.len());
    for (step, title) in StepId::ALL.into_iter().zip(titles) {
        let is_named = text.contains(&format!("### {title}\n\n* Step: {}\n* Result: done\n", step.name()));
        ensure!(is_named, "the record does not say that {} ({title:?}) is done", step.name());
    }
    Ok(())
}

/// Takes pictures of a question of the build and of the optional step that answers it. Starts
/// nothing.
async fn limit_of_failed_starts(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    let is_offered = async || Ok(window.status(StepId::DispatchBuild).await? == "awaitingOperator");
    window.until("the build to be offered", PATIENCE, is_offered).await?;
    window.look_at(StepId::DispatchBuild).await?;
    window.wait_for_attribute("focus", "data-plan", "ready", PATIENCE).await?;
    album.keep(window, "DispatchBuild-question").await?;
    window.press("correct").await?;
    window.pick("correct-key", "github.build_job").await?;
    album.keep(window, "correct-value").await?;
    window.press("correct-no").await?;
    window.press("choices").await?;
    album.keep(window, "choices").await?;
    window.choose(StepId::RaiseFailureLimit).await?;
    album.keep(window, "choice-RaiseFailureLimit").await?;
    window.press("choose-not").await?;
    window.look_at(StepId::DispatchBuild).await
}

/// Takes the pictures of one step and performs the step.
async fn one_step(window: &Window<'_>, album: &mut Album<'_>, step: StepId) -> Result<()> {
    say(&format!("{}.", step.name()));
    if step == StepId::DispatchBuild {
        limit_of_failed_starts(window, album).await?;
    }
    let is_offered = !is_watching(step) && window.prepare_step(step).await?;
    if step == StepId::RunMigration {
        window.answer_failed_start("oldDatabase").await?;
    }
    window.look_at(step).await?;
    album.titles.push(window.read("step-title").await?);
    if is_offered {
        let is_open = async || Ok(window.attribute("step-button", "aria-disabled").await?.as_deref() == Some("false"));
        window.until("the button to open", PATIENCE, is_open).await?;
    }
    album.keep(window, step.name()).await?;
    if is_offered && step == StepId::RunMigration {
        window.press_within("step-button", PATIENCE).await?;
        window.read("confirm-dialog").await?;
        album.keep(window, "RunMigration-confirm").await?;
        window.confirm(VERSION).await?;
    } else if is_offered {
        window.press_step(step, VERSION).await?;
    }
    match step {
        // These steps end while later steps run.
        StepId::FollowBuild | StepId::AwaitRollout => return Ok(()),
        StepId::BackUp | StepId::RunMigration => {
            window.look_at(step).await?;
            let has_output = async || {
                let lines = window.attribute("log-count", "data-count").await?;
                Ok(lines.is_some_and(|count| count != "0"))
            };
            window.until("the first lines", PATIENCE, has_output).await?;
            album.keep(window, &format!("{}-running", step.name())).await?;
        }
        StepId::CheckSite => {
            window.until("the checks", PATIENCE, async || window.has_open_checks().await).await?;
            album.keep(window, "CheckSite-checks").await?;
            return window.pass_checks(VERSION).await;
        }
        StepId::MergeBranch
        | StepId::SetVersion
        | StepId::CreateTag
        | StepId::PushBranch
        | StepId::PushTag
        | StepId::RaiseFailureLimit
        | StepId::RestoreFailureLimit
        | StepId::StopRollout
        | StepId::DeployAgain
        | StepId::RollBack
        | StepId::RerunBuild
        | StepId::CancelBuild
        | StepId::FollowOtherBuild
        | StepId::OpenPullRequest
        | StepId::RegisterTaskDefinition
        | StepId::DispatchBuild
        | StepId::AwaitDeployPhase => {}
    }
    if step == StepId::BackUp {
        let is_found = async || Ok(window.status(step).await? == "warned");
        window.until("the file of the backup", PATIENCE, is_found).await?;
        window.look_at(step).await?;
        album.keep(window, "BackUp-found").await?;
    }
    window.wait_done(step).await?;
    show_repeats(window, album, step).await
}

/// Takes pictures of a done step that may be done again.
async fn show_repeats(window: &Window<'_>, album: &mut Album<'_>, step: StepId) -> Result<()> {
    if step == StepId::BackUp {
        backup_again(window, album).await
    } else if step == StepId::RunMigration {
        migrated(window, album).await
    } else {
        Ok(())
    }
}

/// Takes a picture of the migration with the reports that it was undone.
async fn migrated(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    window.look_at(StepId::RunMigration).await?;
    window.read("undone").await?;
    album.keep(window, "RunMigration-done").await
}

/// Takes a picture of the plan for another backup, without starting it.
async fn backup_again(window: &Window<'_>, album: &mut Album<'_>) -> Result<()> {
    window.look_at(StepId::BackUp).await?;
    window.read("repeat").await?;
    album.keep(window, "BackUp-done").await?;
    window.press("repeat").await?;
    window.read("step-button").await?;
    album.keep(window, "BackUp-again").await
}

fn is_watching(step: StepId) -> bool {
    matches!(step, StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout)
}

/// Takes a picture of the run between Prepare and Deploy in the dark theme.
async fn dark_release(window: &Window<'_>, album: &Album<'_>) -> Result<()> {
    window.read("servers-now").await?;
    taken(window, &album.file("89-dark-home")).await?;
    window.go_to_release().await?;
    window.wait_for_state(&["prepared"]).await?;
    window.read("deploy-panel").await?;
    taken(window, &album.file("90-dark-prepared")).await?;
    plan_of_release(window, &album.file("96-dark-plan")).await?;
    window.look_at(StepId::PushBranch).await?;
    taken(window, &album.file("91-dark-step")).await
}

async fn dark_screens(window: &Window<'_>, album: &Album<'_>) -> Result<()> {
    window.go_to_release().await?;
    taken(window, &album.file("92-dark-new-release")).await?;
    window.press("practice-open").await?;
    window.read("trouble-siteCheckFails").await?;
    taken(window, &album.file("95-dark-practice")).await?;
    window.press("practice-close").await?;
    window.press("nav-history").await?;
    window.read("history-detail").await?;
    taken(window, &album.file("93-dark-history")).await?;
    window.press("nav-access").await?;
    window.read("card-stagingKey").await?;
    taken(window, &album.file("94-dark-access")).await
}
