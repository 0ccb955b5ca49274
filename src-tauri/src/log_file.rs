//! The log file of the app in the data folder, for finding faults. Its level is INFO and no
//! environment variable changes that: client libraries write secrets at finer levels.

use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{Builder, Rotation},
};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Number of daily files that are kept.
const FILES_MAX: usize = 7;

/// Starts the log file; dropping the guard ends it. `None` when the folder is not writable: the app
/// works without.
pub fn start(folder: &Path) -> Option<WorkerGuard> {
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("greenlight")
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("greenlight", LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    tracing_subscriber::registry().with(levels).with(lines).try_init().ok()?;
    std::panic::set_hook(Box::new(|info| {
        // Not the payload, which may hold a secret.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault of the app itself");
    }));
    Some(guard)
}
