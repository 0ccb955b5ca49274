//! One release in memory, played by hand: who presses what, what production does and what is lost on the way stands in the
//! test, one line after another. Time is virtual and passes only while everybody waits.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use greenlight_engine::{
    fold,
    journal::MemoryJournal,
    ports::{Clock, Ids, Screen},
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
    Actor, DeployRequest, Failure, LineSource, Live, LogLine, Profile, Realm, RunId, RunState, RunView, Status, StepId,
    StepPlan, TakeOver, Timestamp, Version,
};
use parking_lot::{Mutex, MutexGuard};

use crate::play::START_MS;

/// What is released.
pub const VERSION: &str = "2.1.0";
/// Looks at the run until its next button comes.
const LOOKS_MAX: u32 = 20_000;
/// Between two of them.
const LOOK: Duration = Duration::from_millis(500);
/// Longest wait for something of the run.
const LONGEST: Duration = Duration::from_secs(86_400);

/// Time that passes as fast as it is told to.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    base_ms: i64,
    since: tokio::time::Instant,
    speed: u32,
}

impl Pace {
    /// Begins at a time; has to be made inside the runtime.
    #[must_use]
    pub fn at(base_ms: i64, speed: u32) -> Self {
        Self { base_ms, since: tokio::time::Instant::now(), speed }
    }

    /// Now, in ms since 1970.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        let passed = self.since.elapsed().saturating_mul(self.speed).as_millis();
        self.base_ms + i64::try_from(passed).unwrap_or(i64::MAX)
    }
}

#[async_trait]
impl Clock for Pace {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms()).unwrap_or(Timestamp::EPOCH)
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / self.speed).await;
    }
}

/// Every call arrives, except those that the script said something else of.
pub struct Hand {
    /// Production's clock; none for a production that stands still at that time.
    clock: Result<Pace, i64>,
    fates: Mutex<Vec<(&'static str, Fate)>>,
}

impl Hand {
    /// For a production that lives by this clock, or stands still at a time in ms since 1970.
    #[must_use]
    pub fn new(clock: Result<Pace, i64>) -> Self {
        Self { clock, fates: Mutex::default() }
    }

