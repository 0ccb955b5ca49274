//! AWS: task definitions, the service and its tasks, images, logs, and whose credentials they are.

use async_trait::async_trait;
use greenlight_types::Stamp;

use super::PortResult;

/// A task definition revision with its untouched JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskDefinition {
    /// ARN with revision.
    pub arn: String,
    /// Its number.
    pub revision: u32,
    /// The `taskDefinition` object exactly as the service sent it.
    pub definition: serde_json::Value,
    /// The `tags` array beside it (TRAP-T2).
    pub tags: serde_json::Value,
    /// Who registered it, and when, if the service says so.
    pub registered: Option<(String, Stamp)>,
}

/// ECS task definitions as raw JSON (TRAP-T1: a typed SDK drops fields that it does not know).
#[async_trait]
pub trait TaskDefinitions: Send + Sync {
    /// Describes one revision by ARN or `family:revision`, or the newest ACTIVE one by family, tags included.
    /// `None` when there is none.
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>>;
    /// Registers this body exactly as it is; sent ONCE. Returns what the service answered.
    async fn register(&self, body: &serde_json::Value) -> PortResult<TaskDefinition>;
}

/// A deployment of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// Deployment id: `ecs-svc/…`.
    pub id: String,
    /// `PRIMARY`, `ACTIVE`, `INACTIVE`.
    pub status: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// `IN_PROGRESS`, `COMPLETED`, `FAILED`; empty when not sent.
    pub rollout_state: String,
    /// In AWS's words.
    pub rollout_reason: String,
    /// Wanted tasks.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Failed tasks so far.
    pub failed: u32,
    /// When it was created.
    pub created_at: Stamp,
}

/// A service as AWS describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceSnapshot {
    /// ARN of the revision the service is set to.
    pub task_definition: String,
    /// Wanted tasks.
    pub desired: u32,
    /// Running tasks.
    pub running: u32,
    /// Its deployments.
    pub deployments: Vec<Deployment>,
    /// Whether the circuit breaker is on, and whether it rolls back.
    pub breaker: Option<(bool, bool)>,
}

impl ServiceSnapshot {
    /// The deployment in charge.
    #[must_use]
    pub fn primary(&self) -> Option<&Deployment> {
        self.deployments.iter().find(|deployment| deployment.status == "PRIMARY")
    }
}

/// A task of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSnapshot {
    /// Task id: the last part of its ARN.
    pub id: String,
    /// ARN of its revision.
    pub task_definition: String,
    /// `PROVISIONING`, `PENDING`, `RUNNING`, `STOPPED`, …
    pub last_status: String,
    /// `HEALTHY`, `UNHEALTHY`, `UNKNOWN`.
    pub health: String,
    /// Why it stopped, in AWS's words.
    pub stopped_reason: String,
    /// Exit code of the profile's container, when it ended.
    pub exit_code: Option<i32>,
    /// Digest of the image of the profile's container.
    pub image_digest: String,
    /// When it was created.
    pub created_at: Stamp,
}

/// The ECS service of the profile.
#[async_trait]
pub trait Services: Send + Sync {
    /// Describes the service; `None` when AWS does not know it.
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>>;
    /// Its tasks, running and recently stopped (listed for about an hour, TRAP-E9), all pages.
    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>>;
}

/// An image of the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// `sha256:…`.
    pub digest: String,
    /// When it was pushed.
    pub pushed_at: Stamp,
}

/// The image repository of the profile.
#[async_trait]
pub trait Images: Send + Sync {
    /// The image with this tag; `None` when the name is free.
    async fn find(&self, tag: &str) -> PortResult<Option<Image>>;
    /// Whether a tag may be overwritten (`imageTagMutability`); `None` when AWS does not say so.
    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>>;
}

/// One event of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// Event id; unique within the group.
    pub id: String,
    /// Stream: `prefix/container/taskId`.
    pub stream: String,
    /// When it was written, in ms since 1970.
    pub at_ms: i64,
    /// The text.
    pub message: String,
}

/// One page of a log group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogPage {
    /// Events; may be empty although there is a next page (TRAP-L4).
    pub events: Vec<LogEvent>,
    /// Token of the next page.
    pub next: Option<String>,
}

/// The log group of the profile.
#[async_trait]
pub trait Logs: Send + Sync {
    /// Events written at or after `from_ms`, one page.
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage>;
}

/// The AWS identity in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsIdentity {
    /// Account of twelve digits.
    pub account: String,
    /// ARN.
    pub arn: String,
}

/// STS.
#[async_trait]
pub trait CloudIdentity: Send + Sync {
    /// `GetCallerIdentity`.
    async fn whoami(&self) -> PortResult<AwsIdentity>;
}
