//! Acts on an open run, one file per act.
//!
//! An act that needs the outside world has `ask`, which gathers the answers. It may also acquire
//! the environment lock or revoke a job. Every act has `decide`, a pure function from the situation
//! of the run to events, or to a refusal that changes nothing.
//!
//! ```text
//! Release::act -> ask -> Asker::order -> channel -> Runner: decide -> events on disk -> the work
//! ```
//!
//! This module has everything that the acts share.

pub(crate) mod accept_findings;
pub(crate) mod acquire_lock;
pub(crate) mod answer_check;
pub(crate) mod answer_question;
pub(crate) mod apply_observation;
pub(crate) mod change_address;
pub(crate) mod change_operator;
pub(crate) mod confirm_plan;
pub(crate) mod continue_here;
pub(crate) mod correct_value;
pub(crate) mod end_run;
pub(crate) mod give_up_machine;
mod order;
pub(crate) mod report_done;
pub(crate) mod report_undone;
pub(crate) mod revoke_job;
pub(crate) mod settle_doubt;
pub(crate) mod show_plan;
pub(crate) mod skip_step;
pub(crate) mod start_deploy;
pub(crate) mod start_over;
pub(crate) mod start_prepare;
pub(crate) mod start_step;
pub(crate) mod stop_script;
#[cfg(test)]
pub(crate) mod test_support;

use std::{collections::BTreeMap, sync::Arc};

use greenlight_types::{
    Actor, CheckAnswer, DeployRequest, ErrorCode, Failure, RunResult, RunView, StepEvent, StepId, StepPlan, StepView,
    StopScriptRequest, TakeOver, Timestamp, UndoKind,
};
pub use order::Answer;
pub(crate) use order::{Decision, Order, Report, SeenRemote, Then};
use tokio::sync::{mpsc, oneshot};

use crate::{fold, journal::Journal, redact::Redactor, step::StepContext, steps};

/// An act that a person asks for.
#[derive(Clone, Debug)]
pub enum Act {
    StartPrepare {
        /// The statement that testing is finished.
        statement: String,
    },
    StartDeploy(DeployRequest),
    /// Start Prepare or Deploy although the readiness checks found something.
    AcceptFindings {
        /// The sentences of the rows that the person read.
        findings: Vec<String>,
        /// Reason of the person. Required.
        reason: String,
    },
    /// Issue the one-use token of an irreversible step, for the plan that was shown.
    ConfirmPlan {
        step: StepId,
        /// Hash of the plan that was shown.
        plan_hash: String,
    },
    /// Start an attempt of a step.
    StartStep {
        step: StepId,
        /// Hash of the plan that was shown.
        plan_hash: String,
        /// Token of [`Act::ConfirmPlan`] where the step is irreversible.
        token: Option<String>,
    },
    /// Answer the question of a plan.
    AnswerQuestion {
        step: StepId,
        /// Id of the question in the plan.
        question: String,
        /// Id of the choice.
        answer: String,
        /// Note of the person. The question may require one.
        note: String,
    },
    /// Report that the work of a step was done outside the app.
    ReportDone {
        step: StepId,
        /// Note of the person. Required.
        note: String,
    },
    /// Say that this release has no migration.
    SkipStep {
        step: StepId,
        /// Note of the person. Required.
        note: String,
    },
    /// Report that the database is as it was before a migration that ended.
    ReportUndone {
        step: StepId,
        /// Number of the attempt that the person looked at.
        attempt: u32,
        how: UndoKind,
        /// Note of the person. Required.
        note: String,
    },
    /// Report whether an attempt in doubt had its effect.
    SettleDoubt {
        step: StepId,
        /// Number of the attempt that the person looked for.
        attempt: u32,
        /// Whether the attempt had its effect.
        happened: bool,
        /// Note of the person. Required.
        note: String,
    },
    /// Stop the script of a step that hangs.
    StopScript(StopScriptRequest),
    /// Answer a check of the site.
    AnswerCheck {
        /// Id of the check in the profile.
        check: String,
        answer: CheckAnswer,
        /// Note of the person. Required unless the check passed.
        note: String,
    },
    EndRun {
        result: RunResult,
        /// Note of the person. Required unless the result is `Released`.
        note: String,
    },
    /// Acquire the environment lock again, after another run took it.
    AcquireLock {
        /// The owner to take the lock from, and the reason. Absent when the lock is free.
        over: Option<TakeOver>,
    },
    /// Record that the staging machine has another address now.
    ChangeAddress {
        /// Host name or IP address.
        address: String,
        port: u16,
    },
    /// Record that the staging machine is gone.
    GiveUpMachine {
        /// Note of the person. Required.
        note: String,
    },
    /// Correct a value of the profile that the run froze.
    CorrectValue {
        /// Dotted name in the profile: `aws.cluster`.
        key: String,
        value: String,
        /// Reason of the person. Required.
        reason: String,
    },
    /// Make merge, version and tag again on the newest main. Nothing of them was published.
    StartOver {
        /// Note of the person. Required.
        note: String,
    },
    /// Hand the run to another person on this computer.
    ChangeOperator {
        /// Name of that person.
        person: String,
    },
}

impl Act {
    /// The act without secrets in the texts that a person typed. Ids, hashes and addresses do not
    /// change.
    pub(crate) fn cleaned(mut self, redactor: &Redactor) -> Self {
        match &mut self {
            Self::StartPrepare { statement: words }
            | Self::AnswerQuestion { note: words, .. }
            | Self::ReportDone { note: words, .. }
            | Self::SkipStep { note: words, .. }
            | Self::ReportUndone { note: words, .. }
            | Self::SettleDoubt { note: words, .. }
            | Self::AnswerCheck { note: words, .. }
            | Self::EndRun { note: words, .. }
            | Self::CorrectValue { reason: words, .. }
            | Self::GiveUpMachine { note: words }
            | Self::StartOver { note: words } => redactor.clean(words),
            Self::StopScript(wanted) => redactor.clean(&mut wanted.note),
            Self::AcceptFindings { findings, reason } => {
                findings.iter_mut().chain([reason]).for_each(|words| redactor.clean(words));
            }
            Self::StartDeploy(request) => {
                redactor.clean(&mut request.told);
                request.take_over.iter_mut().for_each(|over| redactor.clean(&mut over.reason));
            }
            Self::AcquireLock { over } => over.iter_mut().for_each(|over| redactor.clean(&mut over.reason)),
            Self::ConfirmPlan { .. }
            | Self::StartStep { .. }
            | Self::ChangeAddress { .. }
            | Self::ChangeOperator { .. } => {}
        }
        self
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
    Failure::new(ErrorCode::PreconditionFailed, "run this step: a condition does not hold")
        .because(plan.failed_preconditions().join("; "))
}
