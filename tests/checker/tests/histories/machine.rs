//! Histories with one broken part at the host or its database: jobs, locks and database version.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Record, broken, changed, doubled, fact, is_step, kind, place, released, set, without};

#[test]
fn rejects_a_migration_without_a_good_backup() {
    let is_dump = |told: &Value| kind(told) == "dumpWritten" && told.pointer("/op/good") == Some(&json!(true));
    let records = changed(is_dump, |told| set(told, "/op/good", json!(false)));
    assert_eq!(broken(&records), BTreeSet::from(["INV-D1"]));
}

#[test]
fn rejects_a_backup_that_no_command_and_no_person_proved() {
    let records =
        changed(|told| kind(told) == "runDrafted", |told| set(told, "/body/profile/backup/artifactProbe", json!("")));
    assert_eq!(broken(&records), BTreeSet::from(["INV-D1"]));
}

#[test]
fn rejects_a_migration_on_an_old_backup() {
    let records = changed(
        |told| fact(told) == "backupProved",
        |told| set(told, "/body/fact/finishedAt", json!("2026-11-22T09:00:00.000Z")),
    );
    assert_eq!(broken(&records), BTreeSet::from(["INV-D1"]));
}

#[test]
fn rejects_a_second_start_of_the_migration() {
    let is_start =
        |told: &Value| kind(told) == "payloadStarted" && told.pointer("/op/work") == Some(&json!("migration"));
    let records = doubled(is_start, |told| set(told, "/op/job", json!("rally.prod.migrate.2.1.0.a2")));
    assert_eq!(broken(&records), BTreeSet::from(["INV-D2", "INV-D4"]), "and beside the first one");
}

/// The good history with more entries of the world before the script of the migration.
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
fn rejects_a_job_that_starts_after_its_revoke() {
    let closed = json!({ "kind": "revokeJob", "id": "rally.prod.migrate.2.1.0.a1", "why": "outside" });
    let records = at_the_migration(&[closed]);
    assert!(broken(&records).contains("INV-D5"), "{:?}", broken(&records));
}

