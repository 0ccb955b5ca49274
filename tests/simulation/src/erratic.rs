//! The erratic operator of a simulated release: presses enabled buttons, answers questions,
//! dawdles, errs and sometimes presses any button. Its decisions are drawn from the seed, unlike
//! those of the careful [`crate::operator::Operator`].

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use greenlight_engine::{
    ports::Clock,
    release::{Act, Answer, Release},
};
use greenlight_rehearsal::world::World;
use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, ErrorCode, FactKind, Failure, Question, Retry, Role, RunId, RunResult, RunState,
    RunView, Status, StepId, StepPlan, StepView, StopScriptRequest, TakeOver, UndoKind,
};
use parking_lot::Mutex;

use crate::{
    clock::TestClock,
    operator::engine::{confirm, deploy_request, end_foreign_script, open_check, order_to_stop, read_choosing},
    scenario::Person,
    tape::Tape,
};

/// Largest number of acts in one process of the app.
const ACTS_MAX: u32 = 600;
/// Attempts of a migration after which the operator gives up.
const ATTEMPTS_MAX: u32 = 4;
/// Observations of a doubt before the operator decides.
const LOOKS_BEFORE_DECIDING: u32 = 6;
/// Pauses without a change after which the release makes no progress.
const STILL_MAX: u32 = 24;

/// End of a session of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sitting {
    /// The run has a result.
    Ended,
    /// The run continues but makes no progress.
    Idle,
    /// The engine is closed, and the app must be opened again.
    Closed,
}

pub struct ErraticOperator<'a> {
    pub release: &'a Release,
    /// Production, in which the operator's colleagues restore the database.
    pub world: &'a Mutex<World>,
    pub clock: TestClock,
    pub tape: &'a Tape,
    pub person: &'a Person,
    pub by: Actor,
    pub rng: Rng,
    /// Fingerprint of the host, as the operator learned it.
    pub fingerprint: String,
    /// Observations of doubts since the last decision.
    pub looks: u32,
    /// Step, hash and token of the last plan.
    pub last: Option<(StepId, String, Option<String>)>,
}

