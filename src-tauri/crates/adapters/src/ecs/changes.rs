//! The changing calls of the service (INV-E1). Each is sent once, and a lost answer leaves its
//! outcome unknown.

use aws_sdk_ecs::types;
use greenlight_engine::ports::{BreakerThreshold, PortResult, ServiceSnapshot, StopKind};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};
use serde_json::{Value, json};

use super::{
    DESCRIBE, EcsServices, changing,
    raw::{AnswerBytes, ReplacedBody},
    snapshot,
};
use crate::aws::Call;

const THRESHOLD: Call =
    Call { summary: "change the limit of failed starts", action: "ecs:UpdateService", is_changing: true };
const DEPLOY: Call =
    Call { summary: "start a deployment of the service", action: "ecs:UpdateService", is_changing: true };
const STOP: Call =
    Call { summary: "stop the deployment of the service", action: "ecs:StopServiceDeployment", is_changing: true };

impl EcsServices {
    /// Sends the deployment configuration back as AWS sent it, with another threshold.
    ///
    /// The API reference of UpdateService does not say whether ECS merges a configuration or
    /// replaces it (<https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html>).
    /// So the whole of it is sent, and as raw JSON, because the typed SDK drops members that it
    /// does not know (TRAP-T1). That page says that this parameter starts no deployment.
    pub(super) async fn change_threshold(&self, threshold: &BreakerThreshold) -> PortResult<ServiceSnapshot> {
        let mut configuration = self.raw_configuration().await?;
        let breaker = configuration
            .get_mut("deploymentCircuitBreaker")
            .and_then(Value::as_object_mut)
            .filter(|breaker| breaker.get("enable") == Some(&Value::Bool(true)))
            .ok_or_else(|| no_breaker(THRESHOLD))?;
        breaker.insert(
            "thresholdConfiguration".to_owned(),
            json!({ "type": threshold.kind.word(), "value": threshold.value }),
        );
        let body = json!({
            "cluster": self.cluster,
            "service": self.service,
            "deploymentConfiguration": configuration,
        });
        let answer = self
            .client
            .update_service()
            .service(&self.service)
            .customize()
            .config_override(changing(&self.access, THRESHOLD).await?)
            .interceptor(ReplacedBody { bytes: body.to_string().into_bytes() })
            .send()
            .await
            .map_err(|error| THRESHOLD.failure(error))?;
        answered(THRESHOLD, answer.service())
    }

    /// The `deploymentConfiguration` of the service exactly as AWS sends it.
    async fn raw_configuration(&self) -> PortResult<Value> {
        let bytes = AnswerBytes::default();
        self.client
            .describe_services()
            .cluster(&self.cluster)
            .services(&self.service)
            .customize()
            .config_override(self.reading(DESCRIBE).await?)
            .interceptor(bytes.clone())
            .send()
            .await
            .map_err(|error| DESCRIBE.failure(error))?;
        let mut answer: Value = serde_json::from_slice(&bytes.take()).map_err(|_| DESCRIBE.missing("readable JSON"))?;
        answer
            .pointer_mut("/services/0/deploymentConfiguration")
            .map(Value::take)
            .ok_or_else(|| DESCRIBE.missing("the deployment configuration of the service"))
    }

    /// Sets the service to a revision. `is_forced` also starts a deployment of the revision that it
    /// has already.
    pub(super) async fn start_deployment(&self, task_definition: &str, is_forced: bool) -> PortResult<ServiceSnapshot> {
        let answer = self
            .client
            .update_service()
            .cluster(&self.cluster)
            .service(&self.service)
            .task_definition(task_definition)
            .set_force_new_deployment(is_forced.then_some(true))
            .customize()
            .config_override(changing(&self.access, DEPLOY).await?)
            .send()
            .await
            .map_err(|error| DEPLOY.failure(error))?;
        answered(DEPLOY, answer.service())
    }

    pub(super) async fn end_deployment(&self, arn: &str, kind: StopKind) -> PortResult<()> {
        let kind = match kind {
            StopKind::Rollback => types::StopServiceDeploymentStopType::Rollback,
            StopKind::Abort => types::StopServiceDeploymentStopType::Abort,
        };
        self.client
            .stop_service_deployment()
            .service_deployment_arn(arn)
            .stop_type(kind)
            .customize()
            .config_override(changing(&self.access, STOP).await?)
            .send()
            .await
            .map_err(|error| STOP.failure(error))?;
        Ok(())
    }
}

fn answered(call: Call, service: Option<&types::Service>) -> PortResult<ServiceSnapshot> {
    snapshot::service(call, service.ok_or_else(|| call.missing("the service"))?)
}

/// The service has no breaker that is on, so it has no limit. Nothing was sent.
fn no_breaker(call: Call) -> Failure {
    Failure::new(ErrorCode::AwsRefused, call.summary)
        .because("the service has no circuit breaker that is on")
        .changed(Changed::Nothing)
        .retry(Retry::No)
}
