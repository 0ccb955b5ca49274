//! Journals of earlier commits still open and fold to the same view, and so does every prefix of
//! them.
//!
//! `GREENLIGHT_WRITE_GOLDEN=1 cargo test -p greenlight-tests --test release` writes new ones. A
//! committed file is never rewritten. `golden/journal` has whole journal files, one for each
//! earlier schema, as the last commit with that schema wrote them.

#[path = "page/moments.rs"]
mod moments;

use std::path::{Path, PathBuf};

use greenlight_adapters::journal_sqlite::SqliteJournal;
use greenlight_engine::{fold, journal::Journal as _};
use greenlight_types::{Event, RunView};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    events: Vec<Event>,
    view: RunView,
}

fn golden() -> Vec<(PathBuf, Golden)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/fold");
    let files = std::fs::read_dir(folder).expect("the golden files");
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a file");
        let golden = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path, golden)
    };
    files.map(|file| read(file.expect("a file").path())).collect()
}

#[test]
fn journals_of_earlier_commits_fold_to_the_same_view() {
    let all = golden();
    assert!(all.len() >= 2, "the golden files are there");
    for (path, golden) in all {
        let view = fold::fold(&golden.events).unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
        assert_eq!(view, golden.view, "{}", path.display());
    }
}

#[test]
fn every_prefix_of_a_journal_opens() {
    for (path, golden) in golden() {
        for length in 1..=golden.events.len() {
            let view = fold::fold(&golden.events[..length]);
            assert!(view.is_ok(), "{} up to {length}: {:?}", path.display(), view.err());
        }
    }
}

#[test]
fn a_journal_with_a_missing_or_repeated_event_is_refused() {
    for (path, golden) in golden() {
        for at in 1..golden.events.len() - 1 {
            let mut gap = golden.events.clone();
            gap.remove(at);
            assert!(fold::fold(&gap).is_err(), "{} without {at}", path.display());
            let mut twice = golden.events.clone();
            twice.insert(at, twice[at].clone());
            assert!(fold::fold(&twice).is_err(), "{} with {at} twice", path.display());
        }
    }
}

/// Both golden runs as the file of schema 1 has them: the failed run to its end, and the first 40
/// events of the other.
const IN_SCHEMA_1: [(&str, usize); 2] = [("stopped-after-a-failed-migration.json", 50), ("released.json", 40)];

#[tokio::test]
async fn a_schema_1_file_opens_with_the_same_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("journal.sqlite");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/journal/schema-1.sqlite");
    std::fs::copy(kept, &file).expect("a copy");
    let journal = SqliteJournal::open(&file).await.expect("the file opens");
    assert!(!journal.is_read_only(), "the runs can be continued");
    assert!(folder.path().join("journal.sqlite.schema-1.bak").is_file(), "it was copied before its shape changed");
    assert_eq!(journal.runs().await.expect("its runs").len(), IN_SCHEMA_1.len());
    for (path, golden) in golden() {
        let Some((_, length)) = IN_SCHEMA_1.iter().find(|(name, _)| path.ends_with(name)) else { continue };
        let events = journal.events(&golden.events[0].run, 0).await.expect("its events");
        assert_eq!(events, golden.events[..*length], "{}", path.display());
        let view = fold::fold(&events).expect("a run");
        assert_eq!(view, fold::fold(&golden.events[..*length]).expect("a run"), "{}", path.display());
        assert!(*length < golden.events.len() || view == golden.view, "{}", path.display());
    }
}
