//! The independent checker. It reads the simulator's record, the events of the journal and the
//! views of the screen in their true order, and names each broken invariant (docs/invariants.md).
//!
//! It shares no code with the engine. It has its own fold, its own types and its own rules of
//! proof, so one mistake does not hide another. It checks J1 to J6, G1 to G4, B1, B2, D1 to D8, E1,
//! E2, E4, S2, S3, U1, L1 to L3 and O1 (one operator at a time changes production). It does not
//! decide how a release goes on.

mod fold;
mod known;
mod records;
mod rules;

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    known::Known,
    records::{End, Entry, Event, Note, Shown},
};

pub use rules::ways::{DeadEnd, KNOWN as KNOWN_DEAD_ENDS};

/// Maximum number of kept violations. One broken rule is usually found many times.
const KEPT_MAX: usize = 100;

/// One broken rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `INV-D2`, or `FORMAT` for a record that cannot be decoded.
    pub invariant: &'static str,
    /// Description of the violation.
    pub words: String,
    /// Number of the record, counted from 1 over the whole input.
    pub at: u64,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.words)
    }
}

/// The violations so far, and the number of the current record.
#[derive(Debug, Default)]
pub(crate) struct Found {
    at: u64,
    all: Vec<Violation>,
    /// Known dead ends that were reached.
    dead_ends: BTreeSet<&'static str>,
}

impl Found {
    /// Adds a known dead end.
    pub(crate) fn reach(&mut self, dead_end: &'static str) {
        self.dead_ends.insert(dead_end);
    }

    /// Adds a violation. One with the same text is added once.
    pub(crate) fn add(&mut self, invariant: &'static str, words: impl Into<String>) {
        let words = words.into();
        let is_known = self.all.iter().any(|known| known.invariant == invariant && known.words == words);
        if !is_known && self.all.len() < KEPT_MAX {
            self.all.push(Violation { invariant, words, at: self.at });
        }
    }
}

/// Checks one release, or several of one computer and one production, one after another. Records
/// must be fed in the order in which they happened.
#[derive(Debug, Default)]
pub struct Checker {
    known: Known,
    found: Found,
}

impl Checker {
    /// A checker without any record.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A secret that no event may hold. Call this before the events.
    pub fn secret(&mut self, secret: &str) {
        self.known.secrets.push(secret.to_owned());
    }

    /// A durable event of the journal (`types/src/event.rs`).
    pub fn event(&mut self, event: &Value) {
        rules::event_text(&self.known, event, &mut self.found);
        if let Some(event) = self.read::<Event>("event", event) {
            self.known.begin_run(&event);
            rules::event(&self.known, &event, &mut self.found);
            let unlisted = rules::ways::unlisted(&self.known, &event);
            self.known.ways.note_unlisted(unlisted);
            self.known.event(event, &mut self.found);
        }
    }

    /// A durable event of a release without a record of the world. Only the rules of the journal
    /// apply.
    pub fn alone(&mut self, event: &Value) {
        rules::event_text(&self.known, event, &mut self.found);
        if let Some(event) = self.read::<Event>("event", event) {
            self.known.begin_run(&event);
            rules::record(&self.known, &event, &mut self.found);
            self.known.event(event, &mut self.found);
        }
    }

    /// An entry of the simulator's record (`rehearsal/src/world/record.rs`).
    pub fn request(&mut self, entry: &Value) {
        if let Some(entry) = self.read::<Entry>("request", entry) {
            rules::request(&self.known, &entry, &mut self.found);
            self.known.request(entry);
        }
    }

    /// A view of the screen: `{"seq", "steps": [{"id", "status", "attempt", "retry"}], ...}`.
    pub fn shown(&mut self, shown: &Value) {
        if let Some(shown) = self.read::<Shown>("shown", shown) {
            rules::shown(&self.known, &shown, &mut self.found);
        }
    }

    /// A record of an honest operator: `{"kind": "acted", "at", "seq", "act", ...}`.
    pub fn operator(&mut self, note: &Value) {
        if let Some(note) = self.read::<Note>("operator", note) {
            rules::operator(&note, &mut self.found);
            self.known.ways.operator(&note);
        }
    }

    /// The state at the end: `{"healedAt": ms, "now": ms, "idle": bool, "honest": bool, "world":
    /// {...}}`.
    pub fn end(&mut self, end: &Value) {
        if let Some(end) = self.read::<End>("end", end) {
            rules::end(&self.known, &end, &mut self.found);
        }
    }

    /// Violations in the order in which they were found; at most 100.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.found.all
    }

    /// Known dead ends that this release reached ([`KNOWN_DEAD_ENDS`]).
    pub fn dead_ends(&self) -> impl Iterator<Item = &'static str> {
        self.found.dead_ends.iter().copied()
    }

    /// Whether every rule held.
    ///
    /// # Errors The violations in one line.
    pub fn held(&self) -> Result<(), String> {
        let broken: Vec<String> = self.found.all.iter().map(ToString::to_string).collect();
        if broken.is_empty() { Ok(()) } else { Err(broken.join("; ")) }
    }

    fn read<'de, T: Deserialize<'de>>(&mut self, what: &str, told: &'de Value) -> Option<T> {
        self.found.at += 1;
        match T::deserialize(told) {
            Ok(read) => Some(read),
            Err(error) => {
                self.found.add("FORMAT", format!("this {what} cannot be read: {error}"));
                None
            }
        }
    }
}
