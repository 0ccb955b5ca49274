//! Rare situations. They are drawn from numbers of their own, so that every other value of a seed
//! stays as it is.

use fastrand::Rng;
use greenlight_rehearsal::world::rules::{Breaker, Review, StoredShape};

use super::{At, Concurrency, Fault, Kind, MINUTE, Rules, SECOND, Scenario, Setting, one_in};

/// Adds at most one rare situation.
pub(super) fn add(scenario: &mut Scenario) {
    let mut rng = Rng::with_seed(scenario.seed ^ 0x7a2e);
    let person = &mut scenario.person;
    person.corrects = rng.bool();
    person.recovers = rng.bool();
    person.hands_over = one_in(&mut rng, 40);
    // More than half of the operators are honest.
    person.is_honest |= one_in(&mut rng, 20);
    if one_in(&mut rng, 80) {
        scenario.rules.stored_shape = StoredShape::OtherMeaning;
    }
    if one_in(&mut rng, 80) {
        scenario.setting.runs_unmigrated = true;
    }
    if !person.is_honest && one_in(&mut Rng::with_seed(scenario.seed ^ 0x51ab), 40) {
        // A package of another commit is there before the build, and the operator errs about it.
        scenario.setting.has_early_version = true;
        scenario.faults.push(Fault { at: At::Time(0), kind: Kind::ColleagueBuilds });
    }
    if one_in(&mut Rng::with_seed(scenario.seed ^ 0x3e57), 25) {
        scenario.person.recovers = true;
        scenario.faults.push(Fault { at: At::Time(0), kind: Kind::ColleagueRestores });
    }
    let mut pulls = Rng::with_seed(scenario.seed ^ 0x9d1c);
    if scenario.setting.is_protected || one_in(&mut pulls, 25) {
        scenario.setting.is_protected = true;
        let rules = &mut scenario.rules;
        rules.tells_rules = pulls.bool();
        rules.review = [Review::Merge, Review::Squash, Review::Refuse][pulls.usize(..3)];
        rules.review_ms = (!one_in(&mut pulls, 8)).then(|| pulls.i64(10 * SECOND..30 * MINUTE));
    }
    if !scenario.person.is_honest || !one_in(&mut rng, 3) {
        return;
    }
    if rng.bool() { of_migration(&mut rng, scenario) } else { of_build(&mut rng, scenario) }
}

/// Situations of the staging machine, the migration and Prepare.
fn of_migration(rng: &mut Rng, scenario: &mut Scenario) {
    let (rules, setting, person) = (&mut scenario.rules, &mut scenario.setting, &mut scenario.person);
    let at = rng.i64(0..rules.pace.set + 6 * MINUTE);
    let kind = match rng.u8(..12) {
        0 | 11 => Kind::Moves,
        1 => Kind::GoneInMigration,
        2 => Kind::ReplacedInMigration,
        3 => return (setting.runs_unmigrated, person.has_no_migration) = (true, true),
        4 => return setting.has_other_failure = true,
        5 => return setting.has_newer_version = true,
        6 => return setting.has_other_repository = true,
        7 => {
            person.corrects = true;
            return setting.has_wrong_pattern = true;
        }
        8 => {
            // Longer than a watch.
            rules.breaker = None;
            setting.migration_s = rng.i64(6 * 3_600..9 * 3_600);
            return;
        }
        9 => {
            setting.migration_exit = 3;
            return setting.migrates_nothing = rng.bool();
        }
        _ => return person.fails_checks = 40,
    };
    scenario.faults.push(Fault { at: At::Time(at), kind });
}

/// Situations of the build, its package and the rollout.
fn of_build(rng: &mut Rng, scenario: &mut Scenario) {
    let (rules, setting) = (&mut scenario.rules, &mut scenario.setting);
    let built = rules.pace.built;
    let (at, kind) = match rng.u8(..9) {
        0 => return rules.renames_build_job = true,
        1 => return rules.build_fails_at = Some(rng.i64(5 * SECOND..built)),
        2 => {
            setting.has_early_version = true;
            (0, Kind::ColleagueBuilds)
        }
        3 => {
            (rules.renames_build_job, rules.loses_image) = (true, true);
            (rng.i64(MINUTE..built + 3 * MINUTE), Kind::ColleaguePutsImage)
        }
        4 => (rng.i64(built..built + 6 * MINUTE), Kind::ColleaguePutsImage),
        5 => (rng.i64(built..rules.pace.set + 12 * MINUTE), Kind::ColleagueDeploys),
        6 => (rng.i64(0..3 * MINUTE), Kind::ColleagueBuilds),
        7 => {
            rules.concurrency = Concurrency::CancelInProgress;
            (rng.i64(0..built + 3 * MINUTE), Kind::ColleagueBuilds)
        }
        _ => (rng.i64(0..3 * MINUTE), Kind::PushBuilds),
    };
    scenario.faults.push(Fault { at: At::Time(at), kind });
}

/// A situation that seldom comes with the other faults, for an honest operator.
pub(super) fn situation(rng: &mut Rng, rules: &mut Rules, setting: &mut Setting) -> Option<Fault> {
    let at = rng.i64(0..rules.pace.set + 6 * MINUTE);
    let kind = match rng.u8(..9) {
        0 => Kind::Replaced,
        1 => Kind::Gone,
        2 => {
            setting.migration_exit = 3;
            Kind::ColleagueRepairs
        }
        3 => Kind::ColleagueDeploys,
        4 => {
            rules.concurrency = Concurrency::CancelInProgress;
            Kind::ColleagueBuilds
        }
        5 => Kind::ColleaguePushes,
        6 => {
            rules.breaker = Some(Breaker { rolls_back: rng.bool() });
            return None;
        }
        7 => {
            // Longer than the circuit breaker or a person may wait, and no more than a night.
            setting.migration_s = rng.i64(30 * 60..8 * 3_600);
            return None;
        }
        _ => {
            setting.migrates_nothing = true;
            setting.migration_exit = rng.i32(0..4);
            return None;
        }
    };
    // The first minutes are those of Prepare and of the backup.
    let at = if rng.bool() { at } else { at / 4 };
    Some(Fault { at: At::Time(at), kind })
}
