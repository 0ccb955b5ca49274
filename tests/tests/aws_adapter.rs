//! The AWS adapters against moto, and against a recorder for behaviour that moto lacks.

#[path = "aws_adapter/changes.rs"]
mod changes;
#[path = "aws_adapter/deployments.rs"]
mod deployments;
#[path = "aws_adapter/listing.rs"]
mod listing;
#[path = "aws_adapter/recorder.rs"]
mod recorder;
#[path = "aws_adapter/refusals.rs"]
mod refusals;
#[path = "aws_adapter/signature.rs"]
mod signature;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context, Result};
use greenlight_adapters::{
    aws::AwsAccess,
    ecr::EcrImages,
    ecs::{EcsServices, task_definitions::EcsTaskDefinitions},
    logs::CloudWatchLogs,
    sts::StsIdentity,
};
use greenlight_engine::ports::{
    BreakerThreshold, CircuitBreaker, CloudIdentity, Images, LogEvent, Logs, PortResult, RolloutState, Services,
    TaskDefinition, TaskDefinitions, TaskHealth,
};
use greenlight_tests::support::{
    moto::{ACCOUNT, Aws, CONTAINER, FAMILY, Moto},
    sleeping::sleeping,
};
use greenlight_types::{ErrorCode, Timestamp};
use recorder::{KEY_ID, Keychain, Recorder, SESSION, access};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const MIB: u64 = 1024 * 1024;

/// Fields that DescribeTaskDefinition adds and that RegisterTaskDefinition refuses or ignores.
const DESCRIBE_ONLY: [&str; 9] = [
    "compatibilities",
    "deleteRequestedAt",
    "deregisteredAt",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "revision",
    "status",
    "taskDefinitionArn",
];

/// A body for RegisterTaskDefinition: the described definition with another image.
fn copy(base: &TaskDefinition, image: &str) -> Value {
    let mut body = base.definition.clone();
    let fields = body.as_object_mut().expect("an object");
    fields.retain(|key, _| !DESCRIBE_ONLY.contains(&key.as_str()));
    fields.insert("tags".to_owned(), base.tags.clone());
    body["containerDefinitions"][0]["image"] = json!(image);
    body
}

#[tokio::test]
async fn a_our_revision_differs_only_in_the_image() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    let definitions = EcsTaskDefinitions::new(access(&moto.url()));
    let base = definitions.describe(FAMILY).await?.context("a base")?;
    assert_eq!(base.revision, 1);
    assert_eq!(base.tags, json!([{"key": "product", "value": "rally"}, {"key": "environment", "value": "prod"}]));
    let body = copy(&base, "new/image:RALLY-V2_1_0_0-RELEASE");

    let saved = definitions.register(&body).await?;
    assert_eq!((saved.revision, moto.revisions(FAMILY).await?.len()), (2, 2));
    let found = definitions.describe(&saved.arn).await?.context("the saved one")?;
    assert_eq!(found.arn, saved.arn);
    assert_eq!(copy(&found, "same"), copy(&base, "same"), "apart from the image, nothing differs");
    assert_eq!(found.definition["containerDefinitions"][0]["image"], "new/image:RALLY-V2_1_0_0-RELEASE");
    assert_eq!(
        found.definition["containerDefinitions"][1]["image"], base.definition["containerDefinitions"][1]["image"],
        "the other container keeps its image"
    );
    assert_eq!(definitions.describe(FAMILY).await?.context("the newest")?.arn, saved.arn);
    Ok(())
}

