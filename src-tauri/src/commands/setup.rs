//! The app itself: its information, the person, and values that a person confirms.

use greenlight_types::{Candidates, Names, SetupGroup, SetupValue};
use tauri::State;

use crate::{browser, command_error::CommandResult, first_run, info::AppInfo, places::Places, setup};

/// Information about the app. Fails with the cause when the app could not start.
#[tauri::command]
#[specta::specta]
pub async fn app_info(app: State<'_, Places>) -> CommandResult<AppInfo> {
    let app = app.ready().await?;
    Ok(AppInfo::read(app).await?)
}

/// Stores the name of the person at this computer.
#[tauri::command]
#[specta::specta]
pub async fn set_person(app: State<'_, Places>, name: String) -> CommandResult<()> {
    let app = app.ready().await?;
    first_run::begin(app, &name).await?;
    Ok(app.settings.set_person(&name).await?)
}

/// Stores a value of the profile, with person and time.
#[tauri::command]
#[specta::specta]
pub async fn confirm_value(app: State<'_, Places>, key: String, value: String) -> CommandResult<()> {
    Ok(app.ready().await?.settings.confirm_value(&key, &value).await?)
}

/// The values of the profile, each with its confirmation and its last test.
#[tauri::command]
#[specta::specta]
pub async fn setup_values(app: State<'_, Places>) -> CommandResult<Vec<SetupValue>> {
    Ok(setup::values(&app.ready().await?.settings).await?)
}

/// The values that outside systems propose for a field. Empty when no system lists them.
#[tauri::command]
#[specta::specta]
pub async fn setup_candidates(app: State<'_, Places>, key: String) -> CommandResult<Candidates> {
    let app = app.ready().await?;
    Ok(setup::candidates(&app.settings, &app.systems, &key).await?)
}

/// Tests the values of a group against the systems that they name. Returns all values.
#[tauri::command]
#[specta::specta]
pub async fn test_setup(app: State<'_, Places>, group: SetupGroup) -> CommandResult<Vec<SetupValue>> {
    let app = app.ready().await?;
    Ok(setup::test(&app.settings, &app.systems, group).await?)
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
    Ok(browser::open_page(&app.ready().await?.systems.profile(), &url)?)
}
