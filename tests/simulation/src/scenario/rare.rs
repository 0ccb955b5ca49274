//! Rare situations. They are drawn from numbers of their own, so that every other value of a seed
//! stays as it is.

use fastrand::Rng;

use super::{At, Fault, Kind, MINUTE, Scenario, one_in};

/// Adds at most one rare situation.
pub(super) fn add(scenario: &mut Scenario) {
    let mut rng = Rng::with_seed(scenario.seed ^ 0x7a2e);
    let person = &mut scenario.person;
    person.corrects = rng.bool();
    person.recovers = rng.bool();
    person.hands_over = one_in(&mut rng, 40);
    // An odd number of operators would otherwise be one honest operator too few.
    person.is_honest |= one_in(&mut rng, 20);
    if !person.is_honest || !one_in(&mut rng, 4) {
        return;
    }
    let (rules, setting) = (&mut scenario.rules, &mut scenario.setting);
    let at = rng.i64(0..rules.pace.set + 6 * MINUTE);
    match rng.u8(..8) {
        0 => scenario.faults.push(Fault { at: At::Time(at), kind: Kind::Moves }),
        1 => setting.has_no_migration = true,
        2 => setting.has_other_failure = true,
        3 => rules.renames_build_job = true,
        4 => {
            setting.migration_exit = 3;
            setting.migrates_nothing = rng.bool();
        }
        5 => scenario.faults.push(Fault { at: At::Time(0), kind: Kind::GoneInMigration }),
        6 => rules.build_fails_at = Some(rng.i64(5_000..rules.pace.built + 60_000)),
        _ => scenario.faults.push(Fault { at: At::Time(0), kind: Kind::ReplacedInMigration }),
    }
}
