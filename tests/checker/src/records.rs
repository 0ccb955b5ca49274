//! Shapes of the checker's input. Unknown fields are ignored, and a missing field breaks `FORMAT`.

mod world;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
pub use world::*;

/// A step, named as in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Step {
    MergeBranch,
    SetVersion,
    CreateTag,
    PushBranch,
    PushTag,
    RegisterTaskDefinition,
    BackUp,
    DispatchBuild,
    FollowBuild,
    AwaitDeployPhase,
    RunMigration,
    AwaitRollout,
    CheckSite,
    RaiseFailureLimit,
    RestoreFailureLimit,
    StopRollout,
    DeployAgain,
    RollBack,
    RerunBuild,
    CancelBuild,
    FollowOtherBuild,
    OpenPullRequest,
}

pub const STEPS: usize = 22;

pub const ALL_STEPS: [Step; STEPS] = [
    Step::MergeBranch,
    Step::SetVersion,
    Step::CreateTag,
    Step::PushBranch,
    Step::PushTag,
    Step::RegisterTaskDefinition,
    Step::BackUp,
    Step::DispatchBuild,
    Step::FollowBuild,
    Step::AwaitDeployPhase,
    Step::RunMigration,
    Step::AwaitRollout,
    Step::CheckSite,
    Step::RaiseFailureLimit,
    Step::RestoreFailureLimit,
    Step::StopRollout,
    Step::DeployAgain,
    Step::RollBack,
    Step::RerunBuild,
    Step::CancelBuild,
    Step::FollowOtherBuild,
    Step::OpenPullRequest,
];

/// The steps that a person may choose, and choose again.
pub const OPTIONAL_STEPS: [Step; 9] = [
    Step::RaiseFailureLimit,
    Step::RestoreFailureLimit,
    Step::StopRollout,
    Step::DeployAgain,
    Step::RollBack,
    Step::RerunBuild,
    Step::CancelBuild,
    Step::FollowOtherBuild,
    Step::OpenPullRequest,
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    #[default]
    NotStarted,
    AwaitingOperator,
    Running,
    Succeeded,
    Warned,
    Skipped,
    Failed,
    Stopped,
    InDoubt,
}

#[derive(Debug, Deserialize)]
pub struct Event {
    pub run: String,
    pub seq: u64,
    pub at: String,
    pub by: By,
    pub body: Body,
}

#[derive(Debug, Deserialize)]
pub struct By {
    pub person: String,
    pub computer: String,
}

/// A release that another run rolls back.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolledBackRelease {
    pub is_migrated: bool,
}

/// The kind of an event and its data.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Body {
    RunDrafted {
        profile: Box<Profile>,
        names: Names,
    },
    RollbackDrafted {
        profile: Box<Profile>,
        names: Names,
        /// The release that the run rolls back.
        rolls_back: RolledBackRelease,
    },
    PrepareStarted,
    RunPrepared,
    DeployStarted {
        staging: Staging,
        /// Objects with an id; sentences in old journals.
        #[serde(default)]
        differences: Vec<Value>,
    },
    CheckingStarted,
    RunEnded {
        result: String,
        note: String,
        #[serde(default)]
        left_behind: Vec<String>,
    },
    TookOver,
    StepOffered {
        step: Step,
    },
    StepStarted {
        step: Step,
        attempt: u32,
        plan: Plan,
    },
    FactLearned {
        fact: Fact,
    },
    StepSucceeded {
        step: Step,
        attempt: u32,
        how: Completion,
    },
    StepWarned {
        step: Step,
        attempt: u32,
    },
    StepSkipped {
        step: Step,
    },
    StepFailed {
        step: Step,
        attempt: u32,
        failure: Failure,
    },
    StepInDoubt {
        step: Step,
        attempt: u32,
    },
    StepResumed {
        step: Step,
        attempt: u32,
    },
    StepReset {
        step: Step,
        attempt: u32,
        evidence: String,
    },
    StepUndone {
        step: Step,
        attempt: u32,
        job: String,
        note: String,
    },
    StepStopped {
        step: Step,
        attempt: u32,
    },
    #[serde(rename = "gateClosing")]
    JobRevoking {
        job: String,
    },
    ScriptStopping {
        job: String,
        is_forced: bool,
        note: String,
    },
    #[serde(rename = "environmentTaking")]
    LockAcquiring {
        from: Option<LockOwner>,
        #[serde(default)]
        on_machine: Option<LockOwner>,
        reason: String,
    },
    #[serde(rename = "environmentRefused")]
    LockRefused {
        #[serde(default)]
        from: Option<String>,
        is_accepted: bool,
    },
    AddressChanged,
    MachineGivenUp,
    ValueCorrected {
        profile: Profile,
    },
    StartedOver {
        base: String,
        main: String,
        note: String,
    },
    QuestionAnswered {
        question: String,
        answer: String,
    },
    CheckAnswered {
        check: String,
        answer: String,
    },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Staging {
    #[serde(default)]
    pub machine_id: String,
}

