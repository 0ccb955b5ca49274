//! The app without a window as a process: the engine with the app's journal, spool and data folder
//! lock. A `Link` leads to everything outside.

use std::{cell::Cell, path::PathBuf, sync::Arc};

use anyhow::{Context as _, Result, anyhow, bail};
use async_trait::async_trait;
use greenlight_adapters::{data_lock::DataLock, ids::Uuids, journal_sqlite::SqliteJournal, spool::FileSpool};
use greenlight_engine::{
    journal::Journal,
    ports::Clock,
    release::{Parts, Release},
};
use greenlight_simulation::{
    clock::TestClock,
    operator::{
        Operator, SeenRun, Sitting, Surface, Task,
        engine::{Engine, seen_run},
    },
    play::simulated_profile,
    scripted::{Dark, person},
};
use greenlight_types::{Actor, ErrorCode, Event, EventBody, Failure, Realm, RunId, RunView, Timestamp, Version};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::{link::Link, point::Moment, production::fingerprint, remote::Remote};

/// Virtual seconds per second in [`Tempo::Busy`].
const BUSY_SPEED: u32 = 200;
/// Reads without a change after which the release makes no progress: about twenty minutes.
const LOOKS_MAX: u32 = 120;

/// Speed and concurrency of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tempo {
    /// Virtual time and one action at a time. The same release reaches the same points.
    Exact,
    /// A clock that is two hundred times faster, and several threads.
    Busy,
}

impl Tempo {
    /// Argument of the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Busy => "busy",
        }
    }
}

/// Defect that tests this suite: the journal reports an event before it is on disk.
pub const WRITE_BEHIND: &str = "WriteBehind";

/// Arguments of the process.
pub struct Orders {
    /// Data folder of the app.
    pub data: PathBuf,
    /// Socket of the simulator.
    pub socket: PathBuf,
    /// Start time in milliseconds since 1970.
    pub now_ms: i64,
    pub tempo: Tempo,
    /// Name of the seeded defect, or an empty text.
    pub defect: String,
}

impl Orders {
    /// Parses `DATA SOCKET NOW TEMPO [DEFECT]`.
    ///
    /// # Errors
    /// When an argument is missing or invalid.
    pub fn read(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut word = |name: &'static str| words.next().with_context(|| format!("{name} is missing"));
        let (data, socket) = (PathBuf::from(word("DATA")?), PathBuf::from(word("SOCKET")?));
        let now_ms = word("NOW")?.parse()?;
        let tempo = match word("TEMPO")?.as_str() {
            "exact" => Tempo::Exact,
            "busy" => Tempo::Busy,
            other => bail!("{other} is no tempo"),
        };
        Ok(Self { data, socket, now_ms, tempo, defect: words.next().unwrap_or_default() })
    }

    /// Runs until the release has ended or makes no progress.
    ///
    /// # Errors
    /// When the app cannot be opened.
    pub fn live(self) -> Result<Sitting> {
        defects(&self.defect)?;
        let mut builder = match self.tempo {
            Tempo::Exact => tokio::runtime::Builder::new_current_thread(),
            Tempo::Busy => tokio::runtime::Builder::new_multi_thread(),
        };
        builder.worker_threads(2).enable_all();
        if self.tempo == Tempo::Exact {
            builder.start_paused(true);
        }
        // The journal has its own runtime, because paused time would pass during a write.
        let aside = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        builder.build()?.block_on(self.open(aside.handle().clone()))
    }

    async fn open(self, runtime: Handle) -> Result<Sitting> {
        let _lock = DataLock::take(&self.data, "desk-7").map_err(|failure| anyhow!("{failure:?}"))?;
        let speed = if self.tempo == Tempo::Exact { 1 } else { BUSY_SPEED };
        let clock: Arc<dyn Clock> = Arc::new(TestClock::at(self.now_ms, speed));
        let link = Arc::new(Link::new(self.socket.clone(), clock.clone(), self.tempo == Tempo::Exact)?);
        let journal = Arc::new(Told::open(&self, link.clone(), runtime)?);
        let parts = Parts {
            journal: journal.clone(),
            screen: Arc::new(Dark),
            spool: Arc::new(FileSpool::new(&self.data.join("lines"))),
            clock: clock.clone(),
            ids: Arc::new(Uuids),
            redactor: Arc::default(),
        };
        let by = person("Ann", "desk-7");
        let run = match journal.runs().await?.pop() {
            Some(run) => run,
            None => {
                let (profile, version) = (simulated_profile()?, Version::parse("2.1.0")?);
                Release::draft(&parts, &profile, Realm::Practice, &version, &by, None).await?
            }
        };
        let ports = Remote(link.clone()).ports(clock.clone()).cleaned(&parts.redactor);
        let release = match Release::open(parts, ports, &run, by.clone()).await {
            Ok(release) => release.without_readiness(),
            // The run ended in an earlier process that did not live to show it.
            Err(failure) if failure.code == ErrorCode::NotAllowedNow => return Ok(Sitting::Ended),
            Err(failure) => bail!("{failure:?}"),
        };
        let engine = Engine { release: &release, clock, by, fingerprint: fingerprint() };
        let sitting =
            Operator::new(ToldEngine { engine, link: &link, told_seq: Cell::new(0) }, LOOKS_MAX).work().await?;
        release.close().await;
        // Closes here to make the file calls at a known moment, not during the end of the process.
        if let Some(Told { inner, runtime, .. }) = Arc::into_inner(journal) {
            aside(&runtime, || inner.close());
        }
        Ok(sitting)
    }
}

