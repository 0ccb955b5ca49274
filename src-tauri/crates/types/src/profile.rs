//! The description of one product and environment. Reading and checking it is the engine's work (`engine::profile`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Names, StepId, Version};

/// One product and environment. An empty text is a value that the runbook does not give: a person confirms it
/// before a real run (RELEASE.md 4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Number of this schema; 1.
    pub schema: u32,
    /// What is released, and where to.
    pub product: Product,
    /// The repository.
    pub git: GitProfile,
    /// GitHub and the build workflow.
    pub github: GithubProfile,
    /// AWS names.
    pub aws: AwsProfile,
    /// The staging machine.
    pub host: HostProfile,
    /// The backup.
    pub backup: BackupProfile,
    /// The migration.
    pub migration: MigrationProfile,
    /// The site and its checks.
    pub site: SiteProfile,
    /// Usual minutes per step, lowest and highest.
    pub durations: BTreeMap<StepId, (u32, u32)>,
    /// Who to call per step.
    pub who_to_call: BTreeMap<StepId, String>,
    /// How the database is restored.
    pub restore: RestoreProfile,
    /// Log keeping and expected failures.
    pub logs: LogProfile,
    /// Other endpoints than the services' own; shows a permanent band.
    pub endpoints: Option<EndpointProfile>,
}

/// What is released, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Product {
    /// Short name for job ids: `rally`.
    pub id: String,
    /// Name for people: `Rally`.
    pub name: String,
    /// Short name of the environment for job ids: `prod`.
    pub environment: String,
    /// Name of the environment for people: `Production`.
    pub environment_name: String,
}

/// The repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct GitProfile {
    /// HTTPS address of the repository.
    pub url: String,
    /// Main branch, short.
    pub main: String,
    /// Template of the release branch.
    pub branch: String,
    /// Template of the tag.
    pub tag: String,
    /// Path of the version file in the repository.
    pub version_file: String,
    /// Key in the version file.
    pub version_key: String,
    /// Template of the value.
    pub version_value: String,
}

/// GitHub and the build workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct GithubProfile {
    /// `owner/name`.
    pub repository: String,
    /// File name of the workflow.
    pub workflow: String,
    /// Name of the job that builds and pushes the image.
    pub build_job: String,
    /// Inputs of the workflow; values are templates.
    pub inputs: BTreeMap<String, String>,
    /// Page where a person starts the workflow.
    pub actions_page: String,
}

/// AWS names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AwsProfile {
    /// Account of twelve digits; every change is refused when STS names another one.
    pub account: String,
    /// Region.
    pub region: String,
    /// Cluster name.
    pub cluster: String,
    /// Service name.
    pub service: String,
    /// Task definition family.
    pub family: String,
    /// Container whose image is replaced.
    pub container: String,
    /// ECR repository.
    pub image_repository: String,
    /// Template of the image tag.
    pub image_tag: String,
    /// Log group of the program.
    pub log_group: String,
    /// Page where a person saves a revision.
    pub task_definitions_page: String,
}

/// The staging machine. It belongs to the run: name and address are confirmed at Deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct HostProfile {
    /// Template of its name.
    pub name: String,
    /// Proposed address.
    pub address: String,
    /// SSH port.
    pub port: u16,
    /// Login user.
    pub user: String,
    /// Proposed key file, `~` allowed.
    pub key_file: String,
    /// Fingerprint `SHA256:…`; empty when it is confirmed by a person.
    pub fingerprint: String,
    /// Login shell that runs a payload: `bash -lc`.
    pub login_shell: String,
}

/// The backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BackupProfile {
    /// Directory of the script.
    pub directory: String,
    /// Command in that directory.
    pub command: String,
    /// How it becomes root; put before the command: `sudo -n`.
    pub become_root: String,
    /// Directory of the backup files; empty when unknown, then a person confirms name and size.
    pub artifact_directory: String,
    /// Shell pattern of the file names.
    pub artifact_pattern: String,
    /// Smallest plausible size in MiB.
    pub artifact_min_mib: u32,
    /// Command that proves a file, `{file}` is replaced; it must end with 0. Empty when there is none.
    pub artifact_probe: String,
    /// Oldest backup allowed at the migration, in minutes.
    pub max_age_minutes: u32,
}

/// The migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct MigrationProfile {
    /// Directory of the script.
    pub directory: String,
    /// Command in that directory.
    pub command: String,
    /// Environment of the command; values must not be empty.
    pub environment: BTreeMap<String, String>,
    /// Command that prints one line: the schema version and, after a space, what names the database itself where it can be
    /// asked (PostgreSQL `system_identifier`, MySQL `server_uuid`). It runs as the migration does and changes nothing. Empty
    /// when there is none; a person accepts that.
    pub probe: String,
}

/// The site and its checks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SiteProfile {
    /// Address that people use.
    pub url: String,
    /// Address that shows the version.
    pub version_url: String,
    /// Regular expression whose first group is the version as in the version file.
    pub version_pattern: String,
    /// What a person checks.
    pub checks: Vec<SiteCheck>,
}

/// One thing that a person checks on the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SiteCheck {
    /// Stable name.
    pub id: String,
    /// What to do and what to see.
    pub text: String,
}

/// How the database is restored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct RestoreProfile {
    /// The procedure, or where it is written.
    pub procedure: String,
    /// About how long, in minutes.
    pub minutes: Option<u32>,
    /// Who does it.
    pub who: String,
}

/// Log keeping and expected failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct LogProfile {
    /// Days that production log lines are kept after the run; 0 keeps them only until it ends.
    pub keep_days: u32,
    /// Regular expressions of lines or stop reasons that are expected before the migration.
    pub expected_failures: Vec<String>,
}

/// Other endpoints than the services' own. Plain http is accepted only to loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct EndpointProfile {
    /// GitHub REST.
    pub github: Option<String>,
    /// All AWS services.
    pub aws: Option<String>,
}

/// A value that has to be confirmed by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Unconfirmed {
    /// Dotted name in the profile: `aws.cluster`.
    pub key: String,
    /// What it is, in plain words.
    pub label: String,
    /// Why the app cannot know it.
    pub why: String,
}

impl Profile {
    /// Every name that a version gets.
    #[must_use]
    pub fn names(&self, version: &Version) -> Names {
        let image_tag = version.spell(&self.aws.image_tag);
        Names {
            branch: version.spell(&self.git.branch),
            tag: version.spell(&self.git.tag),
            version_value: version.spell(&self.git.version_value),
            image: format!("{}/{}:{image_tag}", self.registry(), self.aws.image_repository),
            image_tag,
            staging_machine: version.spell(&self.host.name),
        }
    }

    /// Address of the image registry of account and region.
    #[must_use]
    pub fn registry(&self) -> String {
        format!("{}.dkr.ecr.{}.amazonaws.com", self.aws.account, self.aws.region)
    }
}
