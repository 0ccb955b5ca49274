//! What one simulated release is made of: how production is set up, what goes wrong and when, who sits at the app.
//!
//! A scenario is data. A number makes one; a shorter list of faults is one too, so a found fault can be made small and
//! kept.

use fastrand::Rng;
use greenlight_rehearsal::world::{
    Pace,
    rules::{Breaker, Concurrency, Deploys, Rules},
};
use serde::{Deserialize, Serialize};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// One release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The number that made it; it also leads the person's choices.
    pub seed: u64,
    /// How production is set up.
    pub rules: Rules,
    /// How the machine and the repository are set up.
    pub setting: Setting,
    /// How the person behaves.
    pub person: Person,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// How the machine and the repository are set up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// How many backups go wrong before one goes well.
    pub bad_backups: u32,
    /// Exit code of those; with 0 they leave an empty file (TRAP-M1).
    pub backup_exit: i32,
    /// Exit code of the migration.
    pub migration_exit: i32,
    /// Seconds of a backup.
    pub backup_s: i64,
    /// Seconds of a migration.
    pub migration_s: i64,
    /// Whether the branch was merged before.
    pub is_merged: bool,
    /// Whether both sides changed the same file.
    pub has_conflict: bool,
    /// Whether the version was set before.
    pub is_set: bool,
    /// Whether the main branch takes no push.
    pub is_protected: bool,
    /// Whether a newer revision was saved that nobody uses (TRAP-T7).
    pub has_unused_revision: bool,
    /// Whether the registry has an image of that name already (TRAP-T5).
    pub has_image: bool,
    /// Whether the tag stands at another commit.
    pub has_tag_elsewhere: bool,
    /// Whether the database can be asked for its version.
    #[serde(default)]
    pub can_ask_database: bool,
    /// Whether the migration leaves the database as it was, however it ends.
    #[serde(default)]
    pub migrates_nothing: bool,
    /// Whether a restart of the machine loses the gate of a job that has begun. No number makes such a machine: the checker
    /// is tried with it.
    #[serde(default)]
    pub forgets_gates: bool,
    /// Whether scripts on the machine end when the app does; the checker is tried with that too.
    #[serde(default)]
    pub hangs_up: bool,
    /// Backups that go well before those that go wrong.
    #[serde(default)]
    pub good_backups: u32,
    /// Whether every backup is written over the one before.
    #[serde(default)]
    pub has_one_backup_name: bool,
    /// Proofs of a backup that never come to their end, from the first.
    #[serde(default)]
    pub lost_proofs: u32,
}

/// How the person behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Of a hundred acts, how many are anything at all.
    pub mischief: u8,
    /// Seconds until an enabled button is pressed, at most.
    pub dawdles_s: u64,
    /// Of a hundred looks of the person at something in doubt, how many are wrong.
    pub errs: u8,
    /// Of a hundred checks of the site, how many do not pass.
    pub fails_checks: u8,
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// When.
    pub at: At,
    /// What.
    pub kind: Kind,
}

/// When something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum At {
    /// At the n-th call of any port, from 0.
    Call(u32),
    /// At the n-th call that changes something outside.
    Changing(u32),
    /// At the n-th write of the journal.
    Write(u32),
    /// So many ms after the beginning.
    Time(i64),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The call never arrives.
    Unreached,
    /// The service asks to slow down.
    Throttled,
    /// The effect is there, the answer is lost.
    Lost,
    /// The call takes its time.
    Late,
    /// The app ends before the call.
    EndsBefore,
    /// The app ends after its effect.
    EndsAfter,
    /// The staging machine is restarted.
    Reboot,
    /// The staging machine cannot be reached for a while.
    Unreachable,
    /// A colleague pushes to the main branch.
    ColleaguePushes,
    /// A colleague starts the workflow.
    ColleagueBuilds,
    /// A colleague saves a revision.
    ColleagueSaves,
    /// A colleague sets the service to the newest revision.
    ColleagueDeploys,
    /// GitHub's token ends, for a while.
    TokenEnds,
    /// Nobody answers, and an order for the staging machine arrives much later.
    Delayed,
    /// This computer sleeps: time passes, and no timer does.
    Sleeps,
    /// Another operator takes the environment, from whoever holds it.
    OtherTakes,
    /// The other operator gives it back.
    OtherLeaves,
    /// The staging machine is replaced by a copy that knows of no job.
    Replaced,
}

/// Calls of a release of which one is chosen: most have more.
const CALLS: u32 = 360;
/// Changing calls of a release.
const CHANGES: u32 = 12;
/// Writes of the journal.
const WRITES: u32 = 60;

impl Scenario {
    /// The release of a number.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = rules(&mut rng);
        let mut setting = setting(&mut rng);
        let person = Person {
            mischief: if rng.u8(..4) == 0 { rng.u8(5..40) } else { rng.u8(0..4) },
            dawdles_s: if rng.u8(..6) == 0 { rng.u64(60..5_400) } else { rng.u64(1..30) },
            errs: if rng.u8(..4) == 0 { 50 } else { 0 },
            fails_checks: if rng.u8(..8) == 0 { 40 } else { 0 },
        };
        let faults = faults(&mut rng, &rules);
        // Last, so that a number stays the release that it was before these were there.
        setting.has_one_backup_name = one_in(&mut rng, 3);
        if setting.bad_backups > 0 && rng.bool() {
            setting.good_backups = 1;
        }
        if one_in(&mut rng, 20) {
            setting.lost_proofs = rng.u32(1..8);
        }
        Self { seed, rules, setting, person, faults }
    }
}

