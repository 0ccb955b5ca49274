//! Tests of the verdict, one trap at a time. `slow_rule.rs` has the same verdict once more.

mod patience;
mod slow_rule;
mod traps;

use greenlight_types::{StartFailure, Timestamp};
use regex::Regex;

use super::*;
use crate::ports::{
    BreakerCount, BreakerStatus, DeploymentSettings, DeploymentStatus, ServiceDeployment, ServiceDeployments,
    ServiceSnapshot, StopCode, TaskHealth, TaskStatus,
};

const OURS: &str = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:143";
const OLD: &str = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:142";
const OTHER: &str = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:141";
const BUILT: &str = "sha256:built";
const REBUILT: &str = "sha256:rebuilt";

fn stamp(second: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + second * 1_000).expect("a time")
}

fn deployment(id: &str, status: &str, arn: &str, state: &str, running: u32) -> Deployment {
    Deployment {
        id: format!("ecs-svc/{id}"),
        status: DeploymentStatus::parse(status),
        task_definition: arn.to_owned(),
        rollout_state: RolloutState::parse(state),
        rollout_reason: format!("{id} says why"),
        desired: 2,
        running,
        pending: 0,
        failed: 0,
        created_at: stamp(1),
    }
}

fn service(arn: &str, running: u32, deployments: Vec<Deployment>) -> ServiceSnapshot {
    let settings = DeploymentSettings::default();
    ServiceSnapshot { task_definition: arn.to_owned(), desired: 2, running, deployments, settings, events: Vec::new() }
}

fn task(id: &str, arn: &str, status: &str, health: &str) -> TaskSnapshot {
    TaskSnapshot {
        id: id.to_owned(),
        task_definition: arn.to_owned(),
        last_status: TaskStatus::parse(status),
        health: TaskHealth::parse(health),
        deployment: String::new(),
        stop_code: StopCode::NotSent,
        stopped_reason: String::new(),
        stopped_at: None,
        exit_code: None,
        image_digest: BUILT.to_owned(),
        created_at: stamp(2),
    }
}

/// A record of AWS: its service revision has the number of the deployment.
fn told(id: &str, arn: &str, status: &str, reason: &str) -> ServiceDeployment {
    ServiceDeployment {
        arn: format!("arn:aws:ecs:us-east-1:676917001797:service-deployment/rally/web/of-{id}"),
        revision_arn: format!("arn:aws:ecs:us-east-1:676917001797:service-revision/rally/web/{id}"),
        task_definition: arn.to_owned(),
        status: ServiceDeploymentStatus::parse(status),
        reason: reason.to_owned(),
        created_at: stamp(1),
        started_at: None,
        finished_at: None,
        has_rollback: false,
        breaker: None,
    }
}

fn tripped(mut told: ServiceDeployment) -> ServiceDeployment {
    told.breaker = Some(BreakerCount { status: BreakerStatus::Triggered, failures: 3, threshold: 3 });
    told
}

const GOAL: RolloutGoal<'static> = RolloutGoal {
    ours: OURS,
    previous: OLD,
    deployment: Some("ecs-svc/new"),
    completed: None,
    earlier: EarlierDeployments { ids: &[], until: None },
    since: None,
    migrated_at: None,
    undone_at: None,
    digest: Some(BUILT),
    expected: &[],
};

/// One look at AWS, with its parts owned.
#[derive(Clone, Debug)]
struct Look {
    service: ServiceSnapshot,
    tasks: Vec<TaskSnapshot>,
    deployments: ServiceDeployments,
}

impl Look {
    fn of(service: ServiceSnapshot, tasks: Vec<TaskSnapshot>) -> Self {
        let deployments = ServiceDeployments::NotAvailable { why: "not allowed".to_owned() };
        Self { service, tasks, deployments }
    }

    fn told(mut self, told: ServiceDeployment) -> Self {
        self.deployments = ServiceDeployments::Listed(vec![told]);
        self
    }

    fn snapshot(&self) -> Snapshot<'_> {
        let Self { service, tasks, deployments } = self;
        Snapshot { service, tasks, deployments }
    }

    fn judge(&self, goal: &RolloutGoal<'_>) -> Rollout {
        assess(self.snapshot(), goal)
    }

    /// The verdict after the migration.
    fn verdict(&self) -> Verdict {
        self.judge(&RolloutGoal { migrated_at: Some(stamp(0)), ..GOAL }).verdict
    }
}

fn finished() -> Look {
    let service = service(OURS, 2, vec![deployment("new", "PRIMARY", OURS, "COMPLETED", 2)]);
    Look::of(service, vec![task("a", OURS, "RUNNING", "HEALTHY"), task("b", OURS, "RUNNING", "UNKNOWN")])
}

/// Our deployment is under way, and the old servers run.
fn under_way() -> Look {
    let mut service = service(
        OURS,
        2,
        vec![deployment("new", "PRIMARY", OURS, "IN_PROGRESS", 0), deployment("old", "ACTIVE", OLD, "COMPLETED", 2)],
    );
    service.deployments[1].created_at = stamp(-90_000);
    Look::of(service, vec![task("a", OLD, "RUNNING", "HEALTHY"), task("b", OLD, "RUNNING", "HEALTHY")])
}

