//! Service deployments, the settings and the events of a service, as AWS sends them.

use anyhow::{Context, Result};
use greenlight_adapters::ecs::EcsServices;
use greenlight_engine::ports::{
    BreakerCount, BreakerStatus, BreakerThreshold, DeploymentAlarms, DeploymentController, DeploymentSettings,
    DeploymentStrategy, ServiceDeploymentStatus, ServiceDeployments, ServiceSnapshot, Services, StopCode,
    ThresholdKind,
};
use greenlight_types::ErrorCode;
use serde_json::{Value, json};

use crate::recorder::{Recorder, access};

fn service(url: &str) -> EcsServices {
    EcsServices::new(access(url), "rally", "rally-prod", "web")
}

fn brief(number: u32) -> Value {
    json!({"serviceDeploymentArn": format!("arn:of:{number}"), "createdAt": f64::from(number), "status": "SUCCESSFUL"})
}

#[tokio::test]
async fn the_newest_deployments_are_read_over_all_pages() -> Result<()> {
    let recorder = Recorder::start(|_, request| {
        let input = request.json();
        let answer = match (request.operation(), input["nextToken"].as_str()) {
            ("ListServiceDeployments", None) => {
                json!({"serviceDeployments": (0..15).map(brief).collect::<Vec<_>>(), "nextToken": "b"})
            }
            ("ListServiceDeployments", Some("b")) => {
                json!({"serviceDeployments": (15..20).map(brief).collect::<Vec<_>>()})
            }
            ("DescribeServiceDeployments", _) => {
                let asked = input["serviceDeploymentArns"].as_array().cloned().unwrap_or_default();
                let described: Vec<Value> = asked.iter().map(described).collect();
                json!({"serviceDeployments": described, "failures": []})
            }
            ("DescribeServiceRevisions", _) => {
                let asked = input["serviceRevisionArns"].as_array().cloned().unwrap_or_default();
                let revisions: Vec<Value> = asked
                    .iter()
                    .map(|arn| json!({"serviceRevisionArn": arn, "taskDefinition": "rally-prod:143"}))
                    .collect();
                json!({"serviceRevisions": revisions, "failures": []})
            }
            unexpected => panic!("{unexpected:?}"),
        };
        (200, answer.to_string())
    })
    .await;
    let service = service(&recorder.url);
    let deployments = service.deployments().await?;
    assert_eq!(deployments.listed().len(), ServiceDeployments::MAX);
    let newest = deployments.listed().first().context("a deployment")?;
    assert_eq!((newest.arn.as_str(), newest.task_definition.as_str()), ("arn:of:19", "rally-prod:143"));
    assert_eq!(newest.status, ServiceDeploymentStatus::RollbackInProgress);
    assert_eq!(newest.reason, "ECS deployment circuit breaker: task failed to start.");
    let counter = BreakerCount { status: BreakerStatus::Triggered, failures: 4, threshold: 3 };
    assert_eq!(newest.breaker, Some(counter));
    assert_eq!(newest.created_at.to_string(), "1970-01-01T00:00:19.000Z");
    assert_eq!((newest.started_at.is_some(), newest.finished_at), (true, None));

    service.deployments().await?;
    let revisions = recorder.requests().iter().filter(|one| one.operation() == "DescribeServiceRevisions").count();
    assert_eq!(revisions, 1, "a service revision never changes");
    Ok(())
}

/// A deployment that is rolled back; its number is in its ARN.
fn described(arn: &Value) -> Value {
    let number = arn.as_str().and_then(|arn| arn.rsplit(':').next()).unwrap_or_default();
    json!({
        "serviceDeploymentArn": arn, "createdAt": number.parse::<f64>().unwrap_or_default(), "startedAt": 20.5,
        "targetServiceRevision": {"arn": format!("arn:revision/{number}"), "requestedTaskCount": 2},
        "status": "ROLLBACK_IN_PROGRESS", "statusReason": "ECS deployment circuit breaker: task failed to start.",
        "deploymentCircuitBreaker": {"status": "TRIGGERED", "failureCount": 4, "threshold": 3}
    })
}

#[tokio::test]
async fn a_refused_listing_is_an_answer_and_a_lost_one_is_not() -> Result<()> {
    for code in ["AccessDeniedException", "UnsupportedFeatureException", "UnknownOperationException"] {
        let recorder = Recorder::with_error(400, code, "not for you").await;
        let ServiceDeployments::NotAvailable { why } = service(&recorder.url).deployments().await? else {
            panic!("{code} is not an answer");
        };
        assert!(why.contains("not for you"), "{why}");
    }
    let recorder = Recorder::with_error(400, "ThrottlingException", "slow down").await;
    let failure = service(&recorder.url).deployments().await.expect_err("asked again later");
    assert_eq!(failure.code, ErrorCode::Throttled);
    Ok(())
}

