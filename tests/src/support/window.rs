//! The window as an operator uses it: presses buttons and reads texts. It finds elements by
//! `data-testid` and data attributes, never by words, and every wait has a limit. The acts in a
//! release are in `acts`, and `surface` lets the careful operator release in the window.
//!
//! The page can redraw an element between two calls of the driver. Therefore every wait looks its
//! element up again.

mod acts;
mod checks;
mod choices;
mod setup;
mod surface;
mod troubles;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use fantoccini::{Locator, elements::Element};
use greenlight_types::StepId;
use serde_json::Value;

pub use acts::SignIns;
pub use surface::ReleaseScreen;

use super::webdriver::Session;

/// Longest wait for a change that the page makes without a further press.
pub const SOON: Duration = Duration::from_secs(30);
/// Pause between two polls of the page.
const LOOK: Duration = Duration::from_millis(100);

/// Text of the page for an error message: all visible text, then every visible failure with its
/// code, the run, and the steps that started. The most useful lines come last, because a truncated
/// log keeps its end.
const TOLD: &str = "
    const lines = ['the page shows:', document.body ? document.body.innerText : ''];
    lines.push(...[...document.querySelectorAll('[data-code]')].map(
        (shown) => `${shown.dataset.testid} ${shown.dataset.code}: ${shown.textContent.trim()}`));
    const run = document.querySelector('[data-testid=run]');
    if (run) lines.push(`run ${run.dataset.state} ${run.dataset.result ?? ''}`);
    for (const step of document.querySelectorAll('[data-testid^=step-][data-status]'))
        if (step.dataset.status !== 'notStarted') lines.push(`${step.dataset.testid} ${step.dataset.status}`);
    return lines.join('\\n')";

/// An open window.
#[derive(Debug)]
pub struct Window<'a> {
    session: &'a Session,
    /// Longest wait for the end of a step, in real time.
    patience: Duration,
    entries: AtomicU32,
}

fn css(testid: &str) -> String {
    format!("[data-testid=\"{testid}\"]")
}

/// Clicks and returns whether the click reached the element. The driver refuses a click on an
/// element that was redrawn, or that another one covers. Then the page is scrolled to it, as a
/// person does.
async fn click(element: &Element) -> bool {
    element.click().await.is_ok() || scroll_to(element).await && element.click().await.is_ok()
}

async fn scroll_to(element: &Element) -> bool {
    let Ok(target) = serde_json::to_value(element) else { return false };
    let scroll = "arguments[0].scrollIntoView({ block: 'center' })";
    element.clone().client().execute(scroll, vec![target]).await.is_ok()
}

impl<'a> Window<'a> {
    /// Creates a window with the longest wait for the end of a step.
    #[must_use]
    pub fn new(session: &'a Session, patience: Duration) -> Self {
        Self { session, patience, entries: AtomicU32::new(0) }
    }

    /// Number of texts that were typed, and of boxes and choices that were ticked, so far.
    #[must_use]
    pub fn entries(&self) -> u32 {
        self.entries.load(Ordering::Relaxed)
    }

    fn count_entry(&self) {
        self.entries.fetch_add(1, Ordering::Relaxed);
    }

