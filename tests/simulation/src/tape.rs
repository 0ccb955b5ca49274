//! Everything that happens in one release, in its true order. The tape feeds the judge and makes a
//! hash that two plays of the same release share.

use std::{
    collections::{BTreeMap, BTreeSet},
    hash::{DefaultHasher, Hasher},
};

use greenlight_engine::transition;
use greenlight_rehearsal::{ports::Fate, world::World};
use greenlight_types::{Event, EventBody, RunEvent, RunView, Status};
use parking_lot::{Mutex, MutexGuard};
use serde_json::{Value, json};

use crate::{
    acts::Reader,
    judge::{Judge, Violation},
    truth::Deeds,
};

/// Name of the migration in the journal.
const MIGRATION: &str = "RunMigration";

/// Detail of a tape, beside the violations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Counts,
    /// Counts and the hash.
    Trace,
    /// Counts, the hash and every line.
    Lines,
}

pub struct Tape {
    inner: Mutex<Inner>,
}

struct Inner {
    judge: Box<dyn Judge>,
    hasher: DefaultHasher,
    keep: Keep,
    events: u32,
    statuses: BTreeMap<String, Status>,
    transitions: BTreeSet<String>,
    /// The lines with [`Keep::Lines`].
    lines: Option<Vec<String>>,
    last_shown: u32,
    deeds: Deeds,
    /// Acts and states in the journal.
    reader: Reader,
    counted: BTreeSet<&'static str>,
    /// Acts of an honest operator with their answers, and states of the run that were reached.
    acts: BTreeMap<String, u32>,
    states: BTreeSet<String>,
}