#[tokio::test]
async fn an_endless_list_of_deployments_is_not_available() -> Result<()> {
    let recorder = Recorder::with_json(json!({"serviceDeployments": [brief(1)], "nextToken": "more"})).await;
    let deployments = service(&recorder.url).deployments().await?;
    assert!(matches!(deployments, ServiceDeployments::NotAvailable { .. }), "{deployments:?}");
    assert_eq!(recorder.requests().len(), 10);
    Ok(())
}

#[tokio::test]
async fn a_service_without_deployments_is_asked_nothing_more() -> Result<()> {
    let recorder = Recorder::with_json(json!({"serviceDeployments": []})).await;
    assert_eq!(service(&recorder.url).deployments().await?, ServiceDeployments::Listed(Vec::new()));
    assert_eq!(recorder.requests().len(), 1);
    Ok(())
}

#[tokio::test]
async fn the_settings_and_the_newest_events_are_read() -> Result<()> {
    let events: Vec<Value> = (0..100).map(|n| json!({"id": format!("e{n}"), "createdAt": n, "message": "m"})).collect();
    let recorder = Recorder::with_json(json!({"services": [{
        "status": "ACTIVE", "desiredCount": 2, "events": events,
        "deploymentConfiguration": {
            "deploymentCircuitBreaker": {"enable": true, "rollback": true, "resetOnHealthyTask": false,
                "thresholdConfiguration": {"type": "COUNT", "value": 40}},
            "minimumHealthyPercent": 50, "maximumPercent": 150, "bakeTimeInMinutes": 5,
            "alarms": {"alarmNames": ["errors"], "enable": true, "rollback": true}
        }
    }]}))
    .await;
    let snapshot = service(&recorder.url).describe().await?.context("a service")?;
    let settings = snapshot.settings;
    let breaker = settings.breaker.context("a breaker")?;
    assert_eq!(breaker.threshold, BreakerThreshold { kind: ThresholdKind::Count, value: 40 });
    assert!(!breaker.resets_on_healthy_task);
    assert_eq!((settings.minimum_percent, settings.maximum_percent), (Some(50), Some(150)));
    assert_eq!(settings.bake_minutes, Some(5));
    let alarms = DeploymentAlarms { names: vec!["errors".to_owned()], is_enabled: true, rolls_back: true };
    assert_eq!(settings.alarms, Some(alarms));
    assert_eq!(snapshot.events.len(), ServiceSnapshot::EVENTS_MAX);
    assert_eq!(snapshot.events.first().map(|event| event.id.as_str()), Some("e99"));
    Ok(())
}

#[tokio::test]
async fn the_owner_and_the_judges_of_a_deployment_are_read() -> Result<()> {
    let function = |name: &str| json!({"hookTargetArn": format!("arn:aws:lambda:us-east-1:1:function:{name}")});
    let recorder = Recorder::with_json(json!({"services": [{
        "status": "ACTIVE", "desiredCount": 2, "deploymentController": {"type": "CODE_DEPLOY"},
        "loadBalancers": [{"targetGroupArn": "arn:a"}, {"targetGroupArn": "arn:b"}],
        "healthCheckGracePeriodSeconds": 90,
        "deploymentConfiguration": {"strategy": "BLUE_GREEN", "lifecycleHooks": [function("smoke"), function("mail")]}
    }]}))
    .await;
    let settings = service(&recorder.url).describe().await?.context("a service")?.settings;
    assert_eq!(settings.controller, DeploymentController::CodeDeploy);
    assert_eq!(settings.strategy, DeploymentStrategy::Other("BLUE_GREEN".to_owned()));
    assert_eq!(settings.hooks, ["smoke", "mail"]);
    assert_eq!((settings.load_balancers, settings.grace_seconds), (2, Some(90)));

    let plain = Recorder::with_json(json!({"services": [{"status": "ACTIVE", "desiredCount": 2}]})).await;
    let settings = service(&plain.url).describe().await?.context("a service")?.settings;
    assert_eq!(settings, DeploymentSettings::default());
    Ok(())
}

#[tokio::test]
async fn a_stopped_server_has_its_stop_code_and_its_deployment() -> Result<()> {
    let recorder = Recorder::start(|_, request| {
        let task = json!({"taskArn": "arn:task/t", "createdAt": 1, "stoppedAt": 2, "lastStatus": "STOPPED",
            "startedBy": "ecs-svc/7", "stopCode": "ServiceSchedulerInitiated", "stoppedReason": "Scaling activity"});
        let is_list = request.operation() == "ListTasks";
        (200, if is_list { json!({"taskArns": ["arn:task/t"]}) } else { json!({"tasks": [task]}) }.to_string())
    })
    .await;
    let tasks = service(&recorder.url).tasks().await?;
    let task = tasks.first().context("a task")?;
    assert_eq!((task.deployment.as_str(), &task.stop_code), ("ecs-svc/7", &StopCode::ServiceSchedulerInitiated));
    assert_eq!(task.stopped_at.map(|at| at.to_string()).as_deref(), Some("1970-01-01T00:00:02.000Z"));
    Ok(())
}
