//! One case: a job is started by the app, something is cut, and what came of it is held against the machine's own files.
//!
//! "Back on screen" is a line that the job wrote after the network was back, or the end of the job: nothing that the app
//! could have known before.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, Stdio},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, Result, bail};
use greenlight_adapters::{journal_sqlite::SqliteJournal, spool::FileSpool};
use greenlight_checker::Checker;
use greenlight_engine::{fold, journal::Journal as _, spool::Spool as _};
use greenlight_tests::support::process::{Signal, signal};
use greenlight_types::{LineSource, RunId, Status, StepId};
use parking_lot::Mutex;

use crate::{
    LIFE_MS,
    lane::{ADDRESS, Lane, log_of},
};

/// How long a network is away or an app is frozen, in turn: shorter and longer than a silence that is noticed.
const LASTS_MS: [u64; 4] = [1_000, 3_500, 6_000, 9_000];
/// Codes that the jobs end with, in turn.
const CODES: [i32; 3] = [0, 3, 0];
/// Longest wait for the app to be ready, and for the end of a job after the cut.
const PATIENCE: Duration = Duration::from_secs(90);

/// Time in which what a process said last is read.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Every connection ends with a reset.
    Reset,
    /// Nothing goes through for a while, and nobody is told.
    BlackHole,
    /// The server's processes of every session are killed.
    SessionKilled,
    /// The app is killed and started again.
    AppKilled,
    /// The app is frozen for a while.
    AppFrozen,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Reset, Self::BlackHole, Self::SessionKilled, Self::AppKilled, Self::AppFrozen];

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Reset => "reset",
            Self::BlackHole => "silent black hole",
            Self::SessionKilled => "sshd session killed",
            Self::AppKilled => "app killed",
            Self::AppFrozen => "app frozen",
        }
    }
}

/// What is done to one job.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// Its number.
    pub number: usize,
    /// What is cut.
    pub kind: Kind,
    /// When, after the person was told to begin.
    pub at_ms: u64,
    /// For how long.
    pub lasts_ms: u64,
    /// Code that the job ends with.
    pub code: i32,
}

impl Case {
    /// The case of a kind at one of so many points.
    #[must_use]
    pub fn of(number: usize, kind: Kind, point: u64, points: u64) -> Self {
        let turn = usize::try_from(point).unwrap_or(0);
        Self {
            number,
            kind,
            at_ms: LIFE_MS * point / points.max(1),
            lasts_ms: LASTS_MS[turn % LASTS_MS.len()],
            code: CODES[turn % CODES.len()],
        }
    }
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The job started more than once, or never.
    Starts(String),
    /// The record does not say what really happened.
    Verdict(String),
    /// The kept lines are not the machine's log.
    Log(String),
    /// The checker says that the record breaks a rule.
    Rule(String),
    /// The case could not be played to its end.
    Unplayed(String),
}

/// What came of a case.
#[derive(Clone, Debug)]
pub struct Played {
    /// Which.
    pub case: Case,
    /// How often the job started.
    pub starts: usize,
    /// Time from the return of the network until the screen was fresh; none when all had been shown before.
    pub back_ms: Option<u64>,
    /// What was broken.
    pub broken: Vec<Broken>,
}

impl Played {
    pub(crate) fn broken(case: &Case, why: &str) -> Self {
        Self { case: *case, starts: 0, back_ms: None, broken: vec![Broken::Unplayed(why.to_owned())] }
    }
}

/// What the app told, each with the time at which it did.
type Told = Arc<Mutex<Vec<(u64, String)>>>;

/// The app as a process.
struct App {
    process: Child,
    told: Told,
    errors: PathBuf,
}

impl App {
    fn start(lane: &Lane, child: &Path, data: &Path, told: &Told) -> Result<Self> {
        let mut command = lane.beside_app(child);
        command.arg(data).arg(ADDRESS).arg(lane.key());
        let errors = data.join("app.log");
        let log = fs_err::OpenOptions::new().create(true).append(true).open(&errors)?.into_parts().0;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().context("the app does not start")?;
        let lines = BufReader::new(process.stdout.take().context("the app has no output")?).lines();
        let kept = told.clone();
        // Ends with the app.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some((at, words)) = line.split_once(' ') else { continue };
                let Ok(at) = at.parse() else { continue };
                kept.lock().push((at, words.to_owned()));
            }
        });
        Ok(Self { process, told: told.clone(), errors })
    }

    /// Waits until it has told something.
    fn wait_for(&mut self, is_it: impl Fn(&str) -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.has_told(&is_it) {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                // Its last words may still be on their way.
                std::thread::sleep(LAST_WORDS);
                if self.has_told(&is_it) {
                    return Ok(());
                }
                bail!("the app ended with {status}: {}", fs_err::read_to_string(&self.errors)?);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let told = self.told.lock();
        let last: Vec<&str> = told
            .iter()
            .rev()
            .map(|(_, words)| words.as_str())
            .filter(|words| !words.starts_with("line "))
            .take(12)
            .collect();
        bail!("waited too long for the app, which said last: {}", last.join(" < "))
    }

    fn has_told(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.told.lock().iter().any(|(_, words)| is_it(words))
    }

    fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for App {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.kill();
    }
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}

