//! `greenlight-network-faults [POINTS] [LANES]`: cuts of every kind at points of a job's life. It
//! prints violations, late screens and a table. It exits with 1 after a violation, or when fewer
//! than 99 of 100 screens were fresh in time.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{process::ExitCode, time::Instant};

use greenlight_network_faults::{
    case::Played,
    cases, play,
    report::{BACK_MAX_MS, is_kept, table, violations},
};

fn main() -> ExitCode {
    let number = |place: usize, usual: u64| {
        std::env::args().nth(place).map_or(Ok(usual), |text| text.parse()).unwrap_or(usual).max(1)
    };
    let (points, lanes) = (number(1, 60), number(2, 10));
    let Some(child) = std::env::current_exe().ok().map(|own| own.with_file_name("network_child")) else {
        return ExitCode::from(2);
    };
    let begun = Instant::now();
    let cases = cases(points);
    println!("{} cases, {lanes} at a time, each in a network namespace of its own", cases.len());
    let played = play(&cases, usize::try_from(lanes).unwrap_or(1), &child, say);
    println!("\n{}", table(&played));
    println!("{} violations in {} s", violations(&played), begun.elapsed().as_secs());
    if is_kept(&played) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(played: &Played) {
    let is_late = played.back_ms.is_some_and(|ms| ms > BACK_MAX_MS);
    if is_late || !played.broken.is_empty() {
        println!("{:?}: fresh after {:?} ms, {:?}", played.case, played.back_ms, played.broken);
    }
}