    /// The session of the driver.
    #[must_use]
    pub fn session(&self) -> &'a Session {
        self.session
    }

    /// Waits until the page has loaded its data.
    ///
    /// # Errors
    /// When the page is not ready within 30 seconds.
    pub async fn ready(&self) -> Result<()> {
        self.wait_for_attribute("app", "data-ready", "true", SOON).await
    }

    /// The element that the page shows now, if any.
    async fn find(&self, testid: &str) -> Result<Option<Element>> {
        Ok(self.session.page().find_all(Locator::Css(&css(testid))).await?.into_iter().next())
    }

    /// Whether the page shows an element now.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn sees(&self, testid: &str) -> Result<bool> {
        Ok(self.find(testid).await?.is_some())
    }

    /// An attribute of an element that the page shows now. `None` without the element or the
    /// attribute.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn attribute(&self, testid: &str, name: &str) -> Result<Option<String>> {
        let script = "return document.querySelector(arguments[0])?.getAttribute(arguments[1]) ?? null";
        let value = self.session.execute(script, &[css(testid).into(), name.into()]).await?;
        Ok(value.as_str().map(str::to_owned))
    }

    /// Waits until an attribute of an element has this value.
    ///
    /// # Errors
    /// When the attribute does not have the value within `limit`.
    pub async fn wait_for_attribute(&self, testid: &str, name: &str, value: &str, limit: Duration) -> Result<()> {
        self.until(&format!("{testid} with {name}={value}"), limit, async || {
            Ok(self.attribute(testid, name).await?.as_deref() == Some(value))
        })
        .await
    }

    /// The text of an element. Waits until the element exists and has a text.
    ///
    /// # Errors
    /// When there is no text within 30 seconds.
    pub async fn read(&self, testid: &str) -> Result<String> {
        self.take(&format!("the text of {testid}"), SOON, async || {
            let Some(element) = self.find(testid).await? else { return Ok(None) };
            Ok(element.text().await.ok().filter(|text| !text.trim().is_empty()))
        })
        .await
    }

    /// Presses a button. Waits until it exists and is enabled.
    ///
    /// # Errors
    /// When the button is not enabled within 30 seconds.
    pub async fn press(&self, testid: &str) -> Result<()> {
        self.press_within(testid, SOON).await
    }

    /// Does the same as [`Self::press`] with another limit.
    ///
    /// # Errors
    /// When the button is not enabled within `limit`.
    pub async fn press_within(&self, testid: &str, limit: Duration) -> Result<()> {
        self.until(&format!("the button {testid} to open"), limit, async || self.try_press(testid).await).await
    }

    /// Presses a button that exists and is enabled now. Returns whether it pressed.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn try_press(&self, testid: &str) -> Result<bool> {
        let Some(button) = self.find(testid).await? else { return Ok(false) };
        let Ok(closed) = button.attr("aria-disabled").await else { return Ok(false) };
        Ok(closed.as_deref() != Some("true") && click(&button).await)
    }

    /// Clears a field and types into it until the field has exactly this text.
    ///
    /// # Errors
    /// When the field does not appear, or accepts no text.
    pub async fn fill(&self, testid: &str, text: &str) -> Result<()> {
        let holds = "return document.querySelector(arguments[0])?.value ?? null";
        // The typed text may be a secret, so an error does not repeat it.
        self.until(&format!("the field {testid} to hold what was typed"), SOON, async || {
            let Some(field) = self.find(testid).await? else { return Ok(false) };
            let typed = async {
                if field.clear().await.is_err() {
                    scroll_to(&field).await;
                    field.clear().await?;
                }
                field.send_keys(text).await
            };
            let is_typed = typed.await.is_ok();
            Ok(is_typed && self.session.execute(holds, &[css(testid).into()]).await?.as_str() == Some(text))
        })
        .await?;
        self.count_entry();
        Ok(())
    }

    /// Ticks a box, or selects a radio button, that is not selected yet.
    ///
    /// # Errors
    /// When the box does not appear.
    pub async fn tick(&self, testid: &str) -> Result<()> {
        let script = "return document.querySelector(arguments[0])?.checked ?? false";
        self.until(&format!("{testid} to be ticked"), SOON, async || {
            let is_ticked = self.session.execute(script, &[css(testid).into()]).await?.as_bool() == Some(true);
            if !is_ticked && let Some(element) = self.find(testid).await? {
                let _clicked = click(&element).await;
            }
            Ok(is_ticked)
        })
        .await?;
        self.count_entry();
        Ok(())
    }

    /// Selects an entry of a list by its value.
    ///
    /// # Errors
    /// When the list does not appear or has no such entry.
    pub async fn pick(&self, testid: &str, value: &str) -> Result<()> {
        self.until(&format!("{testid} to be {value}"), SOON, async || {
            let Some(list) = self.find(testid).await? else { return Ok(false) };
            Ok(list.select_by_value(value).await.is_ok())
        })
        .await
    }

    /// The `data-testid`s with this prefix, in the order of the page.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn all(&self, beginning: &str) -> Result<Vec<String>> {
        let script = "return [...document.querySelectorAll(arguments[0])].map((found) => found.dataset.testid)";
        let selector = format!("[data-testid^=\"{beginning}\"]");
        Ok(serde_json::from_value(self.session.execute(script, &[Value::from(selector)]).await?)?)
    }

    /// Waits for a value of the page.
    ///
    /// # Errors
    /// When the value does not appear within `limit`. The text has the content of the page.
    pub async fn until(&self, what: &str, limit: Duration, is_so: impl AsyncFn() -> Result<bool>) -> Result<()> {
        self.take(what, limit, async || Ok(is_so().await?.then_some(()))).await
    }

    /// Waits until `look` returns a value, and returns it.
    async fn take<T>(&self, what: &str, limit: Duration, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
        let end = Instant::now() + limit;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if Instant::now() >= end {
                return Err(self.stopped(format!("waited {} s for {what}", limit.as_secs())).await);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// An error with the current text of the page. The reason comes before and after the long text.
    async fn stopped(&self, why: String) -> anyhow::Error {
        anyhow!("{why}\n{}\n{why}", self.told().await)
    }

    /// The current content of the page: all visible text, failures with their codes, the run, its
    /// steps.
    pub async fn told(&self) -> String {
        let told = self.session.execute(TOLD, &[]).await;
        told.map_or_else(
            |error| format!("(the page cannot be read: {error})"),
            |told| told.as_str().unwrap_or_default().to_owned(),
        )
    }

    /// State of a step in its row: `awaitingOperator`, `running`, …; empty when the page does not
    /// show the row.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn status(&self, step: StepId) -> Result<String> {
        Ok(self.attribute(&format!("step-{}", step.name()), "data-status").await?.unwrap_or_default())
    }

    /// State of the run: `draft`, `preparing`, `prepared`, `deploying`, `checking`, `ended`; empty
    /// without a run.
    ///
    /// # Errors
    /// When the driver does not answer.
    pub async fn state(&self) -> Result<String> {
        Ok(self.attribute("run", "data-state").await?.unwrap_or_default())
    }

    /// Waits until the run is in one of these states.
    ///
    /// # Errors
    /// When the run is not in one of them within the patience.
    pub async fn wait_for_state(&self, states: &[&str]) -> Result<()> {
        let what = format!("the run to be {}", states.join(" or "));
        self.until(&what, self.patience, async || Ok(states.contains(&self.state().await?.as_str()))).await
    }

    /// Saves a screenshot of the window. The page may draw only after its first screenshot, so the
    /// second one is kept.
    ///
    /// # Errors
    /// When the driver returns no screenshot.
    pub async fn picture(&self, file: &Path) -> Result<()> {
        for _ in 0..2 {
            self.session.settle().await?;
            self.session.screenshot(file).await?;
        }
        Ok(())
    }
}
