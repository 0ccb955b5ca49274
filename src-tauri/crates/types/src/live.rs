//! Live state of a run for the screen. Lossy by design: never a basis for a verdict, never in the
//! journal.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Failure, Observation, RunId, StepId, Timestamp};

/// One live message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    pub run: RunId,
    pub at: Timestamp,
    pub seen: LiveUpdate,
}

/// Content of a live message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum LiveUpdate {
    Servers(ServersView),
    Build(BuildView),
    Site(SiteView),
    /// Current activity of a step.
    Activity {
        step: StepId,
        /// In plain words: "Asking GitHub whether the push arrived".
        text: String,
    },
    /// Answer of the outside world about a step in doubt.
    Heard {
        step: StepId,
        what: Observation,
    },
    /// A connection is lost or back.
    Connection {
        step: StepId,
        lost: bool,
        text: String,
    },
    /// A watcher fails, or works again. Repeated with each failed poll.
    Watcher {
        watcher: Watcher,
        /// Absent when it works again.
        trouble: Option<WatcherTrouble>,
    },
}

/// A watcher that runs beside the steps from Deploy on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Watcher {
    /// Follows the log group of the program.
    ProductionLog,
    /// Asks the site for its state.
    Site,
    /// Asks AWS for the servers.
    Servers,
    /// Asks the database once more before the end.
    Database,
}

/// Why a watcher shows nothing new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct WatcherTrouble {
    /// The first failed poll since the last good one.
    pub since: Timestamp,
    /// The failure of the last poll.
    pub failure: Failure,
}

/// The servers that AWS runs for the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ServersView {
    /// Number of servers that AWS wants.
    pub desired: u32,
    /// Healthy servers of the new version.
    pub new_count: u32,
    pub servers: Vec<ServerView>,
    /// Failed starts of the new version so far.
    pub failed_starts: u32,
    /// Failed starts after which AWS gives up; absent when AWS never does, or when it is unknown.
    pub failed_starts_allowed: Option<u32>,
    /// The last reason why the new version did not start.
    pub last_reason: Option<String>,
    /// Kind of that failed start; absent when none has failed.
    pub start_failure: Option<StartFailure>,
}

/// Kind of a failed start of the new version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum StartFailure {
    /// The profile lists the reason as the one of a database that is not migrated.
    Expected,
    /// The profile does not list it.
    NotRecognised,
    /// No migration cures it, or the database is migrated already.
    NeverExpected,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    pub task: String,
    /// Whether it runs our revision.
    pub is_new: bool,
    /// Version or revision in words: `2.0.1.11` or `rally-prod:142`.
    pub version: String,
    /// In plain words, for example "serving", "starting".
    pub state: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BuildView {
    /// GitHub's status: `queued`, `in_progress`, `waiting`, `completed`.
    pub status: String,
    /// GitHub's conclusion, once completed.
    pub conclusion: Option<String>,
    /// Page of the run.
    pub url: String,
    /// Sentence about an approval or a start that the build waits for.
    #[serde(default)]
    pub waits_for: Option<String>,
    pub jobs: Vec<BuildJobView>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BuildJobView {
    pub name: String,
    pub state: String,
    /// Name of the job step under way.
    pub current: Option<String>,
    pub done: u32,
    pub total: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SiteView {
    /// Whether it answered normally.
    pub is_up: bool,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// Response time in ms.
    pub answer_ms: u32,
    /// The version it shows.
    pub version: Option<String>,
}

/// A line of output or of the production log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LogLine {
    /// Number within its source, from 0.
    pub number: u32,
    /// Time of the line, if its source gives one.
    pub at: Option<Timestamp>,
    pub label: LineLabel,
    /// The redacted text.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum LineLabel {
    /// The version that served before this release.
    Old,
    /// The new version.
    New,
    /// A script on the staging machine.
    Script,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum LineSource {
    /// Output of the backup.
    Backup,
    /// Output of the migration.
    Migration,
    /// Lines of the log group of the program.
    Production,
    /// Events of the service, as AWS lists them (ECS API, `Service.events`).
    ServiceEvents,
}

/// New lines of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Lines {
    pub run: RunId,
    pub source: LineSource,
    pub lines: Vec<LogLine>,
}
