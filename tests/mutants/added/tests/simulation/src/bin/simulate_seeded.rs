//! `simulate_seeded SEEDS NAME=RULE,RULE...`: switches on one seeded defect after another and plays
//! releases until the checker finds one of its rules broken. It prints the seed of that release,
//! and exits with 1 after an undetected defect.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{collections::BTreeSet, process::ExitCode, sync::Arc};

use anyhow::{Context as _, ensure};
use greenlight_checker::{Checker, Violation};
use greenlight_engine::seeded;
use greenlight_simulation::{play, scenario::Scenario, tape::Keep};
use greenlight_types::Profile;
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

/// A release allocates thousands of short texts. The system's allocator took a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Releases that may break only other rules before a defect counts as undetected.
const MISSES_MAX: usize = 300;

/// A defect and the rules that it breaks.
struct Defect {
    name: &'static str,
    breaks: Vec<String>,
}

/// Result of the search for one defect.
enum Search {
    Caught(u64, Violation),
    /// Rules that were broken instead of the expected ones.
    Missed(BTreeSet<&'static str>),
}

/// The broken rules of one release with this defect.
fn violations(profile: &Arc<Profile>, seed: u64, defect: Option<&'static str>) -> anyhow::Result<Vec<Violation>> {
    seeded::switch_on(defect);
    let played = play::play(profile, &Scenario::of(seed), Box::new(Checker::new()), Keep::Counts);
    seeded::switch_on(None);
    Ok(played?.tape.violations)
}

fn search(profile: &Arc<Profile>, defect: &Defect, seeds: u64) -> anyhow::Result<Search> {
    let (mut others, mut misses) = (BTreeSet::new(), 0);
    for seed in 0..seeds {
        let violations = violations(profile, seed, Some(defect.name))?;
        misses += usize::from(!violations.is_empty());
        for violation in violations {
            if defect.breaks.iter().any(|rule| rule == violation.invariant) {
                // A release that is broken without the defect, too, says nothing about it.
                let without = self::violations(profile, seed, None)?;
                ensure!(without.is_empty(), "seed {seed} breaks a rule without any defect: {without:?}");
                return Ok(Search::Caught(seed, violation));
            }
            others.insert(violation.invariant);
        }
        if misses >= MISSES_MAX {
            break;
        }
    }
    Ok(Search::Missed(others))
}

fn read(text: String) -> anyhow::Result<Defect> {
    let (name, rules) = text.leak().split_once('=').context("a defect is NAME=RULE,RULE")?;
    Ok(Defect { name, breaks: rules.split(',').map(str::to_owned).collect() })
}

/// Prints the result of a search. Returns whether the defect was found.
fn report(defect: &Defect, search: &Search) -> bool {
    match search {
        Search::Caught(seed, shown) => {
            println!("seed {seed:<6} {:<24} {}: {}", defect.name, shown.invariant, shown.words);
            true
        }
        Search::Missed(others) => {
            println!("UNSEEN      {:<24} expected {:?}, broken {others:?}", defect.name, defect.breaks);
            false
        }
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().context("the number of releases is missing")?.parse()?;
    let defects: Vec<Defect> = args.map(read).collect::<anyhow::Result<_>>()?;
    let profile = Arc::new(play::simulated_profile()?);
    let found = |defect: &Defect| search(&profile, defect, seeds).map(|search| report(defect, &search));
    let found: Vec<bool> = defects.par_iter().map(found).collect::<anyhow::Result<_>>()?;
    let unseen = found.iter().filter(|is_found| !**is_found).count();
    println!("{} of {} defects were found within {seeds} releases", defects.len() - unseen, defects.len());
    Ok(ExitCode::from(u8::from(unseen > 0)))
}
