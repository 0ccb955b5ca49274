//! A few releases in memory for every test run. `make simulate` plays thousands.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use greenlight_checker::Checker;
use greenlight_simulation::{
    judge::{Judge, Violation},
    minimise::minimise,
    play::{self, Played},
    scenario::{At, Fault, Kind, Scenario},
    tape::Keep,
};

fn play(seed: u64, keep: Keep) -> Played {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    play::play(&profile, &Scenario::of(seed), Box::new(Checker::new()), keep).expect("a release")
}

#[test]
fn one_seed_gives_the_same_release_twice() {
    for seed in 0..10 {
        let (one, other) = (play(seed, Keep::Lines).tape, play(seed, Keep::Lines).tape);
        assert_eq!(one.lines, other.lines, "seed {seed}");
        assert_eq!(one.trace, other.trace, "seed {seed}");
    }
}

#[test]
fn releases_end_differently_and_break_no_rule() {
    let played: Vec<Played> = (0..60).map(|seed| play(seed, Keep::Counts)).collect();
    for one in &played {
        assert!(one.tape.violations.is_empty(), "seed {}: {:?}", one.seed, one.tape.violations);
    }
    let endings: BTreeSet<&str> = played.iter().filter_map(|one| one.ending.split([':', ';']).next()).collect();
    assert!(endings.contains("Released") && endings.contains("Stopped"), "{endings:?}");
    assert!(played.iter().any(|one| one.starts > 1), "the app was never closed");
}

#[test]
fn an_unused_newer_revision_is_no_difference_at_deploy() {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    let mut deployed = 0;
    for seed in 0..12 {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.person.mischief = 0;
        scenario.setting.has_unused_revision = true;
        let judge = Box::new(Checker::new());
        let played = play::play(&profile, &scenario, judge, Keep::Lines).expect("a release");
        let tape = played.tape.lines.join("\n");
        assert!(!tape.contains("on the day of Prepare it was"), "seed {seed}");
        deployed += u32::from(tape.contains("deployStarted"));
    }
    assert!(deployed > 4, "most of them reach Deploy");
}

#[test]
fn a_backup_proof_without_end_blocks_no_release() {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    let mut unproved = 0;
    for seed in 0..12 {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        (scenario.setting.lost_proofs, scenario.setting.proves_no_backup) = (u32::MAX, false);
        let judge = Box::new(Checker::new());
        let played = play::play(&profile, &scenario, judge, Keep::Lines).expect("a release");
        assert!(played.ending.starts_with("Stopped"), "seed {seed}: {}", played.ending);
        assert!(played.tape.violations.is_empty(), "seed {seed}: {:?}", played.tape.violations);
        unproved += u32::from(played.tape.lines.join("\n").contains("never came to its end"));
    }
    assert!(unproved > 4, "most of them reach their backup");
}

/// A judge that objects to every restart of the host.
#[derive(Default)]
struct NoReboots(Vec<Violation>);

impl Judge for NoReboots {
    fn secret(&mut self, _secret: &str) {}
    fn event(&mut self, _event: &Value) {}
    fn request(&mut self, entry: &Value) {
        if entry.pointer("/op/kind").and_then(Value::as_str) == Some("hostRebooted") {
            self.0.push(Violation { invariant: "REBOOT", words: String::new(), at: 0 });
        }
    }
    fn shown(&mut self, _shown: &Value) {}
    fn operator(&mut self, _note: &Value) {}
    fn end(&mut self, _end: &Value) {}
    fn violations(&self) -> Vec<Violation> {
        self.0.clone()
    }
}

#[test]
fn a_failing_scenario_is_reduced_to_one_fault() {
    let mut scenario = Scenario::of(4);
    let reboot = Fault { at: At::Time(1_000), kind: Kind::Reboot };
    scenario.faults.insert(scenario.faults.len() / 2, reboot);
    assert!(scenario.faults.len() > 4, "there is something to leave out");
    let smallest = minimise(&scenario, "REBOOT", &|| Box::new(NoReboots::default())).expect("a smaller release");
    assert!(smallest.faults.len() == 1 && smallest.faults[0].kind == Kind::Reboot, "{:?}", smallest.faults);
}

/// Plays releases with a defective host until a rule is broken.
fn breaks(rule: &str, spoil: impl Fn(&mut Scenario)) -> bool {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    (0..200).any(|seed| {
        let mut scenario = Scenario::of(seed);
        scenario.person.mischief = 0;
        spoil(&mut scenario);
        let judge = Box::new(Checker::new());
        let played = play::play(&profile, &scenario, judge, Keep::Counts).expect("a release");
        played.tape.violations.iter().any(|one| one.invariant == rule)
    })
}

#[test]
fn the_checker_detects_start_latches_lost_at_a_restart() {
    assert!(breaks("INV-D3", |scenario| {
        scenario.setting.forgets_gates = true;
        scenario.faults.extend((0..40).map(|n| Fault { at: At::Time(n * 30_000), kind: Kind::Reboot }));
    }));
}

#[test]
fn the_checker_detects_scripts_that_end_with_the_app() {
    assert!(breaks("INV-D6", |scenario| scenario.setting.hangs_up = true));
}