fn defects(name: &str) -> Result<()> {
    anyhow::ensure!(name.is_empty() || name == WRITE_BEHIND, "there is no defect {name} in this build");
    Ok(())
}

/// The engine, whose every view also goes to the checker.
struct ToldEngine<'a> {
    engine: Engine<'a>,
    link: &'a Link,
    told_seq: Cell<u32>,
}

impl Surface for ToldEngine<'_> {
    async fn run(&self) -> Result<SeenRun> {
        let view = Arc::clone(&self.engine.release.watch().borrow());
        if self.told_seq.replace(view.seq) != view.seq {
            self.link.tell(&json!({ "kind": "shown", "shown": shown(&view) }));
        }
        Ok(seen_run(&view))
    }

    async fn perform(&self, task: Task) -> Result<()> {
        self.engine.perform(task).await
    }

    async fn wait_for_change(&self, seen: &SeenRun) {
        self.engine.wait_for_change(seen).await;
    }
}

/// The view of a run in the checker's shape.
fn shown(view: &RunView) -> Value {
    let steps: Vec<Value> = view
        .steps
        .iter()
        .map(|step| {
            let retry = step.failure().map(|failure| failure.retry);
            json!({ "id": step.definition.id, "status": step.status(), "attempt": step.attempt, "retry": retry })
        })
        .collect();
    json!({ "run": view.id, "seq": view.seq, "state": view.state, "result": view.result, "steps": steps, "offers": [] })
}

/// The app's journal. It reports each durable event over the link.
struct Told {
    inner: SqliteJournal,
    runtime: Handle,
    link: Arc<Link>,
    /// With the defect, events that are reported as written but are not on disk.
    behind: Option<Mutex<Vec<Event>>>,
}

impl Told {
    fn open(orders: &Orders, link: Arc<Link>, runtime: Handle) -> Result<Self> {
        let file = orders.data.join("journal.sqlite");
        let inner = aside(&runtime, || async { SqliteJournal::open(&file).await })?;
        let behind = (orders.defect == WRITE_BEHIND).then(Mutex::default);
        Ok(Self { inner, runtime, link, behind })
    }

    fn write(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        self.link.point(Moment::BeforeAppend, "append");
        let events = aside(&self.runtime, || self.inner.append(run, after, at, by, bodies))?;
        self.link.point(Moment::AfterAppend, "append");
        self.link.tell(&json!({ "kind": "events", "events": &events }));
        Ok(events)
    }

    /// The defect: writes an event only when the next one arrives.
    fn write_behind(&self, held: &mut Vec<Event>, fresh: Vec<Event>) -> Result<Vec<Event>, Failure> {
        for event in std::mem::replace(held, fresh.clone()) {
            self.write(&event.run, event.seq - 1, &event.at, &event.by, vec![event.body])?;
        }
        Ok(fresh)
    }

    fn held(&self) -> Vec<Event> {
        let held = self.behind.as_ref().map(|held| held.lock().clone());
        held.unwrap_or_default()
    }
}

/// Runs work on another runtime while this thread waits.
fn aside<T: Send, F: Future<Output = T>>(runtime: &Handle, work: impl FnOnce() -> F + Send) -> T {
    std::thread::scope(|scope| match scope.spawn(|| runtime.block_on(work())).join() {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[async_trait]
impl Journal for Told {
    async fn append(
        &self,
        run: &RunId,
        after: u32,
        at: &Timestamp,
        by: &Actor,
        bodies: Vec<EventBody>,
    ) -> Result<Vec<Event>, Failure> {
        if let Some(held) = &self.behind {
            let fresh = (after + 1..)
                .zip(bodies)
                .map(|(seq, body)| Event { run: run.clone(), seq, at: *at, by: by.clone(), body })
                .collect();
            return self.write_behind(&mut held.lock(), fresh);
        }
        if self.link.is_exact() {
            return self.write(run, after, at, by, bodies);
        }
        let events = self.inner.append(run, after, at, by, bodies).await?;
        self.link.tell(&json!({ "kind": "events", "events": &events }));
        Ok(events)
    }

    async fn events(&self, run: &RunId, after: u32) -> Result<Vec<Event>, Failure> {
        let mut events = aside(&self.runtime, || self.inner.events(run, after))?;
        events.extend(self.held().into_iter().filter(|event| event.seq > after));
        Ok(events)
    }

    async fn runs(&self) -> Result<Vec<RunId>, Failure> {
        let mut runs = aside(&self.runtime, || self.inner.runs())?;
        let held = self.held().pop().map(|event| event.run);
        runs.extend(held.filter(|held| !runs.contains(held)));
        Ok(runs)
    }
}
