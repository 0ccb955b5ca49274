//! Folds the events of a run into its view. Pure: the same events always give the same view.

use greenlight_types::{
    AnswerView, CheckView, ErrorCode, Event, EventBody, Fact, FactKind, Failure, LearnedFact, LockRefusal,
    MachineGivenUp, Profile, RunEvent, RunState, RunSummary, RunView, Status, StepDefinition, StepEvent, StepId,
    StepOptions, StepState, StepView, StopOrder,
};

use crate::transition::{self, STARTED_OVER};

/// Folds all events of a run.
///
/// # Errors
/// `JournalFailed` when the events do not form a run: the first one is not a draft, a number is
/// missing, or a transition is illegal.
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
    let EventBody::Run(
        RunEvent::Drafted { version, profile, names, steps, realm }
        | RunEvent::RollbackDrafted { version, profile, names, steps, realm, .. },
    ) = &event.body
    else {
        return Err(broken("the first entry is not the draft"));
    };
    let rolls_back = if let EventBody::Run(RunEvent::RollbackDrafted { rolls_back, .. }) = &event.body {
        Some(&**rolls_back)
    } else {
        None
    };
    let known = rolls_back.map(|release| release.facts.as_slice()).unwrap_or_default();
    Ok(RunView {
        id: event.run.clone(),
        seq: event.seq,
        version: version.clone(),
        profile: (**profile).clone(),
        names: names.clone(),
        realm: *realm,
        rolls_back: rolls_back.cloned(),
        rolled_back: None,
        // The way back needs no Prepare.
        state: if rolls_back.is_some() { RunState::Prepared } else { RunState::Draft },
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
        machine_given_up: None,
        lock_refusal: None,
        people: vec![event.by.person.clone()],
        steps: steps.iter().map(unstarted).collect(),
        facts: known.to_vec(),
        answers: Vec::new(),
        checks: Vec::new(),
        may_roll_back: false,
        may_end: Vec::new(),
        may_start_over: false,
    })
}

fn unstarted(definition: &StepDefinition) -> StepView {
    StepView {
        definition: definition.clone(),
        attempt: 0,
        offered_at: None,
        started_at: None,
        started_by: None,
        plan: None,
        earlier_failure: None,
        undone_jobs: Vec::new(),
        undone_at: None,
        stop_order: None,
        options: StepOptions::default(),
        state: StepState::NotStarted,
    }
}

/// Folds one more event into a view.
///
/// # Errors
/// As [`fold`]. The view must not be used after an error.
pub fn apply(view: &mut RunView, event: &Event) -> Result<(), Failure> {
    if event.seq != view.seq + 1 || event.run != view.id {
        return Err(broken(format!("entry {} cannot follow entry {}", event.seq, view.seq)));
    }
    match &event.body {
        EventBody::Step(change) => apply_to_step(view, change, event)?,
        EventBody::Run(change) => apply_to_run(view, change, event)?,
    }
    if !view.people.contains(&event.by.person) {
        view.people.push(event.by.person.clone());
    }
    view.seq = event.seq;
    Ok(())
}

fn apply_to_step(view: &mut RunView, change: &StepEvent, event: &Event) -> Result<(), Failure> {
    let id = change.step();
    let step = view
        .steps
        .iter_mut()
        .find(|step| step.definition.id == id)
        .ok_or_else(|| broken(format!("the run has no step {}", id.name())))?;
    transition::next(step.status(), change).map_err(|illegal| broken(format!("{}: {illegal}", id.name())))?;
    let ended_at = event.at;
    if let StepState::Failed { failure, .. } = &step.state {
        step.earlier_failure = Some(failure.clone());
    }
    step.state = match change {
        StepEvent::Offered { .. } => {
            step.offered_at = Some(event.at);
            StepState::AwaitingOperator
        }
        StepEvent::Started { attempt, plan, .. } => {
            step.attempt = *attempt;
            step.started_at = Some(event.at);
            step.started_by = Some(event.by.person.clone());
            step.plan = Some((**plan).clone());
            step.earlier_failure = None;
            step.stop_order = None;
            StepState::Running
        }
        StepEvent::Succeeded { how, evidence, .. } => {
            StepState::Succeeded { ended_at, how: how.clone(), evidence: evidence.clone() }
        }
        StepEvent::Warned { evidence, warning, .. } => {
            StepState::Warned { ended_at, evidence: evidence.clone(), warning: warning.clone() }
        }
        StepEvent::Skipped { note, .. } => {
            StepState::Skipped { ended_at, person: event.by.person.clone(), warning: note.clone() }
        }
        StepEvent::Stopped { note, .. } => StepState::Stopped { ended_at, warning: note.clone() },
        StepEvent::Failed { failure, .. } => StepState::Failed { ended_at, failure: failure.clone() },
        StepEvent::InDoubt { why, .. } => StepState::InDoubt { doubt: why.clone() },
        StepEvent::Resumed { .. } => StepState::Running,
        StepEvent::Reset { .. } => {
            step.offered_at = None;
            StepState::NotStarted
        }
        StepEvent::Undone { job, .. } => {
            step.undone_jobs.push(job.clone());
            step.undone_at = Some(event.at);
            step.offered_at = None;
            StepState::NotStarted
        }
    };
    // The machine answered about its job, so it is not gone.
    if matches!(change, StepEvent::Resumed { .. }) && step.plan.as_ref().is_some_and(|plan| plan.inputs.job().is_some())
    {
        view.machine_given_up = None;
    }
    if let StepEvent::Undone { job, .. } = change {
        forget_migration(view, job);
    }
    Ok(())
}

