//! The migration script is on the staging machine, and can be run.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView};

use super::{
    super::check::{Check, Finding, Subject},
    program::{is_program, of_program},
};
use crate::ports::PortResult;

pub struct MigrationScript;

#[async_trait]
impl Check for MigrationScript {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::MigrationScript
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    fn command(&self, run: &RunView) -> Option<String> {
        let migration = &run.profile.migration;
        Some(is_program(&migration.directory, &migration.command))
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let answer = subject.machine_answer(self).await?;
        Ok(of_program("The migration script", &subject.run.profile.migration.directory, &answer))
    }
}
