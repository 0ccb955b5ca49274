//! The AWS JSON protocol in front of the rules: ECS, ECR, CloudWatch Logs by `X-Amz-Target`, and STS's form protocol.
//! Whoever asks was let in by [`crate::fronts::aws`].

use serde_json::{Value, json};

use crate::world::{
    ACCOUNT, CLUSTER, CONTAINER, FAMILY, IMAGES, LOG_GROUP, REGION, SERVICE, World, definition, seconds,
    service::{Deployment, Status, Task},
};

/// Events on one page of a log group.
const PAGE: usize = 500;

/// What goes back: status and body, or an error type with its message.
pub(super) type Answer = Result<Value, (u16, &'static str, String)>;

/// The XML answer of `GetCallerIdentity`.
pub(super) fn caller_identity() -> String {
    format!(
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::{ACCOUNT}:user/practice</Arn><UserId>AIDAPRACTICEPRACTICE</UserId><Account>{ACCOUNT}</Account>\
         </GetCallerIdentityResult><ResponseMetadata><RequestId>practice</RequestId></ResponseMetadata>\
         </GetCallerIdentityResponse>"
    )
}

impl World {
    /// Answers one call.
    pub(super) fn aws(&mut self, target: &str, body: &Value) -> Answer {
        match target.rsplit('.').next().unwrap_or_default() {
            "DescribeServices" => Ok(self.describe_services(body)),
            "ListTasks" => self.list_tasks(body),
            "DescribeTasks" => Ok(self.describe_tasks(body)),
            "DescribeTaskDefinition" => self.describe_definition(body),
            "RegisterTaskDefinition" => self.register(body),
            "DescribeImages" => self.describe_images(body),
            "DescribeRepositories" => Ok(json!({ "repositories": [{
                "repositoryName": IMAGES,
                "repositoryArn": format!("arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{IMAGES}"),
                "registryId": ACCOUNT,
                "imageTagMutability": if self.rules.has_immutable_tags { "IMMUTABLE" } else { "MUTABLE" }
            }] })),
            "FilterLogEvents" => self.log_events(body),
            other => Err((400, "UnknownOperationException", format!("the pretend production has no {other}"))),
        }
    }

    fn describe_services(&self, body: &Value) -> Value {
        let asked = body.get("services").and_then(Value::as_array).cloned().unwrap_or_default();
        let is_known = |name: &Value| last_part(name) == SERVICE;
        let is_here = body.get("cluster").is_some_and(|cluster| last_part(cluster) == CLUSTER);
        if !is_here || !asked.iter().any(is_known) {
            let failures: Vec<Value> = asked.iter().map(|name| json!({ "arn": name, "reason": "MISSING" })).collect();
            return json!({ "services": [], "failures": failures });
        }
        let primary = self.service.deployments.last();
        let events: Vec<Value> = (0..)
            .zip(self.service.events.iter().rev())
            .map(|(number, (at, text)): (u32, _)| {
                json!({ "id": format!("event-{number}-{at}"), "createdAt": seconds(*at), "message": text })
            })
            .collect();
        let deployments: Vec<Value> = self.service.deployments.iter().rev().map(|one| self.deployment(one)).collect();
        json!({ "failures": [], "services": [{
            "serviceArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/{SERVICE}"),
            "serviceName": SERVICE,
            "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"),
            "status": "ACTIVE",
            "desiredCount": self.rules.desired,
            "runningCount": self.service.tasks.iter().filter(|task| task.is_running()).count(),
            "pendingCount": self.service.tasks.iter().filter(|task| task.is_pending()).count(),
            "launchType": "FARGATE",
            "taskDefinition": definition::arn(primary.map_or(definition::FIRST, |primary| primary.revision)),
            "deploymentConfiguration": {
                "deploymentCircuitBreaker": {
                    "enable": self.rules.breaker.is_some(),
                    "rollback": self.rules.breaker.is_some_and(|breaker| breaker.rolls_back)
                },
                "maximumPercent": self.rules.maximum_percent,
                "minimumHealthyPercent": self.rules.minimum_percent
            },
            "deploymentController": { "type": "ECS" },
            "schedulingStrategy": "REPLICA",
            "deployments": deployments,
            "events": events
        }] })
    }

    fn deployment(&self, deployment: &Deployment) -> Value {
        let is_primary = self.service.deployments.last().is_some_and(|primary| primary.id == deployment.id);
        let running = |task: &&Task| task.deployment == deployment.id && task.is_running();
        let pending = |task: &&Task| task.deployment == deployment.id && task.is_pending();
        json!({
            "id": deployment.id,
            "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": definition::arn(deployment.revision),
            "desiredCount": self.rules.desired,
            "runningCount": self.service.tasks.iter().filter(running).count(),
            "pendingCount": self.service.tasks.iter().filter(pending).count(),
            "failedTasks": deployment.failed,
            "createdAt": seconds(deployment.created_ms),
            "updatedAt": seconds(self.now_ms),
            "launchType": "FARGATE",
            "rolloutState": deployment.rollout.word(),
            "rolloutStateReason": deployment.reason
        })
    }

    fn list_tasks(&self, body: &Value) -> Answer {
        if body.get("cluster").is_none_or(|cluster| last_part(cluster) != CLUSTER) {
            return Err((400, "ClusterNotFoundException", "Cluster not found.".to_owned()));
        }
        let wants_stopped = body.get("desiredStatus").and_then(Value::as_str) == Some("STOPPED");
        let arns: Vec<String> = self
            .service
            .tasks
            .iter()
            .filter(|task| (task.status == Status::Stopped || task.stops_at.is_some()) == wants_stopped)
            .map(task_arn)
            .collect();
        Ok(json!({ "taskArns": arns }))
    }

    fn describe_tasks(&self, body: &Value) -> Value {
        let asked = body.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for name in &asked {
            match self.service.tasks.iter().find(|task| task.id == last_part(name)) {
                Some(task) => tasks.push(self.task(task)),
                None => failures.push(json!({ "arn": name, "reason": "MISSING" })),
            }
        }
        json!({ "tasks": tasks, "failures": failures })
    }

    fn task(&self, task: &Task) -> Value {
        let (last, health) = task.words(self.rules.has_health_check);
        let is_ending = task.status == Status::Stopped || task.stops_at.is_some();
        let mut container = json!({
            "containerArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:container/{CLUSTER}/{}/web", task.id),
            "name": CONTAINER,
            "lastStatus": last,
            "healthStatus": health
        });
        let mut described = json!({
            "taskArn": task_arn(task),
            "clusterArn": format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"),
            "group": format!("service:{SERVICE}"),
            "startedBy": task.deployment,
            "taskDefinitionArn": definition::arn(task.revision),
            "createdAt": seconds(task.created_ms),
            "desiredStatus": if is_ending { "STOPPED" } else { "RUNNING" },
            "lastStatus": last,
            "healthStatus": health,
            "launchType": "FARGATE"
        });
        let pulled = task.digest.clone().or_else(|| self.image_of(task.revision).map(|image| image.digest.clone()));
        if let Some(digest) = pulled {
            put(&mut container, "imageDigest", json!(digest));
        }
        if let Some(exit) = task.exit {
            put(&mut container, "exitCode", json!(exit));
        }
        if let Some(at) = task.stopped_ms {
            put(&mut described, "stoppedAt", seconds(at));
        }
        if !task.reason.is_empty() {
            put(&mut described, "stoppedReason", json!(task.reason));
        }
        put(&mut described, "containers", json!([container]));
        described
    }

    fn describe_definition(&self, body: &Value) -> Answer {
        let name = body.get("taskDefinition").map(last_part).unwrap_or_default();
        let (family, revision) = name.split_once(':').unwrap_or((&name, ""));
        let found = self
            .definitions
            .iter()
            .rev()
            .find(|one| family == FAMILY && (revision.is_empty() || revision == one.revision.to_string()));
        match found {
            Some(found) => Ok(json!({ "taskDefinition": found.definition, "tags": found.tags })),
            None => Err((400, "ClientException", "Unable to describe task definition.".to_owned())),
        }
    }

    fn register(&mut self, body: &Value) -> Answer {
        let saved = self.register_definition(body).map_err(|why| (400, "ClientException", why))?;
        Ok(json!({ "taskDefinition": saved.definition, "tags": saved.tags }))
    }

    fn describe_images(&self, body: &Value) -> Answer {
        if body.get("repositoryName").and_then(Value::as_str) != Some(IMAGES) {
            return Err((400, "RepositoryNotFoundException", "The repository does not exist.".to_owned()));
        }
        let asked: Vec<&Value> = body.get("imageIds").and_then(Value::as_array).into_iter().flatten().collect();
        let mut details = Vec::new();
        for image in &self.images {
            let is_asked = |id: &&&Value| {
                id.get("imageTag").and_then(Value::as_str) == Some(&image.tag)
                    || id.get("imageDigest").and_then(Value::as_str) == Some(&image.digest)
            };
            if asked.is_empty() || asked.iter().any(|id| is_asked(&id)) {
                details.push(json!({
                    "registryId": ACCOUNT,
                    "repositoryName": IMAGES,
                    "imageDigest": image.digest,
                    "imageTags": [image.tag],
                    "imageSizeInBytes": 318_212_331,
                    "imagePushedAt": seconds(image.pushed_ms)
                }));
            }
        }
        if details.is_empty() && !asked.is_empty() {
            return Err((400, "ImageNotFoundException", "The image requested does not exist.".to_owned()));
        }
        Ok(json!({ "imageDetails": details }))
    }

    fn log_events(&self, body: &Value) -> Answer {
        let group = body.get("logGroupName").or_else(|| body.get("logGroupIdentifier"));
        if group.and_then(Value::as_str) != Some(LOG_GROUP) {
            let why = "The specified log group does not exist.".to_owned();
            return Err((400, "ResourceNotFoundException", why));
        }
        let from = body.get("startTime").and_then(Value::as_i64).unwrap_or(0);
        let skip = body.get("nextToken").and_then(Value::as_str).and_then(|token| token.strip_prefix("after-"));
        let after = skip.unwrap_or_default();
        let (page, has_more) = self.log_page(from, after, PAGE);
        let next = page.last().filter(|_| has_more).map(|last| format!("after-{}", last.id));
        let events: Vec<Value> = page
            .iter()
            .map(|line| {
                json!({
                    "eventId": line.id,
                    "logStreamName": line.stream,
                    "timestamp": line.at_ms,
                    "ingestionTime": line.arrives_ms.max(line.at_ms + 500),
                    "message": line.message
                })
            })
            .collect();
        let mut answer = json!({ "events": events, "searchedLogStreams": [] });
        if let Some(next) = next {
            put(&mut answer, "nextToken", json!(next));
        }
        Ok(answer)
    }
}

fn put(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn last_part(name: &Value) -> String {
    name.as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default().to_owned()
}

fn task_arn(task: &Task) -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:task/{CLUSTER}/{}", task.id)
}
