//! Rules for the values of a profile that its TOML shape does not express.

use greenlight_types::{
    AwsProfile, BackupProfile, EndpointProfile, GitProfile, GithubProfile, HostProfile, MigrationProfile, Product,
    Profile, SiteProfile,
};
use regex::Regex;

use super::{
    source::{ProfileError, Source},
    value::{is_version_pattern, version_parts},
};

pub(super) fn check(source: &Source<'_>, profile: &Profile) -> Result<(), ProfileError> {
    source.need(profile.schema == 1, "schema", format!("the schema number is {}", profile.schema), "1")?;
    product(source, &profile.product)?;
    git(source, &profile.git)?;
    github(source, &profile.github)?;
    aws(source, &profile.aws)?;
    host(source, &profile.host)?;
    backup(source, &profile.backup)?;
    migration(source, &profile.migration)?;
    site(source, &profile.site)?;
    for (step, (low, high)) in &profile.durations {
        let key = format!("durations.{}", step.name());
        let problem = format!("{key} is [{low}, {high}]");
        source.need(*low >= 1 && low <= high, &key, problem, "[lowest, highest] in minutes, lowest first, from 1")?;
    }
    for pattern in &profile.logs.expected_failures {
        let problem = format!("\u{201c}{pattern}\u{201d} is not a regular expression");
        source.need(Regex::new(pattern).is_ok(), "logs.expected_failures", problem, "regular expressions")?;
    }
    match &profile.endpoints {
        Some(custom) => endpoints(source, custom),
        None => Ok(()),
    }
}

fn product(source: &Source<'_>, product: &Product) -> Result<(), ProfileError> {
    for (key, value) in [("product.id", &product.id), ("product.environment", &product.environment)] {
        let is_right = (1..=20).contains(&value.len())
            && value.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        // They become parts of job ids, whose characters and length are limited.
        let problem = format!("{key} is \u{201c}{value}\u{201d}");
        source.need(is_right, key, problem, "1 to 20 small letters, digits or hyphens")?;
    }
    source.not_empty("product.name", &product.name)?;
    source.not_empty("product.environment_name", &product.environment_name)
}

fn git(source: &Source<'_>, git: &GitProfile) -> Result<(), ProfileError> {
    source.address("git.url", &git.url)?;
    source.word("git.main", &git.main)?;
    source.template("git.branch", &git.branch)?;
    source.template("git.tag", &git.tag)?;
    source.template("git.version_value", &git.version_value)?;
    let file = &git.version_file;
    let is_inside = !file.is_empty() && file.split('/').all(|part| !part.is_empty() && part != "..");
    let problem = format!("git.version_file is \u{201c}{file}\u{201d}");
    source.need(is_inside, "git.version_file", problem, "a path inside the repository, without leading slash")?;
    source.word("git.version_key", &git.version_key)
}

fn github(source: &Source<'_>, github: &GithubProfile) -> Result<(), ProfileError> {
    let parts: Vec<&str> = github.repository.split('/').collect();
    let is_right = parts.len() == 2 && parts.iter().all(|part| !part.is_empty());
    source.need(is_right, "github.repository", format!("github.repository is {}", github.repository), "owner/name")?;
    source.word("github.repository", &github.repository)?;
    if !github.workflow.is_empty() {
        source.word("github.workflow", &github.workflow)?;
    }
    for (name, value) in &github.inputs {
        let key = format!("github.inputs.{name}");
        let problem = format!("{key} is \u{201c}{value}\u{201d}");
        source.need(version_parts(value).is_some(), &key, problem, "no braces but the version parts")?;
    }
    source.address("github.actions_page", &github.actions_page)
}

fn aws(source: &Source<'_>, aws: &AwsProfile) -> Result<(), ProfileError> {
    let is_account = aws.account.len() == 12 && aws.account.bytes().all(|byte| byte.is_ascii_digit());
    source.need(
        is_account,
        "aws.account",
        format!("aws.account is \u{201c}{}\u{201d}", aws.account),
        "twelve digits in quotes",
    )?;
    for (key, value) in [
        ("aws.region", &aws.region),
        ("aws.family", &aws.family),
        ("aws.container", &aws.container),
        ("aws.image_repository", &aws.image_repository),
        ("aws.log_group", &aws.log_group),
    ] {
        source.word(key, value)?;
    }
    for (key, value) in [("aws.cluster", &aws.cluster), ("aws.service", &aws.service)] {
        if !value.is_empty() {
            source.word(key, value)?;
        }
    }
    source.template("aws.image_tag", &aws.image_tag)?;
    source.address("aws.task_definitions_page", &aws.task_definitions_page)
}

