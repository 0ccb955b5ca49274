//! Tries the rules on a journal without the world's record, as after a kill of the window.

use std::collections::BTreeSet;

use greenlight_checker::Checker;
use serde_json::{Value, json};

/// The journal of the good release in `histories.rs`.
fn released() -> Vec<Value> {
    let records = include_str!("histories/released.jsonl").lines();
    records
        .filter_map(|line| {
            let mut record: Value = serde_json::from_str(line).expect("a record");
            record.get_mut("event").map(Value::take)
        })
        .collect()
}

fn broken(events: &[Value]) -> BTreeSet<&'static str> {
    let mut checker = Checker::new();
    for event in events {
        checker.alone(event);
    }
    assert_eq!(checker.held().is_ok(), checker.violations().is_empty());
    checker.violations().iter().map(|violation| violation.invariant).collect()
}

/// The good journal without the first matching event. The sequence numbers have no gap.
fn without(is_sought: impl Fn(&Value) -> bool) -> Vec<Value> {
    let mut events = released();
    let at = events.iter().position(is_sought).expect("the event that is sought");
    events.remove(at);
    for (number, event) in (1..).zip(&mut events) {
        event["seq"] = json!(number);
    }
    events
}

fn is_fact(event: &Value, kind: &str) -> bool {
    event.pointer("/body/fact/kind").and_then(Value::as_str) == Some(kind)
}

#[test]
fn accepts_the_journal_of_a_good_release() {
    assert_eq!(broken(&released()), BTreeSet::new());
}

#[test]
fn rejects_a_journal_without_one_event() {
    let mut events = released();
    events.remove(events.len() / 2);
    assert!(broken(&events).contains("INV-J5"));
}

#[test]
fn rejects_a_journal_with_a_repeated_event() {
    let mut events = released();
    let middle = events.len() / 2;
    events.insert(middle, events[middle].clone());
    assert!(broken(&events).contains("INV-J5"));
}

#[test]
fn rejects_a_step_that_ends_without_start() {
    let is_start = |event: &Value| event["body"]["kind"] == "stepStarted" && event["body"]["step"] == "RunMigration";
    assert!(broken(&without(is_start)).contains("INV-J5"));
}

#[test]
fn rejects_a_migration_without_a_proved_backup() {
    assert!(broken(&without(|event| is_fact(event, "backupProved"))).contains("INV-D1"));
}

#[test]
fn rejects_a_tag_published_before_main() {
    assert!(broken(&without(|event| is_fact(event, "mainPublished"))).contains("INV-G3"));
}

#[test]
fn rejects_a_release_without_a_seen_rollout() {
    assert!(broken(&without(|event| is_fact(event, "rolledOut"))).contains("INV-E4"));
}

#[test]
fn rejects_a_second_migration_after_the_first_finished() {
    let mut events = released();
    let is_finished = |event: &Value| is_fact(event, "migrationFinished");
    let is_start = |event: &&Value| event["body"]["kind"] == "stepStarted" && event["body"]["step"] == "RunMigration";
    let start = events.iter().find(is_start).expect("the start of the migration").clone();
    let at = events.iter().position(is_finished).expect("its end");
    events.insert(at + 1, start);
    assert!(broken(&events).contains("INV-D2"));
}
