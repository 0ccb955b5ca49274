//! The verdicts that a snapshot alone can confuse, by trap.

use super::*;
use crate::ports::{BreakerThreshold, CircuitBreaker, ThresholdKind};

fn rolled_back(reason: &str) -> Verdict {
    Verdict::RolledBack { reason: reason.to_owned() }
}

fn superseded(id: &str, arn: &str) -> Verdict {
    let (deployment, reason) = (format!("ecs-svc/{id}"), format!("{id} says why"));
    Verdict::Superseded { deployment, arn: arn.to_owned(), since: stamp(60), reason }
}

/// A stopped task of our deployment.
fn ended(id: &str, code: &str, reason: &str, second: i64) -> TaskSnapshot {
    let mut task = task(id, OURS, "STOPPED", "UNKNOWN");
    task.stop_code = StopCode::parse(code);
    reason.clone_into(&mut task.stopped_reason);
    task.stopped_at = Some(stamp(second));
    task.deployment = "ecs-svc/new".to_owned();
    task
}

#[test]
fn trap_e6_the_old_version_alone_is_no_success() {
    let look = replaced_by("back", OLD, "COMPLETED");
    let was_rolled_back = told("new", OURS, "ROLLBACK_SUCCESSFUL", "the breaker tripped");
    assert_eq!(look.clone().told(was_rolled_back).verdict(), rolled_back("the breaker tripped"));
    assert_eq!(look.verdict(), superseded("back", OLD), "AWS does not say who did it, so nobody is named");
}

#[test]
fn trap_e6_a_server_with_another_image_is_not_ours() {
    let mut look = finished();
    look.tasks[1].image_digest = REBUILT.to_owned();
    let verdict = Verdict::OtherImage { task: "b".to_owned(), digest: REBUILT.to_owned() };
    assert_eq!(look.verdict(), verdict);
    let rollout = look.judge(&RolloutGoal { migrated_at: Some(stamp(0)), ..GOAL });
    assert_eq!(rollout.became_new, ["a"]);
    look.tasks[1].image_digest = String::new();
    assert_eq!(look.verdict(), finished().verdict(), "an unknown digest proves nothing");
}

#[test]
fn trap_e6_a_failed_deployment_without_servers_is_not_left_over() {
    let mut look = finished();
    let mut failed = deployment("first", "ACTIVE", OURS, "FAILED", 0);
    failed.desired = 0;
    look.service.deployments.push(failed);
    assert_eq!(look.verdict(), finished().verdict());
    let changes: [fn(&mut Deployment); 3] = [|one| one.desired = 1, |one| one.running = 1, |one| one.pending = 1];
    for change in changes {
        let mut look = look.clone();
        change(&mut look.service.deployments[1]);
        let (deployment, arn) = ("ecs-svc/first".to_owned(), OURS.to_owned());
        let waits_for = Condition::OtherDeployment { deployment, arn };
        assert_eq!(look.verdict(), Verdict::Began { deployment: "ecs-svc/new".to_owned(), waits_for });
    }
}

#[test]
fn trap_e7_ends_of_our_deployment_are_told_apart() {
    let by_colleague = || replaced_by("theirs", OTHER, "IN_PROGRESS");
    let by_aws = || replaced_by("back", OLD, "IN_PROGRESS");
    let failed = || {
        let mut look = under_way();
        look.service.deployments[0].rollout_state = RolloutState::Failed;
        look
    };
    let why = || "its reason".to_owned();
    let record = |status| told("new", OURS, status, "its reason");
    let began = |waits_for| Verdict::Began { deployment: "ecs-svc/new".to_owned(), waits_for };
    let cases = [
        (by_colleague().told(record("STOPPED")), superseded("theirs", OTHER)),
        (by_colleague().told(record("IN_PROGRESS")), superseded("theirs", OTHER)),
        (by_colleague(), superseded("theirs", OTHER)),
        (by_aws().told(record("ROLLBACK_IN_PROGRESS")), rolled_back("its reason")),
        (by_aws().told(record("ROLLBACK_FAILED")), rolled_back("its reason")),
        (by_aws().told(tripped(record("STOPPED"))), superseded("back", OLD)),
        (under_way().told(record("STOPPED")), Verdict::Stopped { reason: why() }),
        (under_way().told(tripped(record("STOPPED"))), Verdict::Failed { reason: why() }),
        (under_way().told(record("ROLLBACK_FAILED")), Verdict::Failed { reason: why() }),
        (under_way().told(record("STOP_REQUESTED")), began(Condition::StopEnd)),
        (under_way().told(record("ROLLBACK_REQUESTED")), began(Condition::RollbackEnd)),
        (under_way().told(record("IN_PROGRESS")), began(Condition::NewServers { ready: 0, of: 2 })),
        (under_way().told(record("A_NEW_WORD")), began(Condition::NewServers { ready: 0, of: 2 })),
        (failed(), Verdict::Failed { reason: "new says why".to_owned() }),
        (failed().told(record("STOPPED")), Verdict::Failed { reason: why() }),
    ];
    for (number, (look, expected)) in cases.into_iter().enumerate() {
        assert_eq!(look.verdict(), expected, "case {number}");
    }
}

