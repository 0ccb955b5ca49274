//! The acts in a release. Each act first reads the state of the run, so it can be
//! repeated after the app was killed and reopened in the middle of it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use greenlight_types::StepId;

use super::{LOOK, SOON, Window, click};

/// Most questions that one step asks in sequence.
const MOST_QUESTIONS: u32 = 6;
/// Most presses of the button of one step. The plan may have changed, or the app may have been
/// closed, between two presses.
const MOST_PRESSES: u32 = 4;

/// Step states that count as done.
pub(super) const DONE: [&str; 3] = ["succeeded", "warned", "skipped"];

/// The result of a press.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pressed {
    /// The step continued.
    Taken,
    /// The app refused with this code and shows the reason.
    Refused(String),
}

impl Window<'_> {
    /// Enters the name of the operator if the app asks for it, and opens the Release screen.
    ///
    /// # Errors
    /// When the page does not appear.
    pub async fn introduce(&self, name: &str) -> Result<()> {
        if self.is_asked_who().await? {
            self.fill("person-name", name).await?;
            self.press("person-save").await?;
        }
        self.go_to_release().await
    }

    /// Waits for the first page and returns whether it asks for the name of the operator.
    ///
    /// # Errors
    /// When the page does not appear.
    pub async fn is_asked_who(&self) -> Result<bool> {
        self.take("the first page", SOON, async || {
            if self.sees("person-name").await? {
                return Ok(Some(true));
            }
            Ok(self.sees("nav-home").await?.then_some(false))
        })
        .await
    }

    /// Opens the Release screen.
    ///
    /// # Errors
    /// When the screen does not appear.
    pub async fn go_to_release(&self) -> Result<()> {
        self.ready().await?;
        if self.attribute("app", "data-view").await?.as_deref() != Some("release") {
            self.press("nav-release").await?;
        }
        self.until("the release", SOON, async || Ok(self.sees("version").await? || self.sees("run").await?)).await
    }

    /// Opens a release of a version, unless one is open.
    ///
    /// # Errors
    /// When the version is refused.
    pub async fn draft(&self, version: &str) -> Result<()> {
        self.go_to_release().await?;
        if self.sees("run").await? {
            return Ok(());
        }
        self.fill("version", version).await?;
        self.press("draft").await?;
        self.wait_for_state(&["draft"]).await
    }

    /// Starts Prepare, unless it has started.
    ///
    /// # Errors
    /// When the app refuses.
    pub async fn start_prepare(&self) -> Result<()> {
        if self.state().await? == "draft" {
            self.come_back().await?;
            self.settle_readiness().await?;
            self.tick("testing-finished").await?;
            self.press("start-prepare").await?;
        }
        self.wait_for_state(&["preparing", "prepared", "deploying", "checking", "ended"]).await
    }

    /// Runs the readiness checks until they show something.
    ///
    /// # Errors
    /// When they do not show it within the patience.
    pub async fn look_until(&self, what: &str, is_shown: impl AsyncFn() -> Result<bool>) -> Result<()> {
        self.until(what, self.patience, async || {
            let is_over = self.attribute("readiness", "data-asking").await?.as_deref() == Some("false");
            if is_over && is_shown().await? {
                return Ok(true);
            }
            if is_over {
                self.try_press("readiness-again").await?;
            }
            Ok(false)
        })
        .await
    }

    /// Waits for the readiness checks, and gives a reason if one of them needs a decision.
    async fn settle_readiness(&self) -> Result<()> {
        self.wait_for_attribute("readiness", "data-asking", "false", self.patience).await?;
        if self.sees("readiness-reason").await? {
            self.fill("readiness-reason", "This is known, and it is right to go on").await?;
        }
        Ok(())
    }

    /// Opens a release of a version and starts Prepare. Skips the parts that are already done.
    ///
    /// # Errors
    /// When the app refuses the version or Prepare.
    pub async fn draft_and_prepare(&self, version: &str) -> Result<()> {
        self.draft(version).await?;
        self.start_prepare().await
    }

    /// Leaves a selected step, so that the page shows the step that the run waits for.
    async fn come_back(&self) -> Result<()> {
        if self.sees("back").await? { self.press("back").await } else { Ok(()) }
    }

    /// Shows a step in the middle of the page.
    ///
    /// # Errors
    /// When the page does not show the step.
    pub async fn look_at(&self, step: StepId) -> Result<()> {
        self.until(&format!("{} in focus", step.name()), SOON, async || {
            if self.attribute("focus", "data-step").await?.as_deref() == Some(step.name()) {
                return Ok(true);
            }
            if let Some(row) = self.find(&format!("step-{}", step.name())).await? {
                let _clicked = click(&row).await;
            }
            Ok(false)
        })
        .await
    }

    /// Waits until the button of a step is offered and answers its questions. The caller presses
    /// the button. Returns whether there is a button to press.
    ///
    /// # Errors
    /// When the button is not offered within the patience.
    pub async fn prepare_step(&self, step: StepId) -> Result<bool> {
        let name = step.name();
        self.until(&format!("{name} to be offered"), self.patience, async || {
            let status = self.status(step).await?;
            self.ask_when_in_doubt(step, &status).await?;
            Ok(!matches!(status.as_str(), "notStarted" | "" | "inDoubt"))
        })
        .await?;
        if self.status(step).await? != "awaitingOperator" {
            return Ok(false);
        }
        self.answer_all(step).await?;
        Ok(true)
    }

    /// Shows a step and answers the questions of its plan.
    ///
    /// # Errors
    /// When the plan is not ready within the patience.
    pub async fn answer_all(&self, step: StepId) -> Result<()> {
        self.look_at(step).await?;
        for _ in 0..MOST_QUESTIONS {
            self.wait_for_attribute("focus", "data-plan", "ready", self.patience).await?;
            let Some(question) = self.attribute("question", "data-question").await? else { break };
            self.answer(&question, step).await?;
        }
        Ok(())
    }

    /// Answers a question with its first choice. The question about AWS giving up is answered by
    /// letting AWS wait longer.
    pub(super) async fn answer(&self, question: &str, step: StepId) -> Result<()> {
        if question.starts_with("awsGivesUp:") {
            return self.let_aws_wait(step).await;
        }
        let choices = self.all("choice-").await?;
        let first = choices.first().with_context(|| format!("{question} has no answer"))?;
        self.give_answer(question, first).await
    }

    /// Gives an answer to the question on the page, with a note where one is asked for. Waits until
    /// the page asks another question or none.
    pub(super) async fn give_answer(&self, question: &str, choice: &str) -> Result<()> {
        self.tick(choice).await?;
        if self.sees("question-note").await? {
            self.fill("question-note", "as agreed with the team").await?;
        }
        self.press("question-answer").await?;
        self.until(&format!("the answer to {question} to be kept"), self.patience, async || {
            Ok(self.attribute("question", "data-question").await?.as_deref() != Some(question))
        })
        .await
    }

    /// Presses the button of the step in focus and confirms the dialog. The step then continues
    /// without further input.
    ///
    /// # Errors
    /// When the button is not enabled within the patience, or the app refuses.
    pub async fn press_step(&self, step: StepId, version: &str) -> Result<()> {
        match self.try_step(step, version).await? {
            Pressed::Taken => Ok(()),
            Pressed::Refused(code) => Err(self.stopped(format!("the app refused: {code}")).await),
        }
    }

    /// Prepares and presses a step, if it has a button. The app may refuse: then the page shows the
    /// reason and a new plan.
    pub(super) async fn prepare_and_press(&self, step: StepId, version: &str) -> Result<()> {
        if self.prepare_step(step).await? {
            self.try_step(step, version).await?;
        }
        Ok(())
    }

    async fn try_step(&self, step: StepId, version: &str) -> Result<Pressed> {
        self.press_when_open(step).await?;
        if self.is_asked_or_started(step).await? {
            self.confirm(version).await?;
        }
        self.take(&format!("{} to start", step.name()), SOON, async || {
            if self.status(step).await? != "awaitingOperator" {
                return Ok(Some(Pressed::Taken));
            }
            Ok(self.attribute("page-failure", "data-code").await?.map(Pressed::Refused))
        })
        .await
    }

    /// Presses the button of the step once it is open. A question may still come up before, for
    /// example when a server fails to start.
    async fn press_when_open(&self, step: StepId) -> Result<()> {
        self.until(&format!("the button of {} to open", step.name()), self.patience, async || {
            if self.try_press("step-button").await? {
                return Ok(true);
            }
            if let Some(question) = self.attribute("question", "data-question").await? {
                self.answer(&question, step).await?;
            }
            Ok(false)
        })
        .await
    }

    /// After a press: `true` when the dialog opens, `false` when the step starts or is refused.
    pub(super) async fn is_asked_or_started(&self, step: StepId) -> Result<bool> {
        self.take(&format!("{} to start or to ask", step.name()), SOON, async || {
            if self.sees("confirm-dialog").await? {
                return Ok(Some(true));
            }
            // The step may be over already, and the next step may be in focus.
            let is_over = self.status(step).await? != "awaitingOperator" || self.sees("page-failure").await?;
            Ok(is_over.then_some(false))
        })
        .await
    }

    /// Confirms the open dialog.
    ///
    /// # Errors
    /// When the dialog cannot be confirmed.
    pub async fn confirm(&self, version: &str) -> Result<()> {
        if self.sees("confirm-version").await? {
            self.fill("confirm-version", version).await?;
        }
        self.press("confirm-yes").await
    }

    /// Waits until a step is done.
    ///
    /// # Errors
    /// When the step fails, or is not done within the patience.
    pub async fn wait_done(&self, step: StepId) -> Result<()> {
        self.until(&format!("{} to be done", step.name()), self.patience, async || {
            let status = self.status(step).await?;
            self.ensure_unbroken(step, &status).await?;
            self.ask_when_in_doubt(step, &status).await?;
            self.confirm_backup(step, &status).await?;
            Ok(DONE.contains(&status.as_str()))
        })
        .await
    }

    pub(super) async fn ensure_unbroken(&self, step: StepId, status: &str) -> Result<()> {
        if matches!(status, "failed" | "stopped") {
            self.look_at(step).await?;
            return Err(self.stopped(format!("{} is {status}", step.name())).await);
        }
        Ok(())
    }

    /// Takes a step from its current state to its end. Does nothing when the step is done. Presses
    /// "Ask again" when the step is in doubt.
    ///
    /// # Errors
    /// When the step fails or does not end within the patience.
    pub async fn do_step(&self, step: StepId, version: &str) -> Result<()> {
        self.go_to_release().await?;
        let end = Instant::now() + self.patience;
        let mut presses = 0;
        loop {
            let status = self.status(step).await?;
            self.ensure_unbroken(step, &status).await?;
            if DONE.contains(&status.as_str()) {
                return self.confirm_backup(step, &status).await;
            }
            if status == "awaitingOperator" && self.prepare_step(step).await? {
                if presses >= MOST_PRESSES {
                    return Err(self.stopped(format!("{} was pressed {presses} times", step.name())).await);
                }
                // After a refusal, for example because the plan changed, the page shows the reason
                // and a new plan.
                self.try_step(step, version).await?;
                presses += 1;
            }
            self.ask_when_in_doubt(step, &status).await?;
            if Instant::now() >= end {
                let late = format!("{} is {status} after {} s", step.name(), self.patience.as_secs());
                return Err(self.stopped(late).await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Presses "Ask again" if the step is in doubt and the button is enabled.
    async fn ask_when_in_doubt(&self, step: StepId, status: &str) -> Result<()> {
        if status == "inDoubt" { self.ask_again(step).await } else { Ok(()) }
    }

    pub(super) async fn ask_again(&self, step: StepId) -> Result<()> {
        self.look_at(step).await?;
        self.try_press("ask-again").await.map(drop)
    }

    /// Fills in the Deploy panel and leaves the press to [`Self::start_deploy`]. `machine` is the
    /// address and port of the staging machine, when they differ from the proposed ones.
    ///
    /// # Errors
    /// When the staging machine returns no fingerprint.
    pub async fn fill_deploy(&self, version: &str, machine: Option<(&str, u16)>) -> Result<()> {
        self.come_back().await?;
        // The elements below move while the app asks the outside systems for changes. A press would
        // miss its button.
        self.wait_for_attribute("deploy-panel", "data-asking", "false", SOON).await?;
        self.settle_readiness().await?;
        if let Some((address, port)) = machine {
            self.fill("deploy-address", address).await?;
            self.fill("deploy-port", &port.to_string()).await?;
        }
        self.press("ask-fingerprint").await?;
        let fingerprint = self.read("fingerprint").await?;
        ensure!(fingerprint.starts_with("SHA256:"), "the machine shows {fingerprint:?}");
        // Practice, and an earlier release of this computer, name the fingerprint.
        if self.attribute("host-verdict", "data-verdict").await?.as_deref() != Some("same") {
            self.tick("fingerprint-trusted").await?;
        }
        self.settle_readiness().await?;
        self.fill("deploy-told", "The support desk, by mail").await?;
        self.fill("deploy-version", version).await
    }

    /// Starts Deploy.
    ///
    /// # Errors
    /// When its button is not enabled.
    pub async fn start_deploy(&self) -> Result<()> {
        self.press_within("start-deploy", self.patience).await?;
        self.wait_for_state(&["deploying", "checking", "ended"]).await
    }

    /// Waits until the run is prepared, then fills in the Deploy panel and starts Deploy. Does
    /// nothing when Deploy has started.
    ///
    /// # Errors
    /// When the staging machine returns no fingerprint, or the button is not enabled.
    pub async fn deploy(&self, version: &str, machine: Option<(&str, u16)>) -> Result<()> {
        self.go_to_release().await?;
        self.wait_for_state(&["prepared", "deploying", "checking", "ended"]).await?;
        if self.state().await? == "prepared" {
            self.fill_deploy(version, machine).await?;
            self.start_deploy().await?;
        }
        Ok(())
    }

    /// Waits for the end of the run and returns its result.
    ///
    /// # Errors
    /// When the run does not end within the patience.
    pub async fn wait_for_end(&self) -> Result<String> {
        self.wait_for_state(&["ended"]).await?;
        Ok(self.attribute("run", "data-result").await?.unwrap_or_default())
    }

    /// Waits for the end of a released run and returns the title of the page.
    ///
    /// # Errors
    /// When the run ends with another result, or does not end within the patience.
    pub async fn wait_released(&self) -> Result<String> {
        let result = self.wait_for_end().await?;
        if result != "released" {
            return Err(self.stopped(format!("the run ended as {result:?}")).await);
        }
        // A selected step hides the result.
        self.come_back().await?;
        self.read("run-title").await
    }

    /// Saves the audit trail of the run that History shows to a new file.
    ///
    /// # Errors
    /// When the app refuses the path.
    pub async fn save_record(&self, file: &Path) -> Result<()> {
        self.press("nav-history").await?;
        self.fill("record-path", &file.display().to_string()).await?;
        self.press("record-save").await?;
        let saved = self.read("record-saved").await?;
        ensure!(Path::new(saved.trim()) == file, "the app says that it saved {saved:?}");
        Ok(())
    }

    /// Enters the three credentials on the Access page. The app tests each once it is saved.
    ///
    /// # Errors
    /// When one does not work.
    pub async fn sign_in(&self, signs: &SignIns<'_>) -> Result<()> {
        self.press("nav-access").await?;
        let key_file = signs.key_file.display().to_string();
        let typed: [(&str, &[(&str, &str)]); 3] = [
            ("github", &[("github-token", signs.github_token)]),
            ("aws", &[("aws-key-id", signs.aws_key_id), ("aws-secret", signs.aws_secret)]),
            ("stagingKey", &[("stagingKey-path", &key_file)]),
        ];
        for (kind, fields) in typed {
            for (field, text) in fields {
                self.fill(field, text).await?;
            }
            self.press(&format!("{kind}-save")).await?;
            self.wait_for_attribute(&format!("card-{kind}"), "data-saved", "true", SOON).await?;
            let result = format!("{kind}-result");
            let said = self.read(&result).await?;
            let works = self.attribute(&result, "data-works").await?;
            ensure!(works.as_deref() == Some("true"), "{kind}: {said}");
        }
        Ok(())
    }
}

/// The values that an operator enters on the Access page.
#[derive(Clone, Copy, Debug)]
pub struct SignIns<'a> {
    /// Token for GitHub.
    pub github_token: &'a str,
    /// The AWS access key id.
    pub aws_key_id: &'a str,
    /// The AWS secret access key.
    pub aws_secret: &'a str,
    /// Private key for the staging machine.
    pub key_file: &'a Path,
}