/// Another revision is in charge.
fn replaced_by(id: &str, arn: &str, state: &str) -> Look {
    let mut service = service(arn, 2, vec![deployment(id, "PRIMARY", arn, state, 2)]);
    service.deployments[0].created_at = stamp(60);
    Look::of(service, vec![task("a", arn, "RUNNING", "HEALTHY"), task("b", arn, "RUNNING", "HEALTHY")])
}

#[test]
fn a_finished_rollout_is_done() {
    let rollout = finished().judge(&RolloutGoal { migrated_at: Some(stamp(0)), ..GOAL });
    assert_eq!(rollout.verdict, Verdict::Done { deployment: "ecs-svc/new".to_owned(), servers: 2 });
    assert_eq!(rollout.became_new, ["a", "b"]);
    assert_eq!(rollout.view.new_count, 2);
}

#[test]
fn names_the_condition_that_is_open() {
    type Change = fn(&mut Look);
    let new_servers = |ready| Condition::NewServers { ready, of: 2 };
    let old = || Condition::OtherDeployment { deployment: "ecs-svc/old".to_owned(), arn: OLD.to_owned() };
    let cases: [(Change, Condition); 13] = [
        (|look| look.service.deployments[0].rollout_state = RolloutState::InProgress, Condition::Completion),
        (|look| look.service.deployments[0].rollout_state = RolloutState::NotSent, Condition::Completion),
        (|look| look.service.deployments.push(deployment("old", "ACTIVE", OLD, "COMPLETED", 0)), old()),
        (|look| look.service.deployments.push(deployment("old", "INACTIVE", OLD, "COMPLETED", 1)), old()),
        (|look| look.service.running = 1, Condition::SameCounts),
        (|look| look.service.deployments[0].running = 1, Condition::SameCounts),
        (|look| look.service.task_definition = OLD.to_owned(), Condition::SameCounts),
        (|look| look.tasks.push(task("c", OURS, "PENDING", "UNKNOWN")), Condition::SameCounts),
        (|look| (look.service.desired, look.service.running) = (0, 0), Condition::WantedServers),
        (|look| look.tasks.push(task("c", OLD, "RUNNING", "HEALTHY")), Condition::OldServers { left: 1 }),
        (|look| look.tasks[0].task_definition = OLD.to_owned(), new_servers(1)),
        (|look| look.tasks[0].health = TaskHealth::Unhealthy, new_servers(1)),
        (|look| look.tasks[0].last_status = TaskStatus::Pending, new_servers(1)),
    ];
    for (number, (change, expected)) in cases.into_iter().enumerate() {
        let mut look = finished();
        change(&mut look);
        let deployment = "ecs-svc/new".to_owned();
        assert_eq!(look.verdict(), Verdict::Began { deployment, waits_for: expected }, "case {number}");
    }
}

#[test]
fn waits_until_a_deployment_of_ours_appears() {
    let look = replaced_by("old", OLD, "COMPLETED");
    let waiting = Verdict::Waiting { waits_for: Condition::OurDeployment };
    assert_eq!(look.judge(&RolloutGoal { deployment: None, ..GOAL }).verdict, waiting);
    let look = Look::of(service(OLD, 2, Vec::new()), Vec::new());
    assert_eq!(look.verdict(), waiting, "without a primary deployment");
}

#[test]
fn a_deployment_of_other_settings_is_an_alarm() {
    let look = replaced_by("x", OTHER, "IN_PROGRESS");
    let verdict = look.judge(&RolloutGoal { deployment: None, ..GOAL }).verdict;
    assert_eq!(verdict, Verdict::WrongRevision { arn: OTHER.to_owned() });
}

#[test]
fn unknown_health_is_not_new_before_the_migration() {
    let service = service(OURS, 3, vec![deployment("new", "PRIMARY", OURS, "IN_PROGRESS", 1)]);
    let look = Look::of(service, vec![task("a", OURS, "RUNNING", "UNKNOWN"), task("b", OLD, "RUNNING", "UNKNOWN")]);
    let before = look.judge(&GOAL);
    assert!(before.became_new.is_empty(), "it is about to find the old schema and end");
    let ours = before.view.servers.iter().find(|server| server.is_new).expect("ours is listed");
    assert_eq!((before.view.new_count, ours.state.as_str()), (0, "trying to start"));
    let after = look.judge(&RolloutGoal { migrated_at: Some(stamp(0)), ..GOAL });
    assert_eq!((after.became_new, after.view.new_count), (vec!["a".to_owned()], 1));
}

#[test]
fn a_failure_is_expected_not_recognised_or_never_expected() {
    let all = [Regex::new(".*").expect("a pattern")];
    assert_eq!(start_failure("CannotPullContainerError: schema not found", &all), StartFailure::NeverExpected);
    assert_eq!(start_failure("Essential container in task exited", &all), StartFailure::Expected);
    assert_eq!(start_failure("Essential container in task exited", &[]), StartFailure::NotRecognised);
}
