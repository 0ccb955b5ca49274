//! The environment lock: over all computers, one run at a time may change an environment.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{RunId, Timestamp};

/// The run that owns the environment lock, as the git remote or the staging machine reports it.
/// Ownership ends when that run ends or a named person takes over; never by time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LockOwner {
    pub run: RunId,
    /// Person who acquired the lock; empty when it cannot be read.
    pub person: String,
    /// Host name of that person's computer.
    pub computer: String,
    /// Version that the release puts in place, or that the rollback takes out.
    pub version: String,
    /// Whether the owner rolls an ended release back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_rollback: bool,
    /// Reason for which the lock was taken from another run; empty when it was free.
    pub reason: String,
    /// When the lock was acquired, by the clock of that computer or of the machine.
    pub since: Timestamp,
    /// Last sign of life of the owner, by the machine's clock. Only for display.
    pub seen: Option<Timestamp>,
}

impl LockOwner {
    /// Purpose of the lock in a sentence: `2.1.0`, or `the rollback of 2.1.0`.
    #[must_use]
    pub fn purpose(&self) -> String {
        if self.is_rollback { format!("the rollback of {}", self.version) } else { self.version.clone() }
    }
}

/// The git remote refuses the environment lock of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LockRefusal {
    /// Text of the server.
    pub reason: String,
    /// Run that owns the lock on the remote and keeps it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RunId>,
    /// Whether a person accepted that only the lock on the staging machine counts.
    pub is_accepted: bool,
}

/// A request to take the environment lock from its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct TakeOver {
    /// The run that was shown as the owner. The lock stays as it is if another run owns it by now.
    pub from: RunId,
    /// Reason in the person's words.
    pub reason: String,
}