#[test]
fn rejects_a_persons_word_for_a_running_migration() {
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
fn rejects_a_migration_during_another_job() {
    let other = json!({ "kind": "payloadStarted", "job": "rally.prod.backup.2.0.0.a1", "work": "backup", "boot": 1 });
    assert_eq!(broken(&at_the_migration(&[other])), BTreeSet::from(["INV-D4"]));
}

/// The good history with a change at the host long before the start of a step.
fn before_the_start_of(step: &str, op: &Value) -> Vec<Record> {
    let mut records = released();
    let start = place(&records, |told| is_step(told, "stepStarted", step));
    let entry = json!({ "at": 0, "actor": "colleague", "applied": true, "answered": true, "op": op });
    records.insert(start, ("request".to_owned(), entry));
    records
}

#[test]
fn rejects_a_dispatch_while_another_run_has_the_lock() {
    let taken = json!({ "kind": "environmentTaken", "run": "run-9", "from": null });
    assert!(broken(&before_the_start_of("DispatchBuild", &taken)).contains("INV-O1"));
}

#[test]
fn rejects_a_takeover_without_reason_or_event() {
    let holder = json!({ "run": "run-9" });
    let is_taking = |told: &Value| kind(told) == "environmentTaking";
    let records = changed(is_taking, |told| set(told, "/body/from", holder.clone()));
    assert_eq!(broken(&records), BTreeSet::from(["INV-O1"]));
    let from = |told: &mut Value| set(told, "/op/from", json!("run-9"));
    assert_eq!(broken(&changed(|told| kind(told) == "environmentTaken", from)), BTreeSet::from(["INV-J1"]));
}

#[test]
fn rejects_requests_to_a_replaced_or_unknown_machine() {
    let replaced = json!({ "kind": "hostReplaced", "machine": "machine-2" });
    assert!(broken(&before_the_start_of("RunMigration", &replaced)).contains("INV-S2"));
    let is_start = |told: &Value| kind(told) == "deployStarted";
    let unasked = changed(is_start, |told| set(told, "/body/staging/machineId", json!("")));
    assert_eq!(broken(&unasked), BTreeSet::from(["INV-S2"]));
}

#[test]
fn rejects_a_job_that_begins_after_its_reset() {
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
fn rejects_a_migration_proved_by_exit_code_alone() {
    let is_after = |told: &Value| told.pointer("/op/version") == Some(&json!("2.1.0.0 7412"));
    assert!(broken(&without(is_after)).contains("INV-D7"));
}

#[test]
fn rejects_a_migration_before_a_database_answer() {
    let is_before = |told: &Value| told.pointer("/op/version") == Some(&json!("2.0.1.11 7412"));
    assert!(broken(&without(is_before)).contains("INV-D7"));
}

#[test]
fn rejects_an_unaccepted_migration_of_a_silent_database() {
    let records =
        changed(|told| kind(told) == "runDrafted", |told| set(told, "/body/profile/migration/probe", json!("")));
    assert!(broken(&records).contains("INV-D7"));
}

#[test]
fn rejects_a_migration_of_another_database_than_backed_up() {
    let mut records = released();
    for (_, told) in records.iter_mut().filter(|(_, told)| is_step(told, "stepStarted", "BackUp")) {
        told["body"]["plan"]["inputs"]["database"] = json!("2.0.1.11 9999");
    }
    assert!(broken(&records).contains("INV-D1"));
}

#[test]
fn rejects_a_migration_without_database_version_at_backup() {
    let mut records = released();
    for (_, told) in records.iter_mut().filter(|(_, told)| is_step(told, "stepStarted", "BackUp")) {
        told["body"]["plan"]["inputs"]["database"] = json!("");
    }
    assert!(broken(&records).contains("INV-D1"));
}

#[test]
fn rejects_a_migration_after_its_backup_was_overwritten() {
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
fn rejects_a_machine_that_denies_a_started_job() {
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
fn rejects_a_migration_ended_by_a_connection_signal() {
    let is_end = |told: &Value| kind(told) == "payloadEnded" && told.pointer("/op/work") == Some(&json!("migration"));
    for exit in [129, 130, 141, 143] {
        let records = changed(is_end, |told| set(told, "/op/exit", json!(exit)));
        assert!(broken(&records).contains("INV-D6"), "{exit}: {:?}", broken(&records));
    }
    assert!(!broken(&changed(is_end, |told| set(told, "/op/exit", json!(137)))).contains("INV-D6"), "no memory");
}

/// A release that ended in doubt about its migration, and a second one that starts `job` on another
/// machine after this answer about the first one.
fn second_release(job: &str, answer: Option<&str>) -> BTreeSet<&'static str> {
    let doubt = json!({ "kind": "stepInDoubt", "step": "RunMigration", "attempt": 1, "why": "no answer" });
    second_release_after(&doubt, job, answer)
}

/// The same after this end of the first migration.
fn second_release_after(ended: &Value, job: &str, answer: Option<&str>) -> BTreeSet<&'static str> {
    let mut records = released();
    let is_start = |told: &Value| kind(told) == "payloadStarted" && told["op"]["work"] == "migration";
    let at = place(&records, is_start);
    records.truncate(at + 1);
    let started = records[at].1.clone();
    let drafted = records[place(&records, |told| kind(told) == "runDrafted")].1.clone();
    let seq = records.iter().filter(|(what, _)| what == "event").count();
    let event = |run: &Value, seq: usize, body: Value| {
        let mut event = drafted.clone();
        (event["run"], event["seq"], event["body"]) = (run.clone(), json!(seq), body);
        ("event".to_owned(), event)
    };
    let (first, second) = (&drafted["run"], json!("run-2"));
    let end = json!({ "kind": "runEnded", "result": "stopped", "note": "the machine is gone", "leftBehind": [] });
    records.push(event(first, seq + 1, ended.clone()));
    records.push(event(first, seq + 2, end));
    records.push(event(&second, 1, drafted["body"].clone()));
    let question = format!("migration:unknownEnd:{}", first.as_str().expect("a run"));
    let answered = |answer: &str| {
        let body = json!({
            "kind": "questionAnswered", "step": "RunMigration", "question": question, "text": "Was it applied?",
            "answer": answer, "note": "looked",
        });
        event(&second, 2, body)
    };
    records.extend(answer.map(answered));
    let world = |op: Value| {
        let mut entry = started.clone();
        entry["op"] = op;
        ("request".to_owned(), entry)
    };
    records.push(world(json!({ "kind": "hostReplaced", "machine": "machine-2" })));
    records.push(world(json!({ "kind": "payloadStarted", "job": job, "work": "migration", "boot": 1 })));
    broken(&records)
}

#[test]
fn rejects_a_second_migration_after_an_unknown_end() {
    for job in ["rally.prod.migrate.2.1.0.a2", "rally.prod.migrate.2.2.0.a1"] {
        assert!(second_release(job, None).contains("INV-D8"), "{job}");
        assert!(!second_release(job, Some("notApplied")).contains("INV-D8"), "{job}");
    }
}

#[test]
fn a_migration_called_applied_admits_only_another_version() {
    assert!(!second_release("rally.prod.migrate.2.2.0.a1", Some("applied")).contains("INV-D8"));
    assert!(second_release("rally.prod.migrate.2.1.0.a2", Some("applied")).contains("INV-D8"));
}

#[test]
fn an_error_of_an_earlier_migration_needs_a_word_for_every_version() {
    let failure = json!({ "code": "scriptFailed", "summary": "run the script", "retry": "no" });
    let failed = json!({ "kind": "stepFailed", "step": "RunMigration", "attempt": 1, "failure": failure });
    for job in ["rally.prod.migrate.2.1.0.a2", "rally.prod.migrate.2.2.0.a1"] {
        assert!(second_release_after(&failed, job, None).contains("INV-D8"), "{job}");
        assert!(!second_release_after(&failed, job, Some("notApplied")).contains("INV-D8"), "{job}");
    }
}

#[test]
fn a_migration_that_was_applied_admits_only_another_version() {
    let done = json!({ "kind": "stepSucceeded", "step": "RunMigration", "attempt": 1, "how": { "kind": "did" } });
    assert!(second_release_after(&done, "rally.prod.migrate.2.1.0.a2", None).contains("INV-D8"));
    assert!(!second_release_after(&done, "rally.prod.migrate.2.2.0.a1", None).contains("INV-D8"));
}
