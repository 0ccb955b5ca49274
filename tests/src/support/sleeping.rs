//! The clocks of a computer whose sleep a test controls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use greenlight_adapters::sleep_detector::{BothClocks, ReadClocks};

/// The clocks, and the number of seconds that the computer has slept.
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
