//! The switch of the seeded defects in engine and simulator. Only a copy of the tree has this file
//! (`tests/mutants/README.md`). At most one defect is on.

use std::cell::Cell;

thread_local! {
    static ON: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Switches a defect on, or all defects off, for this thread. Each release runs on one thread.
pub fn switch_on(name: Option<&'static str>) {
    ON.set(name);
}

/// Whether the defect of this name is on.
#[must_use]
pub fn is(name: &str) -> bool {
    ON.get() == Some(name)
}
