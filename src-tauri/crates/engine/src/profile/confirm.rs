//! The values of a profile as a person reads, confirms and corrects them
//! (docs/releases.md#unconfirmed-values).

use greenlight_types::{ErrorCode, Failure, Profile, ProfileValue, SetupValue, Unconfirmed};

use super::fields::{Field, Form, Need, Set, all, field};

/// Longest value, in bytes.
const LONGEST: usize = 4_000;

/// Values that a person still has to confirm, in the order of the page.
#[must_use]
pub fn unconfirmed(profile: &Profile) -> Vec<Unconfirmed> {
    all()
        .filter(|field| field.need == Need::Release && (field.get)(profile).is_empty())
        .map(|open| Unconfirmed { key: open.key.to_owned(), label: open.label.to_owned(), why: open.why.to_owned() })
        .collect()
}

/// The values that a person may correct in a run, each with its present value.
#[must_use]
pub fn values(profile: &Profile) -> Vec<ProfileValue> {
    all()
        .filter(|field| is_correctable(field))
        .map(|field| ProfileValue {
            key: field.key.to_owned(),
            label: field.label.to_owned(),
            value: (field.get)(profile),
        })
        .collect()
}

/// The values of the Setup page, in its order. The caller adds confirmations and tests.
#[must_use]
pub fn setup_values(profile: &Profile) -> Vec<SetupValue> {
    all()
        .map(|field| SetupValue {
            key: field.key.to_owned(),
            group: field.group,
            label: field.label.to_owned(),
            why: field.why.to_owned(),
            value: (field.get)(profile),
            is_list: field.form == Form::Lines,
            is_needed: field.need != Need::Optional,
            is_editable: matches!(field.set, Set::By(_)),
            has_test: false,
            confirmed: None,
            test: None,
        })
        .collect()
}

/// Puts a value that a person typed into the profile.
///
/// # Errors
/// `BadInput` with the key as param `field` and the expected form. The profile is then unchanged.
pub fn set_value(profile: &mut Profile, key: &str, value: &str) -> Result<(), Failure> {
    match field(key).map(|field| field.set) {
        Some(Set::By(set)) if value.len() <= LONGEST => set(profile, value).map_err(|expected| refuse(key, expected)),
        Some(Set::By(_)) => Err(refuse(key, "at most 4,000 characters")),
        Some(Set::FileOnly) => Err(refuse(key, "another profile file: this value decides which production it is for")),
        None => Err(refuse(key, "a value of the profile")),
    }
}

/// Puts a corrected value into the profile of a run. Accepts only the values that [`values`] lists:
/// a change of any other would make the run another release.
///
/// # Errors
/// As [`set_value`].
pub fn correct_value(profile: &mut Profile, key: &str, value: &str) -> Result<(), Failure> {
    if !field(key).is_some_and(is_correctable) {
        return Err(refuse(key, "a value that the runbook leaves open"));
    }
    set_value(profile, key, value)
}

/// The inputs of the workflow may turn out to be wrong only once main has another workflow file.
fn is_correctable(field: &Field) -> bool {
    field.need == Need::Release || field.key == "github.inputs"
}

fn refuse(key: &str, expected: &str) -> Failure {
    Failure::new(ErrorCode::BadInput, format!("use this value for {key}"))
        .because(format!("expected {expected}"))
        .with("field", key)
        .with("problem", format!("Expected {expected}."))
}
