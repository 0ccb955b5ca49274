//! The production log can be read.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct LogGroup;

#[async_trait]
impl Check for LogGroup {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::LogGroup
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let group = &subject.run.profile.aws.log_group;
        subject.reads.log_page().await?;
        Ok(Finding::ready(format!("The production log ({group}) can be read")))
    }
}
