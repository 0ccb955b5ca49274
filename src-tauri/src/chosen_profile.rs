//! The profile of a place: the file of the command line, the copy of the file that a person chose
//! in the window, or the built-in one.
//!
//! A copy that is missing, unreadable or altered is an error. Another profile than the one that a
//! person chose could name other servers.

use std::path::{Path, PathBuf};

use greenlight_adapters::{
    journal_sqlite::{Setting, SqliteJournal},
    profile_file,
};
use greenlight_engine::profile;
use greenlight_types::{Confirmation, ErrorCode, Failure, Profile, ProfileOrigin, Realm};
use serde::{Deserialize, Serialize};

use crate::places::Place;

/// Name of the copy in the data folder.
pub const FILE: &str = "profile.toml";
/// Key of the setting that belongs to the copy. It does not begin with the prefix of confirmed
/// values.
pub const SETTING: &str = "chosen-profile";
/// Value of [`AcceptedCopy::hash`] for the built-in profile, which has no copy.
pub const BUILT_IN: &str = "built-in";
/// Param of a failure that a person ends by choosing a profile in the window.
const CHOICE_NEEDED: &str = "choose";

/// A profile, and where it comes from.
#[derive(Clone, Debug)]
pub struct PlaceProfile {
    pub profile: Profile,
    pub origin: ProfileOrigin,
}

/// The value of the setting.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The copies that may be there. While one is replaced there are two of them, so a crash at any
    /// moment leaves a copy that is accepted.
    pub accepted: Vec<AcceptedCopy>,
}

/// A copy that a person chose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedCopy {
    /// SHA-256 of the copy, or [`BUILT_IN`] for none.
    pub hash: String,
    /// Name of the file that the person chose.
    pub file: String,
    pub confirmed: Confirmation,
}

impl Choice {
    /// Reads the setting.
    ///
    /// # Errors
    /// `BadProfile` when it has another form.
    pub fn of(setting: &Setting) -> Result<Self, Failure> {
        serde_json::from_str(&setting.value)
            .map_err(|error| choice_needed(FILE, "its entry cannot be read").because(error))
    }
}

/// The path of the copy.
pub fn path_in(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

/// The built-in profile.
///
/// # Errors
/// `BadProfile` for a built-in profile that a test would have refused.
pub fn built_in() -> Result<PlaceProfile, Failure> {
    let profile = profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN)?;
    Ok(PlaceProfile { profile, origin: ProfileOrigin::BuiltIn })
}

/// The profile of a place. Practice always has the built-in one.
///
/// # Errors
/// `BadProfile` when the file cannot be read. It has the param `choose` when a person can choose
/// another profile in the window.
pub async fn load(place: &Place, journal: &SqliteJournal) -> Result<PlaceProfile, Failure> {
    match (place.realm, &place.profile) {
        (Realm::Practice, _) => built_in(),
        (Realm::Production, Some(file)) => {
            let name = file.display().to_string();
            let profile = profile::parse(&name, &profile_file::read(file)?.text)?;
            Ok(PlaceProfile { profile, origin: ProfileOrigin::CommandLine { file: name } })
        }
        (Realm::Production, None) => chosen(&path_in(&place.folder), journal.setting(SETTING).await?),
    }
}

fn chosen(path: &Path, setting: Option<Setting>) -> Result<PlaceProfile, Failure> {
    let name = path.display().to_string();
    let is_there = std::fs::symlink_metadata(path).is_ok();
    let Some(setting) = setting else {
        return if is_there {
            Err(choice_needed(&name, "no person chose this file in the window"))
        } else {
            built_in()
        };
    };
    let choice = Choice::of(&setting)?;
    let accepted = |hash: &str| choice.accepted.iter().find(|one| one.hash == hash).cloned();
    if !is_there && accepted(BUILT_IN).is_some() {
        return built_in();
    }
    let kept = profile_file::read(path).map_err(needs_choice)?;
    let Some(AcceptedCopy { file, confirmed, .. }) = accepted(&kept.sha256) else {
        return Err(choice_needed(&name, "it was changed outside the app"));
    };
    let profile = profile::parse(&name, &kept.text).map_err(|error| needs_choice(error.into()))?;
    Ok(PlaceProfile { profile, origin: ProfileOrigin::Chosen { file, confirmed } })
}

fn choice_needed(file: &str, problem: &str) -> Failure {
    let failure = Failure::new(ErrorCode::BadProfile, "read the profile that was chosen").because(problem);
    needs_choice(failure.with("file", file).with("problem", problem))
}

/// Whether the chosen profile cannot be read, so that a person has to choose one.
pub fn is_choice_needed(failure: &Failure) -> bool {
    failure.code == ErrorCode::BadProfile && failure.params.contains_key(CHOICE_NEEDED)
}

fn needs_choice(failure: Failure) -> Failure {
    Failure { hints: Vec::new(), ..failure }
        .hint("Choose the file again, or use the product that comes with Greenlight.")
        .with(CHOICE_NEEDED, "true")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(accepted: &[&str]) -> Option<Setting> {
        let at = "2026-11-23T13:00:00Z".parse().expect("a time");
        let copy = |hash: &&str| AcceptedCopy {
            hash: (*hash).to_owned(),
            file: format!("{hash:.6}.toml"),
            confirmed: Confirmation { by: "Anna".to_owned(), at },
        };
        let choice = Choice { accepted: accepted.iter().map(copy).collect() };
        let value = serde_json::to_string(&choice).expect("a text");
        Some(Setting { key: SETTING.to_owned(), value, at, by: "Anna".to_owned() })
    }

    fn refused(path: &Path, setting: Option<Setting>) -> Failure {
        let failure = chosen(path, setting).expect_err("refused");
        assert_eq!((failure.code, failure.params["choose"].as_str()), (ErrorCode::BadProfile, "true"));
        failure
    }

    #[test]
    fn a_chosen_copy_with_its_hash_is_the_profile() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_in(folder.path());
        let text = profile::BUILT_IN.replace("id = \"rally\"", "id = \"other\"");
        std::fs::write(&path, &text).expect("written");
        let hash = profile_file::sha256(text.as_bytes());
        let found = chosen(&path, setting(&["before", &hash])).expect("the copy");
        assert_eq!(found.profile.product.id, "other");
        let ProfileOrigin::Chosen { file, confirmed } = found.origin else { panic!("another origin") };
        assert_eq!((file, confirmed.by.as_str()), (format!("{hash:.6}.toml"), "Anna"), "not the file before");
    }

    #[test]
    fn a_missing_or_altered_copy_never_becomes_the_built_in_one() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_in(folder.path());
        refused(&path, setting(&["a hash"]));
        std::fs::write(&path, profile::BUILT_IN).expect("written");
        assert!(refused(&path, setting(&["a hash"])).params["problem"].contains("changed outside"));
        assert!(refused(&path, None).params["problem"].contains("no person chose"));
        let broken = profile::BUILT_IN.replace("schema = 1", "schema = 2");
        std::fs::write(&path, &broken).expect("written");
        let failure = refused(&path, setting(&[&profile_file::sha256(broken.as_bytes())]));
        assert_eq!(failure.params["expected"], "1");
        let strange = Setting { value: "x".to_owned(), ..setting(&[]).expect("a setting") };
        refused(&path, Some(strange));
    }

    #[test]
    fn the_built_in_profile_counts_before_the_first_choice() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = path_in(folder.path());
        for setting in [None, setting(&[BUILT_IN, "the hash of a copy that was never put there"])] {
            assert_eq!(chosen(&path, setting).expect("a profile").origin, ProfileOrigin::BuiltIn);
        }
    }
}
