//! State of the World on disk. The file is replaced as a whole, after every effect and
//! periodically.

use std::{
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::Production;
use crate::files;

/// The state file and the number of effects in it.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    effects: Mutex<Option<u64>>,
}

impl StateFile {
    /// The file of this folder.
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), effects: Mutex::new(None) }
    }

    /// State that the last process left; `None` in a new folder.
    pub(super) fn last(&self) -> io::Result<Option<Vec<u8>>> {
        match fs_err::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the file when an effect is missing in it or `is_due` is set.
    pub(super) fn keep<P: Production>(&self, production: &P, is_due: bool) -> io::Result<()> {
        // Locked while it writes, so that an older state never replaces a newer one.
        let mut kept = self.effects.lock();
        let effects = production.effects();
        if *kept == Some(effects) && !is_due {
            return Ok(());
        }
        files::write_private(&self.path, &production.state()?)?;
        *kept = Some(effects);
        Ok(())
    }
}
