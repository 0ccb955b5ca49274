use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{
    defect::{CRASH, Defect, Edit, SIMULATION, defects, root, wiring},
    edit::{apply, edited_files},
    tree::{Content, refresh, with_marked_version},
};

/// Fewest defects that are kept.
const FEWEST: usize = 40;

/// Rules of the checker without a defect, and the reason.
const WITHOUT_DEFECT: [(&str, &str); 2] = [
    ("INV-J6", "it takes two processes with one data folder, and simulated releases have one process at a time"),
    ("INV-D4", "it takes two jobs at one moment; the seeded defects of the job script break the mutex instead"),
];

fn all() -> Vec<Defect> {
    defects(&root()).expect("readable defects")
}

/// Rules of docs/invariants.md that a text cites.
fn rules_in(text: &str) -> BTreeSet<String> {
    let rest = text.split("INV-").skip(1);
    rest.map(|rest| rest.chars().take_while(char::is_ascii_alphanumeric).collect::<String>())
        .map(|id| format!("INV-{id}"))
        .collect()
}

#[test]
fn every_edit_applies_to_the_present_tree() {
    let mut broken = Vec::new();
    for defect in all() {
        for edit in &defect.edits {
            let applied = fs_err::read_to_string(root().join(&edit.file))
                .map_err(anyhow::Error::from)
                .and_then(|text| apply(edit, &defect.name, &text));
            broken.extend(applied.err().map(|error| format!("{error:#}\n")));
        }
    }
    assert!(broken.is_empty(), "{} edits do not apply.\n\n{}", broken.len(), broken.join("\n"));
    edited_files(&root(), &wiring(&root()).expect("readable wiring"), &all()).expect("all edits apply together");
}

#[test]
fn every_edit_is_behind_its_own_switch() {
    for defect in all() {
        assert!(!defect.edits.is_empty(), "{} has no edit", defect.name);
        for edit in &defect.edits {
            let switch = format!("seeded::is(\"{}\")", defect.name);
            assert!(edit.replace.contains(&switch), "{}: `replace` has no {switch}", defect.name);
        }
    }
}

#[test]
fn names_are_unique_and_sentences_complete() {
    let all = all();
    let names: BTreeSet<&str> = all.iter().map(|defect| defect.name.as_str()).collect();
    assert_eq!(names.len(), all.len(), "two defects have one name");
    assert!(all.len() >= FEWEST, "at least {FEWEST} defects are kept");
    for defect in &all {
        assert!(defect.says.ends_with('.'), "{}: {:?}", defect.name, defect.says);
    }
}

#[test]
fn every_defect_names_its_suites() {
    for defect in all() {
        assert!(!defect.caught_by.is_empty(), "{} is caught by nothing", defect.name);
        for suite in &defect.caught_by {
            let is_test = root().join("tests/tests").join(format!("{suite}.rs")).is_file();
            assert!(is_test || suite == SIMULATION || suite == CRASH, "{}: no suite {suite}", defect.name);
        }
    }
}

#[test]
fn every_rule_of_the_checker_has_a_defect() {
    let documented = rules_in(&fs_err::read_to_string(root().join("docs/invariants.md")).expect("docs"));
    let covered: BTreeSet<String> = all().into_iter().flat_map(|defect| defect.breaks).collect();
    let unknown: Vec<&String> = covered.difference(&documented).collect();
    assert!(unknown.is_empty(), "not in docs/invariants.md: {unknown:?}");
    let mut judged = BTreeSet::new();
    for entry in fs_err::read_dir(root().join("tests/checker/src/rules")).expect("rules of the checker") {
        let text = fs_err::read_to_string(entry.expect("a rule file").path()).expect("a rule file");
        judged.extend(text.split('"').flat_map(rules_in));
    }
    assert!(judged.len() > 20, "the rules of the checker are elsewhere now: {judged:?}");
    let is_exempt = |rule: &&String| WITHOUT_DEFECT.iter().any(|(exempt, _)| exempt == rule);
    let missing: Vec<&String> = judged.difference(&covered).filter(|rule| !is_exempt(rule)).collect();
    assert!(missing.is_empty(), "no defect breaks {missing:?}: add one to tests/mutants/defects");
}

#[test]
fn refuses_an_edit_without_a_unique_place() {
    let edit = Edit { file: "a.rs".into(), find: "x + 1".into(), replace: "x".into() };
    assert_eq!(apply(&edit, "One", "let y = x + 1;").expect("once"), "let y = x;");
    for (text, count) in [("let y = x + 2;", "0 times"), ("x + 1; x + 1", "2 times")] {
        let words = apply(&edit, "One", text).expect_err(count).to_string();
        assert!([count, "One", "a.rs", "README"].iter().all(|part| words.contains(part)), "{words}");
    }
}

#[test]
fn marks_the_version_of_the_copy() {
    let marked = with_marked_version("[workspace.package]\nversion = \"1.2.3\"\nedition = \"2024\"\n");
    assert_eq!(marked.expect("marked"), "[workspace.package]\nversion = \"1.2.3-seeded\"\nedition = \"2024\"\n");
    assert!(with_marked_version("[package]\nversion = \"1.2.3\"\n").is_err());
}

#[test]
fn refresh_writes_only_changed_files() {
    let copy = tempfile::tempdir().expect("a folder");
    let files = |changed: &str| -> BTreeMap<PathBuf, Content> {
        let permissions = fs_err::metadata(root().join("Cargo.toml")).expect("a file").permissions();
        let content = |text: &str| Content { bytes: text.into(), permissions: permissions.clone() };
        [("same".into(), content("same")), ("deep/changed".into(), content(changed))].into()
    };
    assert_eq!(refresh(copy.path(), &files("one")).expect("written"), 2);
    let long_ago = SystemTime::UNIX_EPOCH;
    age(&copy.path().join("same"), long_ago);
    fs_err::write(copy.path().join("deep/other"), "").expect("written");
    assert_eq!(refresh(copy.path(), &files("two")).expect("written"), 2, "one is written, one removed");
    assert_eq!(fs_err::read_to_string(copy.path().join("deep/changed")).expect("read"), "two");
    assert!(!copy.path().join("deep/other").exists());
    let modified = fs_err::metadata(copy.path().join("same")).expect("there").modified().expect("a time");
    assert_eq!(modified, long_ago, "an unchanged file keeps its time");
}

fn age(file: &Path, at: SystemTime) {
    fs_err::OpenOptions::new().write(true).open(file).expect("a file").file().set_modified(at).expect("a new time");
}
