//! Detects whether a process of a verb is alive. Every process inherits one end of a pipe, and the
//! kernel reports the end of the last one.

use std::{io::Read as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::{Context as _, Result};

/// First line of the verbs in these tests. The shell and all its children keep the pipe open.
pub(crate) const HOLDS: &str = "exec 3<> \"$LIVING\"\n";

/// Creates the pipe.
///
/// # Errors
/// When the pipe cannot be created at this path.
pub(crate) fn pipe(path: &Path) -> Result<()> {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
        .with_context(|| format!("make a pipe at {}", path.display()))
}

/// Whether no process has the pipe open. Only then a read without waiting returns its end.
pub(crate) fn is_closed(pipe: &Path) -> bool {
    let waits_not = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let open = std::fs::OpenOptions::new().read(true).custom_flags(waits_not).open(pipe);
    open.and_then(|mut pipe| pipe.read(&mut [0])).is_ok_and(|length| length == 0)
}
