//! Releases in memory, a few in every test run; thousands by `make simulate`.

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
fn the_same_number_gives_the_same_release_to_the_last_byte() {
    for seed in 0..10 {
        let (one, other) = (play(seed, Keep::Lines).tape, play(seed, Keep::Lines).tape);
        assert_eq!(one.lines, other.lines, "seed {seed}");
        assert_eq!(one.trace, other.trace, "seed {seed}");
    }
}

#[test]
fn releases_end_in_more_than_one_way_and_break_no_rule_that_is_read() {
    let played: Vec<Played> = (0..60).map(|seed| play(seed, Keep::Counts)).collect();
    for one in &played {
        assert!(one.tape.violations.is_empty(), "seed {}: {:?}", one.seed, one.tape.violations);
    }
    let endings: BTreeSet<&str> = played.iter().filter_map(|one| one.ending.split([':', ';']).next()).collect();
    assert!(endings.contains("Released") && endings.contains("Stopped"), "{endings:?}");
    assert!(played.iter().any(|one| one.starts > 1), "the app was never closed");
}

#[test]
fn settings_based_on_a_newer_revision_than_runs_are_no_difference_at_deploy() {
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
fn a_backup_whose_proof_never_comes_to_its_end_holds_no_release_for_ever() {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    let mut unproved = 0;
    for seed in 0..12 {
        let mut scenario = Scenario::of(seed);
        scenario.faults.clear();
        scenario.setting.lost_proofs = u32::MAX;
        let judge = Box::new(Checker::new());
        let played = play::play(&profile, &scenario, judge, Keep::Lines).expect("a release");
        assert!(played.ending.starts_with("Stopped"), "seed {seed}: {}", played.ending);
        assert!(played.tape.violations.is_empty(), "seed {seed}: {:?}", played.tape.violations);
        unproved += u32::from(played.tape.lines.join("\n").contains("never came to its end"));
    }
    assert!(unproved > 4, "most of them reach their backup");
}

/// Finds fault with every restart of the staging machine.
#[derive(Default)]
struct NoReboots(Vec<Violation>);

impl Judge for NoReboots {
    fn event(&mut self, _event: &Value) {}
    fn request(&mut self, entry: &Value) {
        if entry.pointer("/op/kind").and_then(Value::as_str) == Some("hostRebooted") {
            self.0.push(Violation { invariant: "REBOOT", words: String::new(), at: 0 });
        }
    }
    fn shown(&mut self, _shown: &Value) {}
    fn end(&mut self, _end: &Value) {}
    fn violations(&self) -> Vec<Violation> {
        self.0.clone()
    }
}

#[test]
fn a_found_fault_is_made_small_to_what_it_needs() {
    let mut scenario = Scenario::of(4);
    let reboot = Fault { at: At::Time(1_000), kind: Kind::Reboot };
    scenario.faults.insert(scenario.faults.len() / 2, reboot);
    assert!(scenario.faults.len() > 4, "there is something to leave out");
    let smallest = minimise(&scenario, "REBOOT", &|| Box::new(NoReboots::default())).expect("a smaller release");
    assert!(smallest.faults.len() == 1 && smallest.faults[0].kind == Kind::Reboot, "{:?}", smallest.faults);
}

/// Plays releases on a machine that is not as it should be, until a rule is seen broken.
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
fn a_machine_whose_gates_are_not_on_disk_before_a_script_begins_is_seen_at_a_restart() {
    assert!(breaks("INV-D3", |scenario| {
        scenario.setting.forgets_gates = true;
        scenario.faults.extend((0..40).map(|n| Fault { at: At::Time(n * 30_000), kind: Kind::Reboot }));
    }));
}

#[test]
fn a_machine_whose_scripts_end_with_the_app_is_seen_when_the_lid_is_closed() {
    assert!(breaks("INV-D6", |scenario| scenario.setting.hangs_up = true));
}
