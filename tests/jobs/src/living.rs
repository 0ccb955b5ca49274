//! Whether anything lives of what a verb started: everything inherits an end of a pipe, and the kernel tells when the last one
//! is gone.

use std::{io::Read as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::{Context as _, Result};

/// The first line of the verbs here: it and everything that it starts holds the pipe.
pub(crate) const HOLDS: &str = "exec 3<> \"$LIVING\"\n";

/// Makes the pipe.
///
/// # Errors
/// When it cannot be made there.
pub(crate) fn pipe(path: &Path) -> Result<()> {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
        .with_context(|| format!("make a pipe at {}", path.display()))
}

/// Whether nobody holds an end of the pipe: only then a read that waits for nothing finds its end.
pub(crate) fn is_closed(pipe: &Path) -> bool {
    let waits_not = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let open = std::fs::OpenOptions::new().read(true).custom_flags(waits_not).open(pipe);
    open.and_then(|mut pipe| pipe.read(&mut [0])).is_ok_and(|length| length == 0)
}
