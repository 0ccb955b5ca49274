//! Tests of the verdict, one trap at a time.

use greenlight_types::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::ports::CircuitBreaker;

const OURS: &str = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:143";
const OLD: &str = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:142";
const OTHER: &str = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:141";

fn stamp(second: u32) -> Timestamp {
    format!("2026-11-23T09:00:{second:02}Z").parse().expect("a time")
}

fn deployment(id: &str, status: &str, arn: &str, state: &str, running: u32) -> Deployment {
    Deployment {
        id: id.to_owned(),
        status: DeploymentStatus::parse(status),
        task_definition: arn.to_owned(),
        rollout_state: RolloutState::parse(state),
        rollout_reason: format!("{id} says why"),
        desired: 2,
        running,
        failed: 0,
        created_at: stamp(1),
    }
}

fn service(arn: &str, running: u32, deployments: Vec<Deployment>) -> ServiceSnapshot {
    ServiceSnapshot { task_definition: arn.to_owned(), desired: 2, running, deployments, breaker: None }
}

fn task(id: &str, arn: &str, status: &str, health: &str) -> TaskSnapshot {
    TaskSnapshot {
        id: id.to_owned(),
        task_definition: arn.to_owned(),
        last_status: TaskStatus::parse(status),
        health: TaskHealth::parse(health),
        stopped_reason: String::new(),
        exit_code: None,
        image_digest: String::new(),
        created_at: stamp(2),
    }
}

fn judge(service: &ServiceSnapshot, tasks: &[TaskSnapshot], has_begun: bool) -> Rollout {
    let expected = [Regex::new("schema").expect("a pattern")];
    assess(
        service,
        tasks,
        &RolloutGoal { ours: OURS, previous: OLD, has_begun, is_migrated: true, expected: &expected },
    )
}

fn finished() -> (ServiceSnapshot, Vec<TaskSnapshot>) {
    let service = service(OURS, 2, vec![deployment("new", "PRIMARY", OURS, "COMPLETED", 2)]);
    (service, vec![task("a", OURS, "RUNNING", "HEALTHY"), task("b", OURS, "RUNNING", "UNKNOWN")])
}

#[test]
fn a_finished_rollout_is_done() {
    let (service, tasks) = finished();
    let rollout = judge(&service, &tasks, true);
    assert_eq!(rollout.verdict, Verdict::Done { deployment: "new".to_owned(), servers: 2 });
    assert_eq!(rollout.became_new, ["a", "b"]);
    assert_eq!(rollout.view.new_count, 2);
}

#[test]
fn is_not_done_while_any_condition_is_open() {
    let changes: [fn(&mut ServiceSnapshot, &mut Vec<TaskSnapshot>); 10] = [
        |service, _| service.deployments[0].rollout_state = RolloutState::InProgress,
        |service, _| service.deployments[0].rollout_state = RolloutState::NotSent,
        |service, _| service.deployments.push(deployment("old", "ACTIVE", OLD, "COMPLETED", 0)),
        |service, _| service.running = 1,
        |service, _| service.deployments[0].running = 1,
        |service, _| service.task_definition = OLD.to_owned(),
        |service, tasks| {
            service.desired = 0;
            service.running = 0;
            tasks.clear();
        },
        |_, tasks| tasks[0].task_definition = OLD.to_owned(),
        |_, tasks| tasks[0].health = TaskHealth::Unhealthy,
        |_, tasks| tasks[0].last_status = TaskStatus::Pending,
    ];
    for (number, change) in changes.iter().enumerate() {
        let (mut service, mut tasks) = finished();
        change(&mut service, &mut tasks);
        let rollout = judge(&service, &tasks, true);
        assert_eq!(rollout.verdict, Verdict::Began { deployment: "new".to_owned() }, "change {number}");
    }
}

#[test]
fn old_version_alone_is_waiting_or_a_rollback() {
    let service = service(OLD, 2, vec![deployment("old", "PRIMARY", OLD, "COMPLETED", 2)]);
    let tasks = [task("a", OLD, "RUNNING", "HEALTHY"), task("b", OLD, "RUNNING", "HEALTHY")];
    assert_eq!(judge(&service, &tasks, false).verdict, Verdict::Waiting);
    assert_eq!(judge(&service, &tasks, true).verdict, Verdict::RolledBack { reason: "old says why".to_owned() });
}

#[test]
fn our_failed_deployment_beside_the_old_one_is_a_rollback() {
    let service = service(
        OLD,
        2,
        vec![deployment("back", "PRIMARY", OLD, "IN_PROGRESS", 2), deployment("new", "ACTIVE", OURS, "FAILED", 0)],
    );
    assert_eq!(judge(&service, &[], false).verdict, Verdict::RolledBack { reason: "new says why".to_owned() });
}

#[test]
fn a_failed_deployment_without_a_way_back_is_failed() {
    let service = service(OURS, 2, vec![deployment("new", "PRIMARY", OURS, "FAILED", 0)]);
    assert_eq!(judge(&service, &[], true).verdict, Verdict::Failed { reason: "new says why".to_owned() });
}