fn one_in(rng: &mut Rng, of: u32) -> bool {
    rng.u32(..of) == 0
}

fn rules(rng: &mut Rng) -> Rules {
    let stretch = rng.i64(1..=4);
    let brisk = Pace::brisk();
    let pace = Pace {
        queued: brisk.queued * stretch,
        image: rng.i64(20..200) * SECOND,
        built: 0,
        set: 0,
        retry: rng.i64(15..60) * SECOND,
        ..brisk
    };
    let built = pace.image + rng.i64(1..20) * SECOND;
    let pace = Pace { built, set: built + rng.i64(1..60) * SECOND, ..pace };
    Rules {
        pace,
        desired: if one_in(rng, 4) { rng.usize(1..5) } else { 2 },
        minimum_percent: if one_in(rng, 6) { 50 } else { 100 },
        maximum_percent: if one_in(rng, 8) { 150 } else { 200 },
        breaker: one_in(rng, 6).then(|| Breaker { rolls_back: rng.bool() }),
        deploys: match rng.u8(..40) {
            0 => Deploys::Running,
            1 => Deploys::ItsOwn,
            _ => Deploys::Newest,
        },
        ends_at_update: one_in(rng, 4),
        waits_max: rng.i64(2..40) * MINUTE,
        build_fails_at: one_in(rng, 20).then(|| rng.i64(5..150) * SECOND),
        loses_image: one_in(rng, 40),
        has_immutable_tags: one_in(rng, 6),
        concurrency: if one_in(rng, 6) { Concurrency::CancelInProgress } else { Concurrency::None },
        tells_run: !one_in(rng, 3),
        list_lag: if one_in(rng, 3) { rng.i64(1..90) * SECOND } else { 0 },
        token_expires_at: None,
        has_health_check: !one_in(rng, 4),
        log_lag: if rng.bool() { 90 * SECOND } else { 0 },
        has_empty_pages: one_in(rng, 3),
        chatters: false,
        has_real_tasks: false,
    }
}

fn setting(rng: &mut Rng) -> Setting {
    Setting {
        bad_backups: if one_in(rng, 6) { rng.u32(1..4) } else { 0 },
        backup_exit: rng.i32(0..2),
        migration_exit: if one_in(rng, 10) { 3 } else { 0 },
        backup_s: rng.i64(5..120),
        migration_s: rng.i64(5..90),
        is_merged: one_in(rng, 12),
        has_conflict: one_in(rng, 30),
        is_set: one_in(rng, 15),
        is_protected: one_in(rng, 40),
        has_unused_revision: one_in(rng, 6),
        has_image: one_in(rng, 12),
        has_tag_elsewhere: one_in(rng, 40),
        can_ask_database: !one_in(rng, 4),
        migrates_nothing: one_in(rng, 20),
        forgets_gates: false,
        hangs_up: false,
        good_backups: 0,
        has_one_backup_name: false,
        lost_proofs: 0,
    }
}

fn faults(rng: &mut Rng, rules: &Rules) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Some releases are calm, so that every ending is reached; the others make up for it.
    let storm = match rng.u8(..10) {
        0 => 0,
        1..=2 => 1,
        3..=6 => 2,
        _ => 4,
    };
    for _ in 0..storm * rng.u32(5..10) {
        let kind = match rng.u8(..20) {
            0..=6 => Kind::Unreached,
            7..=10 => Kind::Throttled,
            11..=14 => Kind::Lost,
            15..=17 => Kind::Late,
            18 => Kind::EndsBefore,
            _ => Kind::EndsAfter,
        };
        faults.push(Fault { at: At::Call(rng.u32(..CALLS)), kind });
    }
    for _ in 0..storm {
        let kind = match rng.u8(..11) {
            0 => Kind::Unreached,
            1..=4 => Kind::Lost,
            5 => Kind::Late,
            6 => Kind::EndsBefore,
            7..=8 => Kind::EndsAfter,
            9 => Kind::Delayed,
            _ => Kind::Throttled,
        };
        faults.push(Fault { at: At::Changing(rng.u32(..CHANGES)), kind });
    }
    for _ in 0..storm {
        let kind = if rng.bool() { Kind::EndsBefore } else { Kind::EndsAfter };
        faults.push(Fault { at: At::Write(rng.u32(..WRITES)), kind });
    }
    let length = rules.pace.set + 6 * MINUTE;
    for _ in 0..rng.u32(..=storm) {
        let kind = match rng.u8(..26) {
            0..=2 => Kind::Reboot,
            3..=6 => Kind::Unreachable,
            7..=8 => Kind::ColleaguePushes,
            9..=10 => Kind::ColleagueBuilds,
            11 => Kind::ColleagueSaves,
            12 => Kind::ColleagueDeploys,
            13..=15 => Kind::TokenEnds,
            16..=18 => Kind::Sleeps,
            19..=21 => Kind::OtherTakes,
            22..=23 => Kind::OtherLeaves,
            _ => Kind::Replaced,
        };
        faults.push(Fault { at: At::Time(rng.i64(0..length)), kind });
    }
    faults
}
