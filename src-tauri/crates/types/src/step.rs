//! The steps of a release and their states.

use serde::{Deserialize, Serialize};
use specta::Type;

/// The thirteen steps of the runbook, and the steps that a person may choose when a push, a build
/// or a rollout needs help. Code refers to a step by name, never by position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
pub enum StepId {
    /// Merge the release branch into the main branch, in our own clone.
    MergeBranch,
    /// Write the version into the version file, in our own clone.
    SetVersion,
    /// Make the annotated tag, in our own clone.
    CreateTag,
    PushBranch,
    PushTag,
    /// Save a new revision of the task definition that differs only in the image.
    RegisterTaskDefinition,
    /// Back up the production database on the staging machine.
    BackUp,
    /// Start the build workflow.
    DispatchBuild,
    /// Follow the build until it ends.
    FollowBuild,
    /// Wait until AWS starts the deployment of the new version.
    AwaitDeployPhase,
    /// Run the migration on the production database.
    RunMigration,
    /// Wait until every server runs the new version.
    AwaitRollout,
    CheckSite,
    /// Raise the limit of failed starts, so that AWS does not give up before the migration.
    RaiseFailureLimit,
    /// Put the limit of failed starts back.
    RestoreFailureLimit,
    /// Stop the deployment of the new version. AWS puts the version before it back.
    StopRollout,
    /// Start another deployment of our revision.
    DeployAgain,
    /// Set the service to the revision that served before.
    RollBack,
    /// Run the failed part of the build again.
    RerunBuild,
    /// Cancel the build while AWS has not begun to put it in place.
    CancelBuild,
    /// Follow another build of the commit that GitHub has already.
    FollowOtherBuild,
    /// Publish the commit on a branch of its own, and open a pull request into the main branch.
    OpenPullRequest,
}

impl StepId {
    /// The steps of the runbook, in its order.
    pub const ALL: [Self; 13] = [
        Self::MergeBranch,
        Self::SetVersion,
        Self::CreateTag,
        Self::PushBranch,
        Self::PushTag,
        Self::RegisterTaskDefinition,
        Self::BackUp,
        Self::DispatchBuild,
        Self::FollowBuild,
        Self::AwaitDeployPhase,
        Self::RunMigration,
        Self::AwaitRollout,
        Self::CheckSite,
    ];

    /// The steps that a person may choose. A release can be complete without them.
    pub const OPTIONAL: [Self; 9] = [
        Self::RaiseFailureLimit,
        Self::RestoreFailureLimit,
        Self::StopRollout,
        Self::DeployAgain,
        Self::RollBack,
        Self::RerunBuild,
        Self::CancelBuild,
        Self::FollowOtherBuild,
        Self::OpenPullRequest,
    ];

    /// Name of the step in code, journal and tests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MergeBranch => "MergeBranch",
            Self::SetVersion => "SetVersion",
            Self::CreateTag => "CreateTag",
            Self::PushBranch => "PushBranch",
            Self::PushTag => "PushTag",
            Self::RegisterTaskDefinition => "RegisterTaskDefinition",
            Self::BackUp => "BackUp",
            Self::DispatchBuild => "DispatchBuild",
            Self::FollowBuild => "FollowBuild",
            Self::AwaitDeployPhase => "AwaitDeployPhase",
            Self::RunMigration => "RunMigration",
            Self::AwaitRollout => "AwaitRollout",
            Self::CheckSite => "CheckSite",
            Self::RaiseFailureLimit => "RaiseFailureLimit",
            Self::RestoreFailureLimit => "RestoreFailureLimit",
            Self::StopRollout => "StopRollout",
            Self::DeployAgain => "DeployAgain",
            Self::RollBack => "RollBack",
            Self::RerunBuild => "RerunBuild",
            Self::CancelBuild => "CancelBuild",
            Self::FollowOtherBuild => "FollowOtherBuild",
            Self::OpenPullRequest => "OpenPullRequest",
        }
    }

    /// The part of the run that the step belongs to.
    #[must_use]
    pub fn phase(self) -> Phase {
        match self {
            Self::MergeBranch
            | Self::SetVersion
            | Self::CreateTag
            | Self::PushBranch
            | Self::PushTag
            | Self::RegisterTaskDefinition
            | Self::OpenPullRequest => Phase::Prepare,
            Self::BackUp
            | Self::DispatchBuild
            | Self::FollowBuild
            | Self::AwaitDeployPhase
            | Self::RunMigration
            | Self::AwaitRollout
            | Self::RaiseFailureLimit
            | Self::RestoreFailureLimit
            | Self::StopRollout
            | Self::DeployAgain
            | Self::RollBack
            | Self::RerunBuild
            | Self::CancelBuild
            | Self::FollowOtherBuild => Phase::Deploy,
            Self::CheckSite => Phase::Verify,
        }
    }
}

