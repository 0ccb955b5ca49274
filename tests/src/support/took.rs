//! The durations of many repeated calls. For benchmarks only: no test decides by time.

use std::time::{Duration, Instant};

use anyhow::Result;

/// Warm-up calls that do not count. They open connections and fill caches.
const WARM: usize = 5;

/// The durations of many calls, shortest first.
#[derive(Debug)]
pub struct Took(Vec<Duration>);

impl Took {
    /// Makes `calls` calls in sequence after a few warm-up calls.
    ///
    /// # Errors
    /// The first error of a call.
    pub async fn of(calls: usize, mut call: impl AsyncFnMut() -> Result<()>) -> Result<Self> {
        for _ in 0..WARM {
            call().await?;
        }
        let mut took = Vec::with_capacity(calls);
        for _ in 0..calls {
            let begun = Instant::now();
            call().await?;
            took.push(begun.elapsed());
        }
        Ok(Self::from(took))
    }

    /// The median, in ms.
    #[must_use]
    pub fn median(&self) -> f64 {
        self.at(50)
    }

    /// The 99th percentile, in ms.
    #[must_use]
    pub fn slowest_of_a_hundred(&self) -> f64 {
        self.at(99)
    }

    fn at(&self, percent: usize) -> f64 {
        let place = (self.0.len() * percent / 100).min(self.0.len().saturating_sub(1));
        self.0.get(place).copied().unwrap_or_default().as_secs_f64() * 1_000.0
    }
}

impl From<Vec<Duration>> for Took {
    fn from(mut took: Vec<Duration>) -> Self {
        took.sort();
        Self(took)
    }
}
