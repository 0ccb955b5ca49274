//! One process at a time uses a data folder. The lock is one of the operating system, which ends
//! with its process.
//!
//! A second file names the owner for the failure of the other process. It is never the lock itself.

use std::{fs::File, io::Write, path::Path};

use greenlight_types::{ErrorCode, Failure, Retry};

use crate::private;

const LOCK: &str = "lock";
/// A file of its own, because no process can read a locked file on Windows.
const HOLDER: &str = "lock-holder";
const OPEN: &str = "open the data of Greenlight";

/// The lock of a data folder. Dropping it, or the end of the process, releases it.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock of `directory`, and makes the folder (0700) when it is missing. `computer` is
    /// for the failure of other processes.
    ///
    /// # Errors
    /// `AlreadyOpen` with params `pid` and `computer` when another process has the lock.
    /// `JournalFailed` when the folder cannot be used.
    pub fn take(directory: &Path, computer: &str) -> Result<Self, Failure> {
        let unusable = |error: std::io::Error| {
            Failure::new(ErrorCode::JournalFailed, OPEN)
                .with("file", directory.display().to_string())
                .because_of(&error)
                .hint("Check the rights of this folder, and the space on the disk.")
        };
        private::folder(directory).map_err(unusable)?;
        let file = private::file(&directory.join(LOCK)).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(held(directory)),
            Err(std::fs::TryLockError::Error(error)) => return Err(unusable(error)),
        }
        name_holder(directory, computer).map_err(unusable)?;
        Ok(Self { _file: file })
    }
}

fn name_holder(directory: &Path, computer: &str) -> std::io::Result<()> {
    let mut holder = private::file(&directory.join(HOLDER))?;
    holder.set_len(0)?;
    writeln!(holder, "{}\n{}", std::process::id(), computer.lines().next().unwrap_or_default())
}

fn held(directory: &Path) -> Failure {
    let text = std::fs::read_to_string(directory.join(HOLDER)).unwrap_or_default();
    let mut lines = text.lines();
    let mut line = || lines.next().filter(|line| !line.is_empty()).unwrap_or("unknown").to_owned();
    let (pid, computer) = (line(), line());
    Failure::new(ErrorCode::AlreadyOpen, OPEN)
        .because(format!("process {pid} on {computer} has it open"))
        .with("pid", pid)
        .with("computer", computer)
        .hint("Use the window of Greenlight that is open already.")
        .retry(Retry::Safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_second_process_and_names_the_first() {
        let directory = tempfile::tempdir().expect("a directory");
        let data = directory.path().join("data");
        let lock = DataLock::take(&data, "lena-mbp").expect("the lock");
        let refused = DataLock::take(&data, "other").expect_err("held");
        assert_eq!(refused.code, ErrorCode::AlreadyOpen);
        assert_eq!(refused.params["pid"], std::process::id().to_string());
        assert_eq!(refused.params["computer"], "lena-mbp");
        drop(lock);
        DataLock::take(&data, "other").expect("free again");
    }

    #[test]
    fn the_lock_of_a_killed_process_is_free() {
        let directory = tempfile::tempdir().expect("a directory");
        private::file(&directory.path().join(LOCK)).expect("a left-over lock file");
        name_holder(directory.path(), "gone").expect("a left-over holder");
        DataLock::take(directory.path(), "here").expect("the lock");
    }
}
