//! A release up to the moment when its migration waits for its button, played once in memory. Every race begins there.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::machine::{BACKUPS, STORE};
use anyhow::{Context, Result, anyhow, bail};
use async_trait::async_trait;
use greenlight_engine::{
    fold,
    journal::MemoryJournal,
    ports::{Clock, Ids, Ports, Screen},
    release::{Act, Answer, Parts, Release},
    spool::MemorySpool,
    time,
};
use greenlight_rehearsal::{
    ports::{Call, Fate, InProcess, Wire},
    world::{
        Start, World,
        git::{self, MAIN, Objects},
        host::Host,
        rules::Rules,
    },
};
use greenlight_simulation::play::simulated_profile;
use greenlight_types::{
    Actor, DeployRequest, Event, EventBody, LineSource, Live, LogLine, Realm, RunId, RunState, Stamp, Status, StepId,
    Version,
};

const START_MS: i64 = 1_795_424_400_000;
/// Looks at the run until its next button comes.
const LOOKS_MAX: u32 = 20_000;

/// Where a race begins.
#[derive(Clone)]
pub struct Scene {
    /// The record so far.
    pub events: Vec<Event>,
    /// Production.
    pub world: World,
    /// The app's copy of the repository.
    pub clone: Objects,
    /// Now, in ms since 1970.
    pub now_ms: i64,
}

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

    fn now_ms(&self) -> i64 {
        let passed = self.since.elapsed().saturating_mul(self.speed).as_millis();
        self.base_ms + i64::try_from(passed).unwrap_or(i64::MAX)
    }
}

#[async_trait]
impl Clock for Pace {
    fn now(&self) -> Stamp {
        time::from_ms(self.now_ms()).unwrap_or_else(|| Stamp(String::new()))
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration / self.speed).await;
    }
}

/// Every call arrives; production lives by this clock, or stands still.
pub struct Calm {
    /// Its clock; none for a production that stands still at that time.
    pub clock: Result<Pace, i64>,
}

impl Wire for Calm {
    fn now_ms(&self) -> i64 {
        match self.clock {
            Ok(pace) => pace.now_ms(),
            Err(still) => still,
        }
    }

    fn fate(&self, _call: Call) -> Fate {
        Fate::Calm
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

struct Numbers(Mutex<u64>);

impl Ids for Numbers {
    fn fresh(&self) -> String {
        let mut number = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *number += 1;
        format!("01900000-0000-7000-8000-{:012x}", *number)
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

impl Scene {
    /// Plays the release.
    ///
    /// # Errors
    /// When it does not get there.
    pub fn play() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(86_400), play()).await? })
    }
}

async fn play() -> Result<Scene> {
    let mut profile = simulated_profile()?;
    // At home on the race's machine.
    "migrate".clone_into(&mut profile.migration.directory);
    "sh ./run.sh".clone_into(&mut profile.migration.command);
    profile.migration.environment.clear();
    BACKUPS.clone_into(&mut profile.backup.artifact_directory);
    profile.host.login_shell.clear();
    let (pace, version, ann) = (Pace::at(START_MS, 1), Version::parse("2.1.0")?, person("Ann", "desk-7"));
    let (world, clone) = (Arc::new(Mutex::new(world())), Arc::new(Mutex::new(Objects::default())));
    let fingerprint = world.lock().unwrap_or_else(PoisonError::into_inner).host.fingerprint.clone();
    let journal = Arc::new(MemoryJournal::default());
    let parts = Parts {
        journal: journal.clone(),
        screen: Arc::new(Dark),
        spool: Arc::new(MemorySpool::default()),
        clock: Arc::new(pace),
        ids: Arc::new(Numbers(Mutex::new(0))),
    };
    let run = Release::draft(&parts, &profile, Realm::Practice, &version, &ann, None).await?;
    let wire = Arc::new(Calm { clock: Ok(pace) });
    let ports: Ports = InProcess::new(world.clone(), clone.clone(), Arc::new(pace), wire, 1).ports();
    let release = Release::open(parts, ports, &run, ann.clone()).await?;
    let statement = "Testing of 2.1.0 is finished".to_owned();
    release.act(ann.clone(), Act::StartPrepare { statement }).await?;
    for step in StepId::ALL.into_iter().take(6) {
        button(&release, step).await?;
        press(&release, &ann, step).await?;
    }
    until(&release, |view| view.state == RunState::Prepared).await?;
    let request = DeployRequest {
        address: "192.0.2.10".to_owned(),
        port: 22,
        fingerprint,
        told: "the support team".to_owned(),
        typed_version: version.to_string(),
        accepted_differences: Vec::new(),
        take_over: None,
    };
    release.act(ann.clone(), Act::StartDeploy(request)).await?;
    for step in [StepId::BackUp, StepId::DispatchBuild] {
        button(&release, step).await?;
        press(&release, &ann, step).await?;
    }
    button(&release, StepId::RunMigration).await?;
    let now_ms = pace.now_ms();
    release.close().await;
    let world = world.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let clone = clone.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let machine = format!("{}.{STORE}", fs_err::read_to_string("/etc/machine-id")?.trim());
    let events = journal.all(&run).into_iter().map(|event| at_machine(event, &machine)).collect();
    Ok(Scene { events, world, clone, now_ms })
}

