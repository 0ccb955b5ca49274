//! The newest task definition has the roles of the one that runs.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};
use serde_json::Value;

use super::super::check::{Check, Finding, Subject};
use crate::ports::{PortResult, revision_name};

pub struct Roles;

#[async_trait]
impl Check for Roles {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Roles
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let (running, newest) = (subject.reads.running().await?, subject.reads.newest().await?);
        Ok(judge(&running.definition, &newest.definition, revision_name(&newest.arn)))
    }
}

/// Members of a task definition, and their use.
const ROLES: [(&str, &str); 2] = [("executionRoleArn", "to start the program"), ("taskRoleArn", "for the program")];

fn judge(running: &Value, newest: &Value, name: &str) -> Finding {
    let role = |definition: &Value, key: &str| {
        let arn = definition[key].as_str().unwrap_or_default();
        arn.rsplit('/').next().filter(|role| !role.is_empty()).map(str::to_owned)
    };
    let changes: Vec<String> = ROLES
        .iter()
        // The whole ARN counts: another account may have a role of the same name.
        .filter(|(key, _)| running[*key] != newest[*key])
        .map(|(key, use_of)| match (role(running, key), role(newest, key)) {
            (Some(before), None) => format!("the role {use_of} is missing (it was {before})"),
            (Some(before), Some(after)) => format!("the role {use_of} is {after} instead of {before}"),
            (None, Some(after)) => format!("the role {use_of} is {after}, and there was none"),
            (None, None) => format!("the role {use_of} cannot be read"),
        })
        .collect();
    if changes.is_empty() {
        return Finding::ready("The newest start-up settings have the roles of those that run");
    }
    Finding::choose(
        format!("In the newest start-up settings ({name}), {}", changes.join("; ")),
        "With other rights the new version may not start, or may not reach its data.",
    )
    .instruct("Ask who changed the role whether that belongs to this release.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_changed_role_is_a_choice_and_is_named() {
        let definition = |execution: Value, task: Value| json!({ "executionRoleArn": execution, "taskRoleArn": task });
        let arn = |name: &str| json!(format!("arn:aws:iam::1234:role/{name}"));
        let running = definition(arn("start"), arn("run"));
        for (newest, part) in [
            (running.clone(), None),
            (definition(arn("start"), arn("admin")), Some("for the program is admin instead of run")),
            (definition(Value::Null, arn("run")), Some("to start the program is missing (it was start)")),
            (definition(json!("arn:aws:iam::9:role/start"), arn("run")), Some("start instead of start")),
        ] {
            let found = judge(&running, &newest, "rally-prod:143");
            let state = if part.is_some() { ReadinessState::Choose } else { ReadinessState::Ready };
            assert_eq!(found.state, state, "{newest}");
            assert!(found.sentence.contains(part.unwrap_or("have the roles")), "{}", found.sentence);
        }
        let none = definition(Value::Null, Value::Null);
        assert_eq!(judge(&none, &none, "r:1").state, ReadinessState::Ready);
        assert!(judge(&none, &running, "r:1").sentence.contains("there was none"));
    }
}
