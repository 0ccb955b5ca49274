//! The operator on the Setup page.

use anyhow::{Context, Result};

use super::{SOON, Window};

impl Window<'_> {
    /// Tests every value, and waits until no value of these groups is wrong or without a result.
    ///
    /// # Errors
    /// When a value is wrong, or has no result within the patience.
    pub async fn test_setup(&self, groups: &[&str]) -> Result<()> {
        self.press_within("test-all", self.patience).await?;
        for group in groups {
            self.wait_for_attribute(&format!("group-{group}"), "data-tested", "true", self.patience).await?;
            let pill = self.attribute(&format!("group-{group}"), "data-pill").await?;
            anyhow::ensure!(matches!(pill.as_deref(), Some("right" | "partly")), "{group} is {pill:?}");
        }
        Ok(())
    }

    /// Opens the form of a value.
    async fn open_value(&self, group: &str, key: &str) -> Result<()> {
        self.until(&format!("the form of {key}"), SOON, async || {
            if self.sees(&format!("save-{key}")).await? {
                return Ok(true);
            }
            if !self.try_press(&format!("edit-{key}")).await? {
                self.try_press(&format!("fold-{group}")).await?;
            }
            Ok(false)
        })
        .await
    }

    /// Takes a value from the list of its system. The recommended one is chosen already.
    ///
    /// # Errors
    /// When the system does not list the value.
    pub async fn choose_value(&self, group: &str, key: &str, wanted: &str) -> Result<()> {
        self.open_value(group, key).await?;
        self.read("candidates").await.with_context(|| format!("no list for {key}"))?;
        let save = format!("save-{key}");
        if !self.read(&save).await?.ends_with(wanted) {
            self.choose_candidate(wanted).await?;
        }
        self.count_entry();
        self.press_within(&save, SOON).await?;
        self.wait_for_attribute(&format!("value-{key}"), "data-known", "true", SOON).await
    }

    async fn choose_candidate(&self, wanted: &str) -> Result<()> {
        let script = "const wanted = [...document.querySelectorAll('[data-testid=candidates] input')]\
                      .find((one) => one.value === arguments[0]); wanted?.click(); return wanted !== undefined";
        let found = self.session().execute(script, &[wanted.into()]).await?;
        anyhow::ensure!(found == true, "the list has no {wanted}");
        Ok(())
    }

    /// Types a value. A list gets one row a line.
    ///
    /// # Errors
    /// When the app refuses it.
    pub async fn type_value(&self, group: &str, key: &str, text: &str) -> Result<()> {
        self.open_value(group, key).await?;
        let field = format!("typed-{key}");
        let first_row = format!("{field}-0");
        self.until(&format!("the field of {key}"), SOON, async || {
            let is_there = self.sees(&field).await? || self.sees(&first_row).await?;
            if !is_there {
                self.try_press(&format!("type-{key}")).await?;
            }
            Ok(is_there)
        })
        .await?;
        if self.sees(&field).await? {
            self.fill(&field, text).await?;
        } else {
            for (row, line) in text.lines().enumerate() {
                if row > 0 {
                    self.press(&format!("add-{key}")).await?;
                }
                self.fill(&format!("{field}-{row}"), line).await?;
            }
        }
        self.press_within(&format!("save-{key}"), SOON).await?;
        self.wait_for_attribute(&format!("value-{key}"), "data-known", "true", SOON).await
    }
}
