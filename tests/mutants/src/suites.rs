//! Builds the copy and runs the suites that must detect the defects. Output of a suite goes to the
//! terminal.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::defect::{CRASH, Defect, SIMULATION};

/// Releases that a defect may stay undetected in.
const SEEDS: &str = "10000";
/// Name of the defect for tests of adapters.
const SWITCH: &str = "GREENLIGHT_SEEDED_DEFECT";

/// The copy and its folders.
pub struct Copy {
    /// Root of the original tree.
    root: PathBuf,
    /// Target folder of the original tree. The copy uses its compiled dependencies.
    target: PathBuf,
}

impl Copy {
    /// The copy of a tree, in its target folder.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Self { root: root.to_owned(), target: std::path::absolute(&target).unwrap_or(target) }
    }

    /// Root of the copy.
    #[must_use]
    pub fn tree(&self) -> PathBuf {
        self.target.join("mutants/tree")
    }

    /// Programs of the copy. They never replace the programs of the original tree.
    fn programs(&self) -> PathBuf {
        self.target.join("mutants/out")
    }

    fn cargo(&self) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(self.tree());
        cargo.env("CARGO_TARGET_DIR", self.programs()).env("CARGO_BUILD_BUILD_DIR", &self.target);
        cargo.env_remove(SWITCH);
        // An edit need not pass the lints of the product.
        cargo.env_remove("RUSTC_WORKSPACE_WRAPPER");
        if std::env::var_os("GREENLIGHT_PEERS_DIR").is_none() {
            cargo.env("GREENLIGHT_PEERS_DIR", self.root.join("target/peers"));
        }
        cargo
    }

    /// Runs every suite that one of the defects names. Returns whether each defect was detected.
    ///
    /// # Errors
    /// When a suite does not compile or start.
    pub fn run(&self, defects: &[&Defect], is_chosen: impl Fn(&str) -> bool) -> Result<bool> {
        let of = |suite: &str| -> Vec<&Defect> {
            defects.iter().copied().filter(|defect| defect.caught_by.iter().any(|name| name == suite)).collect()
        };
        let mut is_complete = true;
        let suites: BTreeSet<&str> =
            defects.iter().flat_map(|defect| defect.caught_by.iter().map(String::as_str)).collect();
        for suite in suites.into_iter().filter(|suite| is_chosen(suite)) {
            is_complete &= match suite {
                SIMULATION => self.simulation(&of(suite))?,
                CRASH => self.crash(&of(suite))?,
                test => self.adapters(test, &of(suite))?,
            };
        }
        Ok(is_complete)
    }

    fn simulation(&self, defects: &[&Defect]) -> Result<bool> {
        let mut build = self.cargo();
        build.args(["build", "--profile", "simulate", "-p", "greenlight-simulation", "--bin", "simulate_seeded"]);
        must(&mut build)?;
        let mut program = Command::new(self.programs().join("simulate/simulate_seeded"));
        Ok(program.arg(SEEDS).args(arguments(defects)).status()?.success())
    }

    fn crash(&self, defects: &[&Defect]) -> Result<bool> {
        let mut build = self.cargo();
        build.args(["build", "--workspace", "--bin", "crash_seeded", "--bin", "crash_child"]);
        must(&mut build)?;
        let mut program = Command::new(self.programs().join("debug/crash_seeded"));
        Ok(program.args(arguments(defects)).status()?.success())
    }

    #[expect(clippy::print_stdout, reason = "a program prints its results")]
    fn adapters(&self, test: &str, defects: &[&Defect]) -> Result<bool> {
        let broken = self.failed_test(test, None)?;
        ensure!(broken.is_none(), "{test} fails without any defect: {broken:?}");
        let mut is_complete = true;
        for defect in defects {
            let found = self.failed_test(test, Some(defect))?;
            is_complete &= found.is_some();
            println!("{:<26} {test}: {}", defect.name, found.as_deref().unwrap_or("UNSEEN"));
        }
        Ok(is_complete)
    }

    /// The first failed test, if any.
    fn failed_test(&self, test: &str, defect: Option<&Defect>) -> Result<Option<String>> {
        let mut command = self.cargo();
        command.args(["test", "--workspace", "--test", test]);
        if let Some(defect) = defect {
            command.env(SWITCH, &defect.name);
        }
        let output = command.output().context("cargo test")?;
        if output.status.success() {
            return Ok(None);
        }
        let printed = String::from_utf8_lossy(&output.stdout);
        let failed = |line: &str| line.strip_prefix("test ")?.strip_suffix(" ... FAILED").map(str::to_owned);
        let first = printed.lines().find_map(failed);
        // Without a failed test, the program did not run.
        first.map(Some).with_context(|| format!("{test} did not run:\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// `NAME=RULE,RULE` for each defect.
fn arguments<'a>(defects: &'a [&Defect]) -> impl Iterator<Item = String> + 'a {
    defects.iter().map(|defect| format!("{}={}", defect.name, defect.breaks.join(",")))
}

fn must(command: &mut Command) -> Result<()> {
    if command.status().context("cargo does not start")?.success() {
        return Ok(());
    }
    bail!(
        "the copy does not compile: an edit of a defect no longer fits the code around it. \
         Correct it in tests/mutants/defects (tests/mutants/README.md#mend-an-edit)."
    )
}
