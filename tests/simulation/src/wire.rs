//! The wire between app and world: virtual time, and the faults of a scenario at their calls.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use greenlight_rehearsal::{
    ports::{Call, Fate, Wire},
    world::{
        World,
        git::{MAIN, VERSION_FILE},
        host::Job,
        record::{Actor, Caller, Op},
        work::Work,
    },
};
use greenlight_types::{LockOwner, RunId, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{
    clock::TestClock,
    scenario::{At, Fault, Kind},
    tape::Tape,
};

/// Duration of a lasting fault in milliseconds.
const LASTS_MS: std::ops::Range<i64> = 5_000..90_000;
/// Length of the computer's sleep in milliseconds.
const SLEEPS_MS: std::ops::Range<i64> = 20_000..9 * 3_600_000;
/// Delay of a request after its connection was given up, in milliseconds.
const DELAYED_MS: std::ops::Range<u64> = 2_000..3_000_000;
/// Time that colleagues need for a half-done migration, in milliseconds.
const REPAIR_MS: i64 = 20_000;
/// Range of the time from the end of a migration until colleagues restore the database.
const RESTORE_AFTER_MS: std::ops::Range<i64> = 0..25 * 60_000;
/// Run of the other operator.
const OTHER_RUN: &str = "01900000-0000-7000-8000-0000000b0b00";
/// Address of a host that moved.
const NEW_ADDRESS: &str = "192.0.2.77";
/// Duration of a late call in milliseconds.
const LATE_MS: std::ops::Range<u64> = 500..30_000;

/// The pending faults of a release. They survive the end of the app.
#[derive(Debug)]
pub struct Faults {
    by_call: BTreeMap<u32, Kind>,
    by_change: BTreeMap<u32, Kind>,
    by_write: BTreeMap<u32, Kind>,
    by_time: Vec<(i64, Kind)>,
    /// End of each lasting fault.
    unreachable_until: i64,
    token_until: i64,
    /// Whether the host never answers again.
    is_gone: bool,
    /// Whether colleagues finish a half-done migration, and since when they work on it.
    repairs: bool,
    /// Time from the end of a migration until colleagues restore the database, once.
    restores_after_ms: Option<i64>,
    /// Since when the database is migrated.
    migrated_since: Option<i64>,
    /// The call just before which a colleague pushes, once.
    comes_before: Option<&'static str>,
    /// What happens to the host once a migration runs on it.
    in_migration: Option<Kind>,
    half_since: Option<i64>,
    /// Counters so far.
    calls: u32,
    changes: u32,
    writes: u32,
    /// Number of faults per kind.
    pub fired: BTreeMap<Kind, u32>,
    /// Time of the last fault.
    pub last_ms: i64,
    /// Time of the last fault of the release before.
    pub healed_before_ms: i64,
    rng: Rng,
}

impl Faults {
    /// Creates the faults of a release that starts at `start_ms`.
    pub fn new(faults: &[Fault], start_ms: i64, seed: u64) -> Self {
        let mut all = Self {
            by_call: BTreeMap::new(),
            by_change: BTreeMap::new(),
            by_write: BTreeMap::new(),
            by_time: Vec::new(),
            unreachable_until: 0,
            token_until: 0,
            is_gone: false,
            repairs: false,
            restores_after_ms: None,
            migrated_since: None,
            comes_before: None,
            in_migration: None,
            half_since: None,
            calls: 0,
            changes: 0,
            writes: 0,
            fired: BTreeMap::new(),
            last_ms: start_ms,
            healed_before_ms: 0,
            rng: Rng::with_seed(seed ^ 0x5151),
        };
        for fault in faults {
            match fault.at {
                At::Call(at) => _ = all.by_call.insert(at, fault.kind),
                At::Changing(at) => _ = all.by_change.insert(at, fault.kind),
                At::Write(at) => _ = all.by_write.insert(at, fault.kind),
                At::Time(at) => all.by_time.push((start_ms + at, fault.kind)),
            }
        }
        all.by_time.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        all
    }

    /// Starts the faults of the next release. Its host answers.
    pub fn begin_again(&mut self, faults: &[Fault], now_ms: i64) {
        let fresh = Self::new(faults, now_ms, 0);
        let rng = self.rng.fork();
        let fired = std::mem::take(&mut self.fired);
        *self = Self { fired, rng, healed_before_ms: self.last_ms, ..fresh };
    }

    /// Whether the host never answers again.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    fn fire(&mut self, kind: Kind, now_ms: i64) {
        *self.fired.entry(kind).or_default() += 1;
        self.last_ms = now_ms;
    }

    /// Returns the fate of a call.
    fn of(&mut self, call: Call, now_ms: i64) -> Fate {
        let by_call = self.by_call.remove(&self.calls);
        self.calls += 1;
        let by_change = if call.is_changing {
            self.changes += 1;
            self.by_change.remove(&(self.changes - 1))
        } else {
            None
        };
        let Some(kind) = by_change.or(by_call) else { return Fate::Calm };
        let fate = match kind {
            Kind::EndsBefore => Fate::EndsBefore,
            Kind::EndsAfter => Fate::EndsAfter,
            _ if !call.is_remote => return Fate::Calm,
            Kind::Unreached => Fate::Unreached,
            Kind::Throttled => Fate::Throttled,
            Kind::Lost => Fate::Lost,
            Kind::Late => Fate::Late(Duration::from_millis(self.rng.u64(LATE_MS))),
            Kind::Delayed => Fate::Delayed(Duration::from_millis(self.rng.u64(DELAYED_MS))),
            Kind::Reboot
            | Kind::Unreachable
            | Kind::ColleaguePushes
            | Kind::ColleagueBuilds
            | Kind::ColleagueSaves
            | Kind::ColleagueDeploys
            | Kind::TokenEnds
            | Kind::Sleeps
            | Kind::OtherTakes
            | Kind::OtherTakesElsewhere
            | Kind::OtherLeaves
            | Kind::Replaced
            | Kind::Gone
            | Kind::ColleagueRepairs
            | Kind::ColleagueRestores
            | Kind::ColleagueIsFaster
            | Kind::ColleagueComesBetween
            | Kind::GoneInMigration
            | Kind::ReplacedInMigration
            | Kind::Moves
            | Kind::ColleaguePutsImage
            | Kind::PushBuilds => return Fate::Calm,
        };
        self.fire(kind, now_ms);
        fate
    }

    /// Returns the fate of an append: `Some(true)` ends the app after it, `Some(false)` before it.
    fn of_write(&mut self, now_ms: i64) -> Option<bool> {
        let kind = self.by_write.remove(&self.writes);
        self.writes += 1;
        let kind = kind.filter(|kind| matches!(kind, Kind::EndsBefore | Kind::EndsAfter))?;
        self.fire(kind, now_ms);
        Some(kind == Kind::EndsAfter)
    }

    /// Applies the timed faults. Returns how long the computer sleeps now, in milliseconds.
    fn live(&mut self, world: &mut World, now_ms: i64) -> i64 {
        let mut slept_ms = 0;
        while let Some((_, kind)) = self.by_time.pop_if(|(at, _)| *at <= now_ms) {
            self.fire(kind, now_ms);
            world.record.called_by(Caller::COLLEAGUE);
            self.happen(kind, world, now_ms);
            if kind == Kind::Sleeps {
                slept_ms += self.rng.i64(SLEEPS_MS);
            }
        }
        let migrates = |job: &Job| job.is_running() && job.work() == Some(Work::Migration);
        if self.in_migration.is_some() && world.host.jobs.values().any(migrates) {
            match self.in_migration.take() {
                Some(Kind::ReplacedInMigration) => world.replace_host(),
                Some(_) | None => self.is_gone = true,
            }
            self.last_ms = now_ms;
        }
        world.host.is_reachable = now_ms >= self.unreachable_until && !self.is_gone;
        if self.repairs && world.schema().1 && now_ms - *self.half_since.get_or_insert(now_ms) > REPAIR_MS {
            world.finish_migration();
            self.repairs = false;
            self.last_ms = now_ms;
        }
        self.restore(world, now_ms);
        world.rules.token_expires_at = (now_ms < self.token_until).then_some(0);
        if now_ms < self.unreachable_until.max(self.token_until) {
            self.last_ms = self.last_ms.max(now_ms);
        }
        slept_ms
    }

    /// Colleagues restore the database some time after a migration ended well.
    fn restore(&mut self, world: &mut World, now_ms: i64) {
        let Some(after_ms) = self.restores_after_ms else { return };
        let (schema, is_half) = world.schema();
        if is_half || schema != world.host.migrates_to {
            self.migrated_since = None;
        } else if now_ms - *self.migrated_since.get_or_insert(now_ms) >= after_ms && world.restore_database() {
            (self.restores_after_ms, self.last_ms) = (None, now_ms);
        }
    }

    fn happen(&mut self, kind: Kind, world: &mut World, now_ms: i64) {
        let until = now_ms + self.rng.i64(LASTS_MS);
        match kind {
            Kind::Reboot => world.reboot(),
            Kind::Unreachable => self.unreachable_until = until,
            Kind::TokenEnds => self.token_until = until,
            Kind::ColleaguePushes => colleague_pushes(world, now_ms),
            Kind::ColleagueBuilds => {
                world.dispatch(MAIN, serde_json::json!({}));
            }
            Kind::ColleagueSaves => {
                world.copy_newest();
            }
            Kind::ColleagueDeploys => {
                let newest = world.definitions().last().map(|definition| definition.revision);
                if let Some(newest) = newest {
                    world.set_revision(newest, "colleague");
                }
            }
            Kind::OtherTakes => {
                let from = world.host.holder.as_ref().map(|holder| holder.run.0.clone());
                let other = other_owner(now_ms);
                world.acquire_lock(&other, from.as_deref());
                world.write_lock(&other, true);
            }
            Kind::OtherTakesElsewhere => world.write_lock(&other_owner(now_ms), true),
            Kind::OtherLeaves => {
                world.release_lock(OTHER_RUN);
                if world.lock_owner().as_deref() == Some(OTHER_RUN) {
                    world.write_lock(&other_owner(now_ms), false);
                }
            }
            Kind::Replaced => world.replace_host(),
            Kind::Gone => self.is_gone = true,
            Kind::ColleagueRepairs => self.repairs = true,
            Kind::ColleagueRestores => self.restores_after_ms = Some(self.rng.i64(RESTORE_AFTER_MS)),
            Kind::ColleagueIsFaster => self.comes_before = Some("builds.dispatch"),
            Kind::ColleagueComesBetween => {
                let name = if self.rng.bool() { "git.make_tag" } else { "git.push" };
                self.comes_before = Some(name);
            }
            Kind::GoneInMigration | Kind::ReplacedInMigration => self.in_migration = Some(kind),
            Kind::ColleaguePutsImage => world.put_image("2.1.0.0", "0000000000000000000000000000000000000000"),
            Kind::PushBuilds => _ = world.build_by_push(MAIN),
            Kind::Moves => NEW_ADDRESS.clone_into(&mut world.host.address),
            Kind::Unreached
            | Kind::Throttled
            | Kind::Lost
            | Kind::Late
            | Kind::Delayed
            | Kind::Sleeps
            | Kind::EndsBefore
            | Kind::EndsAfter => {}
        }
    }
}

