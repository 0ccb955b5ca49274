//! Debrief of a practised release, made from the journal and the occurrences of the troubles. It
//! does not judge the operator.

use greenlight_types::{
    Completion, Debrief, DebriefAct, DebriefKind, DebriefLine, Event, EventBody, RunEvent, RunView, Spell, StepEvent,
    StepId, Timestamp, Trouble,
};

/// Most acts listed for one trouble.
const ACTS_MAX: usize = 12;

/// Makes the debrief of a run. `now` is the end of a run in progress.
#[must_use]
pub fn debrief(view: &RunView, events: &[Event], spells: &[Spell], now: &Timestamp) -> Debrief {
    let whole = (ms(&view.drafted_at), view.ended_at.as_ref().map_or_else(|| ms(now), ms));
    let mut held = Vec::new();
    let mut lines = Vec::new();
    for spell in spells {
        let began = ms(&spell.began);
        if began < whole.0 || began > whole.1 {
            continue;
        }
        let until = until(spell, events).map_or(whole.1, |at| at.min(whole.1)).max(began);
        held.push((began, until));
        lines.push(DebriefLine {
            spell: spell.clone(),
            cost_seconds: seconds(until - began),
            acts: events
                .iter()
                .filter(|event| (began..=until).contains(&ms(&event.at)))
                .filter_map(|event| act(view, event))
                .take(ACTS_MAX)
                .collect(),
        });
    }
    Debrief { lines, cost_seconds: seconds(union(held)), whole_seconds: seconds(whole.1 - whole.0) }
}

/// End of the delay that a trouble caused, in ms since 1970: the moment at which the affected step
/// is done. For a passing trouble it is the end of the trouble. `None` when that moment never came.
fn until(spell: &Spell, events: &[Event]) -> Option<i64> {
    let began = ms(&spell.began);
    let ended = || spell.ended.as_ref().map(ms);
    let is_passing = matches!(
        spell.trouble,
        Trouble::ConnectionLostInMigration | Trouble::TokenExpires | Trouble::GithubAnswersLate
    );
    let Some(hit) = spell.trouble.step().filter(|_| !is_passing) else { return ended() };
    events.iter().find(|event| ms(&event.at) >= began && is_done(&event.body, hit)).map(|event| ms(&event.at))
}

fn is_done(body: &EventBody, hit: StepId) -> bool {
    matches!(
        body,
        EventBody::Step(StepEvent::Succeeded { step, .. }) | EventBody::Step(StepEvent::Warned { step, .. }) | EventBody::Step(StepEvent::Skipped { step, .. })
            if *step == hit
    )
}

/// The operator's act in this event, if it is one.
fn act(view: &RunView, event: &Event) -> Option<DebriefAct> {
    let title = |id: StepId| {
        let step = view.steps.iter().find(|step| step.definition.id == id);
        step.map(|step| step.definition.short_title.clone()).unwrap_or_default()
    };
    let is_watching = |id: StepId| matches!(id, StepId::FollowBuild | StepId::AwaitDeployPhase | StepId::AwaitRollout);
    let (kind, about, note) = match &event.body {
        EventBody::Step(StepEvent::Started { step, .. }) if is_watching(*step) => return None,
        EventBody::Step(StepEvent::Started { step, attempt: 1, .. }) => {
            (DebriefKind::Started, title(*step), String::new())
        }
        EventBody::Step(StepEvent::Started { step, .. }) => (DebriefKind::TriedAgain, title(*step), String::new()),
        EventBody::Run(RunEvent::QuestionAnswered { step, note, .. }) => {
            (DebriefKind::Answered, title(*step), note.clone())
        }
        EventBody::Run(RunEvent::CheckAnswered { check, note, .. }) => {
            let text = view.profile.site.checks.iter().find(|one| one.id == *check).map(|one| one.text.clone());
            (DebriefKind::Checked, text.unwrap_or_else(|| check.clone()), note.clone())
        }
        EventBody::Step(StepEvent::Succeeded {
            step,
            how: Completion::ByHand { note } | Completion::SaidBy { note },
            ..
        }) => (DebriefKind::SaidDone, title(*step), note.clone()),
        EventBody::Step(StepEvent::Reset { step, evidence, reported_by: Some(_), .. }) => {
            (DebriefKind::SaidNotDone, title(*step), evidence.clone())
        }
        EventBody::Step(StepEvent::Undone { step, note, .. }) => (DebriefKind::SaidUndone, title(*step), note.clone()),
        EventBody::Step(StepEvent::Skipped { step, note }) => (DebriefKind::LeftOut, title(*step), note.clone()),
        EventBody::Run(RunEvent::StartedOver { note, .. }) => (DebriefKind::StartedOver, String::new(), note.clone()),
        EventBody::Run(RunEvent::DeployStarted { .. }) => (DebriefKind::StartedDeploy, String::new(), String::new()),
        EventBody::Run(RunEvent::Ended { note, .. }) if !note.is_empty() => {
            (DebriefKind::Ended, String::new(), note.clone())
        }
        EventBody::Run(RunEvent::Ended { .. })
        | EventBody::Run(RunEvent::Drafted { .. })
        | EventBody::Run(RunEvent::RollbackDrafted { .. })
        | EventBody::Run(RunEvent::PrepareStarted { .. })
        | EventBody::Run(RunEvent::Prepared)
        | EventBody::Run(RunEvent::CheckingStarted)
        | EventBody::Run(RunEvent::TookOver { .. })
        | EventBody::Run(RunEvent::JobRevoking { .. })
        | EventBody::Run(RunEvent::LockAcquiring { .. })
        | EventBody::Run(RunEvent::LockRefused { .. })
        | EventBody::Run(RunEvent::AddressChanged { .. })
        | EventBody::Run(RunEvent::MachineGivenUp { .. })
        | EventBody::Run(RunEvent::ScriptStopping { .. })
        | EventBody::Run(RunEvent::ValueCorrected { .. })
        | EventBody::Step(StepEvent::Offered { .. })
        | EventBody::Run(RunEvent::FactLearned { .. })
        | EventBody::Step(StepEvent::Succeeded { .. })
        | EventBody::Step(StepEvent::Warned { .. })
        | EventBody::Step(StepEvent::Failed { .. })
        | EventBody::Step(StepEvent::InDoubt { .. })
        | EventBody::Step(StepEvent::Resumed { .. })
        | EventBody::Step(StepEvent::Reset { .. })
        | EventBody::Step(StepEvent::Stopped { .. }) => return None,
    };
    Some(DebriefAct { at: event.at, person: event.by.person.clone(), kind, about, note })
}

