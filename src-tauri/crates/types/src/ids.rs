//! Ids of runs, people and realms. Strings on the wire and in the journal.

use serde::{Deserialize, Serialize};
use specta::Type;

/// One release of one version to one environment. A UUID of version 7, so ids sort by creation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Type)]
#[serde(transparent)]
pub struct RunId(pub String);

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The person, computer and app version behind an event. Every event has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Actor {
    /// Name that the person entered on this computer.
    pub person: String,
    pub computer: String,
    /// Version of the app that wrote the event.
    pub app_version: String,
    /// GitHub login in use, once known.
    pub github_login: Option<String>,
    /// ARN of the AWS identity in use, once known (`sts:GetCallerIdentity`).
    pub aws_identity: Option<String>,
}

/// Where a run acts. Set by the composition in Rust, never by the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Realm {
    /// The real systems.
    Production,
    /// The simulator of this app.
    Practice,
}
