//! `simulate SEEDS [FROM]`: plays releases, says what came of them, and ends with 1 when a rule was broken or a release
//! that was played twice differed. With one seed it prints everything that happened.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::{process::ExitCode, sync::Arc, time::Instant};

use greenlight_checker::Checker;
use greenlight_simulation::{
    judge::Judge,
    minimise::minimise,
    play::{self, Played},
    report::Report,
    scenario::Scenario,
    tape::Keep,
};
use greenlight_types::Profile;

/// One release in so many is played twice.
const TWICE: u64 = 100;

/// A release is thousands of short-lived texts; the system's allocator took a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn reader() -> Box<dyn Judge> {
    Box::new(Checker::new())
}

fn play(profile: &Arc<Profile>, seed: u64, keep: Keep) -> anyhow::Result<Played> {
    play::play(profile, &Scenario::of(seed), reader(), keep)
}

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().map_or(Ok(1_000), |text| text.parse())?;
    let from: u64 = args.next().map_or(Ok(0), |text| text.parse())?;
    let profile = Arc::new(play::simulated_profile()?);
    let (begun, mut sum, mut differing) = (Instant::now(), Report::default(), 0);
    for seed in from..from.saturating_add(seeds) {
        if seeds == 1 {
            for line in play(&profile, seed, Keep::Lines)?.tape.lines {
                println!("{line}");
            }
        }
        if seed % TWICE == 0 {
            let (one, other) = (play(&profile, seed, Keep::Trace)?, play(&profile, seed, Keep::Trace)?);
            differing += u64::from(one.tape.trace != other.tape.trace);
        }
        sum.add(play(&profile, seed, Keep::Counts)?);
    }
    let took = begun.elapsed();
    println!("{sum}");
    println!("played in {took:.1?}; {differing} differed when played twice");
    if let Some((seed, violation)) = sum.first_broken() {
        let smallest = minimise(&Scenario::of(*seed), violation.invariant, &reader)?;
        println!("the first one, made small:\n{}", serde_json::to_string_pretty(&smallest)?);
    }
    Ok(ExitCode::from(u8::from(differing > 0 || sum.first_broken().is_some())))
}
