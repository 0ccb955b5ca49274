//! Values that the runbook does not give: lists the open ones, and puts a confirmed one into the
//! profile (docs/releases.md#unconfirmed-values).

use greenlight_types::{ErrorCode, Failure, Profile, ProfileValue, SetupValue, SiteCheck, Unconfirmed};

use super::value::{is_address, is_version_pattern};

/// One such value: how a person reads about it, and how it is read and set.
struct Open {
    key: &'static str,
    label: &'static str,
    why: &'static str,
    /// The value now. Empty while it is open.
    get: fn(&Profile) -> String,
    /// `Err` describes the expected form.
    set: fn(&mut Profile, &str) -> Result<(), &'static str>,
}

/// Longest confirmed value, in bytes.
const LONGEST: usize = 4_000;

const OPEN: [Open; 12] = [
    Open {
        key: "github.workflow",
        label: "File name of the build workflow",
        why: "The runbook names only the Actions page.",
        get: |profile| profile.github.workflow.clone(),
        set: |profile, value| word(value).map(|value| profile.github.workflow = value),
    },
    Open {
        key: "github.build_job",
        label: "Name of the job that builds and pushes the package",
        why: "The runbook does not name the jobs of the workflow.",
        get: |profile| profile.github.build_job.clone(),
        set: |profile, value| line(value).map(|value| profile.github.build_job = value),
    },
    Open {
        key: "aws.cluster",
        label: "ECS cluster",
        why: "The runbook names no cluster.",
        get: |profile| profile.aws.cluster.clone(),
        set: |profile, value| word(value).map(|value| profile.aws.cluster = value),
    },
    Open {
        key: "aws.service",
        label: "ECS service",
        why: "The runbook names no service.",
        get: |profile| profile.aws.service.clone(),
        set: |profile, value| word(value).map(|value| profile.aws.service = value),
    },
    Open {
        key: "site.version_url",
        label: "Address that shows the version of the site",
        why: "The runbook gives only the address of the site itself.",
        get: |profile| profile.site.version_url.clone(),
        set: |profile, value| {
            let value = line(value)?;
            if !is_address(&value) {
                return Err("an address that starts with https://");
            }
            profile.site.version_url = value;
            Ok(())
        },
    },
    Open {
        key: "site.version_pattern",
        label: "Pattern that finds the version on that page",
        why: "The runbook does not say how the site shows its version.",
        get: |profile| profile.site.version_pattern.clone(),
        set: |profile, value| {
            let value = line(value)?;
            if !is_version_pattern(&value) {
                return Err("a regular expression with a group for the version, such as \"version\":\"([^\"]+)\"");
            }
            profile.site.version_pattern = value;
            Ok(())
        },
    },
    Open {
        key: "site.checks",
        label: "What a person checks on the site, one check per line",
        why: "The runbook says \u{201c}perform sanity checks\u{201d} and lists none.",
        get: |profile| profile.site.checks.iter().map(|check| check.text.as_str()).collect::<Vec<_>>().join("\n"),
        set: |profile, value| checks(value).map(|checks| profile.site.checks = checks),
    },
    Open {
        key: "backup.artifact_directory",
        label: "Directory of the backup files on the staging machine",
        why: "The runbook does not say where the backup script writes.",
        get: |profile| profile.backup.artifact_directory.clone(),
        set: |profile, value| {
            let value = line(value)?;
            if !value.starts_with('/') || value.contains("/../") {
                return Err("an absolute path such as /opt/backup/files");
            }
            profile.backup.artifact_directory = value;
            Ok(())
        },
    },
    Open {
        key: "backup.artifact_pattern",
        label: "Pattern of the names of the backup files",
        why: "The runbook does not say what the backup script calls its files.",
        get: |profile| profile.backup.artifact_pattern.clone(),
        set: |profile, value| {
            let value = line(value)?;
            if value.contains(['/', '\'']) {
                return Err("a pattern of file names such as rally-*.dump");
            }
            profile.backup.artifact_pattern = value;
            Ok(())
        },
    },
    Open {
        key: "restore.procedure",
        label: "How the database is restored, or where that is written",
        why: "The runbook has no restore procedure.",
        get: |profile| profile.restore.procedure.clone(),
        set: |profile, value| line(value).map(|value| profile.restore.procedure = value),
    },
    Open {
        key: "restore.minutes",
        label: "About how many minutes a restore takes",
        why: "The runbook has no restore procedure.",
        get: |profile| profile.restore.minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
        set: |profile, value| {
            let minutes = value.trim().parse().ok().filter(|minutes| (1..=10_000).contains(minutes));
            profile.restore.minutes = Some(minutes.ok_or("a number of minutes such as 45")?);
            Ok(())
        },
    },
    Open {
        key: "restore.who",
        label: "Who restores the database",
        why: "The runbook names nobody.",
        get: |profile| profile.restore.who.clone(),
        set: |profile, value| line(value).map(|value| profile.restore.who = value),
    },
];

