//! Tests of a whole release against the protocol handlers, without sockets.

use serde_json::{Value, json};

use super::{probe::OPERATIONS, *};
use crate::fronts::aws::operation as admits;
use crate::world::{
    ACCOUNT, BUILD_JOB, CLUSTER, FAMILY, IMAGES, LOG_GROUP, MINUTE, REGION, Rules, SECOND, SERVICE, Start, World,
    work::{HostEvent, Work},
};

const START: i64 = 1_800_000_000_000;
const OLD: &str = "1111111111111111111111111111111111111111";
const NEW: &str = "2222222222222222222222222222222222222222";

fn rally() -> World {
    World::new(&Start {
        main: OLD.to_owned(),
        version_value: "2.0.1.11-RELEASE".to_owned(),
        now_ms: START,
        repository: "rallyforresearch/rally".to_owned(),
    })
}

fn after(rally: &mut World, ms: i64) {
    let until = rally.now_ms + ms;
    rally.advance(until);
}

fn aws(rally: &mut World, target: &str, body: Value) -> Value {
    rally.aws(target, &body).unwrap()
}

fn service(rally: &mut World) -> Value {
    let body = json!({ "cluster": CLUSTER, "services": [SERVICE] });
    aws(rally, "AmazonEC2ContainerServiceV20141113.DescribeServices", body)["services"][0].clone()
}

/// Registers a copy of the newest revision with the image of 2.1.0, as the app does.
fn register_new(rally: &mut World) -> u64 {
    let mut body =
        aws(rally, "x.DescribeTaskDefinition", json!({ "taskDefinition": FAMILY }))["taskDefinition"].clone();
    let object = body.as_object_mut().unwrap();
    for added in ["taskDefinitionArn", "revision", "status", "requiresAttributes", "compatibilities", "registeredAt"] {
        object.remove(added);
    }
    object.remove("registeredBy");
    body["containerDefinitions"][0]["image"] =
        json!(format!("{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{IMAGES}:RALLY-V2_1_0_0-RELEASE"));
    aws(rally, "x.RegisterTaskDefinition", body)["taskDefinition"]["revision"].as_u64().unwrap()
}

fn image(rally: &mut World) -> Result<Value, String> {
    let body = json!({ "repositoryName": IMAGES, "imageIds": [{ "imageTag": "RALLY-V2_1_0_0-RELEASE" }] });
    rally.aws("x.DescribeImages", &body).map_err(|(_, kind, _)| kind.to_owned())
}

fn dispatched(rally: &mut World) -> String {
    rally.start_build(&json!({ "ref": "refs/heads/master" })).unwrap()["workflow_run_id"].to_string()
}