#[test]
fn a_deployment_of_other_settings_is_an_alarm() {
    let service = service(
        OTHER,
        2,
        vec![deployment("x", "PRIMARY", OTHER, "IN_PROGRESS", 0), deployment("old", "ACTIVE", OLD, "COMPLETED", 2)],
    );
    assert_eq!(judge(&service, &[], false).verdict, Verdict::WrongRevision { arn: OTHER.to_owned() });
}

#[test]
fn failing_starts_show_their_reason_and_whether_it_is_expected() {
    let mut service = service(
        OURS,
        2,
        vec![deployment("new", "PRIMARY", OURS, "IN_PROGRESS", 0), deployment("old", "ACTIVE", OLD, "COMPLETED", 2)],
    );
    service.breaker = Some(CircuitBreaker { is_enabled: true, rolls_back: true });
    service.deployments[0].failed = 4;
    let mut failed = task("c", OURS, "STOPPED", "UNKNOWN");
    failed.stopped_reason = "Essential container in task exited: old schema".to_owned();
    failed.exit_code = Some(3);
    let tasks = [task("b", OURS, "PENDING", "UNKNOWN"), failed, task("a", OLD, "RUNNING", "HEALTHY")];
    let view = judge(&service, &tasks, true).view;
    assert_eq!((view.failed_starts, view.failed_starts_allowed), (4, Some(3)));
    assert!(view.is_expected, "{view:?}");
    assert_eq!(view.last_reason.as_deref(), Some("Essential container in task exited: old schema (exit code 3)"));
    let order: Vec<(&str, &str)> = view.servers.iter().map(|s| (s.task.as_str(), s.state.as_str())).collect();
    assert_eq!(order, [("a", "serving"), ("b", "starting")]);
}

#[test]
fn unknown_health_is_not_new_before_the_migration() {
    let service = service(OURS, 3, vec![deployment("new", "PRIMARY", OURS, "IN_PROGRESS", 1)]);
    let tasks = [task("a", OURS, "RUNNING", "UNKNOWN"), task("b", OLD, "RUNNING", "UNKNOWN")];
    let look = |is_migrated| {
        let wanted = RolloutGoal { ours: OURS, previous: OLD, has_begun: true, is_migrated, expected: &[] };
        assess(&service, &tasks, &wanted)
    };
    let before = look(false);
    assert!(before.became_new.is_empty(), "it is about to find the old schema and end");
    let ours = before.view.servers.iter().find(|server| server.is_new).expect("ours is listed");
    assert_eq!((before.view.new_count, ours.state.as_str()), (0, "trying to start"));
    let after = look(true);
    assert_eq!((after.became_new, after.view.new_count), (vec!["a".to_owned()], 1));
}

#[test]
fn a_package_that_cannot_be_pulled_is_never_expected() {
    let all = [Regex::new(".*").expect("a pattern")];
    assert!(!is_expected("CannotPullContainerError: schema not found", &all));
}

fn any_task() -> impl Strategy<Value = TaskSnapshot> {
    let arn = prop_oneof![Just(OURS), Just(OLD)];
    let status = prop_oneof![Just("RUNNING"), Just("PENDING"), Just("STOPPED"), Just("DEPROVISIONING")];
    let health = prop_oneof![Just("HEALTHY"), Just("UNHEALTHY"), Just("UNKNOWN")];
    ("[a-z]{3}", arn, status, health).prop_map(|(id, arn, status, health)| task(&id, arn, status, health))
}

fn any_deployment() -> impl Strategy<Value = Deployment> {
    let status = prop_oneof![Just("PRIMARY"), Just("ACTIVE"), Just("INACTIVE")];
    let arn = prop_oneof![Just(OURS), Just(OLD), Just(OTHER)];
    let state = prop_oneof![Just("COMPLETED"), Just("IN_PROGRESS"), Just("FAILED"), Just("")];
    ("[a-z]{2}", status, arn, state, 0_u32..4)
        .prop_map(|(id, status, arn, state, running)| deployment(&id, status, arn, state, running))
}

proptest! {
    #[test]
    fn done_means_all_servers_ours_and_no_other_deployment(
        tasks in prop::collection::vec(any_task(), 0..5),
        deployments in prop::collection::vec(any_deployment(), 0..4),
        running in 0_u32..4,
        has_begun: bool,
    ) {
        let service = service(OURS, running, deployments);
        if let Verdict::Done { servers, .. } = judge(&service, &tasks, has_begun).verdict {
            prop_assert_eq!(servers, 2);
            let alive: Vec<_> = tasks.iter().filter(|t| t.last_status == TaskStatus::Running || t.last_status == TaskStatus::Pending).collect();
            prop_assert_eq!(alive.len(), 2);
            prop_assert!(alive.iter().all(|t| t.task_definition == OURS && t.last_status == TaskStatus::Running && t.health != TaskHealth::Unhealthy));
            prop_assert!(service.deployments.iter().all(|d| d.status != DeploymentStatus::Active));
        }
    }
}
