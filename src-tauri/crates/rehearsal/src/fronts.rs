//! Real protocols on loopback in front of the World.

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

/// When a client was last heard of, and how many are connected. Every front beats it; the process ends without it.
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
    /// A client was heard of just now.
    pub fn beat(&self) {
        self.inner.last_ms.store(clock::real_ms(), Ordering::Relaxed);
    }

    /// A client that counts until this is dropped.
    #[must_use]
    pub fn connected(&self) -> Connected {
        self.inner.connected.fetch_add(1, Ordering::Relaxed);
        Connected(self.clone())
    }

    /// How long no client was heard of, in real time.
    #[must_use]
    pub fn silence(&self) -> Duration {
        if self.inner.connected.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        let passed = clock::real_ms().saturating_sub(self.inner.last_ms.load(Ordering::Relaxed));
        Duration::from_millis(u64::try_from(passed).unwrap_or_default())
    }
}

/// One connected client.
#[derive(Debug)]
pub struct Connected(Pulse);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.inner.connected.fetch_sub(1, Ordering::Relaxed);
        self.0.beat();
    }
}
