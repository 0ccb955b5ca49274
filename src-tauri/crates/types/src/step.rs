//! The steps of a release and the words for their state.

use serde::{Deserialize, Serialize};
use specta::Type;

/// The thirteen steps of the runbook. Ids are names, never positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
pub enum StepId {
    /// Merge the release branch into the main branch, in our own clone.
    MergeBranch,
    /// Write the version into the version file, in our own clone.
    SetVersion,
    /// Make the annotated tag, in our own clone.
    CreateTag,
    /// Push the main branch.
    PushBranch,
    /// Push the tag.
    PushTag,
    /// Save a new revision of the task definition that differs only in the image.
    RegisterTaskDefinition,
    /// Back up the production database on the staging machine.
    BackUp,
    /// Start the build workflow.
    DispatchBuild,
    /// Watch the build to its end.
    FollowBuild,
    /// Wait until AWS starts putting the new version in place.
    AwaitDeployPhase,
    /// Run the migration on the production database.
    RunMigration,
    /// Wait until every server runs the new version.
    AwaitRollout,
    /// Check the site.
    CheckSite,
}

impl StepId {
    /// All steps in the order of the runbook.
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

    /// The name as it is written in code, journal and tests.
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
        }
    }

    /// The part of the run that this step belongs to.
    #[must_use]
    pub fn phase(self) -> Phase {
        match self {
            Self::MergeBranch
            | Self::SetVersion
            | Self::CreateTag
            | Self::PushBranch
            | Self::PushTag
            | Self::RegisterTaskDefinition => Phase::Prepare,
            Self::BackUp
            | Self::DispatchBuild
            | Self::FollowBuild
            | Self::AwaitDeployPhase
            | Self::RunMigration
            | Self::AwaitRollout => Phase::Deploy,
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
    /// Is it right?
    Verify,
}

/// What a step does to the world, and so what may be done after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Reads only: simply run again.
    None,
    /// Changes something; doing it again changes nothing more.
    Repeatable,
    /// Must never be started twice.
    AtMostOnce,
}

/// Whether a step changes the world or watches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// At most one of these is active at a time.
    Changing,
    /// Any number of these; they start by themselves.
    Watching,
}

/// Definition of a step as it was frozen at the start of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StepDefinition {
    /// Which step.
    pub id: StepId,
    /// Its group on the screen.
    pub phase: Phase,
    /// What an operator would say: "Migrate the production database".
    pub title: String,
    /// Short form for the list: "Migrate database".
    pub short_title: String,
    /// What it does to the world.
    pub effect: Effect,
    /// Whether it waits for its button.
    pub role: Role,
    /// Usual time in minutes, lowest and highest, from the profile.
    pub usual_minutes: Option<(u32, u32)>,
    /// Who to call about this step.
    pub who_to_call: String,
}

/// State of a step: a pure fold of the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Its facts are not there yet, or it was found not to have happened.
    NotStarted,
    /// Its button is enabled.
    AwaitingOperator,
    /// An attempt is under way.
    Running,
    /// Done.
    Succeeded,
    /// Done, with something to know.
    Warned,
    /// Left out, with a reason.
    Skipped,
    /// Ended without its effect, or with a part of it.
    Failed,
    /// A person stopped it.
    Stopped,
    /// We do not know yet whether it happened.
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

/// How a step came to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum How {
    /// The app did it in this attempt.
    Did,
    /// It was already true; nothing was changed.
    AlreadyDone,
    /// It was in doubt; the world showed that it happened.
    FoundDone,
    /// A person did it outside the app and the world confirms it.
    ByHand {
        /// What the person wrote.
        note: String,
    },
    /// A person says so; the app could not see it.
    SaidBy {
        /// What the person wrote.
        note: String,
    },
}

/// What the world says about a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Observation {
    /// It happened.
    Done {
        /// What the world showed, in plain words.
        evidence: Vec<String>,
        /// What was learned by it.
        facts: Vec<crate::Fact>,
    },
    /// It did not happen, for certain.
    NotDone {
        /// What the world showed.
        evidence: String,
    },
    /// It is happening now.
    InProgress {
        /// What the world showed.
        evidence: String,
    },
    /// Something else stands where our effect would be.
    Conflict {
        /// What stands there.
        what: String,
    },
    /// The world could not be asked, or its answer does not decide.
    Unknown {
        /// Why.
        why: String,
    },
}
