//! Replays reduced releases that once broke a rule. None may break one again.

use std::{fs, path::Path, sync::Arc};

use greenlight_checker::Checker;
use greenlight_simulation::{play, scenario::Scenario, tape::Keep};

#[test]
fn kept_releases_break_no_rule_again() {
    let profile = Arc::new(play::simulated_profile().expect("the built-in profile"));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("found");
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("the folder of found releases") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a scenario");
        let scenario: Scenario = serde_json::from_str(&text).expect("a scenario");
        let played = play::play(&profile, &scenario, Box::new(Checker::new()), Keep::Counts).expect("a release");
        assert!(played.tape.violations.is_empty(), "{}: {:?}", path.display(), played.tape.violations);
        count += 1;
    }
    assert!(count >= 7, "only {count} releases were found in the folder");
}
