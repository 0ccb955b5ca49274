//! A release that another computer began, as the outside systems show it.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{RunId, Timestamp};

/// The origin of a release, read from the tag on GitHub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    /// The run on the other computer; `None` when another program made the tag.
    pub run: Option<RunId>,
    /// Author of the tag.
    pub person: String,
    /// Time of the tag.
    pub at: Timestamp,
    /// Commit that the tag names.
    pub commit: String,
    /// Whether production runs only this version already; `None` when AWS could not be asked.
    pub is_serving: Option<bool>,
}
