//! ECS: the service and its tasks as AWS describes them.
//!
//! [`deployments`] reads the service deployments, [`listing`] lists clusters and services,
//! [`changes`] has the changing calls of the
//! service, and [`task_definitions`] has the task definitions as raw JSON. The engine interprets
//! the answers.

mod changes;
mod deployments;
mod listing;
mod raw;
mod snapshot;
pub mod task_definitions;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_ecs::{Client, config, types};
use aws_smithy_types::retry::RetryConfig;
use greenlight_engine::ports::{
    BreakerThreshold, PortResult, ServiceDeployments, ServiceSnapshot, Services, StopCode, StopKind, TaskHealth,
    TaskSnapshot, TaskStatus,
};
use greenlight_types::{ErrorCode, Failure};

use crate::aws::{AwsAccess, Call, fresh_connections, read_retries, timestamp};

/// Maximum number of pages of a listing: 5,000 tasks.
const PAGES_MAX: usize = 50;
/// Maximum number of tasks in one DescribeTasks (AWS API reference).
const BATCH: usize = 100;

const DESCRIBE: Call = Call::read("ask AWS about the service", "ecs:DescribeServices");
const LIST: Call = Call::read("list the servers of the service", "ecs:ListTasks");
const TASKS: Call = Call::read("ask AWS about the servers", "ecs:DescribeTasks");

/// One ECS service.
#[derive(Debug)]
pub struct EcsServices {
    access: AwsAccess,
    client: Client,
    cluster: String,
    service: String,
    container: String,
    /// Task definitions of service revisions, which never change.
    revisions: deployments::Revisions,
}

impl EcsServices {
    /// The service of a cluster. `container` names the container whose exit code and image are
    /// read.
    #[must_use]
    pub fn new(access: AwsAccess, cluster: &str, service: &str, container: &str) -> Self {
        let client = Client::new(access.sdk());
        Self {
            access,
            client,
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            container: container.to_owned(),
            revisions: deployments::Revisions::default(),
        }
    }

    async fn reading(&self, call: Call) -> PortResult<config::Builder> {
        reading(&self.access, call).await
    }

    async fn list(&self, status: types::DesiredStatus, arns: &mut BTreeSet<String>) -> PortResult<()> {
        let mut token = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .client
                .list_tasks()
                .cluster(&self.cluster)
                .service_name(&self.service)
                .desired_status(status.clone())
                .set_next_token(token)
                .customize()
                .config_override(self.reading(LIST).await?)
                .send()
                .await
                .map_err(|error| LIST.failure(error))?;
            arns.extend(page.task_arns.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                return Ok(());
            }
        }
        Err(LIST.missing("an end of its list of servers"))
    }

    fn task(&self, task: &types::Task) -> PortResult<TaskSnapshot> {
        let container = task.containers().iter().find(|container| container.name() == Some(self.container.as_str()));
        let reasons = [task.stopped_reason(), container.and_then(types::Container::reason)];
        Ok(TaskSnapshot {
            id: task
                .task_arn()
                .and_then(|arn| arn.rsplit('/').next())
                .ok_or_else(|| TASKS.missing("the ARN of a task"))?
                .to_owned(),
            task_definition: task.task_definition_arn().unwrap_or_default().to_owned(),
            last_status: TaskStatus::parse(task.last_status().unwrap_or_default()),
            health: task.health_status().map_or(TaskHealth::Unknown, |health| TaskHealth::parse(health.as_str())),
            deployment: task.started_by().filter(|by| by.starts_with("ecs-svc/")).unwrap_or_default().to_owned(),
            stop_code: StopCode::parse(task.stop_code().map_or("", types::TaskStopCode::as_str)),
            stopped_at: timestamp(task.stopped_at()),
            stopped_reason: reasons
                .into_iter()
                .flatten()
                .filter(|text| !text.is_empty())
                .collect::<Vec<_>>()
                .join("; "),
            exit_code: container.and_then(types::Container::exit_code),
            image_digest: container.and_then(types::Container::image_digest).unwrap_or_default().to_owned(),
            created_at: timestamp(task.created_at()).ok_or_else(|| TASKS.missing("createdAt of a task"))?,
        })
    }
}

/// Settings of a read: the current credential, and retries.
pub(crate) async fn reading(access: &AwsAccess, call: Call) -> PortResult<config::Builder> {
    let credentials = access.credentials(call.summary).await?;
    Ok(config::Config::builder().credentials_provider(credentials).retry_config(read_retries()))
}

/// Settings of a change: the current credential, no retry, and a connection that was never idle
/// (docs/invariants.md#retries).
pub(crate) async fn changing(access: &AwsAccess, call: Call) -> PortResult<config::Builder> {
    let credentials = access.credentials(call.summary).await?;
    Ok(config::Config::builder()
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .http_client(fresh_connections()))
}

#[async_trait]
impl Services for EcsServices {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        let answer = self
            .client
            .describe_services()
            .cluster(&self.cluster)
            .services(&self.service)
            .customize()
            .config_override(self.reading(DESCRIBE).await?)
            .send()
            .await
            .map_err(|error| DESCRIBE.failure(error))?;
        if let Some(failed) = answer.failures().iter().find(|failed| failed.reason() != Some("MISSING")) {
            return Err(Failure::new(ErrorCode::AwsMissing, DESCRIBE.summary)
                .because(failed.reason().unwrap_or("AWS gave no reason"))
                .because(failed.detail().unwrap_or_default()));
        }
        // AWS describes a deleted service as INACTIVE for a while.
        let Some(service) = answer.services().iter().find(|service| service.status() != Some("INACTIVE")) else {
            return Ok(None);
        };
        snapshot::service(DESCRIBE, service).map(Some)
    }

    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        // A set, because a task may move from one list to the other between the calls.
        let mut arns = BTreeSet::new();
        self.list(types::DesiredStatus::Running, &mut arns).await?;
        self.list(types::DesiredStatus::Stopped, &mut arns).await?;
        let arns: Vec<String> = arns.into_iter().collect();
        let mut tasks = Vec::with_capacity(arns.len());
        for batch in arns.chunks(BATCH) {
            let answer = self
                .client
                .describe_tasks()
                .cluster(&self.cluster)
                .set_tasks(Some(batch.to_vec()))
                .customize()
                .config_override(self.reading(TASKS).await?)
                .send()
                .await
                .map_err(|error| TASKS.failure(error))?;
            for task in answer.tasks() {
                tasks.push(self.task(task)?);
            }
        }
        Ok(tasks)
    }

    async fn deployments(&self) -> PortResult<ServiceDeployments> {
        self.list_deployments().await
    }

    async fn set_breaker_threshold(&self, threshold: &BreakerThreshold) -> PortResult<ServiceSnapshot> {
        self.change_threshold(threshold).await
    }

    async fn force_new_deployment(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.start_deployment(task_definition, true).await
    }

    async fn roll_back_to(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.start_deployment(task_definition, false).await
    }

    async fn stop_deployment(&self, arn: &str, kind: StopKind) -> PortResult<()> {
        self.end_deployment(arn, kind).await
    }
}
