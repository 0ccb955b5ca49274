//! Tests of the journal on real files.

use std::{collections::BTreeSet, fs, path::Path};

use greenlight_types::{RunEvent, RunResult};
use proptest::prelude::*;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{
    samples::every_body,
    schema::{MIGRATIONS, Migration},
    *,
};

pub(super) fn actor(app_version: &str) -> Actor {
    Actor {
        person: "Lena".to_owned(),
        computer: "lena-mbp".to_owned(),
        app_version: app_version.to_owned(),
        github_login: None,
        aws_identity: Some("arn:aws:iam::676917001797:user/lena".to_owned()),
    }
}

pub(super) fn now() -> Timestamp {
    "2026-11-23T09:02:11.000Z".parse().expect("a time")
}

pub(super) fn ended(note: &str) -> EventBody {
    EventBody::Run(RunEvent::Ended { result: RunResult::Stopped, note: note.to_owned(), left_behind: vec![] })
}

pub(super) fn run_id(name: &str) -> RunId {
    RunId(name.to_owned())
}

pub(super) async fn append(
    journal: &SqliteJournal,
    run: &str,
    after: u32,
    notes: &[&str],
) -> Result<Vec<Event>, Failure> {
    let bodies = notes.iter().map(|note| ended(note)).collect();
    journal.append(&run_id(run), after, &now(), &actor("0.1.0"), bodies).await
}

pub(super) async fn fresh() -> (TempDir, SqliteJournal) {
    let directory = tempfile::tempdir().expect("a directory");
    let journal = SqliteJournal::open(&directory.path().join("journal.db")).await.expect("a journal");
    (directory, journal)
}

pub(super) async fn again(directory: &TempDir, journal: SqliteJournal) -> SqliteJournal {
    journal.close().await;
    SqliteJournal::open(&directory.path().join("journal.db")).await.expect("the same journal")
}

/// Runs SQL on the file over another connection, as another program would.
pub(super) async fn tamper(path: &Path, sql: &str) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

/// Appends an entry of an unknown kind, as another version would.
pub(super) async fn add_foreign(path: &Path, run: &str, seq: u32, app_version: &str, body: &str) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.expect("the file");
    let before: Option<Vec<u8>> = sqlx::query_scalar("SELECT chain FROM events WHERE run = ? AND seq = ?")
        .bind(run)
        .bind(i64::from(seq) - 1)
        .fetch_optional(&mut connection)
        .await
        .expect("the entry before");
    let (at, kind) = (now().to_string(), "x".to_owned());
    let by = serde_json::to_string(&actor(app_version)).expect("json");
    let entry = Entry { seq, at, actor: by, app_version: app_version.to_owned(), kind, body: body.to_owned() };
    for Linked { entry, chain } in chain::chain(&run_id(run), before.as_deref(), vec![entry]) {
        sqlx::query(
            "INSERT INTO events (run, seq, at, actor, app_version, kind, body, chain) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(run)
        .bind(entry.seq)
        .bind(&entry.at)
        .bind(&entry.actor)
        .bind(&entry.app_version)
        .bind(&entry.kind)
        .bind(&entry.body)
        .bind(chain)
        .execute(&mut connection)
        .await
        .expect("added");
    }
    connection.close().await.expect("closed");
}

#[tokio::test]
async fn reads_appended_events_after_opening_again() {
    let (directory, journal) = fresh().await;
    let first = append(&journal, "r1", 0, &["one", "two"]).await.expect("appended");
    let second = append(&journal, "r1", 2, &["three"]).await.expect("appended");
    append(&journal, "r2", 0, &["other"]).await.expect("appended");
    let journal = again(&directory, journal).await;
    let all: Vec<Event> = first.into_iter().chain(second).collect();
    assert_eq!(journal.events(&run_id("r1"), 0).await.expect("events"), all);
    assert_eq!(journal.events(&run_id("r1"), 2).await.expect("events"), all[2..]);
    assert_eq!(journal.events(&run_id("r1"), 3).await.expect("events"), []);
    assert_eq!(journal.events(&run_id("none"), 0).await.expect("events"), []);
    assert_eq!(journal.runs().await.expect("runs"), [run_id("r2"), run_id("r1")]);
}

