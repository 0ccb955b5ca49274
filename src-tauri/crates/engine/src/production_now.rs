//! Reads production without a run: servers and site. Changes nothing.

use std::collections::BTreeMap;

use greenlight_types::{ErrorCode, Failure, Profile, ServerNow, ServerState, ServersNow, SiteView, Version};
use regex::Regex;

use crate::{
    ports::{Ports, ServiceSnapshot, TaskDefinition, TaskHealth, TaskSnapshot, TaskStatus, revision_name},
    profile,
    rollout::is_alive,
    steps::{check_account, image_of, missing_on_aws},
};

/// Most revisions whose version is read. A service in order has one, or two during a rollout.
const REVISIONS_MAX: usize = 5;

/// The servers of the profile's service.
///
/// # Errors
/// `Unconfirmed` when the profile names no cluster or service; `AwsMissing` and `WrongAccount` for
/// another service or account; the failure of AWS.
pub async fn servers(ports: &Ports, profile: &Profile) -> Result<ServersNow, Failure> {
    let missing = profile::unconfirmed(profile);
    if let Some(value) = missing.iter().find(|value| value.key.starts_with("aws.")) {
        return Err(Failure::new(ErrorCode::Unconfirmed, "look at the servers")
            .because(format!("{} was never confirmed by a person", value.label))
            .with("key", value.key.clone())
            .with("label", value.label.clone()));
    }
    let Some(service) = ports.services.describe().await? else {
        return Err(missing_on_aws(&profile.aws.service));
    };
    check_account(profile, &service)?;
    let tasks = ports.services.tasks().await?;
    let mut versions = BTreeMap::new();
    for task in tasks.iter().filter(|task| is_alive(task)) {
        let revision = &task.task_definition;
        if versions.len() < REVISIONS_MAX && !versions.contains_key(revision) {
            let definition = ports.task_definitions.describe(revision).await?;
            let version = definition.as_ref().and_then(|definition| version_of(profile, definition));
            versions.insert(revision.clone(), version);
        }
    }
    Ok(described(&service, &tasks, &versions))
}

/// The site of the profile, with the version that it shows.
///
/// # Errors
/// The failure of the site, when it gave no answer at all.
pub async fn site(ports: &Ports, profile: &Profile) -> Result<SiteView, Failure> {
    let site = &profile.site;
    let answer = ports.site.get(&site.url).await?;
    let version = match Regex::new(&site.version_pattern).ok().filter(|_| !site.version_url.is_empty()) {
        // The state of the site does not depend on the page of its version.
        Some(pattern) => ports.site.get(&site.version_url).await.ok().and_then(|shown| {
            let found = pattern.captures(&shown.body)?.get(1)?;
            Some(found.as_str().to_owned())
        }),
        None => None,
    };
    Ok(SiteView { is_up: answer.status < 400, status: answer.status, answer_ms: answer.took_ms, version })
}

/// The version that the image of a task definition names.
pub(crate) fn version_of(profile: &Profile, definition: &TaskDefinition) -> Option<Version> {
    version_of_image(profile, image_of(definition, &profile.aws.container)?)
}

fn version_of_image(profile: &Profile, image: &str) -> Option<Version> {
    let (_, tag) = image.split('@').next()?.rsplit_once(':')?;
    Version::from_spelling(&profile.aws.image_tag, tag)
}

/// The servers, with the version of each revision that is known.
pub(crate) fn described(
    service: &ServiceSnapshot,
    tasks: &[TaskSnapshot],
    versions: &BTreeMap<String, Option<Version>>,
) -> ServersNow {
    let mut alive: Vec<&TaskSnapshot> = tasks.iter().filter(|task| is_alive(task)).collect();
    alive.sort_by_key(|task| (task.created_at, task.id.clone()));
    ServersNow {
        desired: service.desired,
        servers: alive
            .into_iter()
            .map(|task| ServerNow {
                version: versions.get(&task.task_definition).cloned().flatten(),
                revision: revision_name(&task.task_definition).to_owned(),
                state: state(task),
            })
            .collect(),
        is_replacing: service.is_replacing(),
        since: service.primary().map(|one| one.created_at),
    }
}

