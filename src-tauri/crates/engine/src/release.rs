//! One open run: the handle that the shell owns. It passes each act to its file below
//! [`crate::act`], and drafts new runs.

mod earlier;

use std::sync::Arc;

use greenlight_types::{
    Actor, ConfirmedMachine, Difference, ErrorCode, EventBody, Failure, Handover, Observation, Profile, Readiness,
    Realm, RunEvent, RunId, RunView, StepId, StepPlan, Version,
};
use tokio::sync::watch;

use crate::{
    act::{self, Asker, Message, Order, Orders, step_of},
    doubt,
    journal::Journal,
    ports::Ports,
    profile,
    readiness::{self, ComputerState, last_look::LastLook},
    rollback_run, runner,
    step::StepContext,
    steps,
};
pub use crate::{
    act::{Act, Answer},
    parts::Parts,
};

/// Handle of one open run. The run is driven until every handle is dropped or [`Release::close`] is
/// called. Neither stops anything in the outside world.
#[derive(Clone)]
pub struct Release {
    orders: Orders,
    view: watch::Receiver<Arc<RunView>>,
    context: StepContext,
    journal: Arc<dyn Journal>,
    /// The last readiness checks. `None` when starts do not need them.
    last_look: Option<Arc<LastLook>>,
}

impl Release {
    /// Drafts a run and freezes everything that it needs (docs/releases.md#frozen-values). `anyway`
    /// is the reason for a version that was released before, or is not newer than a released one.
    /// It is kept with the person (docs/releases.md#version).
    ///
    /// # Errors
    /// `Unconfirmed` when a value of the profile is not confirmed; `VersionNotNewer` without a
    /// reason; `JournalFailed`.
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
            let anyway = anyway.map(|reason| parts.redactor.text(reason).into_string());
            bodies.push(earlier::answered(text, anyway.as_deref())?);
        }
        let count = u32::try_from(bodies.len()).unwrap_or(1);
        parts.journal.append(&run, 0, &parts.clock.now(), by, bodies).await?;
        parts.screen.moved(&run, count);
        Ok(run)
    }

    /// Drafts a run that rolls the ended release `of` back, or returns the one that has not ended.
    /// It needs no Prepare.
    ///
    /// # Errors
    /// `NotAllowedNow` when that run is no release that ended, or was rolled back; `JournalFailed`.
    pub async fn draft_rollback(parts: &Parts, of: &RunId, by: &Actor) -> Result<RunId, Failure> {
        let body = match rollback_run::drafted(parts.journal.as_ref(), of).await? {
            rollback_run::Draft::Unfinished(run) => return Ok(run),
            rollback_run::Draft::New(body) => body,
        };
        let run = RunId(parts.ids.fresh());
        parts.journal.append(&run, 0, &parts.clock.now(), by, vec![body.into()]).await?;
        parts.screen.moved(&run, 1);
        Ok(run)
    }

    /// Opens a run: folds its events, puts every attempt without an outcome in doubt, asks the
    /// outside world about it, and goes on. Opening never starts a changing step.
    ///
    /// # Errors
    /// `JournalFailed`, `JournalNewer`, or `NotAllowedNow` when the run has ended.
    pub async fn open(parts: Parts, ports: Ports, run: &RunId, by: Actor) -> Result<Self, Failure> {
        let journal = parts.journal.clone();
        let opened = runner::open(parts, ports, run, by).await?;
        let release = Self {
            orders: Orders(opened.messages),
            view: opened.view,
            context: opened.context,
            journal,
            last_look: Some(Arc::default()),
        };
        tokio::spawn(opened.runner.drive());
        Ok(release)
    }

    /// The same run, whose starts do not need the readiness checks. For a composition that has no
    /// person who reads them.
    #[must_use]
    pub fn without_readiness(self) -> Self {
        Self { last_look: None, ..self }
    }

    /// The view of the run, as of now.
    #[must_use]
    pub fn view(&self) -> RunView {
        (**self.view.borrow()).clone()
    }

    /// Receives each new view of the run.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<RunView>> {
        self.view.clone()
    }

    /// Looks whether Prepare or Deploy can start. Changes nothing outside. The start needs the
    /// result of the newest look.
    pub async fn readiness(&self, machine: Option<ConfirmedMachine>, computer: ComputerState) -> Readiness {
        let begun = self.last_look.as_ref().map(|last| last.begin(&self.context.run(), machine.clone()));
        let found = readiness::look(&self.context, machine, computer).await;
        if let (Some(last), Some(begun)) = (&self.last_look, begun) {
            last.keep(begun, &found);
        }
        found
    }

    /// Refuses a start that the readiness checks do not open (docs/releases.md#readiness).
    fn check_readiness(&self, machine: Option<ConfirmedMachine>) -> Result<(), Failure> {
        let Some(last) = &self.last_look else { return Ok(()) };
        let ports = &self.context.ports;
        last.check(&self.context.run(), machine, ports.clock.now(), ports.redactor())
    }

    /// Performs an act of a person, or refuses it with a reason. First asks the outside world if
    /// the act needs that.
    ///
    /// # Errors
    /// The refusal. The run is unchanged.
    pub async fn act(&self, by: Actor, act: Act) -> Result<Answer, Failure> {
        let asker = self.asker(&by);
        let order = match act.cleaned(asker.context.ports.redactor()) {
            Act::StartPrepare { statement } => {
                self.check_readiness(None)?;
                return act::start_prepare::perform(&asker, statement).await;
            }
            Act::StartDeploy(request) => {
                let (address, fingerprint) = (request.address.clone(), request.fingerprint.clone());
                self.check_readiness(Some(ConfirmedMachine { address, port: request.port, fingerprint }))?;
                act::start_deploy::ask(&asker, request).await?
            }
            Act::AcceptFindings { findings, reason } => Order::AcceptFindings { findings, reason },
            Act::ConfirmPlan { step, plan_hash } => Order::ConfirmPlan { step, plan_hash },
            Act::StartStep { step, plan_hash, token } => act::start_step::ask(&asker, step, plan_hash, token).await?,
            Act::AnswerQuestion { step, question, answer, note } => {
                Order::AnswerQuestion { step, question, answer, note }
            }
            Act::ReportDone { step, note } => act::report_done::ask(&asker, step, note).await?,
            Act::SkipStep { step, note } => act::skip_step::ask(&asker, step, note).await?,
            Act::ReportUndone { step, attempt, how, note } => {
                act::report_undone::ask(&asker, step, attempt, how, note).await?
            }
            Act::SettleDoubt { step, attempt, happened, note } => {
                act::settle_doubt::ask(&asker, step, attempt, happened, note).await?
            }
            Act::AnswerCheck { check, answer, note } => Order::AnswerCheck { check, answer, note },
            Act::EndRun { result, note } => act::end_run::ask(&asker, result, note).await?,
            Act::AcquireLock { over } => return act::acquire_lock::again(&asker, over).await,
            Act::ChangeAddress { address, port } => act::change_address::ask(&asker, address, port).await?,
            Act::GiveUpMachine { note } => act::give_up_machine::ask(&asker, note).await?,
            Act::StopScript(wanted) => return act::stop_script::perform(&asker, wanted).await,
            Act::CorrectValue { key, value, reason } => Order::CorrectValue { key, value, reason },
            Act::StartOver { note } => act::start_over::ask(&asker, note).await?,
            Act::ChangeOperator { person } => Order::ChangeOperator { person },
        };
        asker.order(order).await
    }

    /// Makes the plan of a step. The newest plan of a step is the one that may be started.
    ///
    /// # Errors
    /// `NotAllowedNow` outside the step's phase, or when the run does not have the step; the
    /// failure of the outside system that did not answer.
    pub async fn plan(&self, step: StepId) -> Result<StepPlan, Failure> {
        act::show_plan::perform(&self.asker(&self.context.by), step).await
    }

    /// Asks the outside world about a step. A clear answer settles a step in doubt.
    ///
    /// # Errors
    /// `NotAllowedNow` when the run does not have the step; `JournalFailed` when the answer could
    /// not be recorded.
    pub async fn observe(&self, by: Actor, step: StepId) -> Result<Observation, Failure> {
        let asker = self.asker(&by);
        step_of(&asker.view(), step, "observe")?;
        let (attempt, plan) = asker.attempt(step);
        let observed = doubt::ask(&self.context, step, plan.as_ref()).await;
        asker.order(Order::ApplyObservation { step, attempt, observed: observed.clone() }).await?;
        Ok(observed)
    }

    /// The differences from the day of Prepare; empty when there is none.
    ///
    /// # Errors
    /// The failure of the outside system that did not answer.
    pub async fn deploy_differences(&self) -> Result<Vec<Difference>, Failure> {
        act::start_deploy::differences(&self.asker(&self.context.by)).await
    }

    /// The release of this version that another computer began, while this run is a draft.
    ///
    /// # Errors
    /// The failure of the outside system that did not answer.
    pub async fn begun_elsewhere(&self) -> Result<Option<Handover>, Failure> {
        act::continue_here::begun(&self.asker(&self.context.by)).await
    }

    /// Starts Prepare and records each step that the outside world shows as done, up to the first
    /// one that is not. Changes nothing outside.
    ///
    /// # Errors
    /// `NotAllowedNow` when no other computer began this release; the failure that prevented an
    /// observation. Steps that were recorded before it stay recorded.
    pub async fn continue_here(&self, by: Actor) -> Result<(), Failure> {
        act::continue_here::run(&self.asker(&by)).await
    }

    fn asker<'a>(&'a self, by: &'a Actor) -> Asker<'a> {
        Asker { context: &self.context, journal: self.journal.as_ref(), orders: &self.orders, by }
    }

    /// The effects that stay behind when the run is ended now.
    #[must_use]
    pub fn left_behind(&self) -> Vec<String> {
        crate::deploy_check::left_behind(&self.view(), &[])
    }

    /// Whether a changing call to the outside has no answer yet.
    #[must_use]
    pub fn has_changing_call(&self) -> bool {
        self.context.ports.has_changing_call()
    }

    /// Whether the run is no longer driven: it was closed, or its journal could not be written.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.orders.0.is_closed()
    }

    /// Stops driving the run. Stops nothing in the outside world.
    pub async fn close(self) {
        // Sending fails when the runner has ended already.
        let _ = self.orders.0.send(Message::Close).await;
        self.orders.0.closed().await;
    }
}
