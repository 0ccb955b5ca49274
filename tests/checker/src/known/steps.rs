//! Applies the events of a journal to the states of the steps.

use super::Known;
use crate::{
    Found,
    fold::{self, STARTED_OVER},
    records::{Body, Status, Step},
};

fn is_open(status: Status) -> bool {
    matches!(status, Status::Running | Status::InDoubt)
}

impl Known {
    pub fn version_commit(&self) -> Option<&String> {
        self.facts.version.as_ref().map(|(commit, _)| commit)
    }

    /// The commit that the run releases: the version commit, or the merge of its pull request.
    pub fn release_commit(&self) -> Option<&String> {
        self.facts.merged_as.as_ref().or_else(|| self.version_commit())
    }

    /// Applies an event to the states of the steps. INV-J5: an illegal transition is a violation.
    pub(super) fn fold(&mut self, seq: u64, body: &Body, found: &mut Found) {
        if let Some((step, attempt)) = fold::moved(body)
            && let Some(folded) = self.steps.get_mut(step as usize)
        {
            match fold::next(folded.status, body) {
                Some(status) => folded.status = status,
                None => {
                    let words = format!("{step:?} was {:?} and cannot take event {}", folded.status, seq);
                    found.add("INV-J5", words);
                }
            }
            folded.attempt = attempt.unwrap_or(folded.attempt);
        }
        if matches!(body, Body::StartedOver { .. }) {
            self.start_over(seq, found);
        }
        self.history.push(std::array::from_fn(|at| self.steps.get(at).copied().unwrap_or_default().status));
    }

    /// Applies the report that a migration was undone.
    pub(super) fn undo(&mut self, job: String) {
        self.settle_undone(&job);
        self.undone.insert(job);
        if self.facts.is_migrated {
            self.forget_checks();
        }
        (self.facts.is_migrated, self.is_migrated_by_word) = (false, false);
    }

    /// Removes the answers to the site checks, and the version that the site showed. Both are of a
    /// database that was restored.
    pub(super) fn forget_checks(&mut self) {
        self.checks.clear();
        self.facts.site = None;
        self.reset_step(Step::CheckSite);
    }

    /// Resets a step that is offered again. An open attempt goes on.
    fn reset_step(&mut self, step: Step) {
        let at = step as usize;
        if let Some(folded) = self.steps.get_mut(at).filter(|folded| !is_open(folded.status)) {
            folded.status = Status::NotStarted;
            if let Some(newest) = self.history.last_mut().and_then(|statuses| statuses.get_mut(at)) {
                *newest = Status::NotStarted;
            }
        }
    }

    /// Main has the release, so the offer of a pull request ends.
    pub(super) fn withdraw_pull_request(&mut self) {
        let status = self.step(Step::OpenPullRequest).status;
        if matches!(status, Status::AwaitingOperator | Status::Failed | Status::Stopped) {
            self.reset_step(Step::OpenPullRequest);
        }
    }

    /// A person left a step out.
    pub(super) fn leave_out(&mut self, step: Step) {
        self.is_migration_left_out |= step == Step::RunMigration;
        self.is_backup_left_out |= step == Step::BackUp;
    }

    /// The release is another commit from now on. A tag of the commit before does not count.
    pub(super) fn release_merged(&mut self, commit: String) {
        if self.facts.tag.as_ref().is_some_and(|(_, tagged)| *tagged != commit) {
            self.facts.tag = None;
            self.reset_step(Step::CreateTag);
        }
        self.facts.merged_as = Some(commit);
    }

    /// Resets the steps that are made again. INV-J5: none of them may be open or published.
    fn start_over(&mut self, seq: u64, found: &mut Found) {
        for step in STARTED_OVER {
            let Some(folded) = self.steps.get_mut(step as usize) else { continue };
            if !fold::may_start_over(step, folded.status) {
                found.add("INV-J5", format!("{step:?} was {:?} and cannot take event {seq}", folded.status));
            }
            folded.status = Status::NotStarted;
        }
        // The first merge does not count any more.
        let facts = &mut self.facts;
        (facts.merged, facts.version, facts.tag) = (None, None, None);
    }
}