fn task_arns(rally: &mut World, status: &str) -> Vec<Value> {
    aws(rally, "x.ListTasks", json!({ "cluster": CLUSTER, "desiredStatus": status }))["taskArns"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn tasks_fail_until_the_migration_and_then_roll_out() {
    let mut rally = rally();
    rally.on_main(NEW, "2.1.0.0-RELEASE");
    assert_eq!(register_new(&mut rally), 143);
    let run = dispatched(&mut rally);
    assert_eq!(image(&mut rally).unwrap_err(), "ImageNotFoundException");
    after(&mut rally, Pace::default().built + SECOND);
    let jobs = rally.jobs(&run).unwrap();
    assert_eq!(jobs["jobs"][0]["name"], BUILD_JOB);
    assert_eq!(jobs["jobs"][0]["conclusion"], "success");
    assert!(image(&mut rally).is_ok());

    after(&mut rally, 5 * MINUTE);
    let before = service(&mut rally);
    assert_eq!(before["deployments"].as_array().unwrap().len(), 2);
    assert_eq!(before["deployments"][0]["rolloutState"], "IN_PROGRESS");
    assert!(before["deployments"][0]["taskDefinition"].as_str().unwrap().ends_with(":143"));
    assert!(before["deployments"][0]["failedTasks"].as_u64().unwrap() >= 2);
    assert_eq!(before["deployments"][1]["runningCount"], 2, "the old version serves");
    assert_eq!(rally.serving_version().unwrap(), "2.0.1.11-RELEASE");
    assert!(!task_arns(&mut rally, "STOPPED").is_empty());
    assert!(rally.logs.iter().any(|line| line.message.contains("requires schema 2.1.0.0")));
    assert_eq!(rally.run_of(&run).unwrap()["status"], "in_progress", "the workflow waits for the service");

    rally.on_host(HostEvent::Started(Work::Migration));
    rally.on_host(HostEvent::Ended(Work::Migration, 0));
    let mut most_old_with_one_new = 0;
    for _ in 0..600 {
        after(&mut rally, SECOND);
        let new = rally.service.healthy().filter(|task| task.revision == 143).count();
        let old = rally.service.healthy().filter(|task| task.revision == 142).count();
        assert!(new + old >= rally.rules.desired, "the site is never without its servers");
        if new == 1 {
            most_old_with_one_new = most_old_with_one_new.max(old);
        }
    }
    assert!(most_old_with_one_new >= 1, "they become new one after the other");
    let done = service(&mut rally);
    assert_eq!(done["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(done["deployments"][0]["rolloutState"], "COMPLETED");
    assert_eq!((done["runningCount"].clone(), task_arns(&mut rally, "RUNNING").len()), (json!(2), 2));
    assert_eq!(rally.serving_version().unwrap(), "2.1.0.0-RELEASE");
    assert_eq!(rally.run_of(&run).unwrap()["conclusion"], "success");
}

#[test]
fn failed_migration_changes_nothing_and_fails_the_workflow() {
    let mut rally = rally();
    rally.on_main(NEW, "2.1.0.0-RELEASE");
    register_new(&mut rally);
    let run = dispatched(&mut rally);
    rally.on_host(HostEvent::Ended(Work::Migration, 3));
    after(&mut rally, Pace::default().set + Rules::default().waits_max + MINUTE);
    assert_eq!(rally.run_of(&run).unwrap()["conclusion"], "failure");
    assert_eq!(rally.serving_version().unwrap(), "2.0.1.11-RELEASE");
}

#[test]
fn restart_repeats_the_same_events() {
    let mut rally = rally();
    rally.on_main(NEW, "2.1.0.0-RELEASE");
    register_new(&mut rally);
    dispatched(&mut rally);
    let kept = serde_json::to_vec(&rally).unwrap();
    after(&mut rally, 30 * MINUTE);
    let mut again: World = serde_json::from_slice(&kept).unwrap();
    after(&mut again, 30 * MINUTE);
    assert_eq!(serde_json::to_value(&again).unwrap(), serde_json::to_value(&rally).unwrap());
}

#[test]
fn refuses_a_definition_with_members_of_aws() {
    let mut rally = rally();
    let body =
        aws(&mut rally, "x.DescribeTaskDefinition", json!({ "taskDefinition": FAMILY }))["taskDefinition"].clone();
    let (_, kind, why) = rally.aws("x.RegisterTaskDefinition", &body).unwrap_err();
    assert_eq!(kind, "ClientException");
    assert!(why.contains("taskDefinitionArn"), "{why}");
}

#[test]
fn the_door_admits_every_operation_that_is_answered() {
    for operation in OPERATIONS {
        let services = ["AmazonEC2ContainerServiceV20141113", "AmazonEC2ContainerRegistry_V20150921", "Logs_20140328"];
        let targets = services.map(|service| format!("{service}.{operation}"));
        let admitted: Vec<&String> = targets.iter().filter(|target| admits(target).is_some()).collect();
        let [target] = admitted[..] else { panic!("{operation} has {} services", admitted.len()) };
        let refusal = rally().aws(target, &json!({})).err();
        assert!(refusal.is_none_or(|(_, kind, _)| kind != "UnknownOperationException"), "{target}");
    }
}

#[test]
fn finds_runs_by_commit_and_time() {
    let mut rally = rally();
    dispatched(&mut rally);
    let find = |rally: &World, sha: &str, created: &str| {
        let query = [("head_sha", sha), ("created", created)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        rally.runs(&query)["total_count"].clone()
    };
    assert_eq!(find(&rally, OLD, ">=2027-01-15T08:00:00Z"), 1);
    assert_eq!(find(&rally, OLD, ">=2027-01-15T08:00:01Z"), 0);
    assert_eq!(find(&rally, NEW, ">=2027-01-15T08:00:00Z"), 0);
}

#[test]
fn paging_reads_every_log_line_once() {
    let mut rally = rally();
    after(&mut rally, 240 * MINUTE);
    let (mut token, mut ids) = (None, Vec::new());
    for _ in 0..20 {
        let mut body = json!({ "logGroupName": LOG_GROUP, "startTime": START });
        if let Some(token) = token.take() {
            body["nextToken"] = token;
        }
        let page = aws(&mut rally, "Logs_20140328.FilterLogEvents", body);
        ids.extend(page["events"].as_array().unwrap().iter().map(|event| event["eventId"].to_string()));
        match page.get("nextToken") {
            Some(next) => token = Some(next.clone()),
            None => break,
        }
    }
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!((ids.len(), unique.len()), (rally.logs.len(), rally.logs.len()));
}

#[test]
fn refuses_an_expired_token_and_announces_its_expiry() {
    use tower::ServiceExt as _;

    use crate::process::Production as _;

    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let asked = |expires_at| {
        let mut world = rally();
        world.rules.token_expires_at = Some(expires_at);
        let request = axum::extract::Request::builder()
            .uri("/user")
            .header("authorization", "Bearer ghp_one")
            .body(axum::body::Body::empty())
            .unwrap();
        let site = PretendRally::of(world, "rallyforresearch/rally", "ghp_one");
        let answer = runtime.block_on(site.github().oneshot(request)).unwrap();
        let told = answer.headers()["github-authentication-token-expiration"].to_str().unwrap().to_owned();
        (answer.status().as_u16(), told)
    };
    assert_eq!(asked(START + MINUTE), (200, "2027-01-15 08:01:00 UTC".to_owned()));
    assert_eq!(asked(START).0, 401);
}
