//! The release that a run rolls back, and the rollback of a release.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{LearnedFact, RunId, StagingMachine, Timestamp};

/// A release that ended, as the run that rolls it back needs it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct EarlierRelease {
    pub run: RunId,
    /// Whether it migrated the database.
    pub is_migrated: bool,
    /// Its staging machine. A rollback needs no machine, so nothing is asked there.
    pub staging: StagingMachine,
    /// Its facts about revision, package and deployment, oldest first.
    pub facts: Vec<LearnedFact>,
}

/// A run that ended as rolled back, as the release that it rolled back shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LaterRollback {
    pub run: RunId,
    /// Person who started its newest attempt.
    pub person: String,
    /// When the run ended as rolled back.
    pub at: Timestamp,
}
