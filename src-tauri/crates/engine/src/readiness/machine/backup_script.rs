//! The backup script is on the staging machine, and can be run. Sudo answers for a script that runs
//! as another user.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView};

use super::{
    super::check::{Check, Finding, Subject},
    program::{is_program, of_program},
};
use crate::{ports::PortResult, steps::sudo_question};

pub struct BackupScript;

#[async_trait]
impl Check for BackupScript {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::BackupScript
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine() && sudo_question(subject.run).is_none()
    }
    fn command(&self, run: &RunView) -> Option<String> {
        let backup = &run.profile.backup;
        Some(is_program(&backup.directory, &backup.command))
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let answer = subject.machine_answer(self).await?;
        Ok(of_program("The backup script", &subject.run.profile.backup.directory, &answer))
    }
}
