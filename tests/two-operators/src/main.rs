//! `greenlight-two-operators [RACES]`: two computers race for one host a thousand times. It prints
//! a table of races and violations, and exits with 1 after a violation.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{collections::BTreeMap, process::ExitCode, time::Instant};

use futures::{StreamExt as _, stream};
use greenlight_two_operators::{
    apart::play_apart,
    machine::Machine,
    race::{Kind, asked_machine, play},
    scene::Scene,
};

fn main() -> ExitCode {
    let races: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000);
    let first: u64 = std::env::args().nth(2).and_then(|text| text.parse().ok()).unwrap_or(0);
    let scene = match Scene::play() {
        Ok(scene) => scene,
        Err(error) => {
            println!("the release does not come to its migration: {error:#}");
            return ExitCode::from(2);
        }
    };
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return ExitCode::from(2) };
    let begun = Instant::now();
    let asked = match runtime.block_on(asked_machine(&scene)) {
        Ok(asked) => asked,
        Err(error) => {
            println!("the machine cannot be asked: {error:#}");
            return ExitCode::from(2);
        }
    };
    // A race waits more than it computes.
    let at_once = 5 * std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let came: Vec<(Kind, Option<String>)> = runtime.block_on(
        stream::iter(first..first.saturating_add(races))
            .map(|seed| {
                let (scene, asked) = (&scene, &asked);
                let kind = Kind::ALL[usize::try_from(seed % 3).unwrap_or(0)];
                async move { (kind, play(scene, asked, kind, seed).await.err().map(|error| format!("{error:#}"))) }
            })
            .buffer_unordered(at_once)
            .collect(),
    );
    let apart = runtime.block_on(apart_races(&scene, &asked, (races / 50).max(1)));
    let mut rows: BTreeMap<Kind, (u32, Vec<String>)> = BTreeMap::new();
    for (kind, violation) in came {
        let row = rows.entry(kind).or_default();
        row.0 += 1;
        row.1.extend(violation);
    }
    println!("{:<24} {:>6} {:>10}", "", "races", "violations");
    let mut violations = 0;
    for (kind, (races, words)) in rows {
        println!("{:<24} {races:>6} {:>10}", format!("{kind:?}"), words.len());
        for one in words.iter().take(10) {
            println!("    {one}");
        }
        violations += words.len();
    }
    println!("{:<24} {:>6} {:>10}", "TwoMachines", apart.0, apart.1.len());
    for one in apart.1.iter().take(10) {
        println!("    {one}");
    }
    violations += apart.1.len();
    println!("one migration in each, in {:.0?}", begun.elapsed());
    ExitCode::from(u8::from(violations > 0))
}

/// Races with two staging machines and one git server, one after another: their number, and the
/// violations.
async fn apart_races(scene: &Scene, asked: &Machine, races: u64) -> (u64, Vec<String>) {
    let mut violations = Vec::new();
    for seed in 0..races {
        violations.extend(play_apart(scene, asked, seed * 7 % 60).await.err().map(|error| format!("{error:#}")));
    }
    (races, violations)
}
