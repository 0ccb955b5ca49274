//! INV-L2 and INV-L3: an honest operator has a way on and reaches a result.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Record, broken, changed, kind, place, released, set};

/// A record of the honest operator, as its act was answered.
fn acted(act: &str, at: i64, refused: Option<&str>) -> Record {
    let refused = refused.map(|code| json!({ "code": code, "summary": "no" }));
    let told = json!({ "kind": "acted", "at": at, "seq": 9, "act": act, "refused": refused, "isUnmoved": true });
    ("operator".to_owned(), told)
}

fn idle(at: i64, open: &[&str]) -> Record {
    ("operator".to_owned(), json!({ "kind": "idle", "at": at, "seq": 9, "open": open, "running": [] }))
}

/// The good release of an honest operator, with more records before its end.
fn honest(more: Vec<Record>) -> Vec<Record> {
    let mut records = released();
    let last = records.len() - 1;
    records[last].1["honest"] = json!(true);
    let end = records.split_off(last);
    records.extend(more.into_iter().chain(end));
    records
}

/// Milliseconds since 1970, long after the last fault.
fn late() -> i64 {
    let (_, end) = released().pop().expect("the end");
    end["healedAt"].as_i64().expect("a time") + 3_600_000
}

#[test]
fn an_honest_release_breaks_no_rule() {
    let records =
        honest(vec![acted("StartStep BackUp", late(), Some("unreachable")), idle(late(), &["EndRun Stopped"])]);
    assert!(broken(&records).is_empty(), "{:?}", broken(&records));
}

#[test]
fn an_act_that_is_offered_and_refused_is_found() {
    let refused = |act: &str, code: &str| broken(&honest(vec![acted(act, late(), Some(code))])).contains("INV-L2");
    assert!(refused("EndRun Stopped", "notAllowedNow") && refused("StartStep BackUp", "notAllowedNow"));
    assert!(!refused("StartStep BackUp", "planChanged") && !refused("SettleDoubt BackUp", "notAllowedNow"));
}

#[test]
fn a_state_in_which_every_act_is_refused_is_found() {
    let with = |act: &str| honest(vec![acted("EndRun Stopped", late(), Some("badInput")), idle(late(), &[act])]);
    assert!(broken(&with("EndRun Stopped")).contains("INV-L2"));
    assert!(!broken(&with("StartStep BackUp")).contains("INV-L2"), "one act was not tried");
    let early = acted("EndRun Stopped", 0, Some("badInput"));
    assert!(!broken(&honest(vec![early, idle(0, &["EndRun Stopped"])])).contains("INV-L2"), "faults go on");
}

#[test]
fn a_question_without_a_true_answer_is_found() {
    let told = |kind: &str| ("operator".to_owned(), json!({ "kind": kind, "step": "BackUp", "question": "q" }));
    assert!(broken(&honest(vec![told("noTrueAnswer")])).contains("INV-L2"));
    assert!(broken(&honest(vec![told("notTaught")])).contains("FORMAT"));
}

#[test]
fn too_many_acts_after_the_last_fault_are_found() {
    let acts = |count: i64| honest((0..count).map(|n| acted("AnswerCheck", late() + n, None)).collect());
    assert!(!broken(&acts(60)).contains("INV-L3"));
    assert!(broken(&acts(61)).contains("INV-L3"));
}

/// The good release, stopped by its operator instead, with this list of remaining effects.
fn stopped(left_behind: &Value) -> Vec<Record> {
    let mut records = honest(Vec::new());
    let end = place(&records, |told| told.pointer("/body/kind").is_some() && kind(told) == "runEnded");
    records[end].1["body"]["result"] = json!("stopped");
    records[end].1["body"]["note"] = json!("why");
    records[end].1["body"]["leftBehind"] = left_behind.clone();
    records
}

#[test]
fn an_end_that_leaves_an_effect_out_is_found() {
    let (_, draft) = &released()[place(&released(), |told| kind(told) == "runDrafted")];
    let names = &draft["body"];
    let (main, tag) = (&names["profile"]["git"]["main"], &names["names"]["tag"]);
    let (_, proved) = &released()[place(&released(), |told| super::fact(told) == "backupProved")];
    let file = &proved["body"]["fact"]["file"];
    let all =
        json!([main, tag, "settings 143 144 145", file, "the build", "AWS runs it", "The database is migrated for it"]);
    assert!(!broken(&stopped(&all)).contains("INV-L3"), "{:?}", broken(&stopped(&all)));
    for left_out in [0, 1, 2, 3, 5] {
        let mut some = all.clone();
        some[left_out] = json!("");
        assert!(broken(&stopped(&some)).contains("INV-L3"), "{left_out}");
    }
}

#[test]
fn a_run_that_its_operator_cannot_end_is_found() {
    let mut records = honest(Vec::new());
    let ended = place(&records, |told| told.pointer("/body/kind").is_some() && kind(told) == "runEnded");
    records.remove(ended);
    let last = records.len() - 1;
    records[last].1["idle"] = json!(true);
    records[last].1["now"] = json!(late());
    assert!(broken(&records).contains("INV-L3"), "{:?}", broken(&records));
}

#[test]
fn a_release_with_a_failed_check_needs_an_answer_to_every_check() {
    let took_over = json!({ "kind": "tookOver", "from": "Ann" });
    let mut records = changed(|told| kind(told) == "checkAnswered", |told| told["body"] = took_over.clone());
    let end = place(&records, |told| told.pointer("/body/kind").is_some() && kind(told) == "runEnded");
    set(&mut records[end].1, "/body/result", json!("releasedWithFailedCheck"));
    set(&mut records[end].1, "/body/note", json!("the page is repaired tomorrow"));
    assert_eq!(broken(&records), BTreeSet::from(["INV-E4"]));
}
