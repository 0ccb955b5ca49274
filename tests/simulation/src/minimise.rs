//! Reduces a failing scenario to the faults that it needs.

use std::sync::Arc;

use crate::{judge::Judge, play, scenario::Scenario, tape::Keep};

/// Largest number of plays per scenario.
const PLAYS_MAX: u32 = 2_000;

/// Returns a short list of faults that still breaks the same rule. It removes halves, then
/// quarters, then single faults. `judge` creates a fresh checker.
///
/// # Errors
/// When a release cannot be played.
pub fn minimise(scenario: &Scenario, invariant: &str, judge: &dyn Fn() -> Box<dyn Judge>) -> anyhow::Result<Scenario> {
    let profile = Arc::new(play::simulated_profile()?);
    let mut best = scenario.clone();
    let mut plays = 0;
    let mut size = best.faults.len().div_ceil(2).max(1);
    while plays < PLAYS_MAX {
        let mut at = 0;
        let mut shrank = false;
        while at < best.faults.len() && plays < PLAYS_MAX {
            let mut smaller = best.clone();
            let end = (at + size).min(smaller.faults.len());
            smaller.faults.drain(at..end);
            plays += 1;
            let played = play::play(&profile, &smaller, judge(), Keep::Counts)?;
            if played.tape.violations.iter().any(|violation| violation.invariant == invariant) {
                best = smaller;
                shrank = true;
            } else {
                at += size;
            }
        }
        if size == 1 && !shrank {
            break;
        }
        size = size.div_ceil(2).max(1);
    }
    Ok(best)
}
