//! The file dialogs of the system. The page gets the chosen path, and has no dialog of its own.

use std::path::Path;

use tauri::{AppHandle, Manager as _};
use tauri_plugin_dialog::{DialogExt as _, FileDialogBuilder, FilePath};
use tokio::sync::oneshot;

use crate::ui_port::MAIN;

/// The file that the person chooses. `None` when the dialog was closed without one.
pub async fn choose_file(handle: &AppHandle, title: &str, folder: &Path) -> Option<String> {
    let (sent, chosen) = oneshot::channel();
    dialog(handle, title).set_directory(folder).pick_file(|file| {
        let _ = sent.send(file);
    });
    path_of(chosen.await.ok()??)
}

/// The new file that the person names, for a document. `kind` has the name and the ending of its
/// kind. `None` when the dialog was closed without one.
pub async fn choose_document(handle: &AppHandle, title: &str, proposed: &Path, kind: (&str, &str)) -> Option<String> {
    let (sent, chosen) = oneshot::channel();
    let mut dialog = dialog(handle, title).add_filter(kind.0, &[kind.1]);
    if let Some(folder) = proposed.parent() {
        dialog = dialog.set_directory(folder);
    }
    if let Some(name) = proposed.file_name() {
        dialog = dialog.set_file_name(name.to_string_lossy());
    }
    dialog.save_file(|file| {
        let _ = sent.send(file);
    });
    path_of(chosen.await.ok()??)
}

fn dialog(handle: &AppHandle, title: &str) -> FileDialogBuilder<tauri::Wry> {
    let dialog = handle.dialog().file().set_title(title);
    match handle.get_webview_window(MAIN) {
        Some(window) => dialog.set_parent(&window),
        None => dialog,
    }
}

fn path_of(file: FilePath) -> Option<String> {
    file.into_path().ok().map(|path| path.display().to_string())
}
