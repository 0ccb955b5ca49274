//! Property tests: a front answers or refuses every request as its service does, without a panic or
//! a server error.
use greenlight_rehearsal::process::rally::probe::{OPERATIONS, Probe};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Any JSON up to three levels deep, with names that the services know among its keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        "\\PC{0,12}".prop_map(Value::from),
        known().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((known(), inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn known() -> impl Strategy<Value = String> {
    let names = [
        "cluster",
        "services",
        "serviceName",
        "tasks",
        "taskDefinition",
        "family",
        "containerDefinitions",
        "include",
        "TAGS",
        "tags",
        "maxResults",
        "nextToken",
        "repositoryName",
        "imageIds",
        "imageTag",
        "imageDigest",
        "logGroupName",
        "startTime",
        "limit",
        "page-1",
        "after-1",
        "ref",
        "inputs",
        "return_run_details",
        "master",
        "rally-prod",
        "rally-prod-webapp",
        "name",
        "image",
        "head",
        "base",
        "title",
    ];
    prop::sample::select(names.to_vec()).prop_map(str::to_owned)
}

fn is_answer(status: u16) -> bool {
    (200..500).contains(&status)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn answers_or_refuses_any_operation_with_any_json(at in 0..OPERATIONS.len(), body in any_json()) {
        let probe = Probe::new().unwrap();
        let status = probe.operation(OPERATIONS[at], &body);
        prop_assert!(is_answer(status), "{} {body}: {status}", OPERATIONS[at]);
    }

    #[test]
    fn aws_front_refuses_any_random_request(
        target in "[ -~]{0,60}",
        kind in "[ -~]{0,40}",
        authorization in "[ -~]{0,120}",
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let status = Probe::new().unwrap().aws(&target, &kind, &authorization, body);
        prop_assert!((400..500).contains(&status), "{status}");
    }

    #[test]
    fn github_front_answers_or_refuses_any_request(
        posts in any::<bool>(),
        rest in "(/actions/(workflows/(build-deploy\\.yml|[a-z%0-9]{0,8})/(dispatches|runs)|runs(/[0-9a-z]{0,12}(/jobs)?)?)|/pulls(/[0-9a-z]{0,12})?|/rules/branches/[a-z%0-9]{0,8}|/[!-~]{0,30})(\\?[a-z_]{1,10}=[!-~]{0,12})?",
        kind in "(application/json|[ -~]{0,20})",
        body in prop_oneof![any_json().prop_map(|json| json.to_string().into_bytes()), prop::collection::vec(any::<u8>(), 0..100)],
    ) {
        let status = Probe::new().unwrap().github(posts, &rest, &kind, body);
        prop_assert!(is_answer(status), "{posts} {rest}: {status}");
    }

    #[test]
    fn github_refusals_have_its_error_shape(
        method in prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD2"]),
        rest in "/(actions/(workflows/(build-deploy\\.yml|%[8-f][0-9a-f])/(dispatches|runs)|runs/(1|%f[0-9a-f])(/jobs)?)|pulls(/(1|%f[0-9a-f]))?)(\\?%[8-f]f=%ff)?",
        body in prop_oneof![
            any_json().prop_map(|json| json.to_string().into_bytes()),
            Just(vec![b' '; (1 << 20) + 1]),
        ],
    ) {
        let Some((status, said)) = Probe::new().unwrap().github_answer(method, &rest, body) else { return Ok(()) };
        prop_assert!(is_answer(status), "{method} {rest}: {status}");
        let words: Value = serde_json::from_slice(&said).unwrap_or_default();
        let is_complaint = words["message"].is_string() && words["status"] == json!(status.to_string());
        prop_assert!(status < 400 || is_complaint, "{method} {rest}: {status} {}", String::from_utf8_lossy(&said));
    }

    #[test]
    fn refused_dispatch_starts_no_build(told in any_json()) {
        let probe = Probe::new().unwrap();
        let dispatch = json!({ "ref": "master", "return_run_details": told }).to_string().into_bytes();
        let (status, _) = probe.github_answer("POST", "/actions/workflows/build-deploy.yml/dispatches", dispatch).unwrap();
        let wanted = told.as_bool().map_or(422, |told| if told { 200 } else { 204 });
        prop_assert_eq!(status, wanted);
        let (_, runs) = probe.github_answer("GET", "/actions/runs", Vec::new()).unwrap();
        let runs: Value = serde_json::from_slice(&runs).unwrap();
        // The list begins with the build before the first one of the World.
        prop_assert_eq!(runs["total_count"].as_u64(), Some(1 + u64::from(wanted != 422)));
    }
}
