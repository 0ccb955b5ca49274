//! The honest operator of a simulated release: knows the screen and the production, presses only
//! acts that the screen offers, and says only true things.
//!
//! It finds dead ends: states in which no act helps such a person. The checker judges them
//! (INV-L2, INV-L3).

mod choices;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use fastrand::Rng;
use greenlight_engine::{
    options,
    ports::Clock,
    release::{Act, Answer, Release},
};
use greenlight_rehearsal::world::World;
use greenlight_types::{
    Actor, DeployRequest, ErrorCode, FactKind, Failure, Question, Role, RunId, RunResult, RunState, RunView, Status,
    StepId, StepPlan, StepView, TakeOver,
};
use parking_lot::Mutex;
use serde_json::json;

use crate::{
    acts,
    clock::TestClock,
    erratic::Sitting,
    operator::engine::deploy_request,
    scenario::Person,
    tape::Tape,
    truth::{TrueAnswer, Truth},
};

/// Largest number of acts and looks in one process of the app.
const TURNS_MAX: u32 = 1_500;
/// Refusals of one act in one state, after which the operator presses it no more.
const REFUSALS_MAX: u32 = 3;
/// Attempts of one step, after which the operator tries it no more.
const ATTEMPTS_MAX: u32 = 6;
/// Looks without a change, after which the operator ends the run if nothing outside goes on.
const PATIENT_LOOKS: u32 = 8;
/// Looks without a change, after which the operator sees no way on.
const LOOKS_MAX: u32 = 24;
/// Looks without a change while something outside goes on, after which the operator ends the run.
/// They take more than two hours.
const PATIENT_LOOKS_OUTSIDE: u32 = 60;
/// Looks without a change while something outside goes on, after which the operator sees no way on.
const LOOKS_MAX_OUTSIDE: u32 = 90;
/// Longest pause between two looks, in milliseconds, beside the habits of the person.
const PAUSE_MAX_MS: u64 = 300_000;
/// Observations of one doubt before the operator settles it.
const LOOKS_BEFORE_WORD: u32 = 4;
/// Most backups of one release. A person who needs more is too slow for the limit of their age.
const BACKUPS_MAX: u32 = 8;
/// Most questions that one plan asks in sequence.
const QUESTIONS_MAX: u32 = 6;

/// Result of a press.
enum Pressed {
    /// An act was sent.
    Sent,
    /// The plan is closed, so nothing was pressed.
    Closed,
}

pub struct HonestOperator<'a> {
    release: &'a Release,
    clock: TestClock,
    tape: &'a Tape,
    person: &'a Person,
    by: Actor,
    rng: Rng,
    world: &'a Mutex<World>,
    /// The run as the screen shows it.
    view: RunView,
    /// Refusals in the present state of the run, by act. Those of [`words::STARTED_BY_HAND`] count
    /// for all states.
    refused: BTreeMap<String, u32>,
    /// Steps whose plans are closed in the present state of the run.
    closed: BTreeSet<StepId>,
    /// Attempt in doubt that was looked at, and the number of looks.
    looked: (StepId, u32, u32),
    /// Looks without a change.
    still: u32,
    is_over: bool,
}

impl<'a> HonestOperator<'a> {
    pub fn new(
        release: &'a Release,
        clock: TestClock,
        tape: &'a Tape,
        person: &'a Person,
        by: Actor,
        rng: Rng,
        world: &'a Mutex<World>,
    ) -> Self {
        let view = release.view();
        let (refused, closed) = (BTreeMap::new(), BTreeSet::new());
        let looked = (StepId::CheckSite, 0, 0);
        Self { release, clock, tape, person, by, rng, world, view, refused, closed, looked, still: 0, is_over: false }
    }

    /// Acts until the run has ended, or no act helps.
    pub async fn sit(mut self) -> Sitting {
        let mut before = None;
        let mut went_on = false;
        for _ in 0..TURNS_MAX {
            self.view = RunView::clone(&Arc::clone(&self.release.watch().borrow()));
            options::fill(&mut self.view);
            self.tape.shown(&self.view);
            if self.view.state == RunState::Ended {
                return Sitting::Ended;
            }
            let now = Some(progress_of(&self.view));
            if before == now {
                self.still += 1;
            } else {
                (self.still, before) = (0, now);
                // Builds that the app does not count stay as they are.
                self.refused.retain(|name, _| name == words::STARTED_BY_HAND);
            }
            self.closed.clear();
            let goes_on = self.goes_on_outside();
            // A build, script or rollout has ended. The operator gets all looks again.
            if std::mem::replace(&mut went_on, goes_on) && !goes_on {
                self.still = 0;
            }
            let longest = if goes_on { LOOKS_MAX_OUTSIDE } else { LOOKS_MAX };
            if self.still > longest {
                self.give_up();
                return Sitting::Idle;
            }
            self.turn().await;
            if self.is_over {
                return Sitting::Closed;
            }
            self.pause().await;
        }
        self.give_up();
        Sitting::Idle
    }

