//! Background work of the controller: opens the active run when the app starts, closes ended runs,
//! and keeps the computer awake while a changing step runs.

use std::sync::Arc;

use greenlight_types::{Role, RunId, RunState, RunView, Status, StepView};

use super::Controller;

/// Runs as long as the app.
pub(super) async fn look_after(controller: Arc<Controller>) {
    reopen(&controller).await;
    let moved = controller.window.on_moved();
    let mut awake: Option<keepawake::KeepAwake> = None;
    loop {
        let views = controller.close_ended().await;
        let is_changing = views.iter().any(is_changing);
        match (is_changing, awake.is_some()) {
            (true, false) => awake = stay_awake().await,
            (false, true) => awake = None,
            (true, true) | (false, false) => {}
        }
        moved.notified().await;
    }
}

/// Opens the run that was active when the app closed. Its running step is then in doubt, and the
/// engine asks the outside system.
async fn reopen(controller: &Controller) {
    match controller.newest_active().await {
        None => {}
        Some(run) => match controller.release(&run).await {
            Ok(_) => tracing::info!(%run, "opened the active release"),
            Err(failure) => tracing::warn!(%run, %failure, "the active release cannot be opened"),
        },
    }
}

pub(crate) fn is_changing(view: &RunView) -> bool {
    view.steps.iter().any(|step| step.definition.role == Role::Changing && step.status() == Status::Running)
}

/// Whether a changing step runs that is no job on the staging machine.
fn is_changing_beside_jobs(view: &RunView) -> bool {
    let has_job = |step: &StepView| step.plan.as_ref().is_some_and(|plan| plan.inputs.job().is_some());
    let mut running = view.steps.iter().filter(|step| step.status() == Status::Running);
    running.any(|step| step.definition.role == Role::Changing && !has_job(step))
}

async fn stay_awake() -> Option<keepawake::KeepAwake> {
    let asked = tokio::task::spawn_blocking(|| {
        keepawake::Builder::default()
            .idle(true)
            .sleep(true)
            .reason("A release changes production")
            .app_name("Greenlight")
            .create()
    });
    match asked.await {
        Ok(Ok(awake)) => Some(awake),
        Ok(Err(error)) => {
            tracing::info!(%error, "this computer cannot be kept awake");
            None
        }
        Err(error) => {
            tracing::info!(%error, "this computer cannot be kept awake");
            None
        }
    }
}

impl Controller {
    /// The newest run in Deploy, else the newest run in Prepare.
    async fn newest_active(&self) -> Option<RunId> {
        let mut preparing = None;
        for run in self.parts.journal.runs().await.ok()? {
            match self.view(&run).await.map(|view| view.state) {
                Ok(RunState::Deploying | RunState::Checking) => return Some(run),
                Ok(RunState::Preparing) => preparing = preparing.or(Some(run)),
                Ok(RunState::Draft | RunState::Prepared | RunState::Ended) | Err(_) => {}
            }
        }
        preparing
    }

    /// Closes the runs that ended. Returns the views of all runs that were open.
    async fn close_ended(&self) -> Vec<RunView> {
        let mut open = self.open.lock().await;
        let views: Vec<RunView> = open.values().map(greenlight_engine::release::Release::view).collect();
        for view in views.iter().filter(|view| view.state == RunState::Ended) {
            if let Some(release) = open.remove(&view.id) {
                // Closing releases the environment lock first; no caller waits for that.
                tokio::spawn(release.close());
            }
        }
        views
    }

    /// Whether a changing step of an open run is running.
    pub(crate) async fn is_changing(&self) -> bool {
        self.open.lock().await.values().any(|release| is_changing(&release.view()))
    }

    /// The same without the jobs on the staging machine.
    pub(crate) async fn is_changing_beside_jobs(&self) -> bool {
        self.open.lock().await.values().any(|release| is_changing_beside_jobs(&release.view()))
    }
}

#[cfg(test)]
mod tests {
    use greenlight_engine::fold;
    use greenlight_types::{Event, StepId};

    use super::*;

    /// The golden run at the first moment at which this step runs.
    fn running(step: StepId) -> RunView {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/golden/fold/released.json")).expect("JSON");
        let events: Vec<Event> = serde_json::from_value(golden["events"].clone()).expect("events");
        let mut view = fold::fold(&events[..1]).expect("a draft");
        for event in &events[1..] {
            fold::apply(&mut view, event).expect("an event");
            if fold::step(&view, step).is_some_and(|step| step.status() == Status::Running) {
                return view;
            }
        }
        panic!("{step:?} never runs")
    }

    #[test]
    fn a_job_on_the_staging_machine_is_told_from_other_changes() {
        for step in [StepId::BackUp, StepId::RunMigration] {
            assert!(is_changing(&running(step)) && !is_changing_beside_jobs(&running(step)), "{step:?}");
        }
        for step in [StepId::PushBranch, StepId::DispatchBuild] {
            assert!(is_changing_beside_jobs(&running(step)), "{step:?}");
        }
    }
}
