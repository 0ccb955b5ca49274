//! The app itself: what it works on, who sits before it, values that a person confirms.

use greenlight_types::{Names, Profile, Realm, Timestamp, Unconfirmed};
use serde::Serialize;
use specta::Type;
use tauri::State;

use crate::{command_error::CommandResult, startup::Startup};

/// What the app works on.
#[derive(Debug, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AppInfo {
    /// Version of the app.
    pub version: String,
    /// Production or practice.
    pub realm: Realm,
    /// The profile, with the values that were confirmed on this computer.
    pub profile: Profile,
    /// The person's name, once given.
    pub person: Option<String>,
    /// This computer's name.
    pub computer: String,
    /// Product, account and region, for the band: "Rally · AWS account 6769 1700 1797 · us-east-1".
    pub band: String,
    /// Whether the profile names other endpoints than the services' own.
    pub custom_endpoints: bool,
    /// Values that a person still has to confirm.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Speed of the clock; 1 in production.
    pub speed: u32,
    /// Now, by that clock.
    pub now: Timestamp,
    /// Where the profile proposes to look for the staging machine key.
    pub proposed_key_file: String,
    /// Whether a file is there.
    pub key_file_found: bool,
}

/// What the app works on. Fails with the reason when the app could not start.
#[tauri::command]
#[specta::specta]
pub async fn app_info(app: State<'_, Startup>) -> CommandResult<AppInfo> {
    Ok(app.ready().await?.info().await?)
}

/// Keeps the person's name on this computer.
#[tauri::command]
#[specta::specta]
pub async fn set_person(app: State<'_, Startup>, name: String) -> CommandResult<()> {
    Ok(app.ready().await?.set_person(&name).await?)
}

/// Keeps a value that the runbook does not give, with person and time.
#[tauri::command]
#[specta::specta]
pub async fn confirm_value(app: State<'_, Startup>, key: String, value: String) -> CommandResult<()> {
    Ok(app.ready().await?.confirm_value(&key, &value).await?)
}

/// Every name of a version.
#[tauri::command]
#[specta::specta]
pub async fn derive_names(app: State<'_, Startup>, version: String) -> CommandResult<Names> {
    Ok(app.ready().await?.names(&version).await?)
}

/// Sets the speed of the practice clock.
#[tauri::command]
#[specta::specta]
pub async fn set_speed(app: State<'_, Startup>, speed: u32) -> CommandResult<()> {
    Ok(app.ready().await?.set_speed(speed).await?)
}

/// Opens a web page in the browser of this computer.
#[tauri::command]
#[specta::specta]
pub async fn open_page(app: State<'_, Startup>, url: String) -> CommandResult<()> {
    Ok(app.ready().await?.open_page(&url)?)
}
