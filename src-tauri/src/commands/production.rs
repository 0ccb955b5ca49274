//! Production as it is now.

use greenlight_types::ProductionNow;
use tauri::State;

use crate::{command_error::CommandResult, places::Places, production};

/// Servers and site as they are now, read without a run.
#[tauri::command]
#[specta::specta]
pub async fn production_now(app: State<'_, Places>) -> CommandResult<ProductionNow> {
    let app = app.ready().await?;
    Ok(production::read(&app.settings, &app.systems).await?)
}
