//! A careful operator who continues a release from any state to its end, as after every restart of
//! the app. [`Operator`] decides, and a [`Surface`] reads and acts: the engine ([`engine`]), or the
//! window.

pub mod engine;

use anyhow::Result;
use greenlight_types::{Role, RunState, Status, StepId};

/// Largest number of acts in one session.
const ACTS_MAX: u32 = 10_000;

/// End of a session of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sitting {
    /// The run has a result.
    Ended,
    /// The run continues but makes no progress.
    Idle,
}

/// A release as an operator sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenRun {
    /// Number of the last event, where the surface shows it. A change of it is progress.
    pub seq: u32,
    pub state: RunState,
    /// The steps in their order.
    pub steps: Vec<SeenStep>,
    /// Whether the site has answered and a check of it has no answer yet.
    pub has_open_check: bool,
    /// Whether a backup that no program could prove waits for the word of a person.
    pub has_unconfirmed_backup: bool,
}

/// A step as an operator sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenStep {
    pub id: StepId,
    pub status: Status,
    pub role: Role,
    /// Whether the step failed and may not start again.
    pub has_failed_for_good: bool,
}

/// One act of the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    StartPrepare,
    StartDeploy,
    /// Answers the questions of a step, confirms and starts it.
    Press(StepId),
    /// Makes the app ask the outside systems about a step in doubt.
    AskAgain(StepId),
    /// Answers an open check of the site with Passed.
    PassCheck,
    /// Confirms a backup that no program could prove.
    ConfirmBackup,
    /// Ends the run, because a step has failed for good.
    Stop(StepId),
}

/// A place where an operator reads a release and acts.
pub trait Surface {
    /// The release as it is shown now.
    ///
    /// # Errors
    /// When it cannot be read, or shows something that the test does not expect.
    fn run(&self) -> impl Future<Output = Result<SeenRun>>;

    /// Performs an act. A refusal by the app is no error, because it changes nothing and the
    /// operator reads the release again.
    ///
    /// # Errors
    /// When the surface fails.
    fn perform(&self, task: Task) -> impl Future<Output = Result<()>>;

    /// Waits for a change of the release that `seen` does not show yet, at most until the next read
    /// is due.
    fn wait_for_change(&self, seen: &SeenRun) -> impl Future<Output = ()>;
}

/// A careful operator at a surface.
#[derive(Debug)]
pub struct Operator<S> {
    surface: S,
    /// Number of reads without a change after which the release makes no progress.
    looks_max: u32,
    /// The step that this operator does not press.
    stops_before: Option<StepId>,
}

impl<S: Surface> Operator<S> {
    /// Creates an operator who takes `looks_max` reads without a change for a standstill.
    #[must_use]
    pub const fn new(surface: S, looks_max: u32) -> Self {
        Self { surface, looks_max, stops_before: None }
    }

    /// Makes the operator wait for ever instead of pressing a step.
    #[must_use]
    pub fn stopping_before(self, step: StepId) -> Self {
        Self { stops_before: Some(step), ..self }
    }

    /// Acts until the run has ended or makes no progress.
    ///
    /// # Errors
    /// When the surface fails.
    pub async fn work(&self) -> Result<Sitting> {
        let (mut looks, mut last) = (0, None);
        for _ in 0..ACTS_MAX {
            let seen = self.surface.run().await?;
            if seen.state == RunState::Ended {
                return Ok(Sitting::Ended);
            }
            looks = if last.as_ref() == Some(&seen) { looks + 1 } else { 0 };
            if looks > self.looks_max {
                return Ok(Sitting::Idle);
            }
            match next_task(&seen) {
                Some(Task::Press(step)) if self.stops_before == Some(step) => std::future::pending().await,
                Some(task) => self.surface.perform(task).await?,
                None => {}
            }
            self.surface.wait_for_change(&seen).await;
            last = Some(seen);
        }
        Ok(Sitting::Idle)
    }
}

