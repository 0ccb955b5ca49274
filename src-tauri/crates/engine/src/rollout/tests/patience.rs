//! How long AWS waits while starts fail, and the limit that gives enough time (TRAP-E1).

use std::time::Duration;

use super::*;
use crate::{
    ports::{BreakerThreshold, CircuitBreaker, ThresholdKind},
    rollout::{Patience, patience, raised_limit},
};

fn count(value: u32) -> BreakerThreshold {
    BreakerThreshold { kind: ThresholdKind::Count, value }
}

/// A rollout whose tasks fail, with a breaker and the percentages of the service.
fn failing(threshold: Option<BreakerThreshold>, desired: u32, (minimum, maximum): (u32, u32)) -> Look {
    let breaker = threshold.map(|threshold| CircuitBreaker {
        is_enabled: true,
        rolls_back: true,
        threshold,
        resets_on_healthy_task: true,
    });
    let mut service = service(OURS, 2, vec![deployment("new", "PRIMARY", OURS, "IN_PROGRESS", 0)]);
    service.desired = desired;
    service.settings.breaker = breaker;
    service.settings.minimum_percent = Some(minimum);
    service.settings.maximum_percent = Some(maximum);
    Look::of(service, Vec::new())
}

fn counted(look: Look, failures: u32, threshold: u32) -> Look {
    let mut told = told("new", OURS, "IN_PROGRESS", "");
    told.breaker = Some(BreakerCount { status: BreakerStatus::Monitoring, failures, threshold });
    look.told(told)
}

fn patience_of(look: &Look) -> Patience {
    patience(look.snapshot(), &GOAL)
}

fn seconds(look: &Look) -> u64 {
    let Patience::Limited { lasts, .. } = patience_of(look) else { panic!("limited") };
    lasts.as_secs()
}

/// A task that failed that many seconds after its start.
fn failed_after(id: &str, second: i64) -> TaskSnapshot {
    let mut task = task(id, OURS, "STOPPED", "UNKNOWN");
    task.stop_code = StopCode::EssentialContainerExited;
    task.created_at = stamp(100);
    task.stopped_at = Some(stamp(100 + second));
    task
}

#[test]
fn a_service_without_a_breaker_waits_for_ever() {
    assert_eq!(patience_of(&failing(None, 2, (100, 200))), Patience::Endless);
}

#[test]
fn trap_e1_the_default_limit_lasts_for_two_waves() {
    // Three failed starts for two tasks, two of which start at once.
    assert_eq!(seconds(&failing(Some(BreakerThreshold::default()), 2, (100, 200))), 80);
    // One at a time: there is no room for more, and one old task may stop.
    assert_eq!(seconds(&failing(Some(BreakerThreshold::default()), 2, (50, 100))), 120);
}

#[test]
fn fault_19_the_limit_that_the_service_has_counts_not_the_default_rule() {
    assert_eq!(seconds(&failing(Some(count(30)), 2, (100, 200))), 600, "fifteen waves of two starts");
    assert_eq!(seconds(&failing(Some(count(1)), 2, (100, 200))), 40, "one wave");
}

#[test]
fn trap_e3_the_counter_of_aws_decides() {
    let look = || failing(Some(count(3)), 2, (100, 200));
    assert_eq!(seconds(&counted(look(), 8, 20)), 240);
    assert_eq!(seconds(&counted(look(), 20, 20)), 0);
}

#[test]
fn the_shortest_failure_that_was_seen_decides() {
    let mut look = failing(Some(count(6)), 2, (100, 200));
    look.tasks = vec![failed_after("a", 90), failed_after("b", 20)];
    assert_eq!(patience_of(&look), Patience::Limited { used: 0, allowed: 6, lasts: Duration::from_secs(60) });
}

#[test]
fn an_unknown_kind_of_limit_covers_nothing() {
    let unknown = BreakerThreshold { kind: ThresholdKind::Other("NEW".into()), value: 5 };
    assert!(!patience_of(&failing(Some(unknown), 2, (100, 200))).covers(Duration::ZERO));
}

#[test]
fn a_raised_limit_lasts_an_hour() {
    for (desired, percents) in [(2, (100, 200)), (2, (50, 100)), (7, (100, 150)), (40, (100, 200))] {
        let before = counted(failing(Some(BreakerThreshold::default()), desired, percents), 3, 20);
        let limit = raised_limit(before.snapshot(), &GOAL);
        let after = counted(failing(Some(limit.clone()), desired, percents), 3, limit.value);
        assert!(patience_of(&after).covers(Duration::from_secs(3_600)), "{desired} {percents:?} {limit:?}");
    }
    let huge = raised_limit(failing(Some(count(3)), 5_000, (100, 200)).snapshot(), &GOAL);
    assert_eq!(huge, count(5_000), "the highest limit that is proposed");
}
