//! Rehearsals in the app's window on the simulator, with kills at random moments after the start of
//! each window.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use fastrand::Rng;
use futures::{StreamExt as _, stream};
use greenlight_checker::Checker;
use greenlight_simulation::operator::{Operator, Sitting};
use greenlight_tests::support::{
    desk::{VERSION, app},
    folder::open_folder,
    practice::stop_world,
    process::{Signal, signal, wait_gone},
    webdriver::{Display, Driver},
    window::{ReleaseScreen, Window},
};
use greenlight_types::StepId;
use serde_json::Value;

use crate::{
    point::Killed,
    production::place,
    release::{Played, read},
    report::Row,
};

const SPEED: &str = "60";
/// Longest wait for one step, in real time.
const PATIENCE: Duration = Duration::from_secs(150);
/// Reads of the page without a change after which the release makes no progress. A read takes at
/// least a tenth of a second.
const LOOKS_MAX: u32 = 1_500;
/// Longest time of one rehearsal.
const WHOLE: Duration = Duration::from_secs(600);
/// Life of the first killed window and of each later one, in milliseconds. Rehearsals take turns
/// with these ranges, so that kills also reach the middle and the end. A whole release takes about
/// 60,000 ms.
const LIVES_MS: [(Range<u64>, Range<u64>); 3] =
    [(200..5_500, 200..5_500), (10_000..24_000, 200..4_500), (34_000..44_000, 200..6_500)];
/// Largest number of windows per kill. A kill before the window exists does not count.
const WINDOWS_PER_KILL: u32 = 3;

/// Plays `count` rehearsals with `kills` kills each, two at a time.
///
/// # Errors
/// When the runtime cannot be created.
pub fn rehearsals(count: u64, kills: usize) -> Result<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut row = Row::new("desktop: any moment of a rehearsal");
    let played: Vec<(u64, Played)> = runtime.block_on(
        stream::iter(1..=count)
            .map(|seed| async move { (seed, rehearse(seed, kills).await) })
            .buffer_unordered(2)
            .collect(),
    );
    for (seed, mut played) in played {
        if played.kills.len() < kills {
            let words = format!("the rehearsal ended after {} of {kills} kills", played.kills.len());
            played.violations.push(words);
        }
        row.count(&format!("rehearsal {seed}"), &played);
    }
    Ok(row)
}

async fn rehearse(seed: u64, kills: usize) -> Played {
    let mut played = Played::default();
    let whole = tokio::time::timeout(WHOLE, rehearse_into(&mut played, seed, kills)).await;
    let ended = whole.unwrap_or_else(|_| Err(anyhow::anyhow!("it did not end within {} s", WHOLE.as_secs())));
    if let Err(error) = ended {
        let words: String = format!("{error:#}").chars().take(600).collect();
        played.violations.push(words);
    }
    played
}

async fn rehearse_into(played: &mut Played, seed: u64, kills: usize) -> Result<()> {
    let folder = open_folder("kill-desktop")?;
    let display = Display::start().await?;
    let mut desk = Desk {
        driver: Driver::start(&display, &[]).await?,
        app: app()?,
        folder: folder.path().to_owned(),
        kept: Kept::default(),
    };
    let ended = desk.until_released(played, seed, kills).await;
    let world = desk.data().join("world");
    drop(desk);
    stop_world(&world).await?;
    ended?;
    ensure_nothing_twice(&world)
}

/// Driver, app and data folder of one rehearsal.
struct Desk {
    driver: Driver,
    app: PathBuf,
    folder: PathBuf,
    kept: Kept,
}

/// The durable events after the last window, and the checker's state.
#[derive(Default)]
struct Kept {
    events: Vec<Value>,
    checker: Checker,
}

impl Kept {
    /// Checks that no event was lost or changed, and that no rule is broken.
    fn judge(&mut self, on_disk: &[Value]) -> Result<()> {
        let said = self.events.len();
        ensure!(on_disk.get(..said) == Some(&*self.events), "{said} entries were on disk, and now others are");
        for event in on_disk.iter().skip(said) {
            self.checker.alone(event);
            self.events.push(event.clone());
        }
        self.checker.held().map_err(anyhow::Error::msg)
    }
}

