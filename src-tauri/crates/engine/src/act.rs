//! Acts on an open run, one file each.
//!
//! An act that needs the outside world has `ask`, which gathers the answer and may take hold of things there.
//! Every act has `decide`, a pure function from the situation of the run to events, or to a refusal that changes
//! nothing. The runner calls `decide`, appends the events, and then does what the decision says.

pub(crate) mod acquire_lock;
pub(crate) mod answer_check;
pub(crate) mod answer_question;
pub(crate) mod apply_observation;
pub(crate) mod change_operator;
pub(crate) mod confirm_plan;
pub(crate) mod continue_here;
pub(crate) mod end_run;
pub(crate) mod report_done;
pub(crate) mod revoke_job;
pub(crate) mod settle_doubt;
pub(crate) mod show_plan;
pub(crate) mod start_deploy;
pub(crate) mod start_prepare;
pub(crate) mod start_step;
#[cfg(test)]
pub(crate) mod testing;

use std::{collections::BTreeMap, sync::Arc};

use greenlight_types::{
    Actor, BegunElsewhere, CheckAnswer, DeployRequest, Difference, ErrorCode, EventBody, Fact, Failure, Observation,
    RunEvent, RunResult, RunView, StepEvent, StepId, StepPlan, TakeOver, Timestamp,
};
use tokio::sync::{mpsc, oneshot};

use crate::{environment::Taking, fold, journal::Journal, step::StepContext, steps};

/// An act that a person asks for.
#[derive(Clone, Debug)]
pub enum Act {
    /// Start Prepare.
    StartPrepare {
        /// The statement that testing is finished.
        statement: String,
    },
    /// Start Prepare on a release that was begun on another computer.
    ContinueHere(BegunElsewhere),
    /// Start Deploy.
    StartDeploy(DeployRequest),
    /// Issue the one-use token of an irreversible step, for the plan that was shown.
    Confirm {
        /// The step.
        step: StepId,
        /// Hash of the plan that was shown.
        plan_hash: String,
    },
    /// Start a step.
    Run {
        /// The step.
        step: StepId,
        /// Hash of the plan that was shown.
        plan_hash: String,
        /// Token of [`Act::Confirm`] where the step is irreversible.
        token: Option<String>,
    },
    /// Answer the question of a plan.
    Answer {
        /// The step.
        step: StepId,
        /// Question id.
        question: String,
        /// Choice id.
        answer: String,
        /// Note of the person.
        note: String,
    },
    /// Report that the work of a step was done outside the app.
    FinishedByHand {
        /// The step.
        step: StepId,
        /// Note of the person.
        note: String,
    },
    /// Report whether an attempt in doubt had its effect.
    SettleDoubt {
        /// The step.
        step: StepId,
        /// Attempt that the person looked for.
        attempt: u32,
        /// Whether it had its effect.
        happened: bool,
        /// Note of the person.
        note: String,
    },
    /// Answer a check of the site.
    AnswerCheck {
        /// Check id.
        check: String,
        /// The answer.
        answer: CheckAnswer,
        /// Note of the person.
        note: String,
    },
    /// End the run.
    End {
        /// Result of the run.
        result: RunResult,
        /// Note of the person.
        note: String,
    },
    /// Acquire the environment's lock again for this run.
    TakeEnvironment {
        /// The owner to take it from and the reason; absent when the lock is free.
        over: Option<TakeOver>,
    },
    /// Hand the run to another person on this computer.
    TakeOver {
        /// That person.
        person: String,
    },
}

/// Answer to an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Its events are on disk.
    Done,
    /// The one-use token of [`Act::Confirm`].
    Token(String),
}

/// An act with every answer of the outside world that its decision needs.
pub(crate) enum Order {
    StartPrepare { statement: String, begun: Option<BegunElsewhere> },
    StartDeploy { request: DeployRequest, accepted: Vec<Difference> },
    ShowPlan(Box<StepPlan>),
    ConfirmPlan { step: StepId, plan_hash: String },
    StartStep { step: StepId, plan_hash: String, token: Option<String> },
    AnswerQuestion { step: StepId, question: String, answer: String, note: String },
    ReportDone { step: StepId, note: String, observed: Option<Observation> },
    SettleDoubt { step: StepId, attempt: u32, report: settle_doubt::Report, note: String },
    ApplyObservation { step: StepId, attempt: u32, observed: Observation },
    AnswerCheck { check: String, answer: CheckAnswer, note: String },
    EndRun { result: RunResult, note: String },
    AcquireLock(Box<Taking>),
    RevokeJob { step: StepId, job: String, note: String },
    ChangeOperator { person: String },
    LearnFact { step: StepId, fact: Fact },
}

/// The run at the moment of a decision.
pub(crate) struct Situation<'a> {
    pub view: &'a RunView,
    /// Plans that were shown, and their confirmations.
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
    /// Run an attempt of a step; its token is used up.
    Start { step: StepId, attempt: u32, plan: Box<StepPlan> },
    /// Follow an attempt that is under way.
    Attach { step: StepId, attempt: u32 },
    /// Issue a token for the plan of a step.
    IssueToken { step: StepId, plan_hash: String },
    /// Keep the plan that was shown.
    KeepPlan(Box<StepPlan>),
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

/// Plans that were shown, newest per step, and the one-use tokens that confirm one.
#[derive(Debug, Default)]
pub(crate) struct PlanDesk {
    shown: BTreeMap<StepId, StepPlan>,
    /// Step and plan hash by token.
    tokens: BTreeMap<String, (StepId, String)>,
}

