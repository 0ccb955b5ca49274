//! One open run: the handle that the shell holds, what a person can do, and the checks before it is done.
//!
//! The work itself stands in [`crate::runner`]; this file only decides what may be asked of it.

mod earlier;

use std::{sync::Arc, time::Duration};

use greenlight_types::{
    Actor, BegunElsewhere, CheckAnswer, DeployRequest, Difference, ErrorCode, EventBody, Failure, Observation, Phase,
    Profile, Realm, Retry, RunEvent, RunId, RunResult, RunView, StagingMachine, Status, StepId, StepPlan, TakeOver,
    Version,
};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    doubt::{self, Fenced},
    elsewhere, environment, fold,
    journal::Journal,
    mutant::{self, Mutant},
    ports::{Clock, Held, Hold, HostAddress, Ids, Ports, Revoked, Screen, Taker, Why},
    profile,
    runner::{self, Message},
    spool::Spool,
    step::StepContext,
    steps,
};

/// Longest time that a step takes to record what the world shows.
const SETTLES_WITHIN: Duration = Duration::from_secs(300);

/// What a run needs besides its ports.
#[derive(Clone)]
pub struct Parts {
    /// Where events are kept.
    pub journal: Arc<dyn Journal>,
    /// What is told to the screen.
    pub screen: Arc<dyn Screen>,
    /// Where lines are kept.
    pub spool: Arc<dyn Spool>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
}

/// What a person can do with a run.
#[derive(Clone, Debug)]
pub enum Act {
    /// Start Prepare.
    StartPrepare {
        /// "Testing of 2.1.0 is finished".
        statement: String,
    },
    /// "Continue this release here": start Prepare on what was begun on another computer.
    ContinueHere(BegunElsewhere),
    /// Start Deploy.
    StartDeploy(DeployRequest),
    /// Ask for the one-use token of an irreversible step, for the plan that was shown.
    Confirm {
        /// Which step.
        step: StepId,
        /// Hash of the plan that was shown.
        plan_hash: String,
    },
    /// Press the button of a step.
    Run {
        /// Which step.
        step: StepId,
        /// Hash of the plan that was shown.
        plan_hash: String,
        /// Token of [`Act::Confirm`] where the step is irreversible.
        token: Option<String>,
    },
    /// Answer the question of a plan.
    Answer {
        /// Which step.
        step: StepId,
        /// Question id.
        question: String,
        /// Choice id.
        answer: String,
        /// What the person wrote.
        note: String,
    },
    /// "I did it by hand".
    FinishedByHand {
        /// Which step.
        step: StepId,
        /// What the person wrote.
        note: String,
    },
    /// "I looked: it did / did not happen".
    SettleDoubt {
        /// Which step.
        step: StepId,
        /// Attempt that the person looked for.
        attempt: u32,
        /// What the person saw.
        happened: bool,
        /// What the person wrote.
        note: String,
    },
    /// "I looked: it did not happen", of a script that started and is over.
    CallFailed {
        /// Which step.
        step: StepId,
        /// Attempt that the person looked for.
        attempt: u32,
        /// What the person wrote.
        note: String,
    },
    /// Answer a check of the site.
    AnswerCheck {
        /// Check id.
        check: String,
        /// The answer.
        answer: CheckAnswer,
        /// What the person wrote.
        note: String,
    },
    /// End the run.
    End {
        /// How.
        result: RunResult,
        /// What the person wrote.
        note: String,
    },
    /// Take the environment back for this run.
    TakeEnvironment {
        /// From whom and why; absent when nobody holds it.
        over: Option<TakeOver>,
    },
    /// "Someone else takes over".
    TakeOver {
        /// Who.
        person: String,
    },
}

/// Answer to an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is on disk.
    Done,
    /// The one-use token.
    Token(String),
}

/// Handle of one open run. The run is driven until every handle is gone or [`Release::close`] is called; nothing is
/// stopped in the world by that.
#[derive(Clone)]
pub struct Release {
    messages: mpsc::Sender<Message>,
    view: watch::Receiver<Arc<RunView>>,
    context: StepContext,
    journal: Arc<dyn Journal>,
}

