//! The places of the window: practice and production.

use greenlight_types::Realm;
use tauri::State;

use crate::{
    command_error::CommandResult,
    places::{PlaceList, Places},
};

/// The places of this window, and the one that the page shows.
#[tauri::command]
#[specta::specta]
pub fn list_places(app: State<'_, Places>) -> CommandResult<PlaceList> {
    Ok(app.list())
}

/// Shows a place. The page is loaded anew.
#[tauri::command]
#[specta::specta]
pub fn show_place(app: State<'_, Places>, realm: Realm) -> CommandResult<()> {
    Ok(app.show(realm)?)
}
