//! The only loop, over all active steps: at most one changing, any number watching.
//!
//! For each attempt: append Started, run the step, append the outcome, publish. Nothing leaves the app before Started is
//! on disk; an attempt without an outcome is in doubt until the world, or a named person, settles it.

mod acts;
mod background;
mod by_itself;
mod mutated;
mod open;
mod sink;
pub(crate) use sink::TAIL;

use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

use acts::came_to_nothing;
pub(crate) use acts::staging_of;
use futures::{FutureExt, StreamExt, stream::FuturesUnordered};
use greenlight_types::{
    Actor, DeployRequest, Difference, Effect, ErrorCode, EventBody, Fact, Failure, How, Observation, Phase, RunEvent,
    RunState, RunView, Status, StepEvent, StepId, StepPlan,
};
pub(crate) use open::open;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    doubt,
    environment::Taking,
    fold, mutant,
    ports::Hold,
    release::{Act, Answer, Parts},
    step::{Entry, Outcome, StepContext},
    steps,
};

/// What the runner is told.
pub(crate) enum Message {
    /// A person acts.
    Act { by: Actor, act: Act, reply: oneshot::Sender<Result<Answer, Failure>> },
    /// Deploy starts, with these differences accepted.
    StartDeploy {
        by: Actor,
        request: DeployRequest,
        differences: Vec<Difference>,
        reply: oneshot::Sender<Result<Answer, Failure>>,
    },
    /// A plan was shown.
    Shown { plan: Box<StepPlan>, reply: oneshot::Sender<Result<(), Failure>> },
    /// The world answered about a step.
    Observed {
        by: Actor,
        step: StepId,
        attempt: u32,
        seen: Observation,
        reply: Option<oneshot::Sender<Result<(), Failure>>>,
    },
    /// A person did it by hand.
    ByHand {
        by: Actor,
        step: StepId,
        note: String,
        seen: Option<Observation>,
        reply: oneshot::Sender<Result<Answer, Failure>>,
    },
    /// The gate of a job is about to be closed: because a person did its work outside the app, or, with no person and no
    /// note, because an order to start it may still be on its way.
    Closing { by: Option<Actor>, step: StepId, job: String, note: String, reply: oneshot::Sender<Result<(), Failure>> },
    /// The environment is about to be taken.
    Taking { by: Actor, taking: Box<Taking>, reply: oneshot::Sender<Result<(), Failure>> },
    /// A step learned something.
    Learn { step: StepId, fact: Fact, reply: oneshot::Sender<Result<(), Failure>> },
    /// Stop driving.
    Close,
}

/// Longest time for giving an environment back.
const LEAVES_WITHIN: Duration = Duration::from_secs(60);
/// Waits between asking the world about a step in doubt; after the last one a person has to ask.
const DOUBT_PAUSES: [u64; 6] = [2, 5, 15, 30, 60, 60];
/// The staging machine is ours alone to ask: every 3 s for twenty minutes, so that whoever comes back to the network sees
/// within 5 s what happened, then every 30 s for an hour and every 5 min for eleven more.
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
    /// A background watcher that never decides anything has ended.
    Background,
}

type Work = Pin<Box<dyn Future<Output = Done> + Send>>;

/// Owner of one open run.
pub(crate) struct Runner {
    parts: Parts,
    context: StepContext,
    view: watch::Sender<Arc<RunView>>,
    messages: mpsc::Receiver<Message>,
    work: FuturesUnordered<Work>,
    /// Plans that were shown, newest per step.
    shown: BTreeMap<StepId, StepPlan>,
    /// One-use tokens: step and plan hash by token.
    tokens: BTreeMap<String, (StepId, String)>,
    /// For whom the app acts by itself.
    by: Actor,
    /// Set once the background watchers run.
    watches: bool,
    /// Set once the run has ended and gives its environment back.
    has_left: bool,
}