    /// Waits for a change or for some time. Without changes the operator stays away longer.
    async fn pause(&mut self) {
        let longest = self.person.dawdles_s.max(1);
        let slower = (u64::from(self.still) * 4_000).min(PAUSE_MAX_MS);
        let wait = Duration::from_millis(self.rng.u64(200..=longest * 1_000) + slower);
        let mut changes = self.release.watch();
        changes.mark_unchanged();
        if changes.borrow().seq != self.view.seq {
            return;
        }
        tokio::select! {
            biased;
            _ = changes.changed() => self.clock.sleep(Duration::from_millis(self.rng.u64(50..2_000))).await,
            () = self.clock.sleep(wait) => {}
        }
    }

    fn asks<T>(&self, question: impl FnOnce(&Truth<'_>) -> T) -> T {
        self.tape.with_deeds(|deeds| question(&Truth { world: &self.world.lock(), deeds }))
    }

    fn goes_on_outside(&self) -> bool {
        self.tape.with_deeds(|deeds| Truth { world: &self.world.lock(), deeds }.goes_on())
    }

    /// Number of looks without a change before the operator ends the run.
    fn patience(&self, looks: u32) -> u32 {
        if self.goes_on_outside() { PATIENT_LOOKS_OUTSIDE } else { looks }
    }

    /// Records the state in which no act helps, with every act that the screen offers.
    fn give_up(&self) {
        let mut open: Vec<String> = self.view.may_end.iter().map(|result| end_name(*result)).collect();
        for step in &self.view.steps {
            if step.options.may_start && !self.closed.contains(&step.definition.id) {
                open.push(start_name(step.definition.id));
            }
        }
        let running = |step: &&StepView| step.status() == Status::Running;
        let running: Vec<StepId> = self.view.steps.iter().filter(running).map(|step| step.definition.id).collect();
        self.tape.operator(&json!({
            "kind": "idle", "at": self.clock.now_ms(), "seq": self.view.seq, "open": open, "running": running,
        }));
    }

    /// Performs an act and records it.
    async fn act(&mut self, name: String, act: Act) -> Result<Answer, Failure> {
        let answer = self.release.act(self.by.clone(), act).await;
        self.record(&name, answer.as_ref().err());
        answer
    }

    fn record(&mut self, name: &str, refusal: Option<&Failure>) {
        let refused = refusal.map(|failure| json!({ "code": failure.code, "summary": failure.summary }));
        let is_unmoved = self.release.watch().borrow().seq == self.view.seq;
        self.tape.operator(&json!({
            "kind": "acted", "at": self.clock.now_ms(), "seq": self.view.seq, "act": name, "refused": refused,
            "isUnmoved": is_unmoved,
        }));
        if let Some(failure) = refusal {
            self.is_over |= failure.summary.contains("it is not open any more");
            *self.refused.entry(name.to_owned()).or_default() += 1;
        }
    }

    fn may_press(&self, name: &str) -> bool {
        self.refused.get(name).copied().unwrap_or_default() < REFUSALS_MAX
    }

    /// One act, if any helps now.
    async fn turn(&mut self) {
        match self.view.state {
            RunState::Draft => {
                let name = "StartPrepare".to_owned();
                if self.may_press(&name) {
                    let statement = format!("Testing of {} is finished", self.view.version);
                    let _refused = self.act(name, Act::StartPrepare { statement }).await;
                } else {
                    self.end("Prepare cannot start").await;
                }
            }
            RunState::Prepared => self.start_deploy().await,
            RunState::Preparing | RunState::Deploying | RunState::Checking => self.go_on().await,
            RunState::Ended => {}
        }
    }

    async fn start_deploy(&mut self) {
        let name = "StartDeploy".to_owned();
        if !self.may_press(&name) {
            return self.end("Deploy cannot start").await;
        }
        let differences = match self.release.deploy_differences().await {
            Ok(differences) => differences,
            Err(failure) => return self.record(&name, Some(&failure)),
        };
        if !differences.is_empty() && self.rng.u8(..4) == 0 {
            let note = differences.into_iter().map(|one| one.text).collect::<Vec<_>>().join(" ");
            return self.end(&note).await;
        }
        let fingerprint = self.world.lock().host.fingerprint.clone();
        let mut request = deploy_request(&self.view, &fingerprint, differences);
        if let Some(address) = self.address() {
            request.address = address;
        }
        let Err(failure) = self.act(name.clone(), Act::StartDeploy(request.clone())).await else { return };
        if failure.code == ErrorCode::EnvironmentHeld {
            let request = DeployRequest { take_over: over(&failure), ..request };
            let _refused = self.act(name, Act::StartDeploy(request)).await;
        }
    }

    /// The next act of a run with active steps.
    async fn go_on(&mut self) {
        if self.say().await {
            return;
        }
        let steps = self.view.steps.clone();
        if let Some(doubt) = steps.iter().find(|step| step.status() == Status::InDoubt) {
            return self.settle(doubt).await;
        }
        if self.check_site().await {
            return;
        }
        // The checks of the site wait for answers, and exclude no other step.
        let is_busy = steps.iter().any(|step| {
            step.definition.role == Role::Changing
                && step.definition.id != StepId::CheckSite
                && step.status() == Status::Running
        });
        if is_busy {
            return self.stop_hanging_script().await;
        }
        if self.start_over().await || self.confirm_backup().await || self.choose().await {
            return;
        }
        for step in steps.iter().filter(|step| !step.options.may_choose || step.status() == Status::AwaitingOperator) {
            let id = step.definition.id;
            if step.options.may_report && self.asks(|truth| truth.is_done_outside(step)) {
                let name = format!("ReportDone {}", id.name());
                if self.may_press(&name) {
                    let note = "A developer finished it, and the database says so".to_owned();
                    let _refused = self.act(name, Act::ReportDone { step: id, note }).await;
                    return;
                }
            }
            if step.options.may_start && step.attempt < ATTEMPTS_MAX && self.may_press(&start_name(id)) {
                match self.press(id).await {
                    Pressed::Sent => return,
                    Pressed::Closed => _ = self.closed.insert(id),
                }
            }
        }
        let is_hopeless = steps.iter().any(|step| step.status() == Status::Failed);
        let patience = if is_hopeless { 2 } else { PATIENT_LOOKS };
        if self.still >= self.patience(patience) {
            self.end("Nothing goes on").await;
        }
    }

    /// Reads the plan, answers its questions truly, confirms and starts the step.
    async fn press(&mut self, id: StepId) -> Pressed {
        let name = start_name(id);
        let mut asked = None;
        for _ in 0..QUESTIONS_MAX {
            let plan = match self.release.plan(id).await {
                Ok(plan) => plan,
                Err(failure) => {
                    self.record(&name, Some(&failure));
                    return Pressed::Sent;
                }
            };
            for precondition in plan.preconditions.iter().filter(|one| !one.passed) {
                self.tape.count(acts::of_precondition(&precondition.id));
            }
            let Some(question) = plan.question.clone().filter(|_| plan.already.is_none()) else {
                return self.start(&plan).await;
            };
            if kind_of(&question.id) == "awsGivesUp" && self.raise_limit().await {
                return Pressed::Sent;
            }
            if asked.as_ref() == Some(&question.id) || !self.answer(id, &question).await {
                return Pressed::Closed;
            }
            asked = Some(question.id);
        }
        Pressed::Closed
    }

    /// Gives the true answer to a question. Returns whether it was accepted.
    async fn answer(&mut self, step: StepId, question: &Question) -> bool {
        let note =
            |kind: &str| json!({ "kind": kind, "at": self.clock.now_ms(), "step": step, "question": question.id });
        match self.asks(|truth| truth.answer(&self.view, question)) {
            // An answer that keeps the plan closed leaves its question open.
            TrueAnswer::Choice(answer) if self.has_answered(&question.id, &answer) => false,
            TrueAnswer::Choice(answer) => {
                let act = Act::AnswerQuestion { step, question: question.id.clone(), answer, note: "as agreed".into() };
                self.act(format!("AnswerQuestion {}", kind_of(&question.id)), act).await.is_ok()
            }
            TrueAnswer::None => {
                self.tape.operator(&note("noTrueAnswer"));
                false
            }
            TrueAnswer::Later => false,
            TrueAnswer::Unknown => {
                self.tape.operator(&note("notTaught"));
                false
            }
        }
    }

    fn has_answered(&self, question: &str, answer: &str) -> bool {
        let newest = self.view.answers.iter().rev().find(|one| one.question == question);
        newest.is_some_and(|one| one.answer == answer)
    }

    async fn start(&mut self, plan: &StepPlan) -> Pressed {
        let step = plan.step;
        if plan.already.is_none() && !plan.is_open() {
            let may_repeat = |step: &StepView| {
                step.definition.id == StepId::BackUp && step.options.may_repeat && step.attempt < BACKUPS_MAX
            };
            let asks_for_backup = |id: &str| matches!(id, "backupProved" | "databaseSaidAtBackup");
            // Another backup helps only if nothing else keeps the step closed.
            let is_old = plan.preconditions.iter().all(|one| asks_for_backup(&one.id) || one.passed);
            let name = start_name(StepId::BackUp);
            if is_old && self.view.steps.iter().any(may_repeat) && self.may_press(&name) {
                return match self.release.plan(StepId::BackUp).await {
                    Ok(plan) if plan.is_open() => self.send(&plan).await,
                    Ok(_) => Pressed::Closed,
                    Err(failure) => {
                        self.record(&name, Some(&failure));
                        Pressed::Sent
                    }
                };
            }
            self.tape.reached(format!("closed plan of {}", step.name()));
            return Pressed::Closed;
        }
        self.send(plan).await
    }

    async fn send(&mut self, plan: &StepPlan) -> Pressed {
        let (step, plan_hash) = (plan.step, plan.hash.clone());
        let mut token = None;
        if plan.irreversible && plan.already.is_none() {
            let act = Act::ConfirmPlan { step, plan_hash: plan_hash.clone() };
            match self.act(start_name(step), act).await {
                Ok(Answer::Token(given)) => token = Some(given),
                Ok(Answer::Done) => {}
                Err(_) => return Pressed::Sent,
            }
        }
        let refusal = self.act(start_name(step), Act::StartStep { step, plan_hash, token }).await.err();
        if let Some(failure) = refusal.filter(|failure| failure.code == ErrorCode::EnvironmentHeld) {
            // The operator speaks with the other person, who agrees.
            let act = Act::AcquireLock { over: over(&failure) };
            let _refused = self.act("AcquireLock".to_owned(), act).await;
        }
        Pressed::Sent
    }

    /// Asks the app about a step in doubt, several times. Then settles it by the state of the
    /// world.
    async fn settle(&mut self, step: &StepView) {
        let (id, attempt) = (step.definition.id, step.attempt);
        if (self.looked.0, self.looked.1) != (id, attempt) {
            self.looked = (id, attempt, 0);
        }
        if self.looked.2 <= self.still / 3 && self.looked.2 < 2 * LOOKS_BEFORE_WORD {
            self.looked.2 += 1;
            let refusal = self.release.observe(self.by.clone(), id).await.err();
            return self.record(&format!("Observe {}", id.name()), refusal.as_ref());
        }
        if step.options.may_answer && self.answer_doubt(id).await {
            return;
        }
        let name = format!("SettleDoubt {}", id.name());
        if self.looked.2 < LOOKS_BEFORE_WORD {
            return;
        }
        if self.leaves_doubt(id) {
            return self.end("Nobody knows what became of the database").await;
        }
        if self.may_press(&name)
            && let Some(happened) = self.asks(|truth| truth.has_happened(&self.view, step))
            && (step.options.may_claim || !happened)
        {
            let note = "I looked at it with a developer".to_owned();
            let _refused = self.act(name, Act::SettleDoubt { step: id, attempt, happened, note }).await;
        } else if self.still >= self.patience(2 * PATIENT_LOOKS) {
            self.end("It cannot be known here").await;
        }
    }

    /// Ends the run with the truest result that the screen offers.
    async fn end(&mut self, note: &str) {
        let is_changed = self.view.facts.iter().any(|learned| {
            matches!(learned.fact.kind(), FactKind::MainPublished | FactKind::TagPublished | FactKind::RevisionSaved)
        });
        let before_deploy = if is_changed { RunResult::Stopped } else { RunResult::Abandoned };
        let ranked = [
            RunResult::ReleasedWithFailedCheck,
            RunResult::RolledBack,
            before_deploy,
            RunResult::Stopped,
            RunResult::Abandoned,
        ];
        let offered = |result: &RunResult| self.view.may_end.contains(result) && self.may_press(&end_name(*result));
        let Some(result) = ranked.into_iter().find(offered) else { return };
        let _refused = self.act(end_name(result), Act::EndRun { result, note: note.to_owned() }).await;
    }
}

/// The part of a view whose change is progress. Facts are none: servers that start and fail give
/// new ones for ever.
fn progress_of(view: &RunView) -> (RunState, Vec<(Status, u32)>, usize, usize) {
    let steps = view.steps.iter().map(|step| (step.status(), step.attempt)).collect();
    (view.state, steps, view.answers.len(), view.checks.len())
}

fn start_name(step: StepId) -> String {
    format!("StartStep {}", step.name())
}

fn end_name(result: RunResult) -> String {
    format!("EndRun {result:?}")
}

/// The part of a question's id that names its kind.
fn kind_of(question: &str) -> &str {
    question.split(':').next().unwrap_or(question)
}

/// The takeover from the owner that a refusal names, or `None` without an owner.
fn over(failure: &Failure) -> Option<TakeOver> {
    let from = RunId(failure.params.get("run")?.clone());
    Some(TakeOver { from, reason: "we spoke on the phone".to_owned() })
}
