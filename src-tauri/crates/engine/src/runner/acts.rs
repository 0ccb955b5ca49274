//! What a person may do, and when. A refusal says why and changes nothing.

use greenlight_types::{
    Actor, BegunElsewhere, Changed, CheckAnswer, DeployRequest, Difference, Effect, ErrorCode, EventBody, Fact,
    FactKind, Failure, How, Observation, Retry, Role, RunEvent, RunResult, RunState, RunView, StagingMachine, Status,
    StepEvent, StepId, StepState, StepView,
};

use super::{Runner, by_itself::every_check_passed, is_active, refuse};
use crate::{
    deploy_check, doubt, elsewhere,
    environment::Taking,
    fold,
    mutant::{self, Mutant},
    release::{Act, Answer},
    step::{Entry, Word},
    steps,
};

impl Runner {
    pub(super) async fn act(&mut self, by: Actor, act: Act) -> Result<Answer, Failure> {
        match act {
            Act::StartPrepare { statement } => self.start_prepare(&by, statement, None).await?,
            Act::ContinueHere(begun) => {
                self.start_prepare(&by, elsewhere::statement(&begun), Some(begun)).await?;
            }
            Act::Confirm { step, plan_hash } => return self.confirm(step, &plan_hash).map(Answer::Token),
            Act::Run { step, plan_hash, token } => self.start(by, step, &plan_hash, token.as_deref()).await?,
            Act::Answer { step, question, answer, note } => self.answer(&by, step, question, answer, note).await?,
            Act::SettleDoubt { step, attempt, happened, note } => {
                self.settle_doubt(&by, (step, attempt), happened, note).await?;
            }
            Act::CallFailed { step, attempt, note } => self.call_failed(&by, (step, attempt), &note).await?,
            Act::AnswerCheck { check, answer, note } => self.answer_check(&by, check, answer, note).await?,
            Act::End { result, note } => self.end_run(&by, result, note).await?,
            Act::TakeOver { person } => self.take_over(by, person).await?,
            Act::StartDeploy(_) => return Err(refuse("start Deploy without asking for the differences first")),
            Act::FinishedByHand { .. } => return Err(refuse("record this without asking the world first")),
            Act::TakeEnvironment { .. } => return Err(refuse("take the environment without asking the machine first")),
        }
        Ok(Answer::Done)
    }

    async fn start_prepare(
        &mut self,
        by: &Actor,
        statement: String,
        begun: Option<BegunElsewhere>,
    ) -> Result<(), Failure> {
        if self.view.borrow().state != RunState::Draft {
            return Err(refuse("start Prepare: it has started already"));
        }
        if statement.trim().is_empty() {
            return Err(Failure::new(ErrorCode::BadInput, "start Prepare: say that testing is finished"));
        }
        // Git keeps whole seconds.
        let commit_time = self.parts.clock.now().whole_seconds();
        self.append_by(by, vec![EventBody::Run(RunEvent::PrepareStarted { statement, commit_time, begun })]).await
    }

