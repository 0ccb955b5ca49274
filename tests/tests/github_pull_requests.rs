//! Pull requests and the rules of a branch: the GitHub adapter against a listener that records
//! requests and answers as GitHub does. The shape of the answers comes from GitHub's REST
//! description.

use std::sync::Arc;

use greenlight_adapters::sleep_detector::BothClocks;
use greenlight_engine::ports::{BranchRule, NewPullRequest, PullRequest, PullRequestState, PullRequests as _};
use greenlight_tests::support::github::{Bench, Reply, TOKEN, adapter, quick, says};
use greenlight_types::{Changed, ErrorCode, Failure};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const HEAD: &str = "8f3a6d1c2b4e5f60718293a4b5c6d7e8f9012345";
const MERGE: &str = "1111111111111111111111111111111111111111";
const BRANCH: &str = "greenlight/v2.1.0-8f3a6d1c2b";
const PULLS: &str = "/api/v3/repos/rally/rally/pulls";

async fn bench(replies: Vec<Reply>) -> Bench {
    Bench::start(replies, quick(), Arc::new(BothClocks::now)).await.expect("a listener")
}

fn missing() -> Reply {
    says(404, &json!({ "message": "Not Found" }))
}

fn rule(kind: &str, ruleset: Option<u64>) -> Value {
    let mut rule = json!({ "type": kind, "ruleset_source_type": "Repository", "ruleset_source": "rally/rally" });
    if let Some(id) = ruleset {
        rule["ruleset_id"] = json!(id);
    }
    rule
}

fn ruleset(bypass: &str) -> Reply {
    says(
        200,
        &json!({ "id": 1, "name": "main", "source": "rally/rally", "enforcement": "active",
        "current_user_can_bypass": bypass }),
    )
}

fn pull(number: u32, state: &str, merged_at: Option<&str>) -> Value {
    let side = |name: &str, sha: &str| json!({ "label": format!("rally:{name}"), "ref": name, "sha": sha, "repo": { "id": 5 }, "user": null });
    json!({ "number": number, "state": state, "merged_at": merged_at, "merge_commit_sha": MERGE,
        "html_url": format!("https://github.com/rally/rally/pull/{number}"), "a_new_field": [2027],
        "head": side(BRANCH, HEAD), "base": side("master", "2222222222222222222222222222222222222222") })
}

fn new() -> NewPullRequest {
    NewPullRequest {
        title: "Release Rally 2.1.0".to_owned(),
        body: "Please merge it.".to_owned(),
        head: BRANCH.to_owned(),
        base: "master".to_owned(),
    }
}

fn seen(number: u32, state: PullRequestState) -> PullRequest {
    PullRequest {
        number,
        url: format!("https://github.com/rally/rally/pull/{number}"),
        state,
        head: HEAD.to_owned(),
        merged_as: (state == PullRequestState::Merged).then(|| MERGE.to_owned()),
        merged_by: None,
    }
}

async fn open(bench: &Bench) -> Result<PullRequest, Failure> {
    bench.github.open_pull_request(&new()).await
}

async fn may_bypass(reply: Reply) -> Result<Option<bool>, Failure> {
    let bench = bench(vec![says(200, &json!([rule("pull_request", Some(7))])), reply]).await;
    let rules = bench.github.branch_rules("master").await?;
    assert_eq!(bench.lines().len(), 2, "a ruleset is asked once");
    Ok(rules[0].may_bypass)
}

#[tokio::test]
async fn rules_of_a_branch_keep_their_kinds() {
    let told = json!([
        rule("pull_request", Some(7)),
        rule("of_next_year", Some(8)),
        rule("update", Some(7)),
        rule("required_signatures", None)
    ]);
    let bench = bench(vec![says(200, &told), ruleset("never"), ruleset("always")]).await;
    let rules = bench.github.branch_rules("release/2.1").await.expect("rules");
    let told = |kind: &str, may_bypass| BranchRule { kind: kind.to_owned(), may_bypass };
    assert_eq!(
        rules,
        [
            told("pull_request", Some(false)),
            told("of_next_year", Some(true)),
            told("update", Some(false)),
            told("required_signatures", None)
        ]
    );
    assert_eq!(
        bench.lines(),
        [
            "GET /api/v3/repos/rally/rally/rules/branches/release%2F2.1?per_page=100",
            "GET /api/v3/repos/rally/rally/rulesets/7?includes_parents=true",
            "GET /api/v3/repos/rally/rally/rulesets/8?includes_parents=true",
        ]
    );
}