    /// What happens to the next call of this name that is not spoken for.
    pub fn next(&self, name: &'static str, fate: Fate) {
        self.fates.lock().push((name, fate));
    }
}

impl Wire for Hand {
    fn now_ms(&self) -> i64 {
        match self.clock {
            Ok(pace) => pace.now_ms(),
            Err(still) => still,
        }
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

/// Nobody looks.
pub struct Dark;

impl Screen for Dark {
    fn moved(&self, _run: &RunId, _seq: u32) {}
    fn live(&self, _live: Live) {}
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

/// A production on the evening before the release, without anybody else in it.
#[must_use]
pub fn quiet_world(rules: Rules) -> World {
    World::in_process(git::Remote::seeded(RELEASED, "v2.1.0", START_MS), Rules { chatters: false, ..rules }, START_MS)
}

/// One computer with its release.
pub struct Scripted {
    /// Who sits there.
    pub by: Actor,
    /// Its clock.
    pub pace: Pace,
    /// What is between it and production.
    pub wire: Arc<Hand>,
    /// Its record.
    pub journal: Arc<MemoryJournal>,
    /// The output that it keeps.
    pub spool: Arc<MemorySpool>,
    /// The release.
    pub release: Release,
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<Objects>>,
}

impl Scripted {
    /// A draft on a computer with an empty record; has to be made inside a runtime whose time is paused.
    ///
    /// # Errors
    /// When the draft is refused.
    pub async fn draft(profile: &Profile, world: Arc<Mutex<World>>, by: Actor) -> Result<Self> {
        let now_ms = lock(&world).now_ms();
        let pace = Pace::at(now_ms, 1);
        let (clone, wire) = (Arc::new(Mutex::new(Objects::default())), Arc::new(Hand::new(Ok(pace))));
        let (journal, spool) = (Arc::new(MemoryJournal::default()), Arc::new(MemorySpool::default()));
        let parts = Parts {
            journal: journal.clone(),
            screen: Arc::new(Dark),
            spool: spool.clone(),
            clock: Arc::new(pace),
            ids: Arc::new(Numbers(AtomicU64::new(u64::try_from(now_ms)?))),
        };
        let run = Release::draft(&parts, profile, Realm::Practice, &Version::parse(VERSION)?, &by, None).await?;
        let ports = InProcess::new(world.clone(), clone.clone(), Arc::new(pace), wire.clone(), 1).ports();
        let release = Release::open(parts, ports, &run, by.clone()).await?;
        Ok(Self { by, pace, wire, journal, spool, release, world, clone })
    }

    /// Production, while nothing else happens in it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// The app's copy of the repository.
    #[must_use]
    pub fn clone_of_app(&self) -> Objects {
        self.clone.lock().clone()
    }

    /// The run as it is.
    #[must_use]
    pub fn view(&self) -> RunView {
        self.release.view()
    }

    /// State of a step.
    #[must_use]
    pub fn status(&self, step: StepId) -> Status {
        fold::step(&self.release.view(), step).map_or(Status::NotStarted, |step| step.status())
    }

    /// Why the newest attempt of a step failed.
    #[must_use]
    pub fn failure(&self, step: StepId) -> Option<Failure> {
        fold::step(&self.release.view(), step).and_then(|step| step.failure().cloned())
    }

    /// Does something, as the person.
    ///
    /// # Errors
    /// The refusal.
    pub async fn act(&self, act: Act) -> Result<Answer, Failure> {
        self.release.act(self.by.clone(), act).await
    }

    /// All of Prepare, or what is left of it.
    ///
    /// # Errors
    /// When it does not come to its end.
    pub async fn prepare(&self) -> Result<()> {
        self.act(Act::StartPrepare { statement: format!("Testing of {VERSION} is finished") }).await?;
        for step in StepId::ALL.into_iter().take(6) {
            self.press_when_offered(step).await?;
        }
        self.until(|view| view.state == RunState::Prepared).await
    }

    /// Starts Deploy with the machine of today, and accepts what differs.
    ///
    /// # Errors
    /// The refusal.
    pub async fn deploy(&self, take_over: Option<TakeOver>) -> Result<(), Failure> {
        let accepted_differences = self.release.deploy_differences().await?;
        let fingerprint = self.world().host.fingerprint.clone();
        let request = DeployRequest {
            address: "192.0.2.10".to_owned(),
            port: 22,
            fingerprint,
            told: "the support team".to_owned(),
            typed_version: self.release.view().version.to_string(),
            accepted_differences: accepted_differences.into_iter().map(|one| one.id).collect(),
            take_over,
        };
        self.act(Act::StartDeploy(request)).await.map(drop)
    }

    /// Presses the button of a step as soon as it is offered.
    ///
    /// # Errors
    /// When it is not, or is refused.
    pub async fn press_when_offered(&self, step: StepId) -> Result<()> {
        self.offered(step).await?;
        Ok(press(&self.release, &self.by, step).await?)
    }

    /// Waits until a step waits for its button.
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

    /// Waits for something of the run.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn until(&self, is_so: impl Fn(&RunView) -> bool) -> Result<()> {
        let mut view = self.release.watch();
        let waited = tokio::time::timeout(LONGEST, view.wait_for(|view| is_so(view)));
        waited.await.context("it did not come")?.context("the run was closed")?;
        Ok(())
    }

    /// Waits until a step is in this state.
    ///
    /// # Errors
    /// When it does not come to it.
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

/// The plan of a step whose questions a person has answered, each with its first choice.
///
/// # Errors
/// The refusal.
pub async fn read(release: &Release, by: &Actor, step: StepId) -> Result<StepPlan, Failure> {
    let mut plan = release.plan(step).await?;
    for _ in 0..4 {
        let Some(question) = plan.question.clone() else { break };
        let answer = question.options.first().map(|option| option.id.clone()).unwrap_or_default();
        let act = Act::Answer { step, question: question.id, answer, note: "as agreed".to_owned() };
        release.act(by.clone(), act).await?;
        plan = release.plan(step).await?;
    }
    Ok(plan)
}

/// Presses the button of a step as a person does: plan, question, confirmation, start.
///
/// # Errors
/// The refusal.
pub async fn press(release: &Release, by: &Actor, step: StepId) -> Result<(), Failure> {
    let plan = read(release, by, step).await?;
    start(release, by, plan).await
}

/// Confirms a plan as it was read, where that is needed, and starts it.
///
/// # Errors
/// The refusal.
pub async fn start(release: &Release, by: &Actor, plan: StepPlan) -> Result<(), Failure> {
    let step = plan.step;
    let mut token = None;
    if plan.irreversible && plan.already.is_none() {
        let confirm = Act::Confirm { step, plan_hash: plan.hash.clone() };
        if let Answer::Token(given) = release.act(by.clone(), confirm).await? {
            token = Some(given);
        }
    }
    release.act(by.clone(), Act::Run { step, plan_hash: plan.hash, token }).await.map(drop)
}
