//! The disk of the backups has room for one more.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView};

use super::super::check::{Check, Finding, Subject};
use crate::{ports::PortResult, shell};

pub struct BackupSpace;

#[async_trait]
impl Check for BackupSpace {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::BackupSpace
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    fn command(&self, run: &RunView) -> Option<String> {
        let backup = &run.profile.backup;
        let folder = if backup.artifact_directory.is_empty() { &backup.directory } else { &backup.artifact_directory };
        Some(format!("df -Pk {}", shell::quote(folder)))
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let answer = subject.machine_answer(self).await?;
        Ok(judge(&answer.out, subject.run.profile.backup.artifact_min_mib))
    }
}

/// Room that is left after one more backup of the smallest plausible size.
const SPARE_KIB: u64 = 1024 * 1024;

/// Free KiB in the answer of `df -Pk` (POSIX: fourth column of the second line).
fn free_kib(answer: &str) -> Option<u64> {
    answer.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()
}

fn judge(answer: &str, smallest_mib: u32) -> Finding {
    let Some(free) = free_kib(answer) else {
        return Finding::unknown("The free space for the backup is not known", "A full disk ends the backup.");
    };
    let in_gib = |kib: u64| format!("{:.1} GiB", kib as f64 / f64::from(1 << 20));
    if free >= u64::from(smallest_mib) * 1024 + SPARE_KIB {
        return Finding::ready(format!("{} are free for the backup", in_gib(free)));
    }
    Finding::blocked(
        format!("Only {} are free for the backup", in_gib(free)),
        "A full disk ends the backup, and may stop the database.",
    )
    .instruct("Ask a developer to make room.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn room_for_one_more_backup_is_needed() {
        let df = |free: u64| {
            format!("Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda 99 9 {free} 9% /opt\n")
        };
        let needed = 10 * 1024 + SPARE_KIB;
        assert_eq!(judge(&df(needed), 10).state, ReadinessState::Ready);
        assert_eq!(judge(&df(needed - 1), 10).state, ReadinessState::Blocked);
        for bad in ["", "df: no such file", "a\nb c d e"] {
            assert_eq!(judge(bad, 10).state, ReadinessState::Unknown, "{bad}");
        }
    }
}
