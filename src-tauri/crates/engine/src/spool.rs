//! The spool keeps the lines of a run: output of its scripts, and the production log. Has the
//! trait, and a spool in memory.
//!
//! Lines are evidence to read. No verdict rests on them: the journal has the proved facts.

use std::collections::BTreeMap;

use greenlight_types::{LineSource, LogLine, RunId};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::ports::PortResult;

/// Position up to which the output of a job is kept. It is at the beginning of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputPosition {
    /// Job id (docs/remote-jobs.md#job-ids).
    pub job: String,
    /// Bytes of the output before this position.
    pub offset: u64,
    /// Whether the position is inside a private key, which is not kept.
    pub is_in_key: bool,
}

/// Lines of runs, per source, in the order in which they were appended.
///
/// The number of a line is its place, counted from 0. `append` assigns it and ignores the number
/// that the line has; `read` returns it. A caller that resumes a source asks `count` first, so that
/// no line is kept twice.
pub trait Spool: Send + Sync {
    /// Appends lines.
    ///
    /// # Errors
    /// `JournalFailed` when they could not be stored.
    fn append(&self, run: &RunId, source: LineSource, lines: &[LogLine]) -> PortResult<()>;
    /// Appends lines of a job, and the position that they reach. Both are kept, or neither is.
    ///
    /// # Errors
    /// `JournalFailed` when they could not be stored.
    fn append_to(&self, run: &RunId, source: LineSource, lines: &[LogLine], reached: &OutputPosition)
    -> PortResult<()>;
    /// The position of the job whose output was kept last. `None` when no line was kept with a
    /// position.
    ///
    /// # Errors
    /// `JournalFailed` when the spool could not be read.
    fn reached(&self, run: &RunId, source: LineSource) -> PortResult<Option<OutputPosition>>;
    /// Number of kept lines.
    ///
    /// # Errors
    /// `JournalFailed` when the spool could not be read.
    fn count(&self, run: &RunId, source: LineSource) -> PortResult<u32>;
    /// At most `count` lines from number `from`. Fewer, or none, at the end.
    ///
    /// # Errors
    /// `JournalFailed` when the spool could not be read.
    fn read(&self, run: &RunId, source: LineSource, from: u32, count: u32) -> PortResult<Vec<LogLine>>;
}

/// A spool in memory, for tests and simulation.
#[derive(Default)]
pub struct MemorySpool {
    lines: Mutex<BTreeMap<(RunId, LineSource), Vec<LogLine>>>,
    reached: Mutex<BTreeMap<(RunId, LineSource), OutputPosition>>,
}

impl MemorySpool {
    fn with<T>(&self, run: &RunId, source: LineSource, work: impl FnOnce(&mut Vec<LogLine>) -> T) -> T {
        let mut guard = self.lines.lock();
        work(guard.entry((run.clone(), source)).or_default())
    }
}

impl Spool for MemorySpool {
    fn append(&self, run: &RunId, source: LineSource, lines: &[LogLine]) -> PortResult<()> {
        self.with(run, source, |kept| {
            for line in lines {
                let number = u32::try_from(kept.len()).unwrap_or(u32::MAX);
                kept.push(LogLine { number, ..line.clone() });
            }
        });
        Ok(())
    }

    fn append_to(
        &self,
        run: &RunId,
        source: LineSource,
        lines: &[LogLine],
        reached: &OutputPosition,
    ) -> PortResult<()> {
        self.append(run, source, lines)?;
        let mut all = self.reached.lock();
        all.insert((run.clone(), source), reached.clone());
        Ok(())
    }

    fn reached(&self, run: &RunId, source: LineSource) -> PortResult<Option<OutputPosition>> {
        let all = self.reached.lock();
        Ok(all.get(&(run.clone(), source)).cloned())
    }

    fn count(&self, run: &RunId, source: LineSource) -> PortResult<u32> {
        Ok(self.with(run, source, |kept| u32::try_from(kept.len()).unwrap_or(u32::MAX)))
    }

    fn read(&self, run: &RunId, source: LineSource, from: u32, count: u32) -> PortResult<Vec<LogLine>> {
        Ok(self.with(run, source, |kept| kept.iter().skip(from as usize).take(count as usize).cloned().collect()))
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::LineLabel;

    use super::*;

    #[test]
    fn a_line_gets_the_number_of_its_place() {
        let (spool, run) = (MemorySpool::default(), RunId("run".to_owned()));
        let line = |text: &str| LogLine { number: 7, at: None, label: LineLabel::Script, text: text.to_owned() };
        spool.append(&run, LineSource::Backup, &[line("one"), line("two")]).expect("kept");
        spool.append(&run, LineSource::Backup, &[line("three")]).expect("kept");
        assert_eq!(spool.count(&run, LineSource::Backup).expect("a count"), 3);
        assert_eq!(spool.count(&run, LineSource::Migration).expect("a count"), 0);
        let read = spool.read(&run, LineSource::Backup, 1, 10).expect("lines");
        assert_eq!(read, [LogLine { number: 1, ..line("two") }, LogLine { number: 2, ..line("three") }]);
    }
}
