//! The types that acts, decisions and the runner exchange: orders, situations, decisions, and the
//! plans on the screen.

use std::{collections::BTreeMap, sync::Arc};

use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, Difference, ErrorCode, EventBody, Fact, Failure, Handover, LockRefusal,
    Observation, RunEvent, RunResult, RunView, StagingMachine, StepEvent, StepId, StepPlan, StepView,
    StopScriptRequest, Timestamp, UndoKind,
};
use tokio::sync::{mpsc, oneshot};

use crate::{env_lock::LockRequest, fold, journal::Journal, step::StepContext, steps};

/// Answer to an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its events are on disk.
    Done,
    /// The one-use token of [`Act::ConfirmPlan`](super::Act::ConfirmPlan).
    Token(String),
}

/// An act with every answer of the outside world that its decision needs.
pub(crate) enum Order {
    StartPrepare {
        statement: String,
        begun: Option<Handover>,
    },
    StartDeploy {
        request: DeployRequest,
        accepted: Vec<Difference>,
    },
    ShowPlan {
        plan: Box<StepPlan>,
        made_from: u32,
    },
    ConfirmPlan {
        step: StepId,
        plan_hash: String,
    },
    StartStep {
        step: StepId,
        plan_hash: String,
        token: Option<String>,
    },
    AnswerQuestion {
        step: StepId,
        question: String,
        answer: String,
        note: String,
    },
    ReportDone {
        step: StepId,
        note: String,
        observed: Option<Observation>,
    },
    SkipStep {
        step: StepId,
        note: String,
    },
    ReportUndone {
        step: StepId,
        attempt: u32,
        how: UndoKind,
        note: String,
        evidence: String,
    },
    SettleDoubt {
        step: StepId,
        attempt: u32,
        report: Report,
        note: String,
    },
    ApplyObservation {
        step: StepId,
        attempt: u32,
        observed: Observation,
    },
    AnswerCheck {
        check: String,
        answer: CheckAnswer,
        note: String,
    },
    /// `unasked` says why jobs in doubt could not be revoked, one reason for each step.
    EndRun {
        result: RunResult,
        note: String,
        unasked: Vec<(StepId, String)>,
    },
    AcquireLock(Box<LockRequest>),
    RefuseLock(LockRefusal),
    ChangeAddress(Box<StagingMachine>),
    GiveUpMachine {
        note: String,
    },
    RevokeJob {
        step: StepId,
        job: String,
        note: String,
    },
    StopScript(StopScriptRequest),
    CorrectValue {
        key: String,
        value: String,
        reason: String,
    },
    StartOver {
        remote: Box<SeenRemote>,
        note: String,
    },
    ChangeOperator {
        person: String,
    },
    LearnFact {
        step: StepId,
        fact: Fact,
    },
}

/// The remote at the moment at which a person starts over on the newest main.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SeenRemote {
    /// Commit of the main branch that the merge was made on.
    pub base: String,
    /// Commit of the main branch now. `None` when the remote has no such branch.
    pub main: Option<String>,
    /// Whether main contains a commit that this run made.
    pub has_ours: bool,
    /// Commit of this version's tag. `None` while the tag is free.
    pub tag: Option<String>,
    /// Whether main says this version, and the base did not.
    pub says_version: bool,
}

/// A person's report on the attempt in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Report {
    /// It had its effect.
    Happened,
    /// It had no effect.
    NeverHappened,
    /// Its script started and ended, and did not complete.
    Failed,
}

/// The run at the moment of a decision.
pub(crate) struct Situation<'a> {
    pub view: &'a RunView,
    /// Plans that were shown, and their confirmation tokens.
    pub plans: &'a PlanDesk,
    /// Person who acts.
    pub by: &'a Actor,
    /// Person who was responsible for the run so far.
    pub operator: &'a Actor,
    pub now: Timestamp,
}

/// The outcome of an act that is allowed.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Decision {
    /// Events to append, in order.
    pub events: Vec<EventBody>,
    /// The work that follows once they are on disk.
    pub then: Then,
}