    pub(super) async fn start_deploy(
        &mut self,
        by: &Actor,
        request: DeployRequest,
        differences: Vec<Difference>,
    ) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        if view.state != RunState::Prepared {
            return Err(refuse("start Deploy: Prepare is not done, or Deploy has started already"));
        }
        // With the ids that the machine was found with when the environment was taken.
        let asked = staging_of(&view, &request)?;
        let staging = view
            .staging
            .clone()
            .filter(|taken| {
                (&taken.address, taken.port, &taken.fingerprint) == (&asked.address, asked.port, &asked.fingerprint)
            })
            .ok_or_else(|| refuse("start Deploy before the environment was taken on that machine"))?;
        self.append_by(by, vec![EventBody::Run(RunEvent::DeployStarted { staging, told: request.told, differences })])
            .await
    }

    /// Issues the one-use token for the plan that was shown.
    fn confirm(&mut self, step: StepId, plan_hash: &str) -> Result<String, Failure> {
        let plan = self.shown.get(&step).filter(|plan| plan.hash == plan_hash).ok_or_else(plan_changed)?;
        if !plan.is_open() {
            return Err(not_open(plan));
        }
        let token = self.parts.ids.fresh();
        self.tokens.retain(|_, (owner, _)| *owner != step);
        self.tokens.insert(token.clone(), (step, plan_hash.to_owned()));
        Ok(token)
    }

    /// The button of a step: all checks, then Started on disk, then the work.
    async fn start(&mut self, by: Actor, id: StepId, plan_hash: &str, token: Option<&str>) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        let step = fold::step(&view, id).ok_or_else(|| refuse("run this step: the run does not have it"))?;
        if !is_active(view.state, id.phase()) {
            return Err(refuse("run this step before its part of the run has started"));
        }
        may_start(&view, step)?;
        let other = view.steps.iter().find(|other| {
            other.definition.role == Role::Changing
                && other.status().is_open()
                && other.definition.id != StepId::CheckSite
        });
        if let Some(other) = other {
            return Err(refuse(&format!(
                "run two steps at once: \u{201c}{}\u{201d} is under way",
                other.definition.title
            )));
        }
        if !self.is_ready(id) {
            return Err(refuse("run this step: it still waits for an earlier one"));
        }
        let plan = self.shown.get(&id).filter(|plan| plan.hash == plan_hash).cloned().ok_or_else(plan_changed)?;
        if plan.already.is_none() && !plan.is_open() {
            return Err(not_open(&plan));
        }
        if plan.irreversible && plan.already.is_none() {
            let given = token.and_then(|token| self.tokens.remove(token));
            if given != Some((id, plan_hash.to_owned())) {
                return Err(Failure::new(ErrorCode::NotConfirmed, "run this step: it was not confirmed")
                    .hint("Press the button again and confirm what is shown."));
            }
        }
        let attempt = if mutant::is(Mutant::AttemptNotCounted) { step.attempt.max(1) } else { step.attempt + 1 };
        self.by = by.clone();
        if mutant::starts_late(&plan) {
            return self.start_late(&by, attempt, plan).await;
        }
        self.append_by(
            &by,
            vec![EventBody::Step(StepEvent::Started { step: id, attempt, plan: Box::new(plan.clone()) })],
        )
        .await?;
        self.shown.remove(&id);
        self.push(id, attempt, plan, Entry::Start);
        Ok(())
    }

    async fn answer(
        &mut self,
        by: &Actor,
        id: StepId,
        question: String,
        answer: String,
        note: String,
    ) -> Result<(), Failure> {
        let asked = self.shown.get(&id).and_then(|plan| plan.question.clone()).filter(|asked| asked.id == question);
        let Some(asked) = asked else { return Err(plan_changed()) };
        let Some(label) = asked.options.iter().find(|option| option.id == answer).map(|option| option.label.clone())
        else {
            return Err(Failure::new(ErrorCode::BadInput, "take this answer: the question does not offer it"));
        };
        if asked.needs_note && note.trim().is_empty() {
            return Err(Failure::new(ErrorCode::BadInput, "take this answer without a note: say why"));
        }
        self.append_by(
            by,
            vec![EventBody::Run(RunEvent::QuestionAnswered {
                step: id,
                question,
                text: asked.text,
                answer,
                label,
                note,
            })],
        )
        .await
    }

    /// "I looked: it did / did not happen."
    async fn settle_doubt(
        &mut self,
        by: &Actor,
        (id, attempt): (StepId, u32),
        happened: bool,
        note: String,
    ) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        let step = doubt::doubted(&view, id, attempt)?;
        if note.trim().is_empty() {
            return Err(Failure::new(
                ErrorCode::BadInput,
                "settle this without a note: say what you looked at and saw",
            ));
        }
        if !happened {
            let evidence = format!("{} looked: it did not happen. {note}", by.person);
            let reset =
                EventBody::Step(StepEvent::Reset { step: id, attempt, evidence, reported_by: Some(by.person.clone()) });
            return self.append_by(by, vec![came_to_nothing(&view, reset)]).await;
        }
        let word = Word { person: &by.person, note: &note, at: &self.parts.clock.now() };
        let facts = steps::get(id).claim(&view, step.plan.as_ref(), &word).ok_or_else(cannot_claim)?;
        self.append_by(
            by,
            said(id, attempt, facts, How::SaidBy { note: note.clone() }, format!("{}: {note}", by.person)),
        )
        .await
    }

    /// "I looked: it did not happen", of a script that started, is over, and of whose end nobody else knows.
    async fn call_failed(&mut self, by: &Actor, (id, attempt): (StepId, u32), note: &str) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        let step = doubt::doubted(&view, id, attempt)?;
        let is_at_most_once = step.definition.effect == Effect::AtMostOnce;
        let failure = Failure::new(ErrorCode::SaidFailed, format!("see its end: {} looked, {note}", by.person))
            .with("person", by.person.clone())
            .with("note", note)
            .hint("Call the people named for this step.")
            .changed(Changed::Unknown)
            .retry(if is_at_most_once { Retry::No } else { Retry::Safe });
        let failed = EventBody::Step(StepEvent::Failed { step: id, attempt, failure });
        self.append_by(by, vec![came_to_nothing(&view, failed)]).await
    }

    /// Records that the environment is about to be taken.
    pub(super) async fn taking(&mut self, by: &Actor, taking: Taking) -> Result<(), Failure> {
        if !matches!(self.view.borrow().state, RunState::Prepared | RunState::Deploying | RunState::Checking) {
            return Err(refuse("take the environment now"));
        }
        let Taking { staging, from, reason } = taking;
        self.append_by(by, vec![EventBody::Run(RunEvent::LockAcquiring { staging, from: from.map(Box::new), reason })])
            .await
    }

    /// Records which gate is about to be closed.
    pub(super) async fn closing(&mut self, by: &Actor, id: StepId, job: String, note: String) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        let step = fold::step(&view, id).ok_or_else(|| refuse("record this step: the run does not have it"))?;
        if !is_active(view.state, id.phase()) || step.status().is_done() || step.status() == Status::Running {
            return Err(refuse("record this step as done by hand now"));
        }
        self.append_by(by, vec![EventBody::Run(RunEvent::JobRevoking { step: id, job, note })]).await
    }

    /// "I did it by hand": `seen` is what the world shows, absent where a person's word has to do.
    pub(super) async fn by_hand(
        &mut self,
        by: Actor,
        id: StepId,
        note: String,
        seen: Option<Observation>,
    ) -> Result<Answer, Failure> {
        let view = self.view.borrow().clone();
        let step = fold::step(&view, id).ok_or_else(|| refuse("record this step: the run does not have it"))?;
        if !is_active(view.state, id.phase()) || step.status().is_open() {
            return Err(refuse("record this step as done by hand now"));
        }
        let (facts, how, evidence) = match seen {
            Some(Observation::Done { evidence, facts }) => (facts, How::ByHand { note }, evidence.join(" ")),
            None => {
                let word = Word { person: &by.person, note: &note, at: &self.parts.clock.now() };
                let facts = steps::get(id).claim(&view, step.plan.as_ref(), &word).ok_or_else(cannot_claim)?;
                let evidence = format!("{}: {note}", by.person);
                (facts, How::SaidBy { note }, evidence)
            }
            Some(
                Observation::NotDone { evidence: why }
                | Observation::InProgress { evidence: why }
                | Observation::Conflict { what: why }
                | Observation::Unknown { why },
            ) => {
                return Err(refuse("record this step as done: the world does not show it").because(why));
            }
        };
        self.append_by(&by, said(id, step.attempt, facts, how, evidence)).await?;
        Ok(Answer::Done)
    }

    async fn answer_check(
        &mut self,
        by: &Actor,
        check: String,
        answer: CheckAnswer,
        note: String,
    ) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        if view.state != RunState::Checking || fold::newest(&view, FactKind::SiteAnswered).is_none() {
            return Err(refuse("answer a check before the site shows the new version"));
        }
        if !view.profile.site.checks.iter().any(|known| known.id == check) {
            return Err(Failure::new(ErrorCode::BadInput, "answer this check: the release does not have it"));
        }
        if answer != CheckAnswer::Passed && note.trim().is_empty() {
            return Err(Failure::new(ErrorCode::BadInput, "take this answer without a note: say what you saw"));
        }
        self.append_by(by, vec![EventBody::Run(RunEvent::CheckAnswered { check, answer, note })]).await
    }

    async fn end_run(&mut self, by: &Actor, result: RunResult, note: String) -> Result<(), Failure> {
        let view = self.view.borrow().clone();
        let has_open = view.steps.iter().any(|step| {
            step.definition.role == Role::Changing && step.definition.id != StepId::CheckSite && step.status().is_open()
        });
        let all_done = view.steps.iter().all(|step| step.status().is_done());
        let is_allowed = match result {
            RunResult::Abandoned => matches!(view.state, RunState::Draft | RunState::Preparing | RunState::Prepared),
            RunResult::Stopped => !matches!(view.state, RunState::Ended | RunState::Draft),
            RunResult::Released => all_done && every_check_passed(&view) || mutant::is(Mutant::ReleasedOnWord),
            RunResult::ReleasedWithFailedCheck => all_done && view.state == RunState::Checking,
            RunResult::RolledBack => false,
        };
        if !is_allowed || has_open {
            return Err(refuse("end the run this way now"));
        }
        if note.trim().is_empty() && result != RunResult::Released {
            return Err(Failure::new(ErrorCode::BadInput, "end the run without a note: say why"));
        }
        let is_release = matches!(result, RunResult::Released | RunResult::ReleasedWithFailedCheck);
        let left_behind = if is_release { Vec::new() } else { deploy_check::left_behind(&view) };
        self.append_by(by, vec![EventBody::Run(RunEvent::Ended { result, note, left_behind })]).await
    }

    async fn take_over(&mut self, mut by: Actor, person: String) -> Result<(), Failure> {
        if person.trim().is_empty() {
            return Err(Failure::new(ErrorCode::BadInput, "take over without a name"));
        }
        let from = self.by.person.clone();
        person.trim().clone_into(&mut by.person);
        self.append_by(&by, vec![EventBody::Run(RunEvent::TookOver { from })]).await?;
        self.by = by;
        Ok(())
    }
}

