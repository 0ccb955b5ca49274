//! The workflow of this commit takes a start with the inputs of the profile.

use std::collections::BTreeMap;

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    workflow_text::{Input, WorkflowFile, WorkflowText},
};
use crate::ports::PortResult;

pub struct WorkflowInputs;

#[async_trait]
impl Check for WorkflowInputs {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::WorkflowInputs
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let github = &subject.run.profile.github;
        let given = github.inputs.iter().map(|(name, value)| (name.as_str(), subject.run.version.spell(value)));
        Ok(match subject.reads.workflow_file().await? {
            WorkflowFile::Read(found) => judge(&github.workflow, &found, &given.collect()),
            WorkflowFile::Missing => missing(&github.workflow),
            other @ (WorkflowFile::NoBranch | WorkflowFile::Unreadable(_)) => other.not_read(),
        })
    }
}

fn missing(file: &str) -> Finding {
    Finding::blocked(format!("{file} is not in this state of the code"), "GitHub could not start the build.")
        .value("github.workflow")
}

fn judge(file: &str, found: &WorkflowText, given: &BTreeMap<&str, String>) -> Finding {
    let Some(wanted) = &found.inputs else {
        return Finding::blocked(
            format!("{file} cannot be started by hand (no workflow_dispatch)"),
            "GitHub would refuse the start of the build.",
        )
        .instruct("Ask a developer to add workflow_dispatch to the workflow on the release branch.");
    };
    let faults: Vec<String> = faults(wanted, given).collect();
    if faults.is_empty() {
        return Finding::ready(format!("{file} takes the start with {}", counted(given.len())));
    }
    Finding::blocked(format!("{file} does not take these inputs: {}", faults.join("; ")), "GitHub would refuse them.")
        .value("github.inputs")
}

fn counted(inputs: usize) -> String {
    match inputs {
        0 => "no inputs".to_owned(),
        1 => "its 1 input".to_owned(),
        several => format!("its {several} inputs"),
    }
}

/// The reasons for which GitHub answers 422 to a dispatch.
fn faults<'a>(
    wanted: &'a BTreeMap<String, Input>,
    given: &'a BTreeMap<&str, String>,
) -> impl Iterator<Item = String> + 'a {
    let unknown = given.keys().filter(|name| !wanted.contains_key(**name)).map(|name| format!("{name} is unknown"));
    let missing = wanted
        .iter()
        .filter(|(name, input)| input.is_required && !input.has_default && !given.contains_key(name.as_str()))
        .map(|(name, _)| format!("{name} is required"));
    let not_allowed = given.iter().filter_map(|(name, value)| {
        let options = wanted.get(*name)?.options.as_ref()?;
        (!options.contains(value)).then(|| format!("{name} does not allow {value}"))
    });
    unknown.chain(missing).chain(not_allowed)
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    fn with(inputs: &[(&str, Input)]) -> WorkflowText {
        let inputs = inputs.iter().map(|(name, input)| ((*name).to_owned(), input.clone())).collect();
        WorkflowText { inputs: Some(inputs), ..WorkflowText::default() }
    }

    #[test]
    fn each_input_that_github_refuses_blocks() {
        let required = Input { is_required: true, ..Input::default() };
        let filled = Input { has_default: true, ..required.clone() };
        let choice = Input { options: Some(vec!["prod".into()]), ..Input::default() };
        let given = |all: &[(&'static str, &str)]| -> BTreeMap<&str, String> {
            all.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
        };
        for (wanted, sent, fault) in [
            (with(&[]), given(&[]), None),
            (with(&[("version", required.clone())]), given(&[("version", "2.1.0")]), None),
            (with(&[("version", filled)]), given(&[]), None),
            (with(&[("env", choice.clone())]), given(&[("env", "prod")]), None),
            (with(&[("env", choice)]), given(&[("env", "test")]), Some("env does not allow test")),
            (with(&[("version", required)]), given(&[]), Some("version is required")),
            (with(&[]), given(&[("tag", "v1")]), Some("tag is unknown")),
        ] {
            let found = judge("release.yml", &wanted, &sent);
            let state = if fault.is_some() { ReadinessState::Blocked } else { ReadinessState::Ready };
            assert_eq!(found.state, state, "{sent:?}");
            assert!(found.sentence.contains(fault.unwrap_or("takes the start")), "{}", found.sentence);
        }
        assert_eq!(judge("r.yml", &WorkflowText::default(), &given(&[])).state, ReadinessState::Blocked);
        assert_eq!(missing("r.yml").state, ReadinessState::Blocked);
    }
}
