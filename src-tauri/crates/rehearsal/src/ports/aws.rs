//! Ports to ECS, ECR, CloudWatch Logs and STS.

use std::hash::{DefaultHasher, Hash, Hasher};

use async_trait::async_trait;
use greenlight_engine::ports::{
    AwsIdentity, CircuitBreaker, CloudIdentity, Deployment, DeploymentStatus, Image, Images, LogEvent, LogPage, Logs,
    PortResult, RolloutState, ServiceSnapshot, Services, TaskDefinition, TaskDefinitions, TaskHealth, TaskSnapshot,
    TaskStatus,
};
use greenlight_types::{ErrorCode, Failure};
use serde_json::{Value, json};

use super::{InProcess, stamp};
use crate::world::{
    ACCOUNT, Definition, FAMILY, World, definition,
    record::Op,
    service::{self, Status},
};

/// Most events on one page of the log group.
const PAGE: usize = 100;

#[async_trait]
impl TaskDefinitions for InProcess {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        self.read("task_definitions.describe", |world| {
            let found = world.definition(name).cloned();
            if let Some(found) = &found
                && world.record.is_on()
            {
                let at = world.now_ms();
                let mut definition = found.definition.clone();
                definition["tags"] = found.tags.clone();
                world.record.told(at, Op::Described { arn: definition::arn(found.revision), definition });
            }
            Ok(found.as_ref().map(described))
        })
        .await
    }

    async fn register(&self, body: &Value) -> PortResult<TaskDefinition> {
        self.change("task_definitions.register", |world| {
            world
                .register_definition(body)
                .map(described)
                .map_err(|why| Failure::new(ErrorCode::AwsRefused, "save the start-up settings").because(why))
        })
        .await
    }
}

fn described(definition: &Definition) -> TaskDefinition {
    TaskDefinition {
        arn: definition::arn(definition.revision),
        revision: definition.revision,
        definition: definition.definition.clone(),
        tags: definition.tags.clone(),
        registered: None,
    }
}

#[async_trait]
impl Services for InProcess {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        self.read("services.describe", |world| {
            tell(world);
            Ok(Some(snapshot(world)))
        })
        .await
    }

    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.read("services.tasks", |world| {
            tell(world);
            let has_check = world.rules.has_health_check;
            // Most tasks share a revision, and this runs every few seconds.
            let mut known = (0, String::new());
            let tasks = world.service.tasks.iter().map(|task| {
                if known.0 != task.revision {
                    known = (task.revision, definition::arn(task.revision));
                }
                task_snapshot(task, &known.1, has_check)
            });
            Ok(tasks.collect())
        })
        .await
    }
}

fn snapshot(world: &World) -> ServiceSnapshot {
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let running_of =
        |id: &str| count(world.service.tasks.iter().filter(|task| task.deployment == id && task.is_running()).count());
    let primary = world.service.deployments.last();
    let deployments = world.service.deployments.iter().rev().map(|one| Deployment {
        id: one.id.clone(),
        status: status_of(world, one),
        task_definition: definition::arn(one.revision),
        rollout_state: RolloutState::parse(one.rollout.word()),
        rollout_reason: one.reason.clone(),
        desired: count(world.rules.desired),
        running: running_of(&one.id),
        failed: one.failed,
        created_at: stamp(one.created_ms),
    });
    ServiceSnapshot {
        task_definition: definition::arn(primary.map_or(definition::FIRST, |primary| primary.revision)),
        desired: count(world.rules.desired),
        running: count(world.service.tasks.iter().filter(|task| task.is_running()).count()),
        deployments: deployments.collect(),
        breaker: Some(CircuitBreaker {
            is_enabled: world.rules.breaker.is_some(),
            rolls_back: world.rules.breaker.is_some_and(|breaker| breaker.rolls_back),
        }),
    }
}

fn status_of(world: &World, deployment: &service::Deployment) -> DeploymentStatus {
    let is_primary = world.service.deployments.last().is_some_and(|primary| primary.id == deployment.id);
    if is_primary { DeploymentStatus::Primary } else { DeploymentStatus::Active }
}

