//! Whether a push of this release starts the workflow before the app does.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    workflow_text::WorkflowText,
};
use crate::ports::PortResult;

pub struct WorkflowTriggers;

#[async_trait]
impl Check for WorkflowTriggers {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::WorkflowTriggers
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let (main, tag) = (&subject.run.profile.git.main, &subject.run.names.tag);
        Ok(subject.reads.workflow_file().await?.judged(|found| judge(main, tag, found)))
    }
}

fn judge(main: &str, tag: &str, found: &WorkflowText) -> Finding {
    let Some(push) = &found.push else { return without_push(found) };
    let may = if push.has_paths { "may start" } else { "starts" };
    let pushed = match (push.takes_branch(main), push.takes_tag(tag)) {
        (false, false) => {
            let quiet = format!("A push of {main} or of the label {tag} does not start the workflow");
            return if found.other_events.is_empty() { Finding::ready(quiet) } else { without_push(found) };
        }
        // Filters of paths do not count for tags.
        (false, true) => return started(format!("The push of the label {tag} starts the workflow")),
        (true, false) => main.to_owned(),
        (true, true) => format!("{main} and of the label {tag}"),
    };
    started(format!("The push of {pushed} {may} the workflow"))
}

/// Events such as `create` or `schedule` may start the workflow in the middle of a release.
fn without_push(found: &WorkflowText) -> Finding {
    if found.other_events.is_empty() {
        return Finding::ready("No push starts the workflow; only the app does");
    }
    Finding::unknown(
        format!("Other events start the workflow, too: {}", found.other_events.join(", ")),
        "GitHub may build beside the build of this release. The release follows its own build.",
    )
}

fn started(sentence: String) -> Finding {
    Finding::choose(
        sentence,
        "GitHub then builds, and may put the new version in place, as soon as Prepare pushes: before the backup and \
         before the migration.",
    )
    .instruct("Ask a developer whether that build changes production.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;
    use crate::readiness::workflow_text::{WorkflowFile, read};

    fn found(on: &str) -> Finding {
        let WorkflowFile::Read(found) = read(on.as_bytes()) else { panic!("{on}") };
        judge("master", "v2.1.0", &found)
    }

    #[test]
    fn other_events_are_named() {
        for on in ["on: [workflow_dispatch, create]", "on: { workflow_dispatch: , push: { branches: [x] }, schedule: }"]
        {
            let found = found(on);
            assert_eq!(found.state, ReadinessState::Unknown, "{on}");
            assert!(found.sentence.contains("create") || found.sentence.contains("schedule"), "{}", found.sentence);
        }
    }

    #[test]
    fn a_push_that_starts_the_workflow_is_a_choice() {
        for (on, expected) in [
            ("on: workflow_dispatch", None),
            ("on: { push: { branches: [develop] } }", None),
            ("on: { push: { tags: ['rc*'] } }", None),
            ("on: push", Some("of master and of the label v2.1.0 starts")),
            ("on: { push: { branches: [master] } }", Some("of master starts")),
            ("on: { push: { branches: [master], paths: ['src/**'] } }", Some("of master may start")),
            ("on: { push: { tags: ['v*'] } }", Some("of the label v2.1.0 starts")),
        ] {
            let found = found(on);
            let state = if expected.is_some() { ReadinessState::Choose } else { ReadinessState::Ready };
            assert_eq!(found.state, state, "{on}");
            assert!(found.sentence.contains(expected.unwrap_or("start")), "{on}: {}", found.sentence);
        }
    }
}
