//! Releases in memory, a few in every test run; thousands by `make simulate`.

use std::{collections::BTreeSet, sync::Arc};

use greenlight_simulation::{
    judge::FirstRules,
    play::{self, Played},
    scenario::Scenario,
    tape::Keep,
};

fn play(seed: u64, keep: Keep) -> Played {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    play::play_with(&profile, &Scenario::of(seed), Box::new(FirstRules::default()), keep).expect("a release")
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
        let judge = Box::new(FirstRules::default());
        let played = play::play_with(&profile, &scenario, judge, Keep::Lines).expect("a release");
        let tape = played.tape.lines.join("\n");
        assert!(!tape.contains("on the day of Prepare it was"), "seed {seed}");
        deployed += u32::from(tape.contains("deployStarted"));
    }
    assert!(deployed > 4, "most of them reach Deploy");
}