impl ErraticOperator<'_> {
    /// Acts until the run has ended or makes no progress.
    pub async fn sit(mut self) -> Sitting {
        let mut still = 0;
        let mut seq = 0;
        for _ in 0..ACTS_MAX {
            // The view is shared, because a run is read hundreds of times.
            let view = Arc::clone(&self.release.watch().borrow());
            self.tape.shown(&view);
            if view.state == RunState::Ended {
                return Sitting::Ended;
            }
            still = if view.seq == seq { still + 1 } else { 0 };
            seq = view.seq;
            if still > STILL_MAX {
                return Sitting::Idle;
            }
            let acted = if self.rng.u8(..100) < self.person.mischief {
                self.anything(&view).await
            } else {
                self.sensible(&view, still).await
            };
            if acted.is_err_and(|failure| failure.summary.contains("it is not open any more")) {
                return Sitting::Closed;
            }
            self.pause(still).await;
        }
        Sitting::Idle
    }

    /// Waits for a change or for a random time.
    async fn pause(&mut self, still: u32) {
        let longest = self.person.dawdles_s.max(1);
        // Without changes the operator stays away longer each time.
        let wait = Duration::from_millis(self.rng.u64(200..=longest * 1_000) + u64::from(still) * 4_000);
        let mut changes = self.release.watch();
        changes.mark_unchanged();
        tokio::select! {
            biased;
            _ = changes.changed() => self.clock.sleep(Duration::from_millis(self.rng.u64(50..2_000))).await,
            () = self.clock.sleep(wait) => {}
        }
    }

    async fn act(&self, act: Act) -> Result<Answer, Failure> {
        self.release.act(self.by.clone(), act).await
    }

    /// The act of a careful operator.
    async fn sensible(&mut self, view: &RunView, still: u32) -> Result<(), Failure> {
        match view.state {
            RunState::Draft => {
                let statement = "Testing of 2.1.0 is finished".to_owned();
                self.act(Act::StartPrepare { statement }).await.map(drop)
            }
            RunState::Prepared => self.start_deploy(view).await,
            RunState::Preparing | RunState::Deploying | RunState::Checking => self.next_step(view, still).await,
            RunState::Ended => Ok(()),
        }
    }

    async fn start_deploy(&mut self, view: &RunView) -> Result<(), Failure> {
        let differences = self.release.deploy_differences().await?;
        if !differences.is_empty() && self.rng.bool() {
            let note = differences.into_iter().map(|one| one.text).collect::<Vec<_>>().join(" ");
            return self.act(Act::EndRun { result: RunResult::Stopped, note }).await.map(drop);
        }
        let request = deploy_request(view, &self.fingerprint, differences);
        match self.act(Act::StartDeploy(request.clone())).await {
            Err(failure) if failure.code == ErrorCode::EnvironmentHeld && self.rng.bool() => {
                let request = DeployRequest { take_over: over(&failure), ..request };
                self.act(Act::StartDeploy(request)).await.map(drop)
            }
            other => other.map(drop),
        }
    }

    /// Takes the lock back from its owner after a talk, or waits.
    async fn take_back(&mut self, failure: &Failure) -> Result<(), Failure> {
        if self.rng.bool() {
            return Ok(());
        }
        self.act(Act::AcquireLock { over: over(failure) }).await.map(drop)
    }

    async fn next_step(&mut self, view: &RunView, still: u32) -> Result<(), Failure> {
        if let Some(doubt) = view.steps.iter().find(|step| step.status() == Status::InDoubt) {
            return self.look_at(doubt).await;
        }
        let checking = view.state == RunState::Checking
            && view.facts.iter().any(|learned| learned.fact.kind() == FactKind::SiteAnswered);
        if checking && self.check_site(view).await? {
            return Ok(());
        }
        let busy =
            view.steps.iter().any(|step| step.definition.role == Role::Changing && step.status() == Status::Running);
        let stoppable = view.steps.iter().find(|step| step.options.may_stop_script);
        if let Some(step) = stoppable.filter(|_| still > STILL_MAX / 4) {
            return self.stop_script(view, step).await;
        }
        let hopeless = view.steps.iter().find(|step| {
            let is_final = step.failure().is_some_and(|failure| failure.retry == Retry::No);
            step.status() == Status::Failed && (is_final || step.definition.role == Role::Watching)
        });
        if let Some(step) = hopeless.filter(|_| !busy) {
            if step.definition.id == StepId::RunMigration
                && let Some(act) = self.recover(step)
            {
                return self.act(act).await.map(drop);
            }
            let note = format!("{} failed", step.definition.title);
            return self.act(Act::EndRun { result: RunResult::Stopped, note }).await.map(drop);
        }
        if let Some(step) = view.steps.iter().find(|step| step.options.may_confirm && !busy) {
            let note = "It looks like the one before".to_owned();
            return self.act(Act::ReportDone { step: step.definition.id, note }).await.map(drop);
        }
        let pull_request = view
            .steps
            .iter()
            .find(|step| step.definition.id == StepId::OpenPullRequest && step.status() == Status::AwaitingOperator);
        if let Some(step) = pull_request.filter(|_| !busy && self.rng.bool()) {
            return self.press(step.definition.id).await;
        }
        let next = view.steps.iter().find(|step| {
            step.status() == Status::AwaitingOperator || step.status() == Status::Failed && step.attempt < 6
        });
        let waiting =
            next.filter(|step| step.status() == Status::AwaitingOperator && !busy).map(|step| step.definition.id);
        if waiting == Some(StepId::RunMigration) {
            match self.rng.u8(..100) {
                // A person distrusts the backup, or ran the migration on another computer.
                0..3 => return self.press(StepId::BackUp).await,
                3..5 => {
                    let note = "A developer ran it by hand".to_owned();
                    return self.act(Act::ReportDone { step: StepId::RunMigration, note }).await.map(drop);
                }
                _ => {}
            }
        }
        match next {
            Some(_) | None if still > STILL_MAX / 2 && !busy => self.give_up(view).await,
            Some(step) if !busy => self.press(step.definition.id).await,
            Some(_) | None => Ok(()),
        }
    }

    /// Stops a script, also one that only takes long.
    async fn stop_script(&mut self, view: &RunView, step: &StepView) -> Result<(), Failure> {
        let is_forced = step.stop_order.is_some();
        let refused = self.act(Act::StopScript(order_to_stop(view, step, is_forced))).await.err();
        end_foreign_script(&mut self.world.lock(), step, refused.as_ref());
        refused.map_or(Ok(()), Err)
    }

    /// The report about a migration that failed, after a developer finished it, or undid it and
    /// often repaired its script. `None` when the operator gives up.
    fn recover(&mut self, step: &StepView) -> Option<Act> {
        let (id, attempt) = (step.definition.id, step.attempt);
        let undone = |how, note: &str| Act::ReportUndone { step: id, attempt, how, note: note.to_owned() };
        match self.rng.u8(..8) {
            0 | 1 => Some(Act::ReportDone { step: id, note: "A developer finished it by hand".to_owned() }),
            2..6 if step.attempt < ATTEMPTS_MAX => {
                let mut world = self.world.lock();
                if self.rng.bool() {
                    (world.host.ends.migration, world.host.ends.changes_nothing) = (0, false);
                }
                if Self::is_unchanged(&world) {
                    return Some(undone(UndoKind::NothingApplied, "It ended before it changed anything"));
                }
                world.restore_database().then(|| undone(UndoKind::Restored, "The database team restored the backup"))
            }
            // A false word. Where the database can be asked, the engine refuses it.
            6 if self.person.errs > 0 => Some(undone(UndoKind::Restored, "Somebody said that it was restored")),
            _ => None,
        }
    }

    /// Whether the database has the schema of the last release.
    fn is_unchanged(world: &World) -> bool {
        let (schema, is_half_migrated) = world.schema();
        !is_half_migrated && schema != world.host.migrates_to
    }

    /// Ends the run after a long time without a change, where that is allowed.
    async fn give_up(&mut self, view: &RunView) -> Result<(), Failure> {
        let note = "Nothing goes on".to_owned();
        let result = if is_all_done(view) { RunResult::ReleasedWithFailedCheck } else { RunResult::Stopped };
        self.act(Act::EndRun { result, note }).await.map(drop)
    }

    /// Reads the plan, answers its questions, confirms and starts the step.
    async fn press(&mut self, step: StepId) -> Result<(), Failure> {
        let rng = &mut self.rng;
        let any = |question: &Question| rng.choice(&question.options).map(|option| option.id.clone());
        let mut plan = read_choosing(self.release, &self.by, step, any).await?;
        let asks_for_backup = |id: &str| matches!(id, "backupProved" | "databaseSaidAtBackup");
        if plan.preconditions.iter().any(|precondition| asks_for_backup(&precondition.id) && !precondition.passed) {
            plan = self.release.plan(StepId::BackUp).await?;
        }
        self.start(&plan).await
    }

    async fn start(&mut self, plan: &StepPlan) -> Result<(), Failure> {
        let (step, plan_hash) = (plan.step, plan.hash.clone());
        let token = confirm(self.release, &self.by, plan).await?;
        self.last = Some((step, plan_hash.clone(), token.clone()));
        let pressed = self.act(Act::StartStep { step, plan_hash: plan_hash.clone(), token: token.clone() }).await;
        if self.rng.u8(..10) == 0 {
            let _refused = self.act(Act::StartStep { step, plan_hash, token }).await;
        }
        match pressed {
            Err(failure) if failure.code == ErrorCode::EnvironmentHeld => self.take_back(&failure).await,
            other => other.map(drop),
        }
    }

    /// Observes a step in doubt, and later decides about it.
    async fn look_at(&mut self, step: &StepView) -> Result<(), Failure> {
        self.looks += 1;
        let id = step.definition.id;
        if self.looks <= LOOKS_BEFORE_DECIDING {
            return self.release.observe(self.by.clone(), id).await.map(drop);
        }
        self.looks = 0;
        let errs = self.rng.u8(..100) < self.person.errs;
        // Without evidence any answer is a guess. A careful operator gives none.
        if !errs {
            return Ok(());
        }
        let happened = self.rng.bool();
        self.act(Act::SettleDoubt { step: id, attempt: step.attempt, happened, note: "I looked".to_owned() })
            .await
            .map(drop)
    }

    /// Answers the next open check, or ends a release with a failed check. Returns whether it
    /// acted.
    async fn check_site(&mut self, view: &RunView) -> Result<bool, Failure> {
        if let Some(check) = open_check(view) {
            let fails = self.rng.u8(..100) < self.person.fails_checks;
            let answer = match (fails, self.rng.bool()) {
                (false, _) => CheckAnswer::Passed,
                (true, false) => CheckAnswer::Failed,
                (true, true) => CheckAnswer::CouldNotCheck,
            };
            let note = if fails { "as seen".to_owned() } else { String::new() };
            self.act(Act::AnswerCheck { check, answer, note }).await?;
            return Ok(true);
        }
        if is_all_done(view) {
            let note = "accepted".to_owned();
            self.act(Act::EndRun { result: RunResult::ReleasedWithFailedCheck, note }).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Presses any button, also with old and wrong values. The engine should refuse.
    async fn anything(&mut self, view: &RunView) -> Result<(), Failure> {
        let Some(chosen) = self.rng.choice(&view.steps) else { return Ok(()) };
        let (step, attempt) = (chosen.definition.id, chosen.attempt);
        let note = if self.rng.u8(..4) == 0 { String::new() } else { "as seen".to_owned() };
        let act = match self.rng.u8(..13) {
            0 => Act::StartPrepare { statement: note },
            1 => match self.last.clone() {
                Some((step, plan_hash, token)) => Act::StartStep { step, plan_hash, token },
                None => return Ok(()),
            },
            2 => Act::StartStep { step, plan_hash: "0".repeat(64), token: None },
            // By the run's number and not by chance, so that kept scenarios draw the same numbers.
            3 if view.seq.is_multiple_of(8) => Act::SkipStep { step: StepId::RunMigration, note },
            3 if view.seq % 8 == 1 => Act::ReportUndone { step, attempt, how: UndoKind::Restored, note },
            3 if view.seq % 8 == 2 => {
                let order = order_to_stop(view, chosen, view.seq.is_multiple_of(3));
                Act::StopScript(StopScriptRequest { note, ..order })
            }
            3 if view.seq % 8 == 3 => Act::StartOver { note },
            3 => Act::ReportDone { step, note },
            4 if self.person.errs > 0 => Act::SettleDoubt { step, attempt, happened: self.rng.bool(), note },
            5 => Act::AnswerCheck { check: "study".to_owned(), answer: CheckAnswer::Passed, note },
            6 => Act::EndRun { result: RunResult::Released, note },
            7 => Act::EndRun { result: RunResult::ReleasedWithFailedCheck, note },
            8 if self.rng.u8(..8) == 0 => Act::EndRun { result: RunResult::Stopped, note },
            9 => Act::ChangeOperator { person: "Ben".to_owned() },
            10 => return self.release.observe(self.by.clone(), step).await.map(drop),
            11 => Act::AcquireLock { over: None },
            _ => return self.press(step).await,
        };
        self.act(act).await.map(drop)
    }
}

/// The takeover from the owner that a refusal names, or `None` without an owner.
fn over(failure: &Failure) -> Option<TakeOver> {
    let from = RunId(failure.params.get("run")?.clone());
    Some(TakeOver { from, reason: "we spoke on the phone".to_owned() })
}

/// Whether no step is left: an optional one counts only once it is offered.
fn is_all_done(view: &RunView) -> bool {
    let is_unused = |step: &StepView| step.definition.is_optional && step.status() != Status::AwaitingOperator;
    view.steps.iter().all(|step| is_unused(step) || step.status().is_done())
}
