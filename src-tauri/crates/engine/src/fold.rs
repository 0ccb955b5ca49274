//! Events to view: the state of a run is a pure fold of its journal.
//!
//! The page folds the same events in `ui/src/run/fold.ts`; both follow the golden files in `tests/golden/fold`.

use greenlight_types::{
    AnswerView, CheckView, ErrorCode, Event, EventBody, Fact, FactKind, Failure, LearnedFact, RunState, RunSummary,
    RunView, Status, StepId, StepView,
};

use crate::transition;

/// Folds a whole run.
///
/// # Errors
/// `JournalFailed` when the events do not form a run: no draft first, a gap, an illegal transition.
pub fn fold(events: &[Event]) -> Result<RunView, Failure> {
    let (first, rest) = events.split_first().ok_or_else(|| broken("the run has no entries"))?;
    let mut view = draft(first)?;
    for event in rest {
        apply(&mut view, event)?;
    }
    Ok(view)
}

fn broken(why: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::JournalFailed, "read the record of this run")
        .because(why)
        .hint("Keep the data folder as it is and call a developer.")
        .retry(greenlight_types::Retry::No)
}

fn draft(event: &Event) -> Result<RunView, Failure> {
    let EventBody::RunDrafted { version, profile, names, steps, realm } = &event.body else {
        return Err(broken("the first entry is not the draft"));
    };
    Ok(RunView {
        id: event.run.clone(),
        seq: event.seq,
        version: version.clone(),
        profile: (**profile).clone(),
        names: names.clone(),
        realm: *realm,
        state: RunState::Draft,
        result: None,
        end_note: String::new(),
        left_behind: Vec::new(),
        drafted_at: event.at,
        prepare_started_at: None,
        commit_time: None,
        begun: None,
        prepared_at: None,
        deploy_started_at: None,
        ended_at: None,
        staging: None,
        people: vec![event.by.person.clone()],
        steps: steps
            .iter()
            .map(|definition| StepView {
                definition: definition.clone(),
                status: Status::NotStarted,
                attempt: 0,
                offered_at: None,
                started_at: None,
                started_by: None,
                ended_at: None,
                how: None,
                evidence: Vec::new(),
                warning: None,
                failure: None,
                doubt: None,
                plan: None,
            })
            .collect(),
        facts: Vec::new(),
        answers: Vec::new(),
        checks: Vec::new(),
    })
}

/// Folds one more event in.
///
/// # Errors
/// As [`fold`]; the view is then unchanged or must be thrown away.
pub fn apply(view: &mut RunView, event: &Event) -> Result<(), Failure> {
    if event.seq != view.seq + 1 || event.run != view.id {
        return Err(broken(format!("entry {} cannot follow entry {}", event.seq, view.seq)));
    }
    match step_of(&event.body) {
        Some(id) => apply_to_step(view, id, event)?,
        None => apply_to_run(view, event)?,
    }
    if !view.people.contains(&event.by.person) {
        view.people.push(event.by.person.clone());
    }
    view.seq = event.seq;
    Ok(())
}

/// The step whose state an event changes.
fn step_of(body: &EventBody) -> Option<StepId> {
    match body {
        EventBody::StepOffered { step }
        | EventBody::StepStarted { step, .. }
        | EventBody::StepSucceeded { step, .. }
        | EventBody::StepWarned { step, .. }
        | EventBody::StepSkipped { step, .. }
        | EventBody::StepFailed { step, .. }
        | EventBody::StepInDoubt { step, .. }
        | EventBody::StepResumed { step, .. }
        | EventBody::StepReset { step, .. }
        | EventBody::StepStopped { step, .. } => Some(*step),
        EventBody::RunDrafted { .. }
        | EventBody::PrepareStarted { .. }
        | EventBody::RunPrepared
        | EventBody::DeployStarted { .. }
        | EventBody::CheckingStarted
        | EventBody::RunEnded { .. }
        | EventBody::TookOver { .. }
        | EventBody::FactLearned { .. }
        | EventBody::GateClosing { .. }
        | EventBody::EnvironmentTaking { .. }
        | EventBody::QuestionAnswered { .. }
        | EventBody::CheckAnswered { .. } => None,
    }
}