/// The work that follows a decision.
#[derive(Debug, Default, PartialEq)]
pub(crate) enum Then {
    #[default]
    Nothing,
    /// Run an attempt of a step. Its token is used up.
    Start { step: StepId, attempt: u32, plan: Box<StepPlan> },
    /// Follow an attempt that is under way.
    Attach { step: StepId, attempt: u32 },
    /// Ask the outside world about an attempt in doubt again.
    Ask { step: StepId, attempt: u32 },
    /// Stop following the attempts of these steps. Nothing outside is stopped.
    DropAttempts(Vec<StepId>),
    /// Issue a token for the plan of a step.
    IssueToken { step: StepId, plan_hash: String },
    /// Keep the plan that was shown. It was made from the run at that event.
    KeepPlan { plan: Box<StepPlan>, made_from: u32 },
    /// Forget every plan that was shown, with its token.
    DropPlans,
    /// The person who acts is responsible from now on.
    ChangeOperator(Box<Actor>),
}

impl Decision {
    pub fn events(events: Vec<EventBody>) -> Self {
        Self { events, then: Then::Nothing }
    }

    pub fn run_event(event: RunEvent) -> Self {
        Self::events(vec![event.into()])
    }

    pub fn step_event(event: StepEvent) -> Self {
        Self::events(vec![event.into()])
    }
}

/// A plan, and the number of the last event that it knows.
#[derive(Debug)]
struct ShownPlan {
    plan: StepPlan,
    made_from: u32,
}

/// Plans that were shown, newest per step, and the one-use tokens that confirm one.
#[derive(Debug, Default)]
pub(crate) struct PlanDesk {
    shown: BTreeMap<StepId, ShownPlan>,
    /// Step and plan hash by token.
    tokens: BTreeMap<String, (StepId, String)>,
}

impl PlanDesk {
    /// Keeps a plan that was shown. A confirmation counts as long as the plan has the same hash.
    /// A slow plan from before the last answer must not replace the one from after it: it has the
    /// same hash, and its question is still open.
    pub fn keep(&mut self, plan: StepPlan, made_from: u32) {
        if self.shown.get(&plan.step).is_some_and(|shown| shown.made_from > made_from) {
            return;
        }
        self.tokens.retain(|_, (step, hash)| *step != plan.step || *hash == plan.hash);
        self.shown.insert(plan.step, ShownPlan { plan, made_from });
    }

    /// The plan that was shown for a step, if it has this hash.
    pub fn plan(&self, step: StepId, hash: &str) -> Option<&StepPlan> {
        self.newest(step).filter(|plan| plan.hash == hash)
    }

    /// The newest plan of a step.
    pub fn newest(&self, step: StepId) -> Option<&StepPlan> {
        self.shown.get(&step).map(|shown| &shown.plan)
    }

    /// Issues a token. It replaces an earlier token of the same step.
    pub fn issue(&mut self, token: String, step: StepId, hash: String) {
        self.tokens.retain(|_, (owner, _)| *owner != step);
        self.tokens.insert(token, (step, hash));
    }

    pub fn confirms(&self, token: &str, step: StepId, hash: &str) -> bool {
        self.tokens.get(token).is_some_and(|(owner, confirmed)| *owner == step && confirmed == hash)
    }

    /// Forgets plan and tokens of a step that was started.
    pub fn forget(&mut self, step: StepId) {
        self.tokens.retain(|_, (owner, _)| *owner != step);
        self.shown.remove(&step);
    }
}

/// A message to the runner.
pub(crate) enum Message {
    Order {
        /// Absent when the app acts for the person who is responsible.
        by: Option<Actor>,
        order: Box<Order>,
        reply: oneshot::Sender<Result<Answer, Failure>>,
    },
    /// Stop driving the run.
    Close,
}

/// Sends orders to the runner.
#[derive(Clone)]
pub(crate) struct Orders(pub mpsc::Sender<Message>);

