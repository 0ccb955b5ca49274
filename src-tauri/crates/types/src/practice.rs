//! Troubles of a practice, and the debrief after it. The simulator decides when a trouble happens.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{StepId, Timestamp};

/// A trouble that can happen in a real release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Trouble {
    /// The staging machine cannot be reached while the migration runs on it.
    ConnectionLostInMigration,
    /// The build on GitHub ends red before its package is stored.
    BuildFails,
    /// The migration ends with an error and leaves the database half changed.
    MigrationFailsHalfWay,
    /// The build ends green, and its package is not in the registry.
    ImageMissing,
    /// The disk of the staging machine is full during the backup.
    BackupDiskFull,
    /// The next script on the staging machine does not end.
    ScriptHangs,
    /// Another machine answers at the address of the staging machine while the migration runs.
    MachineReplaced,
    /// GitHub refuses the token for a while.
    TokenExpires,
    /// The main branch and the release branch changed the same lines.
    MergeConflict,
    /// A colleague pushes to the main branch between the tag and the build.
    MainMovedOn,
    /// The main branch takes only pull requests, and a reviewer merges ours.
    MainIsProtected,
    /// GitHub answers slowly, and one answer is lost after GitHub accepted the request.
    GithubAnswersLate,
    /// A colleague starts the workflow again, and GitHub cancels our build.
    BuildSuperseded,
    /// GitHub waits for a person's approval before it deploys.
    ApprovalWanted,
    /// The workflow deploys a revision that it made itself.
    WorkflowMakesRevision,
    /// A colleague deploys the version before while AWS puts the new one in place.
    ColleagueDeploys,
    /// A colleague lowers the limit of failed starts, and AWS gives the new version up.
    BreakerTrips,
    /// The new version cannot start, and no migration cures it.
    FailureNotRecognised,
    /// The migration ends with an error, and people restore the database.
    MigrationRestored,
    /// The new version runs on the database as it is.
    NoMigration,
    /// The new version cannot start on the migrated database.
    NeverStarts,
    /// The site shows something wrong after the servers have switched.
    SiteCheckFails,
}

impl Trouble {
    /// All troubles in the order of a release.
    pub const ALL: [Self; 22] = [
        Self::MergeConflict,
        Self::TokenExpires,
        Self::MainIsProtected,
        Self::BackupDiskFull,
        Self::ScriptHangs,
        Self::MainMovedOn,
        Self::GithubAnswersLate,
        Self::BuildSuperseded,
        Self::BuildFails,
        Self::ImageMissing,
        Self::ApprovalWanted,
        Self::WorkflowMakesRevision,
        Self::ColleagueDeploys,
        Self::BreakerTrips,
        Self::FailureNotRecognised,
        Self::NoMigration,
        Self::ConnectionLostInMigration,
        Self::MachineReplaced,
        Self::MigrationFailsHalfWay,
        Self::MigrationRestored,
        Self::NeverStarts,
        Self::SiteCheckFails,
    ];

