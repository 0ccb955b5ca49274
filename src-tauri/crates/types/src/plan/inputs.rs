//! The values that a step acts on, typed per step. The journal and the page hold them as one flat
//! map of texts, so every older journal stays readable. [`PlanInputs::read`] is the only reader of
//! that map and [`PlanInputs::write`] its only writer.

mod error;
mod fields;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use error::InputError;
use fields::{Fields, put_build, put_commit, put_existing_build, put_job, put_pull_request, put_revision};
use serde::{Serialize, Serializer};

use crate::{FailureLimit, StepId, Timestamp};

/// Inputs of a plan as the journal holds them: texts by name.
pub type InputMap = BTreeMap<String, String>;

/// The values that a step acts on. Part of the plan's hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanInputs {
    /// Merge two commits.
    MergeBranch(MergeInputs),
    /// Write the version file on top of a commit.
    SetVersion(VersionInputs),
    /// Write the annotated tag object.
    CreateTag(TagInputs),
    /// Push the main branch as a compare-and-swap.
    PushBranch {
        /// Commit that the branch must be at before.
        base: String,
        /// Commit that it is moved to.
        commit: String,
        /// Number of the pull request that moved it. `None` for a push of this app.
        pull_request: Option<u32>,
    },
    PushTag {
        object: String,
        /// The commit that it names.
        commit: String,
    },
    /// Register a task definition.
    RegisterTaskDefinition(RevisionInputs),
    BackUp(BackupInputs),
    /// Dispatch the build workflow.
    DispatchBuild(BuildInputs),
    /// Watch the build; changes nothing.
    FollowBuild,
    /// Watch the start of the deployment; changes nothing.
    AwaitDeployPhase,
    RunMigration(MigrationInputs),
    /// Watch the rollout; changes nothing.
    AwaitRollout,
    /// Watch the site; changes nothing.
    CheckSite,
    /// Set the limit of failed starts.
    RaiseFailureLimit(LimitInputs),
    /// Set the limit of failed starts to the one of before.
    RestoreFailureLimit(LimitInputs),
    StopRollout {
        /// ARN of the service deployment.
        service_deployment: String,
        /// Id of the deployment that it started.
        deployment: String,
        /// ARN of the revision that AWS puts back. Empty in journals of older versions.
        revision: String,
    },
    /// Start a deployment.
    DeployAgain(DeploymentInputs),
    /// Set the service to an earlier revision.
    RollBack(DeploymentInputs),
    RerunBuild {
        /// Workflow run id.
        build: String,
        /// Newest attempt when the plan was made.
        attempt: u32,
    },
    CancelBuild {
        /// Workflow run id.
        build: String,
        /// Newest attempt when the plan was made.
        attempt: u32,
    },
    /// Record another build; `None` until a person has chosen one.
    FollowOtherBuild(Option<ExistingBuild>),
    /// Publish a branch and open a pull request.
    OpenPullRequest(PullRequestInputs),
}

/// A pull request to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequestInputs {
    /// Branch to publish, without `refs/heads/`.
    pub branch: String,
    /// Commit of that branch.
    pub commit: String,
    pub title: String,
    pub body: String,
    /// Number of the newest pull request of that branch when the plan was made; 0 without one.
    pub newest: u32,
}

/// A change of the limit of failed starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitInputs {
    /// The limit when the plan was made.
    pub before: FailureLimit,
    /// The limit to set.
    pub after: FailureLimit,
}

/// A deployment of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentInputs {
    /// ARN of the revision that it brings.
    pub revision: String,
    /// Id of the deployment in charge when the plan was made; empty when none was.
    pub deployment_before: String,
}

/// Message, author and time of a git object that a step writes. Equal values give an equal object
/// id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitInputs {
    /// Message of the commit or tag.
    pub message: String,
    pub author: String,
    pub email: String,
    /// Author and committer time.
    pub time: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeInputs {
    /// Head of the main branch on the remote.
    pub base: String,
    /// Head of the release branch on the remote.
    pub head: String,
    /// The merge commit to write; `None` when the branch is merged already.
    pub commit: Option<CommitInputs>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionInputs {
    /// Commit whose version file is changed.
    pub parent: String,
    /// Value in the file before.
    pub previous: String,
    /// The commit to write; `None` when the file has the value already.
    pub commit: Option<CommitInputs>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagInputs {
    pub commit: String,
    /// The action at that commit.
    pub action: TagAction,
}

/// How the tag of a version is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagAction {
    /// Write a new tag object.
    Create(CommitInputs),
    /// The remote has this tag object at the commit already.
    Exists { object: String },
    /// The remote has the tag at another commit. The release cannot go on.
    Taken,
}

/// Inputs of a task-definition revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevisionInputs {
    /// Register a new revision.
    Register {
        /// ARN of the revision it is based on.
        base: String,
        /// ARN of the newest revision when the plan was made; `None` in plans of early 0.1.0
        /// versions, which did not store it.
        newest: Option<String>,
        /// ARN that the service ran when the plan was made; `None` in the same plans.
        running: Option<String>,
        image: String,
        /// Body of `RegisterTaskDefinition`, as JSON text.
        body: String,
    },
    /// An equal revision is registered already.
    Exists {
        /// ARN of that revision.
        arn: String,
        revision: u32,
        /// ARN that the service ran when the plan was made.
        base: String,
    },
    /// A person has to choose the base first.
    Undecided,
}

