//! Decides which phase of a run and which optional step may act in which state, when a run reaches
//! its next state without a person, and with which results a person may end it.

use greenlight_types::{
    CheckAnswer, FactKind, Phase, Retry, Role, RunEvent, RunResult, RunState, RunView, Status, StepId, StepState,
    StepView,
};

use crate::{
    fold,
    rollout_facts::{has_rolled_back, is_rolled_out, limit_before},
    steps::{self, migration::attempts, pull_request::has_pull_request},
    transition::STARTED_OVER,
};

/// Whether steps of a phase may act in a state of the run.
pub(crate) fn is_active(state: RunState, phase: Phase) -> bool {
    match phase {
        Phase::Prepare => state == RunState::Preparing,
        Phase::Deploy => matches!(state, RunState::Deploying | RunState::Checking),
        Phase::Verify => state == RunState::Checking,
    }
}

/// Whether every fact that a step waits for is known.
pub(crate) fn is_ready(view: &RunView, id: StepId) -> bool {
    steps::get(id).waits_for().iter().all(|kind| fold::is_known(view, *kind))
}

/// Whether a person may choose an optional step now.
pub(crate) fn is_choosable(run: &RunView, step: &StepView) -> bool {
    let id = step.definition.id;
    let is_free = match &step.state {
        StepState::Running | StepState::InDoubt { .. } => false,
        StepState::Failed { failure, .. } => failure.retry != Retry::No,
        StepState::NotStarted
        | StepState::AwaitingOperator
        | StepState::Succeeded { .. }
        | StepState::Warned { .. }
        | StepState::Skipped { .. }
        | StepState::Stopped { .. } => true,
    };
    is_free
        && step.definition.is_optional
        && is_active(run.state, id.phase())
        && is_ready(run, id)
        && steps::get(id).may_choose(run)
}

/// The event that leads to the next state of the run without an act of a person.
pub(crate) fn next_automatic_event(view: &RunView) -> Option<RunEvent> {
    let all_done = |phase: Phase| {
        let of_phase = |step: &&StepView| step.definition.phase == phase && !step.definition.is_optional;
        view.steps.iter().filter(of_phase).all(|step| step.status().is_done())
    };
    let is_done = |id: StepId| fold::step(view, id).is_some_and(|step| step.status().is_done());
    match view.state {
        RunState::Preparing if all_done(Phase::Prepare) => Some(RunEvent::Prepared),
        RunState::Deploying if is_done(StepId::RunMigration) && is_done(StepId::AwaitRollout) => {
            Some(RunEvent::CheckingStarted)
        }
        RunState::Checking if is_complete(view) && every_check_passed(view) => {
            Some(RunEvent::Ended { result: RunResult::Released, note: String::new(), left_behind: Vec::new() })
        }
        RunState::Draft
        | RunState::Preparing
        | RunState::Prepared
        | RunState::Deploying
        | RunState::Checking
        | RunState::Ended => None,
    }
}

/// Whether nothing is left of a release: every step of the runbook is done, the new version serves,
/// and AWS has its own settings again.
fn is_complete(view: &RunView) -> bool {
    let is_settled =
        |step: &StepView| step.status().is_done() || step.definition.is_optional && !step.status().is_open();
    view.state == RunState::Checking
        && view.steps.iter().all(is_settled)
        && limit_before(view).is_none()
        && is_rolled_out(view)
}

/// Whether the run may end as released without a person, once AWS confirms it.
pub(crate) fn may_end_automatically(view: &RunView) -> bool {
    matches!(next_automatic_event(view), Some(RunEvent::Ended { .. }))
}

/// Whether every check of the site was answered Passed.
pub(crate) fn every_check_passed(view: &RunView) -> bool {
    view.profile
        .site
        .checks
        .iter()
        .all(|check| view.checks.iter().any(|answer| answer.check == check.id && answer.answer == CheckAnswer::Passed))
}

/// The changing steps in a state, without CheckSite: its checks are answered one by one and exclude
/// no other step.
pub(crate) fn changing(view: &RunView, status: Status) -> impl Iterator<Item = &StepView> {
    view.steps.iter().filter(move |step| {
        step.definition.role == Role::Changing && step.definition.id != StepId::CheckSite && step.status() == status
    })
}

