//! The computer of an operator in front of a `Stage`: keychain, display, and the shipped binary
//! with its own data folder and window.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use greenlight_rehearsal::process::rally::Pace;
use serde_json::Value;

use super::keychain::Keychain;
use super::moto::{CONTAINER, FAMILY};
use super::process::Deadline;
use super::ssh_host::{Script, USER};
use super::stage::{Known, Stage};
use super::webdriver::{Display, Driver, Session, window_size};

/// The released version.
pub const VERSION: &str = "2.1.0";

/// The computer of an operator. [`Desk::open`] opens the window, as often as the test needs it.
#[derive(Debug)]
pub struct Desk {
    /// The systems of the release.
    pub stage: Stage,
    /// Opens windows of the app.
    pub driver: Driver,
    data: PathBuf,
    app: PathBuf,
    _keychain: Keychain,
    _display: Display,
}

impl Desk {
    /// Starts every system. Opens no window.
    ///
    /// # Errors
    /// When a system is missing or does not start.
    pub async fn start(ends_at_update: bool, pace: Pace) -> Result<Self> {
        Self::at(Stage::start(ends_at_update, pace).await?).await
    }

    /// Starts every system for a product that the app does not know, with the values of a runbook.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_unknown_product(pace: Pace) -> Result<Self> {
        Self::at(Stage::start_with(false, pace, Known::Runbook).await?).await
    }

    async fn at(stage: Stage) -> Result<Self> {
        let app = app()?;
        let keychain = Keychain::start().await?;
        let display = Display::start().await?;
        let driver = Driver::start(&display, &keychain.env()).await?;
        let data = stage.folder().join("data");
        Ok(Self { stage, driver, data, app, _keychain: keychain, _display: display })
    }

    /// Opens the app on production with the profile of the stage.
    ///
    /// # Errors
    /// When no window opens within 90 seconds.
    pub async fn open(&self) -> Result<Session> {
        let (profile, data) = (self.stage.profile().display().to_string(), self.data.display().to_string());
        let session =
            self.driver.open(&self.app, &["--production", "--profile", &profile, "--data-dir", &data]).await?;
        let (width, height) = window_size();
        session.set_window(width, height).await?;
        Ok(session)
    }

    /// Kills the app with SIGKILL and makes the driver ready for the next window.
    ///
    /// # Errors
    /// When the app does not end.
    pub async fn kill(&mut self, session: Session) -> Result<()> {
        session.kill_app().await?;
        self.driver.restart().await
    }

    /// The data folder of the app.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Checks in every system, without asking the app, that 2.1.0 is released and that no effect
    /// happened twice.
    ///
    /// # Errors
    /// The first difference from a correct release.
    pub async fn judge(&self) -> Result<()> {
        self.judge_git()?;
        self.judge_task_definition().await?;
        self.judge_database()?;
        let doors = &self.stage.doors;
        for asked_once in ["/dispatches", "AWS RegisterTaskDefinition"] {
            ensure!(doors.reached(asked_once) == 1, "{asked_once} was asked {} times", doors.reached(asked_once));
        }
        // The last old task may still be shutting down.
        let mut deadline = Deadline::after(Duration::from_secs(30));
        while self.stage.service.versions() != ["2.1.0.0", "2.1.0.0"] {
            deadline.pause("both tasks to run 2.1.0").await?;
        }
        let newest = self.stage.moto.newest_task_definition(FAMILY).await?;
        let newest = newest["taskDefinition"]["taskDefinitionArn"].as_str().context("no ARN")?.to_owned();
        let running = self.stage.revisions_of_tasks().await?;
        ensure!(running == [newest.clone(), newest], "the tasks run {running:?}");
        let shown = self.stage.site("/version").await?;
        ensure!(shown.trim() == "2.1.0.0-RELEASE", "the site shows {shown:?}");
        Ok(())
    }

    fn judge_git(&self) -> Result<()> {
        let git = &self.stage.git;
        let (main, branch) = (git.rev_parse("refs/heads/master"), git.rev_parse("refs/heads/v2.1.0"));
        let (main, branch) = (main.context("no master")?, branch.context("no branch")?);
        let old = git.peel_tag("v2.0.1.11").context("no old tag")?;
        let [merge] = <[String; 1]>::try_from(git.parents(&main)?).map_err(|all| anyhow::anyhow!("{all:?}"))?;
        ensure!(git.parents(&merge)? == [old, branch], "master is not the version commit on the merge commit");
        ensure!(git.peel_tag("v2.1.0").as_ref() == Some(&main), "the tag is not at the version commit");
        let diff = git.diff(&merge, &main)?;
        let changed: Vec<&str> = diff
            .lines()
            .filter(|line| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---"))
            .collect();
        ensure!(changed == ["-version=2.0.1.11-RELEASE", "+version=2.1.0.0-RELEASE"], "{changed:?}");
        let (locks, done): (Vec<_>, Vec<_>) =
            git.pushes_done().into_iter().partition(|one| one.reference.starts_with("refs/greenlight/"));
        ensure!(!locks.is_empty(), "the environment lock was never on the remote");
        ensure!(done.len() == 2, "more than the branch and the tag was pushed: {done:?}");
        Ok(())
    }

    async fn judge_task_definition(&self) -> Result<()> {
        let moto = &self.stage.moto;
        let revisions = moto.revisions(FAMILY).await?;
        ensure!(revisions.len() == 2, "{revisions:?}");
        let base = plain(moto.task_definition(revisions.first().context("no base")?).await?);
        let mut newest = plain(moto.newest_task_definition(FAMILY).await?);
        let containers = newest["taskDefinition"]["containerDefinitions"].as_array_mut().context("no containers")?;
        let ours = containers.iter_mut().find(|one| one["name"] == CONTAINER).context("no container of ours")?;
        let image = ours["image"].as_str().unwrap_or_default().to_owned();
        ensure!(image.ends_with(":RALLY-V2_1_0_0-RELEASE"), "the new image is {image}");
        let before = base["taskDefinition"]["containerDefinitions"].as_array().context("no containers")?;
        let before = before.iter().find(|one| one["name"] == CONTAINER).context("no container of ours")?;
        ours["image"] = before["image"].clone();
        ensure!(newest == base, "more than the image differs:\n{newest:#}\n{base:#}");
        Ok(())
    }

    fn judge_database(&self) -> Result<()> {
        let (machine, database) = (&self.stage.machine, &self.stage.database);
        let [dump] = <[PathBuf; 1]>::try_from(machine.dumps()?).map_err(|all| anyhow::anyhow!("dumps: {all:?}"))?;
        database.restore_check(&dump)?;
        ensure!(database.dump_is_of_old_schema(&dump)?, "the backup was taken after the migration");
        let (backups, migrations) = (machine.starts(Script::Backup), machine.starts(Script::Migration));
        ensure!(backups.len() == 1 && migrations.len() == 1, "{backups:?} {migrations:?}");
        ensure!(migrations.iter().all(|start| start.ends_with(USER)), "the migration ran as {migrations:?}");
        ensure!(database.schema_is_migrated()?, "the database is not migrated");
        Ok(())
    }

    /// Searches every file of the data folder and all output of the app for the secrets of the
    /// test.
    ///
    /// # Errors
    /// When a secret is found, or when the journal is not among the searched files.
    pub fn find_no_secret(&self) -> Result<()> {
        let secrets = self.stage.secrets()?;
        let mut places = vec![("what the app printed".to_owned(), self.driver.printed())];
        files_below(&self.data, &mut places)?;
        ensure!(places.iter().any(|(place, _)| place.ends_with("journal.sqlite")), "the journal was not searched");
        for (place, bytes) in &places {
            for (name, secret) in &secrets {
                let is_there = bytes.windows(secret.len()).any(|part| part == secret.as_slice());
                ensure!(!is_there, "{name} stands in {place}");
            }
        }
        Ok(())
    }
}

/// Removes the fields that AWS adds to each revision.
fn plain(mut described: Value) -> Value {
    if let Some(definition) = described["taskDefinition"].as_object_mut() {
        for own in ["taskDefinitionArn", "revision", "registeredAt", "registeredBy", "deregisteredAt", "status"] {
            definition.remove(own);
        }
    }
    described
}

fn files_below(folder: &Path, into: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files_below(&entry.path(), into)?;
        } else if kind.is_file() {
            into.push((entry.path().display().to_string(), fs_err::read(entry.path())?));
        }
    }
    Ok(())
}

/// The app's binary in the target folder of this test, as `make test` builds it.
///
/// # Errors
/// When the binary is not built.
pub fn app() -> Result<PathBuf> {
    let here = std::env::current_exe()?;
    let found = here.ancestors().skip(1).map(|folder| folder.join("greenlight")).find(|file| file.is_file());
    found.context("the app is not built: run `cargo build -p greenlight` first")
}