#[tokio::test]
async fn each_word_about_a_bypass_has_its_meaning() {
    for (word, expected) in [
        ("always", Some(true)),
        ("exempt", Some(true)),
        ("pull_requests_only", Some(false)),
        ("never", Some(false)),
        ("of_next_year", None),
    ] {
        assert_eq!(may_bypass(ruleset(word)).await, Ok(expected), "{word}");
    }
    let silent = says(200, &json!({ "id": 7, "name": "main" }));
    assert_eq!(may_bypass(silent).await, Ok(None), "GitHub does not tell");
    assert_eq!(may_bypass(missing()).await, Ok(None));
    let hidden = says(403, &json!({ "message": "Resource not accessible by personal access token" }));
    assert_eq!(may_bypass(hidden).await, Ok(None));
    let limited = says(403, &json!({ "message": "You have exceeded a secondary rate limit" }));
    assert_eq!(may_bypass(limited).await.expect_err("a limit is no answer").code, ErrorCode::Throttled);
    assert_eq!(may_bypass(says(401, &json!({}))).await.expect_err("refused").code, ErrorCode::CredentialRefused);
}

#[tokio::test]
async fn asks_at_most_twenty_rulesets() {
    let told: Vec<Value> = (0..25).map(|id| rule("update", Some(id))).collect();
    let replies = std::iter::once(says(200, &json!(told))).chain((0..25).map(|_| ruleset("never")));
    let bench = bench(replies.collect()).await;
    let rules = bench.github.branch_rules("master").await.expect("rules");
    let known = rules.iter().filter(|rule| rule.may_bypass == Some(false)).count();
    assert_eq!((rules.len(), known, bench.lines().len()), (25, 20, 21));
}

#[tokio::test]
async fn a_server_without_rulesets_has_no_rules() {
    let upgrade = json!({ "message": "Upgrade to GitHub Pro or make this repository public to enable this feature." });
    for reply in [missing(), says(403, &upgrade), says(200, &json!([]))] {
        let bench = bench(vec![reply]).await;
        assert_eq!(bench.github.branch_rules("master").await, Ok(Vec::new()));
        assert_eq!(bench.lines().len(), 1);
    }
    let refused = bench(vec![says(403, &json!({ "message": "Resource not accessible" }))]).await;
    let failure = refused.github.branch_rules("master").await.expect_err("refused");
    assert_eq!((failure.code, failure.changed), (ErrorCode::PermissionMissing, Changed::Nothing));
}

#[tokio::test]
async fn lists_pull_requests_of_the_branch_newest_first() {
    let mut of_a_fork = pull(9, "open", None);
    of_a_fork["head"]["repo"] = json!({ "id": 6 });
    let mut of_a_deleted_fork = pull(8, "open", None);
    of_a_deleted_fork["head"]["repo"] = Value::Null;
    let mut of_another_branch = pull(7, "open", None);
    of_another_branch["head"]["ref"] = json!("v2.1.0");
    let mut into_another_branch = pull(6, "open", None);
    into_another_branch["base"]["ref"] = json!("develop");
    let merged = pull(3, "closed", Some("2026-11-23T09:30:00Z"));
    let told = json!([
        of_a_fork,
        of_a_deleted_fork,
        of_another_branch,
        into_another_branch,
        merged,
        pull(5, "open", None),
        pull(4, "closed", None)
    ]);
    let bench = bench(vec![says(200, &told)]).await;
    let found = bench.github.of_branch(BRANCH, "master").await.expect("pull requests");
    assert_eq!(
        found,
        [seen(5, PullRequestState::Open), seen(4, PullRequestState::Closed), seen(3, PullRequestState::Merged)]
    );
    let line = &bench.lines()[0];
    let head = "head=rally%3Agreenlight%2Fv2.1.0-8f3a6d1c2b";
    assert!(line.starts_with(&format!("GET {PULLS}?")), "{line}");
    for part in ["state=all", head, "base=master", "per_page=30", "sort=created", "direction=desc"] {
        assert!(line.contains(part), "{part} in {line}");
    }
}

