//! `greenlight-crash [EVERY] [KILLS] [REHEARSALS]`: kills at every point or every n-th, at random
//! moments, and in rehearsals with ten kills each. It prints a table and exits with 1 after a
//! violation, an unreached point or an empty row.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{process::ExitCode, time::Instant};

use greenlight_crash::{
    child::Tempo,
    desktop,
    report::{Row, table},
    rows::{Bench, Case},
};

/// Number of the release without faults.
const PLAIN: u64 = 0;
/// Number of the release whose dispatch returns no run id and whose build is listed late.
const SLOW: u64 = 1;
/// Kills of one rehearsal in the window.
const KILLS_EACH: usize = 10;

fn main() -> anyhow::Result<ExitCode> {
    let number = |place: usize, usual: usize| {
        std::env::args().nth(place).map_or(Ok(usual), |text| text.parse()).unwrap_or(usual)
    };
    let (every, kills, rehearsals) = (number(1, 1).max(1), number(2, 2_000), number(3, 10));
    let begun = Instant::now();
    let bench = Bench::set_up()?;
    let (calm, slow) = (bench.calm(PLAIN)?, bench.calm(SLOW)?);
    for one in [&calm, &slow] {
        let (points, calls) = (one.points.len(), one.file_calls);
        println!("release {}, undisturbed, comes to {points} points and makes {calls} calls on files", one.seed);
    }
    let cases: Vec<Case> = calm.cases().into_iter().chain(slow.cases()).step_by(every).collect();
    let files: Vec<u32> = (1..=calm.file_calls).step_by(every).collect();
    let mut rows = bench.at_points(&cases, "");
    println!("every point: {:.0?}", begun.elapsed());
    rows.extend(bench.at_file_calls(&files));
    println!("every call on a file: {:.0?}", begun.elapsed());
    rows.push(bench.anywhere(Tempo::Exact, kills / 2));
    println!("any moment: {:.0?}", begun.elapsed());
    rows.push(bench.anywhere(Tempo::Busy, kills - kills / 2));
    if rehearsals > 0 {
        println!("everything at once: {:.0?}", begun.elapsed());
        rows.push(desktop::rehearsals(u64::try_from(rehearsals)?, KILLS_EACH)?);
    }
    println!("\n{}", table(&rows));
    let violations: usize = rows.iter().map(|row| row.violations.len()).sum();
    let (all, reached) =
        rows.iter().filter_map(|row| row.points).fold((0, 0), |(all, reached), row| (all + row.0, reached + row.1));
    let killed: usize = rows.iter().map(|row| row.kills).sum();
    println!("{reached} of {all} points, {killed} kills, {violations} violations in {:.0?}", begun.elapsed());
    Ok(if rows.iter().all(Row::is_kept) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
