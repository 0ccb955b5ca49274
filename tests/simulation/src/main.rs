//! `simulate SEEDS [FROM]`: plays releases and prints a report. It exits with 1 after a broken
//! rule, when a repeated release differs, or when too few of 100,000 releases show an act or a
//! state. One seed prints the whole release.
//!
//! `RAYON_NUM_THREADS` limits the cores and does not change the report.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use greenlight_checker::Checker;
use greenlight_simulation::{
    batch::in_order,
    judge::Judge,
    minimise::minimise,
    play::{self, Played},
    report::Report,
    scenario::Scenario,
    tape::Keep,
};
use greenlight_types::Profile;

/// One of this many releases is played twice.
const TWICE: u64 = 100;

/// A release allocates thousands of short texts. The system's allocator took a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn reader() -> Box<dyn Judge> {
    Box::new(Checker::new())
}

fn play(profile: &Arc<Profile>, seed: u64, keep: Keep) -> anyhow::Result<Played> {
    play::play(profile, &Scenario::of(seed), reader(), keep)
}

/// Whether a repeated release differs. Only one of [`TWICE`] is repeated.
fn differs(profile: &Arc<Profile>, seed: u64) -> anyhow::Result<bool> {
    Ok(seed.is_multiple_of(TWICE)
        && play(profile, seed, Keep::Trace)?.tape.trace != play(profile, seed, Keep::Trace)?.tape.trace)
}

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().map_or(Ok(1_000), |text| text.parse())?;
    let from: u64 = args.next().map_or(Ok(0), |text| text.parse())?;
    let profile = Arc::new(play::simulated_profile()?);
    if seeds == 1 {
        for line in play(&profile, from, Keep::Lines)?.tape.lines {
            println!("{line}");
        }
    }
    let (begun, mut sum, mut differing) = (Instant::now(), Report::default(), 0);
    in_order(
        from..from.saturating_add(seeds),
        |seed| Ok((play(&profile, seed, Keep::Counts)?, differs(&profile, seed)?)),
        |(played, differs)| {
            differing += u64::from(differs);
            sum.add(played);
        },
    )?;
    let took = begun.elapsed();
    println!("{sum}");
    println!("played in {took:.1?}; {differing} differed when played twice");
    let (rate, cores) = (Duration::from_secs(seeds).div_duration_f64(took), rayon::current_num_threads());
    println!("{rate:.0} releases a second, {:.0} on each of {cores} cores", rate / f64::from(u32::try_from(cores)?));
    if let Some((seed, violation)) = sum.first_broken() {
        let smallest = minimise(&Scenario::of(*seed), violation.invariant, &reader)?;
        println!("the first one, made small:\n{}", serde_json::to_string_pretty(&smallest)?);
    }
    let is_good = differing == 0 && sum.first_broken().is_none() && sum.rare().is_empty();
    Ok(ExitCode::from(u8::from(!is_good)))
}
