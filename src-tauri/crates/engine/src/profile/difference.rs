//! The differences between two profiles, in the order of the file. Empty exactly for equal
//! profiles.

use std::{borrow::Cow, collections::BTreeSet};

use greenlight_types::{Profile, ProfileDifference};
use similar::{Algorithm, capture_diff_slices};

use super::{
    fields,
    file_keys::{FIELDS, Field, Value},
};

/// Every row in which the profiles differ.
#[must_use]
pub fn difference(old: &Profile, new: &Profile) -> Vec<ProfileDifference> {
    FIELDS.iter().flat_map(|field| of_field(field, rows(&(field.get)(old)), rows(&(field.get)(new)))).collect()
}

/// The rows of one value.
enum Rows {
    /// One row or none, or the rows of a list.
    Listed(Vec<String>),
    /// The rows of a map, by key.
    Keyed(Vec<(String, String)>),
}

fn rows(value: &Value<'_>) -> Rows {
    match value {
        Value::Text(text) => Rows::Listed(vec![(*text).to_owned()]),
        Value::Number(number) => Rows::Listed(vec![number.to_string()]),
        Value::Flag(flag) => Rows::Listed(vec![if *flag { "yes" } else { "no" }.to_owned()]),
        Value::MaybeText(text) => Rows::Listed(text.iter().map(|text| (*text).to_owned()).collect()),
        Value::MaybeNumber(number) => Rows::Listed(number.iter().map(ToString::to_string).collect()),
        Value::Section(is_there) => Rows::Listed(is_there.then(|| "yes".to_owned()).into_iter().collect()),
        Value::Texts(texts) => Rows::Listed(texts.to_vec()),
        // An id has no space, so two checks never give the same row.
        Value::Checks(checks) => {
            Rows::Listed(checks.iter().map(|check| format!("{}: {}", check.id, check.text)).collect())
        }
        Value::Map(map) => Rows::Keyed(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        Value::People(people) => {
            Rows::Keyed(people.iter().map(|(step, person)| (step.name().to_owned(), person.clone())).collect())
        }
        Value::Minutes(minutes) => Rows::Keyed(
            minutes.iter().map(|(step, (low, high))| (step.name().to_owned(), format!("{low} to {high}"))).collect(),
        ),
    }
}

fn of_field(field: &Field, old: Rows, new: Rows) -> Vec<ProfileDifference> {
    let row = |key: Cow<'_, str>, old: Option<&String>, new: Option<&String>| ProfileDifference {
        key: key.into_owned(),
        // Setup and this table name a value in the same words.
        label: fields::field(field.key).map_or(field.label, |shown| shown.label).to_owned(),
        old: old.cloned(),
        new: new.cloned(),
    };
    match (old, new) {
        (Rows::Listed(old), Rows::Listed(new)) => {
            pairs(&old, &new).into_iter().map(|(old, new)| row(field.key.into(), old, new)).collect()
        }
        (Rows::Keyed(old), Rows::Keyed(new)) => {
            let mut seen = BTreeSet::new();
            let keys = new.iter().chain(&old).map(|(key, _)| key).filter(|key| seen.insert(key.as_str()));
            keys.map(|key| row(format!("{}.{key}", field.key).into(), find(&old, key), find(&new, key)))
                .filter(|row| row.old != row.new)
                .collect()
        }
        // One field has the same kind of rows in each profile.
        (Rows::Listed(_), Rows::Keyed(_)) | (Rows::Keyed(_), Rows::Listed(_)) => Vec::new(),
    }
}

fn find<'a>(rows: &'a [(String, String)], key: &str) -> Option<&'a String> {
    rows.iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

/// Rows that differ, as old and new. A row that was inserted does not change the rows after it.
fn pairs<'a>(old: &'a [String], new: &'a [String]) -> Vec<(Option<&'a String>, Option<&'a String>)> {
    let changes = capture_diff_slices(Algorithm::Myers, old, new);
    let differ = changes.iter().filter(|change| change.tag() != similar::DiffTag::Equal);
    differ
        .flat_map(|change| {
            let (olds, news) = (change.old_range(), change.new_range());
            let most = olds.len().max(news.len());
            (0..most).map(move |at| {
                (olds.clone().nth(at).and_then(|at| old.get(at)), news.clone().nth(at).and_then(|at| new.get(at)))
            })
        })
        .collect()
}
