//! The TOML form of a profile: keys in `snake_case`, unknown keys refused. Checks the shape, not
//! the values.

use std::collections::BTreeMap;

use greenlight_types::{
    AwsProfile, BackupProfile, EndpointProfile, GitProfile, GithubProfile, HostProfile, LogProfile, MigrationProfile,
    Product, Profile, RestoreProfile, SiteCheck, SiteProfile, StepId,
};
use serde::Deserialize;

/// Declares the TOML form of a table, and for the tests its shape as a JSON Schema.
macro_rules! table {
    ($raw:ident { $($(#[$meta:meta])* $field:ident: $ty:ty),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $raw { $($(#[$meta])* $field: $ty),* }

        #[cfg(test)]
        impl super::tests::schema::Shape for $raw {
            fn shape() -> serde_json::Value {
                use super::tests::schema::{Key, table};
                table([$(Key::new::<$ty>(stringify!($field), stringify!($($meta)*))),*])
            }
        }
    };
}

/// Declares the TOML form of each section and its conversion into the shared type, so that the two
/// cannot drift apart.
macro_rules! sections {
    ($($raw:ident => $real:ident { $($(#[$meta:meta])* $field:ident: $ty:ty),* $(,)? })*) => {$(
        table! { $raw { $($(#[$meta])* $field: $ty),* } }

        impl From<$raw> for $real {
            fn from(raw: $raw) -> Self {
                Self { $($field: raw.$field.into()),* }
            }
        }
    )*};
}

sections! {
    RawProduct => Product { id: String, name: String, environment: String, environment_name: String }
    RawGit => GitProfile {
        url: String,
        main: String,
        branch: String,
        tag: String,
        version_file: String,
        version_key: String,
        version_value: String,
    }
    RawGithub => GithubProfile {
        repository: String,
        workflow: String,
        build_job: String,
        #[serde(default)]
        inputs: BTreeMap<String, String>,
        actions_page: String,
    }
    RawAws => AwsProfile {
        account: String,
        region: String,
        cluster: String,
        service: String,
        family: String,
        container: String,
        image_repository: String,
        image_tag: String,
        log_group: String,
        task_definitions_page: String,
    }
    RawHost => HostProfile {
        name: String,
        #[serde(default)]
        address: String,
        #[serde(default = "ssh_port")]
        port: u16,
        user: String,
        #[serde(default)]
        key_file: String,
        #[serde(default)]
        fingerprint: String,
        login_shell: String,
    }
    RawBackup => BackupProfile {
        directory: String,
        command: String,
        #[serde(default)]
        become_root: String,
        artifact_directory: String,
        artifact_pattern: String,
        #[serde(default = "one")]
        artifact_min_mib: u32,
        #[serde(default)]
        artifact_probe: String,
        #[serde(default = "two_hours")]
        max_age_minutes: u32,
        #[serde(default)]
        may_skip: bool,
    }
    RawMigration => MigrationProfile {
        directory: String,
        command: String,
        #[serde(default)]
        environment: BTreeMap<String, String>,
        #[serde(default)]
        probe: String,
    }
    RawSite => SiteProfile {
        url: String,
        version_url: String,
        version_pattern: String,
        #[serde(default)]
        checks: Checks,
    }
    RawCheck => SiteCheck { id: String, text: String }
    RawRestore => RestoreProfile { procedure: String, minutes: Option<u32>, who: String }
    RawLogs => LogProfile {
        #[serde(default)]
        keep_days: u32,
        #[serde(default)]
        expected_failures: Vec<String>,
    }
    RawEndpoints => EndpointProfile { github: Option<String>, aws: Option<String> }
}

fn ssh_port() -> u16 {
    22
}

/// Smallest plausible backup, in MiB.
fn one() -> u32 {
    1
}

/// Oldest backup that is accepted unless the profile says otherwise, in minutes
/// (docs/releases.md#preconditions).
fn two_hours() -> u32 {
    120
}

#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Checks(Vec<RawCheck>);

impl From<Checks> for Vec<SiteCheck> {
    fn from(checks: Checks) -> Self {
        checks.0.into_iter().map(SiteCheck::from).collect()
    }
}

table! {
    RawProfile {
        schema: u32,
        product: RawProduct,
        git: RawGit,
        github: RawGithub,
        aws: RawAws,
        host: RawHost,
        backup: RawBackup,
        migration: RawMigration,
        site: RawSite,
        #[serde(default)]
        durations: BTreeMap<StepId, (u32, u32)>,
        #[serde(default)]
        who_to_call: BTreeMap<StepId, String>,
        restore: RawRestore,
        logs: RawLogs,
        endpoints: Option<RawEndpoints>,
    }
}

impl From<RawProfile> for Profile {
    fn from(raw: RawProfile) -> Self {
        Self {
            schema: raw.schema,
            product: raw.product.into(),
            git: raw.git.into(),
            github: raw.github.into(),
            aws: raw.aws.into(),
            host: raw.host.into(),
            backup: raw.backup.into(),
            migration: raw.migration.into(),
            site: raw.site.into(),
            durations: raw.durations,
            who_to_call: raw.who_to_call,
            restore: raw.restore.into(),
            logs: raw.logs.into(),
            endpoints: raw.endpoints.map(EndpointProfile::from),
        }
    }
}
