//! The newest task definition of the family is the one that runs.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::{PortResult, TaskDefinition, revision_name},
    time,
};

pub struct NewestSettings;

#[async_trait]
impl Check for NewestSettings {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::NewestSettings
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let (service, newest) = (subject.reads.service().await?, subject.reads.newest().await?);
        Ok(judge(&service.task_definition, &newest))
    }
}

fn judge(running: &str, newest: &TaskDefinition) -> Finding {
    let name = revision_name(&newest.arn);
    if newest.arn == running {
        return Finding::ready(format!("The newest start-up settings ({name}) are the ones that run"));
    }
    let who =
        newest.registered.as_ref().map_or_else(String::new, |(by, at)| format!(" by {by} on {}", time::in_words(*at)));
    Finding::later(
        format!("Newer start-up settings ({name}) were saved{who}. {} runs", revision_name(running)),
        "Prepare asks which of the two the new settings are based on.",
    )
    .instruct("Ask who saved them whether they belong to this release.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Timestamp};

    use super::*;

    #[test]
    fn newer_settings_are_a_choice_and_name_their_author() {
        let newest = TaskDefinition {
            arn: "arn:aws:ecs:us-east-1:1:task-definition/rally-prod:143".into(),
            revision: 143,
            definition: serde_json::Value::Null,
            tags: serde_json::Value::Null,
            registered: Some(("dev".into(), Timestamp::EPOCH)),
        };
        assert_eq!(judge(&newest.arn, &newest).state, ReadinessState::Ready);
        let found = judge("arn:aws:ecs:us-east-1:1:task-definition/rally-prod:142", &newest);
        assert_eq!(found.state, ReadinessState::Later);
        assert!(
            found.sentence.contains("by dev") && found.sentence.contains("rally-prod:142 runs"),
            "{}",
            found.sentence
        );
    }
}