#[tokio::test]
async fn a_family_without_a_revision_is_absent() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    let definitions = EcsTaskDefinitions::new(access(&moto.url()));
    for name in ["nothing", "rally-prod:9"] {
        assert_eq!(definitions.describe(name).await?, None, "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn unknown_settings_are_read_and_sent_unchanged() -> Result<()> {
    let definition = json!({
        "taskDefinitionArn": "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:142",
        "family": "rally-prod", "revision": 142, "status": "ACTIVE",
        "registeredAt": 1_794_387_731.25, "registeredBy": "arn:aws:iam::676917001797:user/lena",
        "quantumMode": {"entangled": true, "pairs": [1, 2.5, null, ""]},
        "containerDefinitions": [{
            "name": "rally-prod-webapp", "image": "old", "command": [], "environment": [{"name": "EMPTY", "value": ""}],
            "newContainerField": {"deep": [{"er": "\u{1F6A6} \u{e9} \u{2028} \"quoted\" \\ /"}]}, "cpu": 0
        }]
    });
    let tags = json!([{"key": "team", "value": "", "tagFieldOfTomorrow": 1}]);
    let recorder = Recorder::with_json(json!({"taskDefinition": definition, "tags": tags, "failures": []})).await;
    let definitions = EcsTaskDefinitions::new(access(&recorder.url));

    let base = definitions.describe("rally-prod").await?.context("a base")?;
    assert_eq!((&base.definition, &base.tags), (&definition, &tags));
    let (by, at) = base.registered.clone().context("registered")?;
    assert_eq!(
        (by.as_str(), at.to_string().as_str()),
        ("arn:aws:iam::676917001797:user/lena", "2026-11-11T09:02:11.250Z")
    );
    let body = copy(&base, "new");
    definitions.register(&body).await?;

    let [described, sent] = &recorder.requests()[..] else { anyhow::bail!("not two requests") };
    assert_ne!(described.from, sent.from, "a changing call goes over a connection that was never idle");
    assert_eq!(sent.operation(), "RegisterTaskDefinition");
    assert_eq!(sent.body, serde_json::to_vec(&body)?, "the bytes that were given are the bytes that were sent");
    assert_eq!(sent.json()["quantumMode"], definition["quantumMode"]);
    assert_eq!(sent.header("content-length"), sent.body.len().to_string());
    assert_eq!(signature::found(sent), signature::expected(sent, "us-east-1", "ecs"), "signed after the replacement");
    let described = &recorder.requests()[0].json();
    assert_eq!(described, &json!({"taskDefinition": "rally-prod", "include": ["TAGS"]}));
    Ok(())
}

#[tokio::test]
async fn opens_a_new_aws_connection_after_a_sleep() -> Result<()> {
    let recorder = Recorder::with_error(400, "ClientException", "Unable to describe task definition.").await;
    let (read_clocks, asleep) = sleeping();
    let definitions = EcsTaskDefinitions::new(access(&recorder.url).with_clocks(read_clocks));
    for _ in 0..2 {
        assert_eq!(definitions.describe(FAMILY).await?, None);
    }
    asleep.fetch_add(8 * 3_600, Ordering::AcqRel);
    assert_eq!(definitions.describe(FAMILY).await?, None);
    let from: Vec<_> = recorder.requests().iter().map(|request| request.from).collect();
    assert!(from.len() == 3 && from[0] == from[1] && from[1] != from[2], "{from:?}");
    Ok(())
}

#[tokio::test]
async fn the_service_is_described_with_its_deployments() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    let service = |name: &str| EcsServices::new(access(&moto.url()), "rally", name, CONTAINER);
    let missing = service("rally-prod").describe().await.expect_err("no cluster");
    assert_eq!(missing.code, ErrorCode::AwsMissing, "{missing}");
    moto.call(Aws::Ecs, "CreateCluster", &json!({"clusterName": "rally"})).await?;
    assert_eq!(service("rally-prod").describe().await?, None);
    let made = json!({"cluster": "rally", "serviceName": "rally-prod", "taskDefinition": FAMILY, "desiredCount": 2});
    let made = moto.call(Aws::Ecs, "CreateService", &made).await?;

    let snapshot = service("rally-prod").describe().await?.context("a service")?;
    assert_eq!((snapshot.desired, snapshot.running, &snapshot.settings.breaker), (2, 0, &None));
    assert_eq!(snapshot.task_definition, made["service"]["taskDefinition"]);
    let primary = snapshot.primary().context("a deployment")?;
    assert_eq!((primary.desired, &primary.task_definition), (2, &snapshot.task_definition));
    assert!(primary.id.starts_with("ecs-svc/") && primary.created_at > Timestamp::EPOCH, "{primary:?}");
    assert_eq!(service("rally-prod").tasks().await?, []);
    Ok(())
}

