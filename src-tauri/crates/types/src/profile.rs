//! The description of one product and environment. `engine::profile` reads and checks it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Names, StepId, Version};

/// One product and environment. An empty text is a value that the runbook does not give. A person
/// confirms it before a real run (docs/releases.md#unconfirmed-values).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Number of the schema; 1.
    pub schema: u32,
    pub product: Product,
    pub git: GitProfile,
    pub github: GithubProfile,
    pub aws: AwsProfile,
    pub host: HostProfile,
    pub backup: BackupProfile,
    pub migration: MigrationProfile,
    pub site: SiteProfile,
    pub durations: BTreeMap<StepId, (u32, u32)>,
    pub who_to_call: BTreeMap<StepId, String>,
    pub restore: RestoreProfile,
    pub logs: LogProfile,
    /// Endpoints other than the services' own. The page then shows a permanent band.
    pub endpoints: Option<EndpointProfile>,
}

/// The product and the environment that it is released to.
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct GitProfile {
    /// HTTPS address of the repository.
    pub url: String,
    pub main: String,
    /// Template of the release branch.
    pub branch: String,
    pub tag: String,
    /// Path of the version file in the repository.
    pub version_file: String,
    pub version_key: String,
    pub version_value: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct GithubProfile {
    /// Repository as `owner/name`.
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AwsProfile {
    /// Account of twelve digits. Every change is refused when STS names another account.
    pub account: String,
    /// Region, for example `us-east-1`.
    pub region: String,
    pub cluster: String,
    pub service: String,
    /// Task definition family.
    pub family: String,
    /// Container that gets the new image.
    pub container: String,
    /// ECR repository.
    pub image_repository: String,
    /// Template of the image tag.
    pub image_tag: String,
    /// CloudWatch log group of the program.
    pub log_group: String,
    /// Page where a person saves a revision.
    pub task_definitions_page: String,
}

/// The staging machine of a run. A person confirms name and address at Deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct HostProfile {
    pub name: String,
    /// Proposed address.
    pub address: String,
    pub port: u16,
    pub user: String,
    /// Proposed key file, `~` allowed.
    pub key_file: String,
    /// Fingerprint `SHA256:…`; empty when a person confirms it.
    pub fingerprint: String,
    /// Login shell that runs a payload: `bash -lc`.
    pub login_shell: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct BackupProfile {
    pub directory: String,
    /// Command in that directory.
    pub command: String,
    /// Prefix that runs the command as root: `sudo -n`.
    pub become_root: String,
    /// Directory of the backup files; empty when unknown. Then a person confirms name and size.
    pub artifact_directory: String,
    /// Shell pattern of the file names.
    pub artifact_pattern: String,
    /// Smallest plausible size in MiB.
    pub artifact_min_mib: u32,
    /// Command that proves a file and then exits with 0. `{file}` is replaced. Empty when there is
    /// none.
    pub artifact_probe: String,
    /// Oldest backup allowed at the migration, in minutes.
    pub max_age_minutes: u32,
    /// Whether a person may leave the backup out, with a reason: other backups are made.
    #[serde(default)]
    pub may_skip: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct MigrationProfile {
    pub directory: String,
    /// Command in that directory.
    pub command: String,
    /// Environment of the command; values must not be empty.
    pub environment: BTreeMap<String, String>,
    /// Command that prints one line: the schema version, a space, and the identity of the database
    /// if it has one (PostgreSQL `system_identifier`, MySQL `server_uuid`). It runs as the
    /// migration does and changes nothing. Empty when there is none; a person accepts that.
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
    /// Regular expression. Its first group is the version as spelled in the version file.
    pub version_pattern: String,
    pub checks: Vec<SiteCheck>,
}

/// One check of the site by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SiteCheck {
    pub id: String,
    /// What to do, and the expected result.
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
    /// Person or team who does it.
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

/// Endpoints other than the services' own. Plain http is accepted only to loopback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct EndpointProfile {
    pub github: Option<String>,
    pub aws: Option<String>,
}

/// A value that a person has to confirm.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Unconfirmed {
    /// Dotted name in the profile: `aws.cluster`.
    pub key: String,
    /// Meaning of the value, in plain words.
    pub label: String,
    /// Why the app cannot know the value.
    pub why: String,
}

/// A value of a run's profile that a person may correct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ProfileValue {
    /// Dotted name in the profile: `aws.cluster`.
    pub key: String,
    /// Meaning of the value, in plain words.
    pub label: String,
    /// The value that counts now. A list has one entry per line.
    pub value: String,
}

impl Profile {
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
        format!("{}.dkr.ecr.{}.{}", self.aws.account, self.aws.region, dns_suffix(&self.aws.region))
    }
}

/// Domain of the AWS services in the partition of a region (`dnsSuffix` of `partitions.json` in the
/// AWS SDKs). The first part of a region names its partition.
fn dns_suffix(region: &str) -> &'static str {
    const SUFFIXES: [(&str, &str); 6] = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("us-isof-", "csp.hci.ic.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
    ];
    SUFFIXES.iter().find(|(start, _)| region.starts_with(start)).map_or("amazonaws.com", |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_in_the_domain_of_its_partition() {
        for (region, suffix) in [
            ("us-east-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
            ("us-iso-east-1", "c2s.ic.gov"),
            ("us-isob-east-1", "sc2s.sgov.gov"),
        ] {
            assert_eq!(dns_suffix(region), suffix, "{region}");
        }
    }
}
