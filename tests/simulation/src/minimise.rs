//! Reduces a failing scenario to the faults that it needs.

use std::sync::Arc;

use crate::{
    judge::Judge,
    play,
    scenario::{Fault, Scenario},
    tape::Keep,
};

/// Largest number of plays per scenario.
const PLAYS_MAX: u32 = 2_000;

/// Returns short lists of faults that still break the same rule: those of the first release, then
/// those of the next one. `judge` creates a fresh checker.
///
/// # Errors
/// When a release cannot be played.
pub fn minimise(scenario: &Scenario, invariant: &str, judge: &dyn Fn() -> Box<dyn Judge>) -> anyhow::Result<Scenario> {
    let profile = Arc::new(play::simulated_profile()?);
    let breaks = |scenario: &Scenario| -> anyhow::Result<bool> {
        let played = play::play(&profile, scenario, judge(), Keep::Counts)?;
        Ok(played.tape.violations.iter().any(|violation| violation.invariant == invariant))
    };
    let alone = Scenario { next: None, ..scenario.clone() };
    let best = if breaks(&alone)? { alone } else { scenario.clone() };
    let best = shorten(best, |scenario| Some(&mut scenario.faults), &breaks)?;
    shorten(best, |scenario| scenario.next.as_mut().map(|next| &mut next.faults), &breaks)
}

/// Removes halves of one list of faults, then quarters, then single faults.
fn shorten(
    mut best: Scenario,
    list: impl Fn(&mut Scenario) -> Option<&mut Vec<Fault>>,
    breaks: &dyn Fn(&Scenario) -> anyhow::Result<bool>,
) -> anyhow::Result<Scenario> {
    let length = |of: &mut Scenario| list(of).map_or(0, |faults| faults.len());
    let mut plays = 0;
    let mut size = length(&mut best).div_ceil(2).max(1);
    while plays < PLAYS_MAX {
        let mut at = 0;
        let mut shrank = false;
        while at < length(&mut best) && plays < PLAYS_MAX {
            let mut smaller = best.clone();
            if let Some(faults) = list(&mut smaller) {
                let end = (at + size).min(faults.len());
                faults.drain(at..end);
            }
            plays += 1;
            if breaks(&smaller)? {
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