/// Total length of the intervals in ms. Overlaps count once.
fn union(mut stretches: Vec<(i64, i64)>) -> i64 {
    stretches.sort_unstable();
    let mut covered = 0;
    let mut reached = i64::MIN;
    for (from, to) in stretches {
        covered += (to - from.max(reached)).max(0);
        reached = reached.max(to);
    }
    covered
}

fn ms(at: &Timestamp) -> i64 {
    at.as_millisecond()
}

fn seconds(ms: i64) -> u32 {
    u32::try_from(ms / 1_000).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use greenlight_types::RunResult;

    use super::*;

    /// Journal of a release that was stopped after its migration failed.
    fn stopped() -> (RunView, Vec<Event>) {
        let text = include_str!("../../../../tests/golden/fold/stopped-after-a-failed-migration.json");
        let golden: serde_json::Value = serde_json::from_str(text).unwrap();
        let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).unwrap();
        (greenlight_engine::fold::fold(&events).unwrap(), events)
    }

    fn at_failure(events: &[Event]) -> Timestamp {
        let failed = |event: &&Event| {
            matches!(event.body, EventBody::Step(StepEvent::Failed { step: StepId::RunMigration, .. }))
        };
        events.iter().find(failed).unwrap().at
    }

    #[test]
    fn fatal_trouble_costs_the_time_until_the_release_ends() {
        let (view, events) = stopped();
        let began = at_failure(&events);
        let spell = Spell { trouble: Trouble::MigrationFailsHalfWay, began, ended: None };
        let told = debrief(&view, &events, &[spell], &began);
        let [line] = told.lines.as_slice() else { panic!("{told:?}") };
        assert_eq!(view.result, Some(RunResult::Stopped));
        let ended = ms(view.ended_at.as_ref().unwrap());
        assert_eq!(line.cost_seconds, seconds(ended - ms(&began)));
        assert_eq!(line.acts.last().unwrap().kind, DebriefKind::Ended);
        assert_eq!(told.cost_seconds, line.cost_seconds);
        assert!(told.whole_seconds > told.cost_seconds);
    }

    #[test]
    fn omits_troubles_from_before_the_release() {
        let (view, events) = stopped();
        let before: Timestamp = "2020-01-01T00:00:00.000Z".parse().expect("a time");
        let spell = Spell { trouble: Trouble::BuildFails, began: before, ended: Some(before) };
        assert!(debrief(&view, &events, &[spell], &before).lines.is_empty());
        assert_eq!(debrief(&view, &events, &[], &before).cost_seconds, 0);
    }

    #[test]
    fn overlapping_times_count_once() {
        assert_eq!(union(vec![(0, 10), (5, 20), (30, 31)]), 21);
    }
}
