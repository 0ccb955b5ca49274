//! Tests of profile files on a real journal and a real folder.

use std::path::Path;

use greenlight_engine::profile::{BUILT_IN, BUILT_IN_NAME, parse};

use super::*;

struct Computer {
    folder: tempfile::TempDir,
    place: Place,
}

impl Computer {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place {
            realm: Realm::Production,
            folder: folder.path().join("production"),
            other_folder: None,
            profile: None,
            speed: 1,
            scenario: None,
        };
        Self { folder, place }
    }

    async fn files(&self) -> ProfileFiles<'_> {
        let mut files = ProfileFiles::alone(&self.place, "anna-laptop").await.expect("the data folder");
        if let Ok(chosen) = chosen_profile::load(&self.place, &files.journal).await {
            let mut profile = chosen.profile;
            for one in confirmed_values::of(&files.journal, &profile.product).await.expect("settings") {
                profile::set_value(&mut profile, &one.key, &one.setting.value).expect("a value");
            }
            files.present = Some(profile);
        }
        files
    }

    /// A file of a colleague: the built-in profile with these changes.
    fn file(&self, changes: &[(&str, &str)]) -> String {
        let mut text = BUILT_IN.to_owned();
        for (from, to) in changes {
            assert!(text.contains(from), "the test must change something: {from}");
            text = text.replacen(from, to, 1);
        }
        let path = self.folder.path().join("colleague.toml");
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    async fn confirm(&self, key: &str, value: &str) {
        let files = self.files().await;
        let product = &files.present.as_ref().expect("a profile").product;
        let (key, value) = (confirmed_values::setting_key(product, key), value.to_owned());
        let setting = Setting { key, value, at: files.clock.now(), by: "Anna".to_owned() };
        files.journal.set_setting(&setting).await.expect("kept");
    }

    async fn now(&self) -> PlaceProfile {
        let files = self.files().await;
        chosen_profile::load(&self.place, &files.journal).await.expect("a profile")
    }
}

const CLUSTER: (&str, &str) = ("cluster = \"\"", "cluster = \"rally-prod\"");
const OTHER: (&str, &str) = ("id = \"rally\"", "id = \"other\"");

fn problem(failure: &Failure) -> &str {
    failure.params.get("problem").map_or("", String::as_str)
}

#[tokio::test]
async fn a_file_is_used_as_it_was_shown() {
    let computer = Computer::new();
    let path = computer.file(&[CLUSTER]);
    let shown = computer.files().await.read(&path).await.expect("a difference");
    let keys: Vec<&str> = shown.differences.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["aws.cluster"]);
    assert!(shown.is_same_product && shown.sign_in_anew.is_empty());
    assert_eq!((shown.product.as_str(), shown.account.as_str()), ("Rally", "676917001797"));
    assert_eq!(shown.servers, ["github.com", "rally.partners.org", "18.232.80.102"]);
    computer.files().await.use_file(&path, &shown.hash).await.expect("used");
    let now = computer.now().await;
    assert_eq!(now.profile.aws.cluster, "rally-prod");
    assert!(matches!(now.origin, ProfileOrigin::Chosen { file, .. } if file == "colleague.toml"));
    let before = std::fs::read_to_string(computer.place.folder.join(BEFORE)).expect("the profile before");
    assert_eq!(parse("before", &before), parse(BUILT_IN_NAME, BUILT_IN));
}