/// Values that a person still has to confirm, in the order of the profile.
#[must_use]
pub fn unconfirmed(profile: &Profile) -> Vec<Unconfirmed> {
    OPEN.iter()
        .filter(|open| (open.get)(profile).is_empty())
        .map(|open| Unconfirmed { key: open.key.to_owned(), label: open.label.to_owned(), why: open.why.to_owned() })
        .collect()
}

/// The values that a person may correct in a run, each with its present value.
#[must_use]
pub fn values(profile: &Profile) -> Vec<ProfileValue> {
    let value = |open: &Open| ProfileValue {
        key: open.key.to_owned(),
        label: open.label.to_owned(),
        value: (open.get)(profile),
    };
    OPEN.iter().map(value).collect()
}

/// The values of the Setup page, in the order of the profile. The caller knows who confirmed each.
#[must_use]
pub fn setup_values(profile: &Profile) -> Vec<SetupValue> {
    let value = |open: &Open| SetupValue {
        key: open.key.to_owned(),
        label: open.label.to_owned(),
        why: open.why.to_owned(),
        value: (open.get)(profile),
        is_list: open.key == "site.checks",
        confirmed: None,
    };
    OPEN.iter().map(value).collect()
}

/// Puts a confirmed value into the profile. Accepts only the keys that [`unconfirmed`] can name, so
/// that a value of the runbook cannot be changed.
///
/// # Errors
/// `BadInput` with the key as param `field` and the expected form. The profile is then unchanged.
pub fn set_value(profile: &mut Profile, key: &str, value: &str) -> Result<(), Failure> {
    let refuse = |expected: &str| {
        Failure::new(ErrorCode::BadInput, format!("use this value for {key}"))
            .because(format!("expected {expected}"))
            .with("field", key)
            .with("problem", format!("Expected {expected}."))
    };
    let open =
        OPEN.iter().find(|open| open.key == key).ok_or_else(|| refuse("a value that the runbook leaves open"))?;
    if value.len() > LONGEST {
        return Err(refuse("at most 4,000 characters"));
    }
    (open.set)(profile, value).map_err(refuse)
}

fn line(value: &str) -> Result<String, &'static str> {
    let value = value.trim();
    let is_right = !value.is_empty() && !value.chars().any(char::is_control);
    is_right.then(|| value.to_owned()).ok_or("a text on one line")
}

fn word(value: &str) -> Result<String, &'static str> {
    let value = line(value)?;
    let is_right = value.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
    is_right.then_some(value).ok_or("a name of letters, digits, dots, hyphens and underscores")
}

fn checks(value: &str) -> Result<Vec<SiteCheck>, &'static str> {
    let checks: Vec<SiteCheck> = value
        .lines()
        .map(str::trim)
        .filter(|text| !text.is_empty() && !text.chars().any(char::is_control))
        .zip(1..)
        .map(|(text, number)| SiteCheck { id: format!("check-{number}"), text: text.to_owned() })
        .collect();
    if checks.is_empty() || checks.len() > 50 { Err("one to fifty checks, one per line") } else { Ok(checks) }
}
