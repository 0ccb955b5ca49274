//! A record whose world nobody wrote down, as after a kill of the window: what the journal shows by itself is judged.

use std::collections::BTreeSet;

use greenlight_checker::Checker;
use serde_json::{Value, json};

/// The journal of the whole release of `histories.rs`.
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

/// The same without the first event that is sought; the numbers stay without gaps.
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
fn the_record_of_a_good_release_breaks_no_rule() {
    assert_eq!(broken(&released()), BTreeSet::new());
}

#[test]
fn an_event_that_was_lost_is_found() {
    let mut events = released();
    events.remove(events.len() / 2);
    assert!(broken(&events).contains("INV-J5"));
}

#[test]
fn an_event_that_stands_twice_is_found() {
    let mut events = released();
    let middle = events.len() / 2;
    events.insert(middle, events[middle].clone());
    assert!(broken(&events).contains("INV-J5"));
}

#[test]
fn a_step_that_ends_without_a_start_is_found() {
    let is_start = |event: &Value| event["body"]["kind"] == "stepStarted" && event["body"]["step"] == "RunMigration";
    assert!(broken(&without(is_start)).contains("INV-J5"));
}

#[test]
fn a_migration_without_a_proved_backup_is_found() {
    assert!(broken(&without(|event| is_fact(event, "backupProved"))).contains("INV-D1"));
}

#[test]
fn a_tag_that_is_published_before_main_is_found() {
    assert!(broken(&without(|event| is_fact(event, "mainPublished"))).contains("INV-G3"));
}

#[test]
fn a_release_whose_servers_nobody_saw_is_found() {
    assert!(broken(&without(|event| is_fact(event, "rolledOut"))).contains("INV-E4"));
}

#[test]
fn a_migration_that_starts_again_after_it_finished_is_found() {
    let mut events = released();
    let is_finished = |event: &Value| is_fact(event, "migrationFinished");
    let is_start = |event: &&Value| event["body"]["kind"] == "stepStarted" && event["body"]["step"] == "RunMigration";
    let start = events.iter().find(is_start).expect("the start of the migration").clone();
    let at = events.iter().position(is_finished).expect("its end");
    events.insert(at + 1, start);
    assert!(broken(&events).contains("INV-D2"));
}
