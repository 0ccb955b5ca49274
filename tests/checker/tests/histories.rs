//! One good release with lost answers, a failed backup, two builds of one commit and a rollout with
//! many attempts. Every test breaks it in one place, and the checker must name that rule.

#[path = "histories/lock.rs"]
mod lock;
#[path = "histories/machine.rs"]
mod machine;
#[path = "histories/start_over.rs"]
mod start_over;
#[path = "histories/undone.rs"]
mod undone;
#[path = "histories/ways.rs"]
mod ways;

use std::collections::BTreeSet;

use greenlight_checker::Checker;
use serde_json::{Value, json};

/// The kind of a record and its content.
type Record = (String, Value);

fn released() -> Vec<Record> {
    include_str!("histories/released.jsonl").lines().map(record).collect()
}

fn record(line: &str) -> Record {
    let whole: serde_json::Map<String, Value> = serde_json::from_str(line).expect("a record");
    whole.into_iter().next().expect("a record has one name")
}

fn broken(records: &[Record]) -> BTreeSet<&'static str> {
    let mut checker = Checker::new();
    for (what, told) in records {
        match what.as_str() {
            "event" => checker.event(told),
            "request" => checker.request(told),
            "shown" => checker.shown(told),
            "operator" => checker.operator(told),
            "end" => checker.end(told),
            other => panic!("a record is named {other}"),
        }
    }
    checker.violations().iter().map(|violation| violation.invariant).collect()
}

/// Kind of an event or of an entry of the world's record.
fn kind(told: &Value) -> &str {
    told.pointer("/body/kind").or_else(|| told.pointer("/op/kind")).and_then(Value::as_str).unwrap_or_default()
}

fn fact(told: &Value) -> &str {
    told.pointer("/body/fact/kind").and_then(Value::as_str).unwrap_or_default()
}

/// Index of the first matching record.
fn place(records: &[Record], is_sought: impl Fn(&Value) -> bool) -> usize {
    records.iter().position(|(_, told)| is_sought(told)).expect("the record that is sought")
}

fn without(is_left_out: impl Fn(&Value) -> bool) -> Vec<Record> {
    let all = released();
    let kept: Vec<Record> = all.iter().filter(|(_, told)| !is_left_out(told)).cloned().collect();
    assert!(kept.len() < all.len(), "something is left out");
    kept
}

