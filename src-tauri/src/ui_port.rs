//! The engine's port `Screen`: hints as events of Tauri, output lines in batches over channels.
//! Both may lose messages when the page is slow, because the journal and the spool have everything.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use greenlight_engine::ports::Screen;
use greenlight_types::{LineSource, Lines, Live, LogLine, Profile, Realm, RunId};
use parking_lot::Mutex;
use tauri::{AppHandle, ipc::Channel};
use tokio::sync::{Notify, mpsc};

use crate::bindings;

/// The window's label, as the capability file names it.
pub const MAIN: &str = "main";

/// Time in which lines are gathered to one batch.
const BATCH: Duration = Duration::from_millis(75);
/// Maximum number of lines in one batch. The page reads the rest from the spool.
const LINES_MAX: usize = 2_000;
/// Maximum number of pieces that wait for a batch. Further ones are dropped.
const PIECES_MAX: usize = 1_024;
/// Maximum number of followers. A further one replaces the oldest.
const FOLLOWERS_MAX: usize = 8;

type Followers = Arc<Mutex<Vec<(RunId, Channel<Lines>)>>>;

/// The window, as the engine sees it.
pub struct Window {
    handle: AppHandle,
    pieces: mpsc::Sender<Lines>,
    followers: Followers,
    moved: Arc<Notify>,
}

impl Window {
    /// Starts the task that sends lines. It ends when this window is dropped.
    pub fn new(handle: AppHandle) -> Self {
        let (pieces, arriving) = mpsc::channel(PIECES_MAX);
        let followers = Followers::default();
        tauri::async_runtime::spawn(send(arriving, Arc::clone(&followers)));
        Self { handle, pieces, followers, moved: Arc::new(Notify::new()) }
    }

    /// Sends the lines of a run to this channel from now on.
    pub fn follow(&self, run: RunId, channel: Channel<Lines>) {
        let mut followers = self.followers.lock();
        if followers.len() >= FOLLOWERS_MAX {
            followers.remove(0);
        }
        followers.push((run, channel));
    }

    /// Notified when a run has new events.
    pub fn on_moved(&self) -> Arc<Notify> {
        Arc::clone(&self.moved)
    }
}

/// The title begins with PRODUCTION or PRACTICE, which a narrow title bar still shows
/// (docs/releases.md#practice-and-production).
pub fn title(realm: Realm, profile: Option<&Profile>) -> String {
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

impl Screen for Window {
    fn moved(&self, run: &RunId, seq: u32) {
        bindings::emit_moved(&self.handle, run, seq);
        self.moved.notify_one();
    }

    fn live(&self, live: Live) {
        bindings::emit_live(&self.handle, live);
    }

    fn lines(&self, run: &RunId, source: LineSource, lines: &[LogLine]) {
        let piece = Lines { run: run.clone(), source, lines: lines.to_vec() };
        if self.pieces.try_send(piece).is_err() {
            tracing::debug!("lines were left out on the screen; the spool has them");
        }
    }
}

async fn send(mut arriving: mpsc::Receiver<Lines>, followers: Followers) {
    while let Some(first) = arriving.recv().await {
        tokio::time::sleep(BATCH).await;
        let mut batch: BTreeMap<(RunId, LineSource), Vec<LogLine>> = BTreeMap::new();
        let mut piece = Some(first);
        while let Some(Lines { run, source, lines }) = piece {
            batch.entry((run, source)).or_default().extend(lines);
            piece = arriving.try_recv().ok();
        }
        let mut followers = followers.lock();
        for ((run, source), mut lines) in batch {
            // A screen that follows shows the newest lines.
            lines.drain(..lines.len().saturating_sub(LINES_MAX));
            let all = Lines { run, source, lines };
            followers.retain(|(wanted, channel)| *wanted != all.run || channel.send(all.clone()).is_ok());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_begins_with_the_realm() {
        assert!(title(Realm::Production, None).starts_with("PRODUCTION"));
        assert!(title(Realm::Practice, None).starts_with("PRACTICE"));
    }
}
