//! The program's own record: a file in the data directory, at INFO, for whoever looks into a fault. No environment
//! variable makes it say more: clients write secrets at finer levels.

use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing_appender::{
    non_blocking::WorkerGuard,
    rolling::{Builder, Rotation},
};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Days that are kept.
const DAYS: usize = 7;

/// Starts the record; it ends with the guard. Without a place for it the app goes on.
pub fn start(folder: &Path) -> Option<WorkerGuard> {
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("greenlight")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("greenlight", LevelFilter::INFO);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    tracing_subscriber::registry().with(levels).with(lines).try_init().ok()?;
    std::panic::set_hook(Box::new(|info| {
        // The payload may hold anything; the place is enough to find the fault.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault of the app itself");
    }));
    Some(guard)
}
