//! The app itself: what it works on, who sits before it, values that a person confirms.

use greenlight_types::Names;
use tauri::State;

use crate::{browser, command_error::CommandResult, info::AppInfo, startup::Startup};

/// What the app works on. Fails with the reason when the app could not start.
#[tauri::command]
#[specta::specta]
pub async fn app_info(app: State<'_, Startup>) -> CommandResult<AppInfo> {
    let app = app.ready().await?;
    Ok(AppInfo::read(&app.settings, &app.identity, &app.systems).await?)
}

/// Keeps the person's name on this computer.
#[tauri::command]
#[specta::specta]
pub async fn set_person(app: State<'_, Startup>, name: String) -> CommandResult<()> {
    Ok(app.ready().await?.settings.set_person(&name).await?)
}

/// Keeps a value that the runbook does not give, with person and time.
#[tauri::command]
#[specta::specta]
pub async fn confirm_value(app: State<'_, Startup>, key: String, value: String) -> CommandResult<()> {
    Ok(app.ready().await?.settings.confirm_value(&key, &value).await?)
}

/// Every name of a version.
#[tauri::command]
#[specta::specta]
pub async fn derive_names(app: State<'_, Startup>, version: String) -> CommandResult<Names> {
    Ok(app.ready().await?.settings.names(&version).await?)
}

/// Sets the speed of the practice clock.
#[tauri::command]
#[specta::specta]
pub async fn set_speed(app: State<'_, Startup>, speed: u32) -> CommandResult<()> {
    Ok(app.ready().await?.systems.set_speed(speed).await?)
}

/// Opens a web page in the browser of this computer.
#[tauri::command]
#[specta::specta]
pub async fn open_page(app: State<'_, Startup>, url: String) -> CommandResult<()> {
    app.ready().await?;
    Ok(browser::open_page(&url)?)
}
