//! `simulate SEEDS [FROM]`: plays releases, says what came of them, and ends with 1 when a rule was broken or a release
//! that was played twice differed. With one seed it prints everything that happened.
#![expect(clippy::print_stdout, reason = "a command says what it found")]

use std::{collections::BTreeMap, process::ExitCode, sync::Arc, time::Instant};

use greenlight_checker::Checker;
use greenlight_simulation::{
    judge::{Judge, Violation},
    minimise::minimise,
    play::{self, Played},
    scenario::Scenario,
    tape::Keep,
};
use greenlight_types::Profile;

/// One release in so many is played twice.
const TWICE: u64 = 100;

/// A release is thousands of short-lived texts; the system's allocator took a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What came of all releases.
#[derive(Default)]
struct Sum {
    endings: BTreeMap<String, u64>,
    fired: BTreeMap<String, u64>,
    transitions: BTreeMap<String, u64>,
    starts: u64,
    broken: Vec<(u64, Violation)>,
}

impl Sum {
    fn add(&mut self, played: Played) {
        let ending = played.ending.split([':', ';']).next().unwrap_or_default().to_owned();
        *self.endings.entry(ending).or_default() += 1;
        for (kind, count) in played.fired {
            *self.fired.entry(format!("{kind:?}")).or_default() += u64::from(count);
        }
        for transition in played.tape.transitions {
            *self.transitions.entry(transition).or_default() += 1;
        }
        self.starts += u64::from(played.starts);
        for violation in played.tape.violations {
            self.broken.push((played.seed, violation));
        }
    }
}

fn print(title: &str, counts: &BTreeMap<String, u64>) {
    println!("\n{title}");
    for (name, count) in counts {
        println!("{count:>10}  {name}");
    }
}

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
    let (begun, mut sum, mut differing) = (Instant::now(), Sum::default(), 0);
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
    print("ended", &sum.endings);
    print("faults", &sum.fired);
    print("releases with this transition of a step", &sum.transitions);
    println!(
        "\n{seeds} releases in {took:.1?}, {} starts of the app, {differing} differed when played twice",
        sum.starts
    );
    println!("{} broken rules", sum.broken.len());
    for (seed, violation) in sum.broken.iter().take(20) {
        println!("  seed {seed}: {}: {}", violation.invariant, violation.words);
    }
    if let Some((seed, violation)) = sum.broken.first() {
        let smallest = minimise(&Scenario::of(*seed), violation.invariant, &reader)?;
        println!("the first one, made small:\n{}", serde_json::to_string_pretty(&smallest)?);
    }
    Ok(ExitCode::from(u8::from(differing > 0 || !sum.broken.is_empty())))
}
