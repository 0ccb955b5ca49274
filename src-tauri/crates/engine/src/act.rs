//! Acts on an open run, one file each.
//!
//! An act that needs the outside world has `ask`, which gathers the answer and may take hold of things there.
//! Every act has `decide`, a pure function from the situation of the run to events, or to a refusal that changes
//! nothing. The runner calls `decide`, appends the events, and then carries out the decision.

pub(crate) mod acquire_lock;
pub(crate) mod answer_check;
pub(crate) mod answer_question;
pub(crate) mod apply_observation;
pub(crate) mod change_operator;
pub(crate) mod confirm_plan;
pub(crate) mod continue_here;
pub(crate) mod end_run;
pub(crate) mod order;
pub(crate) mod report_done;
pub(crate) mod revoke_job;
pub(crate) mod settle_doubt;
pub(crate) mod show_plan;
pub(crate) mod start_deploy;
pub(crate) mod start_prepare;
pub(crate) mod start_step;
#[cfg(test)]
pub(crate) mod testing;

use greenlight_types::{CheckAnswer, DeployRequest, Failure, RunEvent, RunResult, StepId, TakeOver};

pub use order::Answer;
use order::{Asker, Decision, Order, Situation, Then};

use crate::redact::Redactor;

/// An act that a person asks for.
#[derive(Clone, Debug)]
pub enum Act {
    /// Start Prepare.
    StartPrepare {
        /// The statement that testing is finished.
        statement: String,
    },
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

impl Act {
    /// The act without secrets in the words that a person typed. Ids, hashes and addresses stay as they are.
    fn cleaned(mut self, redactor: &Redactor) -> Self {
        match &mut self {
            Self::StartPrepare { statement: words }
            | Self::Answer { note: words, .. }
            | Self::FinishedByHand { note: words, .. }
            | Self::SettleDoubt { note: words, .. }
            | Self::AnswerCheck { note: words, .. }
            | Self::End { note: words, .. } => redactor.clean(words),
            Self::StartDeploy(request) => {
                redactor.clean(&mut request.told);
                request.take_over.iter_mut().for_each(|over| redactor.clean(&mut over.reason));
            }
            Self::TakeEnvironment { over } => over.iter_mut().for_each(|over| redactor.clean(&mut over.reason)),
            Self::Confirm { .. } | Self::Run { .. } | Self::TakeOver { .. } => {}
        }
        self
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

/// Asks the outside world where an act needs it, then orders the act.
///
/// # Errors
/// The refusal; the run is as it was.
pub(crate) async fn perform(asker: &Asker<'_>, act: Act) -> Result<Answer, Failure> {
    let order = match act.cleaned(asker.context.ports.redactor()) {
        Act::StartPrepare { statement } => Order::StartPrepare { statement, begun: None },
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
