//! The login user may run the backup script as its user.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView};

use super::super::check::{Check, Finding, Subject};
use crate::{ports::PortResult, steps::sudo_question};

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
        subject.reads.has_machine() && sudo_question(subject.run).is_some()
    }
    fn command(&self, run: &RunView) -> Option<String> {
        sudo_question(run)
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(subject.machine_answer(self).await?.exit))
    }
}

fn judge(exit: Option<i32>) -> Finding {
    match exit {
        Some(0) => Finding::ready("The app may run the backup script as its user"),
        Some(_) => Finding::blocked(
            "The app may not run the backup script as its user",
            "sudo asks for a password, or does not know the script. The backup could not start.",
        )
        .instruct("Ask a developer for a sudo rule without a password for the backup script."),
        None => Finding::unknown("sudo gave no answer", "The backup runs with it."),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_refusal_blocks() {
        assert_eq!(judge(Some(0)).state, ReadinessState::Ready);
        assert_eq!(judge(Some(1)).state, ReadinessState::Blocked);
        assert_eq!(judge(None).state, ReadinessState::Unknown);
    }
}
