//! The switch of the seeded defects in engine and simulator. Only a copy of the tree has this file
//! (`tests/mutants/README.md`). At most one defect is on.

use std::cell::{Cell, RefCell};

use crate::ports::Ports;

thread_local! {
    static ON: Cell<Option<&'static str>> = const { Cell::new(None) };
    static FIRST_PORTS: RefCell<Option<Ports>> = const { RefCell::new(None) };
}

/// Switches a defect on, or all defects off, for this thread. Each release runs on one thread.
pub fn switch_on(name: Option<&'static str>) {
    ON.set(name);
    FIRST_PORTS.take();
}

/// Whether the defect of this name is on.
#[must_use]
pub fn is(name: &str) -> bool {
    ON.get() == Some(name)
}

/// The ports of the first start of this release.
pub(crate) fn first_ports(ports: Ports) -> Ports {
    FIRST_PORTS.with_borrow_mut(|first| first.get_or_insert(ports).clone())
}
