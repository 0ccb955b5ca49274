//! The GitHub adapter against a listener that records requests and answers as GitHub does.
//!
//! A test cannot call GitHub. The shape of the answers comes from GitHub's REST description. prism
//! checks our requests against that description in another test.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use greenlight_adapters::{
    github::{GithubAdapter, GithubLimits},
    keychain::MemorySecrets,
    sleep_detector::BothClocks,
};
use greenlight_engine::ports::{Builds, Dispatch, PendingDeployment};
use greenlight_tests::support::{
    github::{Bench, Reply, TOKEN, adapter, quick, says},
    process::Deadline,
    sleeping::sleeping,
};
use greenlight_types::{Changed, ErrorCode, Failure};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SHA: &str = "8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";

async fn bench(replies: Vec<Reply>) -> Bench {
    Bench::start(replies, quick(), Arc::new(BothClocks::now)).await.expect("a listener")
}

async fn dispatch(bench: &Bench) -> Result<Option<String>, Failure> {
    bench.github.dispatch(&order()).await
}

fn order() -> Dispatch {
    Dispatch {
        workflow: "release.yml".to_owned(),
        git_ref: "refs/heads/master".to_owned(),
        inputs: BTreeMap::from([("image".to_owned(), "RALLY-V2_1_0_0-RELEASE".to_owned())]),
    }
}

fn run(id: u64, sha: &str, event: &str, created: &str) -> Value {
    json!({ "id": id, "run_number": id, "status": "in_progress", "conclusion": null, "head_sha": sha,
        "head_branch": "master", "event": event, "actor": { "login": "robin", "id": 1 }, "created_at": created,
        "html_url": format!("https://github.com/rally/rally/actions/runs/{id}"), "a_new_field": { "of": 2027 } })
}

#[tokio::test]
async fn a_dispatch_requests_run_details_and_names_the_full_branch() {
    let bench = bench(vec![says(200, &json!({ "workflow_run_id": 77, "run_url": "u", "html_url": "h" }))]).await;
    assert_eq!(dispatch(&bench).await, Ok(Some("77".to_owned())));
    assert_eq!(bench.lines(), ["POST /api/v3/repos/rally/rally/actions/workflows/release.yml/dispatches"]);
    let expected = json!({ "ref": "refs/heads/master", "inputs": { "image": "RALLY-V2_1_0_0-RELEASE" },
        "return_run_details": true });
    assert_eq!(bench.bodies(), [expected]);
    let asked = bench.asked();
    let header =
        |name: &str| asked[0].headers.get_all(name).iter().map(|v| v.to_str().expect("text")).collect::<Vec<_>>();
    assert_eq!(header("authorization"), [format!("Bearer {TOKEN}")]);
    assert_eq!(header("x-github-api-version"), ["2022-11-28"]);
}

#[tokio::test]
async fn a_dispatch_uses_a_fresh_connection() {
    let garbage = || says(200, &json!({}));
    let bench = bench(vec![garbage(), garbage(), says(204, &Value::Null)]).await;
    for _ in 0..2 {
        let _unread = bench.github.workflow("release.yml").await;
    }
    dispatch(&bench).await.expect("accepted");
    let from: Vec<SocketAddr> = bench.asked().iter().map(|asked| asked.from).collect();
    assert_eq!(from[0], from[1], "reads share a connection");
    assert!(from[2..].iter().all(|one| *one != from[0]), "{from:?}");
}

#[tokio::test]
async fn opens_a_new_github_connection_after_a_sleep() {
    let (read_clocks, asleep) = sleeping();
    let bench = Bench::start(vec![says(200, &json!({})), says(200, &json!({}))], quick(), read_clocks)
        .await
        .expect("a listener");
    let _unread = bench.github.workflow("release.yml").await;
    asleep.fetch_add(8 * 3_600, Ordering::AcqRel);
    let _unread = bench.github.workflow("release.yml").await;
    let from: Vec<SocketAddr> = bench.asked().iter().map(|asked| asked.from).collect();
    assert!(from.len() == 2 && from[0] != from[1], "{from:?}");
}

