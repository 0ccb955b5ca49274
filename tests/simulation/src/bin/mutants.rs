//! `mutants SEEDS [NAME]`: enables one seeded defect of the engine at a time and plays releases
//! until the checker finds it. It prints the seed of that release, and exits with 1 after an
//! undetected defect.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::{process::ExitCode, sync::Arc};

use greenlight_checker::{Checker, Violation};
use greenlight_engine::mutant::{self, Mutant};
use greenlight_simulation::{play, scenario::Scenario, tape::Keep};
use greenlight_types::Profile;

/// A release allocates thousands of short texts. The system's allocator took a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The first release that reveals the defect, and its broken rules.
fn find(profile: &Arc<Profile>, defect: Mutant, seeds: u64) -> anyhow::Result<Option<(u64, Vec<Violation>)>> {
    for seed in 0..seeds {
        mutant::set(Some(defect));
        let played = play::play(profile, &Scenario::of(seed), Box::new(Checker::new()), Keep::Counts);
        mutant::set(None);
        let violations = played?.tape.violations;
        if !violations.is_empty() {
            return Ok(Some((seed, violations)));
        }
    }
    Ok(None)
}

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().map_or(Ok(10_000), |text| text.parse())?;
    let only = args.next();
    let profile = Arc::new(play::simulated_profile()?);
    let chosen: Vec<Mutant> =
        Mutant::ALL.iter().copied().filter(|one| only.as_deref().is_none_or(|name| name == one.name())).collect();
    anyhow::ensure!(!chosen.is_empty(), "there is no defect of that name");
    let (mut caught, mut as_expected) = (0, 0);
    for defect in &chosen {
        match find(&profile, *defect, seeds)? {
            None => println!("UNSEEN  {:<24} {}", defect.name(), defect.words()),
            Some((seed, violations)) => {
                caught += 1;
                let first = violations.iter().find(|one| defect.breaks().contains(&one.invariant));
                as_expected += usize::from(first.is_some());
                if let Some(shown) = first.or(violations.first()) {
                    println!("seed {seed:<6} {:<24} {}: {}", defect.name(), shown.invariant, shown.words);
                }
            }
        }
    }
    println!("\n{caught} of {} defects were found within {seeds} releases,", chosen.len());
    println!("{as_expected} of them by a rule that the defect is said to break");
    Ok(ExitCode::from(u8::from(caught < chosen.len())))
}
