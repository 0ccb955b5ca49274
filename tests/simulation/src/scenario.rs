//! A scenario: the setup of production, the faults with their times, and the operator.
//!
//! A scenario is data, made from a seed or read from a file. A smaller list of faults is a scenario
//! too, so a failing one can be reduced and kept.

mod rare;

use fastrand::Rng;
use greenlight_rehearsal::world::{
    Pace,
    host::Hanging,
    rules::{Breaker, Concurrency, Deploys, Review, Rules, StoredShape, Threshold},
};
use greenlight_types::StepId;
use serde::{Deserialize, Serialize};

use crate::second_run::Next;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// Scenario of one release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Seed of the scenario and of the operator's choices.
    pub seed: u64,
    /// Rules of the world.
    pub rules: Rules,
    /// Setup of host and repository.
    pub setting: Setting,
    /// Behaviour of the operator.
    pub person: Person,
    /// Faults of the release.
    pub faults: Vec<Fault>,
    /// The release after this one, in the same journal.
    #[serde(default)]
    pub next: Option<Next>,
}

/// Setup of host and repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Number of failing backups before a good one.
    pub bad_backups: u32,
    /// Exit code of failing backups. With 0 they leave an empty file (TRAP-M1).
    pub backup_exit: i32,
    /// Exit code of the migration.
    pub migration_exit: i32,
    /// Duration of a backup in seconds.
    pub backup_s: i64,
    /// Duration of a migration in seconds.
    pub migration_s: i64,
    /// Whether the branch was merged before.
    pub is_merged: bool,
    /// Whether both sides changed the same file.
    pub has_conflict: bool,
    /// Whether the version was set before.
    pub is_set: bool,
    /// Whether the main branch refuses pushes.
    pub is_protected: bool,
    /// Whether a newer revision exists that the service does not run (TRAP-T7).
    pub has_unused_revision: bool,
    /// Whether the registry already has an image with this tag (TRAP-T5).
    pub has_image: bool,
    /// Whether the git tag exists at another commit.
    pub has_tag_elsewhere: bool,
    /// Whether the database can report its version.
    #[serde(default)]
    pub can_ask_database: bool,
    /// Whether the migration leaves the database unchanged.
    #[serde(default)]
    pub migrates_nothing: bool,
    /// Whether a restart of the host loses the start latch of a started job. No seed sets this; it
    /// tests the checker.
    #[serde(default)]
    pub forgets_gates: bool,
    /// Whether scripts on the host end with the app. No seed sets this; it tests the checker.
    #[serde(default)]
    pub hangs_up: bool,
    /// Number of good backups before the failing ones.
    #[serde(default)]
    pub good_backups: u32,
    /// Whether every backup overwrites the one before.
    #[serde(default)]
    pub has_one_backup_name: bool,
    /// Number of backup proofs, from the first, that never return.
    #[serde(default)]
    pub lost_proofs: u32,
    /// Whether the git remote refuses the environment lock.
    #[serde(default)]
    pub refuses_locks: bool,
    /// Whether another program wrote an entry of the environment lock that the app cannot read.
    #[serde(default)]
    pub has_strange_lock: bool,
    /// Whether the profile lists no failure of the old database, as Rally's.
    #[serde(default)]
    pub lists_no_failures: bool,
    /// Whether the profile has no command that proves a backup, as Rally's.
    #[serde(default)]
    pub proves_no_backup: bool,
    /// How scripts on the host hang.
    #[serde(default)]
    pub hanging: Hanging,
    /// Whether the new version also runs on the old database.
    #[serde(default)]
    pub runs_unmigrated: bool,
    /// Whether the profile has a pattern that does not find the version on the site.
    #[serde(default)]
    pub has_wrong_pattern: bool,
    /// Whether every start of the new version fails for another reason than the old database.
    #[serde(default)]
    pub has_other_failure: bool,
    /// Whether the main branch holds the version of a later release.
    #[serde(default)]
    pub has_newer_version: bool,
    /// Whether the main branch holds the version of the release before the merge.
    #[serde(default)]
    pub has_early_version: bool,
    /// Whether the image of production lies in another repository than the profile's.
    #[serde(default)]
    pub has_other_repository: bool,
}

