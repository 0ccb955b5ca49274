//! Situations for the table tests of the acts, taken from the golden run.

use greenlight_types::{
    Actor, CheckAnswer, CheckView, Choice, ErrorCode, Event, EventBody, Failure, JobInputs, MigrationInputs,
    PlanInputs, Precondition, Question, RunEvent, RunId, RunState, RunView, Status, StepEvent, StepId, StepPlan,
    StepState, Timestamp, WayBack,
};

use super::{Decision, PlanDesk, Situation};
use crate::{fold, rollback_run};

/// A run, the plans on its screen, and the person in front of it.
pub(crate) struct Desk {
    pub view: RunView,
    pub plans: PlanDesk,
    by: Actor,
}

impl Desk {
    pub fn new(view: RunView) -> Self {
        let by = Actor {
            person: "Lena".into(),
            computer: "desk".into(),
            app_version: "0.1.0".into(),
            github_login: None,
            aws_identity: None,
        };
        Self { view, plans: PlanDesk::default(), by }
    }

    /// The run after one more event of this person.
    pub fn after(&self, event: RunEvent) -> RunView {
        let mut view = self.view.clone();
        let (run, seq, by) = (view.id.clone(), view.seq + 1, self.by.clone());
        let event = Event { run, seq, at: view.drafted_at, by, body: event.into() };
        fold::apply(&mut view, &event).expect("it fits");
        view
    }

    pub fn now(&self) -> Situation<'_> {
        self.at("2026-11-23T12:00:00Z")
    }

    pub fn at(&self, now: &str) -> Situation<'_> {
        let now: Timestamp = now.parse().expect("a time");
        Situation { view: &self.view, plans: &self.plans, by: &self.by, operator: &self.by, now }
    }
}

impl Decision {
    /// The one event of the run among the events.
    pub fn only_run_event(&self) -> RunEvent {
        let events: Vec<&RunEvent> = self
            .events
            .iter()
            .filter_map(|body| if let EventBody::Run(event) = body { Some(event) } else { None })
            .collect();
        let [event] = events[..] else { panic!("{} events of the run", events.len()) };
        event.clone()
    }

    /// The one event of a step among the events.
    pub fn only_step_event(&self) -> StepEvent {
        let events: Vec<&StepEvent> = self
            .events
            .iter()
            .filter_map(|body| if let EventBody::Step(event) = body { Some(event) } else { None })
            .collect();
        let [event] = events[..] else { panic!("{} events of a step", events.len()) };
        event.clone()
    }
}

pub(crate) fn code(refused: Result<Decision, Failure>) -> ErrorCode {
    refused.expect_err("refused").code
}

/// The golden run up to the first moment that `fits`.
fn golden(fits: impl Fn(&RunView) -> bool) -> RunView {
    let text = include_str!("../../../../../tests/golden/fold/released.json");
    let golden: serde_json::Value = serde_json::from_str(text).expect("JSON");
    let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).expect("events");
    let mut view = fold::fold(&events[..1]).expect("a draft");
    for event in &events[1..] {
        if fits(&view) {
            return view;
        }
        fold::apply(&mut view, event).expect("an event");
    }
    assert!(fits(&view), "the golden run has no such moment");
    view
}

pub(crate) fn draft() -> RunView {
    golden(|_| true)
}

/// Prepare is under way: the push of the branch waits for its button.
pub(crate) fn offered_push() -> RunView {
    golden(|view| fold::step(view, StepId::PushBranch).is_some_and(|step| step.status() == Status::AwaitingOperator))
}

pub(crate) fn prepared() -> RunView {
    golden(|view| view.state == RunState::Prepared)
}

/// Deploy is under way: the backup is proved, and the build waits for its button or is not offered
/// yet.
pub(crate) fn deploying() -> RunView {
    golden(|view| fold::step(view, StepId::BackUp).is_some_and(|step| step.status() == Status::Succeeded))
}

/// Every server runs the new version, and the site shows it.
pub(crate) fn checking() -> RunView {
    golden(|view| {
        view.state == RunState::Checking && fold::newest(view, greenlight_types::FactKind::SiteAnswered).is_some()
    })
}

/// Every step is done, and every check of the site has this answer.
pub(crate) fn checked(answer: CheckAnswer) -> RunView {
    let mut view = golden(|view| view.state == RunState::Ended);
    view.state = RunState::Checking;
    let at = view.drafted_at;
    let ids = view.profile.site.checks.iter().map(|check| check.id.clone());
    view.checks =
        ids.map(|check| CheckView { check, answer, note: String::new(), person: "Lena".into(), at }).collect();
    view
}

pub(crate) fn ended() -> RunView {
    golden(|view| view.state == RunState::Ended)
}

/// The rollback of the golden run, before its start.
pub(crate) fn rollback() -> RunView {
    let release = ended();
    let (run, by) = (RunId("rollback-1".into()), Desk::new(draft()).by);
    let body = rollback_run::draft_of(release).expect("a release that ended").into();
    fold::fold(&[Event { run, seq: 1, at: "2026-11-24T08:00:00Z".parse().expect("a time"), by, body }])
        .expect("a draft")
}

pub(crate) fn set(mut view: RunView, id: StepId, state: StepState) -> RunView {
    view.steps.iter_mut().find(|step| step.definition.id == id).expect("a step").state = state;
    view
}

/// The run with a plan of the migration that starts this job.
pub(crate) fn with_migration_job(mut view: RunView, job: &str) -> RunView {
    let job = JobInputs::Start { job: job.into(), late: None, script: String::new() };
    let inputs = PlanInputs::RunMigration(MigrationInputs { job, folder_hash: None, database: None });
    let plan = StepPlan::new(StepId::RunMigration, WayBack::NothingToUndo, inputs);
    let step = view.steps.iter_mut().find(|step| step.definition.id == StepId::RunMigration);
    step.expect("a step").plan = Some(plan);
    view
}

pub(crate) fn without_facts(mut view: RunView) -> RunView {
    view.facts.clear();
    view
}

pub(crate) fn plan(step: StepId, hash: &str) -> StepPlan {
    StepPlan { hash: hash.into(), ..StepPlan::new(step, WayBack::NothingToUndo, PlanInputs::CheckSite) }
}

pub(crate) fn with_open_precondition(mut plan: StepPlan) -> StepPlan {
    plan.preconditions.push(Precondition {
        id: "g".into(),
        passed: false,
        text: "not yet".into(),
        detail: String::new(),
    });
    plan
}

pub(crate) fn with_question(mut plan: StepPlan) -> StepPlan {
    let yes = Choice { id: "yes".into(), label: "Yes, really".into(), detail: String::new() };
    plan.question = Some(Question { id: "q".into(), text: "Really?".into(), options: vec![yes], needs_note: true });
    plan
}
