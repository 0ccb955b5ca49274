//! Whether this computer slept: while it does, the wall clock goes on and the monotonic clock does not (Linux and macOS;
//! rust-lang/rust#79462, tokio-rs/tokio#3185). A clock that somebody set looks the same and is treated the same: nothing
//! that was known of a connection counts any more.
//!
//! On Windows the monotonic clock goes on too. There a connection that died in the meantime is found by its keepalives.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// The two clocks drift apart by less than this by themselves (RELIABILITY.md 3.7).
const APART: Duration = Duration::from_secs(5);
/// Time between two looks at the clocks.
const LOOK: Duration = Duration::from_secs(1);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct BothClocks {
    /// What a watch on the wall shows.
    pub wall: SystemTime,
    /// What passed while the computer was awake.
    pub awake: Instant,
}

impl BothClocks {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), awake: Instant::now() }
    }

    /// Whether the computer slept, or its clock was set, between this moment and a later one.
    #[must_use]
    pub fn slept_until(&self, later: &Self) -> bool {
        let awake = later.awake.saturating_duration_since(self.awake);
        match later.wall.duration_since(self.wall) {
            Ok(wall) => wall.abs_diff(awake) > APART,
            Err(back) => back.duration() + awake > APART,
        }
    }
}

/// Reads both clocks; a test has its own.
pub type ReadClocks = Arc<dyn Fn() -> BothClocks + Send + Sync>;

/// Ends when the computer slept since it was called, at most a second after it woke.
pub async fn slept(read: &ReadClocks) {
    let begun = read();
    while !begun.slept_until(&read()) {
        tokio::time::sleep(LOOK).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(wall: u64, awake: u64) -> bool {
        let begun = BothClocks::now();
        let (wall, awake) = (begun.wall + Duration::from_secs(wall), begun.awake + Duration::from_secs(awake));
        begun.slept_until(&BothClocks { wall, awake })
    }

    #[test]
    fn a_computer_that_was_awake_for_hours_did_not_sleep() {
        assert!(!later(36_000, 36_000));
        assert!(!later(36_004, 36_000), "clocks are corrected a little");
    }

    #[test]
    fn a_wall_clock_that_went_on_alone_is_a_sleep() {
        assert!(later(28_800, 2));
        assert!(later(8, 2), "even a short one");
    }

    #[test]
    fn a_wall_clock_that_was_set_back_is_taken_for_a_sleep() {
        let begun = BothClocks::now();
        let back = BothClocks { wall: begun.wall - Duration::from_secs(3_600), awake: begun.awake };
        assert!(begun.slept_until(&back));
    }
}
