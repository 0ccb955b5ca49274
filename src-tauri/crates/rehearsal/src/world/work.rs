//! Duration and output of backup and migration. This file runs nothing.

use serde::{Deserialize, Serialize};

/// Kind of work that a script does on the production database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Work {
    /// The script `backupRallyPROD.sh`.
    Backup,
    /// The script `rally-migrate`.
    Migration,
}

impl Work {
    /// Parses the name that a script of the simulated host sends.
    #[cfg(feature = "fronts")]
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "backup" => Some(Self::Backup),
            "migration" => Some(Self::Migration),
            _ => None,
        }
    }

    /// Duration in virtual ms: about 8 and 3 minutes (runbook).
    #[must_use]
    pub fn duration_ms(self) -> i64 {
        match self {
            Self::Backup => 8 * 60_000,
            Self::Migration => 3 * 60_000,
        }
    }

    /// Last output line of work that fails. Exit code 1 is a full disk, 3 a refused statement.
    #[must_use]
    pub fn complaint(self, exit: i32) -> &'static str {
        match (self, exit) {
            (Self::Backup, 1) => "pg_dump: error: could not write to output file: No space left on device",
            (Self::Migration, 3) => {
                "ERROR: Changeset db/changelog-2.1.0.xml::2.1.0-3::lkosei failed: column \"family_name\" contains null \
                 values. The changesets before it stay applied."
            }
            (Self::Backup | Self::Migration, _) => "ERROR: stopped half-way (a practised failure)",
        }
    }

    /// Output lines, each with its time in thousandths of the duration.
    pub(crate) fn lines(self) -> &'static [(i64, &'static str)] {
        match self {
            Self::Backup => &[
                (10, "pg_dump: reading schemas"),
                (40, "pg_dump: reading user-defined tables"),
                (80, "pg_dump: dumping contents of table \"public.app_user\""),
                (160, "pg_dump: dumping contents of table \"public.study\""),
                (300, "pg_dump: dumping contents of table \"public.study_site\""),
                (450, "pg_dump: dumping contents of table \"public.participant\""),
                (650, "pg_dump: dumping contents of table \"public.message\""),
                (850, "pg_dump: dumping contents of table \"public.audit_log\""),
                (980, "pg_dump: dumping indexes and constraints"),
            ],
            Self::Migration => &[
                (10, "Waiting for changelog lock"),
                (20, "Successfully acquired change log lock"),
                (60, "Running Changeset: db/changelog-2.1.0.xml::2.1.0-1::lkosei - add study.recruitment_goal"),
                (250, "Running Changeset: db/changelog-2.1.0.xml::2.1.0-2::lkosei - fill study.recruitment_goal"),
                (500, "Running Changeset: db/changelog-2.1.0.xml::2.1.0-3::lkosei - split participant.name"),
                (800, "Running Changeset: db/changelog-2.1.0.xml::2.1.0-4::lkosei - index message.sent_at"),
                (950, "Liquibase: Update has been successful. Rows affected: 48211"),
                (990, "Successfully released change log lock"),
            ],
        }
    }
}

/// Event on the host that the World must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostEvent {
    /// Work began. Reported again, with its first time, after the process restarts.
    Started(Work),
    /// Work ended with this exit code; 137 for a killed script.
    Ended(Work, i32),
}
