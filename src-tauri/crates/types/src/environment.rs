//! Who may change an environment: one release at a time, on whichever computer it is driven.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{RunId, Timestamp};

/// The release that holds an environment, as its staging machine tells it. It ends when that release ends or when a named
/// person takes over; never by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// Which run.
    pub run: RunId,
    /// Who took it; empty when it cannot be read.
    pub person: String,
    /// On which computer.
    pub computer: String,
    /// The version that is released.
    pub version: String,
    /// Why it was taken from another one; empty when nobody held it.
    pub reason: String,
    /// Since when, by the machine's clock.
    pub since: Timestamp,
    /// When it was last heard of, by the machine's clock. For people to read; nothing is decided by it.
    pub seen: Option<Timestamp>,
}

/// An order to take an environment from the release that holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct TakeOver {
    /// The run that was shown as its holder. When another one holds it by now, nothing is taken.
    pub from: RunId,
    /// Why, as the person wrote it.
    pub reason: String,
}