/// The same event, with the machine of the races as its staging machine.
fn at_machine(mut event: Event, machine: &str) -> Event {
    if let EventBody::DeployStarted { staging, .. } | EventBody::EnvironmentTaking { staging, .. } = &mut event.body {
        machine.clone_into(&mut staging.machine_id);
    }
    event
}

fn world() -> World {
    let released = "2.0.1.11-RELEASE";
    let remote = git::Remote::seeded(released, "v2.1.0", START_MS);
    let start = Start {
        main: remote.refs.get(MAIN).cloned().unwrap_or_default(),
        version_value: released.to_owned(),
        now_ms: START_MS,
        repository: "rallyforresearch/rally".to_owned(),
    };
    let mut world = World::with_rules(&start, Rules { breaker: None, chatters: false, ..Rules::default() });
    world.git = remote;
    world.follow_main();
    world.host = Host::prepared_for("2.1.0.0", START_MS);
    world
}

async fn until(release: &Release, is_so: impl Fn(&greenlight_types::RunView) -> bool) -> Result<()> {
    let mut view = release.watch();
    view.wait_for(|view| is_so(view)).await.context("the run was closed")?;
    Ok(())
}

/// Waits until a step waits for its button.
async fn button(release: &Release, step: StepId) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        let view = release.view();
        let state = fold::step(&view, step).map(|step| step.status);
        if state == Some(Status::AwaitingOperator) {
            return Ok(());
        }
        if let Some(failed) = view.steps.iter().find(|step| step.status == Status::Failed) {
            bail!("{:?} failed: {:?}", failed.definition.id, failed.failure);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Err(anyhow!("{step:?} was not offered"))
}

/// Presses the button of a step as a person does: plan, question, confirmation, start.
///
/// # Errors
/// The refusal.
pub async fn press(release: &Release, by: &Actor, step: StepId) -> Result<(), greenlight_types::Failure> {
    let mut plan = release.plan(step).await?;
    for _ in 0..4 {
        let Some(question) = plan.question.clone() else { break };
        let answer = question.options.first().map(|option| option.id.clone()).unwrap_or_default();
        let act = Act::Answer { step, question: question.id, answer, note: "as agreed".to_owned() };
        release.act(by.clone(), act).await?;
        plan = release.plan(step).await?;
    }
    let mut token = None;
    if plan.irreversible && plan.already.is_none() {
        let confirm = Act::Confirm { step, plan_hash: plan.hash.clone() };
        if let Answer::Token(given) = release.act(by.clone(), confirm).await? {
            token = Some(given);
        }
    }
    release.act(by.clone(), Act::Run { step, plan_hash: plan.hash, token }).await.map(drop)
}