fn apply_to_step(view: &mut RunView, id: StepId, event: &Event) -> Result<(), Failure> {
    let step = view
        .steps
        .iter_mut()
        .find(|step| step.definition.id == id)
        .ok_or_else(|| broken(format!("the run has no step {}", id.name())))?;
    step.status =
        transition::next(step.status, &event.body).map_err(|illegal| broken(format!("{}: {illegal}", id.name())))?;
    let at = || Some(event.at);
    match &event.body {
        EventBody::StepOffered { .. } => step.offered_at = at(),
        EventBody::StepStarted { attempt, plan, .. } => {
            step.attempt = *attempt;
            step.started_at = at();
            step.started_by = Some(event.by.person.clone());
            step.ended_at = None;
            step.how = None;
            step.evidence.clear();
            step.warning = None;
            step.failure = None;
            step.doubt = None;
            step.plan = Some((**plan).clone());
        }
        EventBody::StepSucceeded { how, evidence, .. } => {
            step.ended_at = at();
            step.how = Some(how.clone());
            step.evidence.clone_from(evidence);
            step.doubt = None;
        }
        EventBody::StepWarned { evidence, warning, .. } => {
            step.ended_at = at();
            step.evidence.clone_from(evidence);
            step.warning = Some(warning.clone());
            step.doubt = None;
        }
        EventBody::StepSkipped { note, .. } | EventBody::StepStopped { note, .. } => {
            step.ended_at = at();
            step.warning = Some(note.clone());
            step.doubt = None;
        }
        EventBody::StepFailed { failure, .. } => {
            step.ended_at = at();
            step.failure = Some(failure.clone());
            step.doubt = None;
        }
        EventBody::StepInDoubt { why, .. } => step.doubt = Some(why.clone()),
        EventBody::StepResumed { .. } => step.doubt = None,
        EventBody::StepReset { .. } => {
            step.doubt = None;
            step.offered_at = None;
        }
        EventBody::RunDrafted { .. }
        | EventBody::PrepareStarted { .. }
        | EventBody::RunPrepared
        | EventBody::DeployStarted { .. }
        | EventBody::CheckingStarted
        | EventBody::RunEnded { .. }
        | EventBody::TookOver { .. }
        | EventBody::FactLearned { .. }
        | EventBody::GateClosing { .. }
        | EventBody::EnvironmentTaking { .. }
        | EventBody::QuestionAnswered { .. }
        | EventBody::CheckAnswered { .. } => {}
    }
    Ok(())
}

fn apply_to_run(view: &mut RunView, event: &Event) -> Result<(), Failure> {
    if view.state == RunState::Ended {
        return Err(broken("the run has ended, and more entries follow"));
    }
    let at = event.at;
    match &event.body {
        EventBody::RunDrafted { .. } => return Err(broken("the run was drafted twice")),
        EventBody::PrepareStarted { commit_time, begun, .. } => {
            view.state = RunState::Preparing;
            view.prepare_started_at = Some(at);
            view.commit_time = Some(*commit_time);
            view.begun.clone_from(begun);
        }
        EventBody::RunPrepared => {
            view.state = RunState::Prepared;
            view.prepared_at = Some(at);
        }
        EventBody::DeployStarted { staging, .. } => {
            view.state = RunState::Deploying;
            view.deploy_started_at = Some(at);
            view.staging = Some(staging.clone());
        }
        EventBody::EnvironmentTaking { staging, .. } => view.staging = Some(staging.clone()),
        EventBody::CheckingStarted => view.state = RunState::Checking,
        EventBody::RunEnded { result, note, left_behind } => {
            view.state = RunState::Ended;
            view.result = Some(*result);
            view.end_note.clone_from(note);
            view.left_behind.clone_from(left_behind);
            view.ended_at = Some(at);
        }
        EventBody::FactLearned { fact, .. } => view.facts.push(LearnedFact { at, fact: fact.clone() }),
        EventBody::QuestionAnswered { question, text, answer, note, .. } => view.answers.push(AnswerView {
            question: question.clone(),
            text: text.clone(),
            answer: answer.clone(),
            note: note.clone(),
            person: event.by.person.clone(),
            at,
        }),
        EventBody::CheckAnswered { check, answer, note } => {
            view.checks.retain(|known| known.check != *check);
            view.checks.push(CheckView {
                check: check.clone(),
                answer: *answer,
                note: note.clone(),
                person: event.by.person.clone(),
                at,
            });
        }
        EventBody::TookOver { .. }
        | EventBody::GateClosing { .. }
        | EventBody::StepOffered { .. }
        | EventBody::StepStarted { .. }
        | EventBody::StepSucceeded { .. }
        | EventBody::StepWarned { .. }
        | EventBody::StepSkipped { .. }
        | EventBody::StepFailed { .. }
        | EventBody::StepInDoubt { .. }
        | EventBody::StepResumed { .. }
        | EventBody::StepReset { .. }
        | EventBody::StepStopped { .. } => {}
    }
    Ok(())
}

/// The newest fact of a kind.
#[must_use]
pub fn newest(view: &RunView, kind: FactKind) -> Option<&Fact> {
    view.facts.iter().rev().map(|learned| &learned.fact).find(|fact| fact.kind() == kind)
}

/// One step of a view.
#[must_use]
pub fn step(view: &RunView, id: StepId) -> Option<&StepView> {
    view.steps.iter().find(|step| step.definition.id == id)
}

/// A line of the history list.
#[must_use]
pub fn summary(view: &RunView) -> RunSummary {
    let stopped_at = view
        .steps
        .iter()
        .find(|step| matches!(step.status, Status::Failed | Status::Stopped | Status::InDoubt))
        .map(|step| step.definition.short_title.clone());
    RunSummary {
        id: view.id.clone(),
        product: view.profile.product.name.clone(),
        version: view.version.clone(),
        realm: view.realm,
        state: view.state,
        result: view.result,
        stopped_at,
        person: view.people.first().cloned().unwrap_or_default(),
        drafted_at: view.drafted_at,
        ended_at: view.ended_at,
        read_only: None,
    }
}
