//! Output lines of runs on disk: one file of JSON lines per run and source, with the offset of
//! every line in memory. A mark `#{…}` follows the lines of a job and gives their end in the output
//! of the job. Lines and mark are one write. After a crash, lines without a mark behind them are
//! dropped.
//!
//! The files are not synced: after a power loss the last lines may be missing. They serve as
//! evidence, can be read from their source again, and no step depends on them.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use greenlight_engine::{
    ports::PortResult,
    spool::{OutputPosition, Spool},
};
use greenlight_types::{ErrorCode, Failure, LineSource, LogLine, RunId};
use parking_lot::Mutex;

use crate::private;

/// Maximum length of a line, in bytes. A longer line is cut and says so.
const TEXT_MAX: usize = 16 * 1024;
/// Maximum number of lines of one source: 40 MB of offsets in memory.
const LINES_MAX: usize = 5_000_000;
/// First byte of a mark. No line of JSON begins with it.
const MARK: u8 = b'#';
/// Maximum number of lines of one read.
const READ_MAX: u32 = 10_000;

/// A spool in a directory: `<directory>/<run>/<source>.jsonl`.
#[derive(Debug)]
pub struct FileSpool {
    directory: PathBuf,
    open: Mutex<HashMap<(RunId, LineSource), SourceFile>>,
}

/// The file of one source.
#[derive(Debug)]
struct SourceFile {
    path: PathBuf,
    file: File,
    /// Offset of the end of each line.
    ends: Vec<u64>,
    /// Offset of the next line.
    end: u64,
    reached: Option<OutputPosition>,
}

impl FileSpool {
    /// A spool in this folder, which the first line makes (0700).
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), open: Mutex::default() }
    }

    /// Removes the lines of one source of a run. The app does not call it yet, so it deletes no old
    /// lines (docs/releases.md#kept-data).
    ///
    /// # Errors
    /// `JournalFailed` when they could not be removed.
    pub fn forget(&self, run: &RunId, source: LineSource) -> PortResult<()> {
        let path = self.path(run, source)?;
        let mut open = self.open.lock();
        open.remove(&(run.clone(), source));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove old output", &path, &error)),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    fn path(&self, run: &RunId, source: LineSource) -> PortResult<PathBuf> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if run.0.is_empty() || run.0.len() > 100 || !run.0.bytes().all(is_plain) {
            return Err(Failure::new(ErrorCode::Internal, "find the output of a run").because("its id is no id"));
        }
        let name = match source {
            LineSource::Backup => "backup.jsonl",
            LineSource::Migration => "migration.jsonl",
            LineSource::Production => "production.jsonl",
            LineSource::ServiceEvents => "service-events.jsonl",
        };
        Ok(self.directory.join(&run.0).join(name))
    }

    /// Runs `work` on one file. A missing file is made with `make`, and is `None` without it.
    fn with<T>(
        &self,
        run: &RunId,
        source: LineSource,
        make: bool,
        work: impl FnOnce(&mut SourceFile) -> PortResult<T>,
    ) -> PortResult<Option<T>> {
        let path = self.path(run, source)?;
        let mut open = self.open.lock();
        let key = (run.clone(), source);
        if let Some(file) = open.get_mut(&key) {
            return work(file).map(Some);
        }
        if !make && !path.exists() {
            return Ok(None);
        }
        let file =
            SourceFile::open(&self.directory, &path).map_err(|error| failed("open the kept output", &path, &error))?;
        work(open.entry(key).or_insert(file)).map(Some)
    }
}

impl Spool for FileSpool {
    fn append(&self, run: &RunId, source: LineSource, lines: &[LogLine]) -> PortResult<()> {
        if lines.is_empty() {
            return Ok(());
        }
        self.with(run, source, true, |file| {
            file.append(lines, None).map_err(|error| failed("keep output", &file.path, &error))
        })?;
        Ok(())
    }

    fn append_to(
        &self,
        run: &RunId,
        source: LineSource,
        lines: &[LogLine],
        reached: &OutputPosition,
    ) -> PortResult<()> {
        self.with(run, source, true, |file| {
            file.append(lines, Some(reached)).map_err(|error| failed("keep output", &file.path, &error))
        })?;
        Ok(())
    }

    fn reached(&self, run: &RunId, source: LineSource) -> PortResult<Option<OutputPosition>> {
        Ok(self.with(run, source, false, |file| Ok(file.reached.clone()))?.flatten())
    }

