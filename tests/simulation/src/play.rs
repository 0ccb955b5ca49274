//! Plays one release from its draft to its end, over several processes of the app.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use fastrand::Rng;
use greenlight_engine::{
    fold,
    journal::{Journal, MemoryJournal},
    ports::Ids,
    profile,
    release::{Parts, Release},
    spool::MemorySpool,
};
use greenlight_rehearsal::{
    ports::InProcess,
    profile::{filled, with_optional_values},
    world::{
        ACCOUNT, REGION, RELEASED, World,
        git::{self, MAIN, Objects},
    },
};
use greenlight_types::{
    Actor, ErrorCode, Event, EventBody, Failure, Profile, Realm, RunId, RunResult, RunState, RunView, Status,
    Timestamp, Trouble, Version,
};
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;

use crate::{
    clock::TestClock,
    erratic::{ErraticOperator, Sitting},
    honest::HonestOperator,
    judge::Judge,
    scenario::{Kind, Scenario},
    scripted::Dark,
    second_run::{self, FIRST, Round},
    tape::{Keep, Tape, TapeResult},
    wire::{Faults, SimulatedWire, version_file},
};

/// Start of every release: 2026-11-23, 09:00 UTC.
pub const START_MS: i64 = 1_795_424_400_000;
/// The pattern that finds the version on the site.
pub(crate) const PATTERN: &str = "([0-9.]+-RELEASE)";
/// Largest number of app processes.
const STARTS_MAX: u32 = 60;
/// Time between two looks whether a script still runs before the next release.
const SCRIPT_LOOK_MS: i64 = 1_800_000;
/// Number of these looks: more than the longest script takes.
const SCRIPT_LOOKS: u32 = 20;
/// Number of idle sessions after which the play ends.
const IDLE_MAX: u32 = 3;

/// Result of a release.
#[derive(Clone, Debug)]
pub struct Played {
    /// Seed of the scenario.
    pub seed: u64,
    /// Result of the last run, or its last state.
    pub ending: String,
    /// Result of the run before it, if there were two.
    pub ending_before: Option<String>,
    /// Number of faults per kind.
    pub fired: BTreeMap<Kind, u32>,
    /// Number of app processes.
    pub starts: u32,
    /// Virtual time of the release in milliseconds.
    pub lasted_ms: i64,
    /// Whether the operator was honest.
    pub is_honest: bool,
    /// Result of the tape.
    pub tape: TapeResult,
}

impl Played {
    /// Whether a rule was broken.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        !self.tape.violations.is_empty()
    }
}

/// Value of an environment entry that production has as plain text, against all advice.
const PLAIN_SECRET: &str = "correct-horse-4711";

/// State that survives the end of the app.
struct Stage {
    scenario: Scenario,
    profile: Arc<Profile>,
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<Objects>>,
    journal: Arc<MemoryJournal>,
    spool: Arc<MemorySpool>,
    faults: Arc<Mutex<Faults>>,
    tape: Arc<Tape>,
    ids: Arc<Counter>,
    rng: Mutex<Rng>,
}

/// The profile of every simulated release.
///
/// # Errors
/// When the built-in profile cannot be read.
pub fn simulated_profile() -> Result<Profile, Failure> {
    let rally = profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN)?;
    let mut profile = with_optional_values(filled(&rally));
    // A scenario decides whether the database can be asked.
    profile.migration.probe.clear();
    profile.site.version_url = "https://rally.invalid/about".to_owned();
    PATTERN.clone_into(&mut profile.site.version_pattern);
    profile.backup.artifact_directory = "/opt/backup/files".to_owned();
    profile.backup.artifact_pattern = "rally-*.dump".to_owned();
    Ok(profile)
}

