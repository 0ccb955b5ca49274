//! AWS: task definitions, the service and its tasks, images, logs, and the identity of the
//! credentials.

use async_trait::async_trait;
use greenlight_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    PortResult,
    deployments::{BreakerThreshold, DeploymentSettings, ServiceDeployments, ServiceEvent, StopCode, StopKind},
};

/// A task definition revision with its untouched JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDefinition {
    /// ARN with revision.
    pub arn: String,
    /// Number of the revision within its family.
    pub revision: u32,
    /// The `taskDefinition` object exactly as the service sent it.
    pub definition: serde_json::Value,
    /// The `tags` array of the same answer (TRAP-T2).
    pub tags: serde_json::Value,
    /// The person who registered it, and the time, if AWS sends them.
    pub registered: Option<(String, Timestamp)>,
}

/// `family:revision`, the last part of the ARN of a task definition.
#[must_use]
pub fn revision_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// ECS task definitions as raw JSON (TRAP-T1: a typed SDK drops fields that it does not know).
#[async_trait]
pub trait TaskDefinitions: Send + Sync {
    /// Describes one revision by ARN or `family:revision`, or the newest ACTIVE one by family, with
    /// its tags. `None` when there is none.
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>>;
    /// Registers this body unchanged. Sent once. Returns the answer of AWS.
    async fn register(&self, body: &serde_json::Value) -> PortResult<TaskDefinition>;
}

/// Status of a deployment within its service (ECS API, `Deployment.status`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentStatus {
    /// The newest deployment, which is in charge.
    Primary,
    /// An older deployment that still has running tasks.
    Active,
    /// A deployment that was replaced completely.
    Inactive,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl DeploymentStatus {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "PRIMARY" => Self::Primary,
            "ACTIVE" => Self::Active,
            "INACTIVE" => Self::Inactive,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Progress of a rolling deployment (ECS API, `Deployment.rolloutState`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RolloutState {
    /// Tasks are being replaced.
    InProgress,
    /// Every task was replaced.
    Completed,
    /// The circuit breaker ended the deployment.
    Failed,
    /// The service sends no state (a deployment controller other than `ECS`).
    #[serde(rename = "")]
    NotSent,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl RolloutState {
    /// Parses a value of the ECS API. An empty value is a state that was not sent.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "IN_PROGRESS" => Self::InProgress,
            "COMPLETED" => Self::Completed,
            "FAILED" => Self::Failed,
            "" => Self::NotSent,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Stage in the life of a task (ECS Developer Guide, "Amazon ECS task lifecycle").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskStatus {
    /// Before `Running`.
    Provisioning,
    /// Before `Running`.
    Pending,
    /// Before `Running`.
    Activating,
    /// Its containers run.
    Running,
    /// After `Running`.
    Deactivating,
    /// After `Running`.
    Stopping,
    /// After `Running`.
    Deprovisioning,
    /// The task has ended. ECS lists it for about an hour.
    Stopped,
    /// A value that this version does not know: neither serving nor stopped.
    #[serde(untagged)]
    Other(String),
}

impl TaskStatus {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "PROVISIONING" => Self::Provisioning,
            "PENDING" => Self::Pending,
            "ACTIVATING" => Self::Activating,
            "RUNNING" => Self::Running,
            "DEACTIVATING" => Self::Deactivating,
            "STOPPING" => Self::Stopping,
            "DEPROVISIONING" => Self::Deprovisioning,
            "STOPPED" => Self::Stopped,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// Health of a task (ECS API, `Task.healthStatus`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TaskHealth {
    /// The health check passes.
    Healthy,
    /// The health check fails.
    Unhealthy,
    /// No health check is defined, or it has not run yet.
    Unknown,
}

impl TaskHealth {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "HEALTHY" => Self::Healthy,
            "UNHEALTHY" => Self::Unhealthy,
            _ => Self::Unknown,
        }
    }
}

/// A deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Deployment id: `ecs-svc/…`.
    pub id: String,
    /// Whether the deployment is primary.
    pub status: DeploymentStatus,
    /// ARN of its revision.
    pub task_definition: String,
    pub rollout_state: RolloutState,
    /// Reason of the state in the words of AWS.
    pub rollout_reason: String,
    /// Number of wanted tasks.
    pub desired: u32,
    /// Number of running tasks.
    pub running: u32,
    /// Number of tasks that are not running yet.
    pub pending: u32,
    /// Number of failed tasks so far.
    pub failed: u32,
    pub created_at: Timestamp,
}

impl Deployment {
    /// Whether nothing of it runs or will run. AWS may go on listing a failed one.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let wants_nothing = self.status == DeploymentStatus::Inactive
            || self.rollout_state == RolloutState::Failed && self.desired == 0;
        wants_nothing && self.running == 0 && self.pending == 0
    }
}

/// A service as AWS describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSnapshot {
    /// ARN of the revision that the service is set to.
    pub task_definition: String,
    /// Number of wanted tasks.
    pub desired: u32,
    /// Number of running tasks.
    pub running: u32,
    pub deployments: Vec<Deployment>,
    pub settings: DeploymentSettings,
    /// The newest events of the service, newest first, at most [`ServiceSnapshot::EVENTS_MAX`].
    pub events: Vec<ServiceEvent>,
}

