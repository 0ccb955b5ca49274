//! The clock of every test without a window: virtual time with a fixed speed. In a paused runtime,
//! time passes only while every task waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use greenlight_engine::ports::Clock;
use greenlight_types::Timestamp;

/// A clock of one computer. Clones share its time.
#[derive(Clone, Debug)]
pub struct TestClock {
    base_ms: i64,
    since: tokio::time::Instant,
    /// Virtual seconds per second of the runtime. 0 for a clock that only moves by request.
    speed: u32,
    /// Time added by request, in milliseconds.
    added_ms: Arc<AtomicI64>,
}

impl TestClock {
    /// Starts at a time in milliseconds since 1970. It must be called inside the runtime.
    #[must_use]
    pub fn at(base_ms: i64, speed: u32) -> Self {
        Self { base_ms, since: tokio::time::Instant::now(), speed, added_ms: Arc::default() }
    }

    /// A clock that only moves by request. A sleep on it ends at once.
    #[must_use]
    pub fn stopped_at(base_ms: i64) -> Self {
        Self::at(base_ms, 0)
    }

    /// Now, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let passed = self.since.elapsed().saturating_mul(self.speed).as_millis();
        self.base_ms + self.added_ms.load(Ordering::SeqCst) + i64::try_from(passed).unwrap_or(i64::MAX)
    }

    /// Advances the clock without any timer, as during the sleep of a computer.
    pub fn advance(&self, ms: i64) {
        self.added_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Advances a stopped clock to a time. An earlier time changes nothing.
    pub fn advance_to(&self, now_ms: i64) {
        self.added_ms.fetch_max(now_ms - self.base_ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::EPOCH)
    }

    async fn sleep(&self, duration: Duration) {
        if let Some(real) = duration.checked_div(self.speed) {
            tokio::time::sleep(real).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn passes_at_its_speed_plus_added_time() {
        let clock = TestClock::at(1_000, 20);
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(clock.now_ms(), 11_000);
        clock.advance(5);
        assert_eq!(clock.clone().now_ms(), 11_005);
    }

    #[tokio::test(start_paused = true)]
    async fn stopped_clock_moves_only_by_request() {
        let clock = TestClock::stopped_at(1_000);
        clock.sleep(Duration::from_secs(10)).await;
        assert_eq!(clock.now_ms(), 1_000);
        clock.advance_to(3_000);
        clock.advance_to(2_000);
        assert_eq!(clock.now_ms(), 3_000);
    }
}
