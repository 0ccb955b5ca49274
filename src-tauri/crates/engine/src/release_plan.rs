//! Makes the plan of a whole release: every step in order, with the values, times and people that
//! are known before it starts.
//!
//! Asks no outside system. The outline of a step has its values; a value that is not known yet
//! says when it will be.

mod document;
#[cfg(test)]
mod tests;

use greenlight_types::{
    Actor, Contact, DoneStep, Event, EventBody, Failure, Phase, PlannedStep, PlannedTime, Profile, Realm, ReleasePlan,
    RunEvent, RunId, RunState, RunView, Status, Stay, StepId, StepState, StepView, Timestamp, ToldPeople, Version,
    WayBack,
};

use crate::{fold, phase, step::Outline, steps};
pub use document::markdown;

/// The plan of a release that is not drafted yet.
///
/// # Errors
/// As [`of_run`].
pub fn of_version(profile: &Profile, version: &Version, realm: Realm) -> Result<ReleasePlan, Failure> {
    let body = RunEvent::Drafted {
        version: version.clone(),
        profile: Box::new(profile.clone()),
        names: profile.names(version),
        steps: steps::definitions(profile, version),
        realm,
    };
    let by = Actor {
        person: String::new(),
        computer: String::new(),
        app_version: String::new(),
        github_login: None,
        aws_identity: None,
    };
    let draft = Event { run: RunId(String::new()), seq: 1, at: Timestamp::EPOCH, by, body: body.into() };
    Ok(ReleasePlan { is_frozen: false, ..of_run(&[draft])? })
}

/// The plan of a run, by its events. Corrected values count.
///
/// # Errors
/// `JournalFailed` when the events form no run.
pub fn of_run(events: &[Event]) -> Result<ReleasePlan, Failure> {
    let view = fold::fold(events)?;
    let listed: Vec<(&StepView, Outline)> =
        in_order(&view).into_iter().map(|step| (step, steps::get(step.definition.id).outline(&view))).collect();
    let is_prepare = |step: &StepView| step.definition.phase == Phase::Prepare;
    let time = |of_prepare: bool| sum(listed.iter().map(|(step, _)| *step).filter(|one| is_prepare(one) == of_prepare));
    Ok(ReleasePlan {
        product: view.profile.product.name.clone(),
        environment: view.profile.product.environment_name.clone(),
        version: view.version.clone(),
        realm: view.realm,
        is_rollback: view.is_rollback(),
        is_frozen: true,
        prepare: (!view.is_rollback()).then(|| time(true)),
        deploy: time(false),
        stay: stay(&listed),
        told: told(events),
        site: view.profile.site.url.clone(),
        contacts: contacts(&view, &listed),
        steps: planned(&view, &listed),
    })
}

/// The steps of the run in the order in which they are done. An optional step is part of the plan
/// once it was chosen or is needed. Its place is before the step that waits for its effect.
fn in_order(view: &RunView) -> Vec<&StepView> {
    let is_used = |step: &StepView| !step.definition.is_optional || step.status() != Status::NotStarted;
    let (added, mut listed): (Vec<&StepView>, Vec<&StepView>) =
        view.steps.iter().filter(|step| is_used(step)).partition(|step| step.definition.is_optional);
    for step in added {
        let next = follower(step.definition.id);
        let place = listed.iter().position(|one| Some(one.definition.id) == next).unwrap_or(listed.len());
        listed.insert(place, step);
    }
    listed
}

/// The step of the runbook before which an optional step is done. `None`: after all of them.
fn follower(id: StepId) -> Option<StepId> {
    match id {
        StepId::OpenPullRequest => Some(StepId::PushBranch),
        StepId::RaiseFailureLimit => Some(StepId::DispatchBuild),
        StepId::RerunBuild | StepId::CancelBuild | StepId::FollowOtherBuild | StepId::DeployAgain => {
            Some(StepId::AwaitDeployPhase)
        }
        StepId::RestoreFailureLimit => Some(StepId::CheckSite),
        StepId::StopRollout
        | StepId::RollBack
        | StepId::MergeBranch
        | StepId::SetVersion
        | StepId::CreateTag
        | StepId::PushBranch
        | StepId::PushTag
        | StepId::RegisterTaskDefinition
        | StepId::BackUp
        | StepId::DispatchBuild
        | StepId::FollowBuild
        | StepId::AwaitDeployPhase
        | StepId::RunMigration
        | StepId::AwaitRollout
        | StepId::CheckSite => None,
    }
}