#[tokio::test]
async fn a_file_that_changed_after_it_was_shown_is_refused() {
    let computer = Computer::new();
    let path = computer.file(&[CLUSTER]);
    let shown = computer.files().await.read(&path).await.expect("a difference");
    computer.file(&[("cluster = \"\"", "cluster = \"another\"")]);
    let refused = computer.files().await.use_file(&path, &shown.hash).await.expect_err("changed");
    assert!(problem(&refused).contains("changed after"), "{refused}");
    assert_eq!(computer.now().await.origin, ProfileOrigin::BuiltIn);
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_line_and_expectation() {
    let computer = Computer::new();
    let path = computer.file(&[("account = \"676917001797\"", "account = \"12\"")]);
    let refused = computer.files().await.read(&path).await.expect_err("a wrong account");
    assert_eq!(refused.code, ErrorCode::BadProfile);
    assert_eq!(
        (refused.params["file"].as_str(), refused.params["expected"].as_str()),
        ("colleague.toml", "twelve digits in quotes")
    );
    assert!(refused.params["line"].parse::<u32>().expect("a number") > 30);
    for missing in ["relative.toml", "/no/such/file.toml"] {
        computer.files().await.read(missing).await.expect_err(missing);
    }
}

#[tokio::test]
async fn confirmed_values_stay_where_the_file_is_empty() {
    let computer = Computer::new();
    computer.confirm("aws.cluster", "ours").await;
    computer.confirm("aws.service", "webapp").await;
    let path = computer.file(&[CLUSTER]);
    let shown = computer.files().await.read(&path).await.expect("a difference");
    let rows: Vec<_> = shown.differences.iter().map(|row| (row.old.as_deref(), row.new.as_deref())).collect();
    assert_eq!(rows, [(Some("ours"), Some("rally-prod"))]);
    computer.files().await.use_file(&path, &shown.hash).await.expect("used");
    let present = computer.files().await.present.expect("a profile");
    assert_eq!((present.aws.cluster.as_str(), present.aws.service.as_str()), ("rally-prod", "webapp"));
}

#[tokio::test]
async fn no_confirmed_value_passes_to_another_product() {
    let computer = Computer::new();
    computer.confirm("aws.service", "webapp").await;
    let path = computer.file(&[OTHER]);
    let shown = computer.files().await.read(&path).await.expect("a difference");
    assert!(!shown.is_same_product);
    assert_eq!(shown.sign_in_anew.len(), 3);
    assert!(shown.differences.iter().any(|row| row.key == "aws.service" && row.new.as_deref() == Some("")));
    computer.files().await.use_file(&path, &shown.hash).await.expect("used");
    let other = computer.files().await.present.expect("a profile");
    assert_eq!((other.product.id.as_str(), other.aws.service.as_str()), ("other", ""));
    let before = std::fs::read_to_string(computer.place.folder.join(BEFORE)).expect("the profile before");
    assert!(before.contains("service = \"webapp\""), "{before}");
    computer.files().await.use_built_in().await.expect("the built-in product");
    assert_eq!(computer.files().await.present.expect("a profile").aws.service, "webapp", "it was kept");
}

#[tokio::test]
async fn an_optional_confirmed_value_stays_where_the_file_is_empty() {
    let computer = Computer::new();
    computer.confirm("migration.probe", "psql -c probe").await;
    computer.confirm("migration.command", "./other.sh").await;
    let path = computer.file(&[CLUSTER]);
    let hash = computer.files().await.read(&path).await.expect("a difference").hash;
    computer.files().await.use_file(&path, &hash).await.expect("used");
    let present = computer.files().await.present.expect("a profile");
    assert_eq!((present.migration.probe.as_str(), present.migration.command.as_str()), ("psql -c probe", "./run.sh"));
}

#[tokio::test]
async fn an_altered_copy_is_replaced_only_by_a_choice() {
    let computer = Computer::new();
    let path = computer.file(&[CLUSTER]);
    let hash = computer.files().await.read(&path).await.expect("a difference").hash;
    computer.files().await.use_file(&path, &hash).await.expect("used");
    computer.confirm("aws.service", "webapp").await;
    let copy = chosen_profile::path_in(&computer.place.folder);
    std::fs::write(&copy, BUILT_IN).expect("written");
    let files = computer.files().await;
    assert!(files.present.is_none());
    let failure = chosen_profile::load(&computer.place, &files.journal).await.expect_err("altered");
    assert!(chosen_profile::is_choice_needed(&failure));
    files.use_file(&path, &hash).await.expect("used again");
    drop(files);
    let present = computer.files().await.present.expect("a profile");
    assert_eq!((present.aws.cluster.as_str(), present.aws.service.as_str()), ("rally-prod", "webapp"));
    std::fs::remove_file(&copy).expect("removed");
    computer.files().await.use_built_in().await.expect("the built-in product");
    assert_eq!(computer.now().await.origin, ProfileOrigin::BuiltIn);
    assert_eq!(computer.files().await.present.expect("a profile").aws.service, "webapp");
}

#[tokio::test]
async fn an_interrupted_change_leaves_a_profile_that_counts() {
    let computer = Computer::new();
    let path = computer.file(&[CLUSTER]);
    let files = computer.files().await;
    let proposal = files.propose(&path).await.expect("a proposal");
    let hashes = [chosen_profile::BUILT_IN, &proposal.kept.sha256];
    files.set_choice(hashes.map(|hash| files.copy(hash, "colleague.toml")).into()).await.expect("kept");
    drop(files);
    assert_eq!(computer.now().await.origin, ProfileOrigin::BuiltIn, "stopped before the copy has its name");
    std::fs::write(chosen_profile::path_in(&computer.place.folder), proposal.kept.text).expect("written");
    assert_eq!(computer.now().await.profile.aws.cluster, "rally-prod", "stopped after it");
}

#[tokio::test]
async fn practice_and_a_profile_argument_are_left_alone() {
    let mut computer = Computer::new();
    let path = computer.file(&[CLUSTER]);
    computer.place.profile = Some(path.clone().into());
    assert!(problem(&computer.files().await.read(&path).await.expect_err("fixed")).contains("--profile"));
    computer.place.profile = None;
    computer.place.realm = Realm::Practice;
    assert!(problem(&computer.files().await.use_built_in().await.expect_err("fixed")).contains("Practice"));
    assert!(problem(&computer.files().await.export("/tmp/x.toml").expect_err("loopback")).contains("Practice"));
}

#[tokio::test]
async fn an_exported_profile_has_the_confirmed_values() {
    let computer = Computer::new();
    computer.confirm("aws.cluster", "ours").await;
    let path = computer.folder.path().join("rally-prod.toml");
    let given = computer.files().await.export(&path.display().to_string()).expect("written");
    let read = computer.files().await.read(&given).await.expect("a file of ours");
    assert_eq!(read.differences, Vec::new());
    let text = std::fs::read_to_string(Path::new(&given)).expect("a text");
    assert!(text.contains("cluster = \"ours\""), "{text}");
    for bad in [given.as_str(), "relative.toml", "/tmp/x.txt"] {
        computer.files().await.export(bad).expect_err(bad);
    }
}

#[test]
fn only_an_open_run_of_another_product_refuses_a_file() {
    let golden = include_str!("../../../tests/golden/fold/released.json");
    let golden: serde_json::Value = serde_json::from_str(golden).expect("a golden journal");
    let events: Vec<greenlight_types::Event> = serde_json::from_value(golden["events"].clone()).expect("events");
    let open = fold::fold(events.get(..2).expect("events")).expect("a view");
    let ended = fold::fold(&events).expect("a view");
    let mut other = open.profile.clone();
    assert!(!is_open_run_of_other_product(&open, &other), "the same product");
    other.product.environment = "test".to_owned();
    assert!(is_open_run_of_other_product(&open, &other));
    assert!(!is_open_run_of_other_product(&ended, &other), "it has ended");
}