/// The staging machine of a request to start Deploy, not asked yet.
///
/// # Errors
/// What is wrong with the request; nothing was changed.
pub(crate) fn staging_of(view: &RunView, request: &DeployRequest) -> Result<StagingMachine, Failure> {
    if view.state != RunState::Prepared {
        return Err(refuse("start Deploy: Prepare is not done, or Deploy has started already"));
    }
    let bad = |what: &str| Failure::new(ErrorCode::BadInput, format!("start Deploy: {what}"));
    if request.typed_version.trim() != view.version.to_string() {
        return Err(
            bad("the typed version is not the version of this release").with("expected", view.version.to_string())
        );
    }
    if request.told.trim().is_empty() {
        return Err(bad("write down who was told that some pages may fail for about a minute"));
    }
    if request.address.trim().is_empty() || request.port == 0 {
        return Err(bad("the address of the staging machine is missing"));
    }
    if !request.fingerprint.starts_with("SHA256:") {
        return Err(Failure::new(ErrorCode::HostUnknown, "start Deploy: nobody confirmed the staging machine"));
    }
    let pinned = &view.profile.host.fingerprint;
    if !pinned.is_empty() && pinned != &request.fingerprint {
        return Err(Failure::new(
            ErrorCode::HostChanged,
            "start Deploy: this is not the machine that the profile names",
        )
        .with("expected", pinned.clone())
        .with("seen", request.fingerprint.clone()));
    }
    Ok(StagingMachine {
        name: view.names.staging_machine.clone(),
        address: request.address.trim().to_owned(),
        port: request.port,
        user: view.profile.host.user.clone(),
        fingerprint: request.fingerprint.clone(),
        machine_id: String::new(),
        boot_id: String::new(),
    })
}

