//! The parts that survive the app: the simulator, the copy of the repository, and the checker's
//! input in its true order.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use fastrand::Rng;
use futures::FutureExt as _;
use greenlight_checker::Checker;
use greenlight_engine::ports::{Clock, RawPorts};
use greenlight_rehearsal::{
    ports::{Call, Fate, InProcess, Wire},
    world::{
        RELEASED, World, git,
        host::Host,
        rules::{Pace, Rules},
    },
};
use greenlight_simulation::{clock::TestClock, play::START_MS};
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use crate::serve;

/// Fingerprint of the host, as the operator learned it.
#[must_use]
pub fn fingerprint() -> String {
    Host::prepared_for("2.1.0.0", START_MS).fingerprint
}

/// One event, view or request of a process.
enum Line {
    Event(Value),
    Shown(Value),
    /// A request and the number of its call.
    Request(Value, Option<u64>),
}

/// The checker's input and some counts.
#[derive(Default)]
struct Tape {
    checker: Checker,
    lines: Vec<Line>,
    /// Calls with a read answer.
    got: BTreeSet<u64>,
    events: Vec<Value>,
    migrations: u32,
}

/// The wire between app and simulator: the app's time, and whether the present call gets an answer.
struct Road {
    clock: TestClock,
    is_swallowed: AtomicBool,
    entries: Mutex<Vec<Value>>,
}

impl Wire for Road {
    fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    fn fate(&self, _call: Call) -> Fate {
        if self.is_swallowed.load(Ordering::SeqCst) { Fate::EndsAfter } else { Fate::Calm }
    }

    fn end_app(&self) {}

    fn passed(&self, world: &mut World) {
        let entries = world.record.take();
        let told = entries.iter().map(|entry| serde_json::to_value(entry).unwrap_or_default());
        self.entries.lock().extend(told);
    }
}

/// Production of one release.
pub struct Production {
    world: Arc<Mutex<World>>,
    clone: Arc<Mutex<git::Objects>>,
    road: Arc<Road>,
    tape: Mutex<Tape>,
}

