//! Tests of the judge: it detects a process that lies about its journal, and an altered file.

use std::{collections::BTreeMap, os::unix::process::ExitStatusExt as _, process::ExitStatus};

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::journal::Journal as _;
use greenlight_types::{Actor, EventBody, RunEvent};
use tempfile::TempDir;

use super::{
    Effect,
    judge::{self, Found, Said},
};

/// The output of a process that stored a first append of one event and a second append of two.
const TRUE: &str = "doing open\ndoing append\nappended 1 1 1\ndoing append\nfault fsync\nappended 2 2 3\ndoing read\n\
                    shown 1 1/1/1\nshown 2 2/1/2\nshown 3 2/2/2\ndoing close\n";

/// A file with one append per list of notes.
async fn file_with(appends: &[&[&str]]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let journal = SqliteJournal::open(&folder.path().join("journal.sqlite")).await.expect("a journal");
    let by = Actor {
        person: "Anna".to_owned(),
        computer: "test".to_owned(),
        app_version: "0.1.0".to_owned(),
        github_login: None,
        aws_identity: None,
    };
    let mut after = 0;
    for notes in appends {
        let bodies = notes.iter().map(|note| EventBody::Run(RunEvent::TookOver { from: (*note).to_owned() })).collect();
        let at = "2026-11-23T09:02:11.000Z".parse().expect("a time");
        after += journal.append(&judge::run(), after, &at, &by, bodies).await.expect("appended").len() as u32;
    }
    journal.close().await;
    folder
}

async fn judged(folder: &TempDir, printed: &str) -> Found {
    let said = Said::of(printed);
    let mut found = Found::default();
    judge::judge_end(ExitStatus::from_raw(0), "", &said, Effect::Passes, &mut found);
    judge::judge_file(&folder.path().join("journal.sqlite"), &said, &BTreeMap::new(), &mut found).await;
    found
}

#[tokio::test]
async fn accepts_a_process_that_tells_the_truth() {
    let folder = file_with(&[&["1/1/1"], &["2/1/2 xxx", "2/2/2"]]).await;
    let found = judged(&folder, TRUE).await;
    assert!(found.violations.is_empty() && found.left == 0, "{found:?}");
    let folder = file_with(&[&["1/1/1"], &["2/1/2", "2/2/2"]]).await;
    let refused = "doing append\nappended 1 1 1\nfault fsync\nfailed 2 words\ndoing open-again\nshown 2 2/1/2\n";
    let found = judged(&folder, refused).await;
    assert!(found.violations.is_empty() && found.left == 1, "{found:?}");
}

#[tokio::test]
async fn finds_every_lie_of_a_process() {
    for (appends, printed, words) in [
        (&[&["1/1/1"][..]][..], TRUE, "entry 2 of append 2 was said to be stored, and is not"),
        (&[&["1/1/1"], &["3/1/1"], &["4/1/1"]], TRUE, "entry 3 of append 2 was said to be stored, and is not"),
        (&[&["1/1/1"]], "fault write\nshown 2 2/1/2\n", "entry 2 was shown as 2/1/2"),
        (&[&["1/1/1"], &["2/1/2"]], "fault write\n", "append 2 is in the file in part"),
        (&[&["1/1/1"], &["1/1/1"]], "fault write\n", "append 1 is in the file in part, twice"),
        (&[&["2/1/1"], &["1/1/1"]], "fault write\n", "append 1 is in the file in part, twice, or out of order"),
        (&[&["1/1/1"]], "fault write\nfailed 1 words\nshown 1 1/1/1\n", "1/1/1 was refused, and shown as done"),
        (&[&["1/1/1"]], "fault write\nfailed 2 words\nfailed 3 words\n", "although only one call failed"),
        (&[&["1/1/1"]], "appended 1 1 1\nfailed 2 words\n", "no call failed, and yet something was refused"),
    ] {
        let found = judged(&file_with(appends).await, printed).await;
        assert!(found.violations.iter().any(|violation| violation.contains(words)), "{words}: {found:?}");
    }
}

#[tokio::test]
async fn finds_an_unreadable_or_altered_file() {
    let folder = file_with(&[&["1/1/1"]]).await;
    let file = folder.path().join("journal.sqlite");
    let whole = fs_err::read(&file).expect("the file");
    let at = whole.windows(5).position(|text| text == b"1/1/1").expect("the note");
    let mut altered = whole.clone();
    altered[at] = b'9';
    fs_err::write(&file, altered).expect("written");
    let found = judged(&folder, "fault write\n").await;
    assert!(found.violations[0].contains("entry 1 of this run was altered"), "{found:?}");
    fs_err::write(&file, &whole[..whole.len() / 2]).expect("written");
    let found = judged(&folder, "fault write\n").await;
    assert!(found.violations[0].contains("the file does not open"), "{found:?}");
}

#[test]
fn finds_a_process_that_panics_or_dies() {
    let ended = |status: i32, errors: &str, effect: Effect| {
        let mut found = Found::default();
        judge::judge_end(ExitStatus::from_raw(status), errors, &Said::of("fault write\n"), effect, &mut found);
        found.violations.is_empty()
    };
    assert!(ended(0, "", Effect::Passes) && ended(9, "", Effect::Kills));
    for (status, errors) in [(101 << 8, ""), (0, "thread 'main' panicked at"), (6, ""), (9, ""), (1 << 8, "")] {
        assert!(!ended(status, errors, Effect::Stays), "{status} {errors}");
    }
}
