//! The real window on the simulator, killed by SIGKILL inside every step. The app on real peers is
//! tested elsewhere.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::handle::Handle;
use greenlight_tests::support::desk::{VERSION, app};
use greenlight_tests::support::folder::open_folder;
use greenlight_tests::support::practice::stop_world;
use greenlight_tests::support::webdriver::{Display, Driver, Session};
use greenlight_tests::support::window::Window;
use greenlight_types::StepId;
use serde_json::Value;

use super::TURN;

const PATIENCE: Duration = Duration::from_secs(120);
/// Virtual seconds per real second while a step runs to its end.
const FAST: u32 = 60;
/// Virtual seconds per real second while the app is killed. A push takes about ten virtual seconds.
const SLOW: u32 = 2;

struct Desk {
    driver: Driver,
    session: Option<Session>,
    app: PathBuf,
    data: PathBuf,
}

impl Desk {
    fn window(&self) -> Result<Window<'_>> {
        Ok(Window::new(self.session.as_ref().context("no window")?, PATIENCE))
    }

    async fn open(&mut self) -> Result<()> {
        let arguments = ["--data-dir", self.data.to_str().context("a plain path")?];
        self.session = Some(self.driver.open(&self.app, &arguments).await?);
        self.window()?.introduce("Anna").await
    }

    async fn kill_and_reopen(&mut self) -> Result<()> {
        self.session.take().context("no window")?.kill_app().await?;
        self.driver.restart().await?;
        self.open().await
    }

    async fn world(&self) -> Result<Handle> {
        Handle::attach(&self.data.join("world")).await.context("the pretend production does not answer")
    }

    /// Kills the app inside a step, reopens it, and finishes the step.
    async fn step(&mut self, step: StepId) -> Result<()> {
        let is_watching = matches!(step, StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout);
        let window = self.window()?;
        if is_watching {
            let under_way = async || Ok(!matches!(window.status(step).await?.as_str(), "" | "notStarted"));
            window.until(step.name(), PATIENCE, under_way).await?;
        } else {
            ensure!(window.prepare_step(step).await?, "{} is not offered", step.name());
            if step == StepId::RunMigration {
                window.answer_failed_start("oldDatabase").await?;
            }
            self.world().await?.set_speed(SLOW).await?;
            window.press_step(step, VERSION).await?;
        }
        self.kill_and_reopen().await?;
        self.world().await?.set_speed(FAST).await?;
        let window = self.window()?;
        match step {
            StepId::CheckSite => window.check_site(VERSION).await,
            // These steps end while later steps run.
            StepId::FollowBuild | StepId::AwaitRollout => Ok(()),
            StepId::AwaitDeployPhase => window.wait_done(step).await,
            StepId::MergeBranch
            | StepId::SetVersion
            | StepId::CreateTag
            | StepId::PushBranch
            | StepId::PushTag
            | StepId::RegisterTaskDefinition
            | StepId::BackUp
            | StepId::DispatchBuild
            | StepId::RunMigration
            | StepId::RaiseFailureLimit
            | StepId::RestoreFailureLimit
            | StepId::StopRollout
            | StepId::DeployAgain
            | StepId::RollBack
            | StepId::RerunBuild
            | StepId::CancelBuild
            | StepId::FollowOtherBuild
            | StepId::OpenPullRequest => window.do_step(step, VERSION).await,
        }
    }
}

async fn released_with_a_kill_in_each_step(desk: &mut Desk) -> Result<()> {
    desk.open().await?;
    desk.window()?.draft_and_prepare(VERSION).await?;
    for step in StepId::ALL {
        if step == StepId::BackUp {
            desk.window()?.deploy(VERSION, None).await?;
        }
        desk.step(step).await.with_context(|| step.name())?;
    }
    let title = desk.window()?.wait_released().await?;
    ensure!(title.contains(VERSION), "{title}");
    Ok(())
}

/// Number of jobs of a kind that ever started on the simulated host. Their scripts leave a file.
fn started(world: &Path, kind: &str) -> Result<usize> {
    let jobs = world.join("host/home/ec2-user/.greenlight/jobs");
    let of_kind = |name: &str| name.contains(&format!(".{kind}."));
    let entries = fs_err::read_dir(jobs)?.flatten();
    // A revoked job leaves the same file as a started one.
    let has_begun =
        |job: &Path| fs_err::read_to_string(job.join("started/info")).is_ok_and(|info| info.starts_with("kind=run "));
    Ok(entries.filter(|job| of_kind(&job.file_name().to_string_lossy()) && has_begun(&job.path())).count())
}

/// Checks the simulator's own files instead of the app.
fn ensure_nothing_twice(world: &Path) -> Result<()> {
    for kind in ["backup", "migrate"] {
        assert_eq!(started(world, kind)?, 1, "{kind} has to start exactly once");
    }
    let state: Value = serde_json::from_slice(&fs_err::read(world.join("world.json"))?)?;
    let count = |what: &str| state[what].as_array().map(Vec::len);
    assert_eq!(state["schema"], "2.1.0.0");
    assert_eq!(count("builds"), Some(1), "the build has to be started once");
    assert_eq!(count("images"), Some(2), "the old package and ours");
    assert_eq!(count("definitions"), Some(2), "the old revision and ours");

    let repository = git2::Repository::open_bare(world.join("git/rallyforresearch/rally.git"))?;
    let head = repository.refname_to_id("refs/heads/master")?;
    let tag = repository.find_reference("refs/tags/v2.1.0")?.peel_to_commit()?;
    assert_eq!(tag.id(), head, "the label is on master");
    let mut walk = repository.revwalk()?;
    walk.push(head)?;
    let ids = walk.collect::<Result<Vec<_>, _>>()?;
    let summaries: Vec<String> = ids
        .into_iter()
        .map(|id| Ok(repository.find_commit(id)?.summary()?.unwrap_or_default().to_owned()))
        .collect::<Result<_, git2::Error>>()?;
    for summary in ["Set version to 2.1.0.0-RELEASE", "Merge branch 'v2.1.0' into master"] {
        let times = summaries.iter().filter(|one| *one == summary).count();
        assert_eq!(times, 1, "{summary} in {summaries:?}");
    }
    Ok(())
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn a_release_survives_a_kill_inside_every_step() -> Result<()> {
    let _turn = TURN.write().await;
    let display = Display::start().await?;
    let folder = open_folder("window-practice")?;
    let data = folder.path().to_owned();
    let driver = Driver::start(&display, &[]).await?;
    let mut desk = Desk { driver, session: None, app: app()?, data };
    let ended = released_with_a_kill_in_each_step(&mut desk).await;
    let world = desk.data.join("world");
    drop(desk);
    stop_world(&world).await?;
    ended?;
    ensure_nothing_twice(&world)
}
