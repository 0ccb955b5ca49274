//! Ways on of an honest operator (INV-L2, INV-L3): whole releases, and single situations.

use std::sync::Arc;

use greenlight_checker::Checker;
use greenlight_engine::{options, release::Act};
use greenlight_rehearsal::world::{
    git::MAIN,
    rules::{Breaker, Rules},
};
use greenlight_simulation::{
    play::{self, Played, simulated_profile},
    scenario::{At, Fault, Kind, Scenario},
    scripted::{Scripted, person, quiet_world},
    tape::Keep,
};
use greenlight_types::{ErrorCode, RunResult, RunState, StepId};
use parking_lot::Mutex;

/// Plays a release of an honest operator without faults but those of `change`.
fn played(seed: u64, change: impl Fn(&mut Scenario)) -> Played {
    let profile = Arc::new(simulated_profile().expect("the built-in profile"));
    let mut scenario = Scenario::of(seed);
    scenario.faults.clear();
    scenario.person.is_honest = true;
    scenario.person.dawdles_s = 20;
    change(&mut scenario);
    let played = play::play(&profile, &scenario, Box::new(Checker::new()), Keep::Counts).expect("a release");
    assert!(played.tape.violations.is_empty(), "seed {seed}: {:?}", played.tape.violations);
    played
}

#[test]
fn an_honest_operator_brings_each_calm_release_to_a_result() {
    let released = (0..12).map(|seed| played(seed, |_| {})).filter(|one| {
        assert!(!one.ending.starts_with("left"), "seed {}: {}", one.seed, one.ending);
        one.ending.starts_with("Released")
    });
    assert!(released.count() > 4, "most of them are released");
}

#[test]
fn a_circuit_breaker_leaves_a_way_to_an_end() {
    for rolls_back in [true, false] {
        for migration_s in [60, 7_200] {
            for way_on in [StepId::DeployAgain, StepId::StopRollout, StepId::RollBack] {
                let slow = played(3, |scenario| {
                    scenario.rules = Rules { breaker: Some(Breaker { rolls_back }), ..scenario.rules.clone() };
                    scenario.setting.migration_s = migration_s;
                    scenario.person.way_on = way_on;
                });
                assert!(!slow.ending.starts_with("left"), "{migration_s} s, {way_on:?}: {}", slow.ending);
            }
        }
    }
}

#[test]
fn a_machine_that_is_gone_leaves_a_way_to_an_end() {
    for at_s in [10, 60, 120, 180, 240] {
        for kind in [Kind::Gone, Kind::Replaced] {
            let gone = played(5, |scenario| scenario.faults.push(Fault { at: At::Time(at_s * 1_000), kind }));
            assert!(!gone.ending.starts_with("left"), "{kind:?} at {at_s} s: {}", gone.ending);
        }
    }
}

#[test]
fn a_main_that_moved_after_prepare_refuses_deploy_and_offers_the_stop() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let world = Arc::new(Mutex::new(quiet_world(Rules::default())));
        let profile = simulated_profile().expect("the built-in profile");
        let ann = Scripted::draft(&profile, world, person("Ann", "desk-7")).await.expect("a draft");
        ann.prepare().await.expect("Prepare");
        {
            let (mut world, now_ms) = (ann.world(), ann.clock.now_ms());
            world.git.commit_on(MAIN, "src/Web.java", "hotfix", "Hotfix", now_ms).expect("a commit");
            world.follow_main();
        }
        let refused = ann.deploy(None).await.expect_err("the build could never start");
        assert_eq!(refused.code, ErrorCode::NotAllowedNow);
        assert!(refused.causes.iter().any(|cause| cause.contains("1 more commits")), "{:?}", refused.causes);
        let mut view = ann.view();
        options::fill(&mut view);
        assert_eq!(view.may_end, [RunResult::Stopped, RunResult::Abandoned]);
        let note = "main moved on".to_owned();
        ann.act(Act::EndRun { result: RunResult::Stopped, note }).await.expect("the end");
        assert_eq!(ann.view().state, RunState::Ended);
    });
}
