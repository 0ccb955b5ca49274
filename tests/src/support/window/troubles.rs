//! The acts for troubles in practice: switches one on, reads the failure in the
//! window, and takes the release to its end.

use std::time::Instant;

use anyhow::Result;
use greenlight_types::{StepId, Trouble};

use super::{LOOK, SOON, Window};

impl Window<'_> {
    /// Opens the practice panel, runs `work` in it, and closes it again.
    async fn in_panel<T>(&self, work: impl AsyncFnOnce() -> Result<T>) -> Result<T> {
        if !self.sees("practice-panel").await? {
            self.press("practice-open").await?;
        }
        self.until("the panel of the practice", SOON, async || self.sees("trouble-buildFails").await).await?;
        let done = work().await;
        self.press("practice-close").await?;
        done
    }

    /// Sets the speed of the practice clock.
    ///
    /// # Errors
    /// When the panel does not show the speed afterwards.
    pub async fn set_speed(&self, speed: u32) -> Result<()> {
        let button = format!("practice-speed-{speed}");
        self.in_panel(async || {
            self.press(&button).await?;
            self.wait_for_attribute(&button, "aria-pressed", "true", SOON).await
        })
        .await
    }

    /// Switches a trouble on. It happens once.
    ///
    /// # Errors
    /// When the panel does not show the trouble as on.
    pub async fn switch_on(&self, trouble: Trouble) -> Result<()> {
        let name = format!("trouble-{}", trouble.name());
        self.in_panel(async || {
            self.press(&format!("{name}-switch")).await?;
            self.until(&format!("{name} to be on"), SOON, async || {
                let state = self.attribute(&name, "data-state").await?;
                Ok(state.is_some_and(|state| state != "off"))
            })
            .await
        })
        .await
    }

    /// Waits until the panel shows that a trouble is over. With `hurries`, ends the trouble by its
    /// own button.
    ///
    /// # Errors
    /// When the trouble is not over within the patience.
    pub async fn wait_over(&self, trouble: Trouble, hurries: bool) -> Result<()> {
        let name = format!("trouble-{}", trouble.name());
        self.in_panel(async || {
            self.until(&format!("{name} to be over"), self.patience, async || {
                let is_over = self.attribute(&name, "data-state").await?.as_deref() == Some("happened");
                if !is_over && hurries {
                    self.try_press(&format!("{name}-end")).await?;
                }
                Ok(is_over)
            })
            .await
        })
        .await
    }

    /// Waits until a step has failed and the window shows the failure. Returns its code.
    ///
    /// # Errors
    /// When the step does not fail within the patience.
    pub async fn wait_failed(&self, step: StepId) -> Result<String> {
        self.until(&format!("{} to fail", step.name()), self.patience, async || {
            let status = self.status(step).await?;
            if super::acts::DONE.contains(&status.as_str()) {
                return Err(self.stopped(format!("{} is {status}", step.name())).await);
            }
            Ok(status == "failed")
        })
        .await?;
        self.look_at(step).await?;
        self.until("the window to say why", SOON, async || self.sees("failure").await).await?;
        Ok(self.attribute("failure", "data-code").await?.unwrap_or_default())
    }

    /// Presses the button of a step until the outside world refuses. The refusal may hit the
    /// attempt, or the plan, which the page asks for again now and then. Returns the code of the
    /// failure.
    ///
    /// # Errors
    /// When the step is done, or is not refused within the patience.
    pub async fn press_until_refused(&self, step: StepId, version: &str) -> Result<String> {
        let end = Instant::now() + self.patience;
        loop {
            if self.sees("confirm-dialog").await? {
                self.confirm(version).await?;
            }
            let status = self.status(step).await?;
            if super::acts::DONE.contains(&status.as_str()) || Instant::now() >= end {
                return Err(self.stopped(format!("{} is {status}", step.name())).await);
            }
            self.look_at(step).await?;
            let shown = if status == "failed" { "failure" } else { "plan-failure" };
            if let Some(code) = self.attribute(shown, "data-code").await? {
                return Ok(code);
            }
            if status == "awaitingOperator" {
                self.try_press("step-button").await?;
            }
            tokio::time::sleep(LOOK * 5).await;
        }
    }

    /// Retries a step that failed, or whose plan failed, until it is done.
    ///
    /// # Errors
    /// When the step is not done within the patience.
    pub async fn try_again(&self, step: StepId, version: &str) -> Result<()> {
        let end = Instant::now() + self.patience;
        loop {
            let status = self.status(step).await?;
            if super::acts::DONE.contains(&status.as_str()) {
                return self.confirm_backup(step, &status).await;
            }
            if self.sees("confirm-dialog").await? {
                self.confirm(version).await?;
            } else if status == "failed" {
                self.look_at(step).await?;
                self.try_press("try-again").await?;
            } else if status == "awaitingOperator" {
                self.look_at(step).await?;
                self.try_press("step-button").await?;
            }
            if Instant::now() >= end {
                return Err(self.stopped(format!("{} is {status}", step.name())).await);
            }
            tokio::time::sleep(LOOK * 5).await;
        }
    }

    /// Writes a note in the open dialog and confirms it.
    ///
    /// # Errors
    /// When the dialog does not open or does not close.
    pub async fn note(&self, text: &str) -> Result<()> {
        self.fill("note-text", text).await?;
        self.press("note-yes").await?;
        self.until("the dialog to close", SOON, async || Ok(!self.sees("note-dialog").await?)).await
    }

    /// Stops the release and returns the result that the window shows.
    ///
    /// # Errors
    /// When the run does not end.
    pub async fn stop_here(&self, why: &str) -> Result<String> {
        self.press("stop-run").await?;
        self.note(why).await?;
        self.wait_for_end().await
    }
}
