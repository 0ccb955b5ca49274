//! The optional steps that an honest operator chooses.

use greenlight_engine::release::Act;
use greenlight_types::{CheckAnswer, ErrorCode, FactKind, Status, StepId, StepView};

use super::{HonestOperator, Pressed, start_name};
use crate::operator::engine::{end_foreign_script, order_to_stop};

/// Most choices of one optional step.
const CHOICES_MAX: u32 = 3;

impl HonestOperator<'_> {
    /// Confirms a backup that the app could not prove, if its file is good. Returns whether it
    /// acted.
    pub(super) async fn confirm_backup(&mut self) -> bool {
        let unproved = self.view.steps.iter().find(|step| step.options.may_confirm).cloned();
        let name = "ConfirmBackup".to_owned();
        let Some(step) = unproved.filter(|_| self.may_press(&name)) else { return false };
        if self.asks(|truth| truth.has_backed_up(&self.view, &step)) != Some(true) {
            return false;
        }
        let note = "It is as large as the one before, and as old as the job".to_owned();
        let _refused = self.act(name, Act::ReportDone { step: step.definition.id, note }).await;
        true
    }

    /// Stops a script that hangs, once it is late. Where the app may not stop it, a developer ends
    /// it on the machine.
    pub(super) async fn stop_hanging_script(&mut self) {
        let Some(step) = self.view.steps.iter().find(|step| step.options.may_stop_script).cloned() else { return };
        let id = step.definition.id;
        let (name, now) = (format!("StopScript {}", id.name()), self.clock.now_ms());
        let late_ms = step.definition.usual_minutes.map_or(0, |(_, most)| 2 * i64::from(most) * 60_000);
        let is_late = step.started_at.is_some_and(|at| now - at.as_millisecond() > late_ms);
        let ordered = step.stop_order.as_ref().map(|order| now - order.first_at.as_millisecond());
        let waits = ordered.is_some_and(|since| since < 15_000);
        if !is_late || waits || !self.may_press(&name) || !self.asks(|truth| truth.hangs(&step)) {
            return;
        }
        let act = Act::StopScript(order_to_stop(&self.view, &step, ordered.is_some()));
        let refusal = self.act(name, act).await.err();
        end_foreign_script(&mut self.world.lock(), &step, refusal.as_ref());
    }

    /// Starts over on the newest main, if the screen offers that and main has moved since the
    /// merge. Returns whether it acted.
    pub(super) async fn start_over(&mut self) -> bool {
        let name = "StartOver".to_owned();
        if !self.view.may_start_over || !self.may_press(&name) || !self.asks(|truth| truth.has_main_moved(&self.view)) {
            return false;
        }
        let _refused = self.act(name, Act::StartOver { note: "A colleague was faster".to_owned() }).await;
        true
    }

    /// Answers the question of a step in doubt, if its plan has one. Returns whether it acted.
    pub(super) async fn answer_doubt(&mut self, step: StepId) -> bool {
        let name = format!("AnswerDoubt {}", step.name());
        if !self.may_press(&name) {
            return false;
        }
        match self.release.plan(step).await {
            Ok(plan) => match plan.question {
                Some(question) => self.answer(step, &question).await,
                None => false,
            },
            Err(failure) => {
                self.record(&name, Some(&failure));
                false
            }
        }
    }

    /// Chooses an optional step where it helps. Returns whether it acted.
    pub(super) async fn choose(&mut self) -> bool {
        let has_failed =
            |id: StepId| self.view.steps.iter().any(|step| step.definition.id == id && step.status() == Status::Failed);
        let is_stuck = has_failed(StepId::AwaitRollout) || has_failed(StepId::AwaitDeployPhase);
        let is_unwell = has_failed(StepId::CheckSite)
            || self.view.checks.iter().any(|check| {
                // A check that could not be made is a reason to roll back for some operators.
                check.answer == CheckAnswer::Failed
                    || check.answer == CheckAnswer::CouldNotCheck && self.person.way_on == StepId::RollBack
            });
        let may_choose = |id: StepId| {
            let is_free = |step: &StepView| step.options.may_choose && step.attempt < CHOICES_MAX;
            self.view.steps.iter().any(|step| step.definition.id == id && is_free(step))
        };
        let has_failed_push = has_failed(StepId::PushBranch);
        // The operator reads why the push is closed before choosing another way.
        let has_read = has_failed_push || self.still > 0;
        let wanted = if has_read
            && may_choose(StepId::OpenPullRequest)
            && self.asks(|truth| truth.needs_pull_request(&self.view, has_failed_push))
        {
            StepId::OpenPullRequest
        } else if has_failed(StepId::RunMigration) {
            StepId::StopRollout
        } else if self.cancels_build() && may_choose(StepId::CancelBuild) {
            StepId::CancelBuild
        } else if may_choose(StepId::FollowOtherBuild) && self.asks(|truth| truth.has_other_build(&self.view)) {
            StepId::FollowOtherBuild
        } else if has_failed(StepId::FollowBuild) && may_choose(StepId::RerunBuild) {
            StepId::RerunBuild
        } else if is_stuck {
            self.person.way_on
        } else if is_unwell {
            StepId::RollBack
        } else {
            return false;
        };
        if !may_choose(wanted) || !self.may_press(&start_name(wanted)) {
            return false;
        }
        match self.press(wanted).await {
            Pressed::Sent => true,
            Pressed::Closed => {
                self.closed.insert(wanted);
                *self.refused.entry(start_name(wanted)).or_default() += 1;
                false
            }
        }
    }

    /// Whether the operator cancels the build: one of another commit always, the own one seldom and
    /// once. Some want it too late, when the screen must not offer it.
    fn cancels_build(&self) -> bool {
        let step = |id: StepId| self.view.steps.iter().find(|step| step.definition.id == id);
        let is_wrong = |id: StepId| {
            step(id).and_then(StepView::failure).is_some_and(|failure| failure.code == ErrorCode::WrongCommit)
        };
        let is_first = step(StepId::CancelBuild).is_some_and(|step| step.attempt == 0);
        let has_begun = self.view.facts.iter().any(|learned| learned.fact.kind() == FactKind::DeployPhaseBegan);
        is_wrong(StepId::DispatchBuild)
            || is_wrong(StepId::FollowBuild)
            || is_first && self.person.dawdles_s % 8 == if has_begun { 4 } else { 0 }
    }

    /// Lets AWS wait longer, if the screen offers that. Returns whether it acted.
    pub(super) async fn raise_limit(&mut self) -> bool {
        let step = StepId::RaiseFailureLimit;
        let may_choose =
            |one: &StepView| one.definition.id == step && one.options.may_choose && one.attempt < CHOICES_MAX;
        if !self.view.steps.iter().any(may_choose) || !self.may_press(&start_name(step)) {
            return false;
        }
        match self.release.plan(step).await {
            Ok(plan) if plan.is_open() => {
                self.send(&plan).await;
                true
            }
            Ok(_) => false,
            Err(failure) => {
                self.record(&start_name(step), Some(&failure));
                true
            }
        }
    }
}
