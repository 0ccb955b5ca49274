//! What a run has learned for certain. Steps wait for facts, never for a place in a list.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::Timestamp;

/// Something that is known for certain, with what the next steps need of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Fact {
    /// The merge commit stands in our clone (or the branch was merged already).
    Merged {
        /// Main branch on the remote when planned.
        base: String,
        /// Head of the release branch.
        head: String,
        /// The merge commit; equals `base` when already merged.
        commit: String,
        /// Whether it was merged before.
        already: bool,
    },
    /// The version commit stands in our clone (or the version was set already).
    VersionSet {
        /// The commit whose version file holds the value.
        commit: String,
        /// What the file said before.
        previous: String,
        /// Whether it was set before.
        already: bool,
    },
    /// The tag object stands in our clone (or on the remote).
    TagMade {
        /// The annotated tag object.
        object: String,
        /// The commit it points to.
        commit: String,
        /// Whether the remote had it before.
        already: bool,
    },
    /// The main branch on the remote is our commit, seen in a fresh listing.
    MainPublished {
        /// The commit.
        commit: String,
    },
    /// The tag on the remote points to our commit, seen in a fresh listing.
    TagPublished {
        /// The tag object.
        object: String,
        /// The commit.
        commit: String,
    },
    /// The new revision is saved, read back and differs only in the image.
    RevisionSaved {
        /// ARN with revision.
        arn: String,
        /// Its number.
        revision: u32,
        /// ARN of the revision it is based on.
        base_arn: String,
        /// Image of the container.
        image: String,
        /// Whether an equal revision was there before.
        already: bool,
    },
    /// The backup of this run is complete and proved.
    BackupProved {
        /// Job on the host.
        job: String,
        /// File on the host.
        file: String,
        /// Size in words: "4.1 GB".
        size: String,
        /// When it finished, by the host's clock.
        finished_at: Timestamp,
        /// What proved it.
        proof: String,
        /// Who confirmed it, where no probe could.
        confirmed_by: Option<String>,
        /// What the database said of itself before this backup; empty where nobody asked it, and in records of earlier apps.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        database: String,
    },
    /// GitHub runs the build of our commit.
    BuildStarted {
        /// Workflow run id.
        build: String,
        /// Page of the run.
        url: String,
        /// When the dispatch was sent.
        sent_at: Timestamp,
        /// Commit it builds.
        commit: String,
    },
    /// The build job succeeded and the image is in the registry, pushed after the dispatch.
    PackageReady {
        /// Image address.
        image: String,
        /// Its digest.
        digest: String,
        /// When it was pushed.
        pushed_at: Timestamp,
        /// The commit it was built from.
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
        /// Deployment id.
        deployment: String,
        /// ARN of the revision that served before.
        previous_arn: String,
        /// When the deployment was created, by AWS.
        at: Timestamp,
    },
    /// The migration ended without error.
    MigrationFinished {
        /// Job on the host.
        job: String,
        /// When it started, by the host's clock.
        started_at: Timestamp,
        /// When it finished, by the host's clock.
        finished_at: Timestamp,
    },
    /// A server became new.
    ServerBecameNew {
        /// Task id.
        task: String,
        /// How many are new now.
        count: u32,
        /// Of how many.
        of: u32,
    },
    /// Every server runs our revision and no other deployment is left.
    RolledOut {
        /// Deployment id.
        deployment: String,
        /// How many servers.
        servers: u32,
    },
    /// The site shows the new version.
    SiteAnswered {
        /// The version it shows.
        version: String,
        /// Where it was read.
        url: String,
    },
}

/// Names of facts, for what a step waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum FactKind {
    /// [`Fact::Merged`]
    Merged,
    /// [`Fact::VersionSet`]
    VersionSet,
    /// [`Fact::TagMade`]
    TagMade,
    /// [`Fact::MainPublished`]
    MainPublished,
    /// [`Fact::TagPublished`]
    TagPublished,
    /// [`Fact::RevisionSaved`]
    RevisionSaved,
    /// [`Fact::BackupProved`]
    BackupProved,
    /// [`Fact::BuildStarted`]
    BuildStarted,
    /// [`Fact::PackageReady`]
    PackageReady,
    /// [`Fact::BuildEnded`]
    BuildEnded,
    /// [`Fact::DeployPhaseBegan`]
    DeployPhaseBegan,
    /// [`Fact::MigrationFinished`]
    MigrationFinished,
    /// [`Fact::ServerBecameNew`]
    ServerBecameNew,
    /// [`Fact::RolledOut`]
    RolledOut,
    /// [`Fact::SiteAnswered`]
    SiteAnswered,
}

impl Fact {
    /// The name of this fact.
    #[must_use]
    pub fn kind(&self) -> FactKind {
        match self {
            Self::Merged { .. } => FactKind::Merged,
            Self::VersionSet { .. } => FactKind::VersionSet,
            Self::TagMade { .. } => FactKind::TagMade,
            Self::MainPublished { .. } => FactKind::MainPublished,
            Self::TagPublished { .. } => FactKind::TagPublished,
            Self::RevisionSaved { .. } => FactKind::RevisionSaved,
            Self::BackupProved { .. } => FactKind::BackupProved,
            Self::BuildStarted { .. } => FactKind::BuildStarted,
            Self::PackageReady { .. } => FactKind::PackageReady,
            Self::BuildEnded { .. } => FactKind::BuildEnded,
            Self::DeployPhaseBegan { .. } => FactKind::DeployPhaseBegan,
            Self::MigrationFinished { .. } => FactKind::MigrationFinished,
            Self::ServerBecameNew { .. } => FactKind::ServerBecameNew,
            Self::RolledOut { .. } => FactKind::RolledOut,
            Self::SiteAnswered { .. } => FactKind::SiteAnswered,
        }
    }
}
