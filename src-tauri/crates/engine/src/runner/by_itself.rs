//! What a run does by itself: it offers buttons, starts what only watches, goes from state to state, and ends.

use greenlight_types::{
    CheckAnswer, EventBody, Failure, Phase, Role, RunEvent, RunResult, RunState, RunView, Status, StepEvent, StepId,
    StepPlan,
};

use super::{Runner, is_active};
use crate::{
    fold,
    mutant::{self, Mutant},
    step::Entry,
    steps,
};

impl Runner {
    /// Does everything that follows by itself: offers, watching steps, states of the run, its end.
    pub(super) async fn settle(&mut self) -> Result<(), Failure> {
        // Each round appends at least one event, and a run has few states: the limit only guards against a mistake.
        for _ in 0..64 {
            let Some(bodies) = self.next_by_itself().await? else { return Ok(()) };
            let started: Vec<(StepId, u32, StepPlan)> = bodies
                .iter()
                .filter_map(|body| {
                    if let EventBody::Step(StepEvent::Started { step, attempt, plan }) = body {
                        Some((*step, *attempt, (**plan).clone()))
                    } else {
                        None
                    }
                })
                .collect();
            self.append(bodies).await?;
            for (step, attempt, plan) in started {
                self.push(step, attempt, plan, Entry::Start);
            }
        }
        Ok(())
    }

    /// The next events that follow by themselves.
    async fn next_by_itself(&mut self) -> Result<Option<Vec<EventBody>>, Failure> {
        let view = self.view.borrow().clone();
        self.start_background(&view);
        if let Some(body) = next_state(&view) {
            return Ok(Some(vec![body]));
        }
        for step in &view.steps {
            let id = step.definition.id;
            if step.status() != Status::NotStarted || !is_active(view.state, id.phase()) || !self.is_ready(id) {
                continue;
            }
            if let Some(bodies) = mutant::skip_backup(id, self.parts.clock.as_ref()) {
                return Ok(Some(bodies));
            }
            if step.definition.role == Role::Changing {
                return Ok(Some(vec![EventBody::Step(StepEvent::Offered { step: id })]));
            }
            // A watching step's plan is words about facts that are known; it asks nothing.
            match steps::get(id).plan(&self.context).await {
                Ok(plan) => {
                    let attempt = step.attempt + 1;
                    return Ok(Some(vec![EventBody::Step(StepEvent::Started {
                        step: id,
                        attempt,
                        plan: Box::new(plan),
                    })]));
                }
                Err(failure) => tracing::warn!(%failure, step = id.name(), "a watching step cannot be planned"),
            }
        }
        Ok(None)
    }
}

/// The state that the run reaches by itself.
fn next_state(view: &RunView) -> Option<EventBody> {
    let all_done = |phase: Phase| {
        view.steps.iter().filter(|step| step.definition.phase == phase).all(|step| step.status().is_done())
    };
    let is_done = |id: StepId| fold::step(view, id).is_some_and(|step| step.status().is_done());
    match view.state {
        RunState::Preparing if all_done(Phase::Prepare) => Some(EventBody::Run(RunEvent::Prepared)),
        RunState::Deploying if is_done(StepId::RunMigration) && is_done(StepId::AwaitRollout) => {
            Some(EventBody::Run(RunEvent::CheckingStarted))
        }
        RunState::Checking
            if view.steps.iter().all(|step| step.status().is_done()) && every_check_passed(view)
                || mutant::is(Mutant::EndBeforeSiteCheck) =>
        {
            Some(EventBody::Run(RunEvent::Ended {
                result: RunResult::Released,
                note: String::new(),
                left_behind: Vec::new(),
            }))
        }
        RunState::Draft
        | RunState::Preparing
        | RunState::Prepared
        | RunState::Deploying
        | RunState::Checking
        | RunState::Ended => None,
    }
}

/// Whether every check of the site was answered Passed.
pub(super) fn every_check_passed(view: &RunView) -> bool {
    let passed = |answer| answer == CheckAnswer::Passed || mutant::is(Mutant::TickedBoxPasses);
    view.profile
        .site
        .checks
        .iter()
        .all(|check| view.checks.iter().any(|answer| answer.check == check.id && passed(answer.answer)))
}
