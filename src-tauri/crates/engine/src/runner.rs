//! The loop of a run, over all active steps: at most one changing, any number watching.
//!
//! For each attempt: append Started, run the step, append the outcome, publish. No changing call
//! leaves the app before Started is on disk. An attempt without an outcome is in doubt until
//! evidence or a named person settles it.

mod automatic;
mod background;
mod open;
mod sink;
mod trouble;

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::{AbortHandle, Abortable},
    stream::FuturesUnordered,
};
use greenlight_types::{
    Actor, Completion, EventBody, Fact, Failure, Observation, RunEvent, RunState, RunView, Status, StepEvent, StepId,
    StepPlan,
};
pub(crate) use open::open;
use tokio::sync::{mpsc, oneshot, watch};

use self::trouble::ServersNotice;
use crate::{
    act::{self, Answer, Decision, Message, Order, PlanDesk, Situation, Then, refuse, without_effect},
    doubt, env_lock, fold,
    parts::Parts,
    phase::next_automatic_event,
    step::{Entry, Outcome, StepContext},
    steps,
};

/// Longest time for the release of the environment lock.
const LOCK_RELEASE_TIMEOUT: Duration = Duration::from_secs(60);
/// Seconds between two questions about a step in doubt. After the last one a person has to ask.
const DOUBT_PAUSES: [u64; 6] = [2, 5, 15, 30, 60, 60];
/// Seconds between two questions about a job in doubt, and their number: every 3 s for twenty
/// minutes, so that an operator who comes back to the network soon sees how the job ended, then
/// every 30 s for an hour, and every 5 min for eleven more. Few computers ask a staging machine, so
/// it can answer that often.
const JOB_DOUBT_PAUSES: [(u64, usize); 3] = [(3, 400), (30, 120), (300, 132)];

fn doubt_pauses(is_job: bool) -> Box<dyn Iterator<Item = u64> + Send> {
    if is_job {
        Box::new(JOB_DOUBT_PAUSES.into_iter().flat_map(|(pause, times)| std::iter::repeat_n(pause, times)))
    } else {
        Box::new(DOUBT_PAUSES.into_iter())
    }
}

enum Done {
    Attempt(StepId, u32, Outcome),
    Asked(StepId, u32, Observation),
    /// The check of the servers before the end, and whether every server runs this release.
    FinalCheck(bool),
    /// A watcher, the release of the lock or an aborted attempt has ended.
    NothingToRecord,
}

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Drives one open run.
pub(crate) struct Runner {
    parts: Parts,
    context: StepContext,
    view: watch::Sender<Arc<RunView>>,
    messages: mpsc::Receiver<Message>,
    work: FuturesUnordered<Work>,
    /// Handles of the attempts under way.
    attempts: BTreeMap<StepId, AbortHandle>,
    /// Plans that were shown, and their confirmation tokens.
    plans: PlanDesk,
    /// The person responsible for the run. A person who starts a step becomes it.
    operator: Actor,
    /// Set once the background watchers run.
    are_watchers_started: bool,
    servers_notice: ServersNotice,
    /// Set while the servers are checked before the end.
    is_final_check_running: bool,
    /// Set once the run has ended and releases its environment lock.
    is_releasing_lock: bool,
}

