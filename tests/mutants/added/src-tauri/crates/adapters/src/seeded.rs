//! The switch of the seeded defects in the adapters: the environment variable
//! `GREENLIGHT_SEEDED_DEFECT`. Only a copy of the tree has this file (`tests/mutants/README.md`).

use std::sync::OnceLock;

/// Whether the defect of this name is on.
pub(crate) fn is(name: &str) -> bool {
    static ON: OnceLock<Option<String>> = OnceLock::new();
    ON.get_or_init(|| std::env::var("GREENLIGHT_SEEDED_DEFECT").ok()).as_deref() == Some(name)
}
