//! The World's state on disk: replaced whole, written only when it differs from what is there.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::files;

/// One file and what it holds.
#[derive(Debug)]
pub(super) struct StateFile {
    path: PathBuf,
    held: Mutex<Option<Vec<u8>>>,
}

impl StateFile {
    /// Reads what the last process left.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let held = match fs_err::read(path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { path: path.to_owned(), held: Mutex::new(held) })
    }

    /// What is on disk.
    pub(super) fn last(&self) -> Option<Vec<u8>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Brings the file to these bytes.
    pub(super) fn save(&self, bytes: &[u8]) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_deref() == Some(bytes) {
            return Ok(());
        }
        files::write_private(&self.path, bytes)?;
        *held = Some(bytes.to_vec());
        Ok(())
    }
}