#[tokio::test]
async fn retries_a_read_at_once_after_a_sleep() {
    let (read_clocks, asleep) = sleeping();
    let limits = GithubLimits { read: Duration::from_secs(600), whole: Duration::from_secs(600), ..quick() };
    let replies = vec![Reply::Silence, says(404, &json!({ "message": "Not Found" }))];
    let bench = Bench::start(replies, limits, read_clocks).await.expect("a listener");
    let mut deadline = Deadline::after(Duration::from_secs(30));
    let asked = async {
        while bench.lines().is_empty() {
            deadline.pause("the first question").await.expect("it is asked");
        }
        asleep.fetch_add(60, Ordering::AcqRel);
    };
    let (answer, ()) = tokio::join!(bench.github.workflow("release.yml"), asked);
    assert_eq!((answer.ok().flatten(), bench.lines().len()), (None, 2), "it is not there");
}

#[tokio::test]
async fn an_answer_without_a_run_still_means_accepted() {
    let bench = bench(vec![Reply::Answer(204, Vec::new(), String::new())]).await;
    assert_eq!(dispatch(&bench).await, Ok(None));
    assert_eq!(bench.lines().len(), 1);
}

#[tokio::test]
async fn retries_without_the_flag_that_a_server_refuses() {
    let refusal = json!({ "message": "Invalid request.\n\n\"return_run_details\" is not a permitted key." });
    let bench = bench(vec![says(422, &refusal), Reply::Answer(204, Vec::new(), String::new())]).await;
    assert_eq!(dispatch(&bench).await, Ok(None));
    let bodies = bench.bodies();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[1].get("return_run_details"), None);
    assert_eq!(bodies[0]["inputs"], bodies[1]["inputs"]);
}

#[tokio::test]
async fn a_refused_flag_causes_one_retry_only() {
    let refusal = || says(422, &json!({ "message": "\"inputs\" is not a permitted key." }));
    let bench = bench(vec![refusal(), refusal()]).await;
    let failure = dispatch(&bench).await.expect_err("refused twice");
    assert_eq!((failure.code, failure.changed), (ErrorCode::WorkflowMissing, Changed::Nothing));
    assert_eq!(bench.lines().len(), 2);
}

#[tokio::test]
async fn a_dispatch_with_a_lost_answer_is_sent_once() {
    let lost = [
        Reply::Silence,
        Reply::BrokenOff,
        says(500, &json!({ "message": "oops" })),
        says(502, &Value::Null),
        Reply::Answer(200, Vec::new(), "<html>captive portal</html>".to_owned()),
        says(200, &json!({ "message": "no id" })),
        Reply::Answer(200, Vec::new(), String::new()),
    ];
    for (number, reply) in lost.into_iter().enumerate() {
        let bench = bench(vec![reply, Reply::Answer(204, Vec::new(), String::new())]).await;
        let failure = dispatch(&bench).await.expect_err("no answer");
        assert_eq!(failure.changed, Changed::Unknown, "case {number}: {failure:?}");
        assert_eq!(bench.lines().len(), 1, "case {number} was sent again");
    }
}

#[tokio::test]
async fn a_dispatch_without_a_connection_changed_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let github = adapter(&base).await.expect("an adapter");
    let failure = github.dispatch(&order()).await.expect_err("nobody there");
    assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Nothing), "{failure:?}");
}

