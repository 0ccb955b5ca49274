//! The first entry of a run whose events this version may not know. Its values are read as they
//! are, so that the run can be listed.

use greenlight_types::{Failure, Timestamp};
use serde_json::Value;

use super::entry::Entry;

/// The first entry of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct FirstEntry {
    pub at: Timestamp,
    /// Person who drafted the run; empty when it cannot be read.
    pub person: String,
    /// The event as JSON; null when it cannot be read.
    pub body: Value,
}

impl FirstEntry {
    /// Decodes an entry.
    ///
    /// # Errors
    /// `JournalFailed` when its time cannot be read.
    pub(super) fn of(entry: &Entry) -> Result<Self, Failure> {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap_or_default();
        let person = read(&entry.actor)["person"].as_str().unwrap_or_default().to_owned();
        Ok(Self { at: entry.time()?, person, body: read(&entry.body) })
    }
}