/// How a step obtains its job on the staging machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobInputs {
    /// Start a new job.
    Start {
        job: String,
        /// Job of an earlier attempt that was not started in time. It is revoked first.
        late: Option<String>,
        /// Script that the job runs.
        script: String,
    },
    /// Follow a job that was started before, usually by another computer.
    Follow {
        job: String,
        /// Start by the host's clock, when known.
        started_at: Option<Timestamp>,
        /// End by the host's clock, once it ended.
        finished_at: Option<Timestamp>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupInputs {
    pub job: JobInputs,
    /// Answer of the database probe before the backup; `None` when no probe is configured or it
    /// failed.
    pub database: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationInputs {
    pub job: JobInputs,
    /// SHA-256 over the migration folder on the host; `None` for a job that is only followed.
    pub folder_hash: Option<String>,
    /// Answer of the database probe before the migration; `None` when no probe is configured, empty
    /// when the probe failed.
    pub database: Option<String>,
}

/// Inputs of the build dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildInputs {
    pub commit: String,
    /// Ids of the ECS deployments that the service listed when the plan was made. Journals of older
    /// versions have only the primary one.
    pub deployments_before: Vec<String>,
    /// ARN of the revision that the service was set to when the plan was made; empty when none was.
    pub serving_before: String,
    /// ARN of the revision of the newest completed deployment, where it is another one: the rollout
    /// of the revision above was not over.
    pub completed_before: Option<String>,
    /// The build that runs already; `None` when one has to be dispatched.
    pub existing: Option<ExistingBuild>,
    /// The package of the registry that is used in place of a build.
    pub package: Option<ExistingPackage>,
}

/// A package that was in the registry before the build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingPackage {
    pub digest: String,
    pub pushed_at: Timestamp,
}

/// A workflow run of the commit that was started before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExistingBuild {
    /// Workflow run id.
    pub build: String,
    /// Page of the run.
    pub url: String,
    /// When GitHub created it.
    pub sent_at: Timestamp,
}

impl PlanInputs {
    /// Reads the inputs of a step from the map that the journal holds.
    ///
    /// # Errors
    /// [`InputError`] names the value that is missing or unreadable.
    pub fn read(step: StepId, map: &InputMap) -> Result<Self, InputError> {
        let fields = Fields { step, map };
        Ok(match step {
            StepId::MergeBranch => Self::MergeBranch(MergeInputs {
                base: fields.text("base")?,
                head: fields.text("head")?,
                commit: fields.commit()?,
            }),
            StepId::SetVersion => Self::SetVersion(VersionInputs {
                parent: fields.text("parent")?,
                previous: fields.text("previous")?,
                commit: fields.commit()?,
            }),
            StepId::CreateTag => Self::CreateTag(fields.tag()?),
            StepId::PushBranch => Self::PushBranch {
                base: fields.text("base")?,
                commit: fields.text("commit")?,
                pull_request: fields.filled("pull_request").map(|n| fields.parsed("pull_request", &n)).transpose()?,
            },
            StepId::PushTag => Self::PushTag { object: fields.text("object")?, commit: fields.text("commit")? },
            StepId::RegisterTaskDefinition => Self::RegisterTaskDefinition(fields.revision()?),
            StepId::BackUp => Self::BackUp(BackupInputs { job: fields.job()?, database: fields.filled("database") }),
            StepId::DispatchBuild => Self::DispatchBuild(fields.build()?),
            StepId::FollowBuild => Self::FollowBuild,
            StepId::AwaitDeployPhase => Self::AwaitDeployPhase,
            StepId::RunMigration => Self::RunMigration(MigrationInputs {
                job: fields.job()?,
                folder_hash: fields.filled("folder_hash"),
                database: map.get("database").cloned(),
            }),
            StepId::AwaitRollout => Self::AwaitRollout,
            StepId::CheckSite => Self::CheckSite,
            StepId::RaiseFailureLimit => Self::RaiseFailureLimit(fields.limit()?),
            StepId::RestoreFailureLimit => Self::RestoreFailureLimit(fields.limit()?),
            StepId::StopRollout => Self::StopRollout {
                service_deployment: fields.text("service_deployment")?,
                deployment: fields.text("deployment")?,
                revision: fields.filled("revision").unwrap_or_default(),
            },
            StepId::DeployAgain => Self::DeployAgain(fields.deployment()?),
            StepId::RollBack => Self::RollBack(fields.deployment()?),
            StepId::RerunBuild => Self::RerunBuild {
                build: fields.text("build")?,
                attempt: fields.parsed("attempt", &fields.text("attempt")?)?,
            },
            StepId::CancelBuild => Self::CancelBuild {
                build: fields.text("build")?,
                attempt: fields.parsed("attempt", &fields.text("attempt")?)?,
            },
            StepId::FollowOtherBuild => Self::FollowOtherBuild(fields.existing_build()?),
            StepId::OpenPullRequest => Self::OpenPullRequest(fields.pull_request()?),
        })
    }

