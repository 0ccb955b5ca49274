//! GitHub knows the workflow, and it can be started.

use async_trait::async_trait;
use greenlight_types::{ErrorCode, ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct Workflow;

#[async_trait]
impl Check for Workflow {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Workflow
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    /// A rollback builds nothing.
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let file = &subject.run.profile.github.workflow;
        match subject.reads.workflow().await {
            Ok(name) => Ok(judge(file, name.as_deref())),
            Err(failure) if failure.code == ErrorCode::WorkflowMissing => Ok(Finding::blocked(
                format!("The workflow {file} cannot be started"),
                "The build could not be started.",
            )
            .instruct(failure.hints.first().cloned().unwrap_or_else(|| failure.summary.clone()))),
            Err(failure) => Err(failure),
        }
    }
}

fn judge(file: &str, name: Option<&str>) -> Finding {
    match name {
        Some(name) => Finding::ready(format!("The app can start the workflow \u{201c}{name}\u{201d} ({file})")),
        None => Finding::blocked(format!("GitHub has no workflow {file}"), "The build could not be started.")
            .value("github.workflow"),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Repair};

    use super::*;

    #[test]
    fn an_unknown_workflow_blocks_and_its_name_can_be_corrected() {
        assert_eq!(judge("release.yml", Some("Release")).state, ReadinessState::Ready);
        let missing = judge("release.yml", None);
        assert_eq!(missing.state, ReadinessState::Blocked);
        assert_eq!(missing.repair, Some(Repair::Value { key: "github.workflow".into() }));
    }
}
