//! The first ten troubles, each practised in the real window to a correct end: released, released
//! with a failed check, or stopped with nothing half done. Keeps a picture of the moment when the
//! window shows each trouble.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::handle::Handle;
use greenlight_tests::support::desk::{VERSION, app};
use greenlight_tests::support::folder::{open_folder, picture_folder};
use greenlight_tests::support::practice::stop_world;
use greenlight_tests::support::webdriver::{Display, Driver, Session, window_size};
use greenlight_tests::support::window::Window;
use greenlight_types::{Phase, StepId, Trouble};
use serde_json::Value;

use super::TURN;

pub(super) const PATIENCE: Duration = Duration::from_secs(150);
/// Virtual seconds per real second.
const SPEED: u32 = 60;

/// A window in practice with its own simulator.
pub(super) struct Desk {
    session: Session,
    data: PathBuf,
    pictures: PathBuf,
}

impl Desk {
    pub(super) fn window(&self) -> Window<'_> {
        Window::new(&self.session, PATIENCE)
    }

    /// Keeps a picture of the window that shows the trouble.
    pub(super) async fn picture(&self, trouble: Trouble) -> Result<()> {
        self.picture_of(&format!("trouble-{}", trouble.name())).await
    }

    /// Keeps a picture of the window.
    pub(super) async fn picture_of(&self, name: &str) -> Result<()> {
        self.window().picture(&self.pictures.join(format!("{name}.png"))).await
    }

    /// The pretend repository, without a working tree.
    pub(super) fn repository(&self) -> PathBuf {
        self.data.join("world/git/rallyforresearch/rally.git")
    }

    async fn world(&self) -> Result<Handle> {
        Handle::attach(&self.data.join("world")).await.context("the pretend production does not answer")
    }

    /// The state of the simulator, independent of the app.
    pub(super) fn state(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&fs_err::read(self.data.join("world/world.json"))?)?)
    }

    /// Performs all steps of Prepare from `first` on.
    async fn prepare_from(&self, first: StepId) -> Result<()> {
        let steps = StepId::ALL.into_iter().filter(|step| step.phase() == Phase::Prepare);
        for step in steps.skip_while(|step| *step != first) {
            self.window().do_step(step, VERSION).await.with_context(|| step.name())?;
        }
        Ok(())
    }

    /// Takes a release to the start of Deploy.
    pub(super) async fn prepare(&self) -> Result<()> {
        self.window().draft_and_prepare(VERSION).await?;
        self.prepare_from(StepId::MergeBranch).await?;
        self.window().deploy(VERSION, None).await
    }

    async fn stop(&self, why: &str) -> Result<()> {
        let result = self.window().stop_here(why).await?;
        ensure!(result == "stopped", "the run ended as {result}");
        self.ensure_nothing_half_done()
    }

    /// Checks that the database and the service are as before the release.
    fn ensure_nothing_half_done(&self) -> Result<()> {
        let state = self.state()?;
        ensure!(state["schema"] == "2.0.1.11", "the database is {}", state["schema"]);
        ensure!(state["is_half_migrated"] == false, "the database is half migrated");
        let deployments = state["service"]["deployments"].as_array().map(Vec::len);
        ensure!(deployments == Some(1), "AWS has {deployments:?} deployments");
        Ok(())
    }

    /// Checks that the debrief of the window lists exactly these troubles.
    pub(super) async fn ensure_debrief(&self, troubles: &[Trouble]) -> Result<()> {
        let window = self.window();
        window.read("debrief").await?;
        let told = window.attribute("debrief", "data-lines").await?;
        ensure!(told.as_deref() == Some(troubles.len().to_string().as_str()), "{told:?}\n{}", window.told().await);
        for trouble in troubles {
            window.read(&format!("debrief-{}", trouble.name())).await?;
        }
        Ok(())
    }
}

