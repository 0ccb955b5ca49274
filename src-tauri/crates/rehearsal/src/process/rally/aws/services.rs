//! The operations of the ECS service and its service deployments.

use serde_json::{Value, json};

use super::{Answer, Refused, in_cluster, last_part, listed, members, page_of, put};
use crate::world::{
    ACCOUNT, CLUSTER, CONTAINER, GRACE_SECONDS, REGION, SERVICE, World, definition,
    rules::{Breaker, Threshold},
    seconds,
    service::{Deployment, Refusal, ServiceDeployment, ServiceUpdate, Settings, Task, event_id},
};

/// The answer of `ListClusters`.
pub(super) fn clusters() -> Value {
    json!({ "clusterArns": [cluster_arn()] })
}

impl World {
    pub(super) fn describe_clusters(&self, body: &Value) -> Answer {
        let asked: Vec<&Value> = body.get("clusters").and_then(Value::as_array).into_iter().flatten().collect();
        let (ours, others): (Vec<&Value>, Vec<&Value>) = asked.into_iter().partition(|name| last_part(name) == CLUSTER);
        let missing = |name: &&Value| {
            let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{}", last_part(name));
            json!({ "arn": arn, "reason": "MISSING" })
        };
        let failures: Vec<Value> = others.iter().map(missing).collect();
        let cluster = json!({
            "clusterArn": cluster_arn(),
            "clusterName": CLUSTER,
            "status": "ACTIVE",
            "registeredContainerInstancesCount": 0,
            "runningTasksCount": self.service.tasks.iter().filter(|task| task.is_running()).count(),
            "pendingTasksCount": self.service.tasks.iter().filter(|task| task.is_pending()).count(),
            "activeServicesCount": 1
        });
        Ok(json!({ "clusters": if ours.is_empty() { vec![] } else { vec![cluster] }, "failures": failures }))
    }

    pub(super) fn list_services(&self, body: &Value) -> Answer {
        in_cluster(body)?;
        let arns = [service_arn()];
        let (page, next) = page_of(&arns, body, 100)?;
        let mut answer = json!({ "serviceArns": page });
        if let Some(next) = next {
            put(&mut answer, "nextToken", json!(next));
        }
        Ok(answer)
    }

    pub(super) fn describe_services(&self, body: &Value) -> Answer {
        in_cluster(body)?;
        let asked = listed(body, "services", "Services", 10)?;
        let failures: Vec<Value> = asked
            .iter()
            .filter(|name| last_part(name) != SERVICE)
            .map(|name| {
                // An ARN without the cluster
                // (<https://github.com/aws-actions/amazon-ecs-deploy-task-definition/issues/369>).
                let arn = format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{}", last_part(name));
                json!({ "arn": arn, "reason": "MISSING" })
            })
            .collect();
        if failures.len() == asked.len() {
            return Ok(json!({ "services": [], "failures": failures }));
        }
        Ok(json!({ "failures": failures, "services": [self.service_json()] }))
    }

    /// The service as every answer has it.
    fn service_json(&self) -> Value {
        let primary = self.service.deployments.last();
        let events: Vec<Value> = self
            .service
            .events
            .iter()
            .rev()
            .map(|(at, text)| json!({ "id": event_id(*at, text), "createdAt": seconds(*at), "message": text }))
            .collect();
        let deployments: Vec<Value> = self.service.deployments.iter().rev().map(|one| self.deployment(one)).collect();
        json!({
            "serviceArn": service_arn(),
            "serviceName": SERVICE,
            "clusterArn": cluster_arn(),
            "status": "ACTIVE",
            "desiredCount": self.rules.desired,
            "runningCount": self.service.tasks.iter().filter(|task| task.is_running()).count(),
            "pendingCount": self.service.tasks.iter().filter(|task| task.is_pending()).count(),
            "launchType": "FARGATE",
            "taskDefinition": definition::arn(primary.map_or(definition::FIRST, |primary| primary.revision)),
            "deploymentConfiguration": self.configuration_json(),
            "deploymentController": { "type": "ECS" },
            "schedulingStrategy": "REPLICA",
            "loadBalancers": [{
                "targetGroupArn": format!(
                    "arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{SERVICE}/6d0ecf831eec9f09"
                ),
                "containerName": CONTAINER,
                "containerPort": 8080
            }],
            "healthCheckGracePeriodSeconds": GRACE_SECONDS,
            "deployments": deployments,
            "events": events
        })
    }

