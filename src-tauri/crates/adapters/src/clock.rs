//! Time as the computer tells it. The only place outside the rehearsal that asks.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_engine::ports::Clock;
use greenlight_types::Timestamp;

/// Real time.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        jiff::Timestamp::now().into()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_takes_its_time_and_stamps_keep_their_order() {
        let before = SystemClock.now();
        SystemClock.sleep(Duration::from_millis(20)).await;
        let after = SystemClock.now();
        assert!(before.until_or_zero(after) >= Duration::from_millis(15), "{before} {after}");
    }
}
