//! The clocks of a computer that sleeps when a test says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use greenlight_adapters::sleep_detector::{BothClocks, ReadClocks};

/// Clocks, and the seconds that the computer has slept so far.
#[must_use]
pub fn sleeping() -> (ReadClocks, Arc<AtomicU64>) {
    let asleep = Arc::new(AtomicU64::new(0));
    let seconds = Arc::clone(&asleep);
    let read_clocks = move || {
        let now = BothClocks::now();
        BothClocks { wall: now.wall + Duration::from_secs(seconds.load(Ordering::Acquire)), ..now }
    };
    (Arc::new(read_clocks), asleep)
}
