//! What is broken at the staging machine and its database: jobs, gates, who holds the environment, the second guard.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Record, broken, changed, doubled, fact, is_step, kind, place, released, set, without};

#[test]
fn a_migration_without_a_good_backup_is_found() {
    let is_dump = |told: &Value| kind(told) == "dumpWritten" && told.pointer("/op/good") == Some(&json!(true));
    let records = changed(is_dump, |told| set(told, "/op/good", json!(false)));
    assert_eq!(broken(&records), BTreeSet::from(["INV-D1"]));
}

#[test]
fn a_migration_on_an_old_backup_is_found() {
    let records = changed(
        |told| fact(told) == "backupProved",
        |told| set(told, "/body/fact/finishedAt", json!("2026-11-22T09:00:00.000Z")),
    );
    assert_eq!(broken(&records), BTreeSet::from(["INV-D1"]));
}

#[test]
fn a_second_start_of_the_migration_is_found_whoever_started_it() {
    let is_start =
        |told: &Value| kind(told) == "payloadStarted" && told.pointer("/op/work") == Some(&json!("migration"));
    let records = doubled(is_start, |told| set(told, "/op/job", json!("rally.prod.migrate.2.1.0.a2")));
    assert_eq!(broken(&records), BTreeSet::from(["INV-D2", "INV-D4"]), "and beside the first one");
}

/// An entry of the world's record about the staging machine, at the time of the first start of a migration.
fn at_the_migration(entries: &[Value]) -> Vec<Record> {
    let mut records = released();
    let is_start =
        |told: &Value| kind(told) == "payloadStarted" && told.pointer("/op/work") == Some(&json!("migration"));
    let at = records.iter().position(|(_, told)| is_start(told)).expect("a migration");
    for op in entries.iter().rev() {
        let mut entry = records[at].clone();
        set(&mut entry.1, "/op", op.clone());
        records.insert(at, entry);
    }
    records
}

#[test]
fn a_job_that_starts_after_its_gate_was_closed_is_found() {
    let closed = json!({ "kind": "revokeJob", "id": "rally.prod.migrate.2.1.0.a1", "why": "outside" });
    let records = at_the_migration(&[closed]);
    assert!(broken(&records).contains("INV-D5"), "{:?}", broken(&records));
}

#[test]
fn a_persons_word_for_a_migration_that_runs_is_found() {
    let records: Vec<Record> = released()
        .into_iter()
        .filter(|(_, told)| kind(told) != "payloadEnded" || told.pointer("/op/work") != Some(&json!("migration")))
        .map(|(what, mut told)| {
            if kind(&told) == "stepSucceeded" && told.pointer("/body/step") == Some(&json!("RunMigration")) {
                set(&mut told, "/body/how", json!({ "kind": "saidBy", "note": "done" }));
            }
            (what, told)
        })
        .collect();
    assert!(broken(&records).contains("INV-D2"), "{:?}", broken(&records));
}

#[test]
fn a_migration_beside_another_job_at_the_database_is_found() {
    let other = json!({ "kind": "payloadStarted", "job": "rally.prod.backup.2.0.0.a1", "work": "backup", "boot": 1 });
    assert_eq!(broken(&at_the_migration(&[other])), BTreeSet::from(["INV-D4"]));
}

/// The world's record of a change at the staging machine an hour before a step was started.
fn before_the_start_of(step: &str, op: &Value) -> Vec<Record> {
    let mut records = released();
    let start = place(&records, |told| is_step(told, "stepStarted", step));
    let entry = json!({ "at": 0, "actor": "colleague", "applied": true, "answered": true, "op": op });
    records.insert(start, ("request".to_owned(), entry));
    records
}

#[test]
fn a_build_that_starts_while_another_run_holds_the_environment_is_found() {
    let taken = json!({ "kind": "environmentTaken", "run": "run-9", "from": null });
    assert!(broken(&before_the_start_of("DispatchBuild", &taken)).contains("INV-O1"));
}

#[test]
fn an_environment_that_is_taken_without_a_reason_or_unsaid_is_found() {
    let holder = json!({ "run": "run-9" });
    let is_taking = |told: &Value| kind(told) == "environmentTaking";
    let records = changed(is_taking, |told| set(told, "/body/from", holder.clone()));
    assert_eq!(broken(&records), BTreeSet::from(["INV-O1", "INV-J1"]));
    let from = |told: &mut Value| set(told, "/op/from", json!("run-9"));
    assert_eq!(broken(&changed(|told| kind(told) == "environmentTaken", from)), BTreeSet::from(["INV-J1"]));
}

