//! The release that a run rolls back.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{LearnedFact, RunId, StagingMachine};

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