/// Plays a release with a profile such as [`simulated_profile`].
///
/// # Errors
/// When the runtime cannot be created. A failure within the release is no error.
pub fn play(profile: &Arc<Profile>, scenario: &Scenario, judge: Box<dyn Judge>, keep: Keep) -> anyhow::Result<Played> {
    let stage = Stage::set(profile, scenario, judge, keep)?;
    let (mut now_ms, mut starts, mut idle) = (START_MS, 0, 0);
    let mut round = Round::first(Version::parse(FIRST)?);
    let mut is_idle = false;
    for process in 1..=STARTS_MAX {
        starts = process;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        let (sitting, clock_ms) = runtime.block_on(stage.session(process, now_ms, &mut round));
        drop(runtime);
        now_ms = clock_ms;
        stage.world.lock().app_ended();
        is_idle = sitting == Some(Sitting::Idle);
        match sitting {
            Some(Sitting::Ended) => {
                let Some(next) = stage.next_round(&round, &mut now_ms)? else { break };
                (round, idle) = (next, 0);
            }
            Some(Sitting::Idle) if idle + 1 >= IDLE_MAX => break,
            Some(Sitting::Idle) => idle += 1,
            Some(Sitting::Closed) | None => {}
        }
        // The app stays closed for a moment or for some hours.
        let mut rng = stage.rng.lock();
        now_ms += if rng.u8(..8) == 0 { rng.i64(60_000..20_000_000) } else { rng.i64(1_000..120_000) };
    }
    Ok(stage.report(now_ms, starts, is_idle, &round))
}

impl Stage {
    fn set(profile: &Arc<Profile>, scenario: &Scenario, mut judge: Box<dyn Judge>, keep: Keep) -> anyhow::Result<Self> {
        judge.secret(PLAIN_SECRET);
        let mut profile = Profile::clone(profile);
        if scenario.setting.can_ask_database {
            "rally-schema".clone_into(&mut profile.migration.probe);
        }
        if scenario.setting.proves_no_backup {
            profile.backup.artifact_probe.clear();
        }
        if scenario.setting.has_wrong_pattern {
            "version ([0-9.]+-FINAL)".clone_into(&mut profile.site.version_pattern);
        }
        if scenario.setting.lists_no_failures {
            profile.logs.expected_failures.clear();
        }
        Ok(Self {
            world: Arc::new(Mutex::new(world(scenario))),
            clone: Arc::default(),
            journal: Arc::default(),
            spool: Arc::default(),
            faults: Arc::new(Mutex::new(Faults::new(&scenario.faults, START_MS, scenario.seed))),
            tape: Arc::new(Tape::new(judge, keep)),
            ids: Arc::default(),
            rng: Mutex::new(Rng::with_seed(scenario.seed ^ 0xA11CE)),
            profile: Arc::new(profile),
            scenario: scenario.clone(),
        })
    }

    /// Runs one process until the app ends or the operator leaves. Returns the time of that end.
    async fn session(&self, process: u32, now_ms: i64, round: &mut Round) -> (Option<Sitting>, i64) {
        let clock = TestClock::at(now_ms, 1);
        let wire = Arc::new(SimulatedWire {
            clock: clock.clone(),
            world: Arc::clone(&self.world),
            faults: Arc::clone(&self.faults),
            tape: Arc::clone(&self.tape),
            has_ended: AtomicBool::new(false),
            ended: Notify::new(),
        });
        let sitting = tokio::select! {
            biased;
            () = wire.ended.notified() => None,
            sitting = self.sit(process, &wire, round) => Some(sitting),
        };
        (sitting, clock.now_ms())
    }

    async fn sit(&self, process: u32, wire: &Arc<SimulatedWire>, round: &mut Round) -> Sitting {
        let parts = Parts {
            journal: Arc::new(SimulatedJournal {
                inner: Arc::clone(&self.journal),
                wire: Arc::clone(wire),
                tape: Arc::clone(&self.tape),
            }),
            screen: Arc::new(Dark),
            spool: Arc::<MemorySpool>::clone(&self.spool),
            clock: Arc::new(wire.clock.clone()),
            ids: Arc::<Counter>::clone(&self.ids),
            redactor: Arc::default(),
        };
        let by = Actor {
            person: round.person.to_owned(),
            computer: "desk-7".to_owned(),
            app_version: "0.1.0".to_owned(),
            github_login: None,
            aws_identity: None,
        };
        // A draft may be in the journal although its answer was lost.
        if round.run.is_none() {
            let runs = self.journal.runs().await.unwrap_or_default();
            round.run = runs.into_iter().find(|run| round.is_of(run));
        }
        if round.run.is_none() {
            let drafted = match &round.before {
                Some(release) if round.rolls_back => Release::draft_rollback(&parts, release, &by).await,
                _ => Release::draft(&parts, &self.profile, Realm::Practice, &round.version, &by, None).await,
            };
            round.run = drafted.ok();
        }
        let Some(id) = round.run.clone() else { return Sitting::Closed };
        let ports = InProcess::new(
            Arc::clone(&self.world),
            Arc::clone(&self.clone),
            Arc::new(wire.clock.clone()),
            Arc::<SimulatedWire>::clone(wire),
            process,
        )
        .ports()
        .cleaned(&parts.redactor);
        let release = match Release::open(parts, ports, &id, by.clone()).await {
            Ok(release) => release.without_readiness(),
            // The run ended in an earlier process that did not live to show it.
            Err(failure) if failure.code == ErrorCode::NotAllowedNow => return Sitting::Ended,
            Err(_) => return Sitting::Closed,
        };
        let rng = self.rng.lock().fork();
        let person = &self.scenario.person;
        if person.is_honest {
            let clock = wire.clock.clone();
            return HonestOperator::new(&release, clock, &self.tape, person, by, rng, &self.world).sit().await;
        }
        let fingerprint = self.world.lock().host.fingerprint.clone();
        let operator = ErraticOperator {
            release: &release,
            world: &self.world,
            clock: wire.clock.clone(),
            tape: &self.tape,
            person,
            by,
            rng,
            fingerprint,
            looks: 0,
            last: None,
        };
        operator.sit().await
    }