#[tokio::test]
async fn reports_the_circuit_breaker_and_a_failed_rollout() -> Result<()> {
    let deployment = |id: &str, status: &str, arn: &str| {
        json!({"id": id, "status": status, "taskDefinition": arn,
        "rolloutState": "FAILED", "rolloutStateReason": "ECS deployment circuit breaker: tasks failed to start.",
        "desiredCount": 2, "runningCount": 1, "failedTasks": 3, "createdAt": 1_794_387_731.0})
    };
    let breaker = json!({"deploymentCircuitBreaker": {"enable": true, "rollback": false}});
    let recorder = Recorder::with_json(json!({"services": [
        {"serviceName": "old", "status": "INACTIVE"},
        {"serviceName": "rally-prod", "status": "ACTIVE", "taskDefinition": "rally-prod:142", "desiredCount": 2,
            "runningCount": 3, "deploymentConfiguration": breaker,
            "deployments": [deployment("ecs-svc/2", "PRIMARY", "rally-prod:143"), deployment("ecs-svc/1", "ACTIVE", "x")]}
    ]}))
    .await;
    let service = EcsServices::new(access(&recorder.url), "rally", "rally-prod", CONTAINER);
    let snapshot = service.describe().await?.context("a service")?;
    let breaker = CircuitBreaker {
        is_enabled: true,
        rolls_back: false,
        threshold: BreakerThreshold::default(),
        resets_on_healthy_task: true,
    };
    assert_eq!((snapshot.desired, snapshot.running, &snapshot.settings.breaker), (2, 3, &Some(breaker)));
    assert_eq!(snapshot.deployments.len(), 2);
    let primary = snapshot.primary().context("a deployment")?;
    assert_eq!((primary.id.as_str(), primary.task_definition.as_str()), ("ecs-svc/2", "rally-prod:143"));
    assert_eq!((primary.rollout_state.clone(), primary.failed, primary.running), (RolloutState::Failed, 3, 1));
    assert!(primary.rollout_reason.contains("circuit breaker"), "{primary:?}");
    assert_eq!(primary.created_at.to_string(), "2026-11-11T09:02:11.000Z");
    Ok(())
}

#[tokio::test]
async fn servers_are_listed_over_all_pages_and_described_in_batches() -> Result<()> {
    let recorder = Recorder::start(|_, request| {
        let input = request.json();
        let arns = |range: std::ops::Range<u32>| -> Vec<String> {
            range.map(|n| format!("arn:aws:ecs:us-east-1:1:task/rally/t{n:03}")).collect()
        };
        let answer = match (request.operation(), input["desiredStatus"].as_str(), input["nextToken"].as_str()) {
            ("ListTasks", Some("RUNNING"), None) => json!({"taskArns": arns(0..100), "nextToken": "a"}),
            ("ListTasks", Some("RUNNING"), Some("a")) => json!({"taskArns": [], "nextToken": "b"}),
            ("ListTasks", Some("RUNNING"), Some("b")) => json!({"taskArns": arns(100..150)}),
            ("ListTasks", Some("STOPPED"), None) => json!({"taskArns": arns(149..205), "nextToken": ""}),
            ("DescribeTasks", _, _) => {
                let asked = input["tasks"].as_array().cloned().unwrap_or_default();
                assert!(asked.len() <= 100, "{} tasks at once", asked.len());
                let task = |arn: &Value| {
                    json!({
                    "taskArn": arn, "taskDefinitionArn": "rally-prod:142", "lastStatus": "STOPPED", "createdAt": 1000.5,
                    "stoppedReason": "Essential container in task exited",
                    "containers": [
                        {"name": "log-router", "exitCode": 0},
                        {"name": CONTAINER, "exitCode": 7, "imageDigest": "sha256:1", "reason": "OutOfMemoryError"}
                    ]})
                };
                json!({"tasks": asked.iter().map(task).collect::<Vec<_>>(), "failures": []})
            }
            unexpected => panic!("{unexpected:?}"),
        };
        (200, answer.to_string())
    })
    .await;
    let tasks = EcsServices::new(access(&recorder.url), "rally", "rally-prod", CONTAINER).tasks().await?;
    assert_eq!(tasks.len(), 205, "the one on both lists counts once");
    let batches = recorder.requests().iter().filter(|request| request.operation() == "DescribeTasks").count();
    assert_eq!(batches, 3);
    let task = &tasks[204];
    assert_eq!((task.id.as_str(), task.exit_code, task.image_digest.as_str()), ("t204", Some(7), "sha256:1"));
    assert_eq!(task.stopped_reason, "Essential container in task exited; OutOfMemoryError");
    assert_eq!((task.health, task.created_at.to_string().as_str()), (TaskHealth::Unknown, "1970-01-01T00:16:40.500Z"));
    Ok(())
}

#[tokio::test]
async fn an_endless_list_of_servers_ends_in_a_failure() {
    let recorder = Recorder::with_json(json!({"taskArns": ["arn:aws:ecs:::task/a/b"], "nextToken": "more"})).await;
    let failure = EcsServices::new(access(&recorder.url), "a", "b", "c").tasks().await.expect_err("endless");
    assert_eq!((failure.code, recorder.requests().len()), (ErrorCode::UnreadableAnswer, 50));
}

