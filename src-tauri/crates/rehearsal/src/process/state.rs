//! The World's state on disk: replaced whole, after every effect and now and then between them.

use std::{
    io,
    path::{Path, PathBuf},
};

use parking_lot::Mutex;

use super::Production;
use crate::files;

/// One file and which effects it holds.
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

    /// What the last process left.
    pub(super) fn last(&self) -> io::Result<Option<Vec<u8>>> {
        match fs_err::read(&self.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Brings the file up to date when an effect is missing in it, or when it is due.
    pub(super) fn keep<P: Production>(&self, production: &P, is_due: bool) -> io::Result<()> {
        // Held while it writes: an older state never replaces a newer one.
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
