//! `adapter_mutants`: switches on one seeded defect of the adapters at a time. The tests of that
//! adapter against the real protocols have to find each defect. The adapters against the simulator
//! (`make test-fronts`) have to find most of them too. Prints the first test that found each
//! defect. Ends with 1 when a defect is not found.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use greenlight_adapters::mutant::Mutant;

/// The adapters against the simulator, a part of `make test-fronts`.
const FRONTS: &str = "fronts_own";
/// Fewest defects that `FRONTS` has to find. It cannot find three: GitHub's front leaves out other
/// commits, the simulated service has too few servers for a second page, and no computer sleeps
/// there.
const FRONTS_MIN: usize = 11;

/// The tests of the adapter that has the defect.
fn tests_of(defect: Mutant) -> &'static str {
    match defect {
        Mutant::DispatchRepeated | Mutant::DispatchLostIsNothing | Mutant::AnyCommitCounts => "github_adapter",
        Mutant::RefMoved | Mutant::PushBelieved => "git_adapter",
        Mutant::FieldDropped
        | Mutant::RegisterRepeated
        | Mutant::LostIsNothing
        | Mutant::ServersCut
        | Mutant::LogCut => "aws_adapter",
        Mutant::AnyMachine | Mutant::SleepIgnored | Mutant::ExitIgnored | Mutant::LostIsFinished => "ssh_adapter",
    }
}

/// The first failed test, if any.
fn failed(test: &str, defect: Option<Mutant>) -> Result<Option<String>> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.args(["test", "--package", "greenlight-tests", "--features", "mutants", "--test", test]);
    match defect {
        Some(defect) => command.env("GREENLIGHT_MUTANT", defect.name()),
        None => command.env_remove("GREENLIGHT_MUTANT"),
    };
    let output = command.output().context("cargo test")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let first =
        said.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned));
    if output.status.success() {
        return Ok(None);
    }
    // Without a failed test, the program did not run.
    first.map(Some).with_context(|| format!("{test} did not run:\n{}", String::from_utf8_lossy(&output.stderr)))
}

fn main() -> Result<ExitCode> {
    for test in ["github_adapter", "git_adapter", "aws_adapter", "ssh_adapter", FRONTS] {
        let broken = failed(test, None)?;
        anyhow::ensure!(broken.is_none(), "{test} fails without any defect: {broken:?}");
    }
    let (mut own, mut fronts) = (0, 0);
    for defect in Mutant::ALL {
        for (test, caught) in [(tests_of(*defect), &mut own), (FRONTS, &mut fronts)] {
            match failed(test, Some(*defect))? {
                Some(name) => {
                    *caught += 1;
                    println!("{:<24} {test}: {name}", defect.name());
                }
                None => println!("{:<24} {test}: not seen", defect.name()),
            }
        }
    }
    let all = Mutant::ALL.len();
    println!("\n{own} of {all} defects of the adapters were found by the adapters' own tests, {fronts} by {FRONTS}");
    Ok(ExitCode::from(u8::from(own < all || fronts < FRONTS_MIN)))
}
