//! The practice: clock speed, troubles and debrief. Refused in production.

use greenlight_types::{Debrief, PracticeView, RunId, Trouble};
use tauri::State;

use crate::{command_error::CommandResult, places::Places};

/// The speed and the state of every trouble.
#[tauri::command]
#[specta::specta]
pub async fn practice_view(app: State<'_, Places>) -> CommandResult<PracticeView> {
    Ok(app.ready().await?.systems.practice_view().await?)
}

/// Switches a trouble on, to happen once, or off. Off also ends a trouble that happens now.
#[tauri::command]
#[specta::specta]
pub async fn switch_trouble(app: State<'_, Places>, trouble: Trouble, on: bool) -> CommandResult<PracticeView> {
    Ok(app.ready().await?.systems.switch_trouble(trouble, on).await?)
}

/// The troubles of a practised release, the acts of persons, and the delay.
#[tauri::command]
#[specta::specta]
pub async fn debrief(app: State<'_, Places>, run: RunId) -> CommandResult<Debrief> {
    Ok(app.ready().await?.history.debrief(&run).await?)
}
