//! Holds one named request before it takes effect, or before its answer is returned.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::support::hold::Moment;

/// A held request continues after this time.
const HELD_MAX: Duration = Duration::from_secs(120);

/// The doors of a stage. They hold one request at a time.
#[derive(Clone, Debug, Default)]
pub struct Doors {
    armed: Arc<Mutex<Option<Armed>>>,
    reached: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug)]
struct Armed {
    moment: Moment,
    name: String,
    held: watch::Sender<bool>,
    go: watch::Receiver<bool>,
}

/// A request that is held, or will be held. Dropping it releases the request.
#[derive(Debug)]
pub struct HeldRequest {
    held: watch::Receiver<bool>,
    go: watch::Sender<bool>,
}

impl Doors {
    /// Holds the next request whose name contains `name`: `AWS RegisterTaskDefinition`, `GitHub
    /// POST /repos/…`, `git POST /rally.git/git-receive-pack`, `site GET /version`.
    #[must_use]
    pub fn hold(&self, moment: Moment, name: &str) -> HeldRequest {
        let (held, is_held) = watch::channel(false);
        let (go, may_go) = watch::channel(false);
        let armed = Armed { moment, name: name.to_owned(), held, go: may_go };
        *self.armed.lock() = Some(armed);
        HeldRequest { held: is_held, go }
    }

    /// The number of requests whose name contains `name` and that reached their system. Refused
    /// requests are included.
    #[must_use]
    pub fn reached(&self, name: &str) -> usize {
        let reached = self.reached.lock();
        reached.iter().filter(|one| one.contains(name)).count()
    }

    /// Records that a request continues to its system.
    pub(super) fn note(&self, name: &str) {
        self.reached.lock().push(name.to_owned());
    }

    /// Waits here if this request is the armed one.
    pub(super) async fn pass(&self, moment: Moment, name: &str) {
        let taken = {
            let mut armed = self.armed.lock();
            if armed.as_ref().is_some_and(|one| one.moment == moment && name.contains(&one.name)) {
                armed.take()
            } else {
                None
            }
        };
        let Some(mut armed) = taken else { return };
        let _told = armed.held.send(true);
        // An error means that the holder is gone, which releases the request.
        let _ended = tokio::time::timeout(HELD_MAX, armed.go.wait_for(|go| *go)).await;
    }
}

impl HeldRequest {
    /// Waits until the request is held.
    ///
    /// # Errors
    /// When the request is not held within `limit`.
    pub async fn wait_until_held(&mut self, limit: Duration) -> Result<()> {
        let held = tokio::time::timeout(limit, self.held.wait_for(|held| *held)).await;
        held.context("no such request came")?.context("the request was not held")?;
        Ok(())
    }

    /// Releases the request.
    pub fn release(self) {
        let _gone = self.go.send(true);
    }
}
