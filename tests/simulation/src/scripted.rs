//! One release in memory that a test plays line by line: presses, changes of production and faults.
//! Time is virtual and passes only while every task waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use greenlight_engine::{
    fold,
    journal::{Journal as _, MemoryJournal},
    ports::{Ids, Screen},
    redact::Redactor,
    release::{Act, Answer, Parts, Release},
    spool::MemorySpool,
    steps,
};
use greenlight_rehearsal::{
    ports::{Call, Fate, InProcess, Wire},
    world::{
        RELEASED, World,
        git::{self, Objects},
        rules::Rules,
    },
};
use greenlight_types::{
    Actor, DeployRequest, Failure, LineSource, Live, LiveUpdate, LogLine, Profile, Realm, RunId, RunState, RunView,
    Status, StepId, TakeOver, Version,
};
use parking_lot::{Mutex, MutexGuard};

use crate::{
    clock::TestClock,
    operator::engine::{deploy_request, press},
    play::START_MS,
};

pub const VERSION: &str = "2.1.0";
/// Largest number of reads before a step is offered.
const LOOKS_MAX: u32 = 20_000;
/// Time between two reads.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for a condition of the run.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A wire without faults, except for calls that the test names.
pub struct Hand {
    /// Production's clock.
    clock: TestClock,
    fates: Mutex<Vec<(&'static str, Fate)>>,
}

impl Hand {
    /// Creates a wire to production with its own clock.
    #[must_use]
    pub fn new(clock: TestClock) -> Self {
        Self { clock, fates: Mutex::default() }
    }

    /// Sets the fate of the next call with this name. Several fates queue up.
    pub fn next(&self, name: &'static str, fate: Fate) {
        self.fates.lock().push((name, fate));
    }

    /// Whether a fate of this call is still to come.
    fn has_next(&self, name: &str) -> bool {
        self.fates.lock().iter().any(|(one, _)| *one == name)
    }
}

impl Wire for Hand {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn fate(&self, call: Call) -> Fate {
        let mut fates = self.fates.lock();
        match fates.iter().position(|(name, _)| *name == call.name) {
            Some(index) => fates.remove(index).1,
            None => Fate::Calm,
        }
    }

    fn end_app(&self) {}