/// Whether a person may leave a step out now: the migration, or the backup where the profile allows
/// it.
pub(crate) fn may_skip(view: &RunView, step: &StepView) -> bool {
    if step.definition.id == StepId::BackUp {
        let is_free = matches!(step.status(), Status::NotStarted | Status::AwaitingOperator | Status::Failed);
        return view.profile.backup.may_skip && view.state == RunState::Deploying && is_free;
    }
    attempts::may_skip(step, view.state)
}

/// Whether a person may start over on the newest main: the merge is made, and nothing of this run
/// was published, also not on the branch of a pull request. Only the remote tells whether main has
/// moved.
pub(crate) fn may_start_over(view: &RunView) -> bool {
    let status = |id: StepId| fold::step(view, id).map_or(Status::NotStarted, |step| step.status());
    let is_unpublished = |id: StepId| !status(id).is_open() && !status(id).is_done();
    view.state == RunState::Preparing
        && view.begun.is_none()
        && !has_pull_request(view)
        && fold::is_known(view, FactKind::Merged)
        && !fold::is_known(view, FactKind::MainPublished)
        && !fold::is_known(view, FactKind::TagPublished)
        && is_unpublished(StepId::PushBranch)
        && is_unpublished(StepId::PushTag)
        && STARTED_OVER.iter().all(|id| !status(*id).is_open())
        && changing(view, Status::Running).next().is_none()
}

/// The results with which a person may end the run now.
pub(crate) fn ends(view: &RunView) -> Vec<RunResult> {
    let results = [
        RunResult::Released,
        RunResult::ReleasedWithFailedCheck,
        RunResult::RolledBack,
        RunResult::Stopped,
        RunResult::Abandoned,
    ];
    results.into_iter().filter(|result| may_end(view, *result)).collect()
}

/// Whether a person may end the run with a result now. A run with a step in doubt may be stopped.
/// It is no release, because a release needs every step done.
pub(crate) fn may_end(view: &RunView, result: RunResult) -> bool {
    let is_under_way = changing(view, Status::Running).next().is_some();
    let has_doubt = changing(view, Status::InDoubt).next().is_some();
    let fits_state = match result {
        RunResult::Abandoned => matches!(view.state, RunState::Draft | RunState::Preparing | RunState::Prepared),
        RunResult::Stopped => !matches!(view.state, RunState::Ended | RunState::Draft),
        RunResult::Released => is_complete(view) && every_check_passed(view),
        RunResult::ReleasedWithFailedCheck => is_complete(view),
        RunResult::RolledBack => has_rolled_back(view) && !has_doubt && view.state != RunState::Ended,
    };
    fits_state && !is_under_way
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{checked, checking, deploying, draft, ended, prepared, set};

    #[test]
    fn a_run_reaches_the_next_state_when_its_steps_are_done() {
        for view in [draft(), prepared(), deploying(), checking(), ended()] {
            assert_eq!(next_automatic_event(&view), None, "{:?}", view.state);
        }
        let mut preparing = prepared();
        preparing.state = RunState::Preparing;
        assert_eq!(next_automatic_event(&preparing), Some(RunEvent::Prepared));
        assert_eq!(next_automatic_event(&set(preparing, StepId::PushTag, StepState::Running)), None);
        let mut deployed = checking();
        deployed.state = RunState::Deploying;
        assert_eq!(next_automatic_event(&deployed), Some(RunEvent::CheckingStarted));
        assert_eq!(next_automatic_event(&set(deployed, StepId::AwaitRollout, StepState::Running)), None);
    }

    #[test]
    fn a_run_is_released_only_when_every_check_passed() {
        let result = |answer| next_automatic_event(&checked(answer)).is_some();
        assert!(result(CheckAnswer::Passed));
        assert!(!result(CheckAnswer::Failed) && !result(CheckAnswer::CouldNotCheck));
        let mut one_missing = checked(CheckAnswer::Passed);
        one_missing.checks.pop();
        assert_eq!(next_automatic_event(&one_missing), None);
    }

    #[test]
    fn a_phase_is_active_in_its_states_only() {
        let active = |phase| {
            [
                RunState::Draft,
                RunState::Preparing,
                RunState::Prepared,
                RunState::Deploying,
                RunState::Checking,
                RunState::Ended,
            ]
            .into_iter()
            .filter(|state| is_active(*state, phase))
            .collect::<Vec<_>>()
        };
        assert_eq!(active(Phase::Prepare), [RunState::Preparing]);
        assert_eq!(active(Phase::Deploy), [RunState::Deploying, RunState::Checking]);
        assert_eq!(active(Phase::Verify), [RunState::Checking]);
    }
}