/// A server whose answer to every request has no end. Counts the bytes that it sent.
async fn endless(sent: Arc<AtomicU64>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((mut peer, _)) = listener.accept().await {
            let head =
                "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.1\r\ntransfer-encoding: chunked\r\n\r\n";
            let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x1_0000));
            let _request = peer.read(&mut [0; 8192]).await;
            let mut left = peer.write_all(head.as_bytes()).await;
            while left.is_ok() && sent.load(Ordering::Relaxed) < 512 * MIB {
                left = peer.write_all(chunk.as_bytes()).await;
                sent.fetch_add(0x1_0000, Ordering::Relaxed);
            }
        }
    });
    Ok(url)
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_up_to_its_limit() -> Result<()> {
    let sent = Arc::new(AtomicU64::new(0));
    let url = endless(Arc::clone(&sent)).await?;
    let failure = EcsServices::new(access(&url), "a", "b", "c").describe().await.expect_err("too much");
    assert_eq!(failure.code, ErrorCode::UnreadableAnswer, "{failure:?}");
    assert!(failure.to_string().contains("more than 16 MiB"), "{failure}");
    // A read is tried three times. Each time the buffers of the sockets hold some bytes beyond the
    // limit.
    assert!(sent.load(Ordering::Relaxed) < 3 * 32 * MIB, "{} bytes", sent.load(Ordering::Relaxed));
    Ok(())
}

#[tokio::test]
async fn finds_an_image_by_its_tag() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    let images = EcrImages::new(access(&moto.url()), ACCOUNT, FAMILY);
    let image = images.find("RALLY-V2_0_1_11-RELEASE").await?.context("an image")?;
    assert!(image.digest.starts_with("sha256:") && image.pushed_at > Timestamp::EPOCH, "{image:?}");
    assert_eq!(images.find("RALLY-V2_1_0_0-RELEASE").await?, None);
    assert_eq!(images.tags_may_be_overwritten().await?, Some(true));

    let fixed = json!({"repositoryName": "fixed", "imageTagMutability": "IMMUTABLE"});
    moto.call(Aws::Ecr, "CreateRepository", &fixed).await?;
    assert_eq!(EcrImages::new(access(&moto.url()), ACCOUNT, "fixed").tags_may_be_overwritten().await?, Some(false));
    let missing = EcrImages::new(access(&moto.url()), ACCOUNT, "nothing").find("x").await.expect_err("no repository");
    assert_eq!(missing.code, ErrorCode::AwsMissing, "{missing}");
    Ok(())
}

#[tokio::test]
async fn a_tag_rule_that_may_not_be_read_is_unknown() -> Result<()> {
    let recorder = Recorder::with_error(400, "AccessDeniedException", "User: x is not authorized").await;
    assert_eq!(EcrImages::new(access(&recorder.url), ACCOUNT, FAMILY).tags_may_be_overwritten().await?, None);
    Ok(())
}

/// Every page from `from_ms`, and the number of pages.
async fn all_pages(logs: &CloudWatchLogs, from_ms: i64) -> PortResult<(Vec<LogEvent>, usize)> {
    let (mut events, mut token) = (Vec::new(), None);
    for pages in 1..=20 {
        let page = logs.page(from_ms, token.as_deref()).await?;
        events.extend(page.events);
        token = page.next;
        if token.is_none() {
            return Ok((events, pages));
        }
    }
    panic!("the pages do not end");
}

#[tokio::test]
async fn a_long_log_is_read_over_all_its_pages() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    let start = jiff::Timestamp::now().as_millisecond() - 600_000;
    let lines = |from: i64, count: i64| (0..count).map(|n| (start + from + n, format!("line {n}"))).collect::<Vec<_>>();
    moto.put_logs(CONTAINER, "ecs/rally-prod-webapp/old", &lines(0, 12_000)).await?;
    moto.put_logs(CONTAINER, "ecs/rally-prod-webapp/new", &lines(20_000, 3_000)).await?;
    let logs = CloudWatchLogs::new(access(&moto.url()), CONTAINER);

    let (events, pages) = all_pages(&logs, start).await?;
    assert_eq!((events.len(), pages), (15_000, 2));
    let ids: std::collections::HashSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
    assert_eq!(ids.len(), 15_000, "every event has its own id");
    let (later, _) = all_pages(&logs, start + 20_000).await?;
    assert!(later.len() == 3_000 && later.iter().all(|event| event.stream.ends_with("/new")), "{}", later.len());
    let missing = CloudWatchLogs::new(access(&moto.url()), "nothing").page(0, None).await.expect_err("no group");
    assert_eq!(missing.code, ErrorCode::AwsMissing, "{missing}");
    Ok(())
}