    fn passed(&self, _world: &mut World) {}
}

/// A screen without a reader.
pub struct Dark;

impl Screen for Dark {
    fn moved(&self, _run: &RunId, _seq: u32) {}
    fn live(&self, _live: Live) {}
    fn lines(&self, _run: &RunId, _source: LineSource, _lines: &[LogLine]) {}
}

/// The live messages of one release, oldest first.
#[derive(Default)]
pub struct LiveMessages(Mutex<Vec<LiveUpdate>>);

impl LiveMessages {
    /// The messages since the last call.
    pub fn take(&self) -> Vec<LiveUpdate> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Screen for LiveMessages {
    fn moved(&self, _run: &RunId, _seq: u32) {}
    fn live(&self, live: Live) {
        self.0.lock().push(live.seen);
    }
    fn lines(&self, _run: &RunId, _source: LineSource, _lines: &[LogLine]) {}
}

struct Numbers(AtomicU64);

impl Ids for Numbers {
    fn fresh(&self) -> String {
        format!("01900000-0000-7000-8000-{:012x}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A person at a computer.
#[must_use]
pub fn person(name: &str, computer: &str) -> Actor {
    Actor {
        person: name.to_owned(),
        computer: computer.to_owned(),
        app_version: env!("CARGO_PKG_VERSION").to_owned(),
        github_login: None,
        aws_identity: None,
    }
}

/// Production on the evening before the release, without colleagues.
#[must_use]
pub fn quiet_world(rules: Rules) -> World {
    World::in_process(git::Remote::seeded(RELEASED, "v2.1.0", START_MS), Rules { chatters: false, ..rules }, START_MS)
}

/// One computer with its release.
pub struct Scripted {
    /// Person and computer.
    pub by: Actor,
    /// Clock of the computer.
    pub clock: TestClock,
    /// Wire between the computer and production.
    pub wire: Arc<Hand>,
    /// Journal of the computer.
    pub journal: Arc<MemoryJournal>,
    /// Spool of the computer.
    pub spool: Arc<MemorySpool>,
    pub release: Release,
    /// Live messages of the release.
    pub live: Arc<LiveMessages>,
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<Objects>>,
}

/// One computer before its release is drafted.
struct Desk {
    by: Actor,
    clock: TestClock,
    wire: Arc<Hand>,
    journal: Arc<MemoryJournal>,
    spool: Arc<MemorySpool>,
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<Objects>>,
}

/// A run to draft, or to open again.
enum Draft<'a> {
    Release { profile: &'a Profile, version: &'a str },
    RollbackOf(&'a RunId),
    Drafted(&'a RunId),
}

impl Desk {
    async fn open(self, draft: Draft<'_>, redactor: Arc<Redactor>) -> Result<Scripted> {
        let Self { by, clock, wire, journal, spool, world, clone } = self;
        // Two runs may be drafted at one moment of virtual time.
        let ids = u64::try_from(clock.now_ms())? + 4_096 * u64::try_from(journal.runs().await?.len())?;
        let live: Arc<LiveMessages> = Arc::default();
        let parts = Parts {
            journal: journal.clone(),
            screen: live.clone(),
            spool: spool.clone(),
            clock: Arc::new(clock.clone()),
            ids: Arc::new(Numbers(AtomicU64::new(ids))),
            redactor,
        };
        let run = match draft {
            Draft::Release { profile, version } => {
                Release::draft(&parts, profile, Realm::Practice, &Version::parse(version)?, &by, None).await?
            }
            Draft::RollbackOf(release) => Release::draft_rollback(&parts, release, &by).await?,
            Draft::Drafted(run) => run.clone(),
        };
        let ports = InProcess::new(world.clone(), clone.clone(), Arc::new(clock.clone()), wire.clone(), 1)
            .ports()
            .cleaned(&parts.redactor);
        let release = Release::open(parts, ports, &run, by.clone()).await?.without_readiness();
        Ok(Scripted { by, clock, wire, journal, spool, release, live, world, clone })
    }
}

impl Scripted {
    /// Drafts a run on a computer with an empty journal. It must be called inside a runtime with
    /// paused time.
    ///
    /// # Errors
    /// When the draft is refused.
    pub async fn draft(profile: &Profile, world: Arc<Mutex<World>>, by: Actor) -> Result<Self> {
        Self::draft_with(profile, world, by, Arc::default()).await
    }

    /// The same with secrets that are registered before the draft.
    ///
    /// # Errors
    /// When the draft is refused.
    pub async fn draft_with(
        profile: &Profile,
        world: Arc<Mutex<World>>,
        by: Actor,
        redactor: Arc<Redactor>,
    ) -> Result<Self> {
        let clock = TestClock::at(lock(&world).now_ms(), 1);
        let desk = Desk {
            by,
            wire: Arc::new(Hand::new(clock.clone())),
            clock,
            journal: Arc::default(),
            spool: Arc::default(),
            world,
            clone: Arc::default(),
        };
        desk.open(Draft::Release { profile, version: VERSION }, redactor).await
    }

    /// Drafts another run of this profile on the same computer.
    ///
    /// # Errors
    /// When the draft is refused.
    pub async fn draft_another(&self, version: &str) -> Result<Self> {
        self.desk().open(Draft::Release { profile: &self.view().profile, version }, Arc::default()).await
    }

    /// Drafts the rollback of this release on the same computer.
    ///
    /// # Errors
    /// When the draft is refused.
    pub async fn draft_rollback(&self) -> Result<Self> {
        self.desk().open(Draft::RollbackOf(&self.view().id), Arc::default()).await
    }

    /// Closes this run, and opens it again on the same computer.
    ///
    /// # Errors
    /// When it does not open.
    pub async fn reopen(&self) -> Result<Self> {
        self.release.clone().close().await;
        self.desk().open(Draft::Drafted(&self.view().id), Arc::default()).await
    }

    fn desk(&self) -> Desk {
        Desk {
            by: self.by.clone(),
            clock: self.clock.clone(),
            wire: self.wire.clone(),
            journal: self.journal.clone(),
            spool: self.spool.clone(),
            world: self.world.clone(),
            clone: self.clone.clone(),
        }
    }

    /// The world. The lock stops every other change.
    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// The app's copy of the repository.
    #[must_use]
    pub fn clone_of_app(&self) -> Objects {
        self.clone.lock().clone()
    }

    /// The present view of the run.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.release.view()
    }

    /// State of a step.
    #[must_use]
    pub fn status(&self, step: StepId) -> Status {
        fold::step(&self.release.view(), step).map_or(Status::NotStarted, |step| step.status())
    }

    /// Failure of the newest attempt of a step.
    #[must_use]
    pub fn failure(&self, step: StepId) -> Option<Failure> {
        fold::step(&self.release.view(), step).and_then(|step| step.failure().cloned())
    }

    /// Performs an act of the person.
    ///
    /// # Errors
    /// The refusal.
    pub async fn act(&self, act: Act) -> Result<Answer, Failure> {
        self.release.act(self.by.clone(), act).await
    }

    /// Plays Prepare to its end.
    ///
    /// # Errors
    /// When Prepare does not end.
    pub async fn prepare(&self) -> Result<()> {
        self.act(Act::StartPrepare { statement: format!("Testing of {} is finished", self.view().version) }).await?;
        for step in StepId::ALL.into_iter().take(6) {
            self.press_when_offered(step).await?;
        }
        self.until(|view| view.state == RunState::Prepared).await
    }

    /// Starts Deploy on the present host, and accepts all differences.
    ///
    /// # Errors
    /// The refusal.
    pub async fn deploy(&self, take_over: Option<TakeOver>) -> Result<(), Failure> {
        let differences = self.release.deploy_differences().await?;
        let fingerprint = self.world().host.fingerprint.clone();
        let request = DeployRequest { take_over, ..deploy_request(&self.view(), &fingerprint, differences) };
        self.act(Act::StartDeploy(request)).await.map(drop)
    }

    /// Starts a step when it is offered.
    ///
    /// # Errors
    /// When the step is not offered, or the start is refused.
    pub async fn press_when_offered(&self, step: StepId) -> Result<()> {
        self.offered(step).await?;
        Ok(press(&self.release, &self.by, step).await?)
    }

    /// Waits until a step is offered.
    ///
    /// # Errors
    /// When a changing step fails before.
    pub async fn offered(&self, step: StepId) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if self.status(step) == Status::AwaitingOperator {
                return Ok(());
            }
            let view = self.release.view();
            let failed =
                view.steps.iter().find(|step| step.status() == Status::Failed && !is_watching(step.definition.id));
            if let Some(failed) = failed {
                bail!("{:?} failed: {:?}", failed.definition.id, failed.failure());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("{step:?} was not offered: {:?}", self.status(step))
    }

    /// Waits until the app makes the call whose fate was set.
    ///
    /// # Errors
    /// When the app does not make it.
    pub async fn until_called(&self, name: &'static str) -> Result<()> {
        for _ in 0..LOOKS_MAX {
            if !self.wire.has_next(name) {
                return Ok(());
            }
            tokio::time::sleep(LOOK).await;
        }
        bail!("the app did not call {name}")
    }

    /// Waits for a condition of the run.
    ///
    /// # Errors
    /// When the condition never becomes true.
    pub async fn until(&self, is_so: impl Fn(&RunView) -> bool) -> Result<()> {
        let mut view = self.release.watch();
        let waited = tokio::time::timeout(LONGEST, view.wait_for(|view| is_so(view)));
        waited.await.context("it did not come")?.context("the run was closed")?;
        Ok(())
    }

    /// Waits until a step has this state.
    ///
    /// # Errors
    /// When the step never has this state.
    pub async fn until_is(&self, step: StepId, status: Status) -> Result<()> {
        let is_so = |view: &RunView| fold::step(view, step).is_some_and(|step| step.status() == status);
        self.until(is_so)
            .await
            .with_context(|| format!("{step:?} is {:?}: {:?}", self.status(step), self.failure(step)))
    }
}

fn is_watching(step: StepId) -> bool {
    steps::get(step).role() == greenlight_types::Role::Watching
}

fn lock(world: &Mutex<World>) -> MutexGuard<'_, World> {
    world.lock()
}
