//! Mailbox between scripts on the simulated host and the World. A script asks for a backup or a
//! migration. The World's process writes the output lines that are due by the virtual clock, and at
//! the end the exit code.
//!
//! All state is in files, so a restarted process continues the work. Nothing here runs a program.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::is_alive;
use crate::files;
use crate::world::trouble::Fate;
pub use crate::world::work::{HostEvent, Work};

/// Most requests handled in one round.
const REQUESTS_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    work: Work,
    pid: u32,
    started_ms: i64,
    lines: usize,
    /// End in virtual ms since 1970, and exit code.
    ended: Option<(i64, i32)>,
    /// Planned failure, decided at the start of the work.
    #[serde(default)]
    fate: Option<Fate>,
}

/// The mailbox of a host folder.
#[derive(Debug)]
pub struct Mailbox {
    folder: PathBuf,
    exit_codes: ExitCodes,
    is_fresh: bool,
}

/// Exit codes of the next scripts; 0 unless practice wants a failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct ExitCodes {
    /// Exit code of the backup.
    pub backup: i32,
    /// Exit code of the migration.
    pub migration: i32,
}

impl Mailbox {
    /// Opens the mailbox of a host folder.
    #[must_use]
    pub fn open(folder: PathBuf, exit_codes: ExitCodes) -> Self {
        Self { folder, exit_codes, is_fresh: true }
    }

    /// Advances every request to `now_ms` (virtual). Returns the events with their virtual times,
    /// oldest first, and whether any work goes on. After a restart it repeats events that the World
    /// may have missed.
    ///
    /// # Errors
    /// When the folder cannot be read or written. A later round makes up for it.
    pub fn advance(&mut self, now_ms: i64) -> io::Result<(Vec<(i64, HostEvent)>, bool)> {
        self.advance_with(now_ms, |_| None)
    }

    /// [`Self::advance`] with a function that decides the planned failure of each work, once at its
    /// start.
    ///
    /// # Errors
    /// As [`Self::advance`].
    pub fn advance_with(
        &mut self,
        now_ms: i64,
        fate: impl Fn(Work) -> Option<Fate>,
    ) -> io::Result<(Vec<(i64, HostEvent)>, bool)> {
        let mut events = Vec::new();
        let mut is_busy = false;
        for ask in self.asks()? {
            let record = ask.with_extension("json");
            let (mut request, is_new) = match read_request(&record) {
                Some(request) => (request, false),
                None => match begin(&ask, now_ms)? {
                    Some(request) => (Request { fate: fate(request.work), ..request }, true),
                    None => continue,
                },
            };
            if ask.with_extension("exit").exists() {
                forget_when_read(&ask, request.pid)?;
                continue;
            }
            if is_new || self.is_fresh {
                events.push((request.started_ms, HostEvent::Started(request.work)));
            }
            let before = request.clone();
            if request.ended.is_none() {
                self.step(&ask, &mut request, now_ms)?;
            }
            if request != before || is_new {
                files::write(&record, &serde_json::to_vec(&request)?)?;
            }
            match request.ended {
                Some((at, code)) => events.push((at, HostEvent::Ended(request.work, code))),
                None => is_busy = true,
            }
        }
        self.is_fresh = false;
        events.sort_by_key(|(at, _)| *at);
        Ok((events, is_busy))
    }

    fn asks(&self) -> io::Result<Vec<PathBuf>> {
        let mut asks: Vec<PathBuf> = fs_err::read_dir(&self.folder)?
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "ask"))
            .take(REQUESTS_MAX)
            .collect();
        asks.sort();
        Ok(asks)
    }

    fn step(&self, ask: &Path, request: &mut Request, now_ms: i64) -> io::Result<()> {
        if !is_alive(request.pid) {
            request.ended = Some((now_ms, 137));
            return Ok(());
        }
        let code = match (request.fate, request.work) {
            (Some(fate), _) => fate.exit,
            (None, Work::Backup) => self.exit_codes.backup,
            (None, Work::Migration) => self.exit_codes.migration,
        };
        let length = request.work.duration_ms();
        // A failure shows half-way, unless the plan gives it a time.
        let stop = match request.fate {
            Some(fate) => fate.after_ms.saturating_mul(1_000).checked_div(length).unwrap_or(500).clamp(1, 999),
            None if code == 0 => 1_000,
            None => 500,
        };
        let passed = now_ms.saturating_sub(request.started_ms);
        let lines = request.work.lines();
        let wanted = lines.iter().take_while(|(part, _)| *part < stop && passed >= length * part / 1_000).count();
        if wanted > request.lines {
            let mut out = output(ask)?;
            for (_, line) in lines.get(request.lines..wanted).unwrap_or_default() {
                writeln!(out, "{line}")?;
            }
            request.lines = wanted;
        }
        let hangs = request.fate.is_some_and(|fate| fate.hangs);
        if hangs || passed < length * stop / 1_000 {
            return Ok(());
        }
        if code != 0 {
            writeln!(output(ask)?, "{}", request.work.complaint(code))?;
        }
        request.ended = Some((request.started_ms + length * stop / 1_000, code));
        Ok(())
    }

    /// Lets scripts of ended work continue. Call it after the World took the events of
    /// [`Mailbox::advance`], so that a script never ends before its effect is visible.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn release(&self) -> io::Result<()> {
        for ask in self.asks()? {
            let exit = ask.with_extension("exit");
            let ended = read_request(&ask.with_extension("json")).and_then(|request| request.ended);
            if let Some((_, code)) = ended
                && !exit.exists()
            {
                files::write(&exit, code.to_string().as_bytes())?;
            }
        }
        Ok(())
    }
}