impl Runner {
    /// Drives the run until it is closed or no handle is left.
    pub(crate) async fn drive(mut self) {
        if let Err(failure) = self.reopen().await {
            tracing::error!(%failure, "the run cannot go on");
            return;
        }
        loop {
            // If both are ready, the message comes first.
            let kept = tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    None | Some(Message::Close) => return self.await_lock_release().await,
                    Some(message) => self.hear(message).await,
                },
                Some(done) = self.work.next(), if !self.work.is_empty() => self.end(done).await,
            };
            // Work under way has nothing to add to the journal of a run that has ended.
            if self.has_ended() && !self.is_releasing_lock {
                self.is_releasing_lock = true;
                self.work.clear();
                self.release_lock();
            }
            // Nothing may go on without a journal. The running attempts are left, and are in doubt
            // at the next opening.
            if let Err(failure) = kept {
                tracing::error!(%failure, "the journal cannot be written; the run stops here");
                return;
            }
        }
    }

    /// Waits until a run that has ended releases its environment lock: the end itself may have
    /// closed the run. If the machine does not answer in time, the journal of this computer tells
    /// the next run that this one has ended.
    async fn await_lock_release(&mut self) {
        let all = async { while self.work.next().await.is_some() {} };
        if self.is_releasing_lock && tokio::time::timeout(LOCK_RELEASE_TIMEOUT, all).await.is_err() {
            tracing::warn!("the environment lock was not released in time");
        }
    }

    /// Puts attempts without an outcome in doubt and asks the outside world about them.
    async fn reopen(&mut self) -> Result<(), Failure> {
        let running: Vec<(StepId, u32)> = self.steps_in(Status::Running);
        for (step, attempt) in running {
            let why = "The app was closed while this was under way.".to_owned();
            self.append(vec![EventBody::Step(StepEvent::InDoubt { step, attempt, why })]).await?;
        }
        for (step, attempt) in self.steps_in(Status::InDoubt) {
            self.ask_the_world(step, attempt);
        }
        self.append_automatic_events().await
    }

    fn steps_in(&self, status: Status) -> Vec<(StepId, u32)> {
        let view = self.view.borrow();
        view.steps
            .iter()
            .filter(|step| step.status() == status)
            .map(|step| (step.definition.id, step.attempt))
            .collect()
    }

    /// Decides an order, appends its events, and does the work that follows.
    async fn hear(&mut self, message: Message) -> Result<(), Failure> {
        let Message::Order { by, order, reply } = message else { return Ok(()) };
        let by = by.unwrap_or_else(|| self.operator.clone());
        let is_fact = matches!(*order, Order::LearnFact { .. });
        let answer = self.obey(by, *order).await;
        let kept = answer.clone().map(drop);
        reply_with(reply, answer);
        // The step may go on although a fact was not stored. The run stops here, before anything
        // builds on that fact.
        if is_fact && !self.has_ended() {
            kept?;
        }
        self.append_automatic_events().await
    }

    async fn obey(&mut self, by: Actor, order: Order) -> Result<Answer, Failure> {
        let view = self.view.borrow().clone();
        let situation = Situation {
            view: &view,
            plans: &self.plans,
            by: &by,
            operator: &self.operator,
            now: self.parts.clock.now(),
        };
        let Decision { events, then } = decide(&situation, order)?;
        if matches!(then, Then::Start { .. }) {
            self.operator = by.clone();
        }
        if !events.is_empty() {
            self.append_by(&by, events).await?;
        }
        Ok(self.follow_up(then))
    }

    /// The work that follows a decision whose events are on disk.
    fn follow_up(&mut self, then: Then) -> Answer {
        match then {
            Then::Nothing => {}
            Then::Start { step, attempt, plan } => {
                self.plans.forget(step);
                self.push(step, attempt, *plan, Entry::Start);
            }
            Then::Attach { step, attempt } => self.attach(step, attempt),
            Then::Ask { step, attempt } => self.ask_the_world(step, attempt),
            Then::DropAttempts(steps) => steps.into_iter().for_each(|step| self.drop_attempt(step)),
            Then::KeepPlan { plan, made_from } => self.plans.keep(*plan, made_from),
            Then::DropPlans => self.plans = PlanDesk::default(),
            Then::ChangeOperator(by) => self.operator = *by,
            Then::IssueToken { step, plan_hash } => {
                let token = self.parts.ids.fresh();
                self.plans.issue(token.clone(), step, plan_hash);
                return Answer::Token(token);
            }
        }
        Answer::Done
    }

    async fn end(&mut self, done: Done) -> Result<(), Failure> {
        match done {
            Done::Attempt(step, attempt, outcome) => self.ended(step, attempt, outcome).await?,
            Done::Asked(step, attempt, observed) => {
                let by = self.operator.clone();
                self.obey(by, Order::ApplyObservation { step, attempt, observed }).await?;
            }
            Done::FinalCheck(is_confirmed) => {
                self.is_final_check_running = false;
                let end = is_confirmed.then(|| next_automatic_event(&self.view.borrow())).flatten();
                if let Some(end) = end {
                    self.append(vec![end.into()]).await?;
                }
            }
            Done::NothingToRecord => {}
        }
        self.append_automatic_events().await
    }

    /// Records the outcome of an attempt.
    async fn ended(&mut self, step: StepId, attempt: u32, outcome: Outcome) -> Result<(), Failure> {
        let learned =
            |facts: Vec<Fact>| facts.into_iter().map(move |fact| EventBody::Run(RunEvent::FactLearned { step, fact }));
        let is_doubt = matches!(outcome, Outcome::Unknown(_));
        if is_doubt {
            self.context.doubts.begin(step, &self.parts.clock.now());
        }
        let bodies = match outcome {
            Outcome::Succeeded { evidence, facts } => learned(facts)
                .chain([EventBody::Step(StepEvent::Succeeded { step, attempt, how: Completion::Did, evidence })])
                .collect(),
            Outcome::Already { evidence, facts } => learned(facts)
                .chain([EventBody::Step(StepEvent::Succeeded {
                    step,
                    attempt,
                    how: Completion::AlreadyDone,
                    evidence,
                })])
                .collect(),
            Outcome::Warned { evidence, facts, warning } => learned(facts)
                .chain([EventBody::Step(StepEvent::Warned { step, attempt, evidence, warning })])
                .collect(),
            Outcome::Failed(failure) => {
                let failed = StepEvent::Failed { step, attempt, failure };
                vec![without_effect(&self.view.borrow(), failed).into()]
            }
            Outcome::Unknown(why) => vec![EventBody::Step(StepEvent::InDoubt { step, attempt, why })],
        };
        self.append(bodies).await?;
        if is_doubt {
            self.ask_the_world(step, attempt);
        }
        Ok(())
    }

    /// Asks the outside world about a step in doubt, a bounded number of times.
    fn ask_the_world(&self, step: StepId, attempt: u32) {
        let context = self.context.clone();
        self.work.push(
            async move {
                let plan = fold::step(&context.run(), step).and_then(|step| step.plan.clone());
                let mut seen = Observation::Unknown { why: "the world was not asked".into() };
                let is_job = steps::get(step).startable_job_id(plan.as_ref()).is_some();
                for pause in std::iter::once(0).chain(doubt_pauses(is_job)) {
                    context.wait(Duration::from_secs(pause)).await;
                    context.activity(step, "Asking whether this happened");
                    seen = doubt::ask(&context, step, plan.as_ref()).await;
                    if !matches!(seen, Observation::Unknown { .. }) {
                        break;
                    }
                }
                Done::Asked(step, attempt, seen)
            }
            .boxed(),
        );
    }

    /// Follows an attempt that is under way in the outside world.
    fn attach(&mut self, step: StepId, attempt: u32) {
        let plan = fold::step(&self.view.borrow(), step).and_then(|step| step.plan.clone());
        if let Some(plan) = plan {
            self.push(step, attempt, plan, Entry::Attach);
        }
    }

    fn push(&mut self, step: StepId, attempt: u32, plan: StepPlan, entry: Entry) {
        let context = StepContext { by: self.operator.clone(), ..self.context.clone() };
        let (handle, registration) = AbortHandle::new_pair();
        self.attempts.insert(step, handle);
        let run = async move { steps::get(step).run(&context, &plan, entry).await };
        let run = Abortable::new(run, registration);
        // A dropped attempt has no outcome.
        let done =
            async move { run.await.map_or(Done::NothingToRecord, |outcome| Done::Attempt(step, attempt, outcome)) };
        self.work.push(done.boxed());
    }

    /// Stops following an attempt whose doubt is in the journal. Nothing outside is stopped.
    fn drop_attempt(&mut self, step: StepId) {
        if let Some(handle) = self.attempts.remove(&step) {
            handle.abort();
        }
        self.context.doubts.begin(step, &self.parts.clock.now());
    }

    /// Releases the environment lock of a run that has ended.
    fn release_lock(&self) {
        let (context, by) = (self.context.clone(), self.operator.clone());
        let leave = async move {
            env_lock::release(&context, &by).await;
            Done::NothingToRecord
        };
        self.work.push(leave.boxed());
    }

    fn has_ended(&self) -> bool {
        self.view.borrow().state == RunState::Ended
    }

    async fn append(&mut self, bodies: Vec<EventBody>) -> Result<(), Failure> {
        let by = self.operator.clone();
        self.append_by(&by, bodies).await
    }

    /// Checks events against the fold, makes them durable, then publishes them. A refused event
    /// changes nothing.
    async fn append_by(&mut self, by: &Actor, bodies: Vec<EventBody>) -> Result<(), Failure> {
        let mut view = (**self.view.borrow()).clone();
        if view.state == RunState::Ended {
            return Err(refuse("write into the record of a run that has ended"));
        }
        let at = self.parts.clock.now();
        for (seq, body) in (view.seq + 1..).zip(&bodies) {
            let event = greenlight_types::Event { run: view.id.clone(), seq, at, by: by.clone(), body: body.clone() };
            fold::apply(&mut view, &event)?;
        }
        let after = self.view.borrow().seq;
        self.parts.journal.append(&view.id, after, &at, by, bodies).await?;
        let (run, seq) = (view.id.clone(), view.seq);
        self.view.send_replace(Arc::new(view));
        self.parts.screen.moved(&run, seq);
        Ok(())
    }
}

