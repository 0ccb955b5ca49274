//! The states that a check can reach, read from the source of the check.
//!
//! A state counts if the source of the check makes a finding of it. Two more sources count: a call
//! that can fail makes the state Unknown, and `of_sign_in` makes Blocked.

use std::{collections::BTreeSet, path::Path};

use greenlight_types::{ReadinessCheck, ReadinessState};

use super::super::CHECKS;

/// Each word of a source with the states that it makes.
const SIGNS: [(&str, &[ReadinessState]); 13] = [
    ("Finding::ready", &[ReadinessState::Ready]),
    ("Finding::later", &[ReadinessState::Later]),
    ("Finding::choose", &[ReadinessState::Choose]),
    ("Finding::unknown", &[ReadinessState::Unknown]),
    ("Finding::blocked", &[ReadinessState::Blocked]),
    ("of_sign_in(", &[ReadinessState::Blocked, ReadinessState::Unknown]),
    ("of_program(", &[ReadinessState::Ready, ReadinessState::Blocked, ReadinessState::Unknown]),
    (".judged(", &[ReadinessState::Unknown]),
    (".not_read()", &[ReadinessState::Unknown]),
    // Calls that can fail.
    (".await?", &[ReadinessState::Unknown]),
    ("Err(failure)", &[ReadinessState::Unknown]),
    ("futures::join!", &[ReadinessState::Unknown]),
    (".keychain.clone()", &[ReadinessState::Unknown]),
];

/// Every check with its states.
pub fn reachable() -> Vec<(ReadinessCheck, BTreeSet<ReadinessState>)> {
    let paths = listed();
    assert_eq!(paths.len(), CHECKS.len(), "the list of checks is not read: {paths:?}");
    let states = |path: &str| {
        let source = source_of(path);
        let made = SIGNS.iter().filter(|(sign, _)| source.contains(sign)).flat_map(|(_, states)| *states);
        made.copied().collect()
    };
    CHECKS.iter().zip(&paths).map(|(check, path)| (check.id(), states(path))).collect()
}

/// The paths of the list `CHECKS`: `code::settings::Settings`.
fn listed() -> Vec<String> {
    let source = read("readiness.rs");
    let list = source.split_once("const CHECKS").and_then(|(_, rest)| rest.split_once("];")).map(|(list, _)| list);
    let lines = list.unwrap_or_default().lines().filter_map(|line| line.trim().strip_prefix('&'));
    lines.filter_map(|path| path.strip_suffix(',')).map(str::to_owned).collect()
}

/// The source of one check, without tests. A file may have several checks, one after the other.
fn source_of(path: &str) -> String {
    let (modules, name) = path.rsplit_once("::").expect("a path");
    let source = read(&format!("readiness/{}.rs", modules.replace("::", "/")));
    let product = source.split("#[cfg(test)]").next().unwrap_or_default();
    let (_, own) = product.split_once(&format!("struct {name};")).expect("the check");
    own.split("struct ").next().unwrap_or_default().to_owned()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
