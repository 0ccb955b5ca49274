//! The window: opens it, keeps it on the page of the app, and starts the composition.

use std::{path::Path, process::ExitCode, sync::Arc};

use greenlight_engine::redact::Redactor;
use greenlight_types::Realm;
use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindowBuilder};

use crate::{
    args::{self, Invocation, Options},
    bindings, complain, environment, log_file,
    places::{PlacePlan, Places},
    private_process, systems,
    ui_port::{MAIN, title},
};

/// Opens the window. Returns when it is closed.
pub fn open(options: Options) -> ExitCode {
    environment::start_clean();
    private_process::protect();
    let has_both_places = options.data_folder.is_none();
    if let Some(file) = &options.scenario
        && let Err(failure) = systems::read_scenario(file)
    {
        complain(failure.params.get("problem").unwrap_or(&failure.to_string()));
        return ExitCode::FAILURE;
    }
    let plan = match PlacePlan::new(options) {
        Ok(plan) => plan,
        Err(failure) => {
            complain(&failure.to_string());
            return ExitCode::FAILURE;
        }
    };
    let redactors: Vec<Arc<Redactor>> = plan.places.iter().map(|_| Arc::default()).collect();
    let _log_file = log_file::start(&plan.folder, &redactors);
    let context = tauri::generate_context!();
    let mut builder = tauri::Builder::default();
    // A window with a data folder of its own stands beside the others.
    if has_both_places {
        builder = builder.plugin(tauri_plugin_single_instance::init(|handle, arguments, _| {
            bring_forward(handle, arguments);
        }));
    }
    let ended = builder
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(bindings::invoke_handler())
        .setup(move |app| {
            bindings::mount_events(app.handle());
            let (shown, folder) = (plan.shown, plan.folder.clone());
            app.manage(Places::new(plan, redactors, app.handle().clone()));
            main_window(app.handle(), shown, &folder)?;
            let handle = app.handle().clone();
            tauri::async_runtime::spawn(async move {
                let places = handle.state::<Places>();
                match places.ready().await {
                    Ok(_) => places.continue_hidden().await,
                    Err(failure) => {
                        complain(&failure.to_string());
                        tracing::error!(%failure, "the app cannot work yet");
                    }
                }
            });
            Ok(())
        })
        .run(context);
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("failed to open the window: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn main_window(handle: &AppHandle, realm: Realm, folder: &Path) -> tauri::Result<()> {
    WebviewWindowBuilder::new(handle, MAIN, WebviewUrl::App("index.html".into()))
        .title(title(realm, None))
        .inner_size(1280.0, 860.0)
        .min_inner_size(900.0, 600.0)
        .data_directory(folder.join("webview"))
        .on_navigation(is_own_page)
        .on_new_window(|_, _| tauri::webview::NewWindowResponse::Deny)
        .build()?;
    Ok(())
}

/// A second start of the app ends at once; its window is this one. Shows the place that its
/// arguments ask for.
fn bring_forward(handle: &AppHandle, arguments: Vec<String>) {
    let asked = args::read(arguments.into_iter().skip(1).map(Into::into));
    let places = handle.try_state::<Places>();
    if let (Ok(Invocation::Window(Options { realm: Some(realm), .. })), Some(places)) = (asked, places)
        && places.list().shown != realm
        && let Err(failure) = places.show(realm)
    {
        tracing::warn!(%failure, "the place is not shown");
    }
    let Some(main) = handle.get_webview_window(MAIN) else { return };
    for done in [main.unminimize(), main.show(), main.set_focus()] {
        if let Err(error) = done {
            tracing::warn!(%error, "the window does not come forward");
        }
    }
}

/// The window never leaves the app's own page; other pages open in the browser (`open_page`).
fn is_own_page(url: &tauri::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "tauri" => host == "localhost",
        "http" | "https" => host == "tauri.localhost" && url.port().is_none(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_stays_on_the_page_of_the_app() {
        let allowed = |text: &str| is_own_page(&text.parse().expect(text));
        assert!(allowed("tauri://localhost/index.html") && allowed("http://tauri.localhost/"));
        for other in [
            "https://evil.org/",
            "tauri://evil/",
            "http://tauri.localhost.evil.org/",
            "http://tauri.localhost:81/",
            "file:///etc/passwd",
            "data:text/html,x",
            "about:blank",
        ] {
            assert!(!allowed(other), "{other}");
        }
    }
}
