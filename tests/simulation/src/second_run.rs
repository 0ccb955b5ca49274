//! The release after the first one: in the same journal, of the same production, and where the
//! scenario says so by another person, of the same version, or on another staging machine.

use fastrand::Rng;
use greenlight_rehearsal::world::{World, git::MAIN, host::Host, record::Caller};
use greenlight_types::{Names, RunId, RunResult, RunView, Version};
use serde::{Deserialize, Serialize};

use crate::scenario::{At, Fault, Kind};

/// Version of the first release.
pub const FIRST: &str = "2.1.0";
/// Version of the release after it.
const NEXT: &str = "2.1.1";

/// The release after the first one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// Whether it is of the same version. Not after that version was released.
    pub has_same_version: bool,
    /// Whether another person makes it.
    pub has_other_person: bool,
    /// Whether the staging machine is replaced before it.
    pub on_new_machine: bool,
    /// Whether colleagues restore a half-done migration before it. Otherwise they finish it.
    pub restores: bool,
    /// Whether it is the rollback of the first release, if that ended as released.
    #[serde(default)]
    pub rolls_back: bool,
    /// Time from the end of the first release to the draft of this one, in seconds.
    pub pause_s: i64,
    /// Faults from the draft on.
    pub faults: Vec<Fault>,
}

impl Next {
    /// The second release of a seed, if it has one, and a fault of the first release that makes the
    /// end of its migration unknown.
    pub(crate) fn of(seed: u64) -> (Option<Self>, Option<Fault>) {
        let mut rng = Rng::with_seed(seed ^ 0x2e20);
        let rolls_back = Rng::with_seed(seed ^ 0x0bac).u32(..12) == 0;
        if rng.u32(..5) != 0 && !rolls_back {
            return (None, None);
        }
        let mut next = Self {
            has_same_version: rng.bool(),
            has_other_person: rng.bool(),
            on_new_machine: rng.bool(),
            restores: rng.u8(..4) > 1,
            rolls_back,
            pause_s: if rng.bool() { rng.i64(60..1_800) } else { rng.i64(1_800..8_000) },
            faults: faults(&mut rng),
        };
        if rolls_back {
            return (Some(next), None);
        }
        let kind = match rng.u8(..8) {
            0..2 => Kind::GoneInMigration,
            2..6 => Kind::ReplacedInMigration,
            _ => return (Some(next), None),
        };
        if rng.u8(..3) == 0 {
            // Colleagues finish the migration, and the same version is released once more.
            (next.has_same_version, next.on_new_machine, next.restores) = (true, true, false);
        }
        (Some(next), Some(Fault { at: At::Time(0), kind }))
    }
}

/// A few faults of the calls of a release.
fn faults(rng: &mut Rng) -> Vec<Fault> {
    let count = if rng.bool() { 0 } else { rng.u32(1..6) };
    let kinds = [Kind::Unreached, Kind::Lost, Kind::Throttled, Kind::EndsBefore, Kind::EndsAfter, Kind::Delayed];
    let fault = |_| {
        let at = if rng.bool() { At::Call(rng.u32(..300)) } else { At::Changing(rng.u32(..12)) };
        Fault { at, kind: kinds[rng.usize(..kinds.len())] }
    };
    (0..count).map(fault).collect()
}

/// The release that is played now.
#[derive(Clone, Debug)]
pub struct Round {
    pub version: Version,
    pub person: &'static str,
    /// Whether it is the rollback of the release before it.
    pub rolls_back: bool,
    /// Its run, once it is drafted.
    pub run: Option<RunId>,
    /// The run before it.
    pub before: Option<RunId>,
}

impl Round {
    /// The first release.
    pub fn first(version: Version) -> Self {
        Self { version, person: "Ann", rolls_back: false, run: None, before: None }
    }

    /// The release after `ended`, the run of this one.
    pub fn after(&self, ended: &RunView, next: &Next) -> anyhow::Result<Self> {
        let is_released = matches!(ended.result, Some(RunResult::Released | RunResult::ReleasedWithFailedCheck));
        let rolls_back = next.rolls_back && is_released;
        let version = if rolls_back || next.has_same_version && !is_released { FIRST } else { NEXT };
        let person = if next.has_other_person { "Ben" } else { self.person };
        Ok(Self { version: Version::parse(version)?, person, rolls_back, run: None, before: Some(ended.id.clone()) })
    }

    /// Whether a run of the journal is the one of this release.
    pub fn is_of(&self, run: &RunId) -> bool {
        self.before.as_ref() != Some(run)
    }
}

/// Lets time pass in production. The simulator skips the start of a stretch of more than six hours.
pub fn pass(world: &mut World, until_ms: i64) {
    let mut now_ms = world.now_ms();
    while now_ms < until_ms {
        now_ms = until_ms.min(now_ms + 3_600_000);
        world.advance(now_ms);
    }
}

/// Whether a job of the first release still runs.
pub fn is_busy(world: &World) -> bool {
    world.host.jobs.values().any(greenlight_rehearsal::world::host::Job::is_running)
}

/// Colleagues see to a staging machine that answers.
pub fn prepare_rollback(world: &mut World, is_machine_gone: bool) {
    let before = world.record.caller();
    world.record.called_by(Caller::COLLEAGUE);
    if is_machine_gone {
        world.replace_host();
        world.host.address.clear();
    }
    world.host.is_reachable = true;
    world.record.called_by(before);
}

/// Colleagues prepare the release branch, the database and the staging machine.
pub fn prepare(world: &mut World, next: &Next, names: &Names, is_machine_gone: bool) {
    let before = world.record.caller();
    world.record.called_by(Caller::COLLEAGUE);
    let branch = format!("refs/heads/{}", names.branch);
    if !world.git.refs.contains_key(&branch) {
        let main = world.git.refs.get(MAIN).cloned().unwrap_or_default();
        world.git.refs.insert(branch.clone(), main);
        let now_ms = world.now_ms();
        world.git.commit_on(&branch, "src/Next.java", "c", "A repair", now_ms);
    }
    if world.schema().1 && !(next.restores && world.restore_database()) {
        world.finish_migration();
    }
    if next.on_new_machine || is_machine_gone {
        world.replace_host();
        world.host.address.clear();
    }
    let numbers = names.version_value.split('-').next().unwrap_or_default();
    let fresh = Host::prepared_for(numbers, world.now_ms());
    (world.host.migrates_to, world.host.folder_hash) = (fresh.migrates_to, fresh.folder_hash);
    world.host.is_reachable = true;
    world.record.called_by(before);
}
