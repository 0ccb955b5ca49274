//! Requests of a person who starts a release. The engine checks them.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{FingerprintSource, StepId, TakeOver};

/// The entries of the form that starts Deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DeployRequest {
    /// Address of the staging machine.
    pub address: String,
    pub port: u16,
    /// Fingerprint that the person confirmed, `SHA256:…`.
    pub fingerprint: String,
    pub known_by: FingerprintSource,
    /// The people who were warned that some pages may fail for about a minute.
    pub told: String,
    /// The version, typed once more as a check.
    pub typed_version: String,
    /// Ids of the differences from the day of Prepare that the person accepts.
    pub accepted_differences: Vec<String>,
    /// Set when the person takes the environment lock from another release.
    pub take_over: Option<TakeOver>,
}

/// A person's correction of a value of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct ValueCorrection {
    /// Dotted name in the profile: `aws.cluster`.
    pub key: String,
    pub value: String,
    /// Required. It is kept with the person's name.
    pub reason: String,
    /// Whether later runs of this computer use the value too.
    pub is_for_later_runs: bool,
}

/// A person's order to stop the script of a backup or a migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct StopScriptRequest {
    pub step: StepId,
    /// Number of the attempt that the person watches.
    pub attempt: u32,
    /// Kill the script. Allowed after an order that it survived.
    pub is_forced: bool,
    /// The version, typed by the person. Required for the migration (INV-D6).
    pub typed: String,
    /// Note of the person. Required.
    pub note: String,
}
