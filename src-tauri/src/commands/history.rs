//! The audit trail of a run as a document.

use greenlight_adapters::home;
use greenlight_types::RunId;
use tauri::{AppHandle, State};

use crate::{command_error::CommandResult, file_dialog, places::Places};

/// The run as Markdown.
#[tauri::command]
#[specta::specta]
pub async fn export_markdown(app: State<'_, Places>, run: RunId) -> CommandResult<String> {
    Ok(app.ready().await?.history.markdown(&run).await?)
}

/// Writes that document to a new file whose name ends in `.md`. Returns its full path.
#[tauri::command]
#[specta::specta]
pub async fn save_markdown(app: State<'_, Places>, run: RunId, path: String) -> CommandResult<String> {
    Ok(app.ready().await?.history.save_markdown(&run, &path).await?)
}

/// Lets the person name the file of a document. Null when they close the dialog.
#[tauri::command]
#[specta::specta]
pub async fn choose_document(handle: AppHandle, proposed: String) -> CommandResult<Option<String>> {
    let proposed = home::expand(&proposed);
    Ok(file_dialog::choose_document(&handle, "Save the document", &proposed, ("Markdown", "md")).await)
}