    /// The release after the one that ended, if the scenario has one. Production is ready for it.
    fn next_round(&self, round: &Round, now_ms: &mut i64) -> anyhow::Result<Option<Round>> {
        let Some(next) = self.scenario.next.as_ref().filter(|_| round.before.is_none()) else { return Ok(None) };
        let Some(ended) = round.run.as_ref().and_then(|run| self.view(run)) else { return Ok(None) };
        let round = round.after(&ended, next)?;
        *now_ms += next.pause_s * 1_000;
        let (mut world, mut faults) = (self.world.lock(), self.faults.lock());
        second_run::pass(&mut world, *now_ms);
        for _ in 0..SCRIPT_LOOKS {
            if second_run::is_busy(&world) {
                *now_ms += SCRIPT_LOOK_MS;
                second_run::pass(&mut world, *now_ms);
            }
        }
        // A script that still runs now hangs. The next release has another machine.
        let is_lost = faults.is_gone() || second_run::is_busy(&world);
        if round.rolls_back {
            second_run::prepare_rollback(&mut world, is_lost);
        } else {
            second_run::prepare(&mut world, next, &self.profile.names(&round.version), is_lost);
        }
        faults.begin_again(&next.faults, *now_ms);
        self.tape.requests(&mut world);
        Ok(Some(round))
    }

    fn report(&self, now_ms: i64, starts: u32, is_idle: bool, round: &Round) -> Played {
        let faults = self.faults.lock();
        let world = self.world.lock();
        self.tape.end(&json!({
            "healedAt": faults.last_ms, "healedBefore": faults.healed_before_ms, "now": now_ms, "idle": is_idle,
            "honest": self.scenario.person.is_honest, "world": world.snapshot(),
        }));
        Played {
            seed: self.scenario.seed,
            ending: self.ending(round.run.as_ref()),
            ending_before: round.before.as_ref().map(|run| self.ending(Some(run))),
            fired: faults.fired.clone(),
            starts,
            lasted_ms: now_ms - START_MS,
            is_honest: self.scenario.person.is_honest,
            tape: self.tape.result(),
        }
    }

    fn ending(&self, run: Option<&RunId>) -> String {
        match run.and_then(|run| self.view(run)) {
            None => "never drafted".to_owned(),
            Some(view) => match (view.state, view.result) {
                (RunState::Ended, Some(RunResult::Stopped)) => {
                    format!("Stopped: {}; {}", cut(&view.end_note), open_steps(&view))
                }
                (RunState::Ended, Some(result)) => format!("{result:?}"),
                (state, _) => format!("left {state:?}: {}", open_steps(&view)),
            },
        }
    }

    fn view(&self, run: &RunId) -> Option<RunView> {
        let events = self.journal.all(run);
        fold::fold(&events).ok()
    }
}

/// The first characters of a note.
fn cut(note: &str) -> String {
    note.chars().take(60).collect()
}

/// Started steps that are not done, with their states.
fn open_steps(view: &RunView) -> String {
    let open = view.steps.iter().filter(|step| !step.status().is_done() && step.status() != Status::NotStarted);
    open.map(|step| format!("{} {:?}", step.definition.id.name(), step.status())).collect::<Vec<_>>().join(", ")
}

