//! The rules, one file for each subject; docs/invariants.md names the files of an invariant. A rule
//! reads one record and the state before it. In each file, `record` needs the journal only, and
//! `event` also needs the world.

mod build;
mod database;
mod ecs;
mod git;
mod host;
mod journal;
mod lock;
mod screen;
mod secrets;
pub mod ways;

use crate::{
    Found,
    known::Known,
    records::{End, Entry, Event, Note, Shown},
};

/// The text of a durable event.
pub fn event_text(known: &Known, event: &serde_json::Value, found: &mut Found) {
    secrets::event(known, event, found);
}

/// A durable event, judged by the journal alone.
pub fn record(known: &Known, event: &Event, found: &mut Found) {
    journal::record(known, event, found);
    git::record(known, event, found);
    build::record(known, event, found);
    database::record(known, event, found);
    host::record(event, found);
    ecs::record(known, event, found);
}

/// A durable event, judged by the journal and the world.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    record(known, event, found);
    journal::event(known, event, found);
    git::event(known, event, found);
    build::event(known, event, found);
    database::event(known, event, found);
    host::event(known, event, found);
    lock::event(known, event, found);
    ecs::event(known, event, found);
}

/// An entry of the world's record.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    journal::request(known, entry, found);
    git::request(known, entry, found);
    build::request(known, entry, found);
    database::request(known, entry, found);
    host::request(known, entry, found);
    lock::request(known, entry, found);
    ecs::request(known, entry, found);
    secrets::request(known, entry, found);
}

/// A view of the screen.
pub fn shown(known: &Known, shown: &Shown, found: &mut Found) {
    screen::shown(known, shown, found);
}

/// The final state, when no actor does anything any more.
pub fn end(known: &Known, end: &End, found: &mut Found) {
    database::end(known, found);
    git::end(known, &end.world.git, found);
    ecs::end(known, &end.world.ecs, found);
    screen::end(known, end, found);
    ways::end(known, end, found);
}

/// A record of an honest operator.
pub fn operator(note: &Note, found: &mut Found) {
    ways::operator(note, found);
}