/// Part of a run, as the screen groups steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Before anything in production changes.
    Prepare,
    /// Production changes.
    Deploy,
    /// Checks of the result.
    Verify,
}

/// Effect of a step on the outside world. It decides which acts a crash leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Reads only. It can simply run again.
    None,
    /// Changes something. A second run changes nothing more.
    Repeatable,
    /// Must never be started twice.
    AtMostOnce,
}

/// Whether a step changes the outside world or watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// At most one step of this role is active at a time.
    Changing,
    /// Any number of these may be active. The app starts them.
    Watching,
}

/// Definition of a step as it was frozen at the start of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepDefinition {
    pub id: StepId,
    /// Its group on the screen.
    pub phase: Phase,
    /// Title for the operator: "Migrate the production database".
    pub title: String,
    /// Short form for the list: "Migrate database".
    pub short_title: String,
    pub effect: Effect,
    pub role: Role,
    /// Usual time in minutes, lowest and highest, from the profile.
    pub usual_minutes: Option<(u32, u32)>,
    /// Person or team to call about this step.
    pub who_to_call: String,
    /// Whether a person chooses the step when it is needed. A release can be complete without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[specta(optional)]
    pub is_optional: bool,
}

/// State of a step, computed from the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It waits for facts, or the outside world showed that it did not happen.
    NotStarted,
    AwaitingOperator,
    Running,
    Succeeded,
    /// Done, with a warning for the operator.
    Warned,
    /// Left out by a named person: the migration, or the backup where the profile allows it.
    Skipped,
    /// Ended without its effect, or with a part of it.
    Failed,
    Stopped,
    /// It is unknown whether the attempt had its effect.
    InDoubt,
}

impl Status {
    /// Whether the step counts as done.
    #[must_use]
    pub fn is_done(self) -> bool {
        matches!(self, Self::Succeeded | Self::Warned | Self::Skipped)
    }

    /// Whether an attempt may be acting on the world right now.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::InDoubt)
    }
}

/// How a step got done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Completion {
    /// The app did it in this attempt.
    Did,
    /// The effect was there before; nothing was changed.
    AlreadyDone,
    /// The attempt was in doubt, and the outside world showed its effect.
    FoundDone,
    /// A person did it outside the app, and the outside world confirms it.
    ByHand { note: String },
    /// A person says that it was done. The app cannot see it.
    SaidBy { note: String },
}

/// Why the database is as it was before a migration that ended, as a named person reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum UndoKind {
    /// It was restored from the backup.
    Restored,
    /// The script ended before it changed anything.
    NothingApplied,
}

/// Answer of the outside world about a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Observation {
    /// The effect is there.
    Done {
        /// Answers of the outside systems, in plain words.
        evidence: Vec<String>,
        /// Facts that the answer proves.
        facts: Vec<crate::Fact>,
    },
    /// It certainly did not happen.
    NotDone {
        /// Answers of the outside systems, in plain words.
        evidence: String,
    },
    /// It is under way.
    InProgress {
        /// Answers of the outside systems, in plain words.
        evidence: String,
    },
    /// The attempt is over without its effect, and the answer of the outside world shows why.
    Failed { failure: Box<crate::Failure> },
    /// Another effect is in place of ours.
    Conflict {
        /// Description of the other effect.
        what: String,
    },
    /// The outside world could not be asked, or its answer does not decide.
    Unknown {
        /// Reason in plain words.
        why: String,
    },
}