/// Opens a window on a new simulator, runs `work` in it, and closes both.
pub(super) async fn at_desk(
    name: &str,
    scenario: Option<&str>,
    work: impl AsyncFnOnce(&Desk) -> Result<()>,
) -> Result<()> {
    let _turn = TURN.write().await;
    let display = Display::start().await?;
    let driver = Driver::start(&display, &[]).await?;
    let folder = open_folder(name)?;
    let data = folder.path().to_owned();
    let mut arguments = vec!["--data-dir".to_owned(), data.display().to_string()];
    if let Some(text) = scenario {
        let file = data.join("scenario.toml");
        fs_err::write(&file, text)?;
        arguments.extend(["--scenario".to_owned(), file.display().to_string()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let session = driver.open(&app()?, &arguments).await?;
    let (width, height) = window_size();
    session.set_window(width, height).await?;
    let desk = Desk { session, data: data.clone(), pictures: picture_folder()? };
    let worked = async {
        desk.window().introduce("Anna").await?;
        desk.window().set_speed(SPEED).await?;
        work(&desk).await
    };
    let ended = worked.await;
    if ended.is_err() {
        let _kept = desk.window().picture(&desk.pictures.join(format!("{name}-where-it-stopped.png"))).await;
    }
    drop(desk);
    drop(driver);
    stop_world(&data.join("world")).await?;
    ended
}

/// Row of the check whether the branch merges without conflicts.
const MERGE: &str = "check-mergesCleanly";

/// The readiness checks find the conflict, and keep the start closed until it is resolved.
async fn conflict(desk: &Desk) -> Result<()> {
    let window = desk.window();
    window.draft(VERSION).await?;
    window.switch_on(Trouble::MergeConflict).await?;
    let is_found = async || Ok(window.attribute(MERGE, "data-state").await?.as_deref() == Some("blocked"));
    window.look_until("the conflict to be found", is_found).await?;
    let closed = window.attribute("start-prepare", "aria-disabled").await?;
    ensure!(closed.as_deref() == Some("true"), "Prepare can be started");
    desk.picture(Trouble::MergeConflict).await?;
    window.wait_over(Trouble::MergeConflict, false).await?;
    window.look_until("the conflict to be resolved", async || Ok(!is_found().await?)).await?;
    window.start_prepare().await?;
    window.do_step(StepId::MergeBranch, VERSION).await
}

async fn expired_token(desk: &Desk) -> Result<()> {
    let window = desk.window();
    ensure!(window.prepare_step(StepId::PushTag).await?, "the label is not offered");
    window.switch_on(Trouble::TokenExpires).await?;
    let code = window.press_until_refused(StepId::PushTag, VERSION).await?;
    ensure!(code == "credentialRefused", "{code}");
    desk.picture(Trouble::TokenExpires).await?;
    window.wait_over(Trouble::TokenExpires, true).await?;
    window.try_again(StepId::PushTag, VERSION).await
}

async fn full_disk(desk: &Desk) -> Result<()> {
    let window = desk.window();
    window.switch_on(Trouble::BackupDiskFull).await?;
    ensure!(window.prepare_step(StepId::BackUp).await?, "the backup is not offered");
    window.press_step(StepId::BackUp, VERSION).await?;
    let code = window.wait_failed(StepId::BackUp).await?;
    ensure!(code == "scriptFailed", "{code}");
    desk.picture(Trouble::BackupDiskFull).await
}

async fn late_github(desk: &Desk) -> Result<()> {
    let window = desk.window();
    ensure!(window.prepare_step(StepId::DispatchBuild).await?, "the build is not offered");
    window.press_step(StepId::DispatchBuild, VERSION).await?;
    window.look_at(StepId::DispatchBuild).await?;
    // The answer was lost, and the app searches for the build. The search is as slow as every call.
    window
        .until("the app to look for the build", PATIENCE, async || {
            let is_begun = desk.state()?["builds"].as_array().is_some_and(|builds| !builds.is_empty());
            Ok(is_begun && window.sees("activity").await? && window.read("activity").await?.contains("Looking"))
        })
        .await?;
    desk.picture(Trouble::GithubAnswersLate).await?;
    window.wait_done(StepId::DispatchBuild).await?;
    let builds = desk.state()?["builds"].as_array().map(Vec::len);
    ensure!(builds == Some(1), "{builds:?} builds were started");
    Ok(())
}

async fn lost_connection(desk: &Desk) -> Result<()> {
    let window = desk.window();
    window.wait_done(StepId::AwaitDeployPhase).await?;
    window.switch_on(Trouble::ConnectionLostInMigration).await?;
    window.answer_failed_start("oldDatabase").await?;
    window.press_step(StepId::RunMigration, VERSION).await?;
    window.look_at(StepId::RunMigration).await?;
    let is_told = async || window.sees("connection-lost").await;
    window.until("the window to say that the connection is lost", PATIENCE, is_told).await?;
    desk.picture(Trouble::ConnectionLostInMigration).await?;
    window.wait_done(StepId::RunMigration).await
}

async fn failed_check(desk: &Desk) -> Result<()> {
    let window = desk.window();
    window.switch_on(Trouble::SiteCheckFails).await?;
    if window.prepare_step(StepId::CheckSite).await? {
        window.press_step(StepId::CheckSite, VERSION).await?;
    }
    window.look_at(StepId::CheckSite).await?;
    window.until("the checks", PATIENCE, async || window.has_open_checks().await).await?;
    let site = desk.world().await?.file().ports.site;
    let page = reqwest::get(format!("http://127.0.0.1:{site}/study/411")).await?;
    ensure!(page.status() == 500, "the page of a study is well: {}", page.status());
    window.put_limit_back(VERSION).await?;
    window.look_at(StepId::CheckSite).await?;
    window.pass_check("check-sign-in").await?;
    window.fail_check("check-study", "The page of study 411 says that something went wrong").await?;
    window.pass_check("check-footer").await?;
    window.press_within("accept-failed-check", PATIENCE).await?;
    window.press("note-no").await?;
    desk.picture(Trouble::SiteCheckFails).await?;
    window.press("accept-failed-check").await?;
    window.note("A developer repairs the page of the study today").await?;
    let result = window.wait_for_end().await?;
    ensure!(result == "releasedWithFailedCheck", "the run ended as {result}");
    Ok(())
}

#[tokio::test]
async fn finishes_a_release_with_six_troubles() -> Result<()> {
    at_desk("troubles-six", None, async |desk| {
        conflict(desk).await.context("merge conflict")?;
        for step in [StepId::SetVersion, StepId::CreateTag, StepId::PushBranch] {
            desk.window().do_step(step, VERSION).await?;
        }
        expired_token(desk).await.context("expired token")?;
        desk.prepare_from(StepId::RegisterTaskDefinition).await?;
        desk.window().deploy(VERSION, None).await?;
        full_disk(desk).await.context("full disk")?;
        desk.window().switch_on(Trouble::GithubAnswersLate).await?;
        desk.window().try_again(StepId::BackUp, VERSION).await?;
        late_github(desk).await.context("late GitHub")?;
        lost_connection(desk).await.context("lost connection")?;
        failed_check(desk).await.context("failed check")?;
        desk.ensure_debrief(&[
            Trouble::MergeConflict,
            Trouble::TokenExpires,
            Trouble::BackupDiskFull,
            Trouble::GithubAnswersLate,
            Trouble::ConnectionLostInMigration,
            Trouble::SiteCheckFails,
        ])
        .await?;
        desk.window().picture(&desk.pictures.join("debrief.png")).await?;
        let state = desk.state()?;
        ensure!(state["schema"] == "2.1.0.0" && state["is_half_migrated"] == false, "{}", state["schema"]);
        Ok(())
    })
    .await
}

/// Makes the backup of a run that is in Deploy, then starts its build.
pub(super) async fn to_build(desk: &Desk) -> Result<()> {
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        desk.window().do_step(step, VERSION).await.with_context(|| step.name())?;
    }
    Ok(())
}

async fn build_without_package(desk: &Desk, trouble: Trouble) -> Result<()> {
    desk.prepare().await?;
    desk.window().switch_on(trouble).await?;
    to_build(desk).await?;
    let code = desk.window().wait_failed(StepId::FollowBuild).await?;
    ensure!(code == "buildFailed", "{code}");
    desk.picture(trouble).await?;
    desk.stop("A developer looks at the build").await?;
    desk.ensure_debrief(&[trouble]).await?;
    desk.window().press("new-release").await
}

#[tokio::test]
#[ignore = "a long form: make test-practice"]
async fn practises_a_failed_build_package_and_migration() -> Result<()> {
    at_desk("troubles-builds", None, async |desk| {
        build_without_package(desk, Trouble::BuildFails).await.context("failed build")?;
        build_without_package(desk, Trouble::ImageMissing).await.context("missing image")?;
        desk.prepare().await?;
        let window = desk.window();
        window.switch_on(Trouble::MigrationFailsHalfWay).await?;
        to_build(desk).await?;
        window.wait_done(StepId::AwaitDeployPhase).await?;
        window.answer_failed_start("oldDatabase").await?;
        window.press_step(StepId::RunMigration, VERSION).await?;
        let code = window.wait_failed(StepId::RunMigration).await?;
        ensure!(code == "scriptFailed", "{code}");
        desk.picture(Trouble::MigrationFailsHalfWay).await?;
        ensure!(!window.sees("try-again").await?, "a migration that began is never started again");
        window.wait_over(Trouble::MigrationFailsHalfWay, true).await?;
        window.press("person-finished-it").await?;
        window.note("Lin finished the changesets by hand and looked at the tables").await?;
        window.check_site(VERSION).await?;
        window.wait_released().await?;
        let state = desk.state()?;
        ensure!(state["schema"] == "2.1.0.0" && state["is_half_migrated"] == false, "{}", state["schema"]);
        desk.ensure_debrief(&[Trouble::MigrationFailsHalfWay]).await
    })
    .await
}

#[tokio::test]
async fn a_scenario_with_a_moved_main_branch_stops_the_release() -> Result<()> {
    at_desk("troubles-moved", Some("[[trouble]]\nkind = \"mainMovedOn\"\n"), async |desk| {
        desk.prepare().await?;
        let window = desk.window();
        window.do_step(StepId::BackUp, VERSION).await?;
        ensure!(window.prepare_step(StepId::DispatchBuild).await?, "the build is not offered");
        window.wait_for_attribute("precondition-mainIsTagged", "data-passed", "false", PATIENCE).await?;
        let is_told = async || {
            let why = window.attribute("step-button", "title").await?;
            Ok(why.is_some_and(|why| why.starts_with("Not yet")))
        };
        window.until("the button to say why it is closed", PATIENCE, is_told).await?;
        desk.picture(Trouble::MainMovedOn).await?;
        desk.stop("The next release takes the new commit with it").await?;
        let builds = desk.state()?["builds"].as_array().map(Vec::len);
        ensure!(builds == Some(0), "{builds:?} builds were started");
        desk.ensure_debrief(&[Trouble::MainMovedOn]).await
    })
    .await
}

#[test]
fn refuses_an_invalid_scenario_with_its_line() -> Result<()> {
    let folder = open_folder("troubles-scenario")?;
    let file = folder.path().join("training.toml");
    fs_err::write(&file, "[[trouble]]\nkind = \"imageMissing\"\n\n[[trouble]]\nkind = \"buildFails\"\n")?;
    let told = std::process::Command::new(app()?)
        .args(["--data-dir", &folder.path().join("data").display().to_string()])
        .args(["--scenario", &file.display().to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    ensure!(!told.status.success(), "it was taken");
    ensure!(said.contains("training.toml, line 5: imageMissing can never happen after buildFails"), "{said}");
    Ok(())
}
