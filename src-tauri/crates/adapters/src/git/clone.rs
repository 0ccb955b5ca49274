//! The app's own bare clone, and work on it on a thread for blocking work.

use std::path::Path;

use git2::{Config, ErrorCode as GitCode, Repository};
use greenlight_engine::ports::PortResult;
use greenlight_types::{ErrorCode, Failure};

use super::{leftovers, trouble};

/// Opens the clone, or makes it. It has the default settings of libgit2: git settings of the
/// computer or the person, such as filters, must not affect a release.
pub(super) fn open(path: &Path) -> PortResult<Repository> {
    let summary = "open the app's copy of the repository";
    leftovers::remove(path);
    let opened = match Repository::open_bare(path) {
        Err(error) if error.code() == GitCode::NotFound => Repository::init_bare(path),
        other => other,
    };
    let repo = opened.map_err(|error| trouble::local(summary, &error).with("path", path.display().to_string()))?;
    let none = Config::new().map_err(|error| trouble::local(summary, &error))?;
    repo.set_config(&none).map_err(|error| trouble::local(summary, &error))?;
    Ok(repo)
}

/// Runs `work` on the clone, on a thread for blocking work.
///
/// # Errors
/// The failure of `work`; `Internal` when the clone cannot be opened.
pub(super) async fn local<T, F>(path: &Path, work: F) -> PortResult<T>
where
    T: Send + 'static,
    F: FnOnce(&Repository) -> PortResult<T> + Send + 'static,
{
    let path = path.to_owned();
    ended(tokio::task::spawn_blocking(move || work(&open(&path)?)).await)
}

/// The result of work on another thread.
pub(super) fn ended<T>(joined: Result<PortResult<T>, tokio::task::JoinError>) -> PortResult<T> {
    joined.unwrap_or_else(|error| {
        Err(Failure::new(ErrorCode::Internal, "work on the copy of the repository").because(error))
    })
}