/// Plays a case on a lane.
///
/// # Errors
/// When it cannot be played to its end.
pub fn play(lane: &Lane, case: &Case, child: &Path) -> Result<Played> {
    lane.clear(case.code)?;
    let data = tempfile::Builder::new().prefix("greenlight-cuts-app-").tempdir()?;
    let told = Told::default();
    let mut app = App::start(lane, child, data.path(), &told)?;
    app.wait_for(|words| words == "ready")?;
    app.process.stdin.take().context("the app has no input")?.write_all(b"go\n")?;
    std::thread::sleep(Duration::from_millis(case.at_ms));
    let back = cut(lane, case, &mut app, child, data.path())?;
    app.wait_for(|words| words.starts_with("end "))?;
    app.process.wait()?;
    let starts = fs_err::read_to_string(lane.home().join("starts")).unwrap_or_default().lines().count();
    let mut broken = Vec::new();
    if starts != 1 {
        broken.push(Broken::Starts(format!("{starts} starts")));
    }
    judge(lane, case, data.path(), &mut broken)?;
    let back_ms = fresh_after(&told.lock(), back);
    Ok(Played { case: *case, starts, back_ms, broken })
}

/// Cuts; gives the moment at which everything was there again.
fn cut(lane: &Lane, case: &Case, app: &mut App, child: &Path, data: &Path) -> Result<u64> {
    let lasts = Duration::from_millis(case.lasts_ms);
    match case.kind {
        Kind::Reset => lane.reset()?,
        Kind::SessionKilled => lane.kill_sessions()?,
        Kind::BlackHole => {
            lane.go_dark()?;
            std::thread::sleep(lasts);
            lane.go_light()?;
        }
        Kind::AppKilled => {
            app.kill()?;
            let back = now_ms();
            *app = App::start(lane, child, data, &app.told.clone())?;
            return Ok(back);
        }
        Kind::AppFrozen => {
            // One that has ended cannot be frozen.
            if app.process.try_wait()?.is_none() && signal(app.process.id(), Signal::Stop).is_ok() {
                std::thread::sleep(lasts);
                let back = now_ms();
                signal(app.process.id(), Signal::Continue)?;
                return Ok(back);
            }
        }
    }
    Ok(now_ms())
}

/// How long it took until the screen showed what nobody could have known before `back`.
fn fresh_after(told: &[(u64, String)], back: u64) -> Option<u64> {
    let is_end = |words: &str| words.starts_with("end ");
    if told.iter().any(|(at, words)| is_end(words) && *at < back) {
        return None;
    }
    let is_fresh = |words: &str| {
        let written = words.strip_prefix("line ").and_then(|written| written.parse::<u64>().ok());
        is_end(words) || written.is_some_and(|written| written >= back)
    };
    told.iter().find(|(at, words)| *at >= back && is_fresh(words)).map(|(at, _)| at - back)
}

/// Holds the app's own record and lines against the machine's files.
fn judge(lane: &Lane, case: &Case, data: &Path, broken: &mut Vec<Broken>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (run, said, checker) = runtime.block_on(async {
        let journal = SqliteJournal::open(&data.join("journal.sqlite")).await?;
        let run = journal.runs().await?.pop().context("the app kept no run")?;
        let events = journal.events(&run, 0).await?;
        let mut checker = Checker::new();
        for event in &events {
            checker.alone(&serde_json::to_value(event)?);
        }
        let view = fold::fold(&events)?;
        let step = fold::step(&view, StepId::BackUp).context("the run has no such step")?;
        let failure = step.failure().and_then(|failure| failure.params.get("exit"));
        let code = if step.status() == Status::Succeeded { Some("0".to_owned()) } else { failure.cloned() };
        anyhow::Ok((run, code.unwrap_or_else(|| format!("{:?} {:?}", step.status(), step.failure())), checker))
    })?;
    broken.extend(checker.held().err().map(Broken::Rule));
    if said != case.code.to_string() {
        broken.push(Broken::Verdict(format!("the job ended with {}, the record says {said}", case.code)));
    }
    match log_of(&lane.home()) {
        Err(error) => broken.push(Broken::Log(error.to_string())),
        Ok(log) => {
            let kept = kept(data, &run)?;
            if kept != log {
                let same = kept.iter().zip(&log).take_while(|(one, other)| one == other).count();
                let sizes = format!("{} bytes kept of {}, the first {same} are the same", kept.len(), log.len());
                broken.push(Broken::Log(sizes));
            }
        }
    }
    Ok(())
}

/// The kept lines as the file that they were.
fn kept(data: &Path, run: &RunId) -> Result<Vec<u8>> {
    let spool = FileSpool::new(&data.join("lines"));
    let count = spool.count(run, LineSource::Backup)?;
    let mut bytes = Vec::new();
    // The jobs write some hundred lines; a reading gives ten thousand at most.
    for line in spool.read(run, LineSource::Backup, 0, count)? {
        bytes.extend_from_slice(line.text.as_bytes());
        bytes.push(b'\n');
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[(u64, &str)]) -> Vec<(u64, String)> {
        lines.iter().map(|(at, words)| (*at, (*words).to_owned())).collect()
    }

    #[test]
    fn only_what_was_written_after_the_return_is_fresh() {
        let lines = told(&[(90, "line 85"), (210, "line 99"), (230, "line 150"), (400, "end 0")]);
        assert_eq!(fresh_after(&lines, 100), Some(130));
        assert_eq!(fresh_after(&lines, 160), Some(240), "the end is news too");
        assert_eq!(fresh_after(&lines, 500), None, "all had been shown");
        assert_eq!(fresh_after(&told(&[(210, "line 99")]), 100), None);
    }
}
