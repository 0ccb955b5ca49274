//! Credentials: save, test, remove. No command returns a saved secret.

use greenlight_adapters::home;
use greenlight_engine::ports::SecretText;
use greenlight_types::{CredentialKind, CredentialTest, CredentialView};
use tauri::{AppHandle, State};

use crate::{command_error::CommandResult, file_dialog, places::Places};

/// The three credentials without their secrets.
#[tauri::command]
#[specta::specta]
pub async fn list_credentials(app: State<'_, Places>) -> CommandResult<Vec<CredentialView>> {
    Ok(app.ready().await?.access.list().await?)
}

/// Saves the token for GitHub.
#[tauri::command]
#[specta::specta]
pub async fn save_github(app: State<'_, Places>, token: String) -> CommandResult<()> {
    // Wrap the token first, so that every path from here wipes it.
    let token = SecretText::new(token);
    Ok(app.ready().await?.access.save_github(token).await?)
}

/// Saves the AWS access key.
#[tauri::command]
#[specta::specta]
pub async fn save_aws(
    app: State<'_, Places>,
    key_id: String,
    secret: String,
    session: Option<String>,
) -> CommandResult<()> {
    let (secret, session) = (SecretText::new(secret), session.map(SecretText::new));
    Ok(app.ready().await?.access.save_aws(key_id, secret, session).await?)
}

/// Saves the path of the staging machine key, and its passphrase.
#[tauri::command]
#[specta::specta]
pub async fn save_staging_key(app: State<'_, Places>, path: String, passphrase: Option<String>) -> CommandResult<()> {
    let passphrase = passphrase.map(SecretText::new);
    Ok(app.ready().await?.access.save_staging_key(path, passphrase).await?)
}

/// Lets the person choose the key file for the staging machine. Null when they close the dialog.
#[tauri::command]
#[specta::specta]
pub async fn choose_key_file(handle: AppHandle) -> CommandResult<Option<String>> {
    Ok(file_dialog::choose_file(&handle, "Choose the staging machine key", &home::expand("~/.ssh")).await)
}

/// Tries a credential. Reads only.
#[tauri::command]
#[specta::specta]
pub async fn test_credential(app: State<'_, Places>, kind: CredentialKind) -> CommandResult<CredentialTest> {
    Ok(app.ready().await?.access.test(kind).await)
}

/// Removes a credential.
#[tauri::command]
#[specta::specta]
pub async fn remove_credential(app: State<'_, Places>, kind: CredentialKind) -> CommandResult<()> {
    Ok(app.ready().await?.access.remove(kind).await?)
}
