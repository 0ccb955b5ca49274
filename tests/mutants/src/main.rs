//! `greenlight-mutants`: applies the seeded defects to a copy of the tree, and expects a suite to
//! detect each. It exits with 1 after an undetected defect.
//!
//! `apply` makes or refreshes the copy. `run [SUITE|NAME]...` runs the chosen defects, or all.
//! `sample NUMBER` runs the NUMBER-th six of the defects that simulated releases detect.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail, ensure};
use greenlight_mutants::{
    defect::{self, Defect, SIMULATION},
    suites::Copy,
    tree,
};

/// Number of defects in a sample.
const SAMPLE: usize = 6;

fn main() -> Result<ExitCode> {
    let root = defect::root();
    let copy = Copy::of(&root);
    let defects = defect::defects(&root)?;
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let changed = tree::apply(&root, &copy.tree())?;
    println!("{changed} files changed in {}", copy.tree().display());
    let is_complete = match args.as_slice() {
        ["apply"] => true,
        ["sample", number] => {
            let number: usize = number.parse().context("the number of the sample")?;
            let sample = sample(&defects, number);
            for defect in &sample {
                println!("{:<24} {}", defect.name, defect.says);
            }
            copy.run(&sample, |suite| suite == SIMULATION)?
        }
        ["run", names @ ..] => run(&copy, &defects, names)?,
        _ => bail!("use: greenlight-mutants apply | run [SUITE|NAME]... | sample NUMBER"),
    };
    Ok(ExitCode::from(u8::from(!is_complete)))
}

/// Runs named defects in all their suites, and named suites with all their defects.
fn run(copy: &Copy, defects: &[Defect], names: &[&str]) -> Result<bool> {
    let (of_defects, of_suites): (Vec<&str>, Vec<&str>) =
        names.iter().copied().partition(|name| defects.iter().any(|defect| defect.name == *name));
    for name in &of_suites {
        let is_suite = |defect: &Defect| defect.caught_by.iter().any(|suite| suite == name);
        ensure!(defects.iter().any(is_suite), "there is no defect or suite {name}");
    }
    let is_chosen = |defect: &&Defect| of_defects.is_empty() || of_defects.contains(&defect.name.as_str());
    let chosen: Vec<&Defect> = defects.iter().filter(is_chosen).collect();
    copy.run(&chosen, |suite| of_suites.is_empty() || of_suites.contains(&suite))
}

/// The defects of a sample. Consecutive numbers go through all defects of the simulation.
fn sample(defects: &[Defect], number: usize) -> Vec<&Defect> {
    let is_simulated = |defect: &&Defect| defect.caught_by.iter().any(|suite| suite == SIMULATION);
    let simulated: Vec<&Defect> = defects.iter().filter(is_simulated).collect();
    let start = number.wrapping_mul(SAMPLE) % simulated.len().max(1);
    simulated.iter().cycle().skip(start).take(SAMPLE.min(simulated.len())).copied().collect()
}