impl ServiceSnapshot {
    /// Maximum number of events of a snapshot. AWS lists no more (ECS API, `Service.events`).
    pub const EVENTS_MAX: usize = 100;

    /// The primary deployment.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == DeploymentStatus::Primary)
    }

    /// Whether AWS replaces servers: a deployment is in progress, or an older one is left.
    #[must_use]
    pub fn is_replacing(&self) -> bool {
        self.deployments.iter().filter(|one| !one.is_over()).count() > 1
            || self.primary().is_some_and(|one| one.rollout_state == RolloutState::InProgress)
    }

    /// The newest completed deployment that is not in charge. ECS rolls back to it (Amazon ECS
    /// developer guide, "How the Amazon ECS deployment circuit breaker detects failures").
    #[must_use]
    pub fn completed_before_primary(&self) -> Option<&Deployment> {
        let is_replaced =
            |one: &&Deployment| one.rollout_state == RolloutState::Completed && one.status != DeploymentStatus::Primary;
        self.deployments.iter().filter(is_replaced).max_by_key(|one| one.created_at)
    }

    /// ARN of the revision of the newest completed deployment with another revision than `ours`.
    #[must_use]
    pub fn completed_besides(&self, ours: &str) -> Option<&str> {
        let is_completed =
            |one: &&Deployment| one.rollout_state == RolloutState::Completed && one.task_definition != ours;
        let newest = self.deployments.iter().filter(is_completed).max_by_key(|one| one.created_at)?;
        Some(&newest.task_definition)
    }
}

/// A task of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskSnapshot {
    /// Task id: the last part of its ARN.
    pub id: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// Stage in the life of the task.
    pub last_status: TaskStatus,
    /// Result of the health check.
    pub health: TaskHealth,
    /// Id of the deployment that started it. Empty when AWS does not say.
    pub deployment: String,
    /// Kind of the stop.
    pub stop_code: StopCode,
    /// Reason of the stop in the words of AWS.
    pub stopped_reason: String,
    pub stopped_at: Option<Timestamp>,
    /// Exit code of the profile's container, once it ended.
    pub exit_code: Option<i32>,
    /// Digest of the image of the profile's container.
    pub image_digest: String,
    pub created_at: Timestamp,
}

/// The ECS service of the profile.
#[async_trait]
pub trait Services: Send + Sync {
    /// Describes the service. `None` when AWS does not know it.
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>>;
    /// All tasks that run or stopped recently. AWS lists a stopped task for about an hour
    /// (TRAP-E9).
    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>>;
    /// The newest service deployments.
    async fn deployments(&self) -> PortResult<ServiceDeployments>;
    /// Sets the threshold of the circuit breaker, and nothing else. Sent once. Refused without a
    /// breaker that is on.
    async fn set_breaker_threshold(&self, threshold: &BreakerThreshold) -> PortResult<ServiceSnapshot>;
    /// Starts a new deployment of this revision, although nothing changed. Sent once. Ends the
    /// back-off of tasks that never ran (TRAP-E4).
    async fn force_new_deployment(&self, task_definition: &str) -> PortResult<ServiceSnapshot>;
    /// Sets the service to this earlier revision, and nothing else. Sent once.
    async fn roll_back_to(&self, task_definition: &str) -> PortResult<ServiceSnapshot>;
    /// Stops a service deployment that is not over. Sent once.
    async fn stop_deployment(&self, arn: &str, kind: StopKind) -> PortResult<()>;
}

/// An image of the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// Digest in the form `sha256:…`.
    pub digest: String,
    pub pushed_at: Timestamp,
}

/// The image repository of the profile.
#[async_trait]
pub trait Images: Send + Sync {
    /// The image with this tag. `None` when the tag is free.
    async fn find(&self, tag: &str) -> PortResult<Option<Image>>;
    /// Whether a tag may be overwritten (`imageTagMutability`). `None` when the permission is
    /// missing, or when the answer depends on patterns.
    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>>;
}

/// One event of a log group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEvent {
    /// Id of the event, unique within the group.
    pub id: String,
    /// Name of the stream: `prefix/container/taskId`.
    pub stream: String,
    /// Time of writing, in ms since 1970.
    pub at_ms: i64,
    pub message: String,
}

/// One page of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPage {
    /// Events. May be empty although there is a next page (TRAP-L4).
    pub events: Vec<LogEvent>,
    /// Token of the next page.
    pub next: Option<String>,
}

/// The log group of the profile.
#[async_trait]
pub trait Logs: Send + Sync {
    /// One page of the events written at or after `from_ms`.
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage>;
}

/// The AWS identity in use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsIdentity {
    /// Account number of twelve digits.
    pub account: String,
    /// ARN of the user or role.
    pub arn: String,
}

/// The owner of the AWS credentials in use (AWS STS).
#[async_trait]
pub trait CloudIdentity: Send + Sync {
    /// `GetCallerIdentity`.
    async fn whoami(&self) -> PortResult<AwsIdentity>;
}