impl Desk {
    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    async fn until_released(&mut self, played: &mut Played, seed: u64, kills: usize) -> Result<()> {
        let mut rng = Rng::with_seed(seed);
        let (first, other) = &LIVES_MS[usize::try_from(seed)? % LIVES_MS.len()];
        let windows = WINDOWS_PER_KILL * u32::try_from(kills).unwrap_or(u32::MAX / WINDOWS_PER_KILL) + 1;
        for _ in 0..windows {
            played.starts += 1;
            let life = if played.starts == 1 { first } else { other };
            let life = Duration::from_millis(rng.u64(life.clone()));
            let is_last = played.kills.len() >= kills;
            let worked = tokio::select! {
                worked = self.work(is_last) => Some(worked),
                () = tokio::time::sleep(life), if !is_last => None,
            };
            let is_over = worked.is_some();
            worked.transpose()?;
            let is_killed = !is_over && self.kill().await?;
            let folder = self.folder.clone();
            let events = tokio::task::spawn_blocking(move || read(&folder)).await??;
            self.kept.judge(&events)?;
            if is_killed {
                played.kills.push(Killed::Anywhere);
                played.places.push(place(&events));
            }
            played.ending = ending(&events)?;
            if let Some((result, note)) = &played.ending {
                ensure!(result == "released", "it ended as {result}: {note}");
                return Ok(());
            }
        }
        anyhow::bail!("it did not end with {windows} windows")
    }

    /// Opens the window and continues the release. Without `may_end` it stops before the site
    /// checks.
    async fn work(&self, may_end: bool) -> Result<()> {
        let data = self.data();
        let arguments = ["--speed", SPEED, "--data-dir", data.to_str().context("a plain path")?];
        let session = self.driver.open(&self.app, &arguments).await?;
        let window = Window::new(&session, PATIENCE);
        window.introduce("Anna").await?;
        window.draft(VERSION).await?;
        let screen = ReleaseScreen { window: &window, version: VERSION };
        let operator = Operator::new(screen, LOOKS_MAX);
        let operator = if may_end { operator } else { operator.stopping_before(StepId::CheckSite) };
        ensure!(operator.work().await? == Sitting::Ended, "no progress: {}", window.told().await);
        window.wait_released().await?;
        let app = session.app_pid();
        session.end().await?;
        if let Some(app) = app { wait_gone(app, "the window to close").await } else { Ok(()) }
    }

    /// Kills the app if it runs, and prepares the driver for the next window.
    async fn kill(&mut self) -> Result<bool> {
        let app = self.driver.app_pid(&self.app);
        if let Some(app) = app {
            signal(app, Signal::Kill)?;
            wait_gone(app, "the app to be gone").await?;
        }
        self.driver.restart().await?;
        Ok(app.is_some())
    }
}

/// Result and note in the durable events.
fn ending(events: &[Value]) -> Result<Option<(String, String)>> {
    let Some(ended) = events.iter().find(|event| event["body"]["kind"] == "runEnded") else { return Ok(None) };
    let word = |key: &str| ended["body"][key].as_str().unwrap_or_default().to_owned();
    ensure!(events.last() == Some(ended), "the record goes on after its end");
    Ok(Some((word("result"), word("note"))))
}

/// Number of started jobs of a kind on the simulated host. Each start leaves a start latch.
fn started(world: &Path, kind: &str) -> Result<usize> {
    let jobs = world.join("host/home/ec2-user/.greenlight/jobs");
    let of_kind = |name: &str| name.contains(&format!(".{kind}."));
    // A revoke leaves its latch at the same path.
    let has_begun =
        |job: &Path| fs_err::read_to_string(job.join("started/info")).is_ok_and(|info| info.starts_with("kind=run "));
    let entries = fs_err::read_dir(jobs)?.flatten();
    Ok(entries.filter(|job| of_kind(&job.file_name().to_string_lossy()) && has_begun(&job.path())).count())
}

/// Checks the simulator's own files for repeated effects.
fn ensure_nothing_twice(world: &Path) -> Result<()> {
    for kind in ["backup", "migrate"] {
        let times = started(world, kind)?;
        ensure!(times == 1, "{kind} started {times} times");
    }
    let state: Value = serde_json::from_slice(&fs_err::read(world.join("world.json"))?)?;
    ensure!(state["schema"] == "2.1.0.0", "the database is {}", state["schema"]);
    // An old image and ours, an old revision and ours, and one build.
    for (what, expected) in [("builds", 1), ("images", 2), ("definitions", 2)] {
        let count = state[what].as_array().map(Vec::len);
        ensure!(count == Some(expected), "{what}: {count:?}");
    }
    let repository = git2::Repository::open_bare(world.join("git/rallyforresearch/rally.git"))?;
    let head = repository.refname_to_id("refs/heads/master")?;
    let tag = repository.find_reference("refs/tags/v2.1.0")?.peel_to_commit()?;
    ensure!(tag.id() == head, "the label is not on master");
    let mut walk = repository.revwalk()?;
    walk.push(head)?;
    let mut times = [0, 0];
    for id in walk {
        let commit = repository.find_commit(id?)?;
        let summary = commit.summary()?.unwrap_or_default();
        times[0] += i32::from(summary == "Set version to 2.1.0.0-RELEASE");
        times[1] += i32::from(summary == "Merge branch 'v2.1.0' into master");
    }
    ensure!(times == [1, 1], "version and merge were committed {times:?} times");
    Ok(())
}