impl Release {
    /// Makes a run and freezes everything it needs. `anyway` is why a version that was released before, or is not newer
    /// than one that was, is right; it is kept with the person (RELEASE.md 4).
    ///
    /// # Errors
    /// `Unconfirmed` when a real run would start with a value that nobody confirmed; `VersionNotNewer` without a reason;
    /// `JournalFailed`.
    pub async fn draft(
        parts: &Parts,
        profile: &Profile,
        realm: Realm,
        version: &Version,
        by: &Actor,
        anyway: Option<&str>,
    ) -> Result<RunId, Failure> {
        let open = profile::unconfirmed(profile);
        if let Some(first) = open.first() {
            let keys: Vec<&str> = open.iter().map(|one| one.key.as_str()).collect();
            return Err(Failure::new(
                ErrorCode::Unconfirmed,
                "start a release: values that nobody confirmed are missing",
            )
            .with("keys", keys.join(", "))
            .hint(format!("Enter and confirm: {}.", first.label)));
        }
        let run = RunId(parts.ids.fresh());
        let body = EventBody::Run(RunEvent::Drafted {
            version: version.clone(),
            profile: Box::new(profile.clone()),
            names: profile.names(version),
            steps: steps::definitions(profile, version),
            realm,
        });
        let mut bodies = vec![body];
        if let Some(text) = earlier::not_newer(parts.journal.as_ref(), profile, realm, version).await? {
            bodies.push(earlier::answered(text, anyway)?);
        }
        let count = u32::try_from(bodies.len()).unwrap_or(1);
        parts.journal.append(&run, 0, &parts.clock.now(), by, bodies).await?;
        parts.screen.moved(&run, count);
        Ok(run)
    }

    /// Opens a run: folds its events, puts every attempt without an outcome in doubt, asks the world, and goes on.
    /// Opening never starts a changing step.
    ///
    /// # Errors
    /// `JournalFailed`, `JournalNewer`, or `NotAllowedNow` when it has ended.
    pub async fn open(parts: Parts, ports: Ports, run: &RunId, by: Actor) -> Result<Self, Failure> {
        let journal = parts.journal.clone();
        let opened = runner::open(parts, ports, run, by).await?;
        let release = Self { messages: opened.messages, view: opened.view, context: opened.context, journal };
        tokio::spawn(opened.runner.drive());
        Ok(release)
    }

    /// The run as its journal tells it.
    #[must_use]
    pub fn view(&self) -> RunView {
        (**self.view.borrow()).clone()
    }

