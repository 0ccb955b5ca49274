//! Tests of the chain: it shows every alteration, and a file without a chain gets one.

use std::path::Path;

use tempfile::TempDir;

use super::{
    tests::{append, fresh, now, run_id, tamper},
    *,
};

const UNLOCK: &str = "DROP TRIGGER events_are_never_changed; DROP TRIGGER events_are_never_removed;";

/// A closed journal with four entries in run `r` and one in run `other`.
async fn written() -> TempDir {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one", "two"]).await.expect("appended");
    append(&journal, "r", 2, &["three"]).await.expect("appended");
    append(&journal, "r", 3, &["four"]).await.expect("appended");
    append(&journal, "other", 0, &["one"]).await.expect("appended");
    journal.close().await;
    directory
}

/// The answer of the journal about `r` after this SQL ran on the file.
async fn after(sql: &str) -> (TempDir, SqliteJournal, Result<Vec<Event>, Failure>) {
    let directory = written().await;
    let path = directory.path().join("journal.db");
    tamper(&path, &format!("{UNLOCK} {sql}")).await.expect(sql);
    let journal = SqliteJournal::open(&path).await.expect("the journal opens for its other runs");
    assert_eq!(journal.events(&run_id("other"), 0).await.expect("another run").len(), 1, "{sql}");
    let events = journal.events(&run_id("r"), 0).await;
    (directory, journal, events)
}

#[tokio::test]
async fn names_an_entry_with_any_altered_column() {
    for seq in 1..=4_u32 {
        for change in [
            "at = '2026-11-23T09:02:12.000Z'",
            "actor = replace(actor, 'Lena', 'Marc')",
            "app_version = '0.1.1'",
            "kind = 'stepFailed'",
            "body = replace(body, 'stopped', 'released')",
            "body = body || ' '",
            "chain = zeroblob(32)",
        ] {
            let sql = format!("UPDATE events SET {change} WHERE run = 'r' AND seq = {seq}");
            let (_directory, journal, events) = after(&sql).await;
            let refused = events.expect_err(&sql);
            assert_eq!(refused.code, ErrorCode::JournalFailed, "{sql}");
            assert_eq!(refused.params["entry"], seq.to_string(), "{sql}");
            assert_eq!(refused.causes, [format!("entry {seq} of this run was altered after it was written")], "{sql}");
            let added = append(&journal, "r", 4, &["five"]).await.expect_err("nothing follows an altered entry");
            assert_eq!(added.causes, refused.causes, "{sql}");
            journal.events(&run_id("r"), seq - 1).await.expect_err("read from the entry before it");
        }
    }
}

#[tokio::test]
async fn finds_exchanged_removed_and_inserted_entries() {
    let renumber = |from: u32, to: u32| format!("UPDATE events SET seq = {to} WHERE run = 'r' AND seq = {from};");
    let remove = |seq: u32| format!("DELETE FROM events WHERE run = 'r' AND seq = {seq};");
    let twice = "INSERT INTO events SELECT run, 5, at, actor, app_version, kind, body, chain FROM events \
                 WHERE run = 'r' AND seq = 4";
    for (sql, words) in [
        ([renumber(2, 9), renumber(3, 2), renumber(9, 3)].concat(), "entry 2 of this run was altered"),
        (remove(1), "entry 1 of this run is missing"),
        (remove(2), "entry 2 of this run is missing"),
        ([remove(2), renumber(3, 2), renumber(4, 3)].concat(), "entry 2 of this run was altered"),
        (twice.to_owned(), "entry 5 of this run was altered"),
    ] {
        let (_directory, _journal, events) = after(&sql).await;
        let refused = events.expect_err(&sql);
        assert_eq!(
            refused.causes,
            [words.to_owned() + if words.ends_with("altered") { " after it was written" } else { "" }]
        );
    }
}

#[tokio::test]
async fn each_entry_changes_the_newest_hash() {
    let folder = written().await;
    let path = folder.path().join("journal.db");
    let journal = SqliteJournal::open(&path).await.expect("a journal");
    let run = run_id("r");
    let (events, hash) = journal.events_and_hash(&run).await.expect("read");
    let hash = hash.expect("a chain");
    assert_eq!(hash.len(), 64);
    let again = journal.events_and_hash(&run).await.expect("read").1;
    assert_eq!(again.as_deref(), Some(hash.as_str()), "it depends on the entries only");
    append(&journal, "r", u32::try_from(events.len()).expect("few"), &["one more"]).await.expect("appended");
    assert_ne!(journal.events_and_hash(&run).await.expect("read").1, Some(hash));
    assert_eq!(journal.events_and_hash(&run_id("none")).await.expect("read").1, None, "a run without entries");
}

