//! A person at the window: presses what a person presses, reads what a person reads. Knows the page by its
//! `data-testid`s and states, never by its words, and every wait has an end.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use greenlight_types::StepId;

use super::webdriver::{Element, Session};

/// Longest wait for something that the page does by itself.
const SOON: Duration = Duration::from_secs(30);
/// Between two looks at the page.
const LOOK: Duration = Duration::from_millis(100);
/// Questions that one step may ask one after the other.
const MOST_QUESTIONS: u32 = 4;

/// States in which a step is done.
const DONE: [&str; 3] = ["succeeded", "warned", "skipped"];

/// A person at an open window.
#[derive(Debug)]
pub struct Operator<'a> {
    session: &'a Session,
    /// Longest wait for a step to end, in real time.
    patience: Duration,
}

fn css(testid: &str) -> String {
    format!("[data-testid=\"{testid}\"]")
}

impl<'a> Operator<'a> {
    /// Sits down before a window.
    #[must_use]
    pub fn new(session: &'a Session, patience: Duration) -> Self {
        Self { session, patience }
    }

    /// The window.
    #[must_use]
    pub fn session(&self) -> &'a Session {
        self.session
    }

    /// Waits until the page knows what there is.
    ///
    /// # Errors
    /// When it does not within half a minute.
    pub async fn ready(&self) -> Result<()> {
        self.until("the page to be ready", SOON, async || {
            Ok(self.attribute("app", "data-ready").await?.as_deref() == Some("true"))
        })
        .await
    }

    /// Whether an element is on the page now.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn sees(&self, testid: &str) -> Result<bool> {
        Ok(self.session.find(&css(testid)).await?.is_some())
    }

    /// An attribute of an element that is on the page now; none without the element or the attribute.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn attribute(&self, testid: &str, name: &str) -> Result<Option<String>> {
        let Some(element) = self.session.find(&css(testid)).await? else { return Ok(None) };
        // An element that was drawn anew meanwhile is simply looked up again at the next look.
        Ok(self.session.attribute(&element, name).await.unwrap_or_default())
    }

    /// The text of an element, once it is there.
    ///
    /// # Errors
    /// When it does not come within half a minute.
    pub async fn read(&self, testid: &str) -> Result<String> {
        let element = self.session.wait_for(&css(testid), SOON).await?;
        self.session.text(&element).await
    }

    /// Presses a button, once it is there and open.
    ///
    /// # Errors
    /// When it does not open within half a minute.
    pub async fn press(&self, testid: &str) -> Result<()> {
        self.press_within(testid, SOON).await
    }

    /// As [`Self::press`], with another limit.
    ///
    /// # Errors
    /// When it does not open within `limit`.
    pub async fn press_within(&self, testid: &str, limit: Duration) -> Result<()> {
        self.until(&format!("the button {testid} to open"), limit, async || {
            let Some(button) = self.session.find(&css(testid)).await? else { return Ok(false) };
            let closed = self.session.attribute(&button, "aria-disabled").await.unwrap_or_default();
            Ok(closed.as_deref() != Some("true") && self.click(&button).await)
        })
        .await
    }

    /// A click that reached its element. The driver refuses one on an element that was drawn anew or lies outside the
    /// part that is scrolled to.
    async fn click(&self, element: &Element) -> bool {
        self.session.click(element).await.is_ok()
    }

    /// Types into an emptied field.
    ///
    /// # Errors
    /// When the field does not come, or holds something else afterwards.
    pub async fn fill(&self, testid: &str, text: &str) -> Result<()> {
        self.session.fill(&css(testid), text, SOON).await.with_context(|| format!("fill {testid}"))
    }

    /// Ticks a box that is not ticked yet.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn tick(&self, testid: &str) -> Result<()> {
        let script = "const box = document.querySelector(arguments[0]); return box !== null && box.checked";
        self.until(&format!("{testid} to be ticked"), SOON, async || {
            let is_ticked = self.session.execute(script, &[css(testid).into()]).await?.as_bool() == Some(true);
            if !is_ticked && let Some(element) = self.session.find(&css(testid)).await? {
                let _clicked = self.click(&element).await;
            }
            Ok(is_ticked)
        })
        .await
    }

    /// Waits for a value of the page.
    ///
    /// # Errors
    /// When it does not come within `limit`; the text holds what the page shows.
    pub async fn until(&self, what: &str, limit: Duration, is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let end = Instant::now() + limit;
        loop {
            if is_so().await? {
                return Ok(());
            }
            if Instant::now() >= end {
                let shown = self.session.page_text().await.unwrap_or_else(|error| error.to_string());
                bail!("waited {} s for {what}; the page shows:\n{shown}", limit.as_secs());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// State of a step as its row says.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn status(&self, step: StepId) -> Result<String> {
        Ok(self.attribute(&format!("step-{}", step.name()), "data-status").await?.unwrap_or_default())
    }

    /// State of the run: `draft`, `preparing`, `prepared`, `deploying`, `checking`, `ended`; empty without a run.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn state(&self) -> Result<String> {
        Ok(self.attribute("run", "data-state").await?.unwrap_or_default())
    }

    /// Waits until the run is in one of these states.
    ///
    /// # Errors
    /// When it is not within the patience.
    pub async fn wait_for_state(&self, states: &[&str]) -> Result<()> {
        let what = format!("the run to be {}", states.join(" or "));
        self.until(&what, self.patience, async || Ok(states.contains(&self.state().await?.as_str()))).await
    }

    /// Gives the person's name where the app asks for it.
    ///
    /// # Errors
    /// When the page does not come.
    pub async fn introduce(&self, name: &str) -> Result<()> {
        self.until("the first page", SOON, async || {
            Ok(self.sees("person-name").await? || self.sees("nav-release").await?)
        })
        .await?;
        if self.sees("person-name").await? {
            self.fill("person-name", name).await?;
            self.press("person-save").await?;
        }
        self.ready().await
    }

    /// Opens a release of a version, where none is open yet.
    ///
    /// # Errors
    /// When the version is refused.
    pub async fn draft(&self, version: &str) -> Result<()> {
        if self.sees("run").await? {
            return Ok(());
        }
        self.fill("version", version).await?;
        self.press("draft").await?;
        self.wait_for_state(&["draft"]).await
    }

    /// Starts Prepare, where it is not started yet.
    ///
    /// # Errors
    /// When the app refuses.
    pub async fn start_prepare(&self) -> Result<()> {
        if self.state().await? == "draft" {
            self.tick("testing-finished").await?;
            self.press("start-prepare").await?;
        }
        self.wait_for_state(&["preparing", "prepared", "deploying", "checking", "ended"]).await
    }

    /// Puts a step in focus.
    ///
    /// # Errors
    /// When it does not come.
    pub async fn look_at(&self, step: StepId) -> Result<()> {
        self.until(&format!("{} in focus", step.name()), SOON, async || {
            if self.attribute("focus", "data-step").await?.as_deref() == Some(step.name()) {
                return Ok(true);
            }
            let row = self.session.find(&css(&format!("step-{}", step.name()))).await?;
            if let Some(row) = row {
                let _clicked = self.click(&row).await;
            }
            Ok(false)
        })
        .await
    }

    /// Presses "Ask again" for a step in doubt, once per look, until the world has answered.
    async fn ask_when_in_doubt(&self, step: StepId) -> Result<()> {
        if self.status(step).await? == "inDoubt" {
            self.look_at(step).await?;
            if let Some(button) = self.session.find(&css("ask-again")).await? {
                let _clicked = self.click(&button).await;
            }
        }
        Ok(())
    }

    /// Waits until the button of a step opens, answers its questions, and leaves the pressing to the caller. Answers
    /// whether there is anything to press.
    ///
    /// # Errors
    /// When its button does not open within the patience.
    pub async fn prepare_step(&self, step: StepId) -> Result<bool> {
        let name = step.name();
        self.until(&format!("{name} to be offered"), self.patience, async || {
            self.ask_when_in_doubt(step).await?;
            Ok(!matches!(self.status(step).await?.as_str(), "notStarted" | "" | "inDoubt"))
        })
        .await?;
        if self.status(step).await? != "awaitingOperator" {
            return Ok(false);
        }
        self.look_at(step).await?;
        for _ in 0..MOST_QUESTIONS {
            let is_planned = format!("the plan of {name}");
            self.until(&is_planned, self.patience, async || {
                Ok(self.attribute("focus", "data-plan").await?.as_deref() == Some("ready"))
            })
            .await?;
            let Some(question) = self.attribute("question", "data-question").await? else { break };
            self.answer(&question).await?;
        }
        Ok(true)
    }

    async fn answer(&self, question: &str) -> Result<()> {
        let option = self.session.wait_for("[data-testid^=\"choice-\"]", SOON).await?;
        ensure!(self.click(&option).await, "no answer of {question} can be chosen");
        if self.sees("question-note").await? {
            self.fill("question-note", "as agreed with the team").await?;
        }
        self.press("question-answer").await?;
        self.until(&format!("the answer to {question} to be kept"), SOON, async || {
            Ok(self.attribute("question", "data-question").await?.as_deref() != Some(question))
        })
        .await
    }

    /// Presses the button of a step and confirms what is asked; the step then goes on by itself.
    ///
    /// # Errors
    /// When the button does not open within the patience.
    pub async fn press_step(&self, step: StepId, version: &str) -> Result<()> {
        self.press_within("step-button", self.patience).await?;
        // Either the dialog comes, or the step has started. It may be over by now, and the next one be in focus.
        self.until(&format!("{} to start or to ask", step.name()), SOON, async || {
            Ok(self.sees("confirm-dialog").await? || self.status(step).await? != "awaitingOperator")
        })
        .await?;
        if self.sees("confirm-dialog").await? {
            self.confirm(version).await?;
        }
        Ok(())
    }

    /// Confirms in the open dialog.
    ///
    /// # Errors
    /// When it cannot be confirmed.
    pub async fn confirm(&self, version: &str) -> Result<()> {
        if self.sees("confirm-version").await? {
            self.fill("confirm-version", version).await?;
        }
        self.press("confirm-yes").await
    }

    /// Waits until a step is done.
    ///
    /// # Errors
    /// When it stops with an error, or is not done within the patience.
    pub async fn wait_done(&self, step: StepId) -> Result<()> {
        self.until(&format!("{} to be done", step.name()), self.patience, async || {
            self.ask_when_in_doubt(step).await?;
            let status = self.status(step).await?;
            if status == "failed" {
                self.look_at(step).await?;
                // The folded technical part too.
                let script = "return document.querySelector('[data-testid=\"focus\"]').textContent";
                let shown = self.session.execute(script, &[]).await?;
                bail!("{} failed; the page says: {}", step.name(), shown.as_str().unwrap_or_default());
            }
            Ok(DONE.contains(&status.as_str()))
        })
        .await
    }

    /// Does a step from its button to its end; nothing where it is done already.
    ///
    /// # Errors
    /// When it fails or does not end.
    pub async fn do_step(&self, step: StepId, version: &str) -> Result<()> {
        if self.prepare_step(step).await? {
            self.press_step(step, version).await?;
        }
        self.wait_done(step).await
    }

    /// Fills in what Deploy needs, where it waits for that; leaves the pressing to [`Self::start_deploy`].
    ///
    /// # Errors
    /// When the machine shows no fingerprint.
    pub async fn fill_deploy(&self, version: &str, machine: Option<(&str, u16)>) -> Result<()> {
        self.session.wait_for(&css("deploy-panel"), SOON).await?;
        if let Some((address, port)) = machine {
            self.fill("deploy-address", address).await?;
            self.fill("deploy-port", &port.to_string()).await?;
        }
        self.press("ask-fingerprint").await?;
        let fingerprint = self.read("fingerprint").await?;
        ensure!(fingerprint.starts_with("SHA256:"), "the machine shows {fingerprint:?}");
        self.tick("fingerprint-confirmed").await?;
        self.fill("deploy-told", "The support desk, by mail").await?;
        self.fill("deploy-version", version).await
    }

    /// Starts Deploy.
    ///
    /// # Errors
    /// When its button does not open.
    pub async fn start_deploy(&self) -> Result<()> {
        self.press_within("start-deploy", self.patience).await?;
        self.wait_for_state(&["deploying", "checking", "ended"]).await
    }

    /// Answers every check of the site with Passed, once the site shows the version.
    ///
    /// # Errors
    /// When an answer is not taken.
    pub async fn pass_checks(&self) -> Result<()> {
        self.session.wait_for("[data-testid^=\"check-\"][data-testid$=\"-passed\"]", self.patience).await?;
        let script =
            "return [...document.querySelectorAll('li[data-testid^=\"check-\"]')].map((row) => row.dataset.testid)";
        let rows = self.session.execute(script, &[]).await?;
        let rows: Vec<String> = serde_json::from_value(rows)?;
        ensure!(!rows.is_empty(), "there is no check to answer");
        for row in rows {
            if self.attribute(&row, "data-answer").await?.is_some() {
                continue;
            }
            // The last answer ends the run, and the row goes with it.
            self.press(&format!("{row}-passed")).await?;
            self.until(&format!("the answer to {row}"), SOON, async || {
                Ok(self.attribute(&row, "data-answer").await?.is_some() || !self.sees(&row).await?)
            })
            .await?;
        }
        Ok(())
    }

    /// Waits for the end and answers the result.
    ///
    /// # Errors
    /// When the run does not end within the patience.
    pub async fn wait_for_end(&self) -> Result<String> {
        self.wait_for_state(&["ended"]).await?;
        Ok(self.attribute("run", "data-result").await?.unwrap_or_default())
    }

    /// Saves the record of the run that History shows to a new file.
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

    /// Types the three sign-ins on the Access page and tests each.
    ///
    /// # Errors
    /// When one does not work.
    pub async fn sign_in(&self, signs: &SignIns<'_>) -> Result<()> {
        self.press("nav-access").await?;
        self.fill("github-token", signs.github_token).await?;
        self.fill("aws-key-id", signs.aws_key_id).await?;
        self.fill("aws-secret", signs.aws_secret).await?;
        self.fill("stagingKey-path", &signs.key_file.display().to_string()).await?;
        for kind in ["github", "aws", "stagingKey"] {
            self.press(&format!("{kind}-save")).await?;
            self.until(&format!("{kind} to be saved"), SOON, async || {
                Ok(self.attribute(&format!("card-{kind}"), "data-saved").await?.as_deref() == Some("true"))
            })
            .await?;
            self.press(&format!("{kind}-test")).await?;
            let result = format!("{kind}-result");
            self.session.wait_for(&css(&result), SOON).await?;
            let works = self.attribute(&result, "data-works").await?;
            ensure!(works.as_deref() == Some("true"), "{kind}: {}", self.read(&result).await?);
        }
        Ok(())
    }
}

/// What a person types on the Access page.
#[derive(Clone, Copy, Debug)]
pub struct SignIns<'a> {
    /// Token for GitHub.
    pub github_token: &'a str,
    /// AWS access key id.
    pub aws_key_id: &'a str,
    /// Its secret.
    pub aws_secret: &'a str,
    /// Private key for the staging machine.
    pub key_file: &'a Path,
}
