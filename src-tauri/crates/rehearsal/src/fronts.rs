//! Fronts: servers of real protocols on loopback, in front of the World.

pub(crate) mod aws;
pub mod git;
pub mod ssh;
mod ssh_exec;

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::clock;

/// Time of the last request and number of connected clients. Every front updates it, and the
/// process ends without clients.
#[derive(Clone, Debug)]
pub struct Pulse {
    inner: Arc<PulseInner>,
}

#[derive(Debug)]
struct PulseInner {
    last_ms: AtomicI64,
    connected: AtomicU32,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { inner: Arc::new(PulseInner { last_ms: AtomicI64::new(clock::real_ms()), connected: AtomicU32::new(0) }) }
    }
}

impl Pulse {
    /// Notes a request of a client.
    pub fn beat(&self) {
        self.inner.last_ms.store(clock::real_ms(), Ordering::Relaxed);
    }

    /// Counts a client until the returned value is dropped.
    #[must_use]
    pub fn connected(&self) -> Connected {
        self.inner.connected.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    /// Real time since the last request. Zero while a client is connected.
    #[must_use]
    pub fn silence(&self) -> Duration {
        if self.inner.connected.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        let passed = clock::real_ms().saturating_sub(self.inner.last_ms.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(passed).unwrap_or_default())
    }
}

/// Guard of one connected client.
#[derive(Debug)]
pub struct Connected(Pulse);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.inner.connected.fetch_sub(1, Ordering::Relaxed);
        self.0.beat();
    }
}
