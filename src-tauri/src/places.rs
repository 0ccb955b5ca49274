//! The places of this window, practice and production. The page shows one of them; the runs of the
//! other one go on.
//!
//! Every command waits until the shown place is composed.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use greenlight_engine::redact::Redactor;
use greenlight_types::{ErrorCode, Failure, Realm, RunState};
use parking_lot::Mutex;
use serde::Serialize;
use specta::Type;
use tauri::{AppHandle, Manager as _};
use tokio::sync::OnceCell;

use crate::{
    args::{self, Options},
    chosen_profile,
    composition::{self, Composition},
    profile_files::ProfileFiles,
    ui_port::{MAIN, title},
};

/// Name of the file with the place that was shown last.
const SHOWN_LAST: &str = "shown-place";

/// Settings of one place.
pub struct Place {
    pub realm: Realm,
    pub folder: PathBuf,
    /// Data folder of the other place, to read. `None` when this window has one place.
    pub other_folder: Option<PathBuf>,
    /// A profile instead of the built-in one.
    pub profile: Option<PathBuf>,
    /// Clock speed of practice at the start.
    pub speed: u32,
    /// File with the troubles of a practice.
    pub scenario: Option<PathBuf>,
}

/// The places of a window, before it opens.
pub struct PlacePlan {
    /// Folder of the window's own files: log files, and the data of the web view.
    pub folder: PathBuf,
    pub places: Vec<Place>,
    /// The place to show first.
    pub shown: Realm,
}

impl PlacePlan {
    /// Decides the places from the arguments. Makes the folder, readable by this person only, when
    /// it is missing.
    ///
    /// # Errors
    /// `JournalFailed` when the computer names no home folder, or the folder cannot be made.
    pub fn new(options: Options) -> Result<Self, Failure> {
        let cannot = || Failure::new(ErrorCode::JournalFailed, "find a place for the record");
        let Some(folder) = &options.data_folder else {
            let folder = args::app_folder(|name| std::env::var_os(name)).ok_or_else(|| {
                cannot().because("this computer names no home folder").hint("Start it with --data-dir DIR.")
            })?;
            make_folder(&folder)?;
            let shown = options.realm.unwrap_or_else(|| shown_last(&folder));
            return Ok(Self { places: both(&folder, options), folder, shown });
        };
        let folder = std::path::absolute(folder).map_err(|error| cannot().because_of(&error))?;
        make_folder(&folder)?;
        let realm = options.realm.unwrap_or(Realm::Practice);
        let place = place(realm, folder.clone(), None, options);
        Ok(Self { folder, places: vec![place], shown: realm })
    }
}

fn both(folder: &Path, options: Options) -> Vec<Place> {
    let (practice, production) = (folder.join("practice"), folder.join("production"));
    vec![
        place(Realm::Practice, practice.clone(), Some(production.clone()), options.clone()),
        place(Realm::Production, production, Some(practice), options),
    ]
}

fn place(realm: Realm, folder: PathBuf, other_folder: Option<PathBuf>, options: Options) -> Place {
    let Options { profile, speed, scenario, .. } = options;
    Place { realm, folder, other_folder, profile, speed, scenario }
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| {
        Failure::new(ErrorCode::JournalFailed, "find a place for the record")
            .because_of(&error)
            .with("path", folder.display().to_string())
    })
}

/// The place that was shown last. Practice before the first choice of a person.
fn shown_last(folder: &Path) -> Realm {
    match std::fs::read_to_string(folder.join(SHOWN_LAST)).as_deref().map(str::trim) {
        Ok("production") => Realm::Production,
        Ok(_) | Err(_) => Realm::Practice,
    }
}

fn remember_shown(folder: &Path, realm: Realm) -> std::io::Result<()> {
    let word = match realm {
        Realm::Production => "production",
        Realm::Practice => "practice",
    };
    fs_err::write(folder.join(SHOWN_LAST), word)
}

/// The places that the page may show.
#[derive(Debug, Serialize, Type)]
pub struct PlaceList {
    pub shown: Realm,
    pub all: Vec<Realm>,
}

/// The places of this window.
pub struct Places {
    handle: AppHandle,
    folder: PathBuf,
    composed: Vec<Composed>,
    shown: Mutex<Realm>,
    /// Held while a profile is changed, so that two changes do not mix their files.
    profile_turn: tokio::sync::Mutex<()>,
}

struct Composed {
    place: Place,
    redactor: Arc<Redactor>,
    /// After a failure the next command composes again, so that "Try again" works after the other
    /// window was closed or the profile was corrected.
    composition: OnceCell<Composition>,
}

impl Places {
    /// Composes nothing yet. `redactors` has one redactor for each place, so that no secret of
    /// practice is replaced in production.
    pub fn new(plan: PlacePlan, redactors: Vec<Arc<Redactor>>, handle: AppHandle) -> Self {
        let PlacePlan { folder, places, shown } = plan;
        let composed = places
            .into_iter()
            .zip(redactors)
            .map(|(place, redactor)| Composed { place, redactor, composition: OnceCell::new() })
            .collect();
        Self { handle, folder, composed, shown: Mutex::new(shown), profile_turn: tokio::sync::Mutex::default() }
    }

    pub fn list(&self) -> PlaceList {
        PlaceList { shown: *self.shown.lock(), all: self.composed.iter().map(|one| one.place.realm).collect() }
    }

