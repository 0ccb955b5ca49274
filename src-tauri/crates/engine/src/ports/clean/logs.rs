//! The log group without secrets. A private key may span several events of one stream, between
//! events of other streams. Every query reaches back two minutes, so the same events arrive again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::decorator::Clean;
use crate::{
    ports::{LogEvent, LogPage, Logs, PortResult},
    redact::{Lines, Redactor},
};

/// Maximum number of followed streams. With more, the state of all streams is dropped.
const STREAMS_MAX: usize = 1_000;
/// Maximum number of stored event ids inside private keys, per stream.
const KEY_EVENTS_MAX: usize = 10_000;

/// One stream: its events are cleaned in order.
#[derive(Default)]
struct StreamState {
    lines: Lines,
    newest_ms: i64,
    /// Ids of the events at that time.
    newest: BTreeSet<String>,
    /// Ids of events that were within a private key, for the next time that they come.
    in_key: BTreeSet<String>,
}

impl StreamState {
    fn clean(&mut self, redactor: &Redactor, event: &mut LogEvent) {
        let is_again = event.at_ms < self.newest_ms || self.newest.contains(&event.id);
        if is_again {
            let mut lines = Lines::resumed(self.in_key.contains(&event.id));
            event.message = cleaned(&mut lines, redactor, &event.message);
            return;
        }
        if event.at_ms > self.newest_ms {
            self.newest.clear();
            self.newest_ms = event.at_ms;
        }
        self.newest.insert(event.id.clone());
        if self.lines.is_in_key() && self.in_key.len() < KEY_EVENTS_MAX {
            self.in_key.insert(event.id.clone());
        }
        event.message = cleaned(&mut self.lines, redactor, &event.message);
    }
}

/// A message of one or several lines. A secret may go over a line break, so the whole message is
/// cleaned as well.
fn cleaned(lines: &mut Lines, redactor: &Redactor, message: &str) -> String {
    let whole = redactor.text(message);
    let parts: Vec<String> = if lines.is_in_key() || whole.as_str() == message {
        message.split('\n').map(|line| lines.next(redactor, line).into_string()).collect()
    } else {
        // Updates the state for the following lines. The message itself is cleaned as a whole.
        message.split('\n').for_each(|line| drop(lines.next(redactor, line)));
        vec![whole.into_string()]
    };
    parts.join("\n")
}

/// The log group; it knows where the private keys of each stream are.
pub(super) struct CleanLogs {
    port: Arc<Clean<dyn Logs>>,
    streams: Mutex<HashMap<String, StreamState>>,
}

impl CleanLogs {
    pub(super) fn new(inner: Arc<dyn Logs>, redactor: &Arc<Redactor>) -> Self {
        Self { port: Clean::reading(inner, redactor), streams: Mutex::default() }
    }
}

#[async_trait]
impl Logs for CleanLogs {
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage> {
        let page = self.port.inner.page(from_ms, token).await;
        self.port.cleaned(page, |redactor, page| {
            let mut streams = self.streams.lock();
            for event in &mut page.events {
                if streams.len() >= STREAMS_MAX && !streams.contains_key(&event.stream) {
                    streams.clear();
                }
                streams.entry(event.stream.clone()).or_default().clean(redactor, event);
            }
        })
    }
}
