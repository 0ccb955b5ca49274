//! One case: the app starts a job, one part of the connection is cut, and the result is compared
//! with the host's own files.
//!
//! A screen is fresh again when it shows a line that the job wrote after the network returned, or
//! the end of the job. The app cannot have known either before.

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

/// Length of a network outage or a freeze, in turn. The values are below and above the silence that
/// the app notices.
const LASTS_MS: [u64; 4] = [1_000, 3_500, 6_000, 9_000];
/// Exit codes of the jobs, in turn.
const CODES: [i32; 3] = [0, 3, 0];
/// Longest wait for a ready app, and for the end of a job after the cut.
const PATIENCE: Duration = Duration::from_secs(90);

/// Time to read the last output of a process that ended.
const LAST_WORDS: Duration = Duration::from_millis(300);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Every connection ends with a reset.
    Reset,
    /// All packets are dropped for a while, without an error to either side.
    BlackHole,
    /// The server's processes of every session are killed.
    SessionKilled,
    /// The app is killed and started again.
    AppKilled,
    /// The app is frozen for a while.
    AppFrozen,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Reset, Self::BlackHole, Self::SessionKilled, Self::AppKilled, Self::AppFrozen];

    /// Name of the kind in the table.
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

/// One cut of one job.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub number: usize,
    /// Kind of the cut.
    pub kind: Kind,
    /// Time of the cut after the `go` line to the app, in milliseconds.
    pub at_ms: u64,
    /// Length of the cut in milliseconds.
    pub lasts_ms: u64,
    /// Exit code of the job.
    pub code: i32,
}

impl Case {
    /// The case of a kind at one of several points.
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The job started more than once, or never.
    Starts(String),
    /// The journal has another exit code than the job.
    Verdict(String),
    /// The spool differs from the host's log file.
    Log(String),
    /// The journal breaks a rule of the checker.
    Rule(String),
    /// The case could not be played to its end.
    Unplayed(String),
}

/// Result of a case.
#[derive(Clone, Debug)]
pub struct Played {
    pub case: Case,
    /// Number of starts of the job.
    pub starts: usize,
    /// Time from the return of the network to a fresh screen, in milliseconds. `None` when the
    /// screen was complete before.
    pub back_ms: Option<u64>,
    /// Violations of the case.
    pub broken: Vec<Broken>,
}

impl Played {
    pub(crate) fn broken(case: &Case, why: &str) -> Self {
        Self { case: *case, starts: 0, back_ms: None, broken: vec![Broken::Unplayed(why.to_owned())] }
    }
}

/// Lines that the app printed, with their times in milliseconds.
type Told = Arc<Mutex<Vec<(u64, String)>>>;

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
        // The thread ends with the app.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let Some((at, words)) = line.split_once(' ') else { continue };
                let Ok(at) = at.parse() else { continue };
                kept.lock().push((at, words.to_owned()));
            }
        });
        Ok(Self { process, told: told.clone(), errors })
    }

    /// Waits for a line of the app.
    fn wait_for(&mut self, is_it: impl Fn(&str) -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if self.has_told(&is_it) {
                return Ok(());
            }
            if let Some(status) = self.process.try_wait()? {
                // The last lines may still arrive.
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
        // The process may have ended already.
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
/// When the case cannot be played to its end.
pub fn play(lane: &Lane, case: &Case, child: &Path) -> Result<Played> {
    lane.clear(case.code)?;
    let data = tempfile::Builder::new().prefix("greenlight-network-faults-app-").tempdir()?;
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

/// Makes the cut. Returns the time at which everything worked again.
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
            // A process that has ended cannot be frozen.
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

/// Time from `back` until the screen showed something that was unknown before.
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

/// Compares the app's journal and spool with the host's files.
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

/// The spool as the bytes of the original log file.
fn kept(data: &Path, run: &RunId) -> Result<Vec<u8>> {
    let spool = FileSpool::new(&data.join("lines"));
    let count = spool.count(run, LineSource::Backup)?;
    let mut bytes = Vec::new();
    // The jobs write some hundred lines. One read returns at most ten thousand.
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
    fn only_lines_written_after_the_return_are_fresh() {
        let lines = told(&[(90, "line 85"), (210, "line 99"), (230, "line 150"), (400, "end 0")]);
        assert_eq!(fresh_after(&lines, 100), Some(130));
        assert_eq!(fresh_after(&lines, 160), Some(240), "the end is news too");
        assert_eq!(fresh_after(&lines, 500), None, "all had been shown");
        assert_eq!(fresh_after(&told(&[(210, "line 99")]), 100), None);
    }
}