    fn configuration_json(&self) -> Value {
        let Settings { breaker, threshold, minimum_percent, maximum_percent } = self.settings();
        json!({
            "deploymentCircuitBreaker": {
                "enable": breaker.is_some(),
                "rollback": breaker.is_some_and(|breaker| breaker.rolls_back),
                "resetOnHealthyTask": true,
                "thresholdConfiguration": { "type": threshold.kind_word(), "value": threshold.value }
            },
            "maximumPercent": maximum_percent,
            "minimumHealthyPercent": minimum_percent,
            "strategy": "ROLLING"
        })
    }

    fn deployment(&self, deployment: &Deployment) -> Value {
        let is_primary = self.service.deployments.last().is_some_and(|primary| primary.id == deployment.id);
        let running = |task: &&Task| task.deployment == deployment.id && task.is_running();
        let pending = |task: &&Task| task.deployment == deployment.id && task.is_pending();
        json!({
            "id": deployment.id,
            "status": if is_primary { "PRIMARY" } else { "ACTIVE" },
            "taskDefinition": definition::arn(deployment.revision),
            "desiredCount": self.desired_of(deployment),
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

    pub(super) fn list_deployments(&self, body: &Value) -> Answer {
        in_cluster(body)?;
        of_service(body)?;
        let briefs: Vec<Value> = self
            .service
            .history
            .iter()
            .rev()
            .map(|one| {
                let mut brief = json!({
                    "serviceDeploymentArn": one.arn(),
                    "serviceArn": service_arn(),
                    "clusterArn": cluster_arn(),
                    "createdAt": seconds(one.created_ms),
                    "startedAt": seconds(one.created_ms),
                    "targetServiceRevisionArn": one.revision_arn(),
                    "status": one.stage.word()
                });
                put_end(&mut brief, one);
                brief
            })
            .collect();
        let (page, next) = page_of(&briefs, body, 100)?;
        let mut answer = json!({ "serviceDeployments": page });
        if let Some(next) = next {
            put(&mut answer, "nextToken", json!(next));
        }
        Ok(answer)
    }

    pub(super) fn describe_deployments(&self, body: &Value) -> Answer {
        let asked = listed(body, "serviceDeploymentArns", "Service deployment ARNs", 20)?;
        let known = |arn: &Value| self.service.history.iter().find(|one| arn.as_str() == Some(&one.arn()));
        let found: Vec<Value> = asked.iter().filter_map(known).map(|one| self.deployment_json(one)).collect();
        Ok(json!({ "serviceDeployments": found, "failures": missing(asked, |arn| known(arn).is_some()) }))
    }

    fn deployment_json(&self, one: &ServiceDeployment) -> Value {
        let tasks = || self.service.tasks.iter().filter(|task| task.deployment == one.deployment);
        let mut described = json!({
            "serviceDeploymentArn": one.arn(),
            "serviceArn": service_arn(),
            "clusterArn": cluster_arn(),
            "createdAt": seconds(one.created_ms),
            "startedAt": seconds(one.created_ms),
            "updatedAt": seconds(self.now_ms),
            "targetServiceRevision": {
                "arn": one.revision_arn(),
                "requestedTaskCount": self.rules.desired,
                "runningTaskCount": tasks().filter(|task| task.is_running()).count(),
                "pendingTaskCount": tasks().filter(|task| task.is_pending()).count()
            },
            "status": one.stage.word(),
            "deploymentConfiguration": self.configuration_json(),
            "deploymentCircuitBreaker": {
                "status": one.breaker_word(&self.rules),
                "failureCount": one.failures,
                "threshold": self.rules.breaker_limit()
            }
        });
        if one.rollback.is_some() {
            put(&mut described, "rollback", json!({ "reason": one.reason, "startedAt": seconds(one.created_ms) }));
        }
        put_end(&mut described, one);
        described
    }

    pub(super) fn describe_revisions(&self, body: &Value) -> Answer {
        let asked = listed(body, "serviceRevisionArns", "Service revision ARNs", 20)?;
        let known = |arn: &Value| self.service.history.iter().find(|one| arn.as_str() == Some(&one.revision_arn()));
        let found: Vec<Value> = asked
            .iter()
            .filter_map(known)
            .map(|one| {
                json!({
                    "serviceRevisionArn": one.revision_arn(),
                    "serviceArn": service_arn(),
                    "clusterArn": cluster_arn(),
                    "taskDefinition": one.task_definition(),
                    "launchType": "FARGATE",
                    "createdAt": seconds(one.created_ms)
                })
            })
            .collect();
        Ok(json!({ "serviceRevisions": found, "failures": missing(asked, |arn| known(arn).is_some()) }))
    }

    pub(super) fn update(&mut self, body: &Value) -> Answer {
        in_cluster(body)?;
        of_service(body)?;
        let revision = match body.get("taskDefinition") {
            None | Some(Value::Null) => None,
            Some(name) => Some(self.revision_named(&last_part(name))),
        };
        let is_forced = body.get("forceNewDeployment").and_then(Value::as_bool).unwrap_or_default();
        let settings = match body.get("deploymentConfiguration") {
            None | Some(Value::Null) => None,
            Some(configuration) => Some(settings_of(configuration)?),
        };
        self.update_service(&ServiceUpdate { revision, is_forced, settings }).map_err(refused)?;
        Ok(json!({ "service": self.service_json() }))
    }

    /// Revision of `family:revision` or of the family; 0 for one that does not exist.
    fn revision_named(&self, name: &str) -> u32 {
        let (_, revision) = name.split_once(':').unwrap_or((name, ""));
        let newest = || self.definitions.last().map_or(0, |newest| newest.revision);
        if revision.is_empty() { newest() } else { revision.parse().unwrap_or(0) }
    }

    pub(super) fn stop(&mut self, body: &Value) -> Answer {
        let arn = body.get("serviceDeploymentArn").and_then(Value::as_str);
        let arn = arn.ok_or_else(|| members::absent("serviceDeploymentArn"))?.to_owned();
        let kind = body.get("stopType").and_then(Value::as_str).unwrap_or("ROLLBACK");
        self.stop_service_deployment(&arn, kind).map_err(refused)?;
        Ok(json!({ "serviceDeploymentArn": arn }))
    }
}

/// A configuration as it was sent; absent members have ECS's defaults.
fn settings_of(configuration: &Value) -> Result<Settings, Refused> {
    let bad = |why: &str| (400, "InvalidParameterException", why.to_owned());
    let percent = |name: &str, default: usize| {
        let sent = configuration.get(name).and_then(Value::as_u64);
        sent.and_then(|percent| usize::try_from(percent).ok()).unwrap_or(default)
    };
    let breaker = configuration.get("deploymentCircuitBreaker");
    let flag = |name: &str| breaker.and_then(|breaker| breaker.get(name)).and_then(Value::as_bool).unwrap_or_default();
    let threshold = match breaker.and_then(|breaker| breaker.get("thresholdConfiguration")) {
        None | Some(Value::Null) => Threshold::default(),
        Some(sent) => {
            let kind = sent.get("type").and_then(Value::as_str).unwrap_or_default();
            let value = sent.get("value").and_then(Value::as_u64).and_then(|value| u32::try_from(value).ok());
            value
                .and_then(|value| Threshold::parse(kind, value))
                .ok_or_else(|| bad("The threshold configuration is not valid."))?
        }
    };
    Ok(Settings {
        breaker: flag("enable").then(|| Breaker { rolls_back: flag("rollback") }),
        threshold,
        minimum_percent: percent("minimumHealthyPercent", 100),
        maximum_percent: percent("maximumPercent", 200),
    })
}

fn of_service(body: &Value) -> Result<(), Refused> {
    if body.get("service").is_some_and(|name| last_part(name) == SERVICE) {
        return Ok(());
    }
    Err((400, "ServiceNotFoundException", "Service not found.".to_owned()))
}

fn refused((kind, why): Refusal) -> Refused {
    (400, kind, why)
}

fn missing(asked: &[Value], is_known: impl Fn(&Value) -> bool) -> Vec<Value> {
    asked.iter().filter(|arn| !is_known(arn)).map(|arn| json!({ "arn": arn, "reason": "MISSING" })).collect()
}

fn put_end(described: &mut Value, one: &ServiceDeployment) {
    if let Some(at) = one.finished_ms {
        put(described, "finishedAt", seconds(at));
    }
    if !one.reason.is_empty() {
        put(described, "statusReason", json!(one.reason));
    }
}

fn service_arn() -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:service/{CLUSTER}/{SERVICE}")
}

fn cluster_arn() -> String {
    format!("arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/{CLUSTER}")
}