/// Creates the world of a scenario.
fn world(scenario: &Scenario) -> World {
    let setting = &scenario.setting;
    let mut remote = git::Remote::seeded(RELEASED, "v2.1.0", START_MS);
    let branch = "refs/heads/v2.1.0";
    if setting.has_conflict {
        remote.commit_on(MAIN, "src/Study.java", "c", "The same here", START_MS - 400_000);
    }
    if setting.is_set {
        let (path, text) = version_file("2.1.0.0-RELEASE");
        remote.commit_on(branch, &path, &text, "Set the version", START_MS - 300_000);
    }
    if setting.has_newer_version || setting.has_early_version {
        let value = if setting.has_newer_version { "2.9.0.0-SNAPSHOT" } else { "2.1.0.0-RELEASE" };
        let (path, text) = version_file(value);
        remote.commit_on(MAIN, &path, &text, "Set the version", START_MS - 350_000);
    }
    if setting.is_merged {
        let head = remote.refs.get(branch).cloned().unwrap_or_default();
        remote.refs.insert(MAIN.to_owned(), head);
    }
    if setting.has_tag_elsewhere {
        let target = remote.refs.get(MAIN).cloned().unwrap_or_default();
        let tag = git::Tag { name: "v2.1.0".to_owned(), target, message: "early".to_owned(), at_s: START_MS / 1_000 };
        remote.refs.insert("refs/tags/v2.1.0".to_owned(), tag.id());
        remote.objects.tags.insert(tag.id(), tag);
    }
    remote.is_protected = setting.is_protected;
    remote.refuses_locks = setting.refuses_locks;
    let mut world = World::in_process(remote, scenario.rules.clone(), START_MS);
    world.add_environment("MAIL_PASSWORD", PLAIN_SECRET);
    let ends = &mut world.host.ends;
    (ends.good_backups, ends.bad_backups) = (setting.good_backups, setting.bad_backups);
    (ends.has_one_name, ends.lost_proofs) = (setting.has_one_backup_name, setting.lost_proofs);
    ends.backup = setting.backup_exit;
    ends.migration = setting.migration_exit;
    ends.backup_ms = setting.backup_s * 1_000;
    ends.migration_ms = setting.migration_s * 1_000;
    ends.changes_nothing = setting.migrates_nothing;
    for (is_on, trouble) in
        [(setting.runs_unmigrated, Trouble::NoMigration), (setting.has_other_failure, Trouble::FailureNotRecognised)]
    {
        world.switch_trouble(trouble, is_on, None);
    }
    world.host.forgets_gates = setting.forgets_gates;
    world.host.hangs_up = setting.hangs_up;
    world.host.hanging = setting.hanging.clone();
    if setting.has_unused_revision {
        world.copy_newest();
    }
    if setting.has_other_repository {
        world.set_image(&format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/rally-old:RALLY-V2_0_1_11-RELEASE"));
    }
    if setting.has_image {
        world.put_image("2.1.0.0", "0000000000000000000000000000000000000000");
    }
    world.record.switch_on();
    if setting.has_strange_lock {
        world.write_strange_lock();
    }
    world
}

/// Sequential ids, so that a repeated release has the same ids.
#[derive(Default)]
struct Counter(AtomicU64);

impl Ids for Counter {
    fn fresh(&self) -> String {
        let number = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        format!("01900000-0000-7000-8000-{number:012x}")
    }
}

/// A journal whose app may end before or after an append.
struct SimulatedJournal {
    inner: Arc<MemoryJournal>,
    wire: Arc<SimulatedWire>,
    tape: Arc<Tape>,
}

impl SimulatedJournal {
    async fn end_app<T>(&self) -> T {
        greenlight_rehearsal::ports::Wire::end_app(&*self.wire);
        std::future::pending().await
    }
}

#[async_trait]
impl Journal for SimulatedJournal {
    async fn append(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        if self.wire.is_over() {
            return self.end_app().await;
        }
        let ends_after = match self.wire.write_fate() {
            Some(false) => return self.end_app().await,
            Some(true) => true,
            None => false,
        };
        let events = self.inner.append(run, after, at, by, bodies).await?;
        for event in &events {
            self.tape.event(event);
        }
        if ends_after { self.end_app().await } else { Ok(events) }
    }

    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure> {
        self.inner.events(run, after).await
    }

    async fn runs(&self) -> Result<Vec<RunId>, Failure> {
        self.inner.runs().await
    }
}