#[tokio::test]
async fn an_empty_page_with_a_token_is_not_the_end() -> Result<()> {
    let event = json!({"eventId": "1", "logStreamName": "s", "timestamp": 5, "message": "late"});
    let recorder = Recorder::start(move |number, request| {
        let page = [json!({"nextToken": "a"}), json!({"events": [], "nextToken": "b"}), json!({"events": [event]})];
        assert_eq!(request.json().get("nextToken"), [None, Some(&json!("a")), Some(&json!("b"))][number]);
        (200, page[number].to_string())
    })
    .await;
    let (events, pages) = all_pages(&CloudWatchLogs::new(access(&recorder.url), "g"), 1).await?;
    assert_eq!((events.len(), pages), (1, 3));
    Ok(())
}

#[tokio::test]
async fn the_identity_names_account_and_arn() -> Result<()> {
    let moto = Moto::start().await?;
    let identity = StsIdentity::new(access(&moto.url())).whoami().await?;
    assert_eq!(identity.account, ACCOUNT);
    assert!(identity.arn.starts_with("arn:aws:sts::"), "{}", identity.arn);
    Ok(())
}

#[test]
fn signed_requests_go_in_the_clear_to_this_computer_only() {
    let new = |endpoint: &str| AwsAccess::new("us-east-1", Some(endpoint), Arc::new(Keychain(true)));
    for good in ["http://127.0.0.1:5000", "http://localhost:1/", "http://[::1]:9", "https://aws.example.org"] {
        new(good).expect(good);
    }
    for bad in ["http://aws.example.org", "http://127.0.0.1.evil.org", "ftp://127.0.0.1", "not an address", ""] {
        assert_eq!(new(bad).expect_err(bad).code, ErrorCode::BadProfile);
    }
}

/// The next test starts this test in a separate process, with AWS tool settings in its environment.
#[tokio::test]
#[ignore = "needs the environment that the next test makes"]
async fn child_with_stray_settings() -> Result<()> {
    let url = std::env::var("GREENLIGHT_TEST_ENDPOINT")?;
    EcsTaskDefinitions::new(access(&url)).describe("rally-prod").await?;
    // The region does not exist. Without an endpoint in the profile, the request goes to AWS only.
    let nowhere = AwsAccess::new("xx-nowhere-1", None, Arc::new(Keychain(true)))?;
    let failure = StsIdentity::new(nowhere).whoami().await.expect_err("no such region");
    assert_eq!(failure.code, ErrorCode::Unreachable, "{failure}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn stray_settings_of_aws_tools_change_nothing() -> Result<()> {
    let ours =
        Recorder::with_json(json!({"taskDefinition": {"taskDefinitionArn": "a:1", "revision": 1}, "tags": []})).await;
    let stray = Recorder::with_json(json!({})).await;
    let home = tempfile::tempdir()?;
    fs_err::create_dir(home.path().join(".aws"))?;
    let endpoint = format!("endpoint_url = {}\n", stray.url);
    fs_err::write(
        home.path().join(".aws/config"),
        format!("[default]\nregion = eu-west-1\n{endpoint}[profile stray]\nregion = eu-west-1\n{endpoint}"),
    )?;
    let keys = "aws_access_key_id = AKIASTRAY\naws_secret_access_key = stray\n";
    fs_err::write(home.path().join(".aws/credentials"), format!("[default]\n{keys}[stray]\n{keys}"))?;
    let output = Command::new(std::env::current_exe()?)
        .args(["--exact", "child_with_stray_settings", "--ignored", "--nocapture"])
        .env("HOME", home.path())
        .env("GREENLIGHT_TEST_ENDPOINT", &ours.url)
        .envs([("AWS_PROFILE", "stray"), ("AWS_ACCESS_KEY_ID", "AKIASTRAY"), ("AWS_SECRET_ACCESS_KEY", "stray")])
        .envs([("AWS_REGION", "eu-west-1"), ("AWS_SESSION_TOKEN", "stray"), ("AWS_MAX_ATTEMPTS", "9")])
        .envs(["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_ECS", "AWS_ENDPOINT_URL_STS"].map(|name| (name, &stray.url)))
        .envs(["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map(|name| (name, &stray.url)))
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(stray.requests().len(), 0, "nothing goes to the stray endpoint");
    let requests = ours.requests();
    assert_eq!(requests.len(), 1);
    let authorization = requests[0].header("authorization");
    assert!(authorization.contains(&format!("Credential={KEY_ID}/")), "{authorization}");
    assert!(authorization.contains("/us-east-1/ecs/"), "{authorization}");
    assert_eq!(requests[0].header("x-amz-security-token"), SESSION);
    Ok(())
}
