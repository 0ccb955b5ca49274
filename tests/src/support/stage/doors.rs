//! Holds one named request at a door, before it takes effect or before its answer goes back.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::support::hold::Moment;

/// A held request goes on by itself after this.
const HELD_MAX: Duration = Duration::from_secs(120);

/// The doors of a stage; one request can be held at a time.
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

/// A request that is, or will be, held. Dropping it lets the request go on.
#[derive(Debug)]
pub struct HeldRequest {
    held: watch::Receiver<bool>,
    go: watch::Sender<bool>,
}

impl Doors {
    /// Holds the next request whose name holds `name`: `AWS RegisterTaskDefinition`, `GitHub POST /repos/…`,
    /// `git POST /rally.git/git-receive-pack`, `site GET /version`.
    #[must_use]
    pub fn hold(&self, moment: Moment, name: &str) -> HeldRequest {
        let (held, is_held) = watch::channel(false);
        let (go, may_go) = watch::channel(false);
        let armed = Armed { moment, name: name.to_owned(), held, go: may_go };
        *self.armed.lock() = Some(armed);
        HeldRequest { held: is_held, go }
    }

    /// How many requests whose name holds `name` reached their system, refused ones included.
    #[must_use]
    pub fn reached(&self, name: &str) -> usize {
        let reached = self.reached.lock();
        reached.iter().filter(|one| one.contains(name)).count()
    }

    /// A request goes on to its system.
    pub(super) fn note(&self, name: &str) {
        self.reached.lock().push(name.to_owned());
    }

    /// Waits here when this request is to be held now.
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
        // Whoever armed it and is gone wants it to go on.
        let _ended = tokio::time::timeout(HELD_MAX, armed.go.wait_for(|go| *go)).await;
    }
}

impl HeldRequest {
    /// Waits until the request is held.
    ///
    /// # Errors
    /// When that has not happened within `limit`.
    pub async fn wait_until_held(&mut self, limit: Duration) -> Result<()> {
        let held = tokio::time::timeout(limit, self.held.wait_for(|held| *held)).await;
        held.context("no such request came")?.context("the request was not held")?;
        Ok(())
    }

    /// Lets the request go on.
    pub fn release(self) {
        let _gone = self.go.send(true);
    }
}
