//! Reports about a commit, and environments: the GitHub adapter against a listener that records
//! requests and answers as GitHub does. The shape of the answers comes from GitHub's REST
//! description.

use std::sync::Arc;

use greenlight_adapters::sleep_detector::BothClocks;
use greenlight_engine::ports::{BuildEnvironment, Builds as _, CommitCheck, CommitCheckState};
use greenlight_tests::support::github::{Bench, Reply, quick, says};
use greenlight_types::{Changed, ErrorCode};
use serde_json::{Value, json};

const SHA: &str = "8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";
const COMMIT: &str = "/api/v3/repos/rally/rally/commits/8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";

async fn bench(replies: Vec<Reply>) -> Bench {
    Bench::start(replies, quick(), Arc::new(BothClocks::now)).await.expect("a listener")
}

fn check(name: &str, state: CommitCheckState) -> CommitCheck {
    CommitCheck { name: name.to_owned(), state }
}

/// A page of check runs that passed, with the number of all.
fn page(total: usize, names: std::ops::Range<usize>) -> Reply {
    let runs: Vec<Value> = names
        .map(|number| json!({ "id": number, "name": format!("t{number}"), "status": "completed", "conclusion": "success" }))
        .collect();
    says(200, &json!({ "total_count": total, "check_runs": runs }))
}

#[tokio::test]
async fn check_runs_and_statuses_have_one_meaning() {
    let runs = json!({ "total_count": 3, "check_runs": [
        { "id": 1, "name": "ci / test", "status": "completed", "conclusion": "success", "a_new_field": [2027] },
        { "id": 2, "name": "ci / slow", "status": "in_progress", "conclusion": null },
        { "id": 3, "name": "lint", "status": "completed", "conclusion": "timed_out" },
    ]});
    let statuses = json!({ "state": "failure", "sha": SHA, "total_count": 2, "statuses": [
        { "context": "ci/other", "state": "pending", "description": null },
        { "context": "ci/good", "state": "success", "description": "fine" },
    ]});
    let bench = bench(vec![says(200, &runs), says(200, &statuses)]).await;
    assert_eq!(
        bench.github.check_runs(SHA).await.expect("a list"),
        [
            check("ci / test", CommitCheckState::Passed),
            check("ci / slow", CommitCheckState::Running),
            check("lint", CommitCheckState::Failed),
        ]
    );
    assert_eq!(
        bench.github.commit_statuses(SHA).await.expect("a list"),
        [check("ci/other", CommitCheckState::Running), check("ci/good", CommitCheckState::Passed)]
    );
    assert_eq!(
        bench.lines(),
        [format!("GET {COMMIT}/check-runs?per_page=100&page=1"), format!("GET {COMMIT}/status?per_page=100&page=1")]
    );
}

#[tokio::test]
async fn reads_every_page_up_to_a_limit() {
    let two_pages = bench(vec![page(101, 0..100), page(101, 100..101)]).await;
    assert_eq!(two_pages.github.check_runs(SHA).await.expect("a list").len(), 101);
    assert_eq!(two_pages.lines()[1], format!("GET {COMMIT}/check-runs?per_page=100&page=2"));

    let endless = bench((0..9).map(|number| page(900, number * 100..(number + 1) * 100)).collect()).await;
    let failure = endless.github.check_runs(SHA).await.expect_err("too many");
    assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, Changed::Nothing));
    assert_eq!(endless.lines().len(), 5);

    // A total that is too large does not make the app ask without end.
    let short = bench(vec![page(900, 0..3)]).await;
    assert_eq!(short.github.check_runs(SHA).await.expect("a list").len(), 3);
}

#[tokio::test]
async fn environments_name_their_reviewers_and_timers() {
    let told = json!({ "total_count": 3, "environments": [
        { "id": 1, "name": "production", "protection_rules": [
            { "id": 5, "type": "wait_timer", "wait_timer": 30 },
            { "id": 6, "type": "required_reviewers", "prevent_self_review": false, "reviewers": [
                { "type": "User", "reviewer": { "login": "lena", "id": 1 } },
                { "type": "Team", "reviewer": { "id": 2, "name": "Release team", "slug": "release-team" } } ] },
            { "id": 7, "type": "branch_policy" },
            { "id": 8, "type": "of_next_year" } ] },
        { "id": 2, "name": "staging", "protection_rules": [] },
        { "id": 3, "name": "docs" },
    ]});
    let bench = bench(vec![says(200, &told), says(200, &json!({}))]).await;
    let plain = |name: &str| BuildEnvironment { name: name.to_owned(), reviewers: Vec::new(), wait_minutes: 0 };
    let held = BuildEnvironment {
        reviewers: vec!["lena".to_owned(), "Release team".to_owned()],
        wait_minutes: 30,
        ..plain("production")
    };
    assert_eq!(bench.github.environments().await.expect("a list"), [held, plain("staging"), plain("docs")]);
    assert_eq!(bench.github.environments().await, Ok(Vec::new()));
    assert_eq!(bench.lines()[0], "GET /api/v3/repos/rally/rally/environments?per_page=100&page=1");
}

#[tokio::test]
async fn a_refusal_names_the_permission_of_its_kind() {
    let hidden = || says(403, &json!({ "message": "Resource not accessible by personal access token" }));
    let unknown = || says(422, &json!({ "message": "No commit found for SHA" }));
    let bench =
        bench(vec![hidden(), hidden(), hidden(), unknown(), says(404, &json!({ "message": "Not Found" }))]).await;
    for (failure, permission) in [
        (bench.github.check_runs(SHA).await.expect_err("hidden"), "Checks: read"),
        (bench.github.commit_statuses(SHA).await.expect_err("hidden"), "Commit statuses: read"),
        (bench.github.environments().await.expect_err("hidden"), "Actions: read"),
    ] {
        assert_eq!(failure.code, ErrorCode::PermissionMissing, "{permission}");
        assert!(failure.hints[0].contains(permission), "{failure:?}");
    }
    assert_eq!(bench.github.check_runs(SHA).await.expect_err("unknown").code, ErrorCode::GitMissing);
    assert_eq!(bench.github.environments().await.expect_err("unknown").code, ErrorCode::GitMissing);
    for bad in ["", "master", "../../user"] {
        assert_eq!(bench.github.check_runs(bad).await.expect_err("refused").code, ErrorCode::BadInput, "{bad}");
    }
    assert_eq!(bench.lines().len(), 5, "a bad name is not sent");
}

#[tokio::test]
async fn an_answer_tells_the_time_of_github() {
    let me = |date: &str| Reply::Answer(200, vec![("date", date.to_owned())], json!({ "login": "robin" }).to_string());
    let bench = bench(vec![me("Tue, 01 Dec 2026 10:00:00 GMT"), me("soon")]).await;
    let identity = bench.github.whoami().await.expect("an answer");
    assert_eq!(identity.answered_at, Some("2026-12-01T10:00:00.000Z".parse().expect("a time")));
    assert_eq!(bench.github.whoami().await.expect("an answer").answered_at, None);
}