#[test]
fn trap_e7_a_stop_by_a_newer_deployment_is_no_stop_by_a_person() {
    // The service was described before the newer deployment began, and the records were read after.
    let mut look = under_way().told(told("new", OURS, "STOPPED", "a newer service deployment began"));
    let mut newer = told("theirs", OTHER, "IN_PROGRESS", "");
    newer.created_at = stamp(60);
    let ServiceDeployments::Listed(all) = &mut look.deployments else { panic!("records") };
    all.insert(0, newer);
    let waits_for = Condition::OtherDeployment { deployment: "ecs-svc/theirs".to_owned(), arn: OTHER.to_owned() };
    assert_eq!(look.verdict(), Verdict::Began { deployment: "ecs-svc/new".to_owned(), waits_for });
}

#[test]
fn trap_e7_without_a_record_the_listed_deployments_decide() {
    let mut look = replaced_by("back", OLD, "IN_PROGRESS");
    look.service.deployments.push(deployment("new", "ACTIVE", OURS, "FAILED", 0));
    assert_eq!(look.verdict(), rolled_back("new says why"));
    let mut look = replaced_by("back", OLD, "IN_PROGRESS");
    look.service.deployments[0].rollout_reason = "circuit breaker: rolling back to ecs-svc/back".to_owned();
    assert_eq!(look.verdict(), rolled_back("circuit breaker: rolling back to ecs-svc/back"));
    look.service.deployments[0].rollout_reason = String::new();
    let Verdict::Superseded { reason, .. } = look.verdict() else { panic!("{:?}", look.verdict()) };
    assert_eq!(reason, "AWS gives no reason", "a reason is never empty");
}

#[test]
fn trap_e8_records_of_earlier_attempts_do_not_count() {
    let goal = RolloutGoal { deployment: None, since: Some(stamp(30)), ..GOAL };
    let look = replaced_by("old", OLD, "COMPLETED").told(told("first", OURS, "ROLLBACK_SUCCESSFUL", "long ago"));
    assert_eq!(look.judge(&goal).verdict, Verdict::Waiting { waits_for: Condition::OurDeployment });
    let mut now = told("second", OURS, "ROLLBACK_SUCCESSFUL", "just now");
    now.created_at = stamp(40);
    let look = replaced_by("old", OLD, "COMPLETED").told(now);
    assert_eq!(look.judge(&goal).verdict, rolled_back("just now"), "it came and went between two looks");
}

#[test]
fn trap_e8_a_deployment_from_before_the_build_is_not_ours() {
    let waiting = Verdict::Waiting { waits_for: Condition::OurDeployment };
    let ids = ["ecs-svc/first".to_owned()];
    let by_id = EarlierDeployments { ids: &ids, until: None };
    let by_time = EarlierDeployments { ids: &[], until: Some(stamp(90)) };
    for earlier in [by_id, by_time] {
        let goal = RolloutGoal { deployment: None, earlier, ..GOAL };
        for state in ["COMPLETED", "IN_PROGRESS", "FAILED"] {
            let mut look = replaced_by("first", OURS, state);
            look.service.deployments[0].failed = 7;
            let rollout = look.judge(&goal);
            assert_eq!((rollout.verdict, rollout.view.failed_starts), (waiting.clone(), 0), "{state}");
            let look = look.told(told("first", OURS, "STOPPED", "long ago"));
            assert_eq!(look.judge(&goal).verdict, waiting, "{state}");
        }
        let mut look = replaced_by("old", OLD, "COMPLETED");
        look.service.deployments.push(deployment("first", "ACTIVE", OURS, "FAILED", 0));
        assert_eq!(look.judge(&goal).verdict, waiting);
        let unknown = RolloutGoal { earlier: EarlierDeployments::default(), ..goal };
        assert_eq!(look.judge(&unknown).verdict, rolled_back("first says why"));
        let ours = RolloutGoal { deployment: Some("ecs-svc/first"), ..goal };
        assert!(matches!(replaced_by("first", OURS, "FAILED").judge(&ours).verdict, Verdict::Failed { .. }));
    }
}

#[test]
fn trap_e8_a_rollback_to_a_deployment_from_before_the_build_is_no_success() {
    let ids = ["ecs-svc/first".to_owned()];
    let earlier = EarlierDeployments { ids: &ids, until: None };
    let mut ours = told("second", OURS, "ROLLBACK_SUCCESSFUL", "starts failed");
    ours.created_at = stamp(70);
    let look = replaced_by("first", OURS, "COMPLETED").told(ours);
    for deployment in [None, Some("ecs-svc/second")] {
        let goal = RolloutGoal { deployment, earlier, migrated_at: Some(stamp(0)), ..GOAL };
        assert_eq!(look.judge(&goal).verdict, rolled_back("starts failed"), "{deployment:?}");
    }
}

