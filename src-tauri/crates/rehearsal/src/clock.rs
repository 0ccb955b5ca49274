//! Virtual clock of the simulator: `virtual = origin + (real - origin_real) * speed`.
//!
//! The process that serves the World owns the clock and writes it to a file. The app and `date` on
//! the simulated host follow that file. A change of speed makes no jump. Deadlines of networks and
//! signatures use real time.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_trait::async_trait;
use greenlight_engine::ports::Clock;
use greenlight_types::Timestamp;
use parking_lot::Mutex;

use crate::files;

/// Highest speed, in virtual seconds per real second.
pub const SPEED_MAX: u32 = 3_600;

/// Longest real sleep between two readings of the clock, so that a new speed takes effect.
const NAP_MAX: Duration = Duration::from_millis(200);

/// One linear section of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// Virtual time at the origin, in ms since 1970.
    pub origin_ms: i64,
    /// Real time at the origin, in ms since 1970.
    pub origin_real_ms: i64,
    /// Virtual seconds per real second, 1 to [`SPEED_MAX`].
    pub speed: u32,
}

impl ClockState {
    /// A clock that shows `origin_ms` at the real time `real_ms`.
    #[must_use]
    pub fn new(origin_ms: i64, real_ms: i64, speed: u32) -> Self {
        Self { origin_ms, origin_real_ms: real_ms, speed: speed.clamp(1, SPEED_MAX) }
    }

    /// Virtual time at a real time, both in ms since 1970.
    #[must_use]
    pub fn at(&self, real_ms: i64) -> i64 {
        let passed = real_ms.saturating_sub(self.origin_real_ms);
        self.origin_ms.saturating_add(passed.saturating_mul(i64::from(self.speed)))
    }

    /// Section from `real_ms` on with another speed. Virtual time does not jump.
    #[must_use]
    pub fn with_speed(self, real_ms: i64, speed: u32) -> Self {
        Self::new(self.at(real_ms), real_ms, speed)
    }

    /// Line in the clock file: `origin origin_real speed`, as `date` on the simulated host reads
    /// it.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {} {}\n", self.origin_ms, self.origin_real_ms, self.speed)
    }

    /// Parses [`ClockState::line`]; `None` when the text is invalid.
    #[must_use]
    pub fn read(line: &str) -> Option<Self> {
        let mut parts = line.split_whitespace();
        let origin_ms = parts.next()?.parse().ok()?;
        let origin_real_ms = parts.next()?.parse().ok()?;
        let speed: u32 = parts.next()?.parse().ok()?;
        Some(Self::new(origin_ms, origin_real_ms, speed))
    }
}

/// Real time now, in ms since 1970.
#[must_use]
pub fn real_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Converts ms since 1970 to the journals' type. A time out of range becomes the start of 1970.
#[must_use]
pub fn stamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::EPOCH)
}

/// Virtual clock of the owner or of a follower.
#[derive(Debug)]
pub struct VirtualClock {
    file: PathBuf,
    seen: Mutex<Seen>,
    is_owner: bool,
}

#[derive(Debug)]
struct Seen {
    state: ClockState,
    shown_ms: i64,
}

impl VirtualClock {
    /// Makes the owner's clock and writes the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn own(file: &Path, state: ClockState) -> std::io::Result<Self> {
        files::write(file, state.line().as_bytes())?;
        Ok(Self::from_state(file, state, true))
    }

    /// Makes a clock that follows the owner's file.
    ///
    /// # Errors
    /// When the file is missing or invalid.
    pub fn follow(file: &Path) -> std::io::Result<Self> {
        let state = read_state(file)?;
        Ok(Self::from_state(file, state, false))
    }

    fn from_state(file: &Path, state: ClockState, is_owner: bool) -> Self {
        Self { file: file.to_owned(), seen: Mutex::new(Seen { state, shown_ms: i64::MIN }), is_owner }
    }

    /// Virtual time now, in ms since 1970. It never goes back.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let mut seen = self.seen.lock();
        // A follower reads the file each time, because with an old speed it would run ahead of the
        // owner. After the owner's end the last section still gives a time.
        if !self.is_owner
            && let Ok(state) = read_state(&self.file)
        {
            seen.state = state;
        }
        seen.shown_ms = seen.shown_ms.max(seen.state.at(real_ms()));
        seen.shown_ms
    }

    /// Current section of the clock.
    #[must_use]
    pub fn state(&self) -> ClockState {
        self.seen.lock().state
    }

    /// Changes the speed from now on. Only the owner may call it.
    ///
    /// # Errors
    /// When the file cannot be written. Then the clock is unchanged.
    pub fn set_speed(&self, speed: u32) -> std::io::Result<ClockState> {
        let mut seen = self.seen.lock();
        let state = seen.state.with_speed(real_ms(), speed);
        files::write(&self.file, state.line().as_bytes())?;
        seen.state = state;
        Ok(state)
    }
}

#[async_trait]
impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        stamp(self.now_ms())
    }

    async fn sleep(&self, duration: Duration) {
        let wanted = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        let until = self.now_ms().saturating_add(wanted);
        loop {
            let left = until.saturating_sub(self.now_ms());
            let Ok(left) = u64::try_from(left) else { return };
            if left == 0 {
                return;
            }
            let real = Duration::from_millis(left / u64::from(self.state().speed)).max(Duration::from_millis(1));
            tokio::time::sleep(real.min(NAP_MAX)).await;
        }
    }
}

fn read_state(file: &Path) -> std::io::Result<ClockState> {
    let text = fs_err::read_to_string(file)?;
    ClockState::read(&text).ok_or_else(|| std::io::Error::other(format!("{} is not a clock", file.display())))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn new_speed_makes_no_jump_in_time() {
        let slow = ClockState::new(1_000_000, 500, 1);
        let fast = slow.with_speed(2_500, 60);
        assert_eq!(fast.at(2_500), slow.at(2_500));
        assert_eq!(fast.at(3_500) - fast.at(2_500), 60_000);
        let slow_again = fast.with_speed(3_500, 1);
        assert_eq!(slow_again.at(3_500), fast.at(3_500));
    }

    #[test]
    fn follower_uses_the_new_speed_of_the_owner() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let owner = VirtualClock::own(&file, ClockState::new(0, real_ms(), 1)).unwrap();
        let follower = VirtualClock::follow(&file).unwrap();
        owner.set_speed(3_600).unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while follower.now_ms() < 60_000 {
            assert!(Instant::now() < deadline, "the follower still runs at the old speed");
            std::thread::yield_now();
        }
        assert_eq!(follower.state(), owner.state());
    }

    #[test]
    fn time_has_three_decimals() {
        assert_eq!(stamp(1_795_424_531_000).to_string(), "2026-11-23T09:02:11.000Z");
    }

    #[tokio::test]
    async fn virtual_minute_is_short_at_full_speed() {
        let folder = tempfile::tempdir().unwrap();
        let clock = VirtualClock::own(&folder.path().join("clock"), ClockState::new(0, real_ms(), SPEED_MAX)).unwrap();
        let real = Instant::now();
        let before = clock.now_ms();
        clock.sleep(Duration::from_secs(60)).await;
        assert!(clock.now_ms() - before >= 60_000);
        assert!(real.elapsed() < Duration::from_secs(10));
    }
}
