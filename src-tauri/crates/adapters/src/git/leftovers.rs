//! Removes lock files that a killed app left in the clone while it wrote a ref. libgit2 respects a
//! lock file for ever, so the step could not be repeated.
//!
//! One process at a time has the lock of the data folder, so no process owns a lock file that is
//! older than this one.

use std::{fs, path::Path, sync::LazyLock, time::SystemTime};

/// Time of the first use of a clone in this process. Every lock file of this process is younger.
static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
/// Maximum depth of a folder of refs: `refs/greenlight/<run>/tag`.
const DEEPEST: u32 = 8;

/// Call it before the first operation of this process.
pub(super) fn note_start() {
    LazyLock::force(&STARTED);
}

/// Removes the lock files of earlier processes. An operation that needs a lock which stays reports
/// it.
pub(super) fn remove(clone: &Path) {
    remove_in(clone, 0);
    remove_in(&clone.join("refs"), DEEPEST);
}

fn remove_in(folder: &Path, depth: u32) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() {
            if depth > 0 {
                remove_in(&path, depth - 1);
            }
        } else if path.extension().is_some_and(|end| end == "lock") && about.modified().is_ok_and(|at| at < *STARTED) {
            match fs::remove_file(&path) {
                Ok(()) => tracing::info!(path = %path.display(), "removed a lock that a killed app left"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "a lock that a killed app left stays"),
            }
        }
    }
}
