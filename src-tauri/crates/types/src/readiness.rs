//! The page "Is everything ready?": the checks before Prepare and before Deploy. A check reads and
//! changes nothing.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{CredentialKind, Failure, Timestamp};

/// A check of the readiness page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ReadinessCheck {
    Settings,
    GithubSignIn,
    Branches,
    MergesCleanly,
    CommitChecks,
    VersionFile,
    LargeFiles,
    Submodules,
    TagFree,
    PushRules,
    Workflow,
    WorkflowInputs,
    WorkflowTriggers,
    WorkflowConcurrency,
    WorkflowDeploys,
    Approvals,
    BuildJob,
    BuildUnderWay,
    LockFree,
    AwsSignIn,
    Servers,
    Deployment,
    Controller,
    NewestSettings,
    Roles,
    Secrets,
    Container,
    PackageName,
    Breaker,
    ReplacementRoom,
    HealthChecks,
    Alarms,
    Hooks,
    BakeTime,
    LogGroup,
    Site,
    SiteVersion,
    MachineAnswers,
    MachineSignIn,
    MachineJobs,
    MachineClock,
    LoginShell,
    Sudo,
    BackupScript,
    BackupSpace,
    MigrationScript,
    Keychain,
    KeyFile,
    DiskSpace,
    Power,
    StaysAwake,
    ComputerClock,
}

/// Groups in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ReadinessGroup {
    Code,
    Production,
    Machine,
    Computer,
}

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ReadinessState {
    /// The release can start, as far as this check knows.
    Ready,
    /// The release can start. One of its steps settles this, or asks about it.
    Later,
    /// The system did not answer, or does not tell.
    Unknown,
    /// The release can start only if a person gives a reason.
    Choose,
    /// The release would fail.
    Blocked,
}

/// The next act that can change the result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Repair {
    /// Open the card of this credential on the Access page.
    Access { credential: CredentialKind },
    /// Confirm or correct this value of the profile.
    Value { key: String },
    /// Follow this instruction.
    Instruction { text: String },
}

/// One row of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ReadinessRow {
    pub check: ReadinessCheck,
    pub group: ReadinessGroup,
    pub state: ReadinessState,
    /// The result in one sentence.
    pub sentence: String,
    /// The effect of the result on the release. Empty for a check that is ready.
    pub meaning: String,
    pub repair: Option<Repair>,
    /// The failure of the system that did not answer.
    pub failure: Option<Failure>,
    /// Duration of the check in ms.
    pub took_ms: u32,
}

/// The staging machine that a person confirmed on the page, before Deploy takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ConfirmedMachine {
    pub address: String,
    pub port: u16,
    /// Fingerprint that the person confirmed, `SHA256:…`.
    pub fingerprint: String,
}

/// Every row, in the order of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    pub rows: Vec<ReadinessRow>,
    /// When the checks ended.
    pub at: Timestamp,
    /// Duration of all checks together in ms.
    pub took_ms: u32,
    /// The commands that the checks run on a confirmed staging machine. They only read.
    pub machine_commands: Vec<String>,
}
