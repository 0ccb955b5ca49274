//! No newer run of the workflow cancels the build of this release.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    workflow_text::WorkflowText,
};
use crate::ports::PortResult;

pub struct WorkflowConcurrency;

#[async_trait]
impl Check for WorkflowConcurrency {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::WorkflowConcurrency
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(subject.reads.workflow_file().await?.judged(judge))
    }
}

fn judge(found: &WorkflowText) -> Finding {
    let cancelling = found.concurrency.iter().find(|one| one.cancels != Some(false));
    if let Some(one) = cancelling {
        let does = if one.cancels == Some(true) { "cancels" } else { "may cancel" };
        return Finding::choose(
            format!("A newer run of the workflow {does} the one before it (group \u{201c}{}\u{201d})", one.group),
            "If a person or a push starts the workflow during the release, its build ends in the middle.",
        )
        .instruct("Tell the developers to start no build until the release has ended.");
    }
    let has_expression = found.concurrency.iter().any(|one| one.group.contains("${{"));
    if has_expression || !found.called().is_empty() {
        return Finding::unknown(
            "The workflow file does not show whether two runs wait for each other",
            "The group of a run is an expression, or is in another workflow file.",
        );
    }
    match found.concurrency.first() {
        Some(one) => Finding::ready(format!(
            "A second run of the workflow waits for the first (group \u{201c}{}\u{201d})",
            one.group
        )),
        None => Finding::ready("A second run of the workflow does not cancel the first"),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;
    use crate::readiness::workflow_text::Concurrency;

    #[test]
    fn a_group_that_cancels_is_a_choice() {
        let with = |cancels: &[Option<bool>]| WorkflowText {
            concurrency: cancels
                .iter()
                .map(|cancels| Concurrency { group: "deploy".into(), cancels: *cancels })
                .collect(),
            ..WorkflowText::default()
        };
        for (cancels, state, part) in [
            (&[][..], ReadinessState::Ready, "does not cancel"),
            (&[Some(false)], ReadinessState::Ready, "waits"),
            (&[Some(true)], ReadinessState::Choose, "cancels"),
            (&[None], ReadinessState::Choose, "may cancel"),
            (&[Some(false), Some(true)], ReadinessState::Choose, "cancels"),
        ] {
            let found = judge(&with(cancels));
            assert_eq!(found.state, state, "{cancels:?}");
            assert!(found.sentence.contains(part), "{}", found.sentence);
        }
        let mut by_run = with(&[Some(false)]);
        by_run.concurrency[0].group = "deploy-${{ github.run_id }}".into();
        assert_eq!(judge(&by_run).state, ReadinessState::Unknown);
    }
}
