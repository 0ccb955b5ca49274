//! Ports to ECS, ECR, CloudWatch Logs and STS.

mod service;

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use async_trait::async_trait;
use greenlight_engine::ports::{
    AwsIdentity, BreakerThreshold, CloudIdentity, Image, Images, LogEvent, LogPage, Logs, PortResult,
    ServiceDeployments, ServiceSnapshot, Services, StopKind, TaskDefinition, TaskDefinitions, TaskSnapshot,
};
use greenlight_types::{ErrorCode, Failure, Timestamp};
use serde_json::{Value, json};

use self::service::{service_deployment, snapshot, task_snapshot};
use super::{InProcess, stamp};
use crate::world::{
    ACCOUNT, Definition, FAMILY, World, definition,
    record::Op,
    rules::Threshold,
    service::{self as world_service, Refusal, ServiceUpdate, Settings, Status},
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
        registered: registered(&definition.definition),
    }
}

/// The person who registered a definition, and when.
fn registered(definition: &Value) -> Option<(String, Timestamp)> {
    let since_1970 = Duration::try_from_secs_f64(definition["registeredAt"].as_f64()?).ok()?;
    let at_ms = i64::try_from(since_1970.as_millis()).ok()?;
    Some((definition["registeredBy"].as_str()?.to_owned(), stamp(at_ms)))
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

    async fn deployments(&self) -> PortResult<ServiceDeployments> {
        // Two calls, as AWS wants them: the service may change between listing and describing.
        let newest = self
            .read("services.list_deployments", |world| {
                let newest = world.service.history.iter().rev().take(ServiceDeployments::MAX);
                Ok(newest.map(|one| one.deployment.clone()).collect::<Vec<_>>())
            })
            .await?;
        self.read("services.describe_deployments", |world| {
            let is_listed = |one: &&world_service::ServiceDeployment| newest.contains(&one.deployment);
            let described = world.service.history.iter().rev().filter(is_listed);
            Ok(ServiceDeployments::Listed(described.map(|one| service_deployment(world, one)).collect()))
        })
        .await
    }

    async fn set_breaker_threshold(&self, threshold: &BreakerThreshold) -> PortResult<ServiceSnapshot> {
        let threshold = Threshold::parse(threshold.kind.word(), threshold.value);
        self.change("services.set_breaker_threshold", |world| {
            let settings = threshold.map(|threshold| Settings { threshold, ..world.settings() });
            if settings.is_none() || world.rules.breaker.is_none() {
                return Err(Failure::new(ErrorCode::AwsRefused, "change the limit of failed starts"));
            }
            updated(world, &ServiceUpdate { settings, ..ServiceUpdate::default() })
        })
        .await
    }

    async fn force_new_deployment(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.change("services.force_new_deployment", |world| {
            let revision = world.definition(task_definition).map(|one| one.revision);
            updated(world, &ServiceUpdate { revision: Some(revision.unwrap_or(0)), is_forced: true, settings: None })
        })
        .await
    }

    async fn roll_back_to(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.change("services.roll_back_to", |world| {
            let revision = world.definition(task_definition).map(|one| one.revision);
            updated(world, &ServiceUpdate { revision: Some(revision.unwrap_or(0)), ..ServiceUpdate::default() })
        })
        .await
    }

    async fn stop_deployment(&self, arn: &str, kind: StopKind) -> PortResult<()> {
        let kind = match kind {
            StopKind::Rollback => "ROLLBACK",
            StopKind::Abort => "ABORT",
        };
        self.change("services.stop_deployment", |world| world.stop_service_deployment(arn, kind).map_err(refusal)).await
    }
}

fn updated(world: &mut World, update: &ServiceUpdate) -> PortResult<ServiceSnapshot> {
    world.update_service(update).map_err(refusal)?;
    tell(world);
    Ok(snapshot(world))
}

fn refusal((name, why): Refusal) -> Failure {
    Failure::new(ErrorCode::AwsRefused, "change the service").with("aws_code", name).because(why)
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
