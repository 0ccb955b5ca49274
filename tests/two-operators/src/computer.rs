//! A computer with its own data folder and its own journal of the release.

use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use greenlight_adapters::{ids::Uuids, journal_sqlite::SqliteJournal, spool::FileSpool};
use greenlight_checker::Checker;
use greenlight_engine::{
    fold,
    journal::Journal as _,
    ports::{Git, RawPorts},
    release::{Act, Parts, Release},
};
use greenlight_rehearsal::{ports::InProcess, world::World};
use greenlight_simulation::{
    clock::TestClock,
    operator::engine::press,
    scripted::{Dark, Hand, person},
};
use greenlight_types::{Actor, ErrorCode, EventBody, Failure, RunEvent, RunId, Status, StepId, TakeOver};
use parking_lot::Mutex;
use tempfile::TempDir;

use crate::{
    locks::LocksElsewhere,
    machine::{self, Machine},
    scene::Scene,
};

/// The app on one computer.
pub struct Computer {
    /// Person and computer.
    pub by: Actor,
    /// The computer's run of the release.
    pub run: RunId,
    release: Release,
    journal: Arc<SqliteJournal>,
    _data: TempDir,
}

impl Computer {
    /// Opens the app with its own journal up to the migration. The environment lock is free.
    ///
    /// # Errors
    /// When the journal cannot be written or opened.
    pub async fn open(
        scene: &Scene,
        machine: &Machine,
        world: &Arc<Mutex<World>>,
        name: &str,
        speed: u32,
    ) -> Result<Self> {
        Self::open_at(scene, machine, world, name, speed, None).await
    }

    /// Opens the app. Its environment lock lies on the remote of `locks`, or else on the simulated
    /// one.
    ///
    /// # Errors
    /// When the journal cannot be written or opened.
    pub async fn open_at(
        scene: &Scene,
        machine: &Machine,
        world: &Arc<Mutex<World>>,
        name: &str,
        speed: u32,
        locks: Option<Arc<dyn Git>>,
    ) -> Result<Self> {
        let (by, run) = (person(name, &format!("{name}-desk")), RunId(format!("run-of-{name}")));
        let data = machine::folder()?;
        let journal = Arc::new(SqliteJournal::open(&data.path().join("journal.sqlite")).await?);
        let kept =
            scene.events.iter().filter(|event| !matches!(event.body, EventBody::Run(RunEvent::LockAcquiring { .. })));
        let bodies: Vec<EventBody> = kept.map(|event| event.body.clone()).collect();
        let at = &scene.events.last().context("a release that has begun")?.at.clone();
        journal.append(&run, 0, at, &by, bodies).await?;
        let clock = Arc::new(TestClock::at(scene.now_ms, speed));
        let parts = Parts {
            journal: journal.clone(),
            screen: Arc::new(Dark),
            spool: Arc::new(FileSpool::new(&data.path().join("lines"))),
            clock: clock.clone(),
            ids: Arc::new(Uuids),
            redactor: Arc::default(),
        };
        let wire = Arc::new(Hand::new(TestClock::stopped_at(scene.now_ms)));
        let clone = Arc::new(Mutex::new(scene.clone.clone()));
        let rest = InProcess::new(world.clone(), clone, clock, wire, 1).ports();
        let git: Arc<dyn Git> = match locks {
            Some(locks) => Arc::new(LocksElsewhere { locks, rest: rest.git.clone() }),
            None => rest.git.clone(),
        };
        let ports = RawPorts { host: Arc::new(machine.host()), git, ..rest }.cleaned(&parts.redactor);
        let release = Release::open(parts, ports, &run, by.clone()).await?.without_readiness();
        Ok(Self { by, run, release, journal, _data: data })
    }

    /// Acquires the environment lock. `refusal` names the owner of a takeover.
    ///
    /// # Errors
    /// The refusal.
    pub async fn take(&self, refusal: Option<&Failure>) -> Result<(), Failure> {
        let from = refusal.and_then(|refusal| refusal.params.get("run")).cloned();
        let over = from.map(|from| TakeOver { from: RunId(from), reason: "we spoke".to_owned() });
        self.release.act(self.by.clone(), Act::AcquireLock { over }).await.map(drop)
    }

    /// Presses the button of the migration.
    ///
    /// # Errors
    /// The refusal.
    pub async fn migrate(&self) -> Result<(), Failure> {
        press(&self.release, &self.by, StepId::RunMigration).await
    }

    /// State of the migration on this computer.
    #[must_use]
    pub fn migration(&self) -> Status {
        fold::step(&self.release.view(), StepId::RunMigration).map_or(Status::NotStarted, |step| step.status())
    }

    /// Failure of the last attempt of the migration.
    #[must_use]
    pub fn failure(&self) -> Option<Failure> {
        fold::step(&self.release.view(), StepId::RunMigration).and_then(|step| step.failure().cloned())
    }

    /// Checks the journal of this computer with the checker.
    ///
    /// # Errors
    /// When a rule is broken, or the journal cannot be read.
    pub async fn judge(&self) -> Result<()> {
        let mut checker = Checker::new();
        for event in self.journal.events(&self.run, 0).await? {
            checker.alone(&serde_json::to_value(event)?);
        }
        checker.held().map_err(|broken| anyhow!("the record of {}: {broken}", self.by.person))
    }

    pub async fn close(self) {
        self.release.close().await;
    }
}

/// Whether a refusal says that another run has the environment lock, and names its person.
#[must_use]
pub fn names(refusal: &Failure, person: &str) -> bool {
    refusal.code == ErrorCode::EnvironmentHeld && refusal.params.get("person").is_some_and(|named| named == person)
}
