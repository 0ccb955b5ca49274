//! The task definition that runs has the container of the profile, with an image of its repository.

use async_trait::async_trait;
use greenlight_types::{Profile, ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::{
    ports::{PortResult, TaskDefinition, revision_name},
    steps::image_of,
};

pub struct Container;

#[async_trait]
impl Check for Container {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Container
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Production
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.run.profile, &subject.reads.running().await?))
    }
}

fn judge(profile: &Profile, running: &TaskDefinition) -> Finding {
    let (container, name) = (&profile.aws.container, revision_name(&running.arn));
    let Some(image) = image_of(running, container) else {
        return Finding::blocked(
            format!("{name} has no container {container}"),
            "Prepare puts the new package into this container.",
        )
        .instruct("Ask a developer whether the container has another name.");
    };
    let repository = format!("{}/{}", profile.registry(), profile.aws.image_repository);
    if image.strip_prefix(&repository).is_some_and(|rest| rest.starts_with([':', '@'])) {
        return Finding::ready(format!("{container} runs a package of {}", profile.aws.image_repository));
    }
    Finding::choose(
        format!("{container} runs a package of another repository: {image}"),
        format!("Prepare puts a package of {repository} in its place."),
    )
    .instruct("Ask a developer whether the repository has moved.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;
    use serde_json::json;

    use super::*;
    use crate::act::test_support::draft;

    #[test]
    fn container_and_repository_are_compared() {
        let profile = draft().profile;
        let running = |name: &str, image: &str| TaskDefinition {
            arn: "arn:aws:ecs:us-east-1:1:task-definition/rally-prod:142".into(),
            revision: 142,
            definition: json!({ "containerDefinitions": [{ "name": name, "image": image }] }),
            tags: json!([]),
            registered: None,
        };
        let (container, repository) =
            (&profile.aws.container, format!("{}/{}", profile.registry(), profile.aws.image_repository));
        let state = |name: &str, image: &str| judge(&profile, &running(name, image)).state;
        assert_eq!(state(container, &format!("{repository}:RALLY-V2_0_1_11-RELEASE")), ReadinessState::Ready);
        assert_eq!(state(container, &format!("{repository}@sha256:ab")), ReadinessState::Ready);
        assert_eq!(state(container, &format!("{repository}-old:1")), ReadinessState::Choose);
        assert_eq!(state(container, "docker.io/nginx"), ReadinessState::Choose);
        assert_eq!(state("sidecar", &format!("{repository}:1")), ReadinessState::Blocked);
    }
}
