//! The Setup page: the values of the profile, proposals for them, and their tests.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::Timestamp;

/// Groups in the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum SetupGroup {
    Code,
    Aws,
    Machine,
    Database,
    Site,
    People,
}

impl SetupGroup {
    /// Every group, in the order of the page.
    pub const ALL: [Self; 6] = [Self::Code, Self::Aws, Self::Machine, Self::Database, Self::Site, Self::People];
}

/// A value of the profile on the Setup page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct SetupValue {
    /// Dotted name in the profile: `aws.cluster`.
    pub key: String,
    pub group: SetupGroup,
    /// Meaning of the value, in plain words.
    pub label: String,
    /// Why a release needs the value, or why the app cannot know it.
    pub why: String,
    /// The value that counts now; empty while none is known. A list has one entry per line.
    pub value: String,
    pub is_list: bool,
    /// Whether a release is impossible without it.
    pub is_needed: bool,
    /// Whether Setup writes it. Another profile file changes the others.
    pub is_editable: bool,
    /// Whether a test against an outside system exists.
    pub has_test: bool,
    /// Who confirmed it on this computer. Absent for a value of the profile file.
    pub confirmed: Option<Confirmation>,
    /// The last test of this value. Absent when none was made since it changed.
    pub test: Option<ValueTest>,
}

/// The person who confirmed a value, and the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    pub by: String,
    pub at: Timestamp,
}

/// Result of the test of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum TestVerdict {
    /// The outside system has an object of this name, or a text that fits this pattern.
    Right,
    /// The outside system answered, and has none.
    Wrong,
    /// No test is possible, or the system did not answer.
    NotChecked,
}

/// A test of a value against the system that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ValueTest {
    pub verdict: TestVerdict,
    /// The result in a few words.
    pub sentence: String,
    pub at: Timestamp,
}

/// A value that an outside system proposes for a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    pub value: String,
    /// Where it comes from, in plain words.
    pub detail: String,
    /// Whether it fits the other values of the profile best. At most one of a list.
    pub is_recommended: bool,
}

/// Proposals for a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Candidates {
    /// The system that lists them: `AWS`. Empty when no system lists values of this field.
    pub source: String,
    pub found: Vec<Candidate>,
}