/// The next act of a careful operator; `None` while the release continues without one.
#[must_use]
pub fn next_task(seen: &SeenRun) -> Option<Task> {
    match seen.state {
        RunState::Draft => return Some(Task::StartPrepare),
        RunState::Prepared => return Some(Task::StartDeploy),
        RunState::Ended => return None,
        RunState::Preparing | RunState::Deploying | RunState::Checking => {}
    }
    let find = |is_it: &dyn Fn(&SeenStep) -> bool| seen.steps.iter().find(|step| is_it(step)).map(|step| step.id);
    if let Some(step) = find(&|step| step.status == Status::InDoubt) {
        return Some(Task::AskAgain(step));
    }
    if seen.state == RunState::Checking && seen.has_open_check {
        return Some(Task::PassCheck);
    }
    if find(&|step| step.role == Role::Changing && step.status == Status::Running).is_some() {
        return None;
    }
    if let Some(step) = find(&|step| step.has_failed_for_good) {
        return Some(Task::Stop(step));
    }
    let press = find(&|step| matches!(step.status, Status::AwaitingOperator | Status::Failed)).map(Task::Press);
    press.or(seen.has_unconfirmed_backup.then_some(Task::ConfirmBackup))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(state: RunState, steps: &[(StepId, Status)]) -> SeenRun {
        let step = |&(id, status): &(StepId, Status)| SeenStep {
            id,
            status,
            role: greenlight_engine::steps::get(id).role(),
            has_failed_for_good: false,
        };
        let steps = steps.iter().map(step).collect();
        SeenRun { seq: 1, state, steps, has_open_check: false, has_unconfirmed_backup: false }
    }

    #[test]
    fn acts_by_the_state_of_the_run() {
        assert_eq!(next_task(&seen(RunState::Draft, &[])), Some(Task::StartPrepare));
        assert_eq!(next_task(&seen(RunState::Prepared, &[])), Some(Task::StartDeploy));
        assert_eq!(next_task(&seen(RunState::Ended, &[(StepId::BackUp, Status::AwaitingOperator)])), None);
        let checking = SeenRun { has_open_check: true, ..seen(RunState::Checking, &[]) };
        assert_eq!(next_task(&checking), Some(Task::PassCheck));
        assert_eq!(next_task(&SeenRun { state: RunState::Deploying, ..checking }), None);
    }

    #[test]
    fn asks_about_a_doubt_before_any_press() {
        let steps = [(StepId::BackUp, Status::AwaitingOperator), (StepId::DispatchBuild, Status::InDoubt)];
        let task = next_task(&seen(RunState::Deploying, &steps));
        assert_eq!(task, Some(Task::AskAgain(StepId::DispatchBuild)));
    }

    #[test]
    fn presses_nothing_beside_a_running_change() {
        let steps = [(StepId::BackUp, Status::Running), (StepId::DispatchBuild, Status::AwaitingOperator)];
        assert_eq!(next_task(&seen(RunState::Deploying, &steps)), None);
        let steps = [(StepId::FollowBuild, Status::Running), (StepId::RunMigration, Status::AwaitingOperator)];
        assert_eq!(next_task(&seen(RunState::Deploying, &steps)), Some(Task::Press(StepId::RunMigration)));
    }

    #[test]
    fn confirms_a_backup_when_nothing_else_waits() {
        let deploying =
            |steps: &[(StepId, Status)]| SeenRun { has_unconfirmed_backup: true, ..seen(RunState::Deploying, steps) };
        let warned = (StepId::BackUp, Status::Warned);
        assert_eq!(next_task(&deploying(&[warned])), Some(Task::ConfirmBackup));
        let offered = (StepId::DispatchBuild, Status::AwaitingOperator);
        assert_eq!(next_task(&deploying(&[warned, offered])), Some(Task::Press(StepId::DispatchBuild)));
    }

    #[test]
    fn stops_a_release_that_failed_for_good() {
        let mut run = seen(RunState::Deploying, &[(StepId::BackUp, Status::Failed)]);
        assert_eq!(next_task(&run), Some(Task::Press(StepId::BackUp)));
        run.steps[0].has_failed_for_good = true;
        assert_eq!(next_task(&run), Some(Task::Stop(StepId::BackUp)));
    }
}
