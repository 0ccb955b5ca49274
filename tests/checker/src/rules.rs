//! The rules, one file for each group of RELIABILITY.md section 2. A rule reads what was known before a record, and the
//! record.

mod build;
mod database;
mod ecs;
mod git;
mod host;
mod journal;
mod screen;

use crate::{
    Found,
    known::Known,
    records::{End, Entry, Event, Shown},
};

/// A durable event.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    journal::event(known, event, found);
    git::event(known, event, found);
    build::event(known, event, found);
    database::event(known, event, found);
    host::event(known, event, found);
    ecs::event(known, event, found);
}

/// An entry of the world's record.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    journal::request(known, entry, found);
    git::request(known, entry, found);
    build::request(known, entry, found);
    database::request(known, entry, found);
    host::request(known, entry, found);
}

/// What the screen shows.
pub fn shown(known: &Known, shown: &Shown, found: &mut Found) {
    screen::shown(known, shown, found);
}

/// How the world stands when nobody does anything any more.
pub fn end(known: &Known, end: &End, found: &mut Found) {
    database::end(known, found);
    git::end(known, &end.world.git, found);
    ecs::end(known, &end.world.ecs, found);
    screen::end(known, end, found);
}