/// Another operator at another computer, who owns the lock.
fn other_owner(now_ms: i64) -> LockOwner {
    LockOwner {
        run: RunId(OTHER_RUN.to_owned()),
        person: "Bob".to_owned(),
        computer: "desk-9".to_owned(),
        version: "2.0.1.12".to_owned(),
        is_rollback: false,
        reason: "a hotfix cannot wait".to_owned(),
        since: Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::EPOCH),
        seen: None,
    }
}

fn colleague_pushes(world: &mut World, now_ms: i64) {
    let old = world.git.refs.get(MAIN).cloned();
    let text = format!("hotfix at {now_ms}");
    if let Some(new) = world.git.commit_on(MAIN, "src/Web.java", &text, "Hotfix", now_ms) {
        let op = Op::PushRef { name: MAIN.to_owned(), expected: old.clone(), old, new, forced: false, message: None };
        world.record.by_itself(now_ms, Actor::Colleague, op);
        world.follow_main();
    }
}

/// Path and text of the version file.
pub fn version_file(value: &str) -> (String, String) {
    (VERSION_FILE.to_owned(), format!("name=rally\nversion={value}\n"))
}

/// The wire of one app process.
pub struct SimulatedWire {
    pub clock: TestClock,
    pub world: Arc<Mutex<World>>,
    pub faults: Arc<Mutex<Faults>>,
    pub tape: Arc<Tape>,
    pub has_ended: AtomicBool,
    pub ended: Notify,
}

