//! `kill_mutants [NAME...]`: enables one seeded defect of the engine at a time and kills the app
//! until the checker finds it. Without names it tries `REQUIRED`. It exits with 1 after an
//! undetected defect.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::process::ExitCode;

use greenlight_crash::rows::{Bench, Case};
use greenlight_engine::mutant::Mutant;

/// Defects that a kill and a restart of the app must reveal.
const REQUIRED: [Mutant; 7] = [
    Mutant::SkipStartedWrite,
    Mutant::StartedAfterEffect,
    Mutant::ShowBeforeDurable,
    Mutant::AttemptNotCounted,
    Mutant::ResetOnReopen,
    Mutant::RunAgainOnReopen,
    Mutant::MigrateOnOpen,
];
/// Number of releases between two checks of the violations.
const CHUNK: usize = 12;
/// One of this many points is tried.
const EVERY: usize = 3;

fn main() -> anyhow::Result<ExitCode> {
    let named: Vec<String> = std::env::args().skip(1).collect();
    let is_chosen = |mutant: &Mutant| named.iter().any(|name| name == mutant.name() || name == "all");
    let mut chosen: Vec<Mutant> = Mutant::ALL.iter().copied().filter(is_chosen).collect();
    if named.is_empty() {
        chosen.extend(REQUIRED);
    }
    anyhow::ensure!(!chosen.is_empty(), "there is no defect of that name");
    let bench = Bench::set_up()?;
    let cases: Vec<Case> = bench.calm(0)?.cases().into_iter().step_by(EVERY).collect();
    let mut unseen = 0;
    for mutant in chosen {
        let found = cases.chunks(CHUNK).zip(1..).find_map(|(cases, chunk)| {
            let rows = bench.at_points(cases, mutant.name());
            let words = rows.into_iter().flat_map(|row| row.violations).find(|words| words.contains("INV-"))?;
            Some((chunk * CHUNK, words))
        });
        match found {
            Some((releases, words)) => println!("{:<22} within {releases:>3} releases: {words}", mutant.name()),
            None => {
                unseen += 1;
                println!("{:<22} UNSEEN", mutant.name());
            }
        }
    }
    println!("{unseen} defects were not found");
    Ok(ExitCode::from(u8::from(unseen > 0)))
}