impl Orders {
    /// Sends an order and waits until its events are on disk.
    ///
    /// # Errors
    /// The refusal, or `NotAllowedNow` when the run is not open any more.
    pub async fn send(&self, by: Option<Actor>, order: Order) -> Result<Answer, Failure> {
        let (reply, answer) = oneshot::channel();
        let closed = || Failure::new(ErrorCode::NotAllowedNow, "reach this run: it is not open any more");
        let message = Message::Order { by, order: Box::new(order), reply };
        self.0.send(message).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

/// The outside systems that an act may ask, and the person in whose name it acts.
pub(crate) struct Asker<'a> {
    pub context: &'a StepContext,
    pub journal: &'a dyn Journal,
    pub orders: &'a Orders,
    pub by: &'a Actor,
}

impl Asker<'_> {
    pub fn view(&self) -> Arc<RunView> {
        self.context.run()
    }

    pub async fn order(&self, order: Order) -> Result<Answer, Failure> {
        self.orders.send(Some(self.by.clone()), order).await
    }

    /// Number and plan of the last attempt of a step.
    pub fn attempt(&self, step: StepId) -> (u32, Option<StepPlan>) {
        fold::step(&self.view(), step).map_or((0, None), |step| (step.attempt, step.plan.clone()))
    }
}

/// The event of an attempt that failed or had no effect. If an earlier attempt of the step still
/// counts, the step stays done, with a warning.
pub(crate) fn without_effect(run: &RunView, event: StepEvent) -> StepEvent {
    let (step, attempt, why) = match &event {
        StepEvent::Failed { step, attempt, failure } => (*step, *attempt, failure.to_string()),
        StepEvent::Reset { step, attempt, evidence, .. } => (*step, *attempt, evidence.clone()),
        StepEvent::Offered { .. }
        | StepEvent::Started { .. }
        | StepEvent::Succeeded { .. }
        | StepEvent::Warned { .. }
        | StepEvent::Skipped { .. }
        | StepEvent::InDoubt { .. }
        | StepEvent::Resumed { .. }
        | StepEvent::Undone { .. }
        | StepEvent::Stopped { .. } => return event,
    };
    match steps::get(step).still_counts(run) {
        Some(evidence) => {
            let warning = format!("It was not done again: {why}");
            StepEvent::Warned { step, attempt, evidence: vec![evidence], warning }
        }
        None => event,
    }
}

/// A step of the run. `verb` names the act that needs it. A run that was drafted by an earlier
/// version of the app may not have every step.
///
/// # Errors
/// `NotAllowedNow` when the run does not have the step.
pub(crate) fn step_of<'a>(run: &'a RunView, step: StepId, verb: &str) -> Result<&'a StepView, Failure> {
    fold::step(run, step).ok_or_else(|| refuse(&format!("{verb} this step: the run does not have it")))
}

pub(crate) fn refuse(summary: &str) -> Failure {
    Failure::new(ErrorCode::NotAllowedNow, summary)
}

/// Refuses a person's statement about an effect that the app has to observe.
pub(crate) fn cannot_claim() -> Failure {
    refuse("take a person's word for this step: the app has to see it itself").hint("Ask the world again.")
}

pub(crate) fn plan_changed() -> Failure {
    Failure::new(ErrorCode::PlanChanged, "run what was shown: the plan is another one now").hint("Read the plan again.")
}

/// The refusal of a plan that has an unanswered question or a failed precondition.
pub(crate) fn not_open(plan: &StepPlan) -> Failure {
    if plan.question.is_some() {
        return Failure::new(ErrorCode::QuestionOpen, "run this step: its question has no answer yet");
    }
    let shut: Vec<&str> = plan
        .preconditions
        .iter()
        .filter(|precondition| !precondition.passed)
        .map(|precondition| precondition.text.as_str())
        .collect();
    Failure::new(ErrorCode::PreconditionFailed, "run this step: a condition does not hold").because(shut.join("; "))
}
