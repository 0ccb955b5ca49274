//! Who has to approve the build of this release on GitHub.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    workflow_text::{WorkflowFile, WorkflowText},
};
use crate::ports::{BuildEnvironment, PortResult};

pub struct Approvals;

#[async_trait]
impl Check for Approvals {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Approvals
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let (file, environments) = futures::join!(subject.reads.workflow_file(), subject.reads.environments());
        let file = match file? {
            WorkflowFile::Read(file) => file,
            other @ (WorkflowFile::NoBranch | WorkflowFile::Missing | WorkflowFile::Unreadable(_)) => {
                return Ok(other.not_read());
            }
        };
        // A workflow without an environment needs no approval.
        if file.jobs.iter().all(|job| job.environment.is_none()) {
            return Ok(judge(&file, &[]));
        }
        Ok(judge(&file, &environments?))
    }
}

/// Sign of an expression, whose value only GitHub knows.
const EXPRESSION: &str = "${{";

fn judge(file: &WorkflowText, environments: &[BuildEnvironment]) -> Finding {
    let named: Vec<&str> = file.jobs.iter().filter_map(|job| job.environment.as_deref()).collect();
    // GitHub compares the names of environments without case.
    let is_named = |one: &&BuildEnvironment| named.iter().any(|name| name.eq_ignore_ascii_case(&one.name));
    let holds = |one: &&BuildEnvironment| !one.reviewers.is_empty() || one.wait_minutes > 0;
    let holding: Vec<String> = environments.iter().filter(is_named).filter(holds).map(rule_of).collect();
    if !holding.is_empty() {
        return Finding::choose(
            format!("GitHub holds the build: {}", holding.join("; ")),
            "AWS does not start the new version until then.",
        )
        .instruct("Tell the people who approve when the build is due.");
    }
    let has_expression = named.iter().any(|name| name.contains(EXPRESSION));
    if has_expression && environments.iter().any(|one| holds(&one)) {
        return Finding::unknown(
            "The workflow chooses its environment while it runs",
            "GitHub may hold the build until a person approves it.",
        );
    }
    if !file.called().is_empty() {
        return Finding::unknown(
            format!("The approvals of {} are not read", file.called().join(", ")),
            "The workflow calls it, and GitHub may hold its jobs until a person approves them.",
        );
    }
    Finding::ready("No approval on GitHub holds the build")
}

fn rule_of(one: &BuildEnvironment) -> String {
    let approval = || format!("one of {} has to approve \u{201c}{}\u{201d}", one.reviewers.join(", "), one.name);
    let wait = || format!("it waits {} min for \u{201c}{}\u{201d}", one.wait_minutes, one.name);
    match (one.reviewers.is_empty(), one.wait_minutes) {
        (true, _) => wait(),
        (false, 0) => approval(),
        (false, _) => format!("{}, and {}", approval(), wait()),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;
    use crate::readiness::workflow_text::Job;

    #[test]
    fn a_protected_environment_is_a_choice_and_names_its_people() {
        let environment = |reviewers: &[&str], wait_minutes| BuildEnvironment {
            name: "production".into(),
            reviewers: reviewers.iter().map(|name| (*name).to_owned()).collect(),
            wait_minutes,
        };
        let held = environment(&["lena", "Release team"], 0);
        for (name, known, state, part) in [
            (None, vec![held.clone()], ReadinessState::Ready, "No approval"),
            (Some("production"), vec![], ReadinessState::Ready, "No approval"),
            (Some("production"), vec![environment(&[], 0)], ReadinessState::Ready, "No approval"),
            (Some("staging"), vec![held.clone()], ReadinessState::Ready, "No approval"),
            (Some("Production"), vec![held.clone()], ReadinessState::Choose, "lena, Release team"),
            (Some("production"), vec![environment(&[], 30)], ReadinessState::Choose, "30 min"),
            (Some("production"), vec![environment(&["lena"], 5)], ReadinessState::Choose, "and it waits 5 min"),
            (Some("${{ inputs.to }}"), vec![held], ReadinessState::Unknown, "while it runs"),
            (Some("${{ inputs.to }}"), vec![environment(&[], 0)], ReadinessState::Ready, "No approval"),
        ] {
            let job = Job { environment: name.map(str::to_owned), ..Job::default() };
            let found = judge(&WorkflowText { jobs: vec![job], ..WorkflowText::default() }, &known);
            assert_eq!(found.state, state, "{name:?} {known:?}");
            assert!(found.sentence.contains(part), "{}", found.sentence);
        }
    }
}