#[tokio::test]
async fn each_dispatch_refusal_has_its_code_and_changes_nothing() {
    let limit = |status, header: (&'static str, &str)| {
        Reply::Answer(status, vec![(header.0, header.1.to_owned())], json!({ "message": "slow down" }).to_string())
    };
    let cases = [
        (says(401, &json!({ "message": "Bad credentials" })), ErrorCode::CredentialRefused),
        (says(403, &json!({ "message": "Resource not accessible" })), ErrorCode::PermissionMissing),
        (limit(403, ("x-ratelimit-remaining", "0")), ErrorCode::Throttled),
        (limit(403, ("retry-after", "60")), ErrorCode::Throttled),
        (says(403, &json!({ "message": "You have exceeded a secondary rate limit" })), ErrorCode::Throttled),
        (says(429, &json!({ "message": "Too many" })), ErrorCode::Throttled),
        (says(404, &json!({ "message": "Not Found" })), ErrorCode::WorkflowMissing),
        (says(422, &json!({ "message": "No ref found for: refs/heads/x" })), ErrorCode::WorkflowMissing),
    ];
    for (reply, code) in cases {
        let bench = bench(vec![reply]).await;
        let failure = dispatch(&bench).await.expect_err("refused");
        assert_eq!((failure.code, failure.changed), (code, Changed::Nothing), "{failure:?}");
        assert!(!failure.hints.is_empty() && !format!("{failure:?}").contains(TOKEN), "{failure:?}");
        assert_eq!(bench.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_missing_permission_is_named_in_the_words_of_github() {
    let headers = vec![("x-accepted-github-permissions", "actions=write".to_owned())];
    let body = json!({ "message": "Resource not accessible by personal access token" }).to_string();
    let bench = bench(vec![Reply::Answer(403, headers, body)]).await;
    let failure = dispatch(&bench).await.expect_err("refused");
    assert_eq!(failure.params["permissions"], "actions=write");
    assert!(failure.hints[0].contains("actions=write"));
}

#[tokio::test]
async fn a_rate_limit_says_when_to_come_back() {
    let body = json!({ "message": "slow down" }).to_string();
    let reset = vec![("x-ratelimit-remaining", "0".to_owned()), ("x-ratelimit-reset", "1795424531".to_owned())];
    let after = vec![("retry-after", "42".to_owned())];
    let bench = bench(vec![Reply::Answer(403, reset, body.clone()), Reply::Answer(429, after, body)]).await;
    let failure = bench.github.run("5").await.expect_err("limited");
    assert_eq!(failure.params["retryAt"], "2026-11-23T09:02:11.000Z");
    let failure = bench.github.run("5").await.expect_err("limited");
    assert_eq!(failure.params["retryAfterSeconds"], "42");
    assert_eq!(bench.lines().len(), 2, "a refusal is not repeated");
}

#[tokio::test]
async fn reads_are_retried_three_times_at_most() {
    let trouble = || says(503, &Value::Null);
    let me = Reply::Answer(
        200,
        vec![("github-authentication-token-expiration", "2026-12-01 10:00:00 UTC".to_owned())],
        json!({ "login": "robin" }).to_string(),
    );
    let fine = bench(vec![trouble(), Reply::Silence, me]).await;
    let identity = fine.github.whoami().await.expect("the third answer");
    assert_eq!((identity.login.as_str(), fine.lines().len()), ("robin", 3));
    assert_eq!(identity.expires_at, Some("2026-12-01T10:00:00.000Z".parse().expect("a time")));

    let silent = bench(vec![Reply::Silence, Reply::Silence, Reply::Silence, Reply::Silence]).await;
    let failure = silent.github.whoami().await.expect_err("silence");
    assert_eq!((failure.code, failure.changed), (ErrorCode::TimedOut, Changed::Nothing), "{failure:?}");
    assert_eq!(silent.lines().len(), 3);
}

#[tokio::test]
async fn garbage_is_an_unreadable_answer_and_never_a_panic() {
    for garbage in ["", "{", "null", "[]", "{\"workflow_runs\":[{}]}", "{\"workflow_runs\":3}", "\u{0}\u{1f}"] {
        let bench = bench(vec![Reply::Answer(200, Vec::new(), garbage.to_owned())]).await;
        let since = "2026-11-23T09:02:11.000Z".parse().expect("a time");
        let failure = bench.github.dispatched_runs("release.yml", Some(SHA), &since).await.expect_err(garbage);
        assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, Changed::Nothing), "{garbage}");
    }
}

#[tokio::test]
async fn finds_runs_of_this_commit_and_start_newest_first() {
    let runs = json!({ "total_count": 6, "workflow_runs": [
        run(1, SHA, "workflow_dispatch", "2026-11-23T09:02:11Z"),
        run(2, SHA, "workflow_dispatch", "2026-11-23T09:02:30Z"),
        run(3, "0000000000000000000000000000000000000000", "workflow_dispatch", "2026-11-23T09:03:00Z"),
        run(4, SHA, "push", "2026-11-23T09:03:00Z"),
        run(5, SHA, "workflow_dispatch", "2026-11-23T09:02:10Z"),
    ] });
    let bench = bench(vec![says(200, &runs)]).await;
    let since = "2026-11-23T09:02:11.400Z".parse().expect("a time");
    let found = bench.github.dispatched_runs("release.yml", Some(SHA), &since).await.expect("runs");
    assert_eq!(found.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    assert_eq!(
        (found[0].actor.as_str(), found[0].created_at.to_string().as_str()),
        ("robin", "2026-11-23T09:02:30.000Z")
    );
    let line = &bench.lines()[0];
    for part in ["event=workflow_dispatch", &format!("head_sha={SHA}"), "created=%3E%3D2026-11-23T09%3A02%3A11Z"] {
        assert!(line.contains(part), "{line}");
    }
}

#[tokio::test]
async fn runs_failed_jobs_again_once() {
    let refused = json!({ "message": "This workflow run cannot be retried" });
    let bench = bench(vec![says(201, &json!({})), says(403, &refused), says(502, &json!({}))]).await;
    assert_eq!(bench.github.rerun_failed_jobs("77").await, Ok(()));
    let failure = bench.github.rerun_failed_jobs("77").await.expect_err("refused");
    assert_eq!(failure.changed, Changed::Nothing, "{failure:?}");
    let failure = bench.github.rerun_failed_jobs("77").await.expect_err("no answer of GitHub itself");
    assert_eq!(failure.changed, Changed::Unknown, "{failure:?}");
    let line = "POST /api/v3/repos/rally/rally/actions/runs/77/rerun-failed-jobs";
    assert_eq!(bench.lines(), [line, line, line], "never sent twice");
    assert!(bench.github.rerun_failed_jobs("../77").await.is_err());
}

#[tokio::test]
async fn cancels_a_run_once() {
    let refused = json!({ "message": "Cannot cancel a workflow run that is completed." });
    let bench = bench(vec![says(202, &json!({})), says(409, &refused), says(502, &json!({}))]).await;
    assert_eq!(bench.github.cancel("77").await, Ok(()));
    let failure = bench.github.cancel("77").await.expect_err("refused");
    assert_eq!(failure.changed, Changed::Nothing, "{failure:?}");
    let failure = bench.github.cancel("77").await.expect_err("no answer of GitHub itself");
    assert_eq!(failure.changed, Changed::Unknown, "{failure:?}");
    let line = "POST /api/v3/repos/rally/rally/actions/runs/77/cancel";
    assert_eq!(bench.lines(), [line, line, line], "never sent twice");
    assert!(bench.github.cancel("../77").await.is_err());
}

#[tokio::test]
async fn names_the_people_and_teams_who_may_approve() {
    let pending = json!([{
        "environment": { "id": 1, "name": "production", "url": "", "html_url": "" },
        "wait_timer": 0, "wait_timer_started_at": null, "current_user_can_approve": true,
        "reviewers": [
            { "type": "User", "reviewer": { "login": "lena", "id": 1, "name": "Lena K." } },
            { "type": "Team", "reviewer": { "id": 2, "name": "Release team", "slug": "release-team" } }
        ]
    }]);
    let bench = bench(vec![says(200, &pending), says(200, &json!([]))]).await;
    let seen = bench.github.pending_deployments("77").await.expect("a list");
    let reviewers = vec!["lena".to_owned(), "Release team".to_owned()];
    assert_eq!(seen, [PendingDeployment { environment: "production".to_owned(), reviewers }]);
    assert_eq!(bench.github.pending_deployments("77").await, Ok(Vec::new()));
    assert_eq!(bench.lines()[0], "GET /api/v3/repos/rally/rally/actions/runs/77/pending_deployments");
}

#[tokio::test]
async fn lists_runs_of_every_event_with_their_attempts() {
    let mut repeated = run(2, SHA, "push", "2026-11-23T09:03:00Z");
    repeated["run_attempt"] = json!(3);
    let runs = json!({ "total_count": 2, "workflow_runs": [
        run(1, SHA, "workflow_dispatch", "2026-11-23T09:02:11Z"), repeated,
    ] });
    let bench = bench(vec![says(200, &runs)]).await;
    let since = "2026-11-23T09:00:00.000Z".parse().expect("a time");
    let found = bench.github.all_runs("release.yml", None, &since).await.expect("runs");
    let shown: Vec<(&str, u32)> = found.iter().map(|run| (run.event.as_str(), run.attempt)).collect();
    assert_eq!(shown, [("push", 3), ("workflow_dispatch", 1)]);
    let line = &bench.lines()[0];
    assert!(!line.contains("event=") && !line.contains("head_sha="), "{line}");
}

#[tokio::test]
async fn reports_unknown_objects_and_a_disabled_workflow() {
    let off = json!({ "id": 1, "name": "Release", "state": "disabled_manually" });
    let on = json!({ "id": 1, "name": "Release", "state": "active" });
    let missing = || says(404, &json!({ "message": "Not Found" }));
    let bench = bench(vec![missing(), missing(), says(200, &on), says(200, &off)]).await;
    assert_eq!(bench.github.run("5").await, Ok(None));
    assert_eq!(bench.github.workflow("release.yml").await, Ok(None));
    assert_eq!(bench.github.workflow("release.yml").await, Ok(Some("Release".to_owned())));
    let failure = bench.github.workflow("release.yml").await.expect_err("switched off");
    assert_eq!(failure.params["state"], "disabled_manually");
}

#[tokio::test]
async fn lists_the_workflows_that_have_a_file() {
    let workflow = |path: &str, state: &str| json!({ "id": 1, "name": "Release", "state": state, "path": path });
    let listed = json!({ "total_count": 3, "workflows": [
        workflow(".github/workflows/release.yml", "active"),
        workflow(".github/workflows/old.yaml", "disabled_manually"),
        workflow("dynamic/pages/pages-build-deployment", "active"),
    ] });
    let bench = bench(vec![says(200, &listed)]).await;
    let workflows = bench.github.workflows().await.expect("workflows");
    let found: Vec<(&str, bool)> = workflows.iter().map(|one| (one.file.as_str(), one.is_active)).collect();
    assert_eq!(found, [("release.yml", true), ("old.yaml", false)]);
    assert_eq!(bench.lines(), ["GET /api/v3/repos/rally/rally/actions/workflows?per_page=100"]);
}

#[tokio::test]
async fn jobs_are_read_with_their_steps() {
    let jobs = json!({ "total_count": 2, "jobs": [
        { "id": 9, "name": "build", "status": "completed", "conclusion": "success",
          "completed_at": "2026-11-23T09:10:00Z",
          "steps": [{ "name": "Push", "status": "completed", "conclusion": "success", "number": 1 }] },
        { "id": 10, "name": "deploy", "status": "queued", "conclusion": null, "completed_at": null },
    ] });
    let bench = bench(vec![says(200, &jobs)]).await;
    let jobs = bench.github.jobs("77").await.expect("jobs");
    assert_eq!(jobs[0].completed_at, Some("2026-11-23T09:10:00.000Z".parse().expect("a time")));
    assert_eq!((jobs[0].steps[0].name.as_str(), jobs[1].steps.len()), ("Push", 0));
    assert!(bench.lines()[0].ends_with("/runs/77/jobs?filter=latest&per_page=100"));
}

#[tokio::test]
async fn invalid_names_never_reach_a_url() {
    let bench = bench(Vec::new()).await;
    for id in ["", "../../user", "5?x=y", "123456789012345678901"] {
        assert_eq!(bench.github.run(id).await.expect_err(id).code, ErrorCode::BadInput);
    }
    assert_eq!(bench.github.workflow("../secrets").await.expect_err("a path").code, ErrorCode::BadProfile);
    assert!(bench.lines().is_empty());
    for (base, repository) in [
        ("http://api.github.com", "a/b"),
        ("ftp://127.0.0.1", "a/b"),
        ("https://user:pw@api.github.com", "a/b"),
        ("https://api.github.com", "rally"),
        ("https://api.github.com", "a/b/c"),
    ] {
        let refused = GithubAdapter::new(base, repository, Arc::new(MemorySecrets::default())).err().expect("refused");
        assert_eq!(refused.code, ErrorCode::BadProfile, "{base} {repository}");
    }
}

#[tokio::test]
async fn without_a_saved_token_github_is_not_asked() {
    let github =
        GithubAdapter::new("http://127.0.0.1:1", "a/b", Arc::new(MemorySecrets::default())).expect("an adapter");
    assert_eq!(github.whoami().await.expect_err("no token").code, ErrorCode::CredentialMissing);
}
