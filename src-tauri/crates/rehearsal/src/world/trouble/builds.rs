//! Troubles of the build on GitHub: another run of the workflow, and an approval.

use greenlight_types::Trouble;

use super::{
    super::{MINUTE, World, record::Caller},
    SEEN_S,
};

/// Age of our build at which a colleague starts the workflow again.
const SUPERSEDED_AFTER_MS: i64 = 5 * MINUTE;
/// Time until a colleague approves.
const APPROVED_MS: i64 = 15 * MINUTE;
/// An age that no build reaches: only the end of the trouble approves it.
const NEVER_MS: i64 = i64::MAX / 4;

impl World {
    /// Starts the troubles of a build that runs.
    pub(in crate::world) fn trouble_of_build(&mut self) {
        if self.troubles.entries.is_empty() {
            return;
        }
        let now = self.now_ms;
        let running = self.builds.iter().rev().find(|build| build.ended.is_none() && build.deployment.is_none());
        let Some((age, inputs)) = running.map(|build| (now - build.started_ms(), build.inputs.clone())) else { return };
        if age >= SUPERSEDED_AFTER_MS && self.troubles.begin(Trouble::BuildSuperseded, now, None) {
            self.troubles.end(Trouble::BuildSuperseded, now);
            let before = self.record.caller();
            self.record.called_by(Caller::COLLEAGUE);
            self.cancel_builds();
            self.dispatch("refs/heads/master", inputs);
            self.record.called_by(before);
            return;
        }
        let lasts = self.troubles.seen(APPROVED_MS, SEEN_S);
        if age >= self.rules.pace.built && self.troubles.begin(Trouble::ApprovalWanted, now, Some(lasts)) {
            self.rules.approval = Some(NEVER_MS);
            self.effects += 1;
        }
    }
}
