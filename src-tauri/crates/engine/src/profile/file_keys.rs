//! Every key of a profile file, in the order of the file: its label and its value.

use std::collections::BTreeMap;

use greenlight_types::{Profile, SiteCheck, StepId};

/// One key of the file.
pub(super) struct Field {
    /// Dotted name: `aws.cluster`.
    pub(super) key: &'static str,
    /// Meaning of the value, in plain words. The comment in the file.
    pub(super) label: &'static str,
    pub(super) get: fn(&Profile) -> Value<'_>,
}

/// The value of a key.
pub(super) enum Value<'a> {
    Text(&'a str),
    Number(u32),
    Flag(bool),
    /// A key that may be absent.
    MaybeText(Option<&'a str>),
    MaybeNumber(Option<u32>),
    /// A section that may be absent. Its keys follow.
    Section(bool),
    Texts(&'a [String]),
    Checks(&'a [SiteCheck]),
    /// A section whose keys are no names of ours.
    Map(&'a BTreeMap<String, String>),
    /// Persons by step.
    People(&'a BTreeMap<StepId, String>),
    /// Usual minutes by step, lowest and highest.
    Minutes(&'a BTreeMap<StepId, (u32, u32)>),
}

use Value::{Checks, Flag, Map, MaybeNumber, MaybeText, Minutes, Number, People, Section, Text, Texts};

const fn field(key: &'static str, label: &'static str, get: fn(&Profile) -> Value<'_>) -> Field {
    Field { key, label, get }
}

pub(super) const FIELDS: [Field; 61] = [
    field("schema", "Number of the schema of this file", |profile| Number(profile.schema)),
    field("product.id", "Short name of the product, a part of job ids", |profile| Text(&profile.product.id)),
    field("product.name", "Name of the product", |profile| Text(&profile.product.name)),
    field("product.environment", "Short name of the environment", |profile| Text(&profile.product.environment)),
    field("product.environment_name", "Name of the environment", |profile| Text(&profile.product.environment_name)),
    field("git.url", "HTTPS address of the repository", |profile| Text(&profile.git.url)),
    field("git.main", "Main branch, the one that is built", |profile| Text(&profile.git.main)),
    field("git.branch", "Release branch of a version", |profile| Text(&profile.git.branch)),
    field("git.tag", "Label (tag) of a version", |profile| Text(&profile.git.tag)),
    field("git.version_file", "File in the repository that has the version", |profile| Text(&profile.git.version_file)),
    field("git.version_key", "Key of the version in that file", |profile| Text(&profile.git.version_key)),
    field("git.version_value", "Spelling of the version in that file", |profile| Text(&profile.git.version_value)),
    field("github.repository", "Repository at GitHub, owner/name", |profile| Text(&profile.github.repository)),
    field("github.workflow", "File name of the build workflow", |profile| Text(&profile.github.workflow)),
    field("github.build_job", "Job that builds and pushes the package", |profile| Text(&profile.github.build_job)),
    field("github.actions_page", "Page where a person starts the build", |profile| Text(&profile.github.actions_page)),
    field("github.inputs", "Inputs of the build workflow", |profile| Map(&profile.github.inputs)),
    field("aws.account", "AWS account, twelve digits", |profile| Text(&profile.aws.account)),
    field("aws.region", "AWS region", |profile| Text(&profile.aws.region)),
    field("aws.cluster", "ECS cluster", |profile| Text(&profile.aws.cluster)),
    field("aws.service", "ECS service", |profile| Text(&profile.aws.service)),
    field("aws.family", "Start-up settings (task definition family)", |profile| Text(&profile.aws.family)),
    field("aws.container", "Container that gets the new package", |profile| Text(&profile.aws.container)),
    field("aws.image_repository", "Repository of the packages (ECR)", |profile| Text(&profile.aws.image_repository)),
    field("aws.image_tag", "Name of the package of a version", |profile| Text(&profile.aws.image_tag)),
    field("aws.log_group", "Log group of the program (CloudWatch)", |profile| Text(&profile.aws.log_group)),
    field("aws.task_definitions_page", "Page where a person saves start-up settings", |profile| {
        Text(&profile.aws.task_definitions_page)
    }),
    field("host.name", "Name of the staging machine", |profile| Text(&profile.host.name)),
    field("host.address", "Proposed address of the staging machine", |profile| Text(&profile.host.address)),
    field("host.port", "SSH port of the staging machine", |profile| Number(profile.host.port.into())),
    field("host.user", "User on the staging machine", |profile| Text(&profile.host.user)),
    field("host.key_file", "Proposed file of the staging machine key", |profile| Text(&profile.host.key_file)),
    field("host.fingerprint", "Fingerprint of the staging machine", |profile| Text(&profile.host.fingerprint)),
    field("host.login_shell", "Shell that runs the scripts", |profile| Text(&profile.host.login_shell)),
    field("backup.directory", "Folder of the backup script", |profile| Text(&profile.backup.directory)),
    field("backup.command", "Command that makes the backup", |profile| Text(&profile.backup.command)),
    field("backup.become_root", "Prefix that runs it as root", |profile| Text(&profile.backup.become_root)),
    field("backup.artifact_directory", "Folder of the backup files", |profile| {
        Text(&profile.backup.artifact_directory)
    }),
    field("backup.artifact_pattern", "Pattern of the names of the backup files", |profile| {
        Text(&profile.backup.artifact_pattern)
    }),
    field("backup.artifact_min_mib", "Smallest plausible backup, in MiB", |profile| {
        Number(profile.backup.artifact_min_mib)
    }),
    field("backup.artifact_probe", "Command that proves a backup file", |profile| Text(&profile.backup.artifact_probe)),
    field("backup.max_age_minutes", "Oldest backup at the migration, in minutes", |profile| {
        Number(profile.backup.max_age_minutes)
    }),
    field("backup.may_skip", "Whether the backup may be left out with a reason", |profile| {
        Flag(profile.backup.may_skip)
    }),
    field("migration.directory", "Folder of the migration script", |profile| Text(&profile.migration.directory)),
    field("migration.command", "Command that migrates the database", |profile| Text(&profile.migration.command)),
    field("migration.probe", "Command that prints the version of the database", |profile| {
        Text(&profile.migration.probe)
    }),
    field("migration.environment", "Environment of the migration", |profile| Map(&profile.migration.environment)),
    field("site.url", "Address of the site", |profile| Text(&profile.site.url)),
    field("site.version_url", "Address that shows the version of the site", |profile| Text(&profile.site.version_url)),
    field("site.version_pattern", "Pattern that finds the version there", |profile| {
        Text(&profile.site.version_pattern)
    }),
    field("site.checks", "Checks of the site by a person", |profile| Checks(&profile.site.checks)),
    field("durations", "Usual minutes of a step, lowest and highest", |profile| Minutes(&profile.durations)),
    field("who_to_call", "Person to call about a step", |profile| People(&profile.who_to_call)),
    field("restore.procedure", "How the database is restored", |profile| Text(&profile.restore.procedure)),
    field("restore.minutes", "About how many minutes a restore takes", |profile| MaybeNumber(profile.restore.minutes)),
    field("restore.who", "Who restores the database", |profile| Text(&profile.restore.who)),
    field("logs.keep_days", "Days that log lines are kept; 0 keeps them until the release ends", |profile| {
        Number(profile.logs.keep_days)
    }),
    field("logs.expected_failures", "Failures of the new version before the migration", |profile| {
        Texts(&profile.logs.expected_failures)
    }),
    field("endpoints", "Servers other than GitHub's and Amazon's own", |profile| Section(profile.endpoints.is_some())),
    field("endpoints.github", "Address of the GitHub API", |profile| {
        MaybeText(profile.endpoints.as_ref().and_then(|custom| custom.github.as_deref()))
    }),
    field("endpoints.aws", "Address of the AWS services", |profile| {
        MaybeText(profile.endpoints.as_ref().and_then(|custom| custom.aws.as_deref()))
    }),
];