#[test]
fn a_replaced_machine_that_is_asked_is_found() {
    let replaced = json!({ "kind": "hostReplaced", "machine": "machine-2" });
    assert!(broken(&before_the_start_of("RunMigration", &replaced)).contains("INV-S2"));
    let is_start = |told: &Value| kind(told) == "deployStarted";
    let unasked = changed(is_start, |told| set(told, "/body/staging/machineId", json!("")));
    assert_eq!(broken(&unasked), BTreeSet::from(["INV-S2"]));
}

#[test]
fn a_job_that_begins_after_the_app_called_it_not_done_is_found() {
    let mut records = released();
    let launch = place(&records, |told| kind(told) == "payloadStarted" && told["op"]["work"] == "migration");
    let before = &records[..launch];
    let seq =
        before.iter().rev().find(|(what, _)| what == "event").map_or(0, |(_, told)| told["seq"].as_u64().unwrap_or(0));
    let event = |number: u64, body: Value| {
        let by = json!({ "person": "Ann", "computer": "desk-7" });
        (
            "event".to_owned(),
            json!({ "run": "r", "seq": seq + number, "at": "2026-11-23T11:00:00Z", "by": by, "body": body }),
        )
    };
    let doubt = json!({ "kind": "stepInDoubt", "step": "RunMigration", "attempt": 1, "why": "lost" });
    let reset = json!({ "kind": "stepReset", "step": "RunMigration", "attempt": 1, "evidence": "It never started." });
    records.truncate(launch + 1);
    records.insert(launch, event(2, reset));
    records.insert(launch, event(1, doubt));
    assert!(broken(&records).contains("INV-J3"), "{:?}", broken(&records));
}

#[test]
fn a_migration_that_is_called_done_by_its_exit_code_alone_is_found() {
    let is_after = |told: &Value| told.pointer("/op/version") == Some(&json!("2.1.0.0 7412"));
    assert!(broken(&without(is_after)).contains("INV-D7"));
}

#[test]
fn a_migration_that_began_before_the_database_was_asked_is_found() {
    let is_before = |told: &Value| told.pointer("/op/version") == Some(&json!("2.0.1.11 7412"));
    assert!(broken(&without(is_before)).contains("INV-D7"));
}

#[test]
fn a_migration_of_a_database_that_nobody_can_ask_needs_a_person_who_accepts_that() {
    let records =
        changed(|told| kind(told) == "runDrafted", |told| set(told, "/body/profile/migration/probe", json!("")));
    assert!(broken(&records).contains("INV-D7"));
}

#[test]
fn a_migration_of_another_database_than_the_one_that_was_backed_up_is_found() {
    let mut records = released();
    for (_, told) in records.iter_mut().filter(|(_, told)| is_step(told, "stepStarted", "BackUp")) {
        told["body"]["plan"]["inputs"]["database"] = json!("2.0.1.11 9999");
    }
    assert!(broken(&records).contains("INV-D1"));
}

#[test]
fn a_migration_of_a_database_that_did_not_say_at_the_backup_is_found() {
    let mut records = released();
    for (_, told) in records.iter_mut().filter(|(_, told)| is_step(told, "stepStarted", "BackUp")) {
        told["body"]["plan"]["inputs"]["database"] = json!("");
    }
    assert!(broken(&records).contains("INV-D1"));
}

#[test]
fn a_migration_after_its_backup_was_written_over_is_found() {
    let records = doubled(
        |told| kind(told) == "dumpWritten" && told.pointer("/op/good") == Some(&json!(true)),
        |told| {
            set(told, "/op/job", json!("rally.prod.backup.2.1.0.a4"));
            set(told, "/op/good", json!(false));
        },
    );
    assert!(broken(&records).contains("INV-D1"));
}

#[test]
fn a_machine_that_says_that_a_job_did_not_start_whose_script_had_begun_is_found() {
    for state in ["absent", "notStarted", "revoked"] {
        let is_of_migration = |told: &Value| {
            kind(told) == "jobSeen"
                && told.pointer("/op/state") == Some(&json!("running"))
                && told.pointer("/op/id").and_then(Value::as_str).is_some_and(|id| id.contains("migrate"))
        };
        let records = changed(is_of_migration, |told| set(told, "/op/state", json!(state)));
        assert!(broken(&records).contains("INV-D3"), "{state}: {:?}", broken(&records));
    }
}

#[test]
fn a_migration_that_ended_with_the_connection_of_the_app_is_found() {
    let is_end = |told: &Value| kind(told) == "payloadEnded" && told.pointer("/op/work") == Some(&json!("migration"));
    for exit in [129, 130, 141, 143] {
        let records = changed(is_end, |told| set(told, "/op/exit", json!(exit)));
        assert!(broken(&records).contains("INV-D6"), "{exit}: {:?}", broken(&records));
    }
    assert!(!broken(&changed(is_end, |told| set(told, "/op/exit", json!(137)))).contains("INV-D6"), "no memory");
}
