//! The independent checker: reads what the outside world wrote down, the events of the journal and what the screen
//! showed, in their true order, and says which invariant of RELIABILITY.md section 2 was broken.
//!
//! It shares no code with the engine on purpose: it has its own fold, its own shapes and its own idea of what a proof
//! is, so that a mistake has to be made twice to go unseen. It checks J1 to J6, G1 to G4, B1, D1 to D7, E2, E4, S2, S3, U1,
//! L1 and O1, that one operator at a time changes production; where RELEASE.md differs, that holds. It decides nothing about
//! how a release should go on.

mod fold;
mod known;
mod records;
mod rules;

use serde::Deserialize;
use serde_json::Value;

use crate::{
    known::Known,
    records::{End, Entry, Event, Shown},
};

/// Violations that are kept; one broken rule is usually found many times.
const KEPT_MAX: usize = 100;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name: `INV-D2`, or `FORMAT` for a record that cannot be read.
    pub invariant: &'static str,
    /// What happened.
    pub words: String,
    /// At which record, counted from 1 over everything that was fed.
    pub at: u64,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.words)
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Found {
    at: u64,
    all: Vec<Violation>,
}

impl Found {
    /// Notes a broken rule. The same one in the same words is noted once.
    pub(crate) fn add(&mut self, invariant: &'static str, words: impl Into<String>) {
        let words = words.into();
        let is_known = self.all.iter().any(|known| known.invariant == invariant && known.words == words);
        if !is_known && self.all.len() < KEPT_MAX {
            self.all.push(Violation { invariant, words, at: self.at });
        }
    }
}

/// Reads one release. Everything has to be fed in the order in which it happened.
#[derive(Debug, Default)]
pub struct Checker {
    known: Known,
    found: Found,
}

impl Checker {
    /// Knows nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A secret that no event may hold. It is told before the events.
    pub fn secret(&mut self, secret: &str) {
        self.known.secrets.push(secret.to_owned());
    }

    /// An event as it became durable in the journal (`types/src/event.rs`).
    pub fn event(&mut self, event: &Value) {
        rules::told(&self.known, event, &mut self.found);
        if let Some(event) = self.read::<Event>("event", event) {
            rules::event(&self.known, &event, &mut self.found);
            self.known.event(event, &mut self.found);
        }
    }

    /// An event of a release whose world is not written down: judged by what the journal shows by itself.
    pub fn alone(&mut self, event: &Value) {
        rules::told(&self.known, event, &mut self.found);
        if let Some(event) = self.read::<Event>("event", event) {
            rules::record(&self.known, &event, &mut self.found);
            self.known.event(event, &mut self.found);
        }
    }

    /// An entry of the world's record (`rehearsal/src/world/record.rs`).
    pub fn request(&mut self, entry: &Value) {
        if let Some(entry) = self.read::<Entry>("request", entry) {
            rules::request(&self.known, &entry, &mut self.found);
            self.known.request(entry);
        }
    }

    /// What the screen shows now: `{"seq", "steps": [{"id", "status", "attempt", "retry"}], ...}`.
    pub fn shown(&mut self, shown: &Value) {
        if let Some(shown) = self.read::<Shown>("shown", shown) {
            rules::shown(&self.known, &shown, &mut self.found);
        }
    }

    /// How the world stands at the end: `{"healedAt": ms, "now": ms, "idle": bool, "world": {...}}`.
    pub fn end(&mut self, end: &Value) {
        if let Some(end) = self.read::<End>("end", end) {
            rules::end(&self.known, &end, &mut self.found);
        }
    }

    /// Broken rules so far, in the order in which they were found; at most 100.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.found.all
    }

    /// Whether every rule held.
    ///
    /// # Errors
    /// The broken ones, in one line.
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
