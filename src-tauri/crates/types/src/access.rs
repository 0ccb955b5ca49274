//! Credentials as the Access page sees them. A saved secret is never part of a view.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{Failure, Timestamp};

/// The credentials of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum CredentialKind {
    /// A token for GitHub (git over HTTPS and REST).
    Github,
    /// An AWS access key.
    Aws,
    /// The person's private key for the staging machine.
    StagingKey,
}

/// One credential on the Access page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView {
    /// Which one.
    pub kind: CredentialKind,
    /// Whether it is saved.
    pub is_saved: bool,
    /// When it was saved.
    pub saved_at: Option<Timestamp>,
    /// Who saved it.
    pub saved_by: Option<String>,
    /// What may be shown of it: "ends in 1234", a key id, a path.
    pub shown: String,
    /// Where it is kept, in plain words.
    pub kept_in: String,
    /// What it is for.
    pub used_for: Vec<String>,
    /// A problem with the place where it is kept.
    pub problem: Option<Failure>,
}

/// Result of a test. Tests only read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CredentialTest {
    /// Whether everything needed works.
    pub works: bool,
    /// In plain words: "Works: signed in as build-bot."
    pub lines: Vec<String>,
    /// What went wrong.
    pub failure: Option<Failure>,
}
