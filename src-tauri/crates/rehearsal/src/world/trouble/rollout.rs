//! Troubles while AWS puts a new version in place.

use greenlight_types::Trouble;

use super::{
    super::{
        SECOND, World,
        record::Caller,
        rules::Threshold,
        service::{Rollout, ServiceUpdate, Settings, Task},
    },
    numbers,
};

/// Age of our deployment at which a colleague deploys the version before.
const COLLEAGUE_AFTER_MS: i64 = 90 * SECOND;

/// A start of the new version that a trouble makes fail: exit code and last line of the log.
pub(crate) struct FailedStart {
    pub(crate) exit: i32,
    pub(crate) line: &'static str,
}

impl World {
    /// Starts and ends the troubles of the rollout.
    pub(in crate::world) fn trouble_of_rollout(&mut self) {
        if self.troubles.entries.is_empty() {
            return;
        }
        let now = self.now_ms;
        let Some(primary) = self.service.deployments.last().cloned() else { return };
        let is_ours = primary.revision != self.service.completed && primary.rollout == Rollout::InProgress;
        if is_ours && now - primary.created_ms >= COLLEAGUE_AFTER_MS && self.begins(Trouble::ColleagueDeploys) {
            self.troubles.end(Trouble::ColleagueDeploys, now);
            let update = ServiceUpdate { revision: Some(self.service.completed), ..ServiceUpdate::default() };
            self.update_as_colleague(&update);
            return;
        }
        if is_ours && primary.failed > 0 && self.begins(Trouble::BreakerTrips) {
            let settings = Settings { threshold: Threshold::default(), ..self.settings() };
            self.update_as_colleague(&ServiceUpdate { settings: Some(settings), ..ServiceUpdate::default() });
        }
        // AWS gave it up, or another version is in charge: the trouble is over.
        if !is_ours {
            for trouble in [Trouble::BreakerTrips, Trouble::FailureNotRecognised, Trouble::NeverStarts] {
                self.effects += u64::from(self.troubles.end(trouble, now));
            }
        }
        if self.troubles.is_happening(Trouble::NoMigration) && self.has_switched() {
            self.effects += u64::from(self.troubles.end(Trouble::NoMigration, now));
        }
    }

    /// The troubles that begin with the deployment of a build. Returns whether the workflow makes
    /// its own revision.
    pub(in crate::world) fn trouble_of_deploy_job(&mut self) -> bool {
        for trouble in [Trouble::FailureNotRecognised, Trouble::NoMigration] {
            self.begins(trouble);
        }
        let now = self.now_ms;
        self.begins(Trouble::WorkflowMakesRevision) && self.troubles.end(Trouble::WorkflowMakesRevision, now)
    }

    /// How a trouble makes a start of the new version fail.
    pub(in crate::world) fn trouble_of_start(&self, task: &Task) -> Option<FailedStart> {
        if task.revision == self.service.completed {
            return None;
        }
        let is_happening = |trouble| self.troubles.is_happening(trouble);
        if is_happening(Trouble::FailureNotRecognised) {
            let line = "ERROR o.r.config.Settings - rally.mail.host is not set, and has no default";
            return Some(FailedStart { exit: 78, line });
        }
        let line = "ERROR o.r.jobs.Scheduler - two jobs have the name \"digest\"; the program ends";
        is_happening(Trouble::NeverStarts).then_some(FailedStart { exit: 1, line })
    }

    /// Whether a version of the program runs on the database as it is.
    pub(in crate::world) fn runs_on_schema(&self, version: &str) -> bool {
        let needs_no_migration =
            self.troubles.is_happening(Trouble::NoMigration) && numbers(&self.main.version_value) == version;
        !self.is_half_migrated && (needs_no_migration || !super::super::is_older(&self.schema, version))
    }

    fn begins(&mut self, trouble: Trouble) -> bool {
        let has_begun = self.troubles.begin(trouble, self.now_ms, None);
        self.effects += u64::from(has_begun);
        has_begun
    }

    fn update_as_colleague(&mut self, update: &ServiceUpdate) {
        let before = self.record.caller();
        self.record.called_by(Caller::COLLEAGUE);
        let _known_revision = self.update_service(update);
        self.record.called_by(before);
    }
}