    #[must_use]
    pub fn write(&self) -> InputMap {
        let mut map = InputMap::new();
        let mut put = |name: &str, value: &str| map.insert(name.to_owned(), value.to_owned());
        match self {
            Self::MergeBranch(MergeInputs { base, head, commit }) => {
                put("base", base);
                put("head", head);
                put_commit(&mut map, commit.as_ref());
            }
            Self::SetVersion(VersionInputs { parent, previous, commit }) => {
                put("parent", parent);
                put("previous", previous);
                put_commit(&mut map, commit.as_ref());
            }
            Self::CreateTag(TagInputs { commit, action }) => {
                put("commit", commit);
                match action {
                    TagAction::Create(object) => put_commit(&mut map, Some(object)),
                    TagAction::Exists { object } => drop(put("object", object)),
                    TagAction::Taken => {}
                }
            }
            Self::PushBranch { base, commit, pull_request } => {
                put("base", base);
                put("commit", commit);
                map.extend(pull_request.map(|number| ("pull_request".to_owned(), number.to_string())));
            }
            Self::PushTag { object, commit } => {
                put("object", object);
                put("commit", commit);
            }
            Self::RegisterTaskDefinition(revision) => put_revision(&mut map, revision),
            Self::BackUp(BackupInputs { job, database }) => {
                put_job(&mut map, job);
                map.extend(database.clone().map(|database| ("database".to_owned(), database)));
            }
            Self::DispatchBuild(build) => put_build(&mut map, build),
            Self::RunMigration(MigrationInputs { job, folder_hash, database }) => {
                put_job(&mut map, job);
                map.extend(folder_hash.clone().map(|hash| ("folder_hash".to_owned(), hash)));
                map.extend(database.clone().map(|database| ("database".to_owned(), database)));
            }
            Self::RaiseFailureLimit(LimitInputs { before, after })
            | Self::RestoreFailureLimit(LimitInputs { before, after }) => {
                put("kind_before", &before.kind);
                put("value_before", &before.value.to_string());
                put("kind", &after.kind);
                put("value", &after.value.to_string());
            }
            Self::StopRollout { service_deployment, deployment, revision } => {
                put("service_deployment", service_deployment);
                put("deployment", deployment);
                put("revision", revision);
            }
            Self::DeployAgain(DeploymentInputs { revision, deployment_before })
            | Self::RollBack(DeploymentInputs { revision, deployment_before }) => {
                put("revision", revision);
                put("deployment_before", deployment_before);
            }
            Self::RerunBuild { build, attempt } | Self::CancelBuild { build, attempt } => {
                put("build", build);
                put("attempt", &attempt.to_string());
            }
            Self::FollowOtherBuild(build) => put_existing_build(&mut map, build.as_ref()),
            Self::OpenPullRequest(new) => put_pull_request(&mut map, new),
            Self::FollowBuild | Self::AwaitDeployPhase | Self::AwaitRollout | Self::CheckSite => {}
        }
        map
    }

    /// The job on the staging machine, for the steps that have one.
    #[must_use]
    pub fn job(&self) -> Option<&JobInputs> {
        if let Self::BackUp(BackupInputs { job, .. }) | Self::RunMigration(MigrationInputs { job, .. }) = self {
            Some(job)
        } else {
            None
        }
    }

    /// Answer of the database probe when the plan was made, for the steps that ask it.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        if let Self::BackUp(BackupInputs { database, .. }) | Self::RunMigration(MigrationInputs { database, .. }) = self
        {
            database.as_deref()
        } else {
            None
        }
    }

    #[must_use]
    pub fn revision(&self) -> Option<&RevisionInputs> {
        if let Self::RegisterTaskDefinition(revision) = self { Some(revision) } else { None }
    }

    #[must_use]
    pub fn build(&self) -> Option<&BuildInputs> {
        if let Self::DispatchBuild(build) = self { Some(build) } else { None }
    }
}

impl Serialize for PlanInputs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.write().serialize(serializer)
    }
}

impl JobInputs {
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Start { job, .. } | Self::Follow { job, .. } => job,
        }
    }

    /// When the job that is followed started, by the host's clock. `None` for one that is started
    /// now.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        match self {
            Self::Start { .. } => None,
            Self::Follow { started_at, .. } => *started_at,
        }
    }
}