    /// Name on the wire and in a scenario: `buildFails`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionLostInMigration => "connectionLostInMigration",
            Self::BuildFails => "buildFails",
            Self::MigrationFailsHalfWay => "migrationFailsHalfWay",
            Self::ImageMissing => "imageMissing",
            Self::BackupDiskFull => "backupDiskFull",
            Self::ScriptHangs => "scriptHangs",
            Self::MachineReplaced => "machineReplaced",
            Self::TokenExpires => "tokenExpires",
            Self::MergeConflict => "mergeConflict",
            Self::MainMovedOn => "mainMovedOn",
            Self::MainIsProtected => "mainIsProtected",
            Self::GithubAnswersLate => "githubAnswersLate",
            Self::BuildSuperseded => "buildSuperseded",
            Self::ApprovalWanted => "approvalWanted",
            Self::WorkflowMakesRevision => "workflowMakesRevision",
            Self::ColleagueDeploys => "colleagueDeploys",
            Self::BreakerTrips => "breakerTrips",
            Self::FailureNotRecognised => "failureNotRecognised",
            Self::MigrationRestored => "migrationRestored",
            Self::NoMigration => "noMigration",
            Self::NeverStarts => "neverStarts",
            Self::SiteCheckFails => "siteCheckFails",
        }
    }

    /// The step that it hits; `None` for a trouble of every GitHub request.
    #[must_use]
    pub fn step(self) -> Option<StepId> {
        match self {
            Self::ConnectionLostInMigration
            | Self::MachineReplaced
            | Self::MigrationFailsHalfWay
            | Self::MigrationRestored
            | Self::NoMigration
            | Self::FailureNotRecognised => Some(StepId::RunMigration),
            Self::WorkflowMakesRevision => Some(StepId::AwaitDeployPhase),
            Self::ColleagueDeploys | Self::BreakerTrips | Self::NeverStarts => Some(StepId::AwaitRollout),
            Self::BuildFails | Self::ImageMissing | Self::BuildSuperseded | Self::ApprovalWanted => {
                Some(StepId::FollowBuild)
            }
            Self::BackupDiskFull | Self::ScriptHangs => Some(StepId::BackUp),
            Self::MergeConflict => Some(StepId::MergeBranch),
            Self::MainIsProtected => Some(StepId::PushBranch),
            Self::MainMovedOn => Some(StepId::DispatchBuild),
            Self::SiteCheckFails => Some(StepId::CheckSite),
            Self::TokenExpires | Self::GithubAnswersLate => None,
        }
    }
}

/// Progress of a trouble. Each happens once after it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum TroubleState {
    /// Not switched on.
    #[default]
    Off,
    /// Waits for its moment in the release.
    Waiting,
    Happening,
    Happened,
}

/// One trouble and its progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct TroubleView {
    pub trouble: Trouble,
    pub state: TroubleState,
    /// When this state began, by the practice clock; `None` while it is off.
    pub at: Option<Timestamp>,
}

/// State of the practice for its panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PracticeView {
    /// Virtual seconds per real second.
    pub speed: u32,
    /// Speeds that the panel offers.
    pub speeds: Vec<u32>,
    /// All troubles in the order of a release.
    pub troubles: Vec<TroubleView>,
}

/// One occurrence of a trouble, from the simulator's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Spell {
    pub trouble: Trouble,
    /// When it began, by the practice clock.
    pub began: Timestamp,
    /// When it was over; `None` while it goes on.
    pub ended: Option<Timestamp>,
}

/// The debrief of a practised release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Debrief {
    /// The troubles, oldest first; empty when none happened.
    pub lines: Vec<DebriefLine>,
    /// Delay by all troubles, in seconds of the practice clock. Overlapping times count once.
    pub cost_seconds: u32,
    /// Duration of the release, in seconds of the practice clock.
    pub whole_seconds: u32,
}

/// One trouble of a release, and the acts of persons during the delay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DebriefLine {
    pub spell: Spell,
    /// Delay by this trouble, in seconds of the practice clock.
    pub cost_seconds: u32,
    /// Acts of persons in that time, oldest first; the first twelve.
    pub acts: Vec<DebriefAct>,
}

/// An act of a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DebriefAct {
    /// Time by the practice clock.
    pub at: Timestamp,
    pub person: String,
    pub kind: DebriefKind,
    /// Short title of the step that it was about; empty for the run as a whole.
    pub about: String,
    pub note: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum DebriefKind {
    /// Pressed the button of a step.
    Started,
    /// Pressed the button again.
    TriedAgain,
    /// Answered a question.
    Answered,
    /// Answered a check of the site.
    Checked,
    /// Said that the work was done, by this person or another one.
    SaidDone,
    /// Said that it did not happen.
    SaidNotDone,
    /// Said that the database is as it was before a migration that ended.
    SaidUndone,
    /// Said that this release has no such step.
    LeftOut,
    /// Started over on the newest main.
    StartedOver,
    StartedDeploy,
    Ended,
}
