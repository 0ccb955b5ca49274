//! Facts: proved pieces of knowledge of a run. Steps wait for facts, not for a place in a list.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::Timestamp;

/// A backup file on the staging machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BackupFile {
    /// File name without its folder.
    pub name: String,
    /// Size in words: "4.1 GB".
    pub size: String,
    /// Last write, by the clock of this computer.
    pub written_at: Timestamp,
}

/// A proved piece of knowledge, with the values that later steps need.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fact {
    /// Our clone has the merge commit, or the branch was merged already.
    Merged {
        /// Main branch on the remote when the plan was made.
        base: String,
        /// Head of the release branch.
        head: String,
        /// The merge commit; equals `base` when already merged.
        commit: String,
        /// The branch was merged before this run.
        already: bool,
    },
    /// Our clone has the version commit, or the version was set already.
    VersionSet {
        /// The commit whose version file holds the value.
        commit: String,
        /// Value in the file before.
        previous: String,
        /// The version was set before this run.
        already: bool,
    },
    /// Our clone or the remote has the tag object.
    TagMade {
        /// The annotated tag object.
        object: String,
        /// The commit that the tag names.
        commit: String,
        /// The remote had the tag before this run.
        already: bool,
    },
    /// GitHub has a pull request with the version commit.
    PullRequestOpened {
        number: u32,
        /// Address of its page.
        url: String,
        /// Its branch, without `refs/heads/`.
        branch: String,
        /// The version commit that it brings.
        commit: String,
    },
    /// The pull request was merged, and main says the version of this release. From now on the
    /// release is this commit of main.
    PullRequestMerged { number: u32, commit: String },
    /// A fresh listing shows the main branch of the remote at our commit.
    MainPublished { commit: String },
    /// A fresh listing shows the tag of the remote at our commit.
    TagPublished { object: String, commit: String },
    /// The new revision is saved. Read back, it differs from its base only in the image.
    RevisionSaved {
        /// ARN with revision.
        arn: String,
        revision: u32,
        /// ARN of the revision it is based on.
        base_arn: String,
        image: String,
        /// An equal revision existed before.
        already: bool,
    },
    /// A named person accepted start-up settings that the build made itself. They have our image,
    /// and count as ours from now on.
    RevisionAccepted {
        /// ARN with revision.
        arn: String,
        person: String,
    },
    /// The backup of this run is complete and proved.
    BackupProved {
        job: String,
        file: String,
        /// Size in words: "4.1 GB".
        size: String,
        /// When it finished, by the clock of this computer.
        finished_at: Timestamp,
        /// The evidence in plain words.
        proof: String,
        /// Person who confirmed it, where no probe could.
        confirmed_by: Option<String>,
        /// Answer of the database probe before this backup; empty without an answer, and in
        /// journals of earlier apps.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        database: String,
    },
    /// The backup left a plausible file, and no command of the profile proves it. A named person
    /// compares it with the backup before it and confirms it.
    BackupFound {
        job: String,
        /// Path of the file.
        file: String,
        /// Size in words: "4.1 GB".
        size: String,
        /// When it finished, by the clock of this computer.
        finished_at: Timestamp,
        /// The newest backup file that is older. `None` when the folder shows none.
        previous: Option<BackupFile>,
        /// Answer of the database probe before this backup. Empty without an answer.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        database: String,
    },
    /// GitHub runs the build of our commit.
    BuildStarted {
        /// Workflow run id.
        build: String,
        /// Page of the run.
        url: String,
        /// Lower bound for the start of the build: start of the checks before the dispatch,
        /// creation of a build that was found, or push of a package without a known build.
        sent_at: Timestamp,
        commit: String,
    },
    /// GitHub runs a part of the build again: another attempt of the same run and commit.
    BuildRerun {
        /// Workflow run id.
        build: String,
        /// Page of the run.
        url: String,
        /// Number of the attempt; the first is 1.
        attempt: u32,
    },
    /// GitHub cancelled a build: the one of this release, or one of another commit in its place.
    BuildCancelled {
        /// Workflow run id.
        build: String,
        /// Page of the run.
        url: String,
        /// Number of the attempt that was cancelled.
        attempt: u32,
    },
    /// The registry has the package of this release. The build made it, by the times of its job or
    /// by the word of a named person. Or it was there before the build, and is used.
    PackageReady {
        image: String,
        digest: String,
        pushed_at: Timestamp,
        /// The commit that the image was built from.
        commit: String,
    },
    /// The workflow run ended.
    BuildEnded {
        /// GitHub's conclusion: `success`, `failure`, `cancelled`, `timed_out`.
        conclusion: String,
        /// Page of the run.
        url: String,
    },
    /// AWS started a deployment that uses our revision.
    DeployPhaseBegan {
        deployment: String,
        /// ARN of the revision that served before.
        previous_arn: String,
        /// Creation time of the deployment, by AWS.
        at: Timestamp,
    },
    /// The migration ended without error.
    MigrationFinished {
        job: String,
        /// When it started, by the host's clock.
        started_at: Timestamp,
        /// When it finished, by the host's clock.
        finished_at: Timestamp,
    },
    /// One more server runs our revision.
    ServerBecameNew {
        task: String,
        /// Servers that run our revision now.
        count: u32,
        of: u32,
    },
    /// Every server runs our revision and no other deployment is left.
    RolledOut { deployment: String, servers: u32 },
    /// A server of our deployment did not start, for a reason that was not seen before. AWS forgets
    /// it after an hour (TRAP-E9).
    StartFailed {
        deployment: String,
        /// The first task with this reason.
        task: String,
        /// Reason in the words of AWS, with the exit code.
        reason: String,
    },
    /// Another revision took over after every server ran ours.
    RolloutLost {
        /// ARN of the revision in charge.
        arn: String,
        /// Reason in the words of AWS.
        reason: String,
    },
    /// AWS has a higher limit of failed starts than before this release.
    FailureLimitRaised {
        /// The limit before.
        before: FailureLimit,
        /// The limit now, as AWS shows it.
        now: FailureLimit,
    },
    /// AWS has the limit of failed starts of before again.
    FailureLimitRestored {
        /// The limit now, as AWS shows it.
        now: FailureLimit,
    },
    /// AWS ended our deployment after a stop that this run requested.
    RolloutStopped {
        deployment: String,
        /// Reason in the words of AWS.
        reason: String,
    },
    /// The revision that served before serves again on every server.
    RolledBack {
        deployment: String,
        /// ARN of that revision.
        arn: String,
        servers: u32,
    },
    /// The site shows the new version.
    SiteAnswered {
        /// The version it shows.
        version: String,
        /// Address that was read.
        url: String,
    },
}