/// The run that had the environment lock.
#[derive(Clone, Debug, Deserialize)]
pub struct LockOwner {
    pub run: String,
}

/// The part of a profile that the rules need.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Profile {
    #[serde(default)]
    pub product: ProfileProduct,
    pub git: ProfileGit,
    pub aws: ProfileAws,
    pub backup: ProfileBackup,
    pub migration: ProfileMigration,
    pub site: ProfileSite,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProfileProduct {
    pub id: String,
    pub environment: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileGit {
    pub main: String,
    pub version_file: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProfileAws {
    pub container: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProfileBackup {
    pub max_age_minutes: i64,
    pub artifact_probe: String,
    #[serde(default)]
    pub may_skip: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProfileMigration {
    pub probe: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProfileSite {
    pub checks: Vec<ProfileCheck>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub struct ProfileCheck {
    pub id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Names {
    pub tag: String,
    pub version_value: String,
    pub image: String,
    pub image_tag: String,
}

/// The part of a plan that the rules need.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Plan {
    pub inputs: BTreeMap<String, String>,
    pub already: Option<String>,
}

impl Plan {
    /// Returns an input, or an empty text when it is absent.
    pub fn input(&self, key: &str) -> &str {
        self.inputs.get(key).map_or("", String::as_str)
    }
}

/// The way in which a step became done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Completion {
    Did,
    AlreadyDone,
    FoundDone,
    ByHand,
    SaidBy,
}

/// The part of a failure that the rules need.
#[derive(Debug, Deserialize)]
pub struct Failure {
    #[serde(default)]
    pub code: String,
    pub summary: String,
}

/// A proved fact of the run.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fact {
    Merged { base: String, head: String, commit: String, already: bool },
    VersionSet { commit: String, already: bool },
    TagMade { object: String, commit: String },
    PullRequestOpened { commit: String },
    PullRequestMerged { commit: String },
    MainPublished { commit: String },
    TagPublished { object: String, commit: String },
    RevisionSaved { arn: String, base_arn: String, image: String },
    RevisionAccepted { arn: String },
    BackupFound { job: String, file: String },
    BackupProved { job: String, file: String, finished_at: String, confirmed_by: Option<String> },
    BuildStarted { build: String, commit: String },
    BuildRerun { build: String, attempt: u32 },
    BuildCancelled { build: String, attempt: u32 },
    PackageReady { digest: String, commit: String },
    BuildEnded { conclusion: String },
    DeployPhaseBegan { deployment: String },
    MigrationFinished { job: String },
    ServerBecameNew { task: String },
    RolledOut { deployment: String, servers: u32 },
    StartFailed { task: String, reason: String },
    RolloutLost { arn: String },
    FailureLimitRaised { now: Limit },
    FailureLimitRestored { now: Limit },
    RolloutStopped,
    RolledBack { deployment: String, arn: String, servers: u32 },
    SiteAnswered { version: String },
}

/// A limit of failed starts: the kind and the value of AWS.
#[derive(Clone, Debug, Deserialize)]
pub struct Limit {
    pub kind: String,
    pub value: u32,
}

impl Limit {
    /// The limit as the world's record writes it.
    pub fn words(&self) -> String {
        format!("{} {}", self.kind, self.value)
    }
}

/// A view on the screen.
#[derive(Debug, Deserialize)]
pub struct Shown {
    pub seq: u64,
    pub steps: Vec<ShownStep>,
}

#[derive(Debug, Deserialize)]
pub struct ShownStep {
    pub id: Step,
    pub status: Status,
    /// Retry rule of the shown failure: `safe`, `afterObserve` or `no`.
    pub retry: Option<String>,
}

/// A record of an honest operator.
#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Note {
    /// The operator sent an act while the screen showed the event `seq`.
    Acted {
        at: i64,
        seq: u64,
        act: String,
        refused: Option<Refusal>,
        /// Whether the run had no new event after the answer.
        is_unmoved: bool,
    },
    /// No act helped for a long time.
    Idle {
        at: i64,
        seq: u64,
        /// Acts that the screen offers.
        open: Vec<String>,
        running: Vec<Step>,
    },
    /// Every choice of a question is false.
    NoTrueAnswer { step: Step, question: String },
    /// The simulation does not know the question.
    NotTaught { step: Step, question: String },
}

/// The refusal of an act.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    pub code: String,
    pub summary: String,
}
