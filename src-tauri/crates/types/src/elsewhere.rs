//! A release that was begun on another computer, as the world tells it.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{RunId, Timestamp};

/// What the label of a version on GitHub says about who began its release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BegunElsewhere {
    /// The run of the other record; none when the label was not made by this app.
    pub run: Option<RunId>,
    /// Who made the label.
    pub person: String,
    /// When.
    pub at: Timestamp,
    /// The commit that it stands at.
    pub commit: String,
    /// Whether production runs this version already, and nothing else; none when AWS could not be asked.
    pub is_serving: Option<bool>,
}
