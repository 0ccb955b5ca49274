//! The login user may run commands as the user of the backup.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView};

use super::super::check::{Check, Finding, Subject};
use crate::{ports::PortResult, steps::has_backup_user};

pub struct Sudo;

#[async_trait]
impl Check for Sudo {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Sudo
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine() && has_backup_user(subject.run)
    }
    fn command(&self, run: &RunView) -> Option<String> {
        Some(format!("{} true", run.profile.backup.become_root.trim()))
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(subject.machine_answer(self).await?.exit))
    }
}

fn judge(exit: Option<i32>) -> Finding {
    match exit {
        Some(0) => Finding::ready("The app may run the backup as its user"),
        // A rule of sudo may allow the script alone.
        Some(_) | None => Finding::unknown(
            "sudo does not run a plain command",
            "It asks for a password, or it allows only the backup script. The backup shows which.",
        )
        .instruct("Ask a developer whether this user may run the backup script without a password."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_refusal_proves_nothing_about_the_script() {
        assert_eq!(judge(Some(0)).state, ReadinessState::Ready);
        assert_eq!(judge(Some(1)).state, ReadinessState::Unknown);
        assert_eq!(judge(None).state, ReadinessState::Unknown);
    }
}
