//! The good history as one that was started over: main moved between its first merge and its push.
//! Each test breaks one condition of that (INV-G2, INV-G3).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Record, broken, fact, is_step, kind, place, released, set,
    undone::{event, numbered},
};

/// Ids of the good history that the first merge does not have: base, merge, version commit, tag.
fn ids(records: &[Record]) -> [String; 4] {
    let of = |kind: &str, field: &str| {
        let known = &records[place(records, |told| fact(told) == kind)].1;
        known.pointer(&format!("/body/fact/{field}")).and_then(Value::as_str).expect("an id").to_owned()
    };
    [of("merged", "base"), of("merged", "commit"), of("versionSet", "commit"), of("tagMade", "object")]
}

fn is_made_again(told: &Value) -> bool {
    ["MergeBranch", "SetVersion", "CreateTag", "PushBranch"]
        .into_iter()
        .any(|step| told.pointer("/body/step") == Some(&json!(step)))
}

/// An event of the first merge, with other ids.
fn first((what, told): &Record, ids: &[String]) -> Record {
    let text = ids.iter().fold(told.to_string(), |text, id| text.replace(id, &other(id)));
    (what.clone(), serde_json::from_str(&text).expect("JSON"))
}

fn other(id: &str) -> String {
    format!("f{}", &id[1..])
}

/// The same record as a part of the second merge.
fn second((what, mut told): Record) -> Record {
    if is_made_again(&told)
        && let Some(attempt) = told.pointer("/body/attempt").and_then(Value::as_u64)
    {
        set(&mut told, "/body/attempt", json!(attempt + 1));
    }
    (what, told)
}

fn started_over() -> Vec<Record> {
    let all = released();
    let ids = ids(&all);
    let begin = place(&all, |told| is_step(told, "stepOffered", "MergeBranch"));
    let failed = place(&all, |told| is_step(told, "stepFailed", "PushBranch"));
    let listing = place(&all, |told| kind(told) == "listing");
    let body = json!({ "kind": "startedOver", "base": other(&ids[0]), "main": ids[0], "note": "a hotfix came first" });
    let mut records = all[..begin].to_vec();
    records.extend(all[begin..=failed].iter().filter(|(what, _)| what == "event").map(|record| first(record, &ids)));
    records.push(all[listing].clone());
    records.push(event(&all[failed], &body));
    records.extend(all[begin..].iter().cloned().map(second));
    numbered(records)
}

fn is_started_over(told: &Value) -> bool {
    kind(told) == "startedOver"
}

/// The history with a change of its start over.
fn with(change: impl Fn(&mut Value)) -> BTreeSet<&'static str> {
    let mut records = started_over();
    let at = place(&records, is_started_over);
    change(&mut records[at].1);
    broken(&records)
}

#[test]
fn a_release_that_was_started_over_breaks_no_rule() {
    assert_eq!(broken(&started_over()), BTreeSet::new());
}

#[test]
fn rejects_a_second_merge_without_a_start_over() {
    let found = with(|told| set(told, "/body", json!({ "kind": "tookOver", "from": "Ann" })));
    assert!(found.contains("INV-J5"), "{found:?}");
}

#[test]
fn rejects_a_start_over_on_a_main_that_did_not_move() {
    let found = with(|told| set(told, "/body/main", told["body"]["base"].clone()));
    assert_eq!(found, BTreeSet::from(["INV-G2"]));
}

#[test]
fn rejects_a_start_over_from_another_base_or_without_a_note() {
    assert_eq!(with(|told| set(told, "/body/base", json!("e".repeat(40)))), BTreeSet::from(["INV-G2"]));
    assert_eq!(with(|told| set(told, "/body/note", json!(" "))), BTreeSet::from(["INV-G2"]));
}

#[test]
fn rejects_a_start_over_that_no_listing_shows() {
    let mut records = started_over();
    let at = place(&records, is_started_over);
    records.remove(at - 1);
    assert_eq!(broken(&records), BTreeSet::from(["INV-G2"]));
}

#[test]
fn rejects_a_start_over_of_a_published_merge() {
    let mut records = started_over();
    let at = place(&records, is_started_over);
    let act = records.remove(at);
    let published = place(&records, |told| fact(told) == "mainPublished");
    records.insert(published + 1, act);
    assert!(broken(&numbered(records)).contains("INV-G3"));
}

#[test]
fn rejects_a_start_over_while_the_push_has_no_outcome() {
    let mut records = started_over();
    let failed = place(&records, |told| is_step(told, "stepFailed", "PushBranch"));
    records.remove(failed);
    let found = broken(&numbered(records));
    assert!(found.contains("INV-G3") && found.contains("INV-J5"), "{found:?}");
}
