//! Shows why a watcher has nothing new, until it works again.

use std::sync::Arc;

use greenlight_types::{ErrorCode, Failure, LiveUpdate, Timestamp, Watcher, WatcherTrouble};
use parking_lot::Mutex;

use crate::step::StepContext;

/// The notice about the servers. The watch between the steps and the final check share it.
#[derive(Clone)]
pub(super) struct ServersNotice(Arc<Mutex<TroubleNotice>>);

impl ServersNotice {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(TroubleNotice::of(Watcher::Servers))))
    }

    /// Shows the result of a check: a failure, or the open condition of the rollout.
    pub fn show(&self, cx: &StepContext, checked: Result<Option<String>, Failure>) {
        let confirmed = checked.and_then(|open| match open {
            None => Ok(()),
            Some(open) => Err(Failure::new(ErrorCode::NotAllowedNow, "end this release yet").because(open)),
        });
        self.0.lock().show(cx, confirmed);
    }
}

/// Shows the failure of a watcher until the watcher works again.
pub(super) struct TroubleNotice {
    watcher: Watcher,
    /// The first failed poll since the last good one.
    since: Option<Timestamp>,
}

impl TroubleNotice {
    pub fn of(watcher: Watcher) -> Self {
        Self { watcher, since: None }
    }

    pub fn show(&mut self, cx: &StepContext, polled: Result<(), Failure>) {
        if let Some(update) = self.update(polled, cx.ports.clock.now()) {
            cx.sink.show(update);
        }
    }

    /// The message after a poll. A good poll gives one only after a failed one.
    fn update(&mut self, polled: Result<(), Failure>, now: Timestamp) -> Option<LiveUpdate> {
        let trouble = match polled {
            Ok(()) => {
                self.since.take()?;
                None
            }
            Err(failure) => {
                tracing::info!(watcher = ?self.watcher, %failure, "a watcher failed and asks again");
                Some(WatcherTrouble { since: *self.since.get_or_insert(now), failure })
            }
        };
        Some(LiveUpdate::Watcher { watcher: self.watcher, trouble })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_a_failure_until_the_next_good_poll() {
        let at = |minute: i64| Timestamp::from_second(minute * 60).expect("a time");
        let refused = |text: &str| Failure::new(ErrorCode::AwsRefused, text);
        let mut notice = TroubleNotice::of(Watcher::ProductionLog);
        let mut shown = |polled, now| match notice.update(polled, at(now)) {
            Some(LiveUpdate::Watcher { watcher: Watcher::ProductionLog, trouble }) => Some(trouble),
            None => None,
            Some(other) => panic!("{other:?}"),
        };
        assert_eq!(shown(Ok(()), 0), None);
        for (now, text) in [(1, "read the log group"), (2, "sign in")] {
            let trouble = WatcherTrouble { since: at(1), failure: refused(text) };
            assert_eq!(shown(Err(refused(text)), now), Some(Some(trouble)), "since the first failure");
        }
        assert_eq!(shown(Ok(()), 3), Some(None), "it works again");
        assert_eq!(shown(Ok(()), 4), None);
        let trouble = WatcherTrouble { since: at(5), failure: refused("again") };
        assert_eq!(shown(Err(refused("again")), 5), Some(Some(trouble)));
    }
}