/// A limit of failed starts as AWS keeps it (ECS API, `ThresholdConfiguration`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct FailureLimit {
    /// `COUNT`, `BOUNDED_PERCENT` or `UNBOUNDED_PERCENT`.
    pub kind: String,
    /// A number of failed starts, or a percentage of the wanted servers.
    pub value: u32,
}

/// Names of facts: a step lists the facts that it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum FactKind {
    Merged,
    VersionSet,
    TagMade,
    PullRequestOpened,
    PullRequestMerged,
    MainPublished,
    TagPublished,
    RevisionSaved,
    RevisionAccepted,
    BackupFound,
    BackupProved,
    BuildStarted,
    BuildRerun,
    BuildCancelled,
    PackageReady,
    BuildEnded,
    DeployPhaseBegan,
    MigrationFinished,
    ServerBecameNew,
    RolledOut,
    StartFailed,
    RolloutLost,
    FailureLimitRaised,
    FailureLimitRestored,
    RolloutStopped,
    RolledBack,
    SiteAnswered,
}

impl Fact {
    #[must_use]
    pub fn kind(&self) -> FactKind {
        match self {
            Self::Merged { .. } => FactKind::Merged,
            Self::VersionSet { .. } => FactKind::VersionSet,
            Self::TagMade { .. } => FactKind::TagMade,
            Self::PullRequestOpened { .. } => FactKind::PullRequestOpened,
            Self::PullRequestMerged { .. } => FactKind::PullRequestMerged,
            Self::MainPublished { .. } => FactKind::MainPublished,
            Self::TagPublished { .. } => FactKind::TagPublished,
            Self::RevisionSaved { .. } => FactKind::RevisionSaved,
            Self::RevisionAccepted { .. } => FactKind::RevisionAccepted,
            Self::BackupFound { .. } => FactKind::BackupFound,
            Self::BackupProved { .. } => FactKind::BackupProved,
            Self::BuildStarted { .. } => FactKind::BuildStarted,
            Self::BuildRerun { .. } => FactKind::BuildRerun,
            Self::BuildCancelled { .. } => FactKind::BuildCancelled,
            Self::PackageReady { .. } => FactKind::PackageReady,
            Self::BuildEnded { .. } => FactKind::BuildEnded,
            Self::DeployPhaseBegan { .. } => FactKind::DeployPhaseBegan,
            Self::MigrationFinished { .. } => FactKind::MigrationFinished,
            Self::ServerBecameNew { .. } => FactKind::ServerBecameNew,
            Self::RolledOut { .. } => FactKind::RolledOut,
            Self::StartFailed { .. } => FactKind::StartFailed,
            Self::RolloutLost { .. } => FactKind::RolloutLost,
            Self::FailureLimitRaised { .. } => FactKind::FailureLimitRaised,
            Self::FailureLimitRestored { .. } => FactKind::FailureLimitRestored,
            Self::RolloutStopped { .. } => FactKind::RolloutStopped,
            Self::RolledBack { .. } => FactKind::RolledBack,
            Self::SiteAnswered { .. } => FactKind::SiteAnswered,
        }
    }
}
