//! The plan of a whole release.

use greenlight_types::{PlanSubject, ReleasePlan};
use tauri::State;

use crate::{command_error::CommandResult, documents, places::Places};

/// Every step of a release in order, with its values, before Prepare and at any time later. Asks no
/// outside system.
#[tauri::command]
#[specta::specta]
pub async fn release_plan(app: State<'_, Places>, subject: PlanSubject) -> CommandResult<ReleasePlan> {
    Ok(documents::plan(app.ready().await?, &subject).await?)
}

/// Writes the plan as Markdown to a new file whose name ends in `.md`. Returns its full path.
#[tauri::command]
#[specta::specta]
pub async fn save_plan(app: State<'_, Places>, subject: PlanSubject, path: String) -> CommandResult<String> {
    Ok(documents::save_plan(app.ready().await?, &subject, &path).await?)
}
