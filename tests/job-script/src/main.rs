//! `greenlight-job-script`: every case on three shells, ten thousand launches, and all seeded
//! defects, alone and in pairs. It prints a table and exits with 1 after a violation.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{process::ExitCode, time::Instant};

use greenlight_job_script::{
    VERBS,
    alone::{self, ALONE},
    cases::{self, Row},
    failing,
    machine::Shell,
    mutants,
    steps::with_stops,
};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

/// Parallel launches of one job.
const LAUNCHES: usize = 10;

fn main() -> ExitCode {
    // A case waits more than it computes.
    let threads = 4 * std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    if rayon::ThreadPoolBuilder::new().num_threads(threads).build_global().is_err() {
        return ExitCode::from(2);
    }
    let jobs: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let begun = Instant::now();
    let steps = with_stops(VERBS);
    let mut violations = 0;
    println!("{:<34} {:>6} {:>10}", "", "cases", "violations");
    for (kind, row) in cases::table(cases::all(&steps, &Shell::ALL), &steps.text) {
        violations += say(&format!("{kind:?}"), &row);
    }
    for (name, check) in ALONE {
        let mut row = Row { cases: 3, violations: Vec::new() };
        for shell in Shell::ALL {
            row.violations.extend(check(shell, VERBS).err().map(|error| format!("{shell:?}: {error:#}")));
        }
        violations += say(name, &row);
    }
    for (verb, row) in failing::table(VERBS) {
        violations += say(&format!("SomethingFailsIn{verb:?}"), &row);
    }
    let mut row = Row { cases: u32::try_from(jobs).unwrap_or(u32::MAX), violations: Vec::new() };
    let came: Vec<Option<String>> = (0..jobs)
        .into_par_iter()
        .map(|seed| {
            let shell = Shell::ALL[usize::try_from(seed % 3).unwrap_or(0)];
            alone::at_once(shell, VERBS, LAUNCHES, seed).err().map(|error| format!("{shell:?}: {error:#}"))
        })
        .collect();
    row.violations.extend(came.into_iter().flatten());
    violations += say(&format!("LaunchedAtOnce ({LAUNCHES} each)"), &row);
    println!("in {:.0?}\n", begun.elapsed());
    violations += mutants::unseen();
    ExitCode::from(u8::from(violations > 0))
}

fn say(name: &str, row: &Row) -> usize {
    println!("{name:<34} {:>6} {:>10}", row.cases, row.violations.len());
    for words in row.violations.iter().take(10) {
        println!("    {words}");
    }
    // A row in which no verb reached its stop proves nothing.
    row.violations.len() + usize::from(row.cases == 0)
}