impl SimulatedWire {
    /// Returns the fate of an append.
    pub fn write_fate(&self) -> Option<bool> {
        self.faults.lock().of_write(self.clock.now_ms())
    }

    /// Whether the app has ended. Then it sends nothing more.
    pub fn is_over(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

impl Wire for SimulatedWire {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn fate(&self, call: Call) -> Fate {
        if self.is_over() {
            return Fate::EndsBefore;
        }
        let now_ms = self.clock.now_ms();
        let mut faults = self.faults.lock();
        let slept_ms = {
            let mut world = self.world.lock();
            world.advance(now_ms);
            let slept_ms = faults.live(&mut world, now_ms);
            let is_held = world.rules.approval.is_some() && world.builds().iter().any(|one| world.awaits_approval(one));
            self.tape.count(is_held.then_some("build waits for an approval"));
            self.tape.machine_is_gone(faults.is_gone);
            self.tape.requests(&mut world);
            slept_ms
        };
        self.clock.advance(slept_ms);
        if faults.comes_before.take_if(|name| *name == call.name).is_some() {
            let mut world = self.world.lock();
            world.record.called_by(Caller::COLLEAGUE);
            colleague_pushes(&mut world, now_ms);
            self.tape.requests(&mut world);
        }
        // A sleep ends every connection.
        let fate = if slept_ms > 0 && call.is_remote { Fate::Lost } else { faults.of(call, now_ms) };
        self.tape.called(call.name, fate);
        fate
    }

    fn end_app(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
        self.ended.notify_one();
    }

    fn passed(&self, world: &mut World) {
        self.tape.requests(world);
    }
}
