//! The host keys of staging machines: those that a machine presents, and the one that a release of
//! this computer confirmed before.

use greenlight_types::{Confirmation, Failure, StagingMachine};
use serde::Serialize;
use specta::Type;

use crate::settings::Settings;

/// The fingerprints of a machine.
#[derive(Debug, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct HostKeys {
    /// Those that the machine presents, the one of the profile first.
    pub presented: Vec<String>,
    /// The one that an earlier release confirmed for this address.
    pub known: Option<KnownHostKey>,
}

/// A fingerprint that a release confirmed.
#[derive(Debug, PartialEq, Eq, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct KnownHostKey {
    pub fingerprint: String,
    pub confirmed: Confirmation,
}

/// The fingerprint that was confirmed last for this address.
pub async fn known(settings: &Settings, address: &str, port: u16) -> Result<Option<KnownHostKey>, Failure> {
    let setting = settings.get(&setting_key(address, port)).await?;
    Ok(setting.map(|setting| KnownHostKey {
        fingerprint: setting.value,
        confirmed: Confirmation { by: setting.by, at: setting.at },
    }))
}

/// Keeps the fingerprint of the machine with which Deploy started.
pub async fn remember(settings: &Settings, machine: &StagingMachine, by: &str) -> Result<(), Failure> {
    settings.set(&setting_key(&machine.address, machine.port), &machine.fingerprint, by).await
}

fn setting_key(address: &str, port: u16) -> String {
    format!("host-key.{address}:{port}")
}
