//! Detects that this computer slept. During a sleep the wall clock runs and the monotonic clock
//! stops, on Linux and macOS (rust-lang/rust#79462, tokio-rs/tokio#3185). A wall clock that was set
//! looks the same. After either, open connections may be dead.
//!
//! On Windows the monotonic clock runs during a sleep too. There only keepalives find a dead
//! connection.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

/// Difference of the two clocks that counts as a sleep. Their normal drift is smaller
/// (docs/remote-jobs.md#connection).
const SLEEP_MIN: Duration = Duration::from_secs(5);
/// Interval of the checks.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct BothClocks {
    /// Runs during a sleep, and a person can set it.
    pub wall: SystemTime,
    /// Stops during a sleep, except on Windows.
    pub awake: Instant,
}

impl BothClocks {
    /// The clocks now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), awake: Instant::now() }
    }

    /// Whether the computer slept, or its clock was set, between this moment and a later one.
    #[must_use]
    pub fn slept_until(&self, later: &Self) -> bool {
        let awake = later.awake.saturating_duration_since(self.awake);
        match later.wall.duration_since(self.wall) {
            Ok(wall) => wall.abs_diff(awake) > SLEEP_MIN,
            Err(back) => back.duration() + awake > SLEEP_MIN,
        }
    }
}

/// Reads both clocks. A test passes its own function.
pub type ReadClocks = Arc<dyn Fn() -> BothClocks + Send + Sync>;

/// Waits until the computer has slept since the call. Returns at most one second after it woke.
pub async fn slept(read: &ReadClocks) {
    let begun = read();
    while !begun.slept_until(&read()) {
        tokio::time::sleep(CHECK_INTERVAL).await;
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
    fn two_clocks_that_agree_show_no_sleep() {
        assert!(!later(36_000, 36_000));
        assert!(!later(36_004, 36_000), "clocks are adjusted a little");
    }

    #[test]
    fn a_wall_clock_that_ran_ahead_is_a_sleep() {
        assert!(later(28_800, 2));
        assert!(later(8, 2), "even a short one");
    }

    #[test]
    fn a_wall_clock_that_was_set_back_is_a_sleep() {
        let begun = BothClocks::now();
        let back = BothClocks { wall: begun.wall - Duration::from_secs(3_600), awake: begun.awake };
        assert!(begun.slept_until(&back));
    }
}
