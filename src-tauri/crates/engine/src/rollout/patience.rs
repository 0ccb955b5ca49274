//! Estimates when AWS gives up a deployment whose starts fail, and the limit of failed starts that
//! gives enough time (TRAP-E1, INV-E5).

use std::time::Duration;

use greenlight_types::{Profile, StepId};

use super::{
    goal::{RolloutGoal, Snapshot},
    view::failed_starts,
};
use crate::ports::{BreakerThreshold, ServiceSnapshot, TaskSnapshot, ThresholdKind};

/// Assumed time from a start to its failure, while none was seen. AWS publishes no figure. A short
/// one makes the app ask for a higher limit than necessary, which costs nothing.
const FAILS_WITHIN: Duration = Duration::from_secs(40);
/// Shortest time from a start to its failure that is believed. A shorter one would ask for a limit
/// without end.
const FAILS_WITHIN_MIN: Duration = Duration::from_secs(5);
/// Time for which a raised limit lasts, at least.
const RAISED_LASTS: Duration = Duration::from_secs(60 * 60);
/// Highest limit that is proposed.
const LIMIT_MAX: u32 = 5_000;
/// Time in which a person presses the button of the migration.
const PRESSED_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Usual time of a migration, in minutes, where the profile gives none.
const MIGRATION_MINUTES: u32 = 10;

/// How long AWS waits while starts fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patience {
    /// No circuit breaker is on, so AWS never gives up.
    Endless,
    /// AWS gives up at a number of failed starts.
    Limited {
        used: u32,
        allowed: u32,
        /// Estimated time until then.
        lasts: Duration,
    },
    /// This version does not know the kind of limit.
    Unknown { kind: String },
}

impl Patience {
    /// Whether AWS surely waits for that time.
    #[must_use]
    pub fn covers(&self, needed: Duration) -> bool {
        match self {
            Self::Endless => true,
            Self::Limited { lasts, .. } => *lasts >= needed,
            Self::Unknown { .. } => false,
        }
    }
}

/// Estimates how long AWS waits for our deployment.
#[must_use]
pub fn patience(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>) -> Patience {
    let service = seen.service;
    let Some(breaker) = service.settings.breaker.as_ref().filter(|breaker| breaker.is_enabled) else {
        return Patience::Endless;
    };
    let (count, failed) = failed_starts(seen, wanted);
    let allowed = count.map(|count| count.threshold).or_else(|| breaker.threshold.limit(service.desired));
    let Some(allowed) = allowed else {
        return Patience::Unknown { kind: breaker.threshold.kind.word().to_owned() };
    };
    let used = count.map_or(0, |count| count.failures);
    let waves = allowed.saturating_sub(used).div_ceil(wave(service));
    Patience::Limited { used, allowed, lasts: wave_lasts(&failed).saturating_mul(waves) }
}

/// The limit that lasts at least an hour from now, as a number of failed starts.
#[must_use]
pub fn raised_limit(seen: Snapshot<'_>, wanted: &RolloutGoal<'_>) -> BreakerThreshold {
    let (count, failed) = failed_starts(seen, wanted);
    let waves = RAISED_LASTS.as_secs().div_ceil(wave_lasts(&failed).as_secs().max(1));
    let waves = u32::try_from(waves).unwrap_or(u32::MAX);
    let used = count.map_or(0, |count| count.failures);
    let starts = waves.saturating_mul(wave(seen.service)).saturating_add(used);
    let value = starts.min(LIMIT_MAX).next_multiple_of(10);
    BreakerThreshold { kind: ThresholdKind::Count, value }
}

/// Time that the migration needs: its longest usual time and half of it.
#[must_use]
pub fn migration_needs(profile: &Profile) -> Duration {
    let (_, longest) = profile.durations.get(&StepId::RunMigration).copied().unwrap_or((0, MIGRATION_MINUTES));
    Duration::from_secs(u64::from(longest) * 90)
}

/// Time from the first start of the new version to a migrated database, before the build.
#[must_use]
pub fn build_needs(profile: &Profile) -> Duration {
    migration_needs(profile) + PRESSED_WITHIN
}

/// Number of new tasks that AWS starts at once: the room that the maximum percentage leaves, or the
/// tasks that the minimum percentage lets it stop first.
fn wave(service: &ServiceSnapshot) -> u32 {
    let (most, least) =
        (service.settings.maximum_percent.unwrap_or(200), service.settings.minimum_percent.unwrap_or(100));
    let share = most.saturating_sub(100).max(100_u32.saturating_sub(least));
    let tasks = u64::from(service.desired) * u64::from(share) / 100;
    u32::try_from(tasks).unwrap_or(u32::MAX).max(1)
}

/// Shortest time from a start to its failure that was seen.
fn wave_lasts(failed: &[&TaskSnapshot]) -> Duration {
    let lasted = failed.iter().filter_map(|task| task.created_at.until(task.stopped_at?));
    lasted.min().unwrap_or(FAILS_WITHIN).max(FAILS_WITHIN_MIN)
}
