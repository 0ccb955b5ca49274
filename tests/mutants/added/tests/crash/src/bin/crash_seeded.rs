//! `crash_seeded NAME=RULE,RULE...`: switches on one seeded defect after another and kills the app
//! until the checker finds one of its rules broken. It exits with 1 after an undetected defect.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::process::ExitCode;

use anyhow::Context as _;
use greenlight_crash::rows::{Bench, Case};

/// Number of releases between two checks of the violations.
const CHUNK: usize = 12;
/// One of this many points is tried.
const EVERY: usize = 3;

fn main() -> anyhow::Result<ExitCode> {
    let bench = Bench::set_up()?;
    let cases: Vec<Case> = bench.calm(0)?.cases().into_iter().step_by(EVERY).collect();
    let mut unseen = 0;
    for defect in std::env::args().skip(1) {
        let (name, rules) = defect.split_once('=').context("a defect is NAME=RULE,RULE")?;
        let found = cases.chunks(CHUNK).zip(1..).find_map(|(cases, chunk)| {
            let rows = bench.at_points(cases, name);
            let mut violations = rows.into_iter().flat_map(|row| row.violations);
            let words = violations.find(|words| rules.split(',').any(|rule| words.contains(rule)))?;
            Some((chunk * CHUNK, words))
        });
        match found {
            Some((releases, words)) => println!("{name:<22} within {releases:>3} releases: {words}"),
            None => {
                unseen += 1;
                println!("{name:<22} UNSEEN");
            }
        }
    }
    println!("{unseen} defects were not found after a kill");
    Ok(ExitCode::from(u8::from(unseen > 0)))
}
