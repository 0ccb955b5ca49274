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
    Aws,
    /// The person's private key for the staging machine.
    StagingKey,
}

/// One credential on the Access page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct CredentialView {
    pub kind: CredentialKind,
    pub is_saved: bool,
    pub saved_at: Option<Timestamp>,
    pub saved_by: Option<String>,
    /// The part that may be shown: "ends in 1234", a key id, a path.
    pub shown: String,
    /// The store that keeps it, in plain words: a keychain or a file.
    pub kept_in: String,
    /// The servers that get the credential.
    pub sent_to: String,
    /// The uses of the credential, in plain words.
    pub used_for: Vec<String>,
    /// A problem with the store, for example a locked keychain.
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
    /// The first failure; `None` when everything works.
    pub failure: Option<Failure>,
}