/// Whether a step may be started now. A step that must happen at most once is started again only when nothing of it
/// happened, for certain.
fn may_start(run: &RunView, step: &StepView) -> Result<(), Failure> {
    let may_repeat = || steps::get(step.definition.id).may_repeat(run);
    match &step.state {
        StepState::AwaitingOperator => Ok(()),
        StepState::Succeeded { .. } | StepState::Warned { .. } if may_repeat() => Ok(()),
        StepState::Failed { failure, .. } if failure.retry == Retry::No => {
            Err(refuse("try this step again: it must not be repeated").because(failure.summary.clone()))
        }
        StepState::Failed { .. } => Ok(()),
        StepState::Running | StepState::InDoubt { .. } => Err(refuse("run this step: it is under way, or in doubt")),
        StepState::Succeeded { .. } | StepState::Skipped { .. } => Err(refuse("run this step: it is done")),
        StepState::Warned { .. } => Err(refuse("run this step: it is done, with something to know")),
        StepState::NotStarted => Err(refuse("run this step: it still waits for an earlier one")),
        StepState::Stopped { .. } => Err(refuse("run this step: it was stopped")),
    }
}

/// The event of an attempt that failed or did not happen. Where an earlier attempt of the step still counts, the step stays
/// done, and says what became of this one.
pub(super) fn came_to_nothing(run: &RunView, body: EventBody) -> EventBody {
    let (step, attempt, why) = if let EventBody::Step(StepEvent::Failed { step, attempt, failure }) = &body {
        (*step, *attempt, failure.to_string())
    } else if let EventBody::Step(StepEvent::Reset { step, attempt, evidence, .. }) = &body {
        (*step, *attempt, evidence.clone())
    } else {
        return body;
    };
    match steps::get(step).still_counts(run) {
        Some(evidence) => {
            let warning = format!("It was not done again: {why}");
            EventBody::Step(StepEvent::Warned { step, attempt, evidence: vec![evidence], warning })
        }
        None => body,
    }
}

fn said(step: StepId, attempt: u32, facts: Vec<Fact>, how: How, evidence: String) -> Vec<EventBody> {
    facts
        .into_iter()
        .map(|fact| EventBody::Run(RunEvent::FactLearned { step, fact }))
        .chain([EventBody::Step(StepEvent::Succeeded { step, attempt, how, evidence: vec![evidence] })])
        .collect()
}

fn cannot_claim() -> Failure {
    refuse("take a person's word for this step: the app has to see it itself").hint("Ask the world again.")
}

fn plan_changed() -> Failure {
    Failure::new(ErrorCode::PlanChanged, "run what was shown: the plan is another one now").hint("Read the plan again.")
}

fn not_open(plan: &greenlight_types::StepPlan) -> Failure {
    if plan.question.is_some() {
        return Failure::new(ErrorCode::QuestionOpen, "run this step: its question has no answer yet");
    }
    let shut: Vec<&str> = plan.gates.iter().filter(|gate| !gate.passed).map(|gate| gate.text.as_str()).collect();
    Failure::new(ErrorCode::GateClosed, "run this step: a condition does not hold").because(shut.join("; "))
}