    fn count(&self, run: &RunId, source: LineSource) -> PortResult<u32> {
        let count = self.with(run, source, false, |file| Ok(file.ends.len()))?.unwrap_or(0);
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn read(&self, run: &RunId, source: LineSource, from: u32, count: u32) -> PortResult<Vec<LogLine>> {
        let read = self.with(run, source, false, |file| {
            file.read(from as usize, count.min(READ_MAX) as usize)
                .map_err(|error| failed("read the kept output", &file.path, &error))
        })?;
        Ok(read.unwrap_or_default())
    }
}

impl SourceFile {
    fn open(directory: &Path, path: &Path) -> io::Result<Self> {
        private::folder(directory)?;
        if let Some(folder) = path.parent() {
            private::folder(folder)?;
        }
        let file = private::file(path)?;
        let (ends, end, reached) = scan(&file)?;
        // Drops the lines that a crash cut off. The reader asks for `reached` and reads them again.
        file.set_len(end)?;
        Ok(Self { path: path.to_owned(), file, ends, end, reached })
    }

    fn append(&mut self, lines: &[LogLine], reached: Option<&OutputPosition>) -> io::Result<()> {
        if self.ends.len() + lines.len() > LINES_MAX {
            return Err(io::Error::other("there are too many lines"));
        }
        let before = self.end;
        let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(lines.len()));
        for (place, line) in (self.ends.len()..).zip(lines) {
            let number = u32::try_from(place).map_err(io::Error::other)?;
            let line = LogLine { number, at: line.at, label: line.label, text: bounded(&line.text) };
            serde_json::to_writer(&mut bytes, &line)?;
            bytes.push(b'\n');
            ends.push(before + bytes.len() as u64);
        }
        if let Some(reached) = reached {
            bytes.push(MARK);
            serde_json::to_writer(&mut bytes, reached)?;
            bytes.push(b'\n');
        }
        self.file.seek(SeekFrom::Start(before))?;
        if let Err(error) = self.file.write_all(&bytes) {
            // Removes a partial write, so that the next append does not start within a line.
            self.file.set_len(before)?;
            return Err(error);
        }
        self.ends.extend(ends);
        self.end = before + bytes.len() as u64;
        self.reached = reached.cloned().or(self.reached.take());
        Ok(())
    }

    fn read(&mut self, from: usize, count: usize) -> io::Result<Vec<LogLine>> {
        let to = from.saturating_add(count).min(self.ends.len());
        if from >= to {
            return Ok(Vec::new());
        }
        let start = from.checked_sub(1).map_or(0, |previous| self.ends[previous]);
        self.file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        (&self.file).take(self.ends[to - 1] - start).read_to_end(&mut bytes)?;
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && line.first() != Some(&MARK));
        lines.map(|line| serde_json::from_slice(line).map_err(io::Error::from)).collect()
    }
}

/// Reads the end of each line, the offset of the next line, and the last mark.
fn scan(file: &File) -> io::Result<(Vec<u64>, u64, Option<OutputPosition>)> {
    let mut reader = BufReader::new(file);
    reader.seek(SeekFrom::Start(0))?;
    let (mut ends, mut end, mut line) = (Vec::new(), 0_u64, Vec::new());
    let mut whole: Option<(usize, u64, OutputPosition)> = None;
    while ends.len() < LINES_MAX {
        line.clear();
        let size = reader.read_until(b'\n', &mut line)? as u64;
        if line.last() != Some(&b'\n') {
            break;
        }
        end += size;
        match line.split_first() {
            Some((&MARK, mark)) => {
                whole = serde_json::from_slice(mark).ok().map(|reached| (ends.len(), end, reached)).or(whole);
            }
            _ => ends.push(end),
        }
    }
    Ok(match whole {
        Some((count, end, reached)) => {
            ends.truncate(count);
            (ends, end, Some(reached))
        }
        None => (ends, end, None),
    })
}

fn bounded(text: &str) -> String {
    if text.len() <= TEXT_MAX {
        return text.to_owned();
    }
    let cut = (0..=TEXT_MAX).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0);
    format!("{} … ({} bytes more)", &text[..cut], text.len() - cut)
}

