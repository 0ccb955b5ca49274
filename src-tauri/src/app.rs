//! The window: opens it, keeps it on the page of the app, and starts the composition.

use std::{path::Path, process::ExitCode, sync::Arc};

use greenlight_engine::redact::Redactor;
use greenlight_types::Realm;
use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindowBuilder};

use crate::{
    args::Options,
    bindings, complain, composition, log_file, private_memory,
    startup::Startup,
    systems,
    ui_port::{MAIN, title},
};

/// Opens the window. Returns when it is closed.
pub fn open(mut options: Options) -> ExitCode {
    let folder = match composition::data_folder(&options) {
        Ok(folder) => folder,
        Err(failure) => {
            complain(&failure.to_string());
            return ExitCode::FAILURE;
        }
    };
    if let Some(file) = &options.scenario
        && let Err(failure) = systems::read_scenario(file)
    {
        complain(failure.params.get("problem").unwrap_or(&failure.to_string()));
        return ExitCode::FAILURE;
    }
    start_with_steady_webview();
    private_memory::protect();
    options.other_realm_folder = composition::other_realm_folder(&options);
    options.data_folder = Some(folder.clone());
    let redactor = Arc::new(Redactor::default());
    let _log_file = log_file::start(&folder, &redactor);
    let context = tauri::generate_context!();
    let ended = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(bindings::invoke_handler())
        .setup(move |app| {
            bindings::mount_events(app.handle());
            let realm = options.realm;
            app.manage(Startup::new(options, app.handle().clone(), redactor));
            main_window(app.handle(), realm, &folder)?;
            let handle = app.handle().clone();
            tauri::async_runtime::spawn(async move {
                if let Err(failure) = handle.state::<Startup>().ready().await {
                    complain(&failure.to_string());
                    tracing::error!(%failure, "the app cannot work yet");
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

/// The window never leaves the app's own page; other pages open in the browser (`open_page`).
fn is_own_page(url: &tauri::Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    match url.scheme() {
        "tauri" => host == "localhost",
        "http" | "https" => host == "tauri.localhost" && url.port().is_none(),
        _ => false,
    }
}

/// WebKitGTK draws nothing on some graphics drivers unless this variable is set before GTK starts.
/// Setting a variable of the own process is unsafe, so the program replaces itself with a new one.
/// Returns when that is not needed or failed.
#[cfg(target_os = "linux")]
fn start_with_steady_webview() {
    use std::os::unix::process::CommandExt as _;
    const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    // With the variable set, WebKitGTK 2.50 never answers a WebDriver request for a screenshot.
    if std::env::var_os(VARIABLE).is_some() || std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some() {
        return;
    }
    let Ok(program) = std::env::current_exe() else { return };
    let error = std::process::Command::new(program).args(std::env::args_os().skip(1)).env(VARIABLE, "1").exec();
    complain(&format!("failed to start once more with {VARIABLE}=1: {error}"));
}

#[cfg(not(target_os = "linux"))]
fn start_with_steady_webview() {}

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