/// Behaviour of the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Percentage of acts that press any button.
    pub mischief: u8,
    /// Longest time before a press, in seconds.
    pub dawdles_s: u64,
    /// Percentage of wrong decisions about a doubt.
    pub errs: u8,
    /// Percentage of site checks that do not pass. An honest operator could not make them.
    pub fails_checks: u8,
    /// Whether the operator presses only offered acts and says only true things.
    #[serde(default)]
    pub is_honest: bool,
    /// The optional step that an honest operator chooses when the rollout has failed.
    #[serde(default = "deploy_again")]
    pub way_on: StepId,
    /// Whether an honest operator leaves a migration in doubt whose machine is gone.
    #[serde(default)]
    pub leaves_doubt: bool,
    /// Whether an honest operator has a failed migration undone and its script repaired.
    #[serde(default)]
    pub recovers: bool,
    /// Whether an honest operator corrects a wrong value of the profile.
    #[serde(default)]
    pub corrects: bool,
    /// Whether an honest operator knows that the release has no migration.
    #[serde(default)]
    pub has_no_migration: bool,
    /// Whether an honest operator hands the release over to another person.
    #[serde(default)]
    pub hands_over: bool,
}

fn deploy_again() -> StepId {
    StepId::DeployAgain
}

/// A fault and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    pub at: At,
    /// Kind of the fault.
    pub kind: Kind,
}

/// Time of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum At {
    /// At the n-th call of any port, from 0.
    Call(u32),
    /// At the n-th changing call, from 0.
    Changing(u32),
    /// At the n-th append to the journal, from 0.
    Write(u32),
    /// At this time after the start, in milliseconds.
    Time(i64),
}

/// Kind of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The call never arrives.
    Unreached,
    /// The service throttles the call.
    Throttled,
    /// The call has its effect, and the answer is lost.
    Lost,
    /// The call takes long.
    Late,
    /// The app ends before the call.
    EndsBefore,
    /// The app ends after the call's effect.
    EndsAfter,
    /// The host restarts.
    Reboot,
    /// The host is unreachable for a while.
    Unreachable,
    /// A colleague pushes to the main branch.
    ColleaguePushes,
    /// A colleague starts the workflow.
    ColleagueBuilds,
    /// A colleague saves a revision.
    ColleagueSaves,
    /// A colleague sets the service to the newest revision.
    ColleagueDeploys,
    /// GitHub's token is invalid for a while.
    TokenEnds,
    /// The call gets no answer, and a request to the host arrives much later.
    Delayed,
    /// The computer sleeps: time passes, but no timer does.
    Sleeps,
    /// Another operator takes over the environment lock.
    OtherTakes,
    /// Another operator with another staging machine takes over the lock on the git remote.
    OtherTakesElsewhere,
    /// The other operator releases the lock.
    OtherLeaves,
    /// A copy without any job replaces the host.
    Replaced,
    /// The host never answers again.
    Gone,
    /// Colleagues finish a half-done migration by hand.
    ColleagueRepairs,
    /// Colleagues restore the database after a migration ended well.
    ColleagueRestores,
    /// A colleague pushes to the main branch just before the app's dispatch arrives (TRAP-G4).
    ColleagueIsFaster,
    /// A colleague pushes to the main branch between the merge of the app and its push, with the
    /// tag of the app or just before the push arrives.
    ColleagueComesBetween,
    /// The host never answers again once a migration runs on it.
    GoneInMigration,
    /// A copy without any job replaces the host once a migration runs on it.
    ReplacedInMigration,
    /// The host gets another address.
    Moves,
    /// A colleague puts an image of another commit under the name of the release.
    ColleaguePutsImage,
    /// A push to the main branch starts the workflow.
    PushBuilds,
}

/// Range of call numbers for faults. Most releases make more calls.
const CALLS: u32 = 360;
/// Range of changing call numbers for faults.
const CHANGES: u32 = 12;
/// Range of append numbers for faults.
const WRITES: u32 = 60;

