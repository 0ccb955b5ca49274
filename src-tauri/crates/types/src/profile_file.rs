//! A profile as a file: its origin, and the differences between two profiles.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Confirmation, CredentialKind};

/// Where the profile of a place comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ProfileOrigin {
    /// The profile of the runbook.
    BuiltIn,
    /// The file of the argument `--profile`.
    CommandLine { file: String },
    /// A copy of the file that a person chose in the window.
    Chosen { file: String, confirmed: Confirmation },
}

/// One difference between two profiles. A list or map has one difference for each row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ProfileDifference {
    /// Dotted name in the profile: `aws.cluster`, `github.inputs.level`.
    pub key: String,
    /// Meaning of the value, in plain words.
    pub label: String,
    /// Absent when the old profile does not have the row.
    pub old: Option<String>,
    /// Absent when the new profile does not have the row.
    pub new: Option<String>,
}

/// A profile file that a person chose, before it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ProfileFile {
    pub path: String,
    /// SHA-256 of the text that was read. The file is used only while it has this hash.
    pub hash: String,
    pub product: String,
    pub environment_name: String,
    /// Servers that the profile names, each once.
    pub servers: Vec<String>,
    /// AWS account of twelve digits.
    pub account: String,
    pub region: String,
    /// Whether product and environment are those of the present profile.
    pub is_same_product: bool,
    /// From the present profile to the one with this file, in the order of the file. Empty when the
    /// present profile cannot be read.
    pub differences: Vec<ProfileDifference>,
    /// Credentials that a person saves anew, because they belong to other servers.
    pub sign_in_anew: Vec<CredentialKind>,
}