/// Decides an order by the rules of its act.
///
/// # Errors
/// The refusal. Nothing was changed.
fn decide(now: &Situation<'_>, order: Order) -> Result<Decision, Failure> {
    match order {
        Order::StartPrepare { statement, begun } => act::start_prepare::decide(now, statement, begun),
        Order::StartDeploy { request, accepted } => act::start_deploy::decide(now, request, accepted),
        Order::AcceptFindings { findings, reason } => act::accept_findings::decide(now, &findings, &reason),
        Order::ShowPlan { plan, made_from } => {
            Ok(Decision { events: Vec::new(), then: Then::KeepPlan { plan, made_from } })
        }
        Order::ConfirmPlan { step, plan_hash } => act::confirm_plan::decide(now, step, plan_hash),
        Order::StartStep { step, plan_hash, token } => act::start_step::decide(now, step, &plan_hash, token.as_deref()),
        Order::AnswerQuestion { step, question, answer, note } => {
            act::answer_question::decide(now, step, question, answer, note)
        }
        Order::ReportDone { step, note, observed } => act::report_done::decide(now, step, note, observed),
        Order::SkipStep { step, note } => act::skip_step::decide(now, step, note),
        Order::ReportUndone { step, attempt, how, note, evidence, ended_at } => {
            let report = act::report_undone::UndoReport { step, attempt, how, note, evidence, ended_at };
            act::report_undone::decide(now, report)
        }
        Order::SettleDoubt { step, attempt, report, note } => {
            act::settle_doubt::decide(now, step, attempt, report, &note)
        }
        Order::ApplyObservation { step, attempt, observed } => {
            Ok(act::apply_observation::decide(now, step, attempt, &observed))
        }
        Order::AnswerCheck { check, answer, note } => act::answer_check::decide(now, check, answer, note),
        Order::EndRun { result, note, unsettled_jobs } => act::end_run::decide(now, result, note, &unsettled_jobs),
        Order::AcquireLock(taking) => act::acquire_lock::decide(now, *taking),
        Order::RefuseLock(refusal) => act::acquire_lock::decide_refusal(now, refusal),
        Order::ChangeAddress(staging) => act::change_address::decide(now, *staging),
        Order::GiveUpMachine { note } => act::give_up_machine::decide(now, note),
        Order::RevokeJob { step, job, note } => act::revoke_job::decide(now, step, job, note),
        Order::StopScript(wanted) => act::stop_script::decide(now, wanted),
        Order::CorrectValue { key, value, reason } => act::correct_value::decide(now, &key, &value, &reason),
        Order::StartOver { remote, note } => act::start_over::decide(now, &remote, note),
        Order::ChangeOperator { person } => act::change_operator::decide(now, &person),
        Order::LearnFact { step, fact } => Ok(Decision::run_event(RunEvent::FactLearned { step, fact })),
    }
}

fn reply_with<T>(reply: oneshot::Sender<Result<T, Failure>>, answer: Result<T, Failure>) {
    // The sender of the order may be gone. The answer is in the journal anyway.
    let _ = reply.send(answer);
}
