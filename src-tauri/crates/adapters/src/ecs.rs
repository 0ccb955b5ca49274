//! ECS: the service and its tasks as AWS describes them. [`task_definitions`] has the task
//! definitions as raw JSON.
//!
//! Changes nothing. The engine interprets the answers.

pub mod task_definitions;

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_ecs::{Client, config, types};
use greenlight_engine::ports::{
    CircuitBreaker, Deployment, DeploymentStatus, PortResult, RolloutState, ServiceSnapshot, Services, TaskHealth,
    TaskSnapshot, TaskStatus,
};
use greenlight_types::{ErrorCode, Failure};

use crate::aws::{AwsAccess, Call, count, read_retries, timestamp};

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

fn deployment(deployment: &types::Deployment) -> PortResult<Deployment> {
    Ok(Deployment {
        id: deployment.id().ok_or_else(|| DESCRIBE.missing("the id of a deployment"))?.to_owned(),
        status: DeploymentStatus::parse(deployment.status().unwrap_or_default()),
        task_definition: deployment.task_definition().unwrap_or_default().to_owned(),
        rollout_state: RolloutState::parse(
            deployment.rollout_state().map_or("", types::DeploymentRolloutState::as_str),
        ),
        rollout_reason: deployment.rollout_state_reason().unwrap_or_default().to_owned(),
        desired: count(deployment.desired_count()),
        running: count(deployment.running_count()),
        failed: count(deployment.failed_tasks()),
        created_at: timestamp(deployment.created_at()).ok_or_else(|| DESCRIBE.missing("createdAt of a deployment"))?,
    })
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
        let breaker =
            service.deployment_configuration().and_then(types::DeploymentConfiguration::deployment_circuit_breaker);
        Ok(Some(ServiceSnapshot {
            task_definition: service.task_definition().unwrap_or_default().to_owned(),
            desired: count(service.desired_count()),
            running: count(service.running_count()),
            deployments: service.deployments().iter().map(deployment).collect::<PortResult<_>>()?,
            breaker: breaker
                .map(|breaker| CircuitBreaker { is_enabled: breaker.enable(), rolls_back: breaker.rollback() }),
        }))
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
}
