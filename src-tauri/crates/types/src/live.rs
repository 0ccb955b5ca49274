//! What is seen while a run goes on. Lossy by design: never a basis for a verdict, never in the journal.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Observation, RunId, StepId, Timestamp};

/// One thing seen just now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// Which run.
    pub run: RunId,
    /// When it was seen.
    pub at: Timestamp,
    /// What was seen.
    pub seen: Seen,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Seen {
    /// The servers.
    Servers(ServersView),
    /// The build.
    Build(BuildView),
    /// The site.
    Site(SiteView),
    /// What a step is doing right now, in plain words.
    Activity {
        /// Which step.
        step: StepId,
        /// In plain words: "Asking GitHub whether the push arrived".
        text: String,
    },
    /// What the world said of a step in doubt.
    Heard {
        /// Which step.
        step: StepId,
        /// What it said.
        what: Observation,
    },
    /// A connection is lost or back.
    Connection {
        /// Which step noticed it.
        step: StepId,
        /// Whether it is lost.
        lost: bool,
        /// In plain words.
        text: String,
    },
}

/// The servers that AWS runs for the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ServersView {
    /// How many AWS wants.
    pub desired: u32,
    /// How many run the new version and are healthy.
    pub new_count: u32,
    /// Each one, old before new.
    pub servers: Vec<ServerView>,
    /// Failed starts of the new version so far.
    pub failed_starts: u32,
    /// Failed starts after which AWS gives up; absent when it never does or it is not known.
    pub failed_starts_allowed: Option<u32>,
    /// The last reason why the new version did not start.
    pub last_reason: Option<String>,
    /// Whether that reason is an expected one.
    pub is_expected: bool,
}

/// One server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    /// Task id.
    pub task: String,
    /// Whether it runs our revision.
    pub is_new: bool,
    /// Version or revision in words: `2.0.1.11` or `rally-prod:142`.
    pub version: String,
    /// In plain words: "serving", "starting".
    pub state: String,
}

/// The build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BuildView {
    /// GitHub's status: `queued`, `in_progress`, `waiting`, `completed`.
    pub status: String,
    /// GitHub's conclusion, once completed.
    pub conclusion: Option<String>,
    /// Page of the run.
    pub url: String,
    /// Its jobs.
    pub jobs: Vec<BuildJobView>,
}

/// One job of the build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BuildJobView {
    /// Name.
    pub name: String,
    /// Status or conclusion.
    pub state: String,
    /// Name of the step under way.
    pub current: Option<String>,
    /// Steps done.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
}

/// The site.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SiteView {
    /// Whether it answered normally.
    pub is_up: bool,
    /// HTTP status; 0 when there was no answer.
    pub status: u16,
    /// How long the answer took, in ms.
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
    /// When it was written, if its source says so.
    pub at: Option<Timestamp>,
    /// Who wrote it.
    pub label: LineLabel,
    /// The text, secrets replaced.
    pub text: String,
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum LineLabel {
    /// The version that served before.
    Old,
    /// The new version.
    New,
    /// A script on the staging machine.
    Script,
    /// Not known.
    Unknown,
}

/// Where lines come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum LineSource {
    /// Output of the backup.
    Backup,
    /// Output of the migration.
    Migration,
    /// The production log group.
    Production,
}

/// Lines that arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Lines {
    /// Which run.
    pub run: RunId,
    /// From where.
    pub source: LineSource,
    /// In order.
    pub lines: Vec<LogLine>,
}