/// The sum of usual times. A step without one counts as such.
fn sum<'a>(steps: impl Iterator<Item = &'a StepView>) -> PlannedTime {
    steps.fold(PlannedTime::default(), |time, step| match step.definition.usual_minutes {
        Some((low, high)) => PlannedTime {
            low: time.low.saturating_add(low),
            high: time.high.saturating_add(high),
            untimed: time.untimed,
        },
        None => PlannedTime { untimed: time.untimed + 1, ..time },
    })
}

/// From the first step that needs someone to stay up to the last step.
fn stay(listed: &[(&StepView, Outline)]) -> Option<Stay> {
    let first = listed.iter().position(|(_, outline)| outline.needs_stay)?;
    let span = &listed[first..];
    Some(Stay {
        from: span.first()?.0.definition.id,
        until: span.last()?.0.definition.id,
        time: sum(span.iter().map(|(step, _)| *step)),
    })
}

fn told(events: &[Event]) -> Option<ToldPeople> {
    events.iter().rev().find_map(|event| match &event.body {
        EventBody::Run(RunEvent::DeployStarted { told, .. }) => {
            Some(ToldPeople { text: told.clone(), by: event.by.person.clone(), at: event.at })
        }
        EventBody::Run(_) | EventBody::Step(_) => None,
    })
}

fn planned(view: &RunView, listed: &[(&StepView, Outline)]) -> Vec<PlannedStep> {
    let is_prepare = |step: &StepView| step.definition.phase == Phase::Prepare;
    let mut number = 0;
    let mut steps = Vec::with_capacity(listed.len());
    for (index, (step, outline)) in listed.iter().enumerate() {
        let before = listed[..index].iter().map(|(one, _)| *one).filter(|one| is_prepare(one) == is_prepare(step));
        let definition = &step.definition;
        if !definition.is_optional {
            number += 1;
        }
        steps.push(PlannedStep {
            id: definition.id,
            number: (!definition.is_optional).then_some(number),
            phase: definition.phase,
            title: definition.title.clone(),
            short_title: definition.short_title.clone(),
            values: outline.values.clone(),
            changes: outline.changes.clone(),
            minutes: definition.usual_minutes,
            starts_after: sum(before),
            person: outline.person,
            who_to_call: definition.who_to_call.clone(),
            way_back: way_back(view, definition.id),
            is_point_of_no_return: outline.is_point_of_no_return && step.status() != Status::Skipped,
            may_skip: may_skip(view, step),
            status: step.status(),
            done: done(step),
        });
    }
    steps
}

/// The way back of a step. The restore procedure of a profile may still be open.
fn way_back(view: &RunView, id: StepId) -> WayBack {
    match steps::get(id).way_back(view) {
        WayBack::Irreversible { way_back, minutes, who } => {
            WayBack::Irreversible { way_back: way_back.trim().to_owned(), minutes, who }
        }
        other @ (WayBack::NothingToUndo | WayBack::Harmless { .. }) => other,
    }
}

/// Whether a person may leave the step out once Deploy goes on.
fn may_skip(view: &RunView, step: &StepView) -> bool {
    phase::may_skip(&RunView { state: RunState::Deploying, ..view.clone() }, step)
}

fn done(step: &StepView) -> Option<DoneStep> {
    if !step.status().is_done() {
        return None;
    }
    let left_out_by = if let StepState::Skipped { person, .. } = &step.state { Some(person) } else { None };
    let person = left_out_by.or(step.started_by.as_ref()).cloned().unwrap_or_default();
    Some(DoneStep { person, at: step.ended_at()? })
}

/// Each person or team once, with the short titles of their steps.
fn contacts(view: &RunView, listed: &[(&StepView, Outline)]) -> Vec<Contact> {
    let restore = (view.profile.restore.who.as_str(), "Restore the database");
    let is_restorable = listed.iter().any(|(_, outline)| outline.is_point_of_no_return);
    let steps = listed.iter().map(|(step, _)| &step.definition);
    let named = steps
        .map(|definition| (definition.who_to_call.as_str(), definition.short_title.as_str()))
        .chain(Some(restore).filter(|_| is_restorable));
    let mut contacts: Vec<Contact> = Vec::new();
    for (who, about) in named.filter(|(who, _)| !who.trim().is_empty()) {
        match contacts.iter_mut().find(|contact| contact.who == who) {
            Some(contact) => contact.about.push(about.to_owned()),
            None => contacts.push(Contact { who: who.to_owned(), about: vec![about.to_owned()] }),
        }
    }
    contacts
}