impl Production {
    /// Creates production for a release number. Number 0 has no faults. In number 1 the dispatch
    /// returns no run id, and GitHub lists the build late.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let clock = TestClock::stopped_at(START_MS);
        let road = Road { clock, is_swallowed: AtomicBool::new(false), entries: Mutex::default() };
        Self {
            world: Arc::new(Mutex::new(world(seed))),
            clone: Arc::default(),
            road: Arc::new(road),
            tape: Mutex::default(),
        }
    }

    /// Ports for one process of the app.
    pub fn ports(&self, process: u32) -> RawPorts {
        let (world, clone) = (Arc::clone(&self.world), Arc::clone(&self.clone));
        let clock: Arc<dyn Clock> = Arc::new(self.road.clock.clone());
        InProcess::new(world, clone, clock, Arc::<Road>::clone(&self.road), process).ports()
    }

    fn tape(&self) -> MutexGuard<'_, Tape> {
        self.tape.lock()
    }

    /// Now, in milliseconds since 1970.
    pub fn now_ms(&self) -> i64 {
        Wire::now_ms(&*self.road)
    }

    /// Lets time pass without the app.
    pub fn pass(&self, ms: i64) {
        self.road.clock.advance(ms);
    }

    /// Handles a request. A swallowed request has its effect and no answer.
    pub fn call(&self, ports: &RawPorts, message: &Value, is_swallowed: bool) -> Option<Value> {
        // Calls run one at a time, so that entries are recorded in their true order.
        let mut tape = self.tape();
        let now_ms = message["now"].as_i64().unwrap_or_default();
        self.road.clock.advance_to(now_ms);
        self.road.is_swallowed.store(is_swallowed, Ordering::SeqCst);
        let name = message["name"].as_str().unwrap_or_default();
        // A call in process never waits. A swallowed call returns no answer.
        let answer = serve::answer(ports, name, message["args"].clone()).now_or_never().flatten();
        let entries = std::mem::take(&mut *self.road.entries.lock());
        let call = message["call"].as_u64();
        for entry in entries {
            let is_start = entry.pointer("/op/kind").and_then(Value::as_str) == Some("payloadStarted");
            let is_migration = entry.pointer("/op/work").and_then(Value::as_str) == Some("migration");
            tape.migrations += u32::from(is_start && is_migration);
            tape.lines.push(Line::Request(entry, call));
        }
        answer
    }

    /// Records that the answer of a call was read.
    pub fn got(&self, call: u64) {
        self.tape().got.insert(call);
    }

    /// Records durable events.
    pub fn written(&self, events: &[Value]) {
        let mut tape = self.tape();
        tape.events.extend_from_slice(events);
        tape.lines.extend(events.iter().cloned().map(Line::Event));
    }

    /// Records a view.
    pub fn shown(&self, shown: &Value) {
        self.tape().lines.push(Line::Shown(shown.clone()));
    }

    /// Compares the events on disk after the app's end. They are all reported events and at most
    /// one more append.
    pub fn ended(&self, on_disk: &[Value]) -> Result<(), String> {
        let mut tape = self.tape();
        let said = tape.events.len();
        let is_kept = on_disk.get(..said) == Some(tape.events.as_slice());
        let rest = on_disk.get(said..).unwrap_or_default().to_vec();
        // All events of one append have the same time.
        let is_one = rest.iter().all(|event| event["at"] == rest[0]["at"]);
        tape.lines.extend(rest.iter().cloned().map(Line::Event));
        tape.events.extend(rest);
        let (lines, got) = (std::mem::take(&mut tape.lines), std::mem::take(&mut tape.got));
        for line in lines {
            match line {
                Line::Event(event) => tape.checker.event(&event),
                Line::Shown(shown) => tape.checker.shown(&shown),
                Line::Request(mut entry, call) => {
                    if entry["actor"] == "app" && call.is_some_and(|call| !got.contains(&call)) {
                        entry["answered"] = json!(false);
                    }
                    tape.checker.request(&entry);
                }
            }
        }
        if is_kept && is_one {
            Ok(())
        } else {
            Err(format!("{said} entries were on disk, and now {} are; of one append: {is_one}", on_disk.len()))
        }
    }

    /// Ends the release and returns the broken rules.
    pub fn judge(&self, healed_ms: i64, is_idle: bool) -> Vec<String> {
        let told = self.world.lock().snapshot();
        let now_ms = self.now_ms();
        let mut tape = self.tape();
        tape.checker.end(&json!({ "healedAt": healed_ms, "now": now_ms, "idle": is_idle, "world": told }));
        tape.checker.violations().iter().map(ToString::to_string).collect()
    }

    /// Number of started migrations.
    pub fn migrations(&self) -> u32 {
        self.tape().migrations
    }

    /// Result and note in the durable events, or `None` while the run continues.
    pub fn result(&self) -> Option<(String, String)> {
        let tape = self.tape();
        let ended = tape.events.iter().rev().find(|event| event["body"]["kind"] == "runEnded")?;
        let word = |key: &str| ended["body"][key].as_str().unwrap_or_default().to_owned();
        Some((word("result"), word("note")))
    }

    /// The newest step of the journal.
    pub fn place(&self) -> String {
        place(&self.tape().events)
    }

    /// Number of events in the journal.
    pub fn entries(&self) -> usize {
        self.tape().events.len()
    }
}

/// The newest step of a journal, for the count of kills per step.
#[must_use]
pub fn place(events: &[Value]) -> String {
    let step = events.iter().rev().find_map(|event| event["body"]["step"].as_str());
    step.unwrap_or("before the first step").to_owned()
}

fn world(seed: u64) -> World {
    let mut rng = Rng::with_seed(seed);
    let plain = Rules { breaker: None, chatters: false, pace: Pace::brisk(), ..Rules::default() };
    let (is_plain, is_slow) = (seed == 0, seed == 1);
    let rules = Rules {
        desired: if is_plain { plain.desired } else { rng.usize(1..4) },
        tells_run: is_plain || !is_slow && rng.bool(),
        list_lag: if is_plain || !is_slow && rng.bool() { 0 } else { rng.i64(1_000..20_000) },
        has_empty_pages: !is_plain && rng.bool(),
        pace: if is_plain || rng.bool() { Pace::brisk() } else { Pace::unhurried() },
        ..plain
    };
    let mut world = World::in_process(git::Remote::seeded(RELEASED, "v2.1.0", START_MS), rules, START_MS);
    if is_plain {
        (world.host.ends.backup_ms, world.host.ends.migration_ms) = (15_000, 15_000);
    } else {
        world.host.ends.backup_ms = rng.i64(2_000..60_000);
        world.host.ends.migration_ms = rng.i64(2_000..60_000);
    }
    world.record.switch_on();
    world
}
