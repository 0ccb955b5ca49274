use std::{collections::BTreeSet, fs, path::Path};

use super::{Mutant, is};

#[test]
fn every_defect_has_its_own_name_a_sentence_and_a_rule_that_it_breaks() {
    let names: BTreeSet<&str> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
    assert_eq!(names.len(), Mutant::ALL.len(), "two defects of one name");
    assert!(Mutant::ALL.len() >= 32, "the checker is tried with at least 32 defects");
    for mutant in Mutant::ALL {
        assert!(mutant.words().ends_with('.'), "{}: {:?}", mutant.name(), mutant.words());
        assert!(!mutant.words().starts_with(' '), "{}", mutant.name());
        assert!(mutant.breaks().iter().all(|rule| rule.starts_with("INV-")), "{}", mutant.name());
    }
}

#[test]
fn every_defect_stands_somewhere_in_the_engine() {
    let mut source = String::new();
    read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), &mut source);
    let words: BTreeSet<&str> = source.split(|at: char| !at.is_alphanumeric() && at != ':').collect();
    let unused: Vec<&str> = Mutant::ALL
        .iter()
        .map(|mutant| mutant.name())
        .filter(|name| !words.contains(format!("Mutant::{name}").as_str()))
        .collect();
    assert_eq!(unused, Vec::<&str>::new(), "declared, and nothing asks for them");
}

/// Reads every source file except those that declare the defects or try them.
fn read(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else if !path.ends_with("src/mutant.rs") && !path.ends_with("tests.rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn nothing_is_wrong_unless_it_was_switched_on() {
    for mutant in Mutant::ALL {
        assert!(!is(*mutant), "{}", mutant.name());
    }
}

#[cfg(feature = "mutants")]
#[test]
fn a_defect_is_on_for_its_own_thread_only_and_until_it_is_switched_off() {
    super::set(Some(Mutant::TrustStable));
    let on: Vec<Mutant> = Mutant::ALL.iter().copied().filter(|mutant| is(*mutant)).collect();
    assert_eq!(on, [Mutant::TrustStable]);
    let elsewhere = std::thread::spawn(|| is(Mutant::TrustStable)).join().unwrap();
    assert!(!elsewhere, "another release runs on another thread");
    super::set(None);
    assert!(!is(Mutant::TrustStable));
}
