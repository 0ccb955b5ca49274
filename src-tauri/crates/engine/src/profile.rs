//! Reads a profile from TOML, checks it, and lists the values that a person has to confirm. Writes
//! a profile as TOML, and compares two profiles.
//!
//! Reads and writes no file: the text is an argument or a result.

mod check;
mod confirm;
mod difference;
mod fields;
mod file_keys;
mod raw;
mod source;
#[cfg(test)]
mod tests;
mod value;
mod write;

use greenlight_types::{ErrorCode, Failure, Names, Profile, Version};

pub use confirm::{correct_value, set_value, setup_values, unconfirmed, values};
pub use difference::difference;
pub use source::ProfileError;
pub use write::to_toml;

/// The profile of the runbook, built into the app.
pub const BUILT_IN: &str = include_str!("../../../profiles/rally.toml");
/// Its file name, for messages.
pub const BUILT_IN_NAME: &str = "rally.toml";

/// Reads and checks a profile. Keys are `snake_case`. An unknown key is refused, so that a typing
/// error is not taken for a missing value.
///
/// # Errors
/// [`ProfileError`] with the first fault.
pub fn parse(file_name: &str, text: &str) -> Result<Profile, ProfileError> {
    let source = source::Source::read(file_name, text)?;
    let raw: raw::RawProfile = toml::from_str(text).map_err(|error| source.refuse(&error))?;
    let profile = Profile::from(raw);
    check::check(&source, &profile)?;
    Ok(profile)
}

/// Parses a version as typed, and derives every name from it.
///
/// # Errors
/// `BadInput` with the problem and a good example; its param `field` is `version`.
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
