//! The table of a play: counts per kind of cut, and times until the screen was fresh.

use std::fmt::Write as _;

use crate::case::{Broken, Kind, Played};

/// Longest time until the screen is fresh again, for 99 of 100 cases, in milliseconds.
pub const BACK_MAX_MS: u64 = 5_000;

/// Formats the table.
#[must_use]
pub fn table(played: &[Played]) -> String {
    let mut text = format!(
        "{:<20} {:>5} {:>6} {:>14} {:>11} {:>12} {:>9} {:>7} {:>7} {:>7} {:>7}\n",
        "cut",
        "cases",
        "starts",
        "wrong verdicts",
        "logs differ",
        "rules broken",
        "unplayed",
        "median",
        "p95",
        "p99",
        "max"
    );
    for kind in Kind::ALL {
        let of_kind: Vec<&Played> = played.iter().filter(|one| one.case.kind == kind).collect();
        row(&mut text, kind.words(), &of_kind);
    }
    row(&mut text, "all", &played.iter().collect::<Vec<_>>());
    text
}

/// Number of violations.
#[must_use]
pub fn violations(played: &[Played]) -> usize {
    played.iter().map(|one| one.broken.len()).sum()
}

/// Whether there is no violation and 99 of 100 times are within the limit. Cases without a time do
/// not count, and a play without any time proves nothing.
#[must_use]
pub fn is_kept(played: &[Played]) -> bool {
    let times = times(&played.iter().collect::<Vec<_>>());
    violations(played) == 0 && !times.is_empty() && of_hundred(&times, 99) <= BACK_MAX_MS
}

fn row(text: &mut String, name: &str, played: &[&Played]) {
    let count = |is_it: fn(&Broken) -> bool| played.iter().flat_map(|one| &one.broken).filter(|one| is_it(one)).count();
    let starts: usize = played.iter().map(|one| one.starts).sum();
    let times = times(played);
    let shown = |part: usize| {
        let ms = of_hundred(&times, part);
        format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10)
    };
    // Writing to a `String` cannot fail.
    let _ = writeln!(
        text,
        "{name:<20} {:>5} {starts:>6} {:>14} {:>11} {:>12} {:>9} {:>7} {:>7} {:>7} {:>7}",
        played.len(),
        count(|one| matches!(one, Broken::Verdict(_))),
        count(|one| matches!(one, Broken::Log(_))),
        count(|one| matches!(one, Broken::Rule(_))),
        count(|one| matches!(one, Broken::Unplayed(_))),
        shown(50),
        shown(95),
        shown(99),
        shown(100),
    );
}

fn times(played: &[&Played]) -> Vec<u64> {
    let mut times: Vec<u64> = played.iter().filter_map(|one| one.back_ms).collect();
    times.sort_unstable();
    times
}

/// The percentile `part` of sorted values.
fn of_hundred(sorted: &[u64], part: usize) -> u64 {
    let place = (sorted.len() * part).div_ceil(100).saturating_sub(1);
    sorted.get(place).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    fn played(back_ms: Option<u64>, broken: Vec<Broken>) -> Played {
        Played { case: Case::of(0, Kind::Reset, 0, 1), starts: 1, back_ms, broken }
    }

    #[test]
    fn two_late_screens_of_a_hundred_are_too_many() {
        let mut all: Vec<Played> = (0..99).map(|_| played(Some(700), Vec::new())).collect();
        all.push(played(Some(60_000), Vec::new()));
        assert!(is_kept(&all), "{}", table(&all));
        all.push(played(Some(60_000), Vec::new()));
        assert!(!is_kept(&all));
    }

    #[test]
    fn a_violation_or_no_time_fails_the_play() {
        assert!(!is_kept(&[played(Some(1), vec![Broken::Starts("2 starts".into())])]));
        assert!(!is_kept(&[played(None, Vec::new())]));
    }
}
