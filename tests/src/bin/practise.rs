//! Plays a whole release in the window on the pretend production, from outside, as a person would: what `make run` does
//! without a display. Leaves a picture of every screen and the record of the run in a folder.
//!
//! `practise APP OUT`. Ends with 0 only if the release ended as released.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::handle::Handle;
use greenlight_tests::support::operator::Operator;
use greenlight_tests::support::webdriver::{Display, Driver, WINDOW};
use greenlight_types::StepId;

/// What is released.
const VERSION: &str = "2.1.0";
/// Virtual seconds per second.
const SPEED: &str = "60";
/// Longest wait for one step, in real time; the slowest, the build, takes half a minute at this speed.
const PATIENCE: Duration = Duration::from_secs(150);
/// Longest time for everything.
const WHOLE: Duration = Duration::from_secs(420);

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(app), Some(out), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        say("usage: practise APP OUT");
        return ExitCode::FAILURE;
    };
    let played = match std::path::absolute(&out) {
        Ok(out) => tokio::time::timeout(WHOLE, play(Path::new(&app), &out)).await,
        Err(error) => Ok(Err(error.into())),
    };
    match played {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            say(&format!("The release did not end as released: {error:#}"));
            ExitCode::FAILURE
        }
        Err(_) => {
            say(&format!("The release did not end within {} minutes.", WHOLE.as_secs() / 60));
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this program tells its progress on the terminal")]
fn say(line: &str) {
    println!("{line}");
}

async fn play(app: &Path, out: &Path) -> Result<()> {
    fs_err::create_dir_all(out)?;
    let data = tempfile::Builder::new().prefix("greenlight-practice-").tempdir()?;
    let ended = play_in(app, out, data.path()).await;
    // The pretend production outlives the window on purpose; here nobody comes back to it.
    if let Some(world) = Handle::attach(&data.path().join("world")).await {
        world.stop().await.context("stop the pretend production")?;
    }
    ended
}

async fn play_in(app: &Path, out: &Path, data: &Path) -> Result<()> {
    let album = Album { out: out.to_owned() };
    let display = Display::start().await?;
    let folder = data.display().to_string();
    let arguments = ["--speed", SPEED, "--data-dir", &folder];

    let light = Driver::start(&display, &[]).await?;
    say("Opening Greenlight on the pretend production.");
    let session = light.open(app, &arguments).await?;
    session.set_window(WINDOW.0, WINDOW.1).await?;
    let record = out.join("record.md");
    release(&Operator::new(&session, PATIENCE), &album, &record).await?;
    session.end().await?;

    let text = fs_err::read_to_string(&record)?;
    ensure!(text.contains("released"), "the record does not say that {VERSION} was released");
    say(&format!("The record is {}.", record.display()));

    // The same data once more, as the system looks in the dark.
    let dark = Driver::start(&display, &[("GTK_THEME".to_owned(), "Adwaita:dark".to_owned())]).await?;
    let session = dark.open(app, &arguments).await?;
    session.set_window(WINDOW.0, WINDOW.1).await?;
    dark_screens(&Operator::new(&session, PATIENCE), &album).await?;
    session.end().await?;
    say(&format!("Rally {VERSION} was released. Pictures of every screen are in {}.", out.display()));
    Ok(())
}

struct Album {
    out: PathBuf,
}

impl Album {
    /// Keeps the second of two pictures: the page draws after it has changed, and the first one is taken in between.
    async fn keep(&self, operator: &Operator<'_>, name: &str) -> Result<()> {
        let file = self.out.join(format!("{name}.png"));
        for _ in 0..2 {
            operator.session().settle().await?;
            operator.session().screenshot(&file).await?;
        }
        Ok(())
    }
}

async fn release(operator: &Operator<'_>, album: &Album, record: &Path) -> Result<()> {
    operator.introduce("Anna").await?;
    ensure!(operator.attribute("app", "data-realm").await?.as_deref() == Some("practice"), "this is not practice");
    album.keep(operator, "01-new-release").await?;
    operator.press("nav-access").await?;
    operator.session().wait_for("[data-testid=\"card-stagingKey\"]", PATIENCE).await?;
    album.keep(operator, "02-access").await?;
    operator.press("nav-release").await?;
    operator.fill("version", VERSION).await?;
    operator.read("names").await?;
    album.keep(operator, "03-version").await?;
    operator.draft(VERSION).await?;
    album.keep(operator, "04-draft").await?;
    operator.start_prepare().await?;

    let (mut number, mut titles) = (5, Vec::new());
    for step in StepId::ALL {
        if step == StepId::BackUp {
            operator.wait_for_state(&["prepared"]).await?;
            operator.fill_deploy(VERSION, None).await?;
            album.keep(operator, &format!("{number:02}-deploy")).await?;
            number += 1;
            operator.start_deploy().await?;
        }
        say(&format!("{}.", step.name()));
        titles.push(one_step(operator, album, step, &mut number).await?);
    }
    let result = operator.wait_for_end().await?;
    operator.read("run-title").await?;
    album.keep(operator, &format!("{number:02}-end")).await?;
    ensure!(result == "released", "the run ended as {result:?}");
    operator.save_record(record).await?;
    album.keep(operator, &format!("{:02}-history", number + 1)).await?;
    let text = fs_err::read_to_string(record)?;
    for title in titles {
        ensure!(text.contains(&title), "the record does not name the step {title:?}");
    }
    Ok(())
}

/// Takes the pictures of one step and does it; answers its title.
async fn one_step(operator: &Operator<'_>, album: &Album, step: StepId, number: &mut u32) -> Result<String> {
    let name = |number: &mut u32, what: &str| {
        let name = format!("{:02}-{}{what}", *number, step.name());
        *number += 1;
        name
    };
    let is_offered = !is_watching(step) && operator.prepare_step(step).await?;
    operator.look_at(step).await?;
    let title = operator.read("step-title").await?;
    album.keep(operator, &name(number, "")).await?;
    if is_offered {
        operator.press_within("step-button", PATIENCE).await?;
        if step == StepId::RunMigration {
            operator.session().wait_for("[data-testid=\"confirm-dialog\"]", PATIENCE).await?;
            album.keep(operator, &name(number, "-confirm")).await?;
        }
        if operator.sees("confirm-dialog").await? {
            operator.confirm(VERSION).await?;
        }
    }
    match step {
        // Their ends come while later steps go on.
        StepId::FollowBuild | StepId::AwaitRollout => return Ok(title),
        StepId::BackUp | StepId::RunMigration => {
            operator.look_at(step).await?;
            let has_output = async || {
                let lines = operator.attribute("log-count", "data-count").await?;
                Ok(lines.is_some_and(|count| count != "0"))
            };
            operator.until("the first lines", PATIENCE, has_output).await?;
            album.keep(operator, &name(number, "-running")).await?;
        }
        StepId::CheckSite => {
            operator.session().wait_for("[data-testid$=\"-passed\"]", PATIENCE).await?;
            album.keep(operator, &name(number, "-checks")).await?;
            operator.pass_checks().await?;
            return Ok(title);
        }
        StepId::MergeBranch
        | StepId::SetVersion
        | StepId::CreateTag
        | StepId::PushBranch
        | StepId::PushTag
        | StepId::RegisterTaskDefinition
        | StepId::DispatchBuild
        | StepId::AwaitDeployPhase => {}
    }
    operator.wait_done(step).await?;
    Ok(title)
}

fn is_watching(step: StepId) -> bool {
    matches!(step, StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout)
}

async fn dark_screens(operator: &Operator<'_>, album: &Album) -> Result<()> {
    operator.introduce("Anna").await?;
    album.keep(operator, "90-dark-new-release").await?;
    operator.press("nav-history").await?;
    operator.session().wait_for("[data-testid=\"history-detail\"]", PATIENCE).await?;
    album.keep(operator, "91-dark-history").await?;
    operator.press("nav-access").await?;
    operator.session().wait_for("[data-testid=\"card-stagingKey\"]", PATIENCE).await?;
    album.keep(operator, "92-dark-access").await
}
