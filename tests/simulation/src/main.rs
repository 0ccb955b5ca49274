//! `simulate SEEDS [FROM]`: plays releases, says what came of them, and ends with 1 when a rule was broken.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::{collections::BTreeMap, process::ExitCode, time::Instant};

use greenlight_simulation::{
    judge::{Judge, Violation},
    play,
    scenario::Scenario,
    tape::Keep,
};
use serde_json::Value;

/// A release is thousands of short-lived texts; the system's allocator took a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Nobody;
impl Judge for Nobody {
    fn event(&mut self, _: &Value) {}
    fn request(&mut self, _: &Value) {}
    fn shown(&mut self, _: &Value) {}
    fn end(&mut self, _: &Value) {}
    fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let mut args = std::env::args().skip(1);
    let seeds: u64 = args.next().map_or(Ok(1_000), |text| text.parse())?;
    let from: u64 = args.next().map_or(Ok(0), |text| text.parse())?;
    let profile = std::sync::Arc::new(play::simulated_profile()?);
    let begun = Instant::now();
    let mut endings: BTreeMap<String, u64> = BTreeMap::new();
    let mut fired: BTreeMap<String, u64> = BTreeMap::new();
    let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
    let (mut events, mut starts) = (0, 0);
    for seed in from..from + seeds {
        let keep = if seeds == 1 { Keep::Lines } else { Keep::Counts };
        let played = play::play_with(&profile, &Scenario::of(seed), Box::new(Nobody), keep)?;
        for line in &played.tape.lines {
            println!("{}", line.chars().take(300).collect::<String>());
        }
        *endings.entry(played.ending).or_default() += 1;
        for (kind, count) in played.fired {
            *fired.entry(format!("{kind:?}")).or_default() += u64::from(count);
        }
        for (name, count) in &played.tape.calls {
            *calls.entry(name).or_default() += count;
        }
        events += u64::from(played.tape.events);
        starts += u64::from(played.starts);
    }
    let took = begun.elapsed().as_secs_f64();
    println!("{seeds} releases in {took:.1} s ({:.0} a second)", seeds as f64 / took);
    println!("calls {calls:#?} events {events} starts {starts}");
    println!("{endings:#?}\n{fired:#?}");
    Ok(ExitCode::SUCCESS)
}