/// The good history with a change of the first matching record.
fn changed(is_sought: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> Vec<Record> {
    let mut all = released();
    let at = place(&all, is_sought);
    change(&mut all[at].1);
    all
}

fn set(told: &mut Value, pointer: &str, value: Value) {
    *told.pointer_mut(pointer).expect("a value to change") = value;
}

/// The good history with a changed copy right after the first matching record.
fn doubled(is_sought: impl Fn(&Value) -> bool, change: impl Fn(&mut Value)) -> Vec<Record> {
    let mut all = released();
    let at = place(&all, is_sought);
    let mut copy = all[at].clone();
    change(&mut copy.1);
    all.insert(at + 1, copy);
    all
}

fn names(told: &Value, name: &str) -> bool {
    told.pointer("/op/name").and_then(Value::as_str) == Some(name)
}

fn is_step(told: &Value, of: &str, step: &str) -> bool {
    kind(told) == of && told.pointer("/body/step").and_then(Value::as_str) == Some(step)
}

#[test]
fn a_release_as_it_should_be_breaks_no_rule() {
    assert_eq!(broken(&released()), BTreeSet::new());
}

#[test]
fn finds_an_unreadable_record() {
    let records = changed(|told| kind(told) == "dispatch", |told| set(told, "/op/kind", json!("teleport")));
    assert!(broken(&records).contains("FORMAT"));
}

#[test]
fn finds_a_push_before_its_durable_start() {
    let mut records = released();
    let push = place(&records, |told| names(told, "refs/heads/master"));
    let start = place(&records, |told| is_step(told, "stepStarted", "PushBranch"));
    let push = records.remove(push);
    records.insert(start, push);
    assert!(broken(&records).contains("INV-J1"));
}

#[test]
fn a_job_that_is_not_the_planned_one_is_found() {
    let records = changed(|told| kind(told) == "submitJob", |told| set(told, "/op/script", json!("dropdb rally\n")));
    assert!(broken(&records).contains("INV-J1"));
}

#[test]
fn settings_that_were_never_read_back_are_found() {
    let arn = released().iter().find(|(_, told)| fact(told) == "revisionSaved").expect("saved settings").1.clone();
    let arn = arn.pointer("/body/fact/arn").cloned();
    let records = without(|told| kind(told) == "described" && told.pointer("/op/arn") == arn.as_ref());
    assert!(broken(&records).contains("INV-J2"));
}

#[test]
fn finds_a_migration_without_an_observed_end() {
    let is_end = |told: &Value| {
        kind(told) == "jobSeen"
            && told.pointer("/op/exit") == Some(&json!(0))
            && told.pointer("/op/id").and_then(Value::as_str).is_some_and(|id| id.contains("migrate"))
    };
    assert!(broken(&without(is_end)).contains("INV-J2"));
}

#[test]
fn a_lost_answer_that_is_called_a_failure_is_found() {
    let records = changed(
        |told| is_step(told, "stepInDoubt", "DispatchBuild"),
        |told| {
            set(told, "/body/kind", json!("stepFailed"));
            told["body"]["failure"] = json!({ "summary": "start the build" });
        },
    );
    let records: Vec<Record> = records
        .into_iter()
        .map(|(what, mut told)| {
            if kind(&told) == "dispatch" && told["actor"] == "app" {
                set(&mut told, "/answered", json!(false));
            }
            (what, told)
        })
        .collect();
    assert!(broken(&records).contains("INV-J2"));
}

#[test]
fn finds_a_second_offer_of_a_running_build() {
    let records = changed(
        |told| fact(told) == "buildStarted",
        |told| {
            told["body"] =
                json!({ "kind": "stepReset", "step": "DispatchBuild", "attempt": 1, "evidence": "none shows" });
        },
    );
    let found = broken(&records);
    assert!(found.contains("INV-J2") && found.contains("INV-B1"), "{found:?}");
}

#[test]
fn a_person_may_say_that_a_step_did_not_happen() {
    let mut records = released();
    let reset = place(&records, |told| is_step(told, "stepReset", "BackUp"));
    let person = records[reset].1.pointer("/by/person").and_then(Value::as_str).expect("a person").to_owned();
    set(&mut records[reset].1, "/body/evidence", json!(format!("{person} looked: it did not happen.")));
    assert_eq!(broken(&records), BTreeSet::new());
}

#[test]
fn finds_a_screen_ahead_of_the_journal() {
    let mut records = released();
    let start = place(&records, |told| is_step(told, "stepStarted", "RunMigration"));
    let seq = records[start].1["seq"].clone();
    records.insert(start, ("shown".to_owned(), json!({ "seq": seq, "steps": [] })));
    assert_eq!(broken(&records), BTreeSet::from(["INV-J4"]));
}

#[test]
fn a_state_that_the_journal_does_not_have_is_found() {
    let mut records = released();
    let start = place(&records, |told| is_step(told, "stepStarted", "BackUp"));
    let seq = records[start].1["seq"].clone();
    let steps = json!([{ "id": "BackUp", "status": "succeeded", "attempt": 1, "retry": null }]);
    records.insert(start + 1, ("shown".to_owned(), json!({ "seq": seq, "steps": steps })));
    assert_eq!(broken(&records), BTreeSet::from(["INV-J4"]));
}

#[test]
fn a_gap_in_the_journal_is_found() {
    assert!(broken(&without(|told| kind(told) == "questionAnswered")).contains("INV-J5"));
}

#[test]
fn an_attempt_that_has_its_effect_twice_is_found() {
    let records = doubled(|told| kind(told) == "registerTaskDefinition", |_| {});
    assert_eq!(broken(&records), BTreeSet::from(["INV-J5"]));
}

#[test]
fn an_event_after_the_end_is_found() {
    let records = doubled(
        |told| told.pointer("/body/kind") == Some(&json!("runEnded")),
        |told| {
            let seq = told["seq"].as_u64().expect("a number") + 1;
            told["seq"] = json!(seq);
            told["body"] = json!({ "kind": "tookOver", "from": "Ann" });
        },
    );
    assert_eq!(broken(&records), BTreeSet::from(["INV-J5"]));
}

#[test]
fn a_tag_at_another_commit_is_found() {
    let mut records = released();
    let end = records.last_mut().expect("the end");
    for (_, tag) in end.1.pointer_mut("/world/git/tags").and_then(Value::as_object_mut).expect("tags") {
        tag["target"] = json!("0000000000000000000000000000000000000000");
    }
    assert_eq!(broken(&records), BTreeSet::from(["INV-G1"]));
}

#[test]
fn finds_a_version_commit_that_changes_two_lines() {
    let mut records = released();
    let version = records.iter().find(|(_, told)| fact(told) == "versionSet").expect("a version").1.clone();
    let version = version.pointer("/body/fact/commit").and_then(Value::as_str).expect("a commit").to_owned();
    let end = records.last_mut().expect("the end");
    set(&mut end.1, &format!("/world/git/commits/{version}/changedLines"), json!(2));
    assert_eq!(broken(&records), BTreeSet::from(["INV-G2"]));
}

#[test]
fn a_push_over_a_main_branch_that_moved_is_found() {
    let moved = json!("ffffffffffffffffffffffffffffffffffffffff");
    let records = changed(|told| names(told, "refs/heads/master"), |told| set(told, "/op/old", moved.clone()));
    assert_eq!(broken(&records), BTreeSet::from(["INV-G2"]));
}

#[test]
fn a_forced_push_and_a_moved_tag_are_found() {
    let forced = changed(|told| names(told, "refs/heads/master"), |told| set(told, "/op/forced", json!(true)));
    assert_eq!(broken(&forced), BTreeSet::from(["INV-G3"]));
    let moved = changed(|told| names(told, "refs/tags/v2.1.0"), |told| set(told, "/op/expected", json!("ffff")));
    assert!(broken(&moved).contains("INV-G3"));
}

#[test]
fn a_tag_before_its_branch_is_found() {
    let mut records = released();
    let is_main = |told: &Value| fact(told) == "mainPublished";
    let published = place(&records, is_main);
    set(&mut records[published].1, "/body", json!({ "kind": "tookOver", "from": "Ann" }));
    assert!(broken(&records).contains("INV-G3"));
}

#[test]
fn a_push_that_no_listing_confirms_is_found() {
    let mut records = released();
    let push = place(&records, |told| names(told, "refs/heads/master"));
    let listing = push + place(&records[push..], |told| kind(told) == "listing");
    records.remove(listing);
    assert!(broken(&records).contains("INV-G4"));
}

#[test]
fn a_second_build_while_one_is_known_is_found() {
    let mut records = released();
    let first = place(&records, |told| kind(told) == "dispatch" && told["actor"] == "app");
    let again = records[first].clone();
    let seen = place(&records, |told| is_step(told, "stepSucceeded", "DispatchBuild"));
    records.insert(seen, again);
    assert!(broken(&records).contains("INV-B1"));
}

#[test]
fn a_running_build_from_before_deploy_forbids_another() {
    let seen_before = |conclusion: Value| {
        let mut records = released();
        let dispatch = place(&records, |told| kind(told) == "dispatch" && told["actor"] == "app");
        let mut seen = records[place(&records, |told| kind(told) == "runSeen")].clone();
        set(&mut seen.1, "/op/run", json!("17000400000"));
        set(&mut seen.1, "/op/conclusion", conclusion);
        // An hour before Deploy.
        seen.1["op"]["created"] = json!(1_795_427_879_000_i64);
        records.insert(dispatch, seen);
        broken(&records)
    };
    assert_eq!(seen_before(json!("failure")), BTreeSet::new());
    assert_eq!(seen_before(Value::Null), BTreeSet::from(["INV-B1"]));
}

#[test]
fn finds_a_revision_that_differs_beyond_the_image() {
    let mut records = released();
    let end = records.last_mut().expect("the end");
    let newest =
        end.1.pointer_mut("/world/ecs/definitions").and_then(Value::as_array_mut).and_then(|all| all.last_mut());
    newest.expect("a revision")["definition"]["memory"] = json!("1");
    assert_eq!(broken(&records), BTreeSet::from(["INV-E2"]));
}

#[test]
fn a_person_may_use_a_revision_that_differs_beyond_the_image() {
    let accepted = |member: &str, value: Value| {
        let mut records = released();
        let end = records.last_mut().expect("the end");
        let newest =
            end.1.pointer_mut("/world/ecs/definitions").and_then(Value::as_array_mut).and_then(|all| all.last_mut());
        let newest = newest.expect("a revision");
        set(newest, &format!("/definition/{member}"), value);
        let name = newest["arn"].as_str().and_then(|arn| arn.rsplit('/').next()).expect("a name").to_owned();
        let answered = place(&records, |told| kind(told) == "questionAnswered");
        set(&mut records[answered].1, "/body/question", json!(format!("saved:{name}:rally-prod:1")));
        set(&mut records[answered].1, "/body/answer", json!("newest"));
        broken(&records)
    };
    assert_eq!(accepted("memory", json!("1")), BTreeSet::new());
    assert_eq!(accepted("containerDefinitions/0/image", json!("another")), BTreeSet::from(["INV-E2"]));
}

#[test]
fn finds_a_release_proved_by_stable_alone() {
    let records: Vec<Record> = released()
        .into_iter()
        .map(|(what, mut told)| {
            if kind(&told) == "serviceSeen" {
                for one in told["op"]["deployments"].as_array_mut().expect("deployments") {
                    one["rolloutState"] = json!("IN_PROGRESS");
                }
            }
            (what, told)
        })
        .collect();
    assert!(broken(&records).contains("INV-E4"));
}

#[test]
fn finds_a_release_on_another_image() {
    let mut records = released();
    for (_, told) in records.iter_mut().filter(|(_, told)| kind(told) == "serviceSeen") {
        for task in told["op"]["tasks"].as_array_mut().expect("tasks") {
            task["digest"] = json!("sha256:of-somebody-else");
        }
    }
    assert_eq!(broken(&records), BTreeSet::from(["INV-B2"]));
}

#[test]
fn finds_a_change_of_the_service_that_no_step_started() {
    let arn = json!("arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:142");
    let changes = [
        (json!({ "kind": "stopDeployment", "arn": "x", "stop": "ROLLBACK" }), "INV-J1"),
        (json!({ "kind": "updateService", "arn": arn, "forced": true, "threshold": null }), "INV-J1"),
        (json!({ "kind": "updateService", "arn": null, "forced": false, "threshold": "COUNT 180" }), "INV-J1"),
        (json!({ "kind": "updateService", "arn": arn, "forced": false, "threshold": "COUNT 180" }), "INV-E1"),
    ];
    for (change, rule) in changes {
        let records = doubled(
            |told| told.pointer("/op/kind") == Some(&json!("registerTaskDefinition")),
            |told| set(told, "/op", change.clone()),
        );
        // In Prepare, no run owns the environment lock.
        assert_eq!(broken(&records), BTreeSet::from([rule, "INV-O1"]), "{change}");
    }
}

#[test]
fn finds_a_release_with_an_unmade_check() {
    let records =
        changed(|told| kind(told) == "checkAnswered", |told| set(told, "/body/answer", json!("couldNotCheck")));
    assert_eq!(broken(&records), BTreeSet::from(["INV-E4"]));
}

#[test]
fn a_migration_that_is_offered_again_is_found() {
    let mut records = released();
    let ended = place(&records, |told| fact(told) == "migrationFinished");
    set(&mut records[ended].1, "/body", json!({ "kind": "tookOver", "from": "Ann" }));
    set(
        &mut records[ended + 1].1,
        "/body",
        json!({ "kind": "stepFailed", "step": "RunMigration", "attempt": 1, "failure": { "summary": "migrate" } }),
    );
    let seq = records[ended + 1].1["seq"].clone();
    let steps = |retry: &str| json!([{ "id": "RunMigration", "status": "failed", "attempt": 1, "retry": retry }]);
    let shown = |retry: &str| {
        let mut cut: Vec<Record> = records[..=ended + 1].to_vec();
        cut.push(("shown".to_owned(), json!({ "seq": seq, "steps": steps(retry) })));
        broken(&cut)
    };
    assert_eq!(shown("no"), BTreeSet::new());
    assert_eq!(shown("safe"), BTreeSet::from(["INV-U1"]));
}

#[test]
fn a_step_that_hangs_without_a_reason_is_found() {
    let records = released();
    let start = place(&records, |told| is_step(told, "stepStarted", "PushBranch"));
    let end = &records.last().expect("the end").1;
    let (healed, now) = (end["healedAt"].as_i64().expect("a time"), end["now"].as_i64().expect("a time"));
    let cut_at = |idle: bool, later: i64| {
        let mut cut: Vec<Record> = records[..=start].to_vec();
        let mut end = end.clone();
        (end["idle"], end["now"], end["healedAt"]) = (json!(idle), json!(now.max(healed) + later), json!(healed));
        cut.push(("end".to_owned(), end));
        broken(&cut)
    };
    assert_eq!(cut_at(true, 3_600_000), BTreeSet::from(["INV-L1"]));
    assert_eq!(cut_at(false, 3_600_000), BTreeSet::new(), "somebody was still at it");
}

#[test]
fn finds_an_earlier_process_that_still_acts() {
    let records = changed(|told| kind(told) == "launchJob", |told| set(told, "/process", json!(1)));
    assert!(broken(&records).contains("INV-J6"));
}

#[test]
fn an_event_that_holds_a_secret_is_found() {
    let mut records = changed(
        |told| told.pointer("/body/note").is_some(),
        |told| set(told, "/body/note", json!("it is canary-4711")),
    );
    assert!(!broken(&records).contains("INV-S3"), "nobody said that this is a secret");
    records.retain(|(what, _)| what == "event");
    let mut checker = Checker::new();
    checker.secret("canary-4711");
    for (_, event) in &records {
        checker.event(event);
    }
    assert!(checker.violations().iter().any(|violation| violation.invariant == "INV-S3"));
}

/// The good release with a password among the start-up settings, as `planned` shows it.
fn with_password(planned: &str) -> Vec<Record> {
    let add = |body: &mut Value, value: &str| {
        let entry = json!({ "name": "DB_PASSWORD", "value": value });
        body["containerDefinitions"][0]["environment"] = json!([entry]);
    };
    let mut records = changed(
        |told| is_step(told, "stepStarted", "RegisterTaskDefinition"),
        |told| {
            let text = told["body"]["plan"]["inputs"]["body"].as_str().expect("a body");
            let mut body: Value = serde_json::from_str(text).expect("JSON");
            add(&mut body, planned);
            told["body"]["plan"]["inputs"]["body"] = json!(body.to_string());
        },
    );
    let sent = place(&records, |told| kind(told) == "registerTaskDefinition");
    add(&mut records[sent].1["op"]["body"], "correct horse");
    records
}

#[test]
fn a_plan_that_shows_a_secret_environment_value_is_found() {
    let broken_rules = broken(&with_password("correct horse"));
    assert!(broken_rules.contains("INV-S3") && !broken_rules.contains("INV-J1"), "{broken_rules:?}");
    let hidden = broken(&with_password("[hidden sha256:4104d36f]"));
    assert!(!hidden.contains("INV-S3") && !hidden.contains("INV-J1"), "{hidden:?}");
    assert!(broken(&with_password("[hidden sha256:00000000]")).contains("INV-J1"), "another value was sent");
}
