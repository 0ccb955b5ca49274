//! Lock files that an app left in its own clone when it was killed while it wrote a ref. libgit2 respects a lock for
//! ever, so the step that was killed could never be done again.
//!
//! One app at a time holds the data folder, so a lock that is older than this process belongs to nobody.

use std::{fs, path::Path, sync::LazyLock, time::SystemTime};

/// When this process first had to do with a clone; every lock of its own is younger.
static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);
/// Folders of refs lie at most this deep: `refs/greenlight/<run>/tag`.
const DEEPEST: u32 = 8;

/// To be called before the first operation of this process.
pub(super) fn note_start() {
    LazyLock::force(&STARTED);
}

/// Removes locks that an earlier process left. What cannot be removed is left to the operation that then names it.
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
