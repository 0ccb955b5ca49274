//! What can go wrong in a practice, and what is told of it afterwards. Nothing here decides when it happens; that is the
//! pretend production's work.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{StepId, Timestamp};

/// Something that can go wrong, as it would in life.
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
    /// GitHub refuses the token for a while.
    TokenExpires,
    /// The main branch and the release branch changed the same lines.
    MergeConflict,
    /// A colleague pushes to the main branch between its label and the build.
    MainMovedOn,
    /// GitHub answers slowly, and one answer is lost after the request was taken.
    GithubAnswersLate,
    /// The site shows something wrong after the servers have switched.
    SiteCheckFails,
}

impl Trouble {
    /// Every one, in the order of a release.
    pub const ALL: [Self; 10] = [
        Self::MergeConflict,
        Self::TokenExpires,
        Self::BackupDiskFull,
        Self::MainMovedOn,
        Self::GithubAnswersLate,
        Self::BuildFails,
        Self::ImageMissing,
        Self::ConnectionLostInMigration,
        Self::MigrationFailsHalfWay,
        Self::SiteCheckFails,
    ];

    /// Its name on the wire and in a scenario: `buildFails`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionLostInMigration => "connectionLostInMigration",
            Self::BuildFails => "buildFails",
            Self::MigrationFailsHalfWay => "migrationFailsHalfWay",
            Self::ImageMissing => "imageMissing",
            Self::BackupDiskFull => "backupDiskFull",
            Self::TokenExpires => "tokenExpires",
            Self::MergeConflict => "mergeConflict",
            Self::MainMovedOn => "mainMovedOn",
            Self::GithubAnswersLate => "githubAnswersLate",
            Self::SiteCheckFails => "siteCheckFails",
        }
    }

    /// The step that it hits; `None` for one that hits whatever asks GitHub.
    #[must_use]
    pub fn step(self) -> Option<StepId> {
        match self {
            Self::ConnectionLostInMigration | Self::MigrationFailsHalfWay => Some(StepId::RunMigration),
            Self::BuildFails | Self::ImageMissing => Some(StepId::FollowBuild),
            Self::BackupDiskFull => Some(StepId::BackUp),
            Self::MergeConflict => Some(StepId::MergeBranch),
            Self::MainMovedOn => Some(StepId::DispatchBuild),
            Self::SiteCheckFails => Some(StepId::CheckSite),
            Self::TokenExpires | Self::GithubAnswersLate => None,
        }
    }
}

/// Where a trouble is: each happens once after it was switched on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum TroubleState {
    /// Not asked for.
    #[default]
    Off,
    /// Will happen when its moment comes.
    Waiting,
    /// Going on.
    Happening,
    /// Over.
    Happened,
}

/// One trouble as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct TroubleView {
    /// Which.
    pub trouble: Trouble,
    /// Where it is.
    pub state: TroubleState,
    /// Since when, by the practice clock; `None` while it is off.
    pub at: Option<Timestamp>,
}

/// The practice as its panel shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct PracticeView {
    /// Virtual seconds per second now.
    pub speed: u32,
    /// The speeds that are offered.
    pub speeds: Vec<u32>,
    /// Every trouble, in the order of a release.
    pub troubles: Vec<TroubleView>,
}

/// One time that a trouble happened, by the pretend production's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Spell {
    /// Which.
    pub trouble: Trouble,
    /// When it began, by the practice clock.
    pub began: Timestamp,
    /// When it was over; `None` while it goes on.
    pub ended: Option<Timestamp>,
}

/// What a practised release is told about afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Debrief {
    /// What went wrong, oldest first; empty when nothing did.
    pub lines: Vec<DebriefLine>,
    /// How long all of it held the release up, in seconds of the practice clock; times that overlap count once.
    pub cost_seconds: u32,
    /// How long the release took in all, in seconds of the practice clock.
    pub whole_seconds: u32,
}

/// One trouble of a release, and what a person did while it held the release up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DebriefLine {
    /// When.
    pub spell: Spell,
    /// How long it held the release up, in seconds of the practice clock.
    pub cost_seconds: u32,
    /// What persons did in that time, oldest first; the first twelve.
    pub acts: Vec<DebriefAct>,
}

/// Something that a person did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DebriefAct {
    /// When, by the practice clock.
    pub at: Timestamp,
    /// Who.
    pub person: String,
    /// What.
    pub kind: DebriefKind,
    /// Short title of the step that it was about; empty for the run as a whole.
    pub about: String,
    /// What the person wrote.
    pub note: String,
}

/// What a person can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum DebriefKind {
    /// Pressed the button of a step.
    Started,
    /// Pressed it again.
    TriedAgain,
    /// Answered a question.
    Answered,
    /// Answered a check of the site.
    Checked,
    /// Said that a person did it, or finished it.
    SaidDone,
    /// Said that it did not happen.
    SaidNotDone,
    /// Started Deploy.
    StartedDeploy,
    /// Ended the run.
    Ended,
}