fn apply_to_run(view: &mut RunView, change: &RunEvent, event: &Event) -> Result<(), Failure> {
    if view.state == RunState::Ended {
        return Err(broken("the run has ended, and more entries follow"));
    }
    let (at, person) = (event.at, || event.by.person.clone());
    match change {
        RunEvent::Drafted { .. } | RunEvent::RollbackDrafted { .. } => {
            return Err(broken("the run was drafted twice"));
        }
        RunEvent::PrepareStarted { commit_time, begun, .. } => {
            view.state = RunState::Preparing;
            view.prepare_started_at = Some(at);
            view.commit_time = Some(*commit_time);
            view.begun.clone_from(begun);
        }
        RunEvent::Prepared => {
            view.state = RunState::Prepared;
            view.prepared_at = Some(at);
        }
        RunEvent::DeployStarted { staging, .. } => {
            view.state = RunState::Deploying;
            view.deploy_started_at = Some(at);
            view.staging = Some(staging.clone());
        }
        RunEvent::LockAcquiring { staging, .. } => {
            view.staging = Some(staging.clone());
            view.machine_given_up = None;
            view.lock_refusal = None;
        }
        RunEvent::LockRefused { reason, from, is_accepted } => {
            let (reason, from, is_accepted) = (reason.clone(), from.clone(), *is_accepted);
            view.lock_refusal = Some(LockRefusal { reason, from, is_accepted });
        }
        RunEvent::AddressChanged { staging } => {
            view.staging = Some(staging.clone());
            view.machine_given_up = None;
        }
        RunEvent::MachineGivenUp { note } => {
            view.machine_given_up = Some(MachineGivenUp { person: person(), note: note.clone(), at });
        }
        RunEvent::ScriptStopping { step, is_forced, note, .. } => {
            order_stop(view, *step, StopOrder::first(person(), note.clone(), *is_forced, at))?;
        }
        RunEvent::ValueCorrected { profile, .. } => view.profile = Profile::clone(profile),
        RunEvent::StartedOver { .. } => start_over(view)?,
        RunEvent::CheckingStarted => view.state = RunState::Checking,
        RunEvent::Ended { result, note, left_behind } => {
            view.state = RunState::Ended;
            view.result = Some(*result);
            view.end_note.clone_from(note);
            view.left_behind.clone_from(left_behind);
            view.ended_at = Some(at);
        }
        RunEvent::FactLearned { fact, .. } => learn(view, LearnedFact { at, fact: fact.clone() }),
        RunEvent::QuestionAnswered { question, text, answer, label, note, .. } => {
            let (question, text, answer) = (question.clone(), text.clone(), answer.clone());
            let (label, note) = (label.clone(), note.clone());
            view.answers.push(AnswerView { question, text, answer, label, note, person: person(), at });
        }
        RunEvent::CheckAnswered { check, answer, note } => {
            view.checks.retain(|known| known.check != *check);
            let (check, note) = (check.clone(), note.clone());
            view.checks.push(CheckView { check, answer: *answer, note, person: person(), at });
        }
        RunEvent::TookOver { .. } | RunEvent::JobRevoking { .. } => {}
    }
    Ok(())
}

fn learn(view: &mut RunView, learned: LearnedFact) {
    let is_undone = step(view, StepId::RunMigration).is_some_and(|step| !step.undone_jobs.is_empty());
    if is_undone && learned.fact.kind() == FactKind::MigrationFinished {
        forget_checks(view);
    }
    if let Fact::PullRequestMerged { commit, .. } = &learned.fact {
        forget_other_tag(view, commit);
    } else if learned.fact.kind() == FactKind::MainPublished {
        withdraw_pull_request(view);
    }
    view.facts.push(learned);
}

/// Withdraws the offer of a pull request, because main has the release.
fn withdraw_pull_request(view: &mut RunView) {
    let step = view.steps.iter_mut().find(|step| step.definition.id == StepId::OpenPullRequest);
    if let Some(step) = step.filter(|step| !step.status().is_open() && !step.status().is_done()) {
        step.offered_at = None;
        step.state = StepState::NotStarted;
    }
}

