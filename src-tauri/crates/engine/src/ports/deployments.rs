//! Service deployments: what AWS says about each rollout of the service, also about one that is
//! over; and the settings and changes that belong to them.

use greenlight_types::{FailureLimit, Timestamp};
use serde::{Deserialize, Serialize};

/// Status of a service deployment (ECS API, `ServiceDeployment.status`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ServiceDeploymentStatus {
    /// Created, not started.
    Pending,
    InProgress,
    Successful,
    /// A person or a newer deployment stopped it, or it failed without a rollback.
    Stopped,
    StopRequested,
    RollbackRequested,
    RollbackInProgress,
    RollbackSuccessful,
    RollbackFailed,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl ServiceDeploymentStatus {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "PENDING" => Self::Pending,
            "IN_PROGRESS" => Self::InProgress,
            "SUCCESSFUL" => Self::Successful,
            "STOPPED" => Self::Stopped,
            "STOP_REQUESTED" => Self::StopRequested,
            "ROLLBACK_REQUESTED" => Self::RollbackRequested,
            "ROLLBACK_IN_PROGRESS" => Self::RollbackInProgress,
            "ROLLBACK_SUCCESSFUL" => Self::RollbackSuccessful,
            "ROLLBACK_FAILED" => Self::RollbackFailed,
            other => Self::Other(other.to_owned()),
        }
    }

    /// Whether AWS puts another revision back, or has done so.
    #[must_use]
    pub fn is_rollback(&self) -> bool {
        match self {
            Self::RollbackRequested | Self::RollbackInProgress | Self::RollbackSuccessful | Self::RollbackFailed => {
                true
            }
            Self::Pending
            | Self::InProgress
            | Self::Successful
            | Self::Stopped
            | Self::StopRequested
            | Self::Other(_) => false,
        }
    }
}

/// Status of the circuit breaker of one deployment (ECS API,
/// `ServiceDeploymentCircuitBreaker.status`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum BreakerStatus {
    /// It ended the deployment.
    Triggered,
    Monitoring,
    MonitoringComplete,
    /// The service has no breaker.
    Disabled,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl BreakerStatus {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "TRIGGERED" => Self::Triggered,
            "MONITORING" => Self::Monitoring,
            "MONITORING_COMPLETE" => Self::MonitoringComplete,
            "DISABLED" => Self::Disabled,
            other => Self::Other(other.to_owned()),
        }
    }
}

/// AWS's own counter of failed starts of one deployment (TRAP-E3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerCount {
    pub status: BreakerStatus,
    /// Failed starts that AWS counts.
    pub failures: u32,
    /// Number of failed starts at which AWS gives up.
    pub threshold: u32,
}

/// One service deployment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceDeployment {
    pub arn: String,
    /// ARN of its target service revision. Its last part is the number in the id of the deployment
    /// that DescribeServices lists.
    pub revision_arn: String,
    /// ARN of the task definition of that revision. Empty when AWS does not say.
    pub task_definition: String,
    pub status: ServiceDeploymentStatus,
    /// Reason of the status in the words of AWS.
    pub reason: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Whether AWS began to put another revision back, by an order or by its breaker (ECS API,
    /// `ServiceDeployment.rollback`). A newer deployment may have stopped that.
    pub has_rollback: bool,
    /// `None` when AWS sends no counter.
    pub breaker: Option<BreakerCount>,
}

impl ServiceDeployment {
    /// Whether AWS's breaker ended it.
    #[must_use]
    pub fn has_tripped(&self) -> bool {
        self.breaker.as_ref().is_some_and(|breaker| breaker.status == BreakerStatus::Triggered)
    }
}

/// The newest service deployments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServiceDeployments {
    /// Newest first, at most [`ServiceDeployments::MAX`].
    Listed(Vec<ServiceDeployment>),
    /// AWS refuses to tell: the permission is missing, or it does not have the operation. A release
    /// goes on without.
    NotAvailable {
        /// The refusal in words.
        why: String,
    },
}

impl ServiceDeployments {
    /// Maximum number of deployments of an answer.
    pub const MAX: usize = 10;

    /// The listed deployments; none when they are not available.
    #[must_use]
    pub fn listed(&self) -> &[ServiceDeployment] {
        match self {
            Self::Listed(all) => all,
            Self::NotAvailable { .. } => &[],
        }
    }
}

/// How ECS calculates the threshold of the breaker (ECS API, `ThresholdConfiguration.type`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ThresholdKind {
    /// The value is the number of failed starts.
    Count,
    /// The value is a percentage of the wanted tasks; the result is 3 to 200.
    BoundedPercent,
    /// The value is a percentage of the wanted tasks.
    UnboundedPercent,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl ThresholdKind {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "COUNT" => Self::Count,
            "BOUNDED_PERCENT" => Self::BoundedPercent,
            "UNBOUNDED_PERCENT" => Self::UnboundedPercent,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The value of the ECS API.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Count => "COUNT",
            Self::BoundedPercent => "BOUNDED_PERCENT",
            Self::UnboundedPercent => "UNBOUNDED_PERCENT",
            Self::Other(word) => word,
        }
    }
}

/// The threshold of the breaker as it is set (ECS API, `ThresholdConfiguration`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakerThreshold {
    pub kind: ThresholdKind,
    pub value: u32,
}

impl Default for BreakerThreshold {
    /// The value of a service that sets none (ECS API reference, `ThresholdConfiguration`). Sending
    /// it is the same as never having set one.
    fn default() -> Self {
        Self { kind: ThresholdKind::BoundedPercent, value: 50 }
    }
}