fn failed(summary: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::new(ErrorCode::JournalFailed, summary)
        .with("file", path.display().to_string())
        .because_of(error)
        .hint("Check the space on the disk of this computer.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::LineLabel;

    use super::*;

    fn line(text: &str) -> LogLine {
        let at = Some("2026-11-23T09:02:11.000Z".parse().expect("a time"));
        LogLine { number: 0, at, label: LineLabel::Script, text: text.to_owned() }
    }

    fn texts(spool: &FileSpool, run: &RunId, from: u32, count: u32) -> Vec<(u32, String)> {
        let lines = spool.read(run, LineSource::Migration, from, count).expect("lines");
        lines.into_iter().map(|line| (line.number, line.text)).collect()
    }

    #[test]
    fn reads_lines_after_opening_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let run = RunId("0199-a".to_owned());
        let spool = FileSpool::new(directory.path());
        assert_eq!(spool.count(&run, LineSource::Migration).expect("a count"), 0);
        spool.append(&run, LineSource::Migration, &[line("one"), line("two\nwith \u{2713}")]).expect("kept");
        drop(spool);
        let spool = FileSpool::new(directory.path());
        spool.append(&run, LineSource::Migration, &[line("three")]).expect("kept");
        assert_eq!(spool.count(&run, LineSource::Migration).expect("a count"), 3);
        assert_eq!(spool.count(&run, LineSource::Backup).expect("a count"), 0);
        assert_eq!(texts(&spool, &run, 1, 5), [(1, "two\nwith \u{2713}".to_owned()), (2, "three".to_owned())]);
        assert_eq!(texts(&spool, &run, 3, 5), []);
        assert_eq!(texts(&spool, &run, 0, 1), [(0, "one".to_owned())]);
    }

    #[test]
    fn drops_a_line_that_a_crash_cut_off() {
        let directory = tempfile::tempdir().expect("a directory");
        let run = RunId("r".to_owned());
        let spool = FileSpool::new(directory.path());
        spool.append(&run, LineSource::Migration, &[line("one"), line("two")]).expect("kept");
        drop(spool);
        let path = directory.path().join("r/migration.jsonl");
        let bytes = fs::read(&path).expect("the file");
        fs::write(&path, &bytes[..bytes.len() - 4]).expect("cut");
        let spool = FileSpool::new(directory.path());
        assert_eq!(spool.count(&run, LineSource::Migration).expect("a count"), 1);
        spool.append(&run, LineSource::Migration, &[line("three")]).expect("kept");
        assert_eq!(texts(&spool, &run, 0, 9), [(0, "one".to_owned()), (1, "three".to_owned())]);
    }

    #[test]
    fn a_crash_keeps_lines_and_mark_together() {
        let directory = tempfile::tempdir().expect("a directory");
        let run = RunId("r".to_owned());
        let reached = |offset| OutputPosition { job: "migrate.a1".to_owned(), offset, is_in_key: false };
        let spool = FileSpool::new(directory.path());
        spool.append_to(&run, LineSource::Migration, &[line("one"), line("two")], &reached(8)).expect("kept");
        let path = directory.path().join("r/migration.jsonl");
        let first = fs::read(&path).expect("the file").len();
        spool.append_to(&run, LineSource::Migration, &[line("three")], &reached(14)).expect("kept");
        drop(spool);
        let bytes = fs::read(&path).expect("the file");
        for length in first..=bytes.len() {
            fs::write(&path, &bytes[..length]).expect("cut");
            let spool = FileSpool::new(directory.path());
            let kept = spool.reached(&run, LineSource::Migration).expect("a place");
            let whole = length == bytes.len();
            assert_eq!(kept, Some(reached(if whole { 14 } else { 8 })), "{length}");
            assert_eq!(texts(&spool, &run, 0, 9).len(), if whole { 3 } else { 2 }, "{length}");
            if !whole {
                spool.append_to(&run, LineSource::Migration, &[line("three")], &reached(14)).expect("kept");
            }
            let all: Vec<String> = texts(&spool, &run, 0, 9).into_iter().map(|(_, text)| text).collect();
            assert_eq!(all, ["one", "two", "three"], "{length}");
            assert_eq!(texts(&spool, &run, 2, 1), [(2, "three".to_owned())], "{length}");
        }
    }

    #[test]
    fn cuts_a_huge_line_and_says_so() {
        let directory = tempfile::tempdir().expect("a directory");
        let run = RunId("r".to_owned());
        let spool = FileSpool::new(directory.path());
        spool.append(&run, LineSource::Migration, &[line(&"\u{e9}".repeat(10_000))]).expect("kept");
        let (_, text) = texts(&spool, &run, 0, 1).remove(0);
        assert!(text.len() < TEXT_MAX + 64 && text.ends_with("(3616 bytes more)"), "{}", &text[text.len() - 40..]);
    }

    #[test]
    fn refuses_an_id_that_leaves_the_folder() {
        let spool = FileSpool::new(Path::new("/nonexistent"));
        for id in ["../x", "", "a/b", "."] {
            let refused = spool.append(&RunId(id.to_owned()), LineSource::Backup, &[line("x")]).expect_err(id);
            assert_eq!(refused.code, ErrorCode::Internal);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_person_may_read_the_lines() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let spool = FileSpool::new(&directory.path().join("spool"));
        spool.append(&RunId("r".to_owned()), LineSource::Backup, &[line("x")]).expect("kept");
        let mode = |path: &str| fs::metadata(directory.path().join(path)).expect(path).permissions().mode() & 0o777;
        assert_eq!((mode("spool"), mode("spool/r"), mode("spool/r/backup.jsonl")), (0o700, 0o700, 0o600));
    }

    #[test]
    fn removes_old_lines() {
        let directory = tempfile::tempdir().expect("a directory");
        let (spool, run) = (FileSpool::new(directory.path()), RunId("r".to_owned()));
        spool.append(&run, LineSource::Production, &[line("x")]).expect("kept");
        spool.forget(&run, LineSource::Production).expect("forgotten");
        spool.forget(&run, LineSource::Production).expect("nothing left to forget");
        assert_eq!(spool.count(&run, LineSource::Production).expect("a count"), 0);
    }
}