/// Whether steps of a phase may act in a state of the run.
pub(crate) fn is_active(state: RunState, phase: Phase) -> bool {
    match phase {
        Phase::Prepare => state == RunState::Preparing,
        Phase::Deploy => matches!(state, RunState::Deploying | RunState::Checking),
        Phase::Verify => state == RunState::Checking,
    }
}

impl Runner {
    /// Drives the run until it is closed or no handle is left.
    pub(crate) async fn drive(mut self) {
        if let Err(failure) = self.reopen().await {
            tracing::error!(%failure, "the run cannot go on");
            return;
        }
        loop {
            // In this order, so that the same events always lead to the same run.
            let kept = tokio::select! {
                biased;
                message = self.messages.recv() => match message {
                    None | Some(Message::Close) => return self.leave().await,
                    Some(message) => self.hear(message).await,
                },
                Some(done) = self.work.next(), if !self.work.is_empty() => self.end(done).await,
            };
            // What was under way has nothing to add to the record of a run that has ended.
            if self.has_ended() && !self.has_left {
                self.has_left = true;
                self.work.clear();
                self.leave_environment();
            }
            // Without a record nothing may go on: the steps under way are left, and are in doubt at the next opening.
            if let Err(failure) = kept {
                tracing::error!(%failure, "the record cannot be written; the run stops here");
                return;
            }
        }
    }

    /// Lets a run that has ended give its environment back, which the end itself may have closed. What does not answer in time
    /// is told to the next one by the record of this computer.
    async fn leave(&mut self) {
        let all = async { while self.work.next().await.is_some() {} };
        if self.has_left && tokio::time::timeout(LEAVES_WITHIN, all).await.is_err() {
            tracing::warn!("the environment was not given back in time");
        }
    }

    /// Puts attempts without an outcome in doubt and asks the world about them.
    async fn reopen(&mut self) -> Result<(), Failure> {
        let running: Vec<(StepId, u32)> = self.steps_in(Status::Running);
        for (step, attempt) in running {
            let why = "The app was closed while this was under way.".to_owned();
            self.append(vec![EventBody::Step(StepEvent::InDoubt { step, attempt, why })]).await?;
        }
        for (step, attempt) in self.steps_in(Status::InDoubt) {
            if !self.reopen_blindly(step, attempt).await? {
                self.ask_the_world(step, attempt);
            }
        }
        self.migrate_on_open();
        self.settle().await
    }

    fn steps_in(&self, status: Status) -> Vec<(StepId, u32)> {
        let view = self.view.borrow();
        view.steps
            .iter()
            .filter(|step| step.status() == status)
            .map(|step| (step.definition.id, step.attempt))
            .collect()
    }

    async fn hear(&mut self, message: Message) -> Result<(), Failure> {
        match message {
            Message::Act { by, act, reply } => {
                let answer = self.act(by, act).await;
                reply_with(reply, answer);
            }
            Message::StartDeploy { by, request, differences, reply } => {
                let answer = self.start_deploy(&by, request, differences).await.map(|()| Answer::Done);
                reply_with(reply, answer);
            }
            Message::Shown { plan, reply } => {
                // A screen asks again now and then; what was confirmed counts as long as the plan says the same.
                self.tokens.retain(|_, (step, hash)| *step != plan.step || *hash == plan.hash);
                self.shown.insert(plan.step, *plan);
                reply_with(reply, Ok(()));
            }
            Message::Observed { by, step, attempt, seen, reply } => {
                let answer = self.observed(by, step, attempt, &seen).await;
                if let Some(reply) = reply {
                    reply_with(reply, answer);
                }
            }
            Message::ByHand { by, step, note, seen, reply } => {
                let answer = self.by_hand(by, step, note, seen).await;
                reply_with(reply, answer);
            }
            Message::Closing { by, step, job, note, reply } => {
                let by = by.unwrap_or_else(|| self.by.clone());
                let answer = self.closing(&by, step, job, note).await;
                reply_with(reply, answer);
            }
            Message::Taking { by, taking, reply } => {
                let answer = self.taking(&by, *taking).await;
                reply_with(reply, answer);
            }
            Message::Learn { step, fact, reply } => {
                let kept = self.append(vec![EventBody::Run(RunEvent::FactLearned { step, fact })]).await;
                reply_with(reply, kept.clone());
                if !self.has_ended() {
                    kept?;
                }
            }
            Message::Close => {}
        }
        self.settle().await
    }

