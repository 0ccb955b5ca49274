//! Reads a profile from TOML, checks it, and tells which of its values a person still has to confirm.
//!
//! Touches no file and asks nobody: the text is an argument.

mod check;
mod confirm;
mod raw;
#[cfg(test)]
mod tests;

use greenlight_types::{ErrorCode, Failure, Names, Profile, Version};

pub use confirm::{set_value, unconfirmed};

/// The profile of the runbook, built into the app.
pub const BUILT_IN: &str = include_str!("../../../profiles/rally.toml");
/// Its file name, for messages.
pub const BUILT_IN_NAME: &str = "rally.toml";

/// Why a profile is refused: where, what is wrong, what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}; expected {expected}")]
pub struct ProfileError {
    /// File name as the person knows it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What is wrong.
    pub problem: String,
    /// What was expected.
    pub expected: String,
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::new(ErrorCode::BadProfile, "read the profile")
            .because(&error)
            .hint(format!("Correct line {} of {}.", error.line, error.file))
            .with("file", error.file)
            .with("line", error.line.to_string())
            .with("problem", error.problem)
            .with("expected", error.expected)
    }
}

/// Reads and checks a profile. Keys are snake_case; one that is not known is refused, so a typing error cannot pass
/// for a missing value.
///
/// # Errors
/// [`ProfileError`] with the first thing that is wrong.
pub fn parse(file_name: &str, text: &str) -> Result<Profile, ProfileError> {
    let source = check::Source::read(file_name, text)?;
    let raw: raw::RawProfile = toml::from_str(text).map_err(|error| source.refuse(&error))?;
    let profile = Profile::from(raw);
    check::check(&source, &profile)?;
    Ok(profile)
}

/// Every name that a version as typed gets.
///
/// # Errors
/// `BadInput` with what is wrong and a good example; param `field` is `version`.
pub fn names(profile: &Profile, version: &str) -> Result<(Version, Names), Failure> {
    let version = Version::parse(version).map_err(|error| {
        Failure::new(ErrorCode::BadInput, "read the version")
            .because(&error)
            .with("field", "version")
            .with("problem", error.to_string())
    })?;
    let names = profile.names(&version);
    Ok((version, names))
}
