//! Backup, migration and restore of the database.

use greenlight_types::SetupGroup;
use regex::Regex;

use super::{
    field::{Field, Form, Need, Set},
    forms::{absolute, line, line_or_none, lines, number, pairs_text, variables},
};

pub(in super::super) const FIELDS: [Field; 16] = [
    Field {
        key: "backup.directory",
        group: SetupGroup::Database,
        label: "Folder of the backup script",
        why: "The script runs in this folder.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.backup.directory.clone(),
        set: Set::By(|profile, value| absolute(value).map(|value| profile.backup.directory = value)),
    },
    Field {
        key: "backup.command",
        group: SetupGroup::Database,
        label: "Backup script",
        why: "The backup step runs it on the staging machine.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.backup.command.clone(),
        set: Set::By(|profile, value| line(value).map(|value| profile.backup.command = value)),
    },
    Field {
        key: "backup.become_root",
        group: SetupGroup::Database,
        label: "Prefix of the backup script",
        why: "Runs the script as root, for example sudo -n. Empty runs it as the user.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| profile.backup.become_root.clone(),
        set: Set::By(|profile, value| line_or_none(value).map(|value| profile.backup.become_root = value)),
    },
    Field {
        key: "backup.artifact_directory",
        group: SetupGroup::Database,
        label: "Directory of the backup files on the staging machine",
        why: "The runbook does not say where the backup script writes.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.backup.artifact_directory.clone(),
        set: Set::By(|profile, value| absolute(value).map(|value| profile.backup.artifact_directory = value)),
    },
    Field {
        key: "backup.artifact_pattern",
        group: SetupGroup::Database,
        label: "Pattern of the names of the backup files",
        why: "The runbook does not say what the backup script calls its files.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.backup.artifact_pattern.clone(),
        set: Set::By(|profile, value| {
            let value = line(value)?;
            if value.contains(['/', '\'']) {
                return Err("a pattern of file names such as rally-*.dump");
            }
            profile.backup.artifact_pattern = value;
            Ok(())
        }),
    },
    Field {
        key: "backup.artifact_min_mib",
        group: SetupGroup::Database,
        label: "Smallest plausible backup, in MiB",
        why: "A smaller file counts as a failed backup.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.backup.artifact_min_mib.to_string(),
        set: Set::By(|profile, value| number(value, 100_000_000).map(|value| profile.backup.artifact_min_mib = value)),
    },
    Field {
        key: "backup.artifact_probe",
        group: SetupGroup::Database,
        label: "Command that proves a backup",
        why: "It reads the file and ends with 0 when the file is good. Without it a person confirms name and size. {file} is the file.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| profile.backup.artifact_probe.clone(),
        set: Set::By(|profile, value| {
            let value = line_or_none(value)?;
            if !value.is_empty() && !value.contains("{file}") {
                return Err("{file} in the command, or nothing");
            }
            profile.backup.artifact_probe = value;
            Ok(())
        }),
    },
    Field {
        key: "backup.max_age_minutes",
        group: SetupGroup::Database,
        label: "Oldest backup at the migration, in minutes",
        why: "The migration stays closed when the backup is older.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.backup.max_age_minutes.to_string(),
        set: Set::By(|profile, value| number(value, 10_000).map(|value| profile.backup.max_age_minutes = value)),
    },
    Field {
        key: "migration.directory",
        group: SetupGroup::Database,
        label: "Folder of the migration script",
        why: "The script runs in this folder.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.migration.directory.clone(),
        set: Set::By(|profile, value| absolute(value).map(|value| profile.migration.directory = value)),
    },
    Field {
        key: "migration.command",
        group: SetupGroup::Database,
        label: "Migration script",
        why: "The migration step runs it on the staging machine.",
        form: Form::Line,
        need: Need::File,
        get: |profile| profile.migration.command.clone(),
        set: Set::By(|profile, value| line(value).map(|value| profile.migration.command = value)),
    },
    Field {
        key: "migration.environment",
        group: SetupGroup::Database,
        label: "Variables of the migration script",
        why: "The script gets these variables.",
        form: Form::Lines,
        need: Need::Optional,
        get: |profile| pairs_text(&profile.migration.environment),
        set: Set::By(|profile, value| variables(value).map(|value| profile.migration.environment = value)),
    },
    Field {
        key: "migration.probe",
        group: SetupGroup::Database,
        label: "Command that prints the version of the database",
        why: "It changes nothing. Without it a person says which version the database has.",
        form: Form::Line,
        need: Need::Optional,
        get: |profile| profile.migration.probe.clone(),
        set: Set::By(|profile, value| line_or_none(value).map(|value| profile.migration.probe = value)),
    },
    Field {
        key: "logs.expected_failures",
        group: SetupGroup::Database,
        label: "Failed starts that are expected before the migration",
        why: "Regular expressions, one on each line. Without them a failed start is shown to you, and you say whether it is expected.",
        form: Form::Lines,
        need: Need::Optional,
        get: |profile| profile.logs.expected_failures.join("\n"),
        set: Set::By(|profile, value| {
            let patterns = lines(value)?;
            if patterns.iter().any(|pattern| Regex::new(pattern).is_err()) {
                return Err("regular expressions, one on each line");
            }
            profile.logs.expected_failures = patterns;
            Ok(())
        }),
    },
    Field {
        key: "restore.procedure",
        group: SetupGroup::Database,
        label: "How the database is restored, or where that is written",
        why: "The runbook has no restore procedure.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.restore.procedure.clone(),
        set: Set::By(|profile, value| line(value).map(|value| profile.restore.procedure = value)),
    },
    Field {
        key: "restore.minutes",
        group: SetupGroup::Database,
        label: "About how many minutes a restore takes",
        why: "The runbook has no restore procedure.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.restore.minutes.map(|minutes| minutes.to_string()).unwrap_or_default(),
        set: Set::By(|profile, value| number(value, 10_000).map(|value| profile.restore.minutes = Some(value))),
    },
    Field {
        key: "restore.who",
        group: SetupGroup::Database,
        label: "Who restores the database",
        why: "The runbook names no person.",
        form: Form::Line,
        need: Need::Release,
        get: |profile| profile.restore.who.clone(),
        set: Set::By(|profile, value| line(value).map(|value| profile.restore.who = value)),
    },
];