    async fn end(&mut self, done: Done) -> Result<(), Failure> {
        match done {
            Done::Attempt(step, attempt, outcome) => self.ended(step, attempt, outcome).await?,
            Done::Asked(step, attempt, seen) => self.observed(self.by.clone(), step, attempt, &seen).await?,
            Done::Background => {}
        }
        self.settle().await
    }

    /// Records how an attempt ended.
    async fn ended(&mut self, step: StepId, attempt: u32, outcome: Outcome) -> Result<(), Failure> {
        let learned =
            |facts: Vec<Fact>| facts.into_iter().map(move |fact| EventBody::Run(RunEvent::FactLearned { step, fact }));
        let is_doubt = matches!(outcome, Outcome::Unknown(_));
        if is_doubt {
            self.context.doubts.begin(step, &self.parts.clock.now());
        }
        let bodies = match outcome {
            Outcome::Succeeded { evidence, facts } => learned(facts)
                .chain([EventBody::Step(StepEvent::Succeeded { step, attempt, how: How::Did, evidence })])
                .collect(),
            Outcome::Already { evidence, facts } => learned(facts)
                .chain([EventBody::Step(StepEvent::Succeeded { step, attempt, how: How::AlreadyDone, evidence })])
                .collect(),
            Outcome::Warned { evidence, facts, warning } => learned(facts)
                .chain([EventBody::Step(StepEvent::Warned { step, attempt, evidence, warning })])
                .collect(),
            Outcome::Failed(failure) => {
                vec![came_to_nothing(
                    &self.view.borrow(),
                    EventBody::Step(StepEvent::Failed { step, attempt, failure }),
                )]
            }
            Outcome::Unknown(why) => vec![EventBody::Step(StepEvent::InDoubt { step, attempt, why })],
        };
        self.append(bodies).await?;
        if is_doubt {
            self.ask_the_world(step, attempt);
        }
        Ok(())
    }

    /// Records what the world says about a step in doubt. Says nothing about a step that is not.
    async fn observed(&mut self, by: Actor, step: StepId, attempt: u32, seen: &Observation) -> Result<(), Failure> {
        let (status, effect) = self.status(step);
        if self.has_ended() || status != Status::InDoubt || self.attempt(step) != attempt {
            return Ok(());
        }
        if effect == Effect::None {
            let evidence = "Watching changes nothing; it simply goes on.".to_owned();
            self.append_by(&by, vec![EventBody::Step(StepEvent::Resumed { step, attempt, evidence })]).await?;
            self.attach(step, attempt);
            return Ok(());
        }
        match seen {
            Observation::Done { evidence, facts } => {
                let mut bodies: Vec<EventBody> = facts
                    .iter()
                    .map(|fact| EventBody::Run(RunEvent::FactLearned { step, fact: fact.clone() }))
                    .collect();
                bodies.push(EventBody::Step(StepEvent::Succeeded {
                    step,
                    attempt,
                    how: How::FoundDone,
                    evidence: evidence.clone(),
                }));
                self.append_by(&by, bodies).await
            }
            Observation::NotDone { evidence } => {
                let reset =
                    EventBody::Step(StepEvent::Reset { step, attempt, evidence: evidence.clone(), reported_by: None });
                let body = came_to_nothing(&self.view.borrow(), reset);
                self.append_by(&by, vec![body]).await
            }
            Observation::InProgress { evidence } => {
                let evidence = evidence.clone();
                self.append_by(&by, vec![EventBody::Step(StepEvent::Resumed { step, attempt, evidence })]).await?;
                self.attach(step, attempt);
                Ok(())
            }
            Observation::Conflict { .. } | Observation::Unknown { .. } => Ok(()),
        }
    }

