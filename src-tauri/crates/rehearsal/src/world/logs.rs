//! The log group. Events may arrive late, and a page may be empty although more follow (TRAP-L2,
//! TRAP-L4).

use serde::{Deserialize, Serialize};

use super::{SECOND, World};

/// Most lines kept; the oldest go first.
const KEPT_MAX: usize = 3_000;
/// Time between two request lines of a serving task.
pub(crate) const CHATTER_MS: i64 = 20 * SECOND;

/// An event of the log group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// Event id. Ids sort in the order of writing.
    pub id: String,
    /// Name of the log stream: `prefix/container/taskId`.
    pub stream: String,
    /// Time of writing, in ms since 1970.
    pub at_ms: i64,
    /// Earliest time at which the event is readable, in ms since 1970.
    #[serde(default)]
    pub arrives_ms: i64,
    /// Text of the line.
    pub message: String,
}

impl World {
    pub(crate) fn log(&mut self, stream: &str, message: String) {
        self.log_count += 1;
        // Every third event is delayed, by varying times.
        let lag = if self.log_count.is_multiple_of(3) {
            let steps = i64::try_from(self.log_count % 7).unwrap_or_default();
            self.rules.log_lag * steps / 7
        } else {
            0
        };
        self.logs.push_back(LogLine {
            // Ids have AWS's length and sort in the order of writing.
            id: format!("{:020}{:036}", self.log_count, 0),
            stream: stream.to_owned(),
            at_ms: self.now_ms,
            arrives_ms: self.now_ms + lag,
            message,
        });
        while self.logs.len() > KEPT_MAX {
            self.logs.pop_front();
        }
    }

    /// At most `limit` readable events written at or after `from_ms` with an id after `after`. The
    /// second value says whether more follow.
    #[must_use]
    pub fn log_page(&self, from_ms: i64, after: &str, limit: usize) -> (Vec<&LogLine>, bool) {
        // Lines are sorted by time of writing and by id.
        let from = self.logs.partition_point(|line| line.at_ms < from_ms || line.id.as_str() <= after);
        let mut matching = self.logs.range(from..).filter(|line| line.arrives_ms <= self.now_ms);
        let page: Vec<&LogLine> = matching.by_ref().take(limit).collect();
        let has_more = matching.next().is_some();
        (page, has_more)
    }

    /// Logs a request for each serving task about every 20 seconds.
    pub(crate) fn chatter(&mut self) {
        let second = self.now_ms / SECOND;
        if !self.rules.chatters {
            return;
        }
        let serving: Vec<(usize, String)> = self.service.healthy().map(|task| task.stream()).enumerate().collect();
        for (at, stream) in serving {
            if (second + 7 * i64::try_from(at).unwrap_or_default()) % (CHATTER_MS / SECOND) == 0 {
                let pages = ["/", "/studies", "/study/411", "/messages", "/profile"];
                let page = usize::try_from(second / 20).unwrap_or_default() % pages.len();
                let page = pages.get(page).copied().unwrap_or("/");
                let took = 40 + second * 37 % 180;
                self.log(&stream, format!("INFO  o.r.web.RequestLog - GET {page} 200 {took} ms"));
            }
        }
    }
}
