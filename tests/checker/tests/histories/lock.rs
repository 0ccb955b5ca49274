//! The environment lock on the git remote.

use super::*;

const LOCK: &str = "refs/greenlight/rally/prod";
const HELD: &str = "Environment lock of rally.prod: held";
const FREE: &str = "Environment lock of rally.prod: free";

/// A push of an entry long before.
fn entry(actor: &str, first: &str, run: &str) -> Record {
    let message = format!("{first}\n\nRun: {run}\nSince: 2026-11-23T09:00:00.000Z\n");
    let op = json!({
        "kind": "pushRef", "name": LOCK, "expected": null, "old": null, "new": "d", "forced": false, "message": message,
    });
    (
        "request".to_owned(),
        json!({ "at": 0, "actor": actor, "applied": true, "answered": true, "process": 9, "op": op }),
    )
}

/// The good history with another record before the first matching one.
fn before(is_sought: impl Fn(&Value) -> bool, record: Record) -> Vec<Record> {
    let mut records = released();
    let at = place(&records, is_sought);
    records.insert(at, record);
    records
}

fn is_start_of_build(told: &Value) -> bool {
    is_step(told, "stepStarted", "DispatchBuild")
}

fn is_held_entry(told: &Value) -> bool {
    told.pointer("/op/message").and_then(Value::as_str).is_some_and(|text| text.starts_with(HELD))
}

#[test]
fn rejects_a_step_while_another_run_owns_the_lock() {
    let records = before(is_start_of_build, entry("colleague", HELD, "run-9"));
    assert_eq!(broken(&records), BTreeSet::from(["INV-O1"]));
}

#[test]
fn rejects_a_change_while_the_lock_is_free() {
    let records = before(|told| kind(told) == "launchJob", entry("colleague", FREE, "run-9"));
    assert!(broken(&records).contains("INV-O1"), "{:?}", broken(&records));
}

#[test]
fn rejects_a_takeover_that_no_event_names() {
    let records = before(is_held_entry, entry("colleague", HELD, "run-9"));
    assert_eq!(broken(&records), BTreeSet::from(["INV-O1"]));
}

#[test]
fn rejects_a_change_of_an_unreadable_entry() {
    let records = before(is_held_entry, entry("colleague", "closed", "run-9"));
    assert_eq!(broken(&records), BTreeSet::from(["INV-O1"]));
}

#[test]
fn rejects_a_release_in_the_middle_and_for_another_run() {
    let own = entry("app", FREE, "01900000-0000-7000-8000-000000000001");
    assert!(broken(&before(is_start_of_build, own.clone())).contains("INV-J1"));
    let mut records = released();
    records.extend([entry("colleague", HELD, "run-9"), own]);
    assert_eq!(broken(&records), BTreeSet::from(["INV-O1"]));
}

#[test]
fn rejects_a_refusal_without_a_refused_push() {
    let records = changed(
        |told| kind(told) == "deployStarted",
        |told| set(told, "/body", json!({ "kind": "environmentRefused", "reason": "GH013", "isAccepted": true })),
    );
    assert!(broken(&records).contains("INV-J2"), "{:?}", broken(&records));
}
