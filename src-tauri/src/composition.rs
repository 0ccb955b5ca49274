//! The composition root: makes every part of a place, once.

use std::sync::Arc;

use greenlight_adapters::{data_lock::DataLock, ids::Uuids, journal_sqlite::SqliteJournal, spool::FileSpool};
use greenlight_engine::{redact::Redactor, release::Parts, spool::Spool};
use greenlight_types::{ErrorCode, Failure, Realm};
use tauri::AppHandle;

use crate::{
    access::Access,
    chosen_profile, confirmed_values,
    controller::{Controller, ControllerParts},
    history::History,
    identity::Identity,
    other_realm::OtherRealm,
    places::Place,
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
    pub journal: Arc<SqliteJournal>,
    _lock: DataLock,
}

/// The variable with which a debug build opens production, for the tests of the window.
const DEBUG_PRODUCTION: &str = "GREENLIGHT_DEBUG_PRODUCTION";

/// Whether this build opens a place. A debug build has an inspector of its page, and stops at
/// checks that a released build does not have.
fn may_open(realm: Realm, is_debug_build: bool, is_tested: bool) -> bool {
    realm == Realm::Practice || !is_debug_build || is_tested
}

/// Makes every part.
///
/// # Errors
/// A debug build is asked for production, another process uses the data folder, the profile is
/// invalid, or the simulator does not start.
pub async fn compose(place: &Place, handle: &AppHandle, redactor: &Arc<Redactor>) -> Result<Composition, Failure> {
    let is_tested = std::env::var_os(DEBUG_PRODUCTION).is_some();
    if !may_open(place.realm, cfg!(debug_assertions), is_tested) {
        return Err(Failure::new(ErrorCode::DebugBuild, "open production"));
    }
    let folder = &place.folder;
    let computer = computer();
    let lock = DataLock::take(folder, &computer)?;
    let journal = Arc::new(SqliteJournal::open(&folder.join("journal.sqlite")).await?);
    let chosen = chosen_profile::load(place, &journal).await?;
    confirmed_values::adopt(&journal, &chosen.profile.product).await?;
    let systems = Arc::new(Systems::new(place, chosen, redactor).await?);
    let window = Arc::new(Window::new(handle.clone()));
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
    let other_realm = OtherRealm::new(place.other_folder.as_deref());
    let history = History::new(Arc::clone(&journal), other_realm, spool, Arc::clone(&systems));
    tracing::info!(realm = ?place.realm, version = env!("CARGO_PKG_VERSION"), "ready");
    Ok(Composition { runs, history, access, settings, identity, systems, window, journal, _lock: lock })
}

/// The name of this computer.
pub fn computer() -> String {
    let found = std::env::var("COMPUTERNAME").or_else(|_| std::fs::read_to_string("/proc/sys/kernel/hostname"));
    let found = found.or_else(|error| {
        let output = std::process::Command::new("hostname").output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).map_err(|_| error)
    });
    let name = found.unwrap_or_default().trim().to_owned();
    if name.is_empty() { "this computer".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_test_opens_production_with_a_debug_build() {
        assert!(may_open(Realm::Practice, true, false));
        assert!(may_open(Realm::Production, false, false));
        assert!(may_open(Realm::Production, true, true));
        assert!(!may_open(Realm::Production, true, false));
    }
}
