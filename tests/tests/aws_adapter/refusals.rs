//! Failures at AWS and on the way to AWS, and the failures that the app reports for them.

use std::{sync::Arc, time::Duration};

use greenlight_adapters::{
    aws::AwsAccess,
    ecs::{EcsServices, task_definitions::EcsTaskDefinitions},
    sts::StsIdentity,
};
use greenlight_engine::ports::{CloudIdentity, Services, TaskDefinitions};
use greenlight_types::{Changed, ErrorCode, Failure, Retry};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::recorder::{Keychain, Recorder, SECRET, SESSION, access, closed_port};

async fn read_failure(url: &str) -> Failure {
    EcsServices::new(access(url), "rally", "rally-prod", "web").describe().await.expect_err("a refusal")
}

async fn register_failure(url: &str) -> Failure {
    EcsTaskDefinitions::new(access(url)).register(&json!({"family": "rally-prod"})).await.expect_err("a refusal")
}

#[tokio::test]
async fn each_aws_refusal_has_its_code_and_changes_nothing() {
    for (code, message, expected) in [
        (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            ErrorCode::CredentialRefused,
        ),
        ("UnrecognizedClientException", "The security token is invalid", ErrorCode::CredentialRefused),
        ("InvalidClientTokenId", "no such key", ErrorCode::CredentialRefused),
        ("SignatureDoesNotMatch", "check your key", ErrorCode::CredentialRefused),
        ("com.amazonaws.ecs#InvalidSignatureException", "Signature expired", ErrorCode::CredentialRefused),
        ("AccessDeniedException", "denied", ErrorCode::PermissionMissing),
        ("ClusterNotFoundException", "Cluster not found.", ErrorCode::AwsMissing),
        ("ServiceNotFoundException", "Service not found.", ErrorCode::AwsMissing),
        ("InvalidParameterException", "Container.image should not be null", ErrorCode::AwsRefused),
    ] {
        let recorder = Recorder::with_error(400, code, message).await;
        for failure in [read_failure(&recorder.url).await, register_failure(&recorder.url).await] {
            assert_eq!((failure.code, failure.changed), (expected, Changed::Nothing), "{code}: {failure}");
            assert!(failure.to_string().contains(message), "AWS's own words are kept: {failure}");
        }
        assert_eq!(recorder.requests().len(), 2, "{code} is not worth a second request");
    }
}

#[tokio::test]
async fn a_missing_permission_is_named() {
    let recorder = Recorder::with_error(400, "AccessDeniedException", "").await;
    assert_eq!(read_failure(&recorder.url).await.params["action"], "ecs:DescribeServices");
    let words =
        "User: arn:aws:iam::1:user/lena is not authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/x";
    let recorder = Recorder::with_error(400, "ClientException", words).await;
    let failure = register_failure(&recorder.url).await;
    assert_eq!((failure.code, failure.params["action"].as_str()), (ErrorCode::PermissionMissing, "iam:PassRole"));
    assert!(failure.hints[0].contains("iam:PassRole"), "{:?}", failure.hints);
}

#[tokio::test]
async fn hides_the_token_in_a_signature_refusal() {
    let words =
        format!("The request signature does not match.\n\nThe Canonical String was\nx-amz-security-token:{SESSION}");
    let recorder = Recorder::with_error(403, "SignatureDoesNotMatch", &words).await;
    let failure = read_failure(&recorder.url).await;
    let all = serde_json::to_string(&failure).expect("json");
    assert!(all.contains("does not match") && !all.contains(SESSION) && !all.contains(SECRET), "{all}");
}

#[tokio::test]
async fn retries_throttled_reads_but_not_throttled_changes() {
    let recorder = Recorder::with_error(400, "ThrottlingException", "Rate exceeded").await;
    assert_eq!(read_failure(&recorder.url).await.code, ErrorCode::Throttled);
    assert_eq!(recorder.requests().len(), 3);
    let failure = register_failure(&recorder.url).await;
    assert_eq!((failure.code, failure.changed), (ErrorCode::Throttled, Changed::Nothing));
    assert_eq!(recorder.requests().len(), 4, "a change is sent once");
}

#[tokio::test]
async fn a_server_error_leaves_the_registration_unknown() {
    let recorder = Recorder::with_error(500, "ServerException", "Service Unavailable").await;
    let failure = register_failure(&recorder.url).await;
    assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Unknown), "{failure}");
    assert_eq!((failure.retry, recorder.requests().len()), (Retry::AfterObserve, 1));
}

#[tokio::test]
async fn an_html_page_is_an_unreadable_answer() {
    for (status, page) in [(500, "<!doctype html><title>500</title>"), (200, "<html>"), (502, "")] {
        let recorder = Recorder::start(move |_, _| (status, page.to_owned())).await;
        let read = read_failure(&recorder.url).await;
        assert_eq!((read.code, read.changed), (ErrorCode::UnreadableAnswer, Changed::Nothing), "{status}: {read}");
        let change = register_failure(&recorder.url).await;
        assert_eq!(
            (change.code, change.changed),
            (ErrorCode::UnreadableAnswer, Changed::Unknown),
            "{status}: {change}"
        );
    }
}

#[tokio::test]
async fn an_answer_without_the_new_revision_leaves_the_outcome_unknown() {
    let recorder = Recorder::with_json(json!({"tags": []})).await;
    let failure = register_failure(&recorder.url).await;
    assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, Changed::Unknown));
}

#[tokio::test]
async fn without_a_connection_nothing_was_changed() {
    let url = closed_port().await;
    for failure in [read_failure(&url).await, register_failure(&url).await] {
        assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Nothing), "{failure}");
    }
}

/// A server that reads a whole request and then closes the connection or stays silent.
async fn server_that_reads_and_then(closes: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut buffer = vec![0; 64 * 1024];
            let _ = stream.read(&mut buffer).await;
            if closes {
                let _ = stream.shutdown().await;
            } else {
                held.push(stream);
            }
        }
    });
    url
}

#[tokio::test]
async fn a_lost_answer_leaves_the_registration_unknown() {
    let url = server_that_reads_and_then(true).await;
    let failure = register_failure(&url).await;
    assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Unknown), "{failure}");
    assert_eq!(read_failure(&url).await.changed, Changed::Nothing);
}

#[tokio::test]
async fn no_answer_within_twenty_seconds_is_a_time_out() {
    let url = server_that_reads_and_then(false).await;
    let (read, change) = tokio::time::timeout(Duration::from_secs(30), async {
        tokio::join!(read_failure(&url), register_failure(&url))
    })
    .await
    .expect("both give up by themselves");
    assert_eq!((read.code, read.changed), (ErrorCode::TimedOut, Changed::Nothing));
    assert_eq!((change.code, change.changed), (ErrorCode::TimedOut, Changed::Unknown));
}

#[tokio::test]
async fn without_a_saved_key_nothing_is_sent() {
    let recorder = Recorder::with_json(json!({})).await;
    let access = AwsAccess::new("us-east-1", Some(&recorder.url), Arc::new(Keychain(false))).expect("access");
    let failure = StsIdentity::new(access.clone()).whoami().await.expect_err("no key");
    assert_eq!(failure.code, ErrorCode::CredentialMissing);
    let failure = EcsTaskDefinitions::new(access).register(&json!({})).await.expect_err("no key");
    assert_eq!((failure.code, failure.changed), (ErrorCode::CredentialMissing, Changed::Nothing));
    assert_eq!(recorder.requests().len(), 0);
}
