//! The first run of a computer.

use tauri::State;

use crate::{
    command_error::CommandResult,
    first_run::{self, FirstRun},
    places::Places,
};

/// Keeps the page of the first run. Null finishes it for good.
#[tauri::command]
#[specta::specta]
pub async fn keep_first_run(app: State<'_, Places>, first_run: Option<FirstRun>) -> CommandResult<()> {
    Ok(first_run::keep(app.ready().await?, first_run).await?)
}
