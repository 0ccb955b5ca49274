//! The acts that a release needs only sometimes: optional steps, decisions, and the confirmation of
//! a backup.

use anyhow::Result;
use greenlight_types::StepId;

use super::{SOON, Window};

impl Window<'_> {
    /// Answers the questions of the migration until the one about the failed start is answered with
    /// `choice`. Without patterns in the profile, that question comes after the first failed start.
    ///
    /// # Errors
    /// When no start fails within the patience.
    pub async fn answer_failed_start(&self, choice: &str) -> Result<()> {
        let (step, starts) = (StepId::RunMigration, "precondition-startsFailAsExpected");
        // Its text repeats the answer.
        let is_kept = async || Ok(self.sees(starts).await? && self.read(starts).await?.contains(": this is "));
        self.until("the question about the failed start", self.patience, async || {
            self.look_at(step).await?;
            if is_kept().await? {
                return Ok(true);
            }
            let Some(question) = self.attribute("question", "data-question").await? else { return Ok(false) };
            let is_about_it = question.starts_with("failedStart:");
            if !is_about_it {
                self.answer(&question, step).await?;
            }
            Ok(is_about_it)
        })
        .await?;
        if is_kept().await? {
            return Ok(());
        }
        self.tick(&format!("choice-{choice}")).await?;
        self.fill("question-note", "the log says it").await?;
        self.press("question-answer").await?;
        self.until("the answer about the failed start", self.patience, is_kept).await
    }

    /// Chooses an optional step, answers its questions, and waits until it is done.
    ///
    /// # Errors
    /// When the step is not offered, or is not done within the patience.
    pub async fn do_choice(&self, step: StepId, version: &str) -> Result<()> {
        self.choose(step).await?;
        self.answer_all(step).await?;
        self.press_within("step-button", self.patience).await?;
        if self.is_asked_or_started(step).await? {
            self.confirm(version).await?;
        }
        self.wait_done(step).await
    }

    /// Opens the plan of an optional step.
    ///
    /// # Errors
    /// When the page does not offer the step.
    pub async fn choose(&self, step: StepId) -> Result<()> {
        let button = format!("choose-{}", step.name());
        self.until(&format!("{} to be offered", step.name()), self.patience, async || {
            if self.attribute("focus", "data-step").await?.as_deref() == Some(step.name()) {
                return Ok(true);
            }
            // The list of choices may be closed.
            if !self.try_press(&button).await? {
                self.try_press("choices").await?;
            }
            Ok(false)
        })
        .await?;
        self.wait_for_attribute("focus", "data-plan", "ready", self.patience).await
    }

    /// Raises the limit of failed starts, then shows the step again whose plan asked for it.
    pub(super) async fn let_aws_wait(&self, step: StepId) -> Result<()> {
        let raise = StepId::RaiseFailureLimit;
        // The page may show the question of an older plan for a moment.
        let is_asked = self
            .take("the plan of the higher limit", SOON, async || {
                if self.attribute("focus", "data-step").await?.as_deref() == Some(raise.name()) {
                    return Ok(Some(true));
                }
                let question = self.attribute("question", "data-question").await?;
                if !question.is_some_and(|question| question.starts_with("awsGivesUp:")) {
                    return Ok(Some(false));
                }
                self.try_press("go-to-RaiseFailureLimit").await?;
                Ok(None)
            })
            .await?;
        if !is_asked {
            return Ok(());
        }
        self.wait_for_attribute("focus", "data-plan", "ready", self.patience).await?;
        self.press_within("step-button", self.patience).await?;
        self.wait_done(raise).await?;
        if StepId::OPTIONAL.contains(&step) { self.choose(step).await } else { self.look_at(step).await }
    }

    /// Confirms a backup that no command proves, if the page asks for it.
    pub(super) async fn confirm_backup(&self, step: StepId, status: &str) -> Result<()> {
        if step != StepId::BackUp || status != "warned" {
            return Ok(());
        }
        self.look_at(step).await?;
        if self.sees("confirm-backup").await? {
            self.press("confirm-backup").await?;
            self.note("As large as the one before, and as old as the job").await?;
            let is_proved = async || Ok(self.status(step).await? == "succeeded");
            self.until("the backup to be proved", SOON, is_proved).await?;
        }
        Ok(())
    }

    /// Orders the end of the script that the page shows.
    ///
    /// # Errors
    /// When the page does not offer it.
    pub async fn stop_script(&self, version: &str, why: &str) -> Result<()> {
        self.press("stop-script").await?;
        if self.sees("stop-script-version").await? {
            self.fill("stop-script-version", version).await?;
        }
        self.note(why).await
    }

    /// Puts the limit of failed starts back, if the page offers that as the next step.
    ///
    /// # Errors
    /// When the step fails.
    pub async fn put_limit_back(&self, version: &str) -> Result<()> {
        let restore = StepId::RestoreFailureLimit;
        if self.status(restore).await? == "awaitingOperator" { self.do_step(restore, version).await } else { Ok(()) }
    }
}
