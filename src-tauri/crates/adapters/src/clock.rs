//! The real clock. Only this file and the simulator read a clock of the computer.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_engine::ports::Clock;
use greenlight_types::Timestamp;

/// The clock of this computer.
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
    async fn a_sleep_advances_the_clock() {
        let before = SystemClock.now();
        SystemClock.sleep(Duration::from_millis(20)).await;
        let after = SystemClock.now();
        assert!(before.until_or_zero(after) >= Duration::from_millis(15), "{before} {after}");
    }
}