impl PlanDesk {
    /// Keeps a plan that was shown. A confirmation counts as long as the plan has the same hash.
    pub fn keep(&mut self, plan: StepPlan) {
        self.tokens.retain(|_, (step, hash)| *step != plan.step || *hash == plan.hash);
        self.shown.insert(plan.step, plan);
    }

    /// The plan of a step, when it is still the one with this hash.
    pub fn plan(&self, step: StepId, hash: &str) -> Option<&StepPlan> {
        self.shown.get(&step).filter(|plan| plan.hash == hash)
    }

    /// The newest plan of a step.
    pub fn newest(&self, step: StepId) -> Option<&StepPlan> {
        self.shown.get(&step)
    }

    /// Issues a token; only the newest one of a step counts.
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

/// Decides an order.
///
/// # Errors
/// The refusal; nothing was changed.
pub(crate) fn decide(now: &Situation<'_>, order: Order) -> Result<Decision, Failure> {
    match order {
        Order::StartPrepare { statement, begun } => start_prepare::decide(now, statement, begun),
        Order::StartDeploy { request, accepted } => start_deploy::decide(now, request, accepted),
        Order::ShowPlan(plan) => Ok(Decision { events: Vec::new(), then: Then::KeepPlan(plan) }),
        Order::ConfirmPlan { step, plan_hash } => confirm_plan::decide(now, step, plan_hash),
        Order::StartStep { step, plan_hash, token } => start_step::decide(now, step, &plan_hash, token.as_deref()),
        Order::AnswerQuestion { step, question, answer, note } => {
            answer_question::decide(now, step, question, answer, note)
        }
        Order::ReportDone { step, note, observed } => report_done::decide(now, step, note, observed),
        Order::SettleDoubt { step, attempt, report, note } => settle_doubt::decide(now, step, attempt, report, &note),
        Order::ApplyObservation { step, attempt, observed } => {
            Ok(apply_observation::decide(now, step, attempt, &observed))
        }
        Order::AnswerCheck { check, answer, note } => answer_check::decide(now, check, answer, note),
        Order::EndRun { result, note } => end_run::decide(now, result, note),
        Order::AcquireLock(taking) => acquire_lock::decide(now, *taking),
        Order::RevokeJob { step, job, note } => revoke_job::decide(now, step, job, note),
        Order::ChangeOperator { person } => change_operator::decide(now, &person),
        Order::LearnFact { step, fact } => Ok(Decision::run_event(RunEvent::FactLearned { step, fact })),
    }
}

/// What the runner receives.
pub(crate) enum Message {
    Order {
        /// Absent where the app acts for the person who is responsible.
        by: Option<Actor>,
        order: Box<Order>,
        reply: oneshot::Sender<Result<Answer, Failure>>,
    },
    /// Stop driving.
    Close,
}

/// The way of orders to the runner.
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

/// Whom an act may ask, and in whose name.
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

/// Asks the outside world where an act needs it, then orders the act.
///
/// # Errors
/// The refusal; the run is as it was.
pub(crate) async fn perform(asker: &Asker<'_>, act: Act) -> Result<Answer, Failure> {
    let order = match act {
        Act::StartPrepare { statement } => Order::StartPrepare { statement, begun: None },
        Act::ContinueHere(begun) => {
            Order::StartPrepare { statement: crate::elsewhere::statement(&begun), begun: Some(begun) }
        }
        Act::StartDeploy(request) => start_deploy::ask(asker, request).await?,
        Act::Confirm { step, plan_hash } => Order::ConfirmPlan { step, plan_hash },
        Act::Run { step, plan_hash, token } => start_step::ask(asker, step, plan_hash, token).await?,
        Act::Answer { step, question, answer, note } => Order::AnswerQuestion { step, question, answer, note },
        Act::FinishedByHand { step, note } => report_done::ask(asker, step, note).await?,
        Act::SettleDoubt { step, attempt, happened, note } => {
            settle_doubt::ask(asker, step, attempt, happened, note).await?
        }
        Act::AnswerCheck { check, answer, note } => Order::AnswerCheck { check, answer, note },
        Act::End { result, note } => Order::EndRun { result, note },
        Act::TakeEnvironment { over } => return acquire_lock::again(asker, over).await,
        Act::TakeOver { person } => Order::ChangeOperator { person },
    };
    asker.order(order).await
}

/// The event of an attempt that failed or had no effect. A step of which an earlier attempt still counts stays done,
/// with a warning.
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

pub(crate) fn refuse(summary: &str) -> Failure {
    Failure::new(ErrorCode::NotAllowedNow, summary)
}

/// A person's word cannot stand for what the app has to see.
pub(crate) fn cannot_claim() -> Failure {
    refuse("take a person's word for this step: the app has to see it itself").hint("Ask the world again.")
}

pub(crate) fn plan_changed() -> Failure {
    Failure::new(ErrorCode::PlanChanged, "run what was shown: the plan is another one now").hint("Read the plan again.")
}

/// The refusal of a plan whose question or precondition is open.
pub(crate) fn not_open(plan: &StepPlan) -> Failure {
    if plan.question.is_some() {
        return Failure::new(ErrorCode::QuestionOpen, "run this step: its question has no answer yet");
    }
    let shut: Vec<&str> = plan.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.text.as_str()).collect();
    Failure::new(ErrorCode::GateClosed, "run this step: a condition does not hold").because(shut.join("; "))
}
