//! Acts on an open run, one file per act.
//!
//! An act that needs the outside world has `ask`, which gathers the answers. It may also acquire
//! the environment lock or revoke a job. Every act has `decide`, a pure function from the situation
//! of the run to events, or to a refusal that changes nothing. The runner calls `decide`, appends
//! the events, and then carries out the decision.

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
pub(crate) mod order;
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

use greenlight_types::{
    CheckAnswer, DeployRequest, Failure, RunEvent, RunResult, StepId, StopScriptRequest, TakeOver, UndoKind,
};

pub use order::Answer;
use order::{Asker, Decision, Order, Situation, Then};

use crate::redact::Redactor;

/// An act that a person asks for.
#[derive(Clone, Debug)]
pub enum Act {
    StartPrepare {
        /// The statement that testing is finished.
        statement: String,
    },
    StartDeploy(DeployRequest),
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
    /// Report that the database is as it was before a failed migration.
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
    fn cleaned(mut self, redactor: &Redactor) -> Self {
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

/// Decides an order.
///
/// # Errors
/// The refusal. Nothing was changed.
pub(crate) fn decide(now: &Situation<'_>, order: Order) -> Result<Decision, Failure> {
    match order {
        Order::StartPrepare { statement, begun } => start_prepare::decide(now, statement, begun),
        Order::StartDeploy { request, accepted } => start_deploy::decide(now, request, accepted),
        Order::ShowPlan { plan, made_from } => {
            Ok(Decision { events: Vec::new(), then: Then::KeepPlan { plan, made_from } })
        }
        Order::ConfirmPlan { step, plan_hash } => confirm_plan::decide(now, step, plan_hash),
        Order::StartStep { step, plan_hash, token } => start_step::decide(now, step, &plan_hash, token.as_deref()),
        Order::AnswerQuestion { step, question, answer, note } => {
            answer_question::decide(now, step, question, answer, note)
        }
        Order::ReportDone { step, note, observed } => report_done::decide(now, step, note, observed),
        Order::SkipStep { step, note } => skip_step::decide(now, step, note),
        Order::ReportUndone { step, attempt, how, note, evidence } => {
            report_undone::decide(now, step, attempt, how, note, evidence)
        }
        Order::SettleDoubt { step, attempt, report, note } => settle_doubt::decide(now, step, attempt, report, &note),
        Order::ApplyObservation { step, attempt, observed } => {
            Ok(apply_observation::decide(now, step, attempt, &observed))
        }
        Order::AnswerCheck { check, answer, note } => answer_check::decide(now, check, answer, note),
        Order::EndRun { result, note, unasked } => end_run::decide(now, result, note, &unasked),
        Order::AcquireLock(taking) => acquire_lock::decide(now, *taking),
        Order::RefuseLock(refusal) => acquire_lock::decide_refusal(now, refusal),
        Order::ChangeAddress(staging) => change_address::decide(now, *staging),
        Order::GiveUpMachine { note } => give_up_machine::decide(now, note),
        Order::RevokeJob { step, job, note } => revoke_job::decide(now, step, job, note),
        Order::StopScript(wanted) => stop_script::decide(now, wanted),
        Order::CorrectValue { key, value, reason } => correct_value::decide(now, &key, &value, &reason),
        Order::StartOver { remote, note } => start_over::decide(now, &remote, note),
        Order::ChangeOperator { person } => change_operator::decide(now, &person),
        Order::LearnFact { step, fact } => Ok(Decision::run_event(RunEvent::FactLearned { step, fact })),
    }
}

/// Asks the outside world if the act needs it, then orders the act.
///
/// # Errors
/// The refusal. The run is unchanged.
pub(crate) async fn perform(asker: &Asker<'_>, act: Act) -> Result<Answer, Failure> {
    let order = match act.cleaned(asker.context.ports.redactor()) {
        Act::StartPrepare { statement } => return start_prepare::perform(asker, statement).await,
        Act::StartDeploy(request) => start_deploy::ask(asker, request).await?,
        Act::ConfirmPlan { step, plan_hash } => Order::ConfirmPlan { step, plan_hash },
        Act::StartStep { step, plan_hash, token } => start_step::ask(asker, step, plan_hash, token).await?,
        Act::AnswerQuestion { step, question, answer, note } => Order::AnswerQuestion { step, question, answer, note },
        Act::ReportDone { step, note } => report_done::ask(asker, step, note).await?,
        Act::SkipStep { step, note } => skip_step::ask(asker, step, note).await?,
        Act::ReportUndone { step, attempt, how, note } => report_undone::ask(asker, step, attempt, how, note).await?,
        Act::SettleDoubt { step, attempt, happened, note } => {
            settle_doubt::ask(asker, step, attempt, happened, note).await?
        }
        Act::AnswerCheck { check, answer, note } => Order::AnswerCheck { check, answer, note },
        Act::EndRun { result, note } => end_run::ask(asker, result, note).await?,
        Act::AcquireLock { over } => return acquire_lock::again(asker, over).await,
        Act::ChangeAddress { address, port } => change_address::ask(asker, address, port).await?,
        Act::GiveUpMachine { note } => give_up_machine::ask(asker, note).await?,
        Act::StopScript(wanted) => return stop_script::perform(asker, wanted).await,
        Act::CorrectValue { key, value, reason } => Order::CorrectValue { key, value, reason },
        Act::StartOver { note } => start_over::ask(asker, note).await?,
        Act::ChangeOperator { person } => Order::ChangeOperator { person },
    };
    asker.order(order).await
}
