//! The composition root: makes every part of the app from the arguments, once.

use std::{path::PathBuf, sync::Arc};

use greenlight_adapters::{data_lock::DataLock, ids::Uuids, journal_sqlite::SqliteJournal, spool::FileSpool};
use greenlight_engine::{redact::Redactor, release::Parts, spool::Spool};
use greenlight_types::{ErrorCode, Failure, Realm};
use tauri::AppHandle;

use crate::{
    access::Access,
    args::{self, Options},
    controller::{Controller, ControllerParts},
    history::History,
    identity::Identity,
    other_realm::OtherRealm,
    settings::Settings,
    systems::Systems,
    ui_port::Window,
};

/// The parts that the commands call.
pub struct Composition {
    pub runs: Arc<Controller>,
    pub history: History,
    pub access: Access,
    pub settings: Arc<Settings>,
    pub identity: Arc<Identity>,
    pub systems: Arc<Systems>,
    pub window: Arc<Window>,
    _lock: DataLock,
}

/// Makes every part.
///
/// # Errors
/// Another process uses the data folder, the profile is invalid, or the
/// simulator does not start.
pub async fn compose(options: &Options, handle: &AppHandle, redactor: &Arc<Redactor>) -> Result<Composition, Failure> {
    let folder = data_folder(options)?;
    let computer = computer();
    let lock = DataLock::take(&folder, &computer)?;
    let systems = Arc::new(Systems::new(options, &folder, redactor).await?);
    let journal = Arc::new(SqliteJournal::open(&folder.join("journal.sqlite")).await?);
    let window = Arc::new(Window::new(handle.clone()));
    window.set_title(options.realm, systems.profile());
    let spool: Arc<dyn Spool> = Arc::new(FileSpool::new(&folder.join("output")));
    let settings = Arc::new(Settings::new(Arc::clone(&journal), Arc::clone(&systems)));
    let identity = Arc::new(Identity::new(Arc::clone(&settings), computer));
    let runs = Controller::new(ControllerParts {
        systems: Arc::clone(&systems),
        settings: Arc::clone(&settings),
        identity: Arc::clone(&identity),
        parts: Parts {
            journal: journal.clone(),
            screen: window.clone(),
            spool: Arc::clone(&spool),
            clock: systems.clock(),
            ids: Arc::new(Uuids),
            redactor: Arc::clone(redactor),
        },
        window: Arc::clone(&window),
    });
    let access = Access {
        systems: Arc::clone(&systems),
        settings: Arc::clone(&settings),
        identity: Arc::clone(&identity),
        runs: Arc::clone(&runs),
    };
    let other_realm = OtherRealm::new(options.other_realm_folder.as_deref());
    let history = History::new(journal, other_realm, spool, Arc::clone(&systems));
    tracing::info!(realm = ?options.realm, version = env!("CARGO_PKG_VERSION"), "ready");
    Ok(Composition { runs, history, access, settings, identity, systems, window, _lock: lock })
}

/// The data folder. Makes it, readable by this person only, when it is missing.
///
/// # Errors
/// `JournalFailed` when the computer names no home folder, or the folder cannot be made.
pub fn data_folder(options: &Options) -> Result<PathBuf, Failure> {
    let cannot = || Failure::new(ErrorCode::JournalFailed, "find a place for the record");
    let folder = match &options.data_folder {
        Some(folder) => std::path::absolute(folder).map_err(|error| cannot().because_of(&error))?,
        None => args::default_data_folder(options.realm, |name| std::env::var_os(name)).ok_or_else(|| {
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

/// The data folder of the other realm. `None` for a window with a data folder of its own.
pub fn other_realm_folder(options: &Options) -> Option<PathBuf> {
    let other = match options.realm {
        Realm::Production => Realm::Practice,
        Realm::Practice => Realm::Production,
    };
    let is_default = options.data_folder.is_none();
    is_default.then(|| args::default_data_folder(other, |name| std::env::var_os(name))).flatten()
}

/// The name of this computer.
fn computer() -> String {
    let found = std::env::var("COMPUTERNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    let found = found.or_else(|error| {
        let output = std::process::Command::new("hostname").output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).map_err(|_| error)
    });
    let name = found.unwrap_or_default().trim().to_owned();
    if name.is_empty() { "this computer".to_owned() } else { name }
}