    /// Returns the composition of the shown place, or makes it.
    ///
    /// # Errors
    /// See [`composition::compose`].
    pub async fn ready(&self) -> Result<&Composition, Failure> {
        let shown = *self.shown.lock();
        self.compose(self.find(shown)?).await
    }

    /// The profile files of the shown place. While its chosen profile cannot be read, they work
    /// without a composition, so that a person can choose another one.
    ///
    /// # Errors
    /// See [`composition::compose`].
    pub async fn profile_files(&self) -> Result<ProfileFiles<'_>, Failure> {
        let shown = self.find(*self.shown.lock())?;
        match self.compose(shown).await {
            Ok(composition) => ProfileFiles::of(&shown.place, composition).await,
            Err(failure) if chosen_profile::is_choice_needed(&failure) => {
                ProfileFiles::alone(&shown.place, &composition::computer()).await
            }
            Err(failure) => Err(failure),
        }
    }

    /// Waits until no other command changes a profile.
    pub async fn profile_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.profile_turn.lock().await
    }

    /// Names the product of the shown place in the title, after it was changed.
    pub fn title_anew(&self) {
        let shown = *self.shown.lock();
        self.set_title(shown);
    }

    /// Continues the runs of the place that is not shown.
    pub async fn continue_hidden(&self) {
        let shown = *self.shown.lock();
        let Ok(history) = self.ready().await.map(|composition| &composition.history) else { return };
        let runs = history.list().await.unwrap_or_default();
        let is_under_way = |state| matches!(state, RunState::Preparing | RunState::Deploying | RunState::Checking);
        for hidden in self.composed.iter().filter(|one| one.place.realm != shown) {
            if runs.iter().any(|run| run.realm == hidden.place.realm && is_under_way(run.state))
                && let Err(failure) = self.compose(hidden).await
            {
                tracing::warn!(%failure, realm = ?hidden.place.realm, "its runs do not go on");
            }
        }
    }

    /// Shows a place: loads the page anew.
    ///
    /// # Errors
    /// `NotAllowedNow` when this window has one place. `Internal` when the page cannot be loaded.
    pub fn show(&self, realm: Realm) -> Result<(), Failure> {
        self.find(realm)?;
        let cannot = |error: &tauri::Error| Failure::new(ErrorCode::Internal, "show the other place").because_of(error);
        *self.shown.lock() = realm;
        if let Err(error) = remember_shown(&self.folder, realm) {
            tracing::warn!(%error, "the place is not remembered");
        }
        self.set_title(realm);
        match self.handle.get_webview_window(MAIN) {
            Some(main) => main.reload().map_err(|error| cannot(&error)),
            None => Ok(()),
        }
    }

    fn find(&self, realm: Realm) -> Result<&Composed, Failure> {
        self.composed.iter().find(|one| one.place.realm == realm).ok_or_else(|| {
            Failure::new(ErrorCode::NotAllowedNow, "show the other place")
                .because("this window was opened with a data folder of its own")
                .hint("Start Greenlight without --data-dir.")
        })
    }

    async fn compose<'a>(&self, one: &'a Composed) -> Result<&'a Composition, Failure> {
        let was_composed = one.composition.initialized();
        let make = || composition::compose(&one.place, &self.handle, &one.redactor);
        let composition = one.composition.get_or_try_init(make).await?;
        if !was_composed && *self.shown.lock() == one.place.realm {
            self.set_title(one.place.realm);
        }
        Ok(composition)
    }

    fn set_title(&self, realm: Realm) {
        let composition = self.find(realm).ok().and_then(|one| one.composition.get());
        let profile = composition.map(|composition| composition.systems.profile());
        if let Some(main) = self.handle.get_webview_window(MAIN)
            && let Err(error) = main.set_title(&title(realm, profile.as_ref()))
        {
            tracing::warn!(%error, "the title cannot be set");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(realm: Option<Realm>, data_folder: Option<PathBuf>) -> Options {
        Options { realm, profile: None, data_folder, speed: 1, scenario: None }
    }

    #[test]
    fn the_first_start_shows_practice_and_a_later_one_the_place_before() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(shown_last(folder.path()), Realm::Practice);
        for realm in [Realm::Production, Realm::Practice] {
            remember_shown(folder.path(), realm).expect("written");
            assert_eq!(shown_last(folder.path()), realm);
        }
        std::fs::write(folder.path().join(SHOWN_LAST), "moon").expect("written");
        assert_eq!(shown_last(folder.path()), Realm::Practice);
    }

    #[test]
    fn practice_and_production_never_share_a_folder() {
        let places = both(Path::new("app"), options(None, None));
        let [practice, production] = places.as_slice() else { panic!("two places") };
        assert_ne!(practice.realm, production.realm);
        assert!(!practice.folder.starts_with(&production.folder) && !production.folder.starts_with(&practice.folder));
        assert_eq!(practice.other_folder.as_ref(), Some(&production.folder));
        assert_eq!(production.other_folder.as_ref(), Some(&practice.folder));
    }

    #[test]
    fn a_window_with_a_data_folder_has_one_place() {
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("own");
        let plan = PlacePlan::new(options(Some(Realm::Production), Some(own.clone()))).expect("a plan");
        let [place] = plan.places.as_slice() else { panic!("one place") };
        assert_eq!((place.realm, &place.folder, &place.other_folder), (Realm::Production, &own, &None));
        assert!(own.is_dir() && plan.shown == Realm::Production);
    }
}
