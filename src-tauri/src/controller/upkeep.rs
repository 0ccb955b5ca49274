//! What goes on beside the page's calls: runs that were active are opened at the start, ended ones closed, and the
//! computer stays awake while a changing step runs.

use std::sync::Arc;

use greenlight_types::{Role, RunId, RunState, RunView, Status};

use super::Controller;

/// Goes on as long as the app.
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

/// Opens the run that was going on when the app closed: it puts what it does not know in doubt and asks the world.
async fn reopen(controller: &Controller) {
    match controller.newest_active().await {
        None => {}
        Some(run) => match controller.release(&run).await {
            Ok(_) => tracing::info!(%run, "opened the release that was going on"),
            Err(failure) => tracing::warn!(%run, %failure, "the release that was going on cannot be opened"),
        },
    }
}

pub(crate) fn is_changing(view: &RunView) -> bool {
    view.steps.iter().any(|step| step.definition.role == Role::Changing && step.status() == Status::Running)
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
    /// One that deploys before one that prepares, the newest of them first.
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

    /// Closes runs that ended, and tells how the others are.
    async fn close_ended(&self) -> Vec<RunView> {
        let mut open = self.open.lock().await;
        let views: Vec<RunView> = open.values().map(greenlight_engine::release::Release::view).collect();
        for view in views.iter().filter(|view| view.state == RunState::Ended) {
            if let Some(release) = open.remove(&view.id) {
                // It gives its environment back first; nobody waits for that.
                tokio::spawn(release.close());
            }
        }
        views
    }

    /// Whether a changing step of an open run is under way.
    pub(crate) async fn is_changing(&self) -> bool {
        self.open.lock().await.values().any(|release| is_changing(&release.view()))
    }
}