fn output(ask: &Path) -> io::Result<fs_err::File> {
    fs_err::OpenOptions::new().create(true).append(true).open(ask.with_extension("out"))
}

fn begin(ask: &Path, now_ms: i64) -> io::Result<Option<Request>> {
    let text = fs_err::read_to_string(ask)?;
    let mut words = text.split_whitespace();
    let work = words.next().and_then(Work::named);
    let pid = words.next().and_then(|pid| pid.parse().ok());
    let (Some(work), Some(pid)) = (work, pid) else {
        fs_err::remove_file(ask)?;
        return Ok(None);
    };
    Ok(Some(Request { work, pid, started_ms: now_ms, lines: 0, ended: None, fate: None }))
}

fn read_request(record: &Path) -> Option<Request> {
    let text = std::fs::read_to_string(record).ok()?;
    serde_json::from_str(&text).ok()
}

/// Removes the files of ended work after its script has ended.
fn forget_when_read(ask: &Path, pid: u32) -> io::Result<()> {
    if is_alive(pid) {
        return Ok(());
    }
    for extension in ["out", "exit", "json", "ask"] {
        let file = ask.with_extension(extension);
        if file.exists() {
            fs_err::remove_file(file)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(folder: &Path, text: &str) {
        std::fs::write(folder.join("r-1.ask"), text).unwrap();
    }

    fn me() -> String {
        format!("backup {}\n", std::process::id())
    }

    #[test]
    fn work_starts_once_and_ends_at_its_virtual_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut mailbox = Mailbox::open(folder.path().to_owned(), ExitCodes::default());
        asked(folder.path(), &me());
        assert_eq!(mailbox.advance(1_000).unwrap(), (vec![(1_000, HostEvent::Started(Work::Backup))], true));
        assert_eq!(mailbox.advance(2_000).unwrap(), (vec![], true));
        let (events, is_busy) = mailbox.advance(900_000).unwrap();
        assert_eq!(events, vec![(481_000, HostEvent::Ended(Work::Backup, 0))]);
        assert!(!is_busy);
        assert!(!folder.path().join("r-1.exit").exists(), "the script may go on only after the World knows");
        mailbox.release().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("r-1.exit")).unwrap(), "0");
        let out = std::fs::read_to_string(folder.path().join("r-1.out")).unwrap();
        assert_eq!(out.lines().count(), Work::Backup.lines().len());
    }

    #[test]
    fn restarted_process_continues_the_same_work() {
        let folder = tempfile::tempdir().unwrap();
        asked(folder.path(), &me());
        Mailbox::open(folder.path().to_owned(), ExitCodes::default()).advance(5_000).unwrap();
        let mut again = Mailbox::open(folder.path().to_owned(), ExitCodes::default());
        let (events, is_busy) = again.advance(60_000).unwrap();
        assert_eq!(events, vec![(5_000, HostEvent::Started(Work::Backup))]);
        assert!(is_busy);
        let (events, _) = again.advance(485_000).unwrap();
        assert_eq!(events, vec![(485_000, HostEvent::Ended(Work::Backup, 0))]);
    }

    #[test]
    fn killed_script_ends_its_work_with_137() {
        let folder = tempfile::tempdir().unwrap();
        asked(folder.path(), "migration 999999999\n");
        let mut mailbox = Mailbox::open(folder.path().to_owned(), ExitCodes::default());
        let (events, _) = mailbox.advance(10).unwrap();
        assert_eq!(
            events,
            vec![(10, HostEvent::Started(Work::Migration)), (10, HostEvent::Ended(Work::Migration, 137))]
        );
    }

    #[test]
    fn planned_failure_ends_half_way_with_its_code() {
        let folder = tempfile::tempdir().unwrap();
        asked(folder.path(), &format!("migration {}\n", std::process::id()));
        let codes = ExitCodes { backup: 0, migration: 3 };
        let mut mailbox = Mailbox::open(folder.path().to_owned(), codes);
        mailbox.advance(0).unwrap();
        let (events, _) = mailbox.advance(90_000).unwrap();
        assert_eq!(events, vec![(90_000, HostEvent::Ended(Work::Migration, 3))]);
        mailbox.release().unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("r-1.exit")).unwrap(), "3");
    }
}
