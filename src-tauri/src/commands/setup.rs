//! The app itself: its information, the person, and values that a person confirms.

use greenlight_types::{Candidate, Names, SetupValue};
use tauri::State;

use crate::{browser, command_error::CommandResult, info::AppInfo, places::Places};

/// Information about the app. Fails with the cause when the app could not start.
#[tauri::command]
#[specta::specta]
pub async fn app_info(app: State<'_, Places>) -> CommandResult<AppInfo> {
    let app = app.ready().await?;
    Ok(AppInfo::read(&app.settings, &app.identity, &app.systems).await?)
}

/// Stores the name of the person at this computer.
#[tauri::command]
#[specta::specta]
pub async fn set_person(app: State<'_, Places>, name: String) -> CommandResult<()> {
    Ok(app.ready().await?.settings.set_person(&name).await?)
}

/// Stores a value that the runbook does not give, with person and time.
#[tauri::command]
#[specta::specta]
pub async fn confirm_value(app: State<'_, Places>, key: String, value: String) -> CommandResult<()> {
    Ok(app.ready().await?.settings.confirm_value(&key, &value).await?)
}

/// The values of the profile that a person confirms, with their confirmation.
#[tauri::command]
#[specta::specta]
pub async fn setup_values(app: State<'_, Places>) -> CommandResult<Vec<SetupValue>> {
    Ok(app.ready().await?.settings.setup_values().await?)
}

/// The values that outside systems propose for a field. Empty when no system lists them.
#[tauri::command]
#[specta::specta]
pub async fn setup_candidates(app: State<'_, Places>, key: String) -> CommandResult<Vec<Candidate>> {
    Ok(app.ready().await?.settings.candidates(&key).await?)
}

/// Every name derived from a version.
#[tauri::command]
#[specta::specta]
pub async fn derive_names(app: State<'_, Places>, version: String) -> CommandResult<Names> {
    Ok(app.ready().await?.settings.names(&version).await?)
}

/// Sets the speed of the practice clock.
#[tauri::command]
#[specta::specta]
pub async fn set_speed(app: State<'_, Places>, speed: u32) -> CommandResult<()> {
    Ok(app.ready().await?.systems.set_speed(speed).await?)
}

/// Opens a web page of the product in the browser of this computer.
#[tauri::command]
#[specta::specta]
pub async fn open_page(app: State<'_, Places>, url: String) -> CommandResult<()> {
    // Not the confirmed values: the page may change them.
    Ok(browser::open_page(app.ready().await?.systems.profile(), &url)?)
}
