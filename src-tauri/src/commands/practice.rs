//! The practice: its speed, what is to go wrong, and what is told afterwards. Refused where releases are real.

use greenlight_types::{Debrief, PracticeView, RunId, Trouble};
use tauri::State;

use crate::{command_error::CommandResult, startup::Startup};

/// The speed, and every trouble as it is now.
#[tauri::command]
#[specta::specta]
pub async fn practice_view(app: State<'_, Startup>) -> CommandResult<PracticeView> {
    Ok(app.ready().await?.systems.practice_view().await?)
}

/// Switches a trouble on, to happen once; or off, which also ends one that goes on.
#[tauri::command]
#[specta::specta]
pub async fn switch_trouble(app: State<'_, Startup>, trouble: Trouble, on: bool) -> CommandResult<PracticeView> {
    Ok(app.ready().await?.systems.switch_trouble(trouble, on).await?)
}

/// What went wrong in a practised release, what persons did, and how long it cost.
#[tauri::command]
#[specta::specta]
pub async fn debrief(app: State<'_, Startup>, run: RunId) -> CommandResult<Debrief> {
    Ok(app.ready().await?.history.debrief(&run).await?)
}
