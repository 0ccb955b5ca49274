//! Background work of the controller: opens the active run when the app starts, closes ended runs,
//! and keeps the computer awake while a changing step runs.

use std::sync::Arc;

use greenlight_types::{Role, RunId, RunState, RunView, Status, StepId};

use super::Controller;
use crate::computer_state;

/// Runs as long as the app.
pub(super) async fn look_after(controller: Arc<Controller>) {
    reopen(&controller).await;
    let moved = controller.window.on_moved();
    let mut awake: Option<keepawake::KeepAwake> = None;
    loop {
        let views = controller.close_ended().await;
        let has_running_changing_step = views.iter().any(has_running_changing_step);
        match (has_running_changing_step, awake.is_some()) {
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

fn has_running_changing_step(view: &RunView) -> bool {
    view.steps.iter().any(|step| step.definition.role == Role::Changing && step.status() == Status::Running)
}

/// Whether a step that changes something needs the credentials. The checks of the site are answers
/// of a person.
fn needs_credentials(view: &RunView) -> bool {
    let running = view.steps.iter().filter(|step| step.status() == Status::Running);
    let mut changing = running.filter(|step| step.definition.role == Role::Changing);
    changing.any(|step| step.definition.id != StepId::CheckSite)
}

async fn stay_awake() -> Option<keepawake::KeepAwake> {
    let asked = tokio::task::spawn_blocking(computer_state::keep_awake);
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

    /// Whether a changing step of an open run needs the credentials.
    pub(crate) async fn needs_credentials(&self) -> bool {
        self.open.lock().await.values().any(|release| needs_credentials(&release.view()))
    }

    /// Whether a changing call of an open run has no answer yet.
    pub(crate) async fn has_changing_call(&self) -> bool {
        self.open.lock().await.values().any(greenlight_engine::release::Release::has_changing_call)
    }
}

#[cfg(test)]
mod tests {
    use greenlight_engine::fold;
    use greenlight_types::Event;

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
    fn every_changing_step_but_the_checks_of_the_site_needs_the_credentials() {
        for step in [StepId::BackUp, StepId::RunMigration, StepId::PushBranch, StepId::DispatchBuild] {
            assert!(has_running_changing_step(&running(step)) && needs_credentials(&running(step)), "{step:?}");
        }
        assert!(!needs_credentials(&running(StepId::CheckSite)));
    }
}
