//! Journals that earlier commits wrote still open and tell the same run; every beginning of one does too. The page's fold
//! follows the same files.
//!
//! New ones are written by `GREENLIGHT_WRITE_GOLDEN=1 cargo test -p greenlight-tests --test release`; a file that stands
//! here is never written again.

use std::path::{Path, PathBuf};

use greenlight_engine::fold;
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
fn a_journal_of_an_earlier_commit_tells_the_same_run() {
    let all = golden();
    assert!(all.len() >= 2, "the golden files are there");
    for (path, golden) in all {
        let view = fold::fold(&golden.events).unwrap_or_else(|failure| panic!("{}: {failure}", path.display()));
        assert_eq!(view, golden.view, "{}", path.display());
    }
}

#[test]
fn every_beginning_of_a_journal_opens() {
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