#[tokio::test]
async fn an_entry_of_another_run_is_found() {
    let directory = written().await;
    let path = directory.path().join("journal.db");
    let sql = format!("{UNLOCK} DELETE FROM events WHERE run = 'r'; UPDATE events SET run = 'r' WHERE run = 'other'");
    tamper(&path, &sql).await.expect("moved");
    let journal = SqliteJournal::open(&path).await.expect("the journal opens");
    let refused = journal.events(&run_id("r"), 0).await.expect_err("it was written for another run");
    assert_eq!(refused.causes, ["entry 1 of this run was altered after it was written"]);
}

/// Another program computed these hashes from the documentation in `chain.rs`. With other hashes
/// every existing journal would count as altered.
#[test]
fn the_hash_of_an_entry_stays_what_it_is() {
    let entry = |seq: u32, body: &str| Entry {
        seq,
        at: now().to_string(),
        actor: r#"{"person":"Léna"}"#.to_owned(),
        app_version: "0.1.0".to_owned(),
        kind: "runPrepared".to_owned(),
        body: body.to_owned(),
    };
    let entries = vec![entry(1, r#"{"kind":"runPrepared"}"#), entry(2, "{}")];
    let hashes = chain::chain(&run_id("r"), None, entries).into_iter().map(|linked| hex(&linked.chain));
    assert_eq!(
        hashes.collect::<Vec<_>>(),
        [
            "bc887f34e112fdaa9451ff682267cf766ffd5e2b711550defa7aa3edd9c9c728",
            "c66cce886aff6fa193b3cb26008b881ff22f8fef20be39f710640e9d4a70f813"
        ]
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A file of schema 1, as old versions made it, with these notes in run `r`.
async fn of_schema_1(path: &Path, notes: &[&str]) {
    std::fs::write(path, "").expect("a file");
    tamper(path, include_str!("../../migrations/1.sql")).await.expect("schema 1");
    tamper(path, "PRAGMA application_id=1196576332; PRAGMA user_version=1").await.expect("schema 1");
    let by = r#"{"person":"Lena","computer":"c","appVersion":"0.0.9","githubLogin":null,"awsIdentity":null}"#;
    for (seq, note) in (1..).zip(notes) {
        let body = format!(r#"{{"kind":"runEnded", "result":"stopped","note":"{note}","leftBehind":[]}}"#);
        let sql = format!(
            "INSERT INTO events VALUES ('r', {seq}, '2026-11-23T09:02:11.000Z', '{by}', '0.0.9', 'runEnded', '{body}')"
        );
        tamper(path, &sql).await.expect("an event");
    }
}

#[tokio::test]
async fn migrates_a_file_without_a_chain_after_a_copy() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    of_schema_1(&path, &["one", "two"]).await;
    let as_it_is = SqliteJournal::open_to_read(&path).await.expect("opens").expect("is there");
    let before = as_it_is.events(&run_id("r"), 0).await.expect("events without a chain");
    as_it_is.close().await;
    let journal = SqliteJournal::open(&path).await.expect("migrated");
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events"), before);
    append(&journal, "r", 2, &["three"]).await.expect("appended");
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events").len(), 3);
    journal.close().await;
    for sql in ["UPDATE events SET at = 'y'", "DELETE FROM events", "SELECT * FROM chains"] {
        tamper(&path, sql).await.expect_err(sql);
    }
    tamper(&path, &format!("{UNLOCK} UPDATE events SET at = 'y' WHERE seq = 1")).await.expect("altered");
    let journal = SqliteJournal::open(&path).await.expect("opens");
    assert_eq!(journal.events(&run_id("r"), 0).await.expect_err("altered").params["entry"], "1");
    let copy = directory.path().join("journal.db.schema-1.bak");
    let copy = SqliteJournal::open_to_read(&copy).await.expect("opens").expect("the copy of before");
    assert_eq!(copy.events(&run_id("r"), 0).await.expect("events"), before);
}

#[tokio::test]
async fn refuses_only_the_run_with_an_old_gap() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("journal.db");
    of_schema_1(&path, &["one", "two", "three"]).await;
    let sql = "DROP TRIGGER events_are_never_removed; DELETE FROM events WHERE seq = 2; \
               INSERT INTO events SELECT 'other', 1, at, actor, app_version, kind, body FROM events WHERE seq = 1";
    tamper(&path, sql).await.expect("a gap");
    let journal = SqliteJournal::open(&path).await.expect("migrated");
    let refused = journal.events(&run_id("r"), 0).await.expect_err("a gap");
    assert_eq!(refused.causes, ["entry 2 of this run is missing"]);
    append(&journal, "other", 1, &["two"]).await.expect("the other run goes on");
}

#[tokio::test]
async fn does_not_check_the_chain_of_a_newer_schema() {
    let directory = written().await;
    let path = directory.path().join("journal.db");
    tamper(&path, &format!("{UNLOCK} UPDATE events SET chain = zeroblob(32); PRAGMA user_version=3"))
        .await
        .expect("newer");
    let journal = SqliteJournal::open(&path).await.expect("opens");
    assert!(journal.is_read_only());
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("read as it is").len(), 4);
}
