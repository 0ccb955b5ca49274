//! The trouble in which the main branch takes only pull requests.

use greenlight_types::Trouble;

use super::{
    super::{SECOND, World},
    SEEN_S,
};

/// Time that the reviewer needs for a pull request during the trouble.
const REVIEWED_MS: i64 = 30 * SECOND;

impl World {
    /// Whether the main branch takes only pull requests (TRAP-G5).
    #[must_use]
    pub fn takes_only_pull_requests(&self) -> bool {
        self.git.is_protected || self.troubles.is_happening(Trouble::MainIsProtected)
    }

    /// Whether GitHub shows the rule that the main branch takes only pull requests.
    #[must_use]
    pub fn shows_pull_request_rule(&self) -> bool {
        self.rules.tells_rules && self.takes_only_pull_requests()
    }

    /// Time after which the reviewer acts on a pull request, in ms; `None` when none does.
    pub(in crate::world) fn review_wait_ms(&self) -> Option<i64> {
        let is_happening = self.troubles.is_happening(Trouble::MainIsProtected);
        let wait = self.troubles.seen(REVIEWED_MS, SEEN_S);
        if is_happening { Some(wait) } else { self.rules.review_ms }
    }

    /// Ends the trouble: a pull request was merged.
    pub(in crate::world) fn main_was_reviewed(&mut self) {
        let now = self.now_ms;
        self.troubles.end(Trouble::MainIsProtected, now);
    }
}
