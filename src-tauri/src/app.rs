//! The composition root: arguments, window, profile, adapters, journal, controller.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use greenlight_adapters::{data_lock::DataLock, ids::Uuids, journal_sqlite::SqliteJournal, spool::FileSpool};
use greenlight_engine::{redact::Redactor, release::Parts};
use greenlight_types::{ErrorCode, Failure, Profile, Realm};
use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindowBuilder};

use crate::{
    args::{self, Options},
    beside::Beside,
    bindings, complain,
    controller::{Controller, Made},
    guard::{CleanJournal, CleanScreen, CleanSpool},
    record,
    startup::Startup,
    ui_port::Window,
    world::{self, World},
};

/// The window's label, as the capability file names it.
const MAIN: &str = "main";

/// Opens the window and stays until it is closed.
pub fn open(mut options: Options) -> ExitCode {
    let folder = match data_dir(&options) {
        Ok(folder) => folder,
        Err(failure) => {
            complain(&failure.to_string());
            return ExitCode::FAILURE;
        }
    };
    if let Some(file) = &options.scenario
        && let Err(failure) = world::read_scenario(file)
    {
        complain(failure.params.get("problem").unwrap_or(&failure.to_string()));
        return ExitCode::FAILURE;
    }
    start_with_steady_webview();
    options.beside = beside(&options);
    options.data_dir = Some(folder.clone());
    let _record = record::start(&folder);
    let context = tauri::generate_context!();
    let ended = tauri::Builder::default()
        .plugin(tauri_plugin_dialog::init())
        .invoke_handler(bindings::invoke_handler())
        .setup(move |app| {
            bindings::mount_events(app.handle());
            let realm = options.realm;
            app.manage(Startup::new(options, app.handle().clone()));
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

/// Makes everything that the commands need.
///
/// # Errors
/// Why the app cannot work: the data is open elsewhere, the profile is bad, the pretend production does not start.
pub async fn compose(options: &Options, handle: &AppHandle) -> Result<Arc<Controller>, Failure> {
    let folder = data_dir(options)?;
    let computer = computer();
    let lock = DataLock::take(&folder, &computer)?;
    let redactor = Arc::new(Redactor::default());
    let world = World::make(options, &folder, &redactor).await?;
    let journal = Arc::new(SqliteJournal::open(&folder.join("journal.sqlite")).await?);
    let window = Arc::new(Window::new(handle.clone()));
    let spool = Arc::new(FileSpool::new(&folder.join("output")));
    let parts = Parts {
        journal: Arc::new(CleanJournal { inner: journal.clone(), redactor: Arc::clone(&redactor) }),
        screen: Arc::new(CleanScreen::new(window.clone(), Arc::clone(&redactor))),
        spool: Arc::new(CleanSpool::new(spool, Arc::clone(&redactor))),
        clock: world.clock(),
        ids: Arc::new(Uuids),
    };
    if let Some(main) = handle.get_webview_window(MAIN)
        && let Err(error) = main.set_title(&title(options.realm, Some(world.profile())))
    {
        tracing::warn!(%error, "the title cannot be set");
    }
    tracing::info!(realm = ?options.realm, version = env!("CARGO_PKG_VERSION"), "ready");
    let beside = Beside::new(options.beside.as_deref());
    Ok(Controller::new(Made { world, journal, beside, parts, window, redactor, computer, lock }))
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

/// PRODUCTION or PRACTICE stands first, where a narrow title bar still shows it (RELEASE.md 9).
fn title(realm: Realm, profile: Option<&Profile>) -> String {
    let word = match realm {
        Realm::Production => "PRODUCTION",
        Realm::Practice => "PRACTICE",
    };
    let product = profile.map(|profile| format!(" · {}", profile.product.name)).unwrap_or_default();
    let account = match (realm, profile) {
        (Realm::Production, Some(profile)) => format!(" · AWS account {}", profile.aws.account),
        (Realm::Production, None) | (Realm::Practice, _) => String::new(),
    };
    format!("{word}{product}{account} · Greenlight")
}

/// Where the record is kept; made when it is missing, for this person only.
fn data_dir(options: &Options) -> Result<PathBuf, Failure> {
    let cannot = || Failure::new(ErrorCode::JournalFailed, "find a place for the record");
    let folder = match &options.data_dir {
        Some(folder) => std::path::absolute(folder).map_err(|error| cannot().because_of(&error))?,
        None => args::usual_data_dir(options.realm, |name| std::env::var_os(name)).ok_or_else(|| {
            cannot().because("this computer names no home folder").hint("Start it with --data-dir DIR.")
        })?,
    };
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(&folder).map_err(|error| cannot().because_of(&error).with("path", folder.display().to_string()))?;
    Ok(folder)
}

/// Where the other of production and practice keeps its record; nowhere for a window with a place of its own.
fn beside(options: &Options) -> Option<PathBuf> {
    let other = match options.realm {
        Realm::Production => Realm::Practice,
        Realm::Practice => Realm::Production,
    };
    let is_usual = options.data_dir.is_none();
    is_usual.then(|| args::usual_data_dir(other, |name| std::env::var_os(name))).flatten()
}

fn computer() -> String {
    let said = std::env::var("COMPUTERNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    let said = said.or_else(|error| {
        let asked = std::process::Command::new("hostname").output();
        asked.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).map_err(|_| error)
    });
    let name = said.unwrap_or_default().trim().to_owned();
    if name.is_empty() { "this computer".to_owned() } else { name }
}

/// WebKitGTK draws nothing on some graphics drivers unless told not to use DMA buffers. The variable has to be there
/// before GTK starts, and setting one's own environment is unsafe: the program starts itself once more with it.
/// Returns only when that is not needed or failed.
#[cfg(target_os = "linux")]
fn start_with_steady_webview() {
    use std::os::unix::process::CommandExt as _;
    const VARIABLE: &str = "WEBKIT_DISABLE_DMABUF_RENDERER";
    // WebKitGTK 2.50 never answers a driver's request for a picture when it is set.
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
    fn the_window_never_leaves_the_page_of_the_app() {
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

    #[test]
    fn the_title_says_first_where_the_release_acts() {
        assert!(title(Realm::Production, None).starts_with("PRODUCTION"));
        assert!(title(Realm::Practice, None).starts_with("PRACTICE"));
    }
}
