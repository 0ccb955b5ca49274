//! What a person asks for when a release is started. Checked by the engine, never trusted.

use serde::{Deserialize, Serialize};
use specta::Type;

use crate::TakeOver;

/// What a person gives to start Deploy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct DeployRequest {
    /// Address of the staging machine.
    pub address: String,
    /// Its SSH port.
    pub port: u16,
    /// Fingerprint that the person confirmed, `SHA256:…`.
    pub fingerprint: String,
    /// Who was told that some pages may fail for about a minute.
    pub told: String,
    /// The version as the person typed it once more.
    pub typed_version: String,
    /// Ids of the differences from the day of Prepare that the person accepts.
    pub accepted_differences: Vec<String>,
    /// Set when the person takes the environment from the release that holds it.
    pub take_over: Option<TakeOver>,
}
