//! How the engine reaches the screen: hints as events, lines through channels in batches, both lossy on purpose.
//!
//! Says nothing that is not already in the journal or the spool, and waits for nobody.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use greenlight_engine::ports::Screen;
use greenlight_types::{LineSource, Lines, Live, LogLine, RunId};
use tauri::{AppHandle, ipc::Channel};
use tokio::sync::{Notify, mpsc};

use crate::bindings;

/// How long lines are gathered before they go to the page.
const BATCH: Duration = Duration::from_millis(75);
/// Lines in one batch at most; the page reads the rest from the spool.
const MOST_LINES: usize = 2_000;
/// Pieces waiting for the next batch at most; more are left out.
const MOST_PIECES: usize = 1_024;
/// Pages that follow at most; the oldest goes.
const MOST_FOLLOWERS: usize = 8;

type Followers = Arc<Mutex<Vec<(RunId, Channel<Lines>)>>>;

/// The window, as the engine sees it.
pub struct Window {
    handle: AppHandle,
    pieces: mpsc::Sender<Lines>,
    followers: Followers,
    moved: Arc<Notify>,
}

impl Window {
    /// Starts the task that sends lines; ends with the last handle of this window.
    pub fn new(handle: AppHandle) -> Self {
        let (pieces, arriving) = mpsc::channel(MOST_PIECES);
        let followers = Followers::default();
        tauri::async_runtime::spawn(send(arriving, Arc::clone(&followers)));
        Self { handle, pieces, followers, moved: Arc::new(Notify::new()) }
    }

    /// Sends lines of a run to this channel from now on.
    pub fn follow(&self, run: RunId, channel: Channel<Lines>) {
        let mut followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner);
        if followers.len() >= MOST_FOLLOWERS {
            followers.remove(0);
        }
        followers.push((run, channel));
    }

    /// Wakes whoever looks after the open runs when one of them moved.
    pub fn on_moved(&self) -> Arc<Notify> {
        Arc::clone(&self.moved)
    }
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
        let mut followers = followers.lock().unwrap_or_else(PoisonError::into_inner);
        for ((run, source), mut lines) in batch {
            // The newest matter on a screen that follows.
            lines.drain(..lines.len().saturating_sub(MOST_LINES));
            let all = Lines { run, source, lines };
            followers.retain(|(wanted, channel)| *wanted != all.run || channel.send(all.clone()).is_ok());
        }
    }
}