fn host(source: &Source<'_>, host: &HostProfile) -> Result<(), ProfileError> {
    source.template("host.name", &host.name)?;
    source.need(host.port != 0, "host.port", "host.port is 0", "a port number such as 22")?;
    source.word("host.user", &host.user)?;
    let problem = format!("host.login_shell is \u{201c}{}\u{201d}", host.login_shell);
    let shells = "nothing, or one of sh, bash, dash, ksh and zsh with -lc or -c, such as \u{201c}bash -lc\u{201d}";
    source.need(is_login_shell(&host.login_shell), "host.login_shell", problem, shells)?;
    let is_right = host.fingerprint.is_empty() || host.fingerprint.starts_with("SHA256:");
    let problem = format!("host.fingerprint is \u{201c}{}\u{201d}", host.fingerprint);
    source.need(is_right, "host.fingerprint", problem, "SHA256:\u{2026} as ssh-keygen -l prints it, or nothing")
}

/// Whether the words start a login shell that takes a command. The line is put before each script,
/// so no other program may hide in it.
fn is_login_shell(words: &str) -> bool {
    let mut words = words.split_whitespace();
    let Some(program) = words.next() else { return true };
    let name = program.strip_prefix("/usr/bin/").or_else(|| program.strip_prefix("/bin/")).unwrap_or(program);
    let flags: Vec<&str> = words.collect();
    matches!(name, "sh" | "bash" | "dash" | "ksh" | "zsh") && matches!(flags[..], ["-c" | "-lc" | "-cl"] | ["-l", "-c"])
}

fn backup(source: &Source<'_>, backup: &BackupProfile) -> Result<(), ProfileError> {
    source.absolute("backup.directory", &backup.directory)?;
    source.not_empty("backup.command", &backup.command)?;
    if !backup.artifact_directory.is_empty() {
        source.absolute("backup.artifact_directory", &backup.artifact_directory)?;
    }
    let is_name = !backup.artifact_pattern.contains(['/', '\'', '\n']);
    let problem = format!("backup.artifact_pattern is \u{201c}{}\u{201d}", backup.artifact_pattern);
    source.need(is_name, "backup.artifact_pattern", problem, "a pattern of file names such as rally-*.dump")?;
    let probe = &backup.artifact_probe;
    let problem = format!("backup.artifact_probe is \u{201c}{probe}\u{201d}");
    source.need(
        probe.is_empty() || probe.contains("{file}"),
        "backup.artifact_probe",
        problem,
        "{file} in the command",
    )?;
    source.need(backup.max_age_minutes > 0, "backup.max_age_minutes", "backup.max_age_minutes is 0", "minutes, from 1")
}

fn migration(source: &Source<'_>, migration: &MigrationProfile) -> Result<(), ProfileError> {
    source.absolute("migration.directory", &migration.directory)?;
    source.not_empty("migration.command", &migration.command)?;
    for (name, value) in &migration.environment {
        let key = format!("migration.environment.{name}");
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && !name.starts_with(|first: char| first.is_ascii_digit());
        source.need(is_name, &key, format!("{name} is not a name of a variable"), "letters, digits and underscores")?;
        // TRAP-S6: with an empty CONFIG the script uses a default.
        source.not_empty(&key, value)?;
    }
    Ok(())
}

fn site(source: &Source<'_>, site: &SiteProfile) -> Result<(), ProfileError> {
    source.address("site.url", &site.url)?;
    if !site.version_url.is_empty() {
        source.address("site.version_url", &site.version_url)?;
    }
    let is_right = site.version_pattern.is_empty() || is_version_pattern(&site.version_pattern);
    let problem = format!("site.version_pattern is \u{201c}{}\u{201d}", site.version_pattern);
    source.need(is_right, "site.version_pattern", problem, "a regular expression with a group for the version")?;
    let mut seen = std::collections::BTreeSet::new();
    for check in &site.checks {
        source.word("site.checks", &check.id)?;
        source.not_empty("site.checks", &check.text)?;
        let problem = format!("the check {} stands there twice", check.id);
        source.need(seen.insert(&check.id), "site.checks", problem, "a different id for each check")?;
    }
    Ok(())
}

fn endpoints(source: &Source<'_>, endpoints: &EndpointProfile) -> Result<(), ProfileError> {
    for (key, value) in [("endpoints.github", &endpoints.github), ("endpoints.aws", &endpoints.aws)] {
        if let Some(value) = value {
            source.address(key, value)?;
        }
    }
    Ok(())
}