#[test]
fn the_revision_that_served_during_an_unfinished_rollout_may_come_back() {
    let goal = RolloutGoal { deployment: None, ..GOAL };
    let look = replaced_by("back", OTHER, "IN_PROGRESS");
    assert!(matches!(look.judge(&goal).verdict, Verdict::WrongRevision { .. }));
    let waiting = Verdict::Waiting { waits_for: Condition::OurDeployment };
    assert_eq!(look.judge(&RolloutGoal { completed: Some(OTHER), ..goal }).verdict, waiting);
}

#[test]
fn trap_e8_failed_starts_of_an_earlier_deployment_do_not_count() {
    let mut look = under_way();
    let mut earlier = ended("e", "EssentialContainerExited", "long ago", 90);
    earlier.deployment = "ecs-svc/first".to_owned();
    look.tasks.extend([earlier, ended("f", "EssentialContainerExited", "just now", 80)]);
    let view = look.judge(&GOAL).view;
    assert_eq!((view.failed_starts, view.last_reason.as_deref()), (1, Some("just now")));
}

#[test]
fn trap_e3_the_counter_of_aws_is_shown() {
    let mut look = under_way();
    look.service.deployments[0].failed = 9;
    let breaker = CircuitBreaker {
        is_enabled: true,
        rolls_back: true,
        threshold: BreakerThreshold::default(),
        resets_on_healthy_task: true,
    };
    look.service.settings.breaker = Some(breaker.clone());
    let shown = |look: &Look| {
        let view = look.judge(&GOAL).view;
        (view.failed_starts, view.failed_starts_allowed)
    };
    assert_eq!(shown(&look), (9, Some(3)), "without a record, the settings and the deployment count");
    let mut record = told("new", OURS, "IN_PROGRESS", "");
    record.breaker = Some(BreakerCount { status: BreakerStatus::Monitoring, failures: 2, threshold: 7 });
    assert_eq!(shown(&look.clone().told(record.clone())), (2, Some(7)));
    record.breaker = Some(BreakerCount { status: BreakerStatus::Disabled, failures: 0, threshold: 0 });
    assert_eq!(shown(&look.clone().told(record)), (9, Some(3)));
    let threshold = BreakerThreshold { kind: ThresholdKind::Count, value: 40 };
    look.service.settings.breaker = Some(CircuitBreaker { threshold, ..breaker });
    assert_eq!(shown(&look), (9, Some(40)));
}

#[test]
fn trap_e9_the_reason_is_of_a_task_that_failed_by_itself() {
    let mut look = under_way();
    look.tasks.extend([
        ended("own", "EssentialContainerExited", "Essential container in task exited", 70),
        ended("scaled", "ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/2)", 80),
        ended("by hand", "UserInitiated", "Task stopped by user", 90),
    ]);
    look.tasks[2].exit_code = Some(3);
    let view = look.judge(&GOAL).view;
    assert_eq!(view.failed_starts, 1);
    assert_eq!(view.last_reason.as_deref(), Some("Essential container in task exited (exit code 3)"));
    look.tasks.push(ended("sick", "ServiceSchedulerInitiated", "Task failed container health checks", 95));
    let view = look.judge(&GOAL).view;
    assert_eq!((view.failed_starts, view.last_reason.as_deref()), (2, Some("Task failed container health checks")));
}

#[test]
fn trap_e9_a_failure_after_the_migration_is_never_expected() {
    let patterns = [Regex::new("schema").expect("a pattern")];
    let mut look = under_way();
    look.tasks.push(ended("c", "EssentialContainerExited", "old schema", 70));
    let failure = |migrated_at| {
        let goal = RolloutGoal { migrated_at, expected: &patterns, ..GOAL };
        look.judge(&goal).view.start_failure
    };
    assert_eq!(failure(None), Some(StartFailure::Expected));
    assert_eq!(failure(Some(stamp(5))), Some(StartFailure::Expected), "it was started before the migration ended");
    assert_eq!(failure(Some(stamp(1))), Some(StartFailure::NeverExpected));
}

#[test]
fn trap_e1_the_limit_follows_the_settings() {
    let limit = |kind, value, desired| BreakerThreshold { kind, value }.limit(desired);
    let bounded = [1, 2, 6, 7, 1_000].map(|desired| BreakerThreshold::default().limit(desired));
    assert_eq!(bounded, [3, 3, 3, 4, 200].map(Some));
    assert_eq!(limit(ThresholdKind::Count, 40, 2), Some(40));
    assert_eq!(limit(ThresholdKind::UnboundedPercent, 500, 2), Some(10));
    assert_eq!(limit(ThresholdKind::Other("NEW".to_owned()), 1, 2), None);
}
