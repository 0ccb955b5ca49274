//! The changing calls of the service: the exact bodies, one request each, and a lost answer
//! (INV-E1).

use anyhow::Result;
use greenlight_adapters::ecs::EcsServices;
use greenlight_engine::ports::{BreakerThreshold, PortResult, Services, StopKind, ThresholdKind};
use greenlight_types::{Changed, ErrorCode, Failure};
use serde_json::{Value, json};

use crate::{
    recorder::{Recorder, access},
    signature,
};

const COUNT: BreakerThreshold = BreakerThreshold { kind: ThresholdKind::Count, value: 40 };

fn service(url: &str) -> EcsServices {
    EcsServices::new(access(url), "rally", "rally-prod", "web")
}

/// A configuration with a member that no SDK knows.
fn configuration() -> Value {
    json!({
        "deploymentCircuitBreaker": {"enable": true, "rollback": true, "quantumMode": "on"},
        "maximumPercent": 150, "minimumHealthyPercent": 50, "quantumShift": {"step": 0.5}
    })
}

/// Answers as AWS, with this configuration.
async fn aws(configuration: Value) -> Recorder {
    Recorder::start(move |_, request| {
        let described = json!({"status": "ACTIVE", "desiredCount": 2, "deploymentConfiguration": configuration});
        let answer = match request.operation() {
            "DescribeServices" => json!({"services": [described]}),
            "UpdateService" => json!({"service": described}),
            "StopServiceDeployment" => json!({"serviceDeploymentArn": "arn:of:1"}),
            unexpected => panic!("{unexpected}"),
        };
        (200, answer.to_string())
    })
    .await
}

/// Bodies of the changing requests.
fn changes(recorder: &Recorder) -> Vec<Value> {
    let requests = recorder.requests();
    requests.iter().filter(|one| one.operation() != "DescribeServices").map(|one| one.json()).collect()
}

#[tokio::test]
async fn a_threshold_is_changed_and_every_other_setting_is_sent_back() -> Result<()> {
    let recorder = aws(configuration()).await;
    let service = service(&recorder.url);
    service.set_breaker_threshold(&COUNT).await?;
    service.set_breaker_threshold(&BreakerThreshold::default()).await?;
    let sent = |kind: &str, value: u32| {
        let mut configuration = configuration();
        configuration["deploymentCircuitBreaker"]["thresholdConfiguration"] = json!({"type": kind, "value": value});
        json!({"cluster": "rally", "service": "rally-prod", "deploymentConfiguration": configuration})
    };
    assert_eq!(changes(&recorder), [sent("COUNT", 40), sent("BOUNDED_PERCENT", 50)]);
    let requests = recorder.requests();
    let update = requests.iter().find(|one| one.operation() == "UpdateService").expect("an update");
    assert_eq!(signature::found(update), signature::expected(update, "us-east-1", "ecs"), "signed as it was sent");
    Ok(())
}

#[tokio::test]
async fn no_threshold_is_sent_without_a_breaker_that_is_on() {
    let off = json!({"deploymentCircuitBreaker": {"enable": false, "rollback": false}});
    for configuration in [json!({"maximumPercent": 200}), off] {
        let recorder = aws(configuration).await;
        let failure = service(&recorder.url).set_breaker_threshold(&COUNT).await.expect_err("no breaker");
        assert_eq!((failure.code, failure.changed), (ErrorCode::AwsRefused, Changed::Nothing), "{failure}");
        assert_eq!(changes(&recorder), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn each_other_change_sends_only_its_own_members() -> Result<()> {
    let recorder = aws(configuration()).await;
    let service = service(&recorder.url);
    assert_eq!(service.force_new_deployment("rally-prod:143").await?.desired, 2);
    service.roll_back_to("rally-prod:142").await?;
    service.stop_deployment("arn:of:1", StopKind::Rollback).await?;
    service.stop_deployment("arn:of:2", StopKind::Abort).await?;
    let at = json!({"cluster": "rally", "service": "rally-prod"});
    let update = |more: Value| {
        let mut body = at.clone();
        body.as_object_mut().expect("an object").extend(more.as_object().cloned().unwrap_or_default());
        body
    };
    let expected = [
        update(json!({"taskDefinition": "rally-prod:143", "forceNewDeployment": true})),
        update(json!({"taskDefinition": "rally-prod:142"})),
        json!({"serviceDeploymentArn": "arn:of:1", "stopType": "ROLLBACK"}),
        json!({"serviceDeploymentArn": "arn:of:2", "stopType": "ABORT"}),
    ];
    assert_eq!(changes(&recorder), expected);
    let from: std::collections::BTreeSet<_> = recorder.requests().iter().map(|one| one.from).collect();
    assert_eq!(from.len(), expected.len(), "each goes over a connection that was never idle");
    Ok(())
}

/// The failures of all changes.
async fn failures(service: &EcsServices) -> Vec<Failure> {
    fn failure<T>(answer: PortResult<T>) -> Failure {
        answer.err().expect("a failure")
    }
    vec![
        failure(service.force_new_deployment("rally-prod:143").await),
        failure(service.roll_back_to("rally-prod:142").await),
        failure(service.stop_deployment("arn:of:1", StopKind::Rollback).await),
        failure(service.set_breaker_threshold(&COUNT).await),
    ]
}

#[tokio::test]
async fn a_change_is_sent_once_and_a_lost_answer_leaves_it_unknown() {
    let recorder = Recorder::start(|_, request| {
        let described = json!({"status": "ACTIVE", "deploymentConfiguration": configuration()});
        let is_read = request.operation() == "DescribeServices";
        let error = || json!({"__type": "ServerException"}).to_string();
        if is_read { (200, json!({"services": [described]}).to_string()) } else { (500, error()) }
    })
    .await;
    for failure in failures(&service(&recorder.url)).await {
        assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Unknown), "{failure}");
    }
    assert_eq!(changes(&recorder).len(), 4);
}

#[tokio::test]
async fn a_refused_change_names_its_permission() {
    let recorder = Recorder::with_error(400, "AccessDeniedException", "").await;
    let failures = failures(&service(&recorder.url)).await;
    let actions: Vec<&str> = failures.iter().map(|failure| failure.params["action"].as_str()).collect();
    assert_eq!(
        actions,
        ["ecs:UpdateService", "ecs:UpdateService", "ecs:StopServiceDeployment", "ecs:DescribeServices"]
    );
    assert!(failures.iter().all(|failure| failure.changed == Changed::Nothing));
}
