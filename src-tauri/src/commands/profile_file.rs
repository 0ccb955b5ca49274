//! The profile as a file: used from a colleague, given to a colleague.

use greenlight_adapters::home;
use greenlight_types::ProfileFile;
use tauri::{AppHandle, State};

use crate::{command_error::CommandResult, file_dialog, places::Places};

/// Lets the person choose a profile file. Null when they close the dialog.
#[tauri::command]
#[specta::specta]
pub async fn choose_profile_file(handle: AppHandle) -> CommandResult<Option<String>> {
    Ok(file_dialog::choose_file(&handle, "Choose a setup file", &home::expand("~/")).await)
}

/// Lets the person name the file for a colleague. Null when they close the dialog.
#[tauri::command]
#[specta::specta]
pub async fn choose_profile_copy(handle: AppHandle, proposed: String) -> CommandResult<Option<String>> {
    let (title, proposed) = ("Save this setup for a colleague", home::expand(&proposed));
    Ok(file_dialog::choose_document(&handle, title, &proposed, ("TOML", "toml")).await)
}

/// Reads a profile file and compares it with the present profile. Changes nothing.
#[tauri::command]
#[specta::specta]
pub async fn read_profile_file(app: State<'_, Places>, path: String) -> CommandResult<ProfileFile> {
    Ok(app.profile_files().await?.read(&path).await?)
}

/// Uses a profile file for later releases. `hash` is the one that was shown.
#[tauri::command]
#[specta::specta]
pub async fn use_profile_file(app: State<'_, Places>, path: String, hash: String) -> CommandResult<()> {
    let _turn = app.profile_turn().await;
    app.profile_files().await?.use_file(&path, &hash).await?;
    app.title_anew();
    Ok(())
}

/// Uses the built-in profile for later releases.
#[tauri::command]
#[specta::specta]
pub async fn use_built_in_profile(app: State<'_, Places>) -> CommandResult<()> {
    let _turn = app.profile_turn().await;
    app.profile_files().await?.use_built_in().await?;
    app.title_anew();
    Ok(())
}

/// Writes the profile with the confirmed values to a new file. Returns its full path.
#[tauri::command]
#[specta::specta]
pub async fn export_profile(app: State<'_, Places>, path: String) -> CommandResult<String> {
    Ok(app.profile_files().await?.export(&path)?)
}