fn state(task: &TaskSnapshot) -> ServerState {
    match (&task.last_status, task.health) {
        (TaskStatus::Running, TaskHealth::Unhealthy) => ServerState::Unhealthy,
        (TaskStatus::Running, TaskHealth::Healthy | TaskHealth::Unknown) => ServerState::Serving,
        _ => ServerState::Starting,
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::Timestamp;

    use super::*;
    use crate::{
        act::test_support::draft,
        ports::{Deployment, DeploymentSettings, DeploymentStatus, RolloutState, StopCode},
    };

    const OLD: &str = "arn:aws:ecs:us-east-1:1:task-definition/rally-prod:142";

    fn deployment(status: DeploymentStatus, rollout_state: RolloutState) -> Deployment {
        Deployment {
            id: "ecs-svc/1".into(),
            status,
            task_definition: OLD.into(),
            rollout_state,
            rollout_reason: String::new(),
            desired: 2,
            running: 2,
            pending: 0,
            failed: 0,
            created_at: Timestamp::EPOCH,
        }
    }

    fn service(deployments: Vec<Deployment>) -> ServiceSnapshot {
        ServiceSnapshot {
            task_definition: OLD.into(),
            desired: 2,
            running: 2,
            deployments,
            settings: DeploymentSettings::default(),
            events: Vec::new(),
        }
    }

    fn task(last_status: TaskStatus, health: TaskHealth) -> TaskSnapshot {
        TaskSnapshot {
            id: "t".into(),
            task_definition: OLD.into(),
            last_status,
            health,
            deployment: String::new(),
            stop_code: StopCode::NotSent,
            stopped_reason: String::new(),
            stopped_at: None,
            exit_code: None,
            image_digest: String::new(),
            created_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn the_version_is_read_from_the_name_of_the_package() {
        let profile = &draft().profile;
        let read = |image: &str| version_of_image(profile, image).map(|version| version.to_string());
        assert_eq!(read("r.example/rally:RALLY-V2_0_1_11-RELEASE").as_deref(), Some("2.0.1.11"));
        assert_eq!(read("r.example:5000/rally:RALLY-V2_1_0_0-RELEASE@sha256:ab").as_deref(), Some("2.1.0"));
        for foreign in ["r.example/rally:latest", "r.example/rally", "r.example/rally@sha256:ab", ""] {
            assert_eq!(read(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_server_serves_only_while_it_runs_and_its_health_check_does_not_fail() {
        for (status, health, expected) in [
            (TaskStatus::Running, TaskHealth::Healthy, ServerState::Serving),
            (TaskStatus::Running, TaskHealth::Unknown, ServerState::Serving),
            (TaskStatus::Running, TaskHealth::Unhealthy, ServerState::Unhealthy),
            (TaskStatus::Pending, TaskHealth::Unknown, ServerState::Starting),
        ] {
            assert_eq!(state(&task(status.clone(), health)), expected, "{status:?} {health:?}");
        }
    }

    #[test]
    fn stopping_servers_are_left_out_and_an_unknown_version_stays_unknown() {
        let tasks = [
            task(TaskStatus::Running, TaskHealth::Healthy),
            task(TaskStatus::Stopping, TaskHealth::Healthy),
            task(TaskStatus::Stopped, TaskHealth::Unknown),
        ];
        let seen = described(&service(Vec::new()), &tasks, &BTreeMap::new());
        let revision = "rally-prod:142".to_owned();
        assert_eq!(seen.servers, [ServerNow { version: None, revision, state: ServerState::Serving }]);
        assert_eq!((seen.desired, seen.is_replacing, seen.since), (2, false, None));
    }

    #[test]
    fn a_deployment_under_way_or_a_second_one_replaces_servers() {
        let completed = || deployment(DeploymentStatus::Primary, RolloutState::Completed);
        let is_replacing = |all: Vec<Deployment>| described(&service(all), &[], &BTreeMap::new()).is_replacing;
        assert!(!is_replacing(vec![completed()]));
        assert!(is_replacing(vec![deployment(DeploymentStatus::Primary, RolloutState::InProgress)]));
        assert!(is_replacing(vec![completed(), deployment(DeploymentStatus::Active, RolloutState::Completed)]));
    }
}