#[tokio::test]
async fn one_pull_request_names_the_person_who_merged() {
    let mut merged = pull(3, "closed", Some("2026-11-23T09:30:00Z"));
    merged["merged_by"] = json!({ "login": "lena", "id": 1 });
    let mut open = pull(4, "open", None);
    open["merged_by"] = Value::Null;
    let bench = bench(vec![says(200, &merged), says(200, &open), missing()]).await;
    let expected = PullRequest { merged_by: Some("lena".to_owned()), ..seen(3, PullRequestState::Merged) };
    assert_eq!(bench.github.pull_request(3).await, Ok(Some(expected)));
    assert_eq!(bench.github.pull_request(4).await, Ok(Some(seen(4, PullRequestState::Open))));
    assert_eq!(bench.github.pull_request(5).await, Ok(None));
    assert_eq!(bench.lines(), [3, 4, 5].map(|number| format!("GET {PULLS}/{number}")));
}

#[tokio::test]
async fn opens_a_pull_request_with_one_request() {
    let bench = bench(vec![says(201, &pull(6, "open", None))]).await;
    assert_eq!(open(&bench).await, Ok(seen(6, PullRequestState::Open)));
    assert_eq!(bench.lines(), [format!("POST {PULLS}")]);
    let expected =
        json!({ "title": "Release Rally 2.1.0", "body": "Please merge it.", "head": BRANCH, "base": "master" });
    assert_eq!(bench.bodies(), [expected]);
}

#[tokio::test]
async fn a_refused_pull_request_is_told_in_the_words_of_github() {
    let error = |error: Value| {
        says(
            422,
            &json!({ "message": "Validation Failed", "errors": [error], "status": "422",
            "documentation_url": "https://docs.github.com/rest/pulls/pulls#create-a-pull-request" }),
        )
    };
    let exists = "A pull request already exists for rally:greenlight/v2.1.0-8f3a6d1c2b.";
    for (reply, words) in [
        (error(json!({ "resource": "PullRequest", "code": "custom", "message": exists })), exists),
        (error(json!({ "resource": "PullRequest", "code": "invalid", "field": "head" })), "head is invalid."),
        (says(422, &json!({ "message": "Validation Failed" })), "Validation Failed"),
    ] {
        let bench = bench(vec![reply]).await;
        let failure = open(&bench).await.expect_err("refused");
        assert_eq!((failure.code, failure.changed), (ErrorCode::PushRefused, Changed::Nothing), "{failure:?}");
        assert_eq!(failure.params["problem"], words.trim_end_matches('.'));
        assert!(failure.causes[0].contains(words), "{failure:?}");
        assert_eq!(bench.lines().len(), 1, "it is not sent again");
    }
}

