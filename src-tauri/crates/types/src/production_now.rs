//! Production as the outside systems show it now, read without a run.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Failure, SiteView, Timestamp, Version};

/// Production as it was read at one time. A system that did not answer leaves the other one
/// readable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ProductionNow {
    pub at: Timestamp,
    pub servers: Reading<ServersNow>,
    pub site: Reading<SiteView>,
}

/// The answer of one system.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Reading<T> {
    Read { what: T },
    Failed { failure: Failure },
}

impl<T> From<Result<T, Failure>> for Reading<T> {
    fn from(answer: Result<T, Failure>) -> Self {
        match answer {
            Ok(what) => Self::Read { what },
            Err(failure) => Self::Failed { failure },
        }
    }
}

/// The servers of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ServersNow {
    /// Number of servers that AWS wants.
    pub desired: u32,
    /// The servers that are not stopping, oldest first.
    pub servers: Vec<ServerNow>,
    /// Whether AWS replaces servers now.
    pub is_replacing: bool,
    /// Start of the deployment in charge. Absent when AWS names none.
    pub since: Option<Timestamp>,
}

/// One server of the service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ServerNow {
    /// Version that the package's name spells. Absent when it follows no template of the profile.
    pub version: Option<Version>,
    /// Family and number of its task definition: `rally-prod:142`.
    pub revision: String,
    pub state: ServerState,
}

/// State of a server that is not stopping.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ServerState {
    /// It runs, and its health check does not fail.
    Serving,
    /// It does not run yet.
    Starting,
    /// It runs, and its health check fails.
    Unhealthy,
}
