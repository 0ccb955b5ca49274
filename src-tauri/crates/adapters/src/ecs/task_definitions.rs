//! ECS task definitions as raw JSON, in answers and requests.
//!
//! Does not decide about the content of a revision.

use async_trait::async_trait;
use aws_sdk_ecs::{Client, error::ProvideErrorMetadata, types::TaskDefinitionField};
use greenlight_engine::ports::{PortResult, TaskDefinition, TaskDefinitions};
use greenlight_types::{ErrorCode, Failure, Timestamp};
use serde_json::Value;

use crate::{
    aws::{AwsAccess, Call},
    ecs::{
        changing,
        raw::{AnswerBytes, ReplacedBody},
        reading,
    },
};

const DESCRIBE: Call = Call::read("read the start-up settings", "ecs:DescribeTaskDefinition");
const REGISTER: Call =
    Call { summary: "save the new start-up settings", action: "ecs:RegisterTaskDefinition", is_changing: true };

/// Task definitions of one account and region.
#[derive(Debug)]
pub struct EcsTaskDefinitions {
    access: AwsAccess,
    client: Client,
}

impl EcsTaskDefinitions {
    /// The task definitions of the account and region of `access`.
    #[must_use]
    pub fn new(access: AwsAccess) -> Self {
        let client = Client::new(access.sdk());
        Self { access, client }
    }
}

#[async_trait]
impl TaskDefinitions for EcsTaskDefinitions {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        let answer = AnswerBytes::default();
        let sent = self
            .client
            .describe_task_definition()
            .task_definition(name)
            .include(TaskDefinitionField::Tags)
            .customize()
            .config_override(reading(&self.access, DESCRIBE).await?)
            .interceptor(answer.clone())
            .send()
            .await;
        match sent {
            Ok(_) => task_definition(DESCRIBE, &answer.take()).map(Some),
            Err(error) if error.as_service_error().is_some_and(is_absent) => Ok(None),
            Err(error) => Err(DESCRIBE.failure(error)),
        }
    }

    async fn register(&self, body: &Value) -> PortResult<TaskDefinition> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Failure::new(ErrorCode::Internal, REGISTER.summary).because_of(&error))?;
        let answer = AnswerBytes::default();
        // The SDK requires these typed members. The interceptor replaces the whole body.
        self.client
            .register_task_definition()
            .family(body.get("family").and_then(Value::as_str).unwrap_or_default())
            .set_container_definitions(Some(Vec::new()))
            .customize()
            .config_override(changing(&self.access, REGISTER).await?)
            .interceptor(ReplacedBody { bytes })
            .interceptor(answer.clone())
            .send()
            .await
            .map_err(|error| REGISTER.failure(error))?;
        task_definition(REGISTER, &answer.take())
    }
}

/// AWS has no error type for a family without a revision. It sends a `ClientException` with this
/// text.
fn is_absent<E: ProvideErrorMetadata>(error: &E) -> bool {
    let message = error.message().unwrap_or_default();
    error.code() == Some("ClientException") && message.contains("Unable to describe task definition")
}

fn task_definition(call: Call, answer: &[u8]) -> PortResult<TaskDefinition> {
    let mut body: Value = serde_json::from_slice(answer).map_err(|_| call.missing("readable JSON"))?;
    let definition =
        body.get_mut("taskDefinition").map(Value::take).ok_or_else(|| call.missing("a task definition"))?;
    let tags = body.get_mut("tags").map_or_else(|| Value::Array(Vec::new()), Value::take);
    let text = |key: &str| definition.get(key).and_then(Value::as_str).map(str::to_owned);
    let registered_by = text("registeredBy");
    // ECS sends a time as seconds since 1970 with decimals.
    #[expect(clippy::cast_possible_truncation, reason = "a time in ms is far below 2^53; beyond, it saturates")]
    let registered_at = definition
        .get("registeredAt")
        .and_then(Value::as_f64)
        .and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0).round() as i64));
    Ok(TaskDefinition {
        arn: text("taskDefinitionArn").ok_or_else(|| call.missing("the ARN of the task definition"))?,
        revision: definition
            .get("revision")
            .and_then(Value::as_u64)
            .and_then(|revision| u32::try_from(revision).ok())
            .ok_or_else(|| call.missing("the revision of the task definition"))?,
        registered: registered_by.zip(registered_at),
        tags,
        definition,
    })
}