    /// Changes of the run.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<RunView>> {
        self.view.clone()
    }

    /// Does what a person asks, or refuses with a reason.
    ///
    /// # Errors
    /// A refusal always leaves everything as it was.
    pub async fn act(&self, by: Actor, act: Act) -> Result<Answer, Failure> {
        match act {
            Act::FinishedByHand { step, note } => self.finished_by_hand(by, step, note).await,
            Act::SettleDoubt { step, attempt, happened, mut note } => {
                // What is not in doubt yet may be so by the time that the runner reads this, and its gate would still be open.
                doubt::doubted(&self.view(), step, attempt)?;
                if !note.trim().is_empty() {
                    if happened {
                        self.close_gates(&by, step, &note).await?;
                    } else {
                        let (_, plan) = self.attempt(step);
                        match doubt::fence_for_word(&self.context, step, plan.as_ref()).await? {
                            Fenced::Never(known) => note.push_str(&known),
                            Fenced::Over => {
                                let act = Act::CallFailed { step, attempt, note };
                                return self.ask(|reply| Message::Act { by, act, reply }).await;
                            }
                        }
                    }
                }
                self.ask(|reply| Message::Act { by, act: Act::SettleDoubt { step, attempt, happened, note }, reply })
                    .await
            }
            Act::StartDeploy(request) => self.start_deploy(by, request).await,
            Act::TakeEnvironment { over } => self.take_back(&by, over).await,
            Act::Run { step, .. } => {
                if step.phase() == Phase::Deploy {
                    environment::still_held(&self.context).await?;
                }
                self.ask(|reply| Message::Act { by, act, reply }).await
            }
            Act::StartPrepare { .. }
            | Act::ContinueHere(_)
            | Act::Confirm { .. }
            | Act::Answer { .. }
            | Act::CallFailed { .. }
            | Act::AnswerCheck { .. }
            | Act::End { .. }
            | Act::TakeOver { .. } => self.ask(|reply| Message::Act { by, act, reply }).await,
        }
    }

    /// What a step would change now. The plan that was given last is the one that may be run.
    ///
    /// # Errors
    /// Whatever kept the step from looking; nothing was changed.
    pub async fn plan(&self, step: StepId) -> Result<StepPlan, Failure> {
        let view = self.view();
        let phase_is_open = runner::is_active(view.state, step.phase());
        if !phase_is_open {
            return Err(Failure::new(
                ErrorCode::NotAllowedNow,
                "plan this step before its part of the run has started",
            ));
        }
        let plan = steps::get(step).plan(&self.context).await?;
        let shown = plan.clone();
        self.ask(|reply| Message::Shown { plan: Box::new(shown), reply }).await?;
        Ok(plan)
    }

    /// Asks the world about a step. When the step is in doubt, the answer settles it where it can.
    ///
    /// # Errors
    /// `JournalFailed` when the answer could not be recorded.
    pub async fn observe(&self, by: Actor, step: StepId) -> Result<Observation, Failure> {
        let (attempt, plan) = self.attempt(step);
        let seen = doubt::ask(&self.context, step, plan.as_ref()).await;
        let told = seen.clone();
        self.ask(|reply| Message::Observed { by, step, attempt, seen: told, reply: Some(reply) }).await?;
        Ok(seen)
    }

    /// What differs from the day of Prepare, each in words; empty when nothing does.
    ///
    /// # Errors
    /// Whatever kept us from looking.
    pub async fn deploy_differences(&self) -> Result<Vec<Difference>, Failure> {
        let mut found = crate::deploy_check::differences(&self.context).await?;
        found.extend(environment::ask_known_machines(&self.context, self.journal.as_ref()).await?);
        Ok(found)
    }

    /// Who began this version on another computer, while this run is a draft. What stands in this computer's own record was
    /// begun here.
    ///
    /// # Errors
    /// Whatever kept us from looking.
    pub async fn begun_elsewhere(&self) -> Result<Option<BegunElsewhere>, Failure> {
        let Some(begun) = elsewhere::begun(&self.context).await? else { return Ok(None) };
        let ours = self.journal.runs().await?;
        Ok(Some(begun).filter(|begun| begun.run.as_ref().is_none_or(|run| !ours.contains(run))))
    }

    /// "Continue this release here": starts Prepare on what the world shows, and records each step that is done already,
    /// with its evidence, up to the first one that is not. Changes nothing outside.
    ///
    /// # Errors
    /// `NotAllowedNow` when nobody began it elsewhere; whatever kept a step from looking. What is recorded by then stays,
    /// and the rest waits for its buttons.
    pub async fn continue_here(&self, by: Actor) -> Result<(), Failure> {
        let begun = self.begun_elsewhere().await?.ok_or_else(|| {
            Failure::new(ErrorCode::NotAllowedNow, "continue this release here: nobody began it on another computer")
        })?;
        self.act(by.clone(), Act::ContinueHere(begun)).await?;
        for step in elsewhere::steps() {
            if self.settled(step).await? != Status::AwaitingOperator {
                return Ok(());
            }
            let plan = self.plan(step).await?;
            if plan.already.is_none() {
                return Ok(());
            }
            self.act(by.clone(), Act::Run { step, plan_hash: plan.hash, token: None }).await?;
            if !self.settled(step).await?.is_done() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// State of a step once it neither runs nor waits for another one.
    async fn settled(&self, step: StepId) -> Result<Status, Failure> {
        let status = |view: &RunView| fold::step(view, step).map_or(Status::NotStarted, |step| step.status());
        let mut view = self.view.clone();
        let wait = view.wait_for(|view| elsewhere::is_settled(status(view)));
        tokio::select! {
            biased;
            settled = wait => settled.map(|view| status(&view)).map_err(|_| {
                Failure::new(ErrorCode::NotAllowedNow, "reach this run: it is not open any more")
            }),
            () = self.context.wait(SETTLES_WITHIN) => Err(Failure::new(
                ErrorCode::TimedOut,
                "record what the world shows: a step did not come to its end",
            )),
        }
    }

    /// What stays behind when the run is ended now.
    #[must_use]
    pub fn left_behind(&self) -> Vec<String> {
        crate::deploy_check::left_behind(&self.view())
    }

    /// Whether nothing drives the run any more: it was closed, or its record could not be written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.messages.is_closed()
    }

    /// Stops driving the run. Nothing is stopped in the world.
    pub async fn close(self) {
        // A runner that is gone already is closed.
        let _ = self.messages.send(Message::Close).await;
        self.messages.closed().await;
    }

    fn status(&self, step: StepId) -> Option<Status> {
        fold::step(&self.view.borrow(), step).map(|step| step.status())
    }

    fn attempt(&self, step: StepId) -> (u32, Option<StepPlan>) {
        let view = self.view.borrow();
        fold::step(&view, step).map_or((0, None), |step| (step.attempt, step.plan.clone()))
    }

    async fn start_deploy(&self, by: Actor, request: DeployRequest) -> Result<Answer, Failure> {
        let differences = self.deploy_differences().await?;
        let is_open = |one: &&Difference| !request.accepted_differences.contains(&one.id);
        let open: Vec<&str> = differences.iter().filter(is_open).map(|one| one.text.as_str()).collect();
        if !open.is_empty() {
            let list = open.join(" ");
            return Err(Failure::new(
                ErrorCode::PlanChanged,
                "start Deploy: something differs from the day of Prepare",
            )
            .because(list)
            .hint("Read each difference, and accept it or stop here."));
        }
        // Whatever is wrong with the request is said before anything is taken.
        let staging = runner::staging_of(&self.view(), &request)?;
        self.take(&by, staging, request.take_over.clone()).await?;
        self.ask(|reply| Message::StartDeploy { by, request, differences, reply }).await
    }

    async fn take_back(&self, by: &Actor, over: Option<TakeOver>) -> Result<Answer, Failure> {
        let view = self.view();
        let staging = view.staging.filter(|_| runner::is_active(view.state, Phase::Deploy)).ok_or_else(|| {
            Failure::new(ErrorCode::NotAllowedNow, "take the environment before Deploy has started, or after its end")
        })?;
        self.take(by, staging, over).await.map(|()| Answer::Done)
    }

    /// Takes the environment for this run. That it is about to be taken stands in the record first (INV-J1).
    async fn take(&self, by: &Actor, staging: StagingMachine, over: Option<TakeOver>) -> Result<(), Failure> {
        let taking = environment::look(&self.context, self.journal.as_ref(), staging, over).await?;
        let host = HostAddress::of(&taking.staging);
        let view = self.view();
        let taker = Taker {
            person: by.person.clone(),
            computer: by.computer.clone(),
            version: view.version.to_string(),
            reason: taking.reason.clone(),
        };
        let from = taking.from.as_ref().map(|holder| holder.run.clone());
        let by = by.clone();
        self.ask(|reply| Message::Taking { by, taking: Box::new(taking), reply }).await?;
        let held = self.context.ports.host.hold(&host, &Hold::of(&view), &taker, from.as_ref()).await;
        match held.map_err(|failure| failure.retry(Retry::Safe))? {
            Held::Ours => Ok(()),
            Held::NotOurs(holder) => Err(environment::not_held(holder.as_ref())),
        }
    }

    /// "I did it by hand": the world has to show it. Only a failed migration and a backup that no probe can prove rest on
    /// the word of a named person.
    async fn finished_by_hand(&self, by: Actor, step: StepId, note: String) -> Result<Answer, Failure> {
        if note.trim().is_empty() {
            return Err(Failure::new(ErrorCode::BadInput, "record this without a note: say what was done and seen"));
        }
        let (_, plan) = self.attempt(step);
        let status = self.status(step);
        let rests_on_word = matches!(
            (step, status),
            (StepId::RunMigration, Some(Status::AwaitingOperator | Status::Failed | Status::Stopped))
                | (StepId::BackUp, Some(Status::Warned))
        );
        let seen = if rests_on_word {
            self.close_gates(&by, step, &note).await?;
            None
        } else {
            Some(steps::get(step).observe(&self.context, plan.as_ref()).await)
        };
        self.ask(|reply| Message::ByHand { by, step, note, seen, reply }).await
    }

    /// Closes the gate of every job of a step that could still start, before a person's word is taken that it was done
    /// outside the app. What is to be closed stands in the record first (INV-J1).
    ///
    /// # Errors
    /// `NotAllowedNow` when one of them was just started.
    async fn close_gates(&self, by: &Actor, step: StepId, note: &str) -> Result<(), Failure> {
        let unclosed = |failure: Failure| {
            failure.hint("Your word is taken once the app has made sure on the staging machine that it never starts this itself.")
        };
        if mutant::is(Mutant::GateLeftOpen) {
            return Ok(());
        }
        for job in steps::get(step).gates_to_close(&self.context).await.map_err(unclosed)? {
            let (by, note, id) = (by.clone(), note.to_owned(), job.clone());
            if !mutant::is(Mutant::GateClosedUnsaid) {
                self.ask(|reply| Message::Closing { by: Some(by), step, job: id, note, reply }).await?;
            }
            let host = self.context.host()?;
            match self.context.ports.host.revoke(&host, &job, Why::Outside).await.map_err(unclosed)? {
                Revoked::Won => {}
                Revoked::Lost => return Err(doubt::runs(job)),
            }
        }
        Ok(())
    }

    async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<Result<T, Failure>>) -> Message) -> Result<T, Failure> {
        let (reply, answer) = oneshot::channel();
        let closed = || Failure::new(ErrorCode::NotAllowedNow, "reach this run: it is not open any more");
        self.messages.send(message(reply)).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}
