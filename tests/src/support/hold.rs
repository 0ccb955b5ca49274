//! Holds a peer at a chosen moment, before or after an effect. The peer's script moves the file
//! `armed` to `held` and waits for `release`, at most 120 seconds (tests/support/hold.sh).

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;

use super::folder::set_mode;
use super::process::Deadline;

/// The side of the effect on which a peer is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// The effect has not happened.
    BeforeEffect,
    /// The effect has happened and the answer has not been sent.
    AfterEffect,
}

impl Moment {
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::BeforeEffect => "before",
            Self::AfterEffect => "after",
        }
    }
}

/// One armed hold. It holds one request. Dropping it releases the peer.
#[derive(Debug)]
pub struct Hold {
    folder: PathBuf,
}

impl Hold {
    /// Creates the folders that a peer's script reads. Every user can write to them, because the
    /// script may run as a user of its own.
    pub(crate) fn prepare(control: &Path) -> Result<()> {
        for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
            let folder = control.join(moment.folder());
            fs_err::create_dir_all(&folder)?;
            set_mode(&folder, 0o777)?;
        }
        fs_err::copy(super::folder::support_file("hold.sh"), control.join("hold.sh"))?;
        Ok(())
    }

    /// Arms the hold. The script compares the request with `text`.
    pub(crate) fn arm(control: &Path, moment: Moment, text: &str) -> Result<Self> {
        let folder = control.join(moment.folder());
        for left in ["held", "release"] {
            if folder.join(left).exists() {
                fs_err::remove_file(folder.join(left))?;
            }
        }
        fs_err::write(folder.join("armed"), text)?;
        Ok(Self { folder })
    }

    /// Whether the peer is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.folder.join("held").exists()
    }

    /// Waits until the peer is held.
    ///
    /// # Errors
    /// When the peer is not held within `limit`.
    pub async fn wait_until_held(&self, limit: Duration) -> Result<()> {
        let mut deadline = Deadline::after(limit);
        while !self.is_held() {
            deadline.pause("the peer to be held").await?;
        }
        Ok(())
    }

    /// Releases the peer.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn release(self) -> Result<()> {
        self.let_go()
    }

    fn let_go(&self) -> Result<()> {
        let armed = self.folder.join("armed");
        if armed.exists() {
            fs_err::remove_file(armed)?;
        }
        fs_err::write(self.folder.join("release"), "")?;
        Ok(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // A drop cannot report an error. If the folder is gone, no peer waits in it.
        let _ = self.let_go();
    }
}
