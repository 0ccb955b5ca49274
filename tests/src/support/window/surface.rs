//! The window as a surface of the careful operator.

use anyhow::{Context, Result};
use greenlight_engine::steps;
use greenlight_simulation::operator::{SeenRun, SeenStep, Surface, Task};
use greenlight_types::{RunState, Status, StepId};
use serde_json::{Value, json};

use super::{LOOK, SOON, Window};

/// The state of the run and the state of each step, as the page shows them.
const SHOWN: &str = "
    const run = document.querySelector('[data-testid=run]');
    const row = (name) => document.querySelector(`[data-testid=step-${name}]`);
    return run && [run.dataset.state, arguments[0].map((name) => row(name)?.dataset.status ?? 'notStarted')]";

/// The Release screen of a window, for a release of one version.
#[derive(Debug)]
pub struct ReleaseScreen<'a> {
    /// The open window.
    pub window: &'a Window<'a>,
    /// The version to release.
    pub version: &'a str,
}

impl Surface for ReleaseScreen<'_> {
    async fn run(&self) -> Result<SeenRun> {
        let names: Vec<&str> = StepId::ALL.into_iter().map(StepId::name).collect();
        let shown = async || {
            let shown = self.window.session.execute(SHOWN, &[json!(names)]).await?;
            Ok(Some(shown).filter(|shown| !shown.is_null()))
        };
        let shown: Value = self.window.take("the run", SOON, shown).await?;
        let read = serde_json::from_value(shown).context("the page shows unknown states")?;
        let (state, statuses): (RunState, Vec<Status>) = read;
        let has_unconfirmed_backup = StepId::ALL
            .into_iter()
            .zip(&statuses)
            .any(|(id, status)| id == StepId::BackUp && *status == Status::Warned);
        let step = |(id, status): (StepId, Status)| {
            let has_failed_for_good = matches!(status, Status::Failed | Status::Stopped);
            SeenStep { id, status, role: steps::get(id).role(), has_failed_for_good }
        };
        let steps = StepId::ALL.into_iter().zip(statuses).map(step).collect();
        let has_open_check = self.window.has_open_checks().await?;
        Ok(SeenRun { seq: 0, state, steps, has_open_check, has_unconfirmed_backup })
    }

    /// A step that failed is an error here: the tests in the window expect no failure.
    async fn perform(&self, task: Task) -> Result<()> {
        let window = self.window;
        match task {
            Task::StartPrepare => window.start_prepare().await,
            Task::StartDeploy => window.deploy(self.version, None).await,
            Task::Press(step) => window.prepare_and_press(step, self.version).await,
            Task::AskAgain(step) => window.ask_again(step).await,
            Task::PassCheck => {
                window.look_at(StepId::CheckSite).await?;
                window.pass_checks(self.version).await
            }
            Task::ConfirmBackup => window.confirm_backup(StepId::BackUp, "warned").await,
            Task::Stop(step) => {
                window.look_at(step).await?;
                Err(window.stopped(format!("{} has failed", step.name())).await)
            }
        }
    }

    async fn wait_for_change(&self, _seen: &SeenRun) {
        tokio::time::sleep(LOOK).await;
    }
}