    /// Asks the world about a step in doubt, a bounded number of times.
    fn ask_the_world(&self, step: StepId, attempt: u32) {
        let context = self.context.clone();
        self.work.push(
            async move {
                let plan = fold::step(&context.run(), step).and_then(|step| step.plan.clone());
                let mut seen = Observation::Unknown { why: "the world was not asked".into() };
                let is_job = steps::get(step).could_start(plan.as_ref()).is_some();
                let mut waited = 0;
                for pause in std::iter::once(0).chain(doubt_pauses(is_job)) {
                    context.wait(Duration::from_secs(pause)).await;
                    waited += pause;
                    context.activity(step, "Asking whether this happened");
                    seen = mutant::gives_up(doubt::ask(&context, step, plan.as_ref()).await, waited);
                    if !matches!(seen, Observation::Unknown { .. }) {
                        break;
                    }
                }
                Done::Asked(step, attempt, seen)
            }
            .boxed(),
        );
    }

    /// Follows an attempt that is under way in the world.
    fn attach(&self, step: StepId, attempt: u32) {
        if let Some(plan) = fold::step(&self.view.borrow(), step).and_then(|step| step.plan.clone()) {
            self.push(step, attempt, plan, Entry::Attach);
        }
    }

    fn push(&self, step: StepId, attempt: u32, plan: StepPlan, entry: Entry) {
        let context = StepContext { by: self.by.clone(), ..self.context.clone() };
        self.work.push(
            async move { Done::Attempt(step, attempt, steps::get(step).run(&context, &plan, entry).await) }.boxed(),
        );
    }

    /// Gives the environment of a run that has ended back. One that cannot be reached now is taken by the next release
    /// on this computer without a question, and shows a person elsewhere who had it.
    fn leave_environment(&self) {
        let context = self.context.clone();
        let leave = async move {
            if let Ok(host) = context.host()
                && let Err(failure) = context.ports.host.leave(&host, &Hold::of(&context.run())).await
            {
                tracing::warn!(%failure, "the environment was not given back");
            }
            Done::Background
        };
        self.work.push(leave.boxed());
    }

    fn has_ended(&self) -> bool {
        self.view.borrow().state == RunState::Ended
    }

    fn status(&self, id: StepId) -> (Status, Effect) {
        fold::step(&self.view.borrow(), id)
            .map_or((Status::NotStarted, Effect::AtMostOnce), |step| (step.status(), step.definition.effect))
    }

    fn attempt(&self, id: StepId) -> u32 {
        fold::step(&self.view.borrow(), id).map_or(0, |step| step.attempt)
    }

    /// Whether the facts that a step waits for are known.
    fn is_ready(&self, id: StepId) -> bool {
        let view = self.view.borrow();
        steps::get(id).waits_for().iter().all(|kind| fold::newest(&view, *kind).is_some())
    }

    async fn append(&mut self, bodies: Vec<EventBody>) -> Result<(), Failure> {
        let by = self.by.clone();
        self.append_by(&by, bodies).await
    }

    /// Checks events against the fold, makes them durable, then shows them. A refused event changes nothing.
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
        if mutant::forgets_write(&bodies) {
            view.seq = after;
            self.view.send_replace(Arc::new(view));
            return Ok(());
        }
        self.show_first(&view).await;
        self.parts.journal.append(&view.id, after, &at, by, bodies).await?;
        let (run, seq) = (view.id.clone(), view.seq);
        self.view.send_replace(Arc::new(view));
        self.parts.screen.moved(&run, seq);
        Ok(())
    }
}

fn reply_with<T>(reply: oneshot::Sender<Result<T, Failure>>, answer: Result<T, Failure>) {
    // Whoever asked may be gone; the answer stands in the journal all the same.
    let _ = reply.send(answer);
}

fn refuse(summary: &str) -> Failure {
    Failure::new(ErrorCode::NotAllowedNow, summary)
}