impl Scenario {
    /// The scenario of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rules = rules(&mut rng);
        let mut setting = setting(&mut rng);
        let mut person = Person {
            mischief: if rng.u8(..4) == 0 { rng.u8(5..40) } else { rng.u8(0..4) },
            dawdles_s: if rng.u8(..6) == 0 { rng.u64(60..5_400) } else { rng.u64(1..30) },
            errs: if rng.u8(..4) == 0 { 50 } else { 0 },
            fails_checks: if rng.u8(..8) == 0 { 40 } else { 0 },
            is_honest: false,
            way_on: deploy_again(),
            leaves_doubt: false,
            recovers: false,
            corrects: false,
            has_no_migration: false,
            hands_over: false,
        };
        let mut faults = faults(&mut rng, &rules);
        // Later additions draw last, so that older seeds keep their scenarios.
        setting.has_one_backup_name = one_in(&mut rng, 3);
        if setting.bad_backups > 0 && rng.bool() {
            setting.good_backups = 1;
        }
        if one_in(&mut rng, 20) {
            setting.lost_proofs = rng.u32(1..8);
        }
        person.is_honest = rng.bool();
        person.way_on = [StepId::DeployAgain, StepId::StopRollout, StepId::RollBack][rng.usize(0..3)];
        setting.lists_no_failures = one_in(&mut rng, 3);
        setting.proves_no_backup = one_in(&mut rng, 3);
        faults.extend(locks(seed, &rules, &mut setting));
        let mut rules = rules;
        // Taken from numbers that were drawn, so that older seeds keep their other values.
        rules.approval = (seed % 16 == 5).then_some(rules.waits_max);
        rules.renames_build_job = seed % 32 == 9;
        if seed % 32 == 21 {
            setting.hanging = hanging(seed);
        }
        if seed % 32 == 13 {
            faults.push(Fault { at: At::Time(0), kind: Kind::ColleagueIsFaster });
        }
        if seed % 32 == 17 {
            let at = (i64::try_from(seed / 32).unwrap_or_default() % 16) * 30 * SECOND;
            rules.concurrency = Concurrency::CancelInProgress;
            faults.push(Fault { at: At::Time(at), kind: Kind::ColleagueBuilds });
        }
        if seed % 16 == 11 {
            faults.push(Fault { at: At::Time(0), kind: Kind::ColleagueComesBetween });
        }
        if person.is_honest && one_in(&mut rng, 5) {
            faults.extend(rare::situation(&mut rng, &mut rules, &mut setting));
        }
        let (next, unknown_end) = Next::of(seed);
        person.leaves_doubt = unknown_end.is_some();
        faults.extend(unknown_end);
        let mut scenario = Self { seed, rules, setting, person, faults, next };
        rare::add(&mut scenario);
        scenario
    }
}

/// The environment lock on the git remote: refused, unreadable, or taken by another operator. Draws
/// from numbers of its own.
fn locks(seed: u64, rules: &Rules, setting: &mut Setting) -> Vec<Fault> {
    let mut rng = Rng::with_seed(seed ^ 0x10c4);
    setting.refuses_locks = one_in(&mut rng, 20);
    setting.has_strange_lock = !setting.refuses_locks && one_in(&mut rng, 60);
    if !one_in(&mut rng, 8) {
        return Vec::new();
    }
    let length = rules.pace.set + 6 * MINUTE;
    let kinds = [Kind::OtherTakesElsewhere, Kind::OtherLeaves];
    kinds.map(|kind| Fault { at: At::Time(rng.i64(0..length)), kind }).into()
}

/// Scripts that hang. Draws from numbers of its own.
fn hanging(seed: u64) -> Hanging {
    let mut rng = Rng::with_seed(seed ^ 0x4a6e);
    let backups = rng.u32(..3);
    Hanging {
        backups,
        migrations: if backups == 0 { 1 } else { rng.u32(..2) },
        ignores_term: one_in(&mut rng, 3),
        exits_with_0: one_in(&mut rng, 3),
        is_foreign: one_in(&mut rng, 4),
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
        breaker_threshold: Threshold::default(),
        // No new number is drawn, so the releases of a seed stay the same.
        keeps_failed: pace.retry % 2 == 0,
        deploys: match rng.u8(..40) {
            0 => Deploys::Running,
            1 => Deploys::ItsOwn,
            _ => Deploys::Newest,
        },
        ends_at_update: one_in(rng, 4),
        waits_max: rng.i64(2..40) * MINUTE,
        build_fails_at: one_in(rng, 20).then(|| rng.i64(5..150) * SECOND),
        approval: None,
        renames_build_job: false,
        loses_image: one_in(rng, 40),
        has_immutable_tags: one_in(rng, 6),
        stored_shape: StoredShape::AsSent,
        concurrency: if one_in(rng, 6) { Concurrency::CancelInProgress } else { Concurrency::None },
        tells_run: !one_in(rng, 3),
        list_lag: if one_in(rng, 3) { rng.i64(1..90) * SECOND } else { 0 },
        tells_rules: true,
        review_ms: Some(5 * MINUTE),
        review: Review::Merge,
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
        refuses_locks: false,
        has_strange_lock: false,
        lists_no_failures: false,
        proves_no_backup: false,
        hanging: Hanging::default(),
        runs_unmigrated: false,
        has_wrong_pattern: false,
        has_other_failure: false,
        has_newer_version: false,
        has_early_version: false,
        has_other_repository: false,
    }
}

fn faults(rng: &mut Rng, rules: &Rules) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Some releases are calm, so that every ending is reached. Others have more faults.
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