impl From<&FailureLimit> for BreakerThreshold {
    fn from(limit: &FailureLimit) -> Self {
        Self { kind: ThresholdKind::parse(&limit.kind), value: limit.value }
    }
}

impl From<&BreakerThreshold> for FailureLimit {
    fn from(threshold: &BreakerThreshold) -> Self {
        Self { kind: threshold.kind.word().to_owned(), value: threshold.value }
    }
}

impl BreakerThreshold {
    /// Failed starts at which ECS gives up, for a number of wanted tasks (TRAP-E1). `None` for a
    /// kind that this version does not know.
    #[must_use]
    pub fn limit(&self, desired: u32) -> Option<u32> {
        let share = || u32::try_from((u64::from(desired) * u64::from(self.value)).div_ceil(100)).unwrap_or(u32::MAX);
        match self.kind {
            ThresholdKind::Count => Some(self.value),
            ThresholdKind::BoundedPercent => Some(share().clamp(3, 200)),
            ThresholdKind::UnboundedPercent => Some(share()),
            ThresholdKind::Other(_) => None,
        }
    }
}

/// The deployment circuit breaker of a service (ECS API, `DeploymentCircuitBreaker`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitBreaker {
    /// Whether failed starts end a deployment.
    pub is_enabled: bool,
    /// Whether ECS then rolls back to the last completed deployment.
    pub rolls_back: bool,
    pub threshold: BreakerThreshold,
    /// Whether a task that becomes healthy sets the counter back to 0.
    pub resets_on_healthy_task: bool,
}

/// Alarms that end a deployment (ECS API, `DeploymentAlarms`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentAlarms {
    pub names: Vec<String>,
    pub is_enabled: bool,
    /// Whether ECS then rolls back.
    pub rolls_back: bool,
}

/// The part of AWS that replaces the tasks of a service (ECS API, `DeploymentController.type`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentController {
    /// ECS itself. The value of a service that sets none.
    #[default]
    Ecs,
    /// AWS CodeDeploy.
    CodeDeploy,
    /// A program of the owner.
    External,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl DeploymentController {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "ECS" => Self::Ecs,
            "CODE_DEPLOY" => Self::CodeDeploy,
            "EXTERNAL" => Self::External,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The value of the ECS API.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Ecs => "ECS",
            Self::CodeDeploy => "CODE_DEPLOY",
            Self::External => "EXTERNAL",
            Self::Other(word) => word,
        }
    }
}

/// How ECS replaces the tasks (ECS API, `DeploymentConfiguration.strategy`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeploymentStrategy {
    /// Task by task. The value of a service that sets none.
    #[default]
    Rolling,
    /// Another value: `BLUE_GREEN`, `LINEAR`, `CANARY`, or one that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl DeploymentStrategy {
    /// Parses a value of the ECS API.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        if word == "ROLLING" { Self::Rolling } else { Self::Other(word.to_owned()) }
    }
}

/// The rollout settings of a service (ECS API, `DeploymentConfiguration`), and the settings of
/// `Service` that decide how a rollout ends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSettings {
    /// `None` when AWS sends none.
    pub breaker: Option<CircuitBreaker>,
    /// Share of the wanted tasks that keeps running during a deployment (TRAP-E5).
    pub minimum_percent: Option<u32>,
    /// Share of the wanted tasks that may exist during a deployment.
    pub maximum_percent: Option<u32>,
    /// Minutes for which both versions run after the change.
    pub bake_minutes: Option<u32>,
    pub alarms: Option<DeploymentAlarms>,
    pub controller: DeploymentController,
    pub strategy: DeploymentStrategy,
    /// Functions that ECS calls during a deployment (`lifecycleHooks`): the last part of each ARN.
    pub hooks: Vec<String>,
    /// Number of load balancers that get the tasks (`loadBalancers`).
    pub load_balancers: u32,
    /// Seconds for which the health check of a load balancer does not count
    /// (`healthCheckGracePeriodSeconds`).
    pub grace_seconds: Option<u32>,
}

/// An event of the service (ECS API, `ServiceEvent`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceEvent {
    pub id: String,
    pub at: Timestamp,
    pub message: String,
}

/// How a service deployment is stopped (ECS API, `StopServiceDeployment.stopType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopKind {
    /// ECS puts the revision before it back, also without a breaker.
    Rollback,
    /// The API has the word, and its reference calls only `ROLLBACK` valid.
    Abort,
}

/// Why a task stopped, as ECS classifies it (ECS API, `Task.stopCode`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StopCode {
    TaskFailedToStart,
    EssentialContainerExited,
    UserInitiated,
    /// ECS stopped it: a newer deployment, a smaller wanted count, or a failed health check.
    ServiceSchedulerInitiated,
    SpotInterruption,
    TerminationNotice,
    InfrastructureHealth,
    /// The task runs, or AWS sends no code.
    #[serde(rename = "")]
    NotSent,
    /// A value that this version does not know.
    #[serde(untagged)]
    Other(String),
}

impl StopCode {
    /// Parses a value of the ECS API. An empty value is a code that was not sent.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        match word {
            "TaskFailedToStart" => Self::TaskFailedToStart,
            "EssentialContainerExited" => Self::EssentialContainerExited,
            "UserInitiated" => Self::UserInitiated,
            "ServiceSchedulerInitiated" => Self::ServiceSchedulerInitiated,
            "SpotInterruption" => Self::SpotInterruption,
            "TerminationNotice" => Self::TerminationNotice,
            "InfrastructureHealth" => Self::InfrastructureHealth,
            "" => Self::NotSent,
            other => Self::Other(other.to_owned()),
        }
    }
}