impl Tape {
    pub fn new(judge: Box<dyn Judge>, keep: Keep) -> Self {
        Self {
            inner: Mutex::new(Inner {
                judge,
                hasher: DefaultHasher::new(),
                keep,
                events: 0,
                statuses: BTreeMap::new(),
                transitions: BTreeSet::new(),
                lines: (keep == Keep::Lines).then(Vec::new),
                last_shown: 0,
                deeds: Deeds::default(),
                reader: Reader::default(),
                counted: BTreeSet::new(),
                acts: BTreeMap::new(),
                states: BTreeSet::new(),
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Records the fate of a call.
    pub fn called(&self, name: &'static str, fate: Fate) {
        let mut inner = self.inner();
        if inner.keep == Keep::Counts {
            return;
        }
        inner.hasher.write(name.as_bytes());
        if fate != Fate::Calm
            && let Some(lines) = &mut inner.lines
        {
            lines.push(format!("call {name}: {fate:?}"));
        }
    }

    /// Records a durable event.
    pub fn event(&self, event: &Event) {
        let mut inner = self.inner();
        inner.events += 1;
        let told = serde_json::to_value(event).unwrap_or(Value::Null);
        let part = |name: &str| told.pointer(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (step, kind) = (part("/body/step"), part("/body/kind"));
        if let EventBody::Run(RunEvent::Drafted { names, .. } | RunEvent::RollbackDrafted { names, .. }) = &event.body {
            inner.deeds.drafted(&event.run, names);
            inner.statuses.clear();
            inner.last_shown = 0;
        }
        let before = inner.statuses.get(&step).copied().unwrap_or(Status::NotStarted);
        let is_doubted = inner.statuses.get(MIGRATION) == Some(&Status::InDoubt);
        let counted = inner.reader.read(&event.body, before, is_doubted);
        inner.counted.extend(counted);
        if let EventBody::Step(change) = &event.body
            && let Ok(after) = transition::next(before, change)
        {
            inner.statuses.insert(step, after);
            inner.transitions.insert(format!("{before:?} {kind}"));
        }
        inner.judge.event(&told);
        inner.note("event", &told);
    }

    /// Moves the new entries of the world's record to the tape.
    pub fn requests(&self, world: &mut World) {
        let entries = world.record.take();
        if entries.is_empty() {
            return;
        }
        let mut inner = self.inner();
        for entry in entries {
            inner.deeds.note(&entry);
            let told = serde_json::to_value(&entry).unwrap_or(Value::Null);
            inner.judge.request(&told);
            inner.note("request", &told);
        }
    }

    /// Records a view on the screen.
    pub fn shown(&self, view: &RunView) {
        let mut inner = self.inner();
        if inner.last_shown == view.seq {
            return;
        }
        inner.last_shown = view.seq;
        inner.states.extend(states_of(view));
        let steps: Vec<Value> = view
            .steps
            .iter()
            .map(|step| {
                let retry = step.failure().map(|failure| failure.retry);
                json!({ "id": step.definition.id, "status": step.status(), "attempt": step.attempt, "retry": retry })
            })
            .collect();
        let told = json!({
            "run": view.id, "seq": view.seq, "state": view.state, "result": view.result, "steps": steps, "offers": [],
        });
        inner.judge.shown(&told);
        inner.note("shown", &told);
    }

    /// Asks about the effects of the app so far.
    pub fn with_deeds<T>(&self, question: impl FnOnce(&Deeds) -> T) -> T {
        question(&self.inner().deeds)
    }

    /// Records an act of an honest operator, or that no act helps.
    pub fn operator(&self, note: &Value) {
        let mut inner = self.inner();
        let part = |name: &str| note.pointer(name).and_then(Value::as_str).unwrap_or_default();
        let counted = match (part("/kind"), part("/refused/code")) {
            ("acted", "") => part("/act").to_owned(),
            ("acted", code) => format!("{}: {code}", part("/act")),
            (kind, _) => format!("{kind} {}", part("/question")),
        };
        *inner.acts.entry(counted).or_default() += 1;
        inner.judge.operator(note);
        inner.note("operator", note);
    }

    /// Counts an act or a state that the journal does not show.
    pub fn count(&self, name: Option<&'static str>) {
        self.inner().counted.extend(name);
    }

    /// Sets whether the host never answers again.
    pub fn machine_is_gone(&self, is_gone: bool) {
        self.inner().deeds.is_machine_gone = is_gone;
    }

    /// Counts a state that an operator reached.
    pub fn reached(&self, state: String) {
        self.inner().states.insert(state);
    }

    /// Records the end of the release.
    pub fn end(&self, end: &Value) {
        let mut inner = self.inner();
        inner.judge.end(end);
        inner.note("end", end);
    }

    /// Returns the violations and counts.
    pub fn result(&self) -> TapeResult {
        let mut inner = self.inner();
        TapeResult {
            violations: inner.judge.violations(),
            dead_ends: inner.judge.dead_ends(),
            counted: std::mem::take(&mut inner.counted),
            acts: std::mem::take(&mut inner.acts),
            states: std::mem::take(&mut inner.states),
            trace: inner.hasher.finish(),
            events: inner.events,
            transitions: std::mem::take(&mut inner.transitions),
            lines: inner.lines.take().unwrap_or_default(),
        }
    }
}

/// Result of a tape.
#[derive(Clone, Debug)]
pub struct TapeResult {
    pub violations: Vec<Violation>,
    /// Known dead ends that were reached.
    pub dead_ends: Vec<&'static str>,
    /// Acts and states of [`crate::acts::COUNTED`].
    pub counted: BTreeSet<&'static str>,
    /// Acts of an honest operator, with the code of a refusal.
    pub acts: BTreeMap<String, u32>,
    /// States of steps and run that were on the screen.
    pub states: BTreeSet<String>,
    /// Hash, which is equal for equal releases.
    pub trace: u64,
    /// Number of events in the journal.
    pub events: u32,
    /// Transitions of steps: state before, and event.
    pub transitions: BTreeSet<String>,
    /// The lines with [`Keep::Lines`].
    pub lines: Vec<String>,
}

impl Inner {
    fn note(&mut self, what: &str, told: &Value) {
        if self.keep == Keep::Counts {
            return;
        }
        let text = told.to_string();
        self.hasher.write(text.as_bytes());
        if let Some(lines) = &mut self.lines {
            lines.push(format!("{{\"{what}\":{text}}}"));
        }
    }
}

/// States of a view that a report counts: each open, failed or warned step, and the result.
fn states_of(view: &RunView) -> Vec<String> {
    let mut states: Vec<String> = view
        .steps
        .iter()
        .filter(|step| !matches!(step.status(), Status::NotStarted | Status::Succeeded))
        .map(|step| match step.failure() {
            Some(failure) => format!("{} failed: {:?}", step.definition.id.name(), failure.code),
            None => format!("{} {:?}", step.definition.id.name(), step.status()),
        })
        .collect();
    states.extend(view.result.map(|result| format!("result {result:?}")));
    states
}