#[tokio::test]
async fn each_other_refusal_has_its_code_and_changes_nothing() {
    let limit = Reply::Answer(403, vec![("retry-after", "60".to_owned())], json!({ "message": "slow" }).to_string());
    let cases = [
        (says(401, &json!({ "message": "Bad credentials" })), ErrorCode::CredentialRefused),
        (
            says(403, &json!({ "message": "Resource not accessible by personal access token" })),
            ErrorCode::PermissionMissing,
        ),
        (limit, ErrorCode::Throttled),
        (missing(), ErrorCode::GitMissing),
        (says(410, &json!({ "message": "Gone" })), ErrorCode::UnreadableAnswer),
    ];
    for (reply, code) in cases {
        let bench = bench(vec![reply]).await;
        let failure = open(&bench).await.expect_err("refused");
        assert_eq!((failure.code, failure.changed), (code, Changed::Nothing), "{failure:?}");
        assert!(!failure.hints.is_empty() && !format!("{failure:?}").contains(TOKEN), "{failure:?}");
        assert_eq!(bench.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_missing_permission_and_a_missing_repository_are_named() {
    let body = json!({ "message": "Resource not accessible by personal access token" });
    let headers = vec![("x-accepted-github-permissions", "pull_requests=write".to_owned())];
    let bench =
        bench(vec![says(403, &body), Reply::Answer(403, headers, body.to_string()), missing(), missing()]).await;
    let failure = open(&bench).await.expect_err("refused");
    assert!(failure.hints[0].contains("\u{201c}Pull requests: read and write\u{201d}"), "{failure:?}");
    let failure = open(&bench).await.expect_err("refused");
    assert_eq!(failure.params["permissions"], "pull_requests=write");
    let failure = open(&bench).await.expect_err("not found");
    assert_eq!(failure.params["name"], "rally/rally");
    let failure = bench.github.of_branch(BRANCH, "master").await.expect_err("not found");
    assert_eq!((failure.code, failure.params["name"].as_str()), (ErrorCode::GitMissing, "rally/rally"));
}

#[tokio::test]
async fn a_pull_request_with_a_lost_answer_is_sent_once() {
    let lost = [
        Reply::Silence,
        Reply::BrokenOff,
        says(500, &json!({ "message": "oops" })),
        says(502, &Value::Null),
        says(408, &Value::Null),
        Reply::Answer(201, Vec::new(), "<html>captive portal</html>".to_owned()),
        says(201, &json!({ "message": "no number" })),
        says(200, &pull(6, "open", None)),
    ];
    for (number, reply) in lost.into_iter().enumerate() {
        let bench = bench(vec![reply, says(201, &pull(6, "open", None))]).await;
        let failure = open(&bench).await.expect_err("no answer");
        assert_eq!(failure.changed, Changed::Unknown, "case {number}: {failure:?}");
        assert_eq!(bench.lines().len(), 1, "case {number} was sent again");
    }
}

#[tokio::test]
async fn without_a_connection_no_pull_request_was_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let github = adapter(&base).await.expect("an adapter");
    let failure = github.open_pull_request(&new()).await.expect_err("nobody there");
    assert_eq!((failure.code, failure.changed), (ErrorCode::Unreachable, Changed::Nothing), "{failure:?}");
}

#[tokio::test]
async fn garbage_is_an_unreadable_answer() {
    for garbage in ["", "{", "null", "{\"number\":3}", "[{}]", "[{\"type\":3}]"] {
        let replies = (0..3).map(|_| Reply::Answer(200, Vec::new(), garbage.to_owned())).collect();
        let bench = bench(replies).await;
        let failures = [
            bench.github.branch_rules("master").await.err(),
            bench.github.of_branch(BRANCH, "master").await.err(),
            bench.github.pull_request(3).await.err(),
        ];
        for failure in failures {
            let failure = failure.expect(garbage);
            assert_eq!((failure.code, failure.changed), (ErrorCode::UnreadableAnswer, Changed::Nothing), "{garbage}");
        }
    }
    let bench = bench(vec![says(200, &pull(3, "half open", None))]).await;
    assert_eq!(bench.github.pull_request(3).await.expect_err("a state").code, ErrorCode::UnreadableAnswer);
}

#[tokio::test]
async fn invalid_branches_never_reach_a_url() {
    let bench = bench(Vec::new()).await;
    for branch in ["", ".", "refs/heads/master", "a..b", "a b", "a:b", "a?b", "a\nb", &"a".repeat(256)] {
        let refused = [
            bench.github.branch_rules(branch).await.err(),
            bench.github.of_branch(branch, "master").await.err(),
            bench.github.of_branch("master", branch).await.err(),
            bench.github.open_pull_request(&NewPullRequest { base: branch.to_owned(), ..new() }).await.err(),
        ];
        for failure in refused {
            assert_eq!(failure.map(|failure| failure.code), Some(ErrorCode::BadInput), "{branch}");
        }
    }
    assert!(bench.lines().is_empty());
}