fn task_snapshot(task: &service::Task, arn: &str, has_health_check: bool) -> TaskSnapshot {
    let (last, health) = task.words(has_health_check);
    TaskSnapshot {
        id: task.id.clone(),
        task_definition: arn.to_owned(),
        last_status: TaskStatus::parse(last),
        health: TaskHealth::parse(health),
        stopped_reason: task.reason.clone(),
        exit_code: task.exit,
        image_digest: task.digest.clone().unwrap_or_default(),
        created_at: stamp(task.created_ms),
    }
}

/// Records the state of the service when it differs from the last one.
fn tell(world: &mut World) {
    if !world.record.is_on() || !world.record.caller().is_answered {
        return;
    }
    let mut hasher = DefaultHasher::new();
    // The answer omits stopped tasks, so the hash omits them too.
    for task in world.service.tasks.iter().filter(|task| task.status != Status::Stopped) {
        (task.created_ms, task.status).hash(&mut hasher);
    }
    for deployment in &world.service.deployments {
        (&deployment.id, deployment.rollout.word()).hash(&mut hasher);
    }
    if !world.looks_new(hasher.finish()) {
        return;
    }
    let seen = snapshot(world);
    let deployments: Vec<Value> = seen
        .deployments
        .iter()
        .map(|one| {
            json!({ "id": one.id, "status": one.status, "arn": one.task_definition, "rolloutState": one.rollout_state,
                    "running": one.running, "desired": one.desired })
        })
        .collect();
    let tasks: Vec<Value> = world
        .service
        .tasks
        .iter()
        .filter(|task| task.status != Status::Stopped)
        .map(|task| {
            let (last, health) = task.words(world.rules.has_health_check);
            json!({ "id": task.id, "arn": definition::arn(task.revision), "lastStatus": last, "health": health,
                    "digest": task.digest })
        })
        .collect();
    let at = world.now_ms();
    world.record.told(at, Op::ServiceSeen { deployments: json!(deployments), tasks: json!(tasks) });
}

#[async_trait]
impl Images for InProcess {
    async fn find(&self, tag: &str) -> PortResult<Option<Image>> {
        self.read("images.find", |world| {
            let found = world.images().iter().find(|image| image.tag == tag).cloned();
            let at = world.now_ms();
            let digest = found.as_ref().map(|image| image.digest.clone());
            world.record.told(at, Op::ImageSeen { tag: tag.to_owned(), digest });
            Ok(found.map(|image| Image { digest: image.digest, pushed_at: stamp(image.pushed_ms) }))
        })
        .await
    }

    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>> {
        self.read("images.tags_may_be_overwritten", |world| Ok(Some(!world.rules.has_immutable_tags))).await
    }
}

#[async_trait]
impl Logs for InProcess {
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage> {
        let after = token.and_then(|token| token.strip_prefix("after-")).unwrap_or_default().to_owned();
        let is_first = token.is_none();
        self.read("logs.page", |world| {
            if is_first && world.rules.has_empty_pages {
                return Ok(LogPage { events: Vec::new(), next: Some("after-".to_owned()) });
            }
            let (page, has_more) = world.log_page(from_ms, &after, PAGE);
            let next = page.last().filter(|_| has_more).map(|last| format!("after-{}", last.id));
            let events = page
                .into_iter()
                .map(|line| LogEvent {
                    id: line.id.clone(),
                    stream: line.stream.clone(),
                    at_ms: line.at_ms,
                    message: line.message.clone(),
                })
                .collect();
            Ok(LogPage { events, next })
        })
        .await
    }
}

#[async_trait]
impl CloudIdentity for InProcess {
    async fn whoami(&self) -> PortResult<AwsIdentity> {
        self.read("identity.whoami", |_| {
            Ok(AwsIdentity { account: ACCOUNT.to_owned(), arn: format!("arn:aws:iam::{ACCOUNT}:user/practice") })
        })
        .await
    }
}

impl World {
    /// Finds a revision by ARN, by `family:revision`, or the newest of the family.
    #[must_use]
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        let name = name.rsplit('/').next().unwrap_or(name);
        let (family, revision) = name.split_once(':').unwrap_or((name, ""));
        self.definitions()
            .iter()
            .rev()
            .find(|one| family == FAMILY && (revision.is_empty() || revision == one.revision.to_string()))
    }
}
