//! The log file of the app in the data folder, for finding faults. Its level is INFO and no
//! environment variable changes that: client libraries write secrets at finer levels. Every line is
//! cleaned before it is written.

use std::{io, path::Path, sync::Arc};

use greenlight_engine::redact::Redactor;
use tracing::level_filters::LevelFilter;
use tracing_appender::{
    non_blocking::{NonBlocking, WorkerGuard},
    rolling::{Builder, Rotation},
};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _};

/// Number of daily files that are kept.
const FILES_MAX: usize = 7;

/// Starts the log file; dropping the guard ends it. Every redactor cleans each line. `None` when
/// the folder is not writable: the app works without.
pub fn start(folder: &Path, redactors: &[Arc<Redactor>]) -> Option<WorkerGuard> {
    let file = Builder::new()
        .rotation(Rotation::DAILY)
        .filename_prefix("greenlight")
        .filename_suffix("log")
        .max_log_files(FILES_MAX)
        .build(folder)
        .ok()?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let levels = Targets::new().with_default(LevelFilter::WARN).with_target("greenlight", LevelFilter::INFO);
    let redactors = redactors.to_vec();
    let cleaned = move || CleanWriter { inner: writer.clone(), redactors: redactors.clone() };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(cleaned);
    tracing_subscriber::registry().with(levels).with(lines).try_init().ok()?;
    std::panic::set_hook(Box::new(|info| {
        // Not the payload, which may hold a secret.
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "a fault of the app itself");
    }));
    Some(guard)
}

/// Cleans each event of the log, which arrives in one piece.
struct CleanWriter<W = NonBlocking> {
    inner: W,
    redactors: Vec<Arc<Redactor>>,
}

impl<W: io::Write> io::Write for CleanWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Bytes that are no text cannot be cleaned, and are not written.
        let clean = match std::str::from_utf8(bytes) {
            Ok(text) => self.redactors.iter().fold(text.to_owned(), |line, one| one.text(&line).into_string()),
            Err(_) => "(a line that is no text)\n".to_owned(),
        };
        self.inner.write_all(clean.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn writes_no_secret_and_nothing_that_is_no_text() {
        let redactors = [("GitHub token", "canary-4711"), ("AWS secret", "canary-4712")].map(|(label, secret)| {
            let redactor = Arc::new(Redactor::default());
            redactor.add(label, secret);
            redactor
        });
        let mut writer = CleanWriter { inner: Vec::new(), redactors: redactors.to_vec() };
        writer.write_all(b"sent canary-4711 and canary-4712, password: hunter2\n").expect("written");
        writer.write_all(b"canary-4711 \xff\n").expect("written");
        let kept = String::from_utf8(writer.inner).expect("text");
        assert_eq!(kept, "sent [GitHub token] and [AWS secret], password: [password]\n(a line that is no text)\n");
    }
}