/// Removes a tag of another commit than the one that is released from now on. CreateTag is offered
/// again. Only a tag in the app's own clone is of another commit: none is published before main.
fn forget_other_tag(view: &mut RunView, released: &str) {
    let is_other = |fact: &Fact| matches!(fact, Fact::TagMade { commit, .. } if commit != released);
    let known = view.facts.len();
    view.facts.retain(|learned| !is_other(&learned.fact));
    let step = view.steps.iter_mut().find(|step| step.definition.id == StepId::CreateTag);
    if let Some(step) = step.filter(|step| view.facts.len() < known && !step.status().is_open()) {
        step.offered_at = None;
        step.state = StepState::NotStarted;
    }
}

/// Removes the end of a migration that was undone, and the checks that followed it.
fn forget_migration(view: &mut RunView, job: &str) {
    let is_its_end = |fact: &Fact| matches!(fact, Fact::MigrationFinished { job: ended, .. } if ended == job);
    let known = view.facts.len();
    view.facts.retain(|learned| !is_its_end(&learned.fact));
    if view.facts.len() < known {
        forget_checks(view);
    }
}

/// Removes the answers to the site checks and the version that the site showed. Both are of a
/// database that was restored. CheckSite is offered again after the next migration. A CheckSite
/// that runs reads the site again then.
fn forget_checks(view: &mut RunView) {
    view.checks.clear();
    view.facts.retain(|learned| learned.fact.kind() != FactKind::SiteAnswered);
    let check = view.steps.iter_mut().find(|step| step.definition.id == StepId::CheckSite);
    if let Some(check) = check.filter(|step| !step.status().is_open()) {
        check.offered_at = None;
        check.state = StepState::NotStarted;
    }
}

fn order_stop(view: &mut RunView, id: StepId, order: StopOrder) -> Result<(), Failure> {
    let step = view.steps.iter_mut().find(|step| step.definition.id == id);
    let step = step.ok_or_else(|| broken(format!("the run has no step {}", id.name())))?;
    let first_at = step.stop_order.as_ref().map_or(order.at, |before| before.first_at);
    step.stop_order = Some(StopOrder { first_at, ..order });
    Ok(())
}

/// Resets the steps that a run makes again on the newest main. Their facts leave the view, because
/// every reader of a fact takes it for true. The events keep them for the history.
fn start_over(view: &mut RunView) -> Result<(), Failure> {
    if is_known(view, FactKind::MainPublished) || is_known(view, FactKind::TagPublished) {
        return Err(broken("the run started over after a part of it was published"));
    }
    for step in view.steps.iter_mut().filter(|step| STARTED_OVER.contains(&step.definition.id)) {
        let id = step.definition.id;
        transition::start_over(id, step.status()).map_err(|illegal| broken(format!("{}: {illegal}", id.name())))?;
        step.state = StepState::NotStarted;
        step.offered_at = None;
        step.plan = None;
        step.earlier_failure = None;
    }
    let is_made_again = |kind| matches!(kind, FactKind::Merged | FactKind::VersionSet | FactKind::TagMade);
    view.facts.retain(|learned| !is_made_again(learned.fact.kind()));
    Ok(())
}

/// The newest fact of a kind.
#[must_use]
pub fn newest(view: &RunView, kind: FactKind) -> Option<&Fact> {
    view.facts.iter().rev().map(|learned| &learned.fact).find(|fact| fact.kind() == kind)
}

/// Whether no step has to wait for a fact any more. A migration that was left out counts as one
/// that finished, and a backup that was left out as one that is proved.
#[must_use]
pub fn is_known(view: &RunView, kind: FactKind) -> bool {
    let is_left_out = |id| step(view, id).is_some_and(|step| step.status() == Status::Skipped);
    newest(view, kind).is_some()
        || kind == FactKind::MigrationFinished && is_left_out(StepId::RunMigration)
        || kind == FactKind::BackupProved && is_left_out(StepId::BackUp)
}

/// One step of a view.
#[must_use]
pub fn step(view: &RunView, id: StepId) -> Option<&StepView> {
    view.steps.iter().find(|step| step.definition.id == id)
}

/// A row of the history list.
#[must_use]
pub fn summary(view: &RunView) -> RunSummary {
    let stopped_at = view
        .steps
        .iter()
        .find(|step| matches!(step.status(), Status::Failed | Status::Stopped | Status::InDoubt))
        .map(|step| step.definition.short_title.clone());
    RunSummary {
        id: view.id.clone(),
        product: view.profile.product.name.clone(),
        version: view.version.clone(),
        realm: view.realm,
        is_rollback: view.is_rollback(),
        rolled_back: view.rolled_back.clone(),
        state: view.state,
        result: view.result,
        stopped_at,
        person: view.people.first().cloned().unwrap_or_default(),
        drafted_at: view.drafted_at,
        ended_at: view.ended_at,
        read_only: None,
    }
}
