//! A migration that failed half-way, was undone and ran again. Each test breaks one condition of
//! the second start (INV-D2).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Record, broken, is_step, kind, place, released, set};

const FIRST: &str = "migrate.2.1.0.a1";
const SECOND: &str = "migrate.2.1.0.a2";
const OLD: &str = "2.0.1.11 7412";
const HALF: &str = "2.0.1.11+half 7412";

/// Whether a record is a part of the migration itself.
fn is_of_migration(told: &Value) -> bool {
    let is_of_host = matches!(
        kind(told),
        "submitJob" | "launchJob" | "databaseSeen" | "payloadStarted" | "payloadEnded" | "schemaChanged" | "jobSeen"
    );
    is_of_host || told.pointer("/body/step") == Some(&json!("RunMigration"))
}

/// The first attempt of the good history as one that failed half-way.
fn failed((what, mut told): Record) -> Option<Record> {
    match kind(&told) {
        "factLearned" => return None,
        "payloadEnded" => set(&mut told, "/op/exit", json!(3)),
        "jobSeen" if told.pointer("/op/exit") == Some(&json!(0)) => set(&mut told, "/op/exit", json!(3)),
        "databaseSeen" if told.pointer("/op/version") != Some(&json!(OLD)) => {
            set(&mut told, "/op/version", json!(HALF));
        }
        "stepSucceeded" => {
            told["body"] = json!({ "kind": "stepFailed", "step": "RunMigration", "attempt": 1,
                                   "failure": { "code": "scriptFailed", "summary": "migrate" } });
        }
        _ => {}
    }
    Some((what, told))
}

/// The same attempt under the next number.
fn second((what, told): Record) -> Record {
    let mut told: Value = serde_json::from_str(&told.to_string().replace(FIRST, SECOND)).expect("JSON");
    if told.pointer("/body/step") == Some(&json!("RunMigration")) && told.pointer("/body/attempt").is_some() {
        set(&mut told, "/body/attempt", json!(2));
    }
    (what, told)
}

fn entry(like: &Record, op: &Value) -> Record {
    let mut told = like.1.clone();
    set(&mut told, "/op", op.clone());
    ("request".to_owned(), told)
}

pub(super) fn event(like: &Record, body: &Value) -> Record {
    let mut told = like.1.clone();
    set(&mut told, "/body", body.clone());
    ("event".to_owned(), told)
}

/// The release whose second attempt of the migration succeeded.
fn undone() -> Vec<Record> {
    let all = released();
    let start = place(&all, |told| is_step(told, "stepStarted", "RunMigration"));
    let end = place(&all, |told| is_step(told, "stepSucceeded", "RunMigration"));
    let (attempt, rest) = (&all[start..=end], &all[end + 1..]);
    let request = attempt.iter().find(|(what, _)| what == "request").expect("a request");
    let mut records = all[..start].to_vec();
    records.extend(attempt.iter().filter(|(_, told)| is_of_migration(told)).cloned().filter_map(failed));
    records.push(entry(request, &json!({ "kind": "databaseRestored", "from": "2.0.1.11", "to": "2.0.1.11" })));
    records.push(entry(request, &json!({ "kind": "databaseSeen", "version": OLD })));
    let job = format!("rally.prod.{FIRST}");
    let body = json!({ "kind": "stepUndone", "step": "RunMigration", "attempt": 1, "job": job, "how": "restored",
                       "note": "the team restored it", "evidence": "it says the same" });
    records.push(event(&attempt[0], &body));
    records.push(event(&attempt[0], &json!({ "kind": "stepOffered", "step": "RunMigration" })));
    records.extend(attempt.iter().cloned().map(second));
    records.extend(rest.iter().cloned());
    numbered(records)
}

/// The records with numbered events. The screen is left out: its numbers are those of before.
pub(super) fn numbered(records: Vec<Record>) -> Vec<Record> {
    let mut records: Vec<Record> = records.into_iter().filter(|(what, _)| what != "shown").collect();
    for (number, (_, told)) in (1..).zip(records.iter_mut().filter(|(what, _)| what == "event")) {
        told["seq"] = json!(number);
    }
    records
}

/// The same release with a change of the first matching record.
fn with(is_sought: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> BTreeSet<&'static str> {
    let mut records = undone();
    let at = place(&records, is_sought);
    change(&mut records[at].1);
    broken(&records)
}

fn is_undone(told: &Value) -> bool {
    kind(told) == "stepUndone"
}

#[test]
fn a_migration_that_was_undone_may_start_again() {
    let mut records = undone();
    assert_eq!(broken(&records), BTreeSet::new());
    let offered = place(&records, is_undone) + 1;
    let steps = json!([{ "id": "RunMigration", "status": "awaitingOperator", "attempt": 1, "retry": null }]);
    let shown = json!({ "seq": records[offered].1["seq"], "steps": steps });
    records.insert(offered + 1, ("shown".to_owned(), shown));
    assert_eq!(broken(&records), BTreeSet::new(), "and it may be offered again");
}

#[test]
fn rejects_a_second_start_without_a_report() {
    let found = with(is_undone, |told| set(told, "/body", json!({ "kind": "tookOver", "from": "Ann" })));
    assert!(found.contains("INV-D2"), "{found:?}");
}

#[test]
fn rejects_a_report_about_another_job() {
    let found = with(is_undone, |told| set(told, "/body/job", json!("rally.prod.migrate.2.1.0.a9")));
    assert_eq!(found, BTreeSet::from(["INV-D2"]));
}

#[test]
fn rejects_a_report_without_a_note() {
    assert_eq!(with(is_undone, |told| set(told, "/body/note", json!(" "))), BTreeSet::from(["INV-D2"]));
}

#[test]
fn rejects_a_report_against_the_answer_of_the_database() {
    let mut records = undone();
    let report = place(&records, is_undone);
    set(&mut records[report - 1].1, "/op/version", json!(HALF));
    assert!(broken(&records).contains("INV-D2"), "{:?}", broken(&records));
    set(&mut records[report - 1].1, "/op/version", Value::Null);
    assert!(broken(&records).contains("INV-D2"), "no answer is no proof");
}

#[test]
fn rejects_a_second_start_on_a_changed_schema() {
    let mut records = undone();
    let restored = place(&records, |told| kind(told) == "databaseRestored");
    records.remove(restored);
    assert_eq!(broken(&records), BTreeSet::from(["INV-D2"]));
}

#[test]
fn rejects_a_report_about_a_running_migration() {
    let mut records = undone();
    let ended = place(&records, |told| kind(told) == "payloadEnded" && told.pointer("/op/exit") == Some(&json!(3)));
    let end = records.remove(ended);
    let report = place(&records, is_undone);
    records.insert(report + 1, end);
    assert!(broken(&records).contains("INV-D2"), "{:?}", broken(&records));
}

#[test]
fn rejects_a_start_after_the_migration_was_left_out() {
    let mut records = released();
    let start = place(&records, |told| is_step(told, "stepStarted", "RunMigration"));
    let skipped = json!({ "kind": "stepSkipped", "step": "RunMigration", "note": "only texts" });
    records.insert(start, event(&records[start], &skipped));
    assert!(broken(&numbered(records)).contains("INV-D2"));
}

#[test]
fn rejects_that_a_migration_which_began_is_left_out() {
    let mut records = released();
    let end = place(&records, |told| is_step(told, "stepSucceeded", "RunMigration"));
    let skipped = json!({ "kind": "stepSkipped", "step": "RunMigration", "note": "only texts" });
    set(&mut records[end].1, "/body", skipped);
    assert!(broken(&records).contains("INV-D2"));
}
