//! The checks of the site, as a person answers them in the window.

use anyhow::Result;
use greenlight_types::StepId;

use super::{SOON, Window};

impl Window<'_> {
    /// Whether the page offers answers to the checks of the site now.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn has_open_checks(&self) -> Result<bool> {
        Ok(self.all("check-").await?.iter().any(|testid| testid.ends_with("-passed")))
    }

    /// Answers every check of the site with Passed, after putting the limit of failed starts back.
    /// Waits until the site serves the version.
    ///
    /// # Errors
    /// When the app does not accept an answer.
    pub async fn pass_checks(&self, version: &str) -> Result<()> {
        self.until("the checks to be open", self.patience, async || {
            let status = self.status(StepId::CheckSite).await?;
            self.ensure_unbroken(StepId::CheckSite, &status).await?;
            Ok(self.has_open_checks().await? || self.state().await? == "ended")
        })
        .await?;
        self.put_limit_back(version).await?;
        self.look_at(StepId::CheckSite).await?;
        let buttons = self.all("check-").await?;
        for row in buttons.iter().filter_map(|button| button.strip_suffix("-passed")) {
            self.pass_check(row).await?;
        }
        Ok(())
    }

    /// Answers one check of the site, named by its row, with Passed. Presses again until the page
    /// shows the answer, as a person does whose press missed the button of a row that just moved.
    ///
    /// # Errors
    /// When the app does not accept the answer.
    pub async fn pass_check(&self, row: &str) -> Result<()> {
        // The last answer ends the run, and the row disappears.
        self.until(&format!("the answer to {row}"), SOON, async || {
            if self.attribute(row, "data-answer").await?.as_deref() == Some("passed") || !self.sees(row).await? {
                return Ok(true);
            }
            self.try_press(&format!("{row}-passed")).await?;
            Ok(false)
        })
        .await
    }

    /// Answers one check of the site, named by its row, with Failed and a note.
    ///
    /// # Errors
    /// When the app does not accept the answer.
    pub async fn fail_check(&self, row: &str, note: &str) -> Result<()> {
        self.press(&format!("{row}-failed")).await?;
        self.note(note).await?;
        self.wait_for_attribute(row, "data-answer", "failed", SOON).await
    }

    /// Makes the app request the site and answers every check with Passed. Skips the parts that are
    /// already done.
    ///
    /// # Errors
    /// When the site does not serve the version, or the app does not accept an answer.
    pub async fn check_site(&self, version: &str) -> Result<()> {
        self.go_to_release().await?;
        if self.state().await? == "ended" {
            return Ok(());
        }
        if self.prepare_step(StepId::CheckSite).await? {
            self.press_step(StepId::CheckSite, version).await?;
        }
        self.look_at(StepId::CheckSite).await?;
        self.pass_checks(version).await
    }
}