#[tokio::test]
async fn refuses_an_append_that_does_not_follow_the_newest_entry() {
    let (_directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    for after in [0, 2] {
        let refused = append(&journal, "r", after, &["x", "y"]).await.expect_err("not the newest");
        assert_eq!(refused.code, ErrorCode::JournalFailed);
        assert_eq!(refused.causes, [format!("the newest entry is 1, not {after}")]);
    }
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events").len(), 1);
}

#[tokio::test]
async fn of_two_appends_at_once_one_is_refused() {
    let (directory, journal) = fresh().await;
    let other = SqliteJournal::open(&directory.path().join("journal.db")).await.expect("a second writer");
    for round in 0..20 {
        let (one, two) = tokio::join!(append(&journal, "r", round, &["one"]), append(&other, "r", round, &["two"]));
        assert!(one.is_ok() != two.is_ok(), "round {round}: {one:?} {two:?}");
    }
    let events = journal.events(&run_id("r"), 0).await.expect("events");
    assert_eq!(events.iter().map(|event| event.seq).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_file_refuses_to_change_remove_or_skip_events() {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one", "two"]).await.expect("appended");
    let path = directory.path().join("journal.db");
    let insert = |verb: &str, seq: u32| {
        format!(
            "{verb} INTO events (run, seq, at, actor, app_version, kind, body) VALUES ('r', {seq}, '', '{{}}', '', '', '{{}}')"
        )
    };
    for (sql, words) in [
        ("UPDATE events SET at = 'x'".to_owned(), "never changed"),
        ("DELETE FROM events WHERE seq = 2".to_owned(), "never removed"),
        (insert("INSERT", 4), "must follow the newest"),
        (insert("INSERT OR REPLACE", 2), "must follow the newest"),
    ] {
        let refused = tamper(&path, &sql).await.expect_err(&sql).to_string();
        assert!(refused.contains(words), "{sql}: {refused}");
    }
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events").len(), 2);
}

#[tokio::test]
async fn names_the_version_that_wrote_an_unknown_event() {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    let path = directory.path().join("journal.db");
    for (run, body) in
        [("r2", r#"{"kind":"moonPhaseSeen","phase":3}"#), ("r3", r#"{"kind":"runEnded","result":"exploded"}"#)]
    {
        add_foreign(&path, run, 1, "9.9.9", body).await;
        let failure = journal.events(&run_id(run), 0).await.expect_err("newer");
        assert_eq!((failure.code, failure.params["version"].as_str()), (ErrorCode::JournalNewer, "9.9.9"));
    }
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("the old run is readable").len(), 1);
    add_foreign(&path, "r", 2, "9.9.9", r#"{"kind":"moonPhaseSeen"}"#).await;
    journal.events(&run_id("r"), 0).await.expect_err("a later entry is newer");
    let first = journal.first(&run_id("r")).await.expect("its first entry is still told");
    assert_eq!((first.at, first.person), (now(), actor("").person));
    let first = journal.first(&run_id("r2")).await.expect("also one of an unknown kind");
    assert_eq!((first.at, &first.body["phase"]), (now(), &3.into()));
    journal.first(&run_id("none")).await.expect_err("there is no such run");
}

#[tokio::test]
async fn appends_nothing_to_a_run_with_an_unknown_event() {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    let path = directory.path().join("journal.db");
    add_foreign(&path, "r", 2, "9.9.9", r#"{"kind":"moonPhaseSeen"}"#).await;
    let known = serde_json::to_string(&ended("three")).expect("json");
    add_foreign(&path, "r", 3, "9.9.9", &known).await;
    for journal in [&journal, &SqliteJournal::open(&path).await.expect("the same journal")] {
        let refused = append(journal, "r", 3, &["four"]).await.expect_err("an entry is not known here");
        assert_eq!((refused.code, refused.params["version"].as_str()), (ErrorCode::JournalNewer, "9.9.9"));
        append(journal, "r", 2, &["four"]).await.expect_err("not the newest");
    }
    append(&journal, "other", 0, &["one"]).await.expect("another run goes on");
}

#[tokio::test]
async fn a_file_with_a_newer_schema_is_read_only() {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    journal.close().await;
    let path = directory.path().join("journal.db");
    tamper(&path, "ALTER TABLE events ADD COLUMN mood TEXT; PRAGMA user_version=7").await.expect("changed");
    let journal = SqliteJournal::open(&path).await.expect("readable");
    assert!(journal.is_read_only());
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events").len(), 1);
    let setting = Setting { key: "k".into(), value: "v".into(), at: now(), by: "Lena".into() };
    for refused in [
        append(&journal, "r", 1, &["two"]).await.expect_err("newer"),
        journal.set_setting(&setting).await.expect_err("newer"),
    ] {
        assert_eq!(refused.code, ErrorCode::JournalNewer);
        assert_eq!(refused.params["version"], "with schema 7");
    }
}

#[tokio::test]
async fn copies_the_file_before_a_migration() {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    journal.close().await;
    let path = directory.path().join("journal.db");
    let next = |sql| [MIGRATIONS, &[Migration { sql, needs_chains: false }]].concat();
    let broken = SqliteJournal::open_with(&path, &next("CREATE TABLE a (b); CREATE TABLE a (b)")).await;
    assert_eq!(broken.expect_err("a migration that fails").code, ErrorCode::JournalFailed);
    let journal = SqliteJournal::open_with(&path, &next("CREATE TABLE a (b)")).await.expect("migrated");
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events").len(), 1);
    let copy = SqliteJournal::open(&directory.path().join("journal.db.schema-2.bak")).await.expect("the copy");
    assert!(!copy.is_read_only());
    assert_eq!(copy.events(&run_id("r"), 0).await.expect("events").len(), 1);
}

#[tokio::test]
async fn replaces_an_incomplete_copy_of_an_earlier_attempt() {
    let (directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    journal.close().await;
    let beside = |end: &str| directory.path().join(format!("journal.db.schema-2.bak{end}"));
    for end in [".part", ".part-journal"] {
        fs::write(beside(end), "half of it").expect("written");
    }
    let next = [MIGRATIONS, &[Migration { sql: "CREATE TABLE a (b)", needs_chains: false }]].concat();
    SqliteJournal::open_with(&directory.path().join("journal.db"), &next).await.expect("migrated");
    let copy = SqliteJournal::open(&beside("")).await.expect("the copy");
    assert_eq!(copy.events(&run_id("r"), 0).await.expect("events").len(), 1);
    assert!(!beside(".part").exists() && !beside(".part-journal").exists(), "nothing else is left");
}

#[tokio::test]
async fn a_dropped_append_is_stored_completely_or_not_at_all() {
    let (_directory, journal) = fresh().await;
    let mut newest = 0;
    for polls in 0..40_u32 {
        {
            let mut given_up = std::pin::pin!(append(&journal, "r", newest, &["one", "two", "three"]));
            for _ in 0..polls {
                if futures::poll!(given_up.as_mut()).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let events = journal.events(&run_id("r"), 0).await.expect("events");
        let found = u32::try_from(events.len()).expect("few");
        assert!(found == newest || found == newest + 3, "{found} after {newest}");
        newest = append(&journal, "r", found, &["next"]).await.expect("the next one is stored")[0].seq;
    }
}

#[tokio::test]
async fn names_a_full_disk_and_stores_nothing() {
    let (_directory, journal) = fresh().await;
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    let limit = |pages: u32| format!("PRAGMA max_page_count={pages}");
    let pages: i64 = {
        let mut connection = journal.connection.lock().await;
        let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut *connection).await.expect("pages");
        let tight = limit(u32::try_from(pages).expect("small") + 1);
        sqlx::raw_sql(AssertSqlSafe(tight)).execute(&mut *connection).await.expect("a limit");
        pages
    };
    let long = "x".repeat(20_000);
    let refused = append(&journal, "r", 1, &["small", &long]).await.expect_err("full");
    assert_eq!(refused.code, ErrorCode::JournalFailed);
    assert_eq!(refused.causes[0], "the disk is full");
    assert_eq!(journal.events(&run_id("r"), 0).await.expect("events").len(), 1);
    let wide = limit(u32::try_from(pages).expect("small") + 100);
    sqlx::raw_sql(AssertSqlSafe(wide)).execute(&mut *journal.connection.lock().await).await.expect("space");
    append(&journal, "r", 1, &["small", &long]).await.expect("appended once there is space");
}

#[tokio::test]
async fn names_a_read_only_file() {
    let (_directory, journal) = fresh().await;
    sqlx::raw_sql("PRAGMA query_only=ON").execute(&mut *journal.connection.lock().await).await.expect("set");
    let refused = append(&journal, "r", 0, &["one"]).await.expect_err("read only");
    assert_eq!(refused.code, ErrorCode::JournalFailed);
    assert_eq!(refused.causes[0], "the file can only be read");
}

#[tokio::test]
async fn refuses_a_damaged_and_a_foreign_file() {
    let directory = tempfile::tempdir().expect("a directory");
    let noise = directory.path().join("noise.db");
    fs::write(
        &noise,
        "this is no database, and it is long enough to have a header of one hundred bytes, I think it is",
    )
    .expect("written");
    let refused = SqliteJournal::open(&noise).await.expect_err("noise");
    assert_eq!((refused.code, refused.causes[0].as_str()), (ErrorCode::JournalFailed, "the file is damaged"));

    let foreign = directory.path().join("foreign.db");
    fs::write(&foreign, "").expect("written");
    tamper(&foreign, "CREATE TABLE bookmarks (url)").await.expect("a database");
    let refused = SqliteJournal::open(&foreign).await.expect_err("foreign");
    assert_eq!(refused.causes, ["the file belongs to another program"]);

    let (directory, journal) = fresh().await;
    let notes: Vec<String> = (0..200).map(|n| format!("{n} {}", "x".repeat(500))).collect();
    append(&journal, "r", 0, &notes.iter().map(String::as_str).collect::<Vec<_>>()).await.expect("appended");
    journal.close().await;
    let path = directory.path().join("journal.db");
    let mut bytes = fs::read(&path).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8192].fill(0xa5);
    fs::write(&path, bytes).expect("written");
    let refused = SqliteJournal::open(&path).await.expect_err("damaged");
    assert_eq!(refused.code, ErrorCode::JournalFailed);
    assert!(refused.causes[0].contains("damaged"), "{refused}");
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_person_may_read_the_record() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("data");
    let journal = SqliteJournal::open(&data.join("journal.db")).await.expect("a journal");
    append(&journal, "r", 0, &["one"]).await.expect("appended");
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    for file in ["journal.db", "journal.db-wal", "journal.db-shm"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn opens_the_file_with_durable_settings() {
    let (_directory, journal) = fresh().await;
    let mut connection = journal.connection.lock().await;
    for (pragma, value) in [("synchronous", 2), ("foreign_keys", 1), ("trusted_schema", 0), ("busy_timeout", 5000)] {
        let found: i64 = sqlx::query_scalar(AssertSqlSafe(format!("PRAGMA {pragma}")))
            .fetch_one(&mut *connection)
            .await
            .expect(pragma);
        assert_eq!(found, value, "{pragma}");
    }
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut *connection).await.expect("a mode");
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn a_setting_keeps_its_newest_value_with_person_and_time() {
    let (directory, journal) = fresh().await;
    let setting =
        |key: &str, value: &str| Setting { key: key.into(), value: value.into(), at: now(), by: "Lena".into() };
    for (key, value) in
        [("profile.aws.cluster", "a"), ("profile.aws.cluster", "b"), ("person", "Lena"), ("profile_x", "")]
    {
        journal.set_setting(&setting(key, value)).await.expect("kept");
    }
    let journal = again(&directory, journal).await;
    assert_eq!(journal.setting("profile.aws.cluster").await.expect("read"), Some(setting("profile.aws.cluster", "b")));
    assert_eq!(journal.settings("profile.").await.expect("read"), [setting("profile.aws.cluster", "b")]);
    assert_eq!(journal.settings("").await.expect("read").len(), 3);
    journal.remove_setting("person").await.expect("removed");
    assert_eq!(journal.setting("person").await.expect("read"), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_kind_of_event_comes_back_as_it_was_written(text in "\\PC{0,40}", number in any::<u32>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let (directory, journal) = fresh().await;
            let bodies = every_body(&text, number);
            let kinds: BTreeSet<_> = bodies.iter().map(samples::kind).collect();
            assert_eq!(kinds.len(), samples::KINDS, "the samples hold every kind");
            let run = run_id("r");
            let written = journal.append(&run, 0, &now(), &actor(&text), bodies.clone()).await.expect("appended");
            assert_eq!(written.iter().map(|event| event.body.clone()).collect::<Vec<_>>(), bodies);
            let journal = again(&directory, journal).await;
            for after in 0..u32::try_from(written.len()).expect("few") {
                assert_eq!(journal.events(&run, after).await.expect("events"), written[after as usize..]);
            }
        });
    }
}
