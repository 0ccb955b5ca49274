//! Words of an honest operator: about the machine, the migration, the profile and the site.

use greenlight_engine::release::Act;
use greenlight_types::{CheckAnswer, ErrorCode, FactKind, RunResult, RunState, Status, StepId, StepView, UndoKind};

use super::{HonestOperator, end_name};
use crate::{operator::engine::open_check, play::PATTERN};

/// The report about a build that a person started on GitHub.
pub(super) const STARTED_BY_HAND: &str = "ReportDone DispatchBuild";
/// Looks without a change before the operator says that the machine is gone.
const LOOKS_BEFORE_GONE: u32 = 3;
/// Most attempts of a migration that is undone and repaired.
const MIGRATIONS_MAX: u32 = 3;

impl HonestOperator<'_> {
    fn step(&self, id: StepId) -> Option<&StepView> {
        self.view.steps.iter().find(|step| step.definition.id == id)
    }

    /// Makes a statement that is true in the world and that the app cannot check. Returns whether
    /// it acted.
    pub(super) async fn say(&mut self) -> bool {
        let Some((name, act)) = self.word().filter(|(name, _)| self.may_press(name)) else { return false };
        let corrects = matches!(act, Act::CorrectValue { .. });
        let person = if let Act::ChangeOperator { person } = &act { Some(person.clone()) } else { None };
        if self.act(name.to_owned(), act).await.is_ok() {
            // A run with another profile is opened again.
            self.is_over |= corrects;
            if let Some(person) = person {
                self.by.person = person;
            }
        }
        true
    }

    fn word(&self) -> Option<(&'static str, Act)> {
        let moved = self.asks(|truth| truth.new_address(&self.view));
        let step = StepId::RunMigration;
        if let Some(address) = moved {
            Some(("ChangeAddress", Act::ChangeAddress { address, port: 22 }))
        } else if self.misses_machine() {
            let note = "The console of AWS does not list it any more".to_owned();
            Some(("GiveUpMachine", Act::GiveUpMachine { note }))
        } else if self.person.hands_over && self.view.state == RunState::Deploying && self.view.people.len() == 1 {
            Some(("ChangeOperator", Act::ChangeOperator { person: "Cem".to_owned() }))
        } else if let Some((key, value)) = self.correction() {
            let (key, reason) = (key.to_owned(), "A developer looked".to_owned());
            Some(("CorrectValue", Act::CorrectValue { key, value, reason }))
        } else if self.step(step).is_some_and(|one| one.options.may_skip)
            && self.person.has_no_migration
            && self.asks(|truth| truth.has_not_migrated(&self.view))
        {
            let note = "Only texts changed, says the developer".to_owned();
            Some(("SkipStep", Act::SkipStep { step, note }))
        } else if self.has_started_by_hand() {
            let note = "I started it on GitHub".to_owned();
            Some((STARTED_BY_HAND, Act::ReportDone { step: StepId::DispatchBuild, note }))
        } else {
            self.undone()
        }
    }

    /// Whether a build of the commit runs that was started on GitHub, and this person says so.
    fn has_started_by_hand(&self) -> bool {
        self.person.recovers
            && self.step(StepId::DispatchBuild).is_some_and(|step| step.status() == Status::AwaitingOperator)
            && self.asks(|truth| truth.has_other_build(&self.view))
    }

    /// The address of the staging machine, if it is another one than that of the profile.
    pub(super) fn address(&self) -> Option<String> {
        let address = self.world.lock().host.address.clone();
        (!address.is_empty()).then_some(address)
    }

    /// Whether a job is followed or in doubt on a machine that never answers again.
    fn misses_machine(&self) -> bool {
        let is_followed = |step: &StepView| {
            matches!(step.definition.id, StepId::BackUp | StepId::RunMigration)
                && (step.status() == Status::Running
                    || step.status() == Status::InDoubt && self.view.machine_given_up.is_none())
        };
        self.still >= LOOKS_BEFORE_GONE
            && self.view.steps.iter().any(is_followed)
            && self.asks(|truth| truth.has_lost_machine(&self.view))
    }

    /// Whether the operator does not know what became of a migration, and ends the run.
    pub(super) fn leaves_doubt(&self, step: StepId) -> bool {
        self.person.leaves_doubt
            && step == StepId::RunMigration
            && self.asks(|truth| truth.has_lost_machine(&self.view))
    }

    /// Name and true value of a wrong value of the profile that stopped the release.
    fn correction(&self) -> Option<(&'static str, String)> {
        let has_failed = |id: StepId, code: ErrorCode| {
            self.step(id).and_then(StepView::failure).is_some_and(|failure| failure.code == code)
        };
        let (profile, job) = (&self.view.profile, self.world.lock().rules.build_job());
        if !self.person.corrects {
            None
        } else if has_failed(StepId::FollowBuild, ErrorCode::PackageUnproved) && profile.github.build_job != job {
            Some(("github.build_job", job.to_owned()))
        } else if has_failed(StepId::CheckSite, ErrorCode::SiteUnexpected) && profile.site.version_pattern != PATTERN {
            Some(("site.version_pattern", PATTERN.to_owned()))
        } else {
            None
        }
    }

    /// The report about a migration that was undone. Of one that failed, colleagues restore the
    /// database first if that is necessary, and they repair the script.
    fn undone(&self) -> Option<(&'static str, Act)> {
        let step = self.step(StepId::RunMigration).filter(|step| step.options.may_report_undone)?;
        if !self.person.recovers || step.attempt >= MIGRATIONS_MAX {
            return None;
        }
        let (is_done, applies_nothing) = (step.status().is_done(), self.world.lock().host.ends.changes_nothing);
        let how = if self.asks(|truth| truth.is_unchanged()) {
            if is_done && !applies_nothing { UndoKind::Restored } else { UndoKind::NothingApplied }
        } else if is_done {
            return None;
        } else if self.world.lock().restore_database() && self.asks(|truth| truth.is_unchanged()) {
            UndoKind::Restored
        } else {
            return None;
        };
        let ends = &mut self.world.lock().host.ends;
        (ends.migration, ends.changes_nothing) = (0, false);
        let (attempt, note) = (step.attempt, "The database is as it was before, says the database team".to_owned());
        Some(("ReportUndone", Act::ReportUndone { step: StepId::RunMigration, attempt, how, note }))
    }

    /// Answers the next open check of the site. Returns whether it acted.
    pub(super) async fn check_site(&mut self) -> bool {
        let has_answered = self.view.facts.iter().any(|learned| learned.fact.kind() == FactKind::SiteAnswered);
        if self.view.state != RunState::Checking || !has_answered {
            return false;
        }
        if let Some(check) = open_check(&self.view) {
            let could_not = self.rng.u8(..100) < self.person.fails_checks;
            let answer = match (could_not, self.asks(|truth| truth.shows_release(&self.view))) {
                (true, _) => CheckAnswer::CouldNotCheck,
                (false, true) => CheckAnswer::Passed,
                (false, false) => CheckAnswer::Failed,
            };
            let act = Act::AnswerCheck { check, answer, note: "as seen".to_owned() };
            let _refused = self.act("AnswerCheck".to_owned(), act).await;
            return true;
        }
        let result = RunResult::ReleasedWithFailedCheck;
        if self.view.may_end.contains(&result) && self.may_press(&end_name(result)) {
            self.end("A check could not be made; the site shows the version").await;
            return true;
        }
        false
    }
}
