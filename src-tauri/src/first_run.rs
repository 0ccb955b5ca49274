//! The first run of production on a computer: its page, kept in the journal's file, so that it goes
//! on after the app was closed.
//!
//! Practice has none: it knows a name, and needs no sign-in and no setup.

use greenlight_engine::journal::Journal as _;
use greenlight_types::{Failure, Realm};
use serde::{Deserialize, Serialize};
use specta::Type;

use crate::{composition::Composition, settings::checked_name};

/// Key of the setting. Absent on a computer that knew a name before there was a first run.
const SETTING: &str = "first-run";
/// Value of the setting after the last page.
const FINISHED: &str = "finished";

/// The pages, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum FirstRunPage {
    Name,
    Product,
    Github,
    Aws,
    StagingKey,
    Setup,
    Practise,
}

/// The place of a person in the first run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct FirstRun {
    pub page: FirstRunPage,
    /// Whether the person went to another screen. Then the app opens on Home and offers to go on.
    pub is_left: bool,
}

/// The first run of this place. `None` when it is finished, was never needed, or a release exists.
pub async fn now(composition: &Composition) -> Result<Option<FirstRun>, Failure> {
    let Composition { settings, journal, .. } = composition;
    if settings.person().await?.is_none() {
        return Ok(Some(FirstRun { page: FirstRunPage::Name, is_left: false }));
    }
    let kept = settings.get(SETTING).await?.and_then(|setting| read(&setting.value));
    Ok(match kept {
        // A release comes first, for example after a crash.
        Some(first_run) if journal.runs().await?.is_empty() => Some(first_run),
        Some(_) | None => None,
    })
}

/// Begins the first run with the first name that is given in production.
pub async fn begin(composition: &Composition, name: &str) -> Result<(), Failure> {
    let Composition { settings, systems, .. } = composition;
    if systems.realm() == Realm::Practice || settings.person().await?.is_some() {
        return Ok(());
    }
    let first = FirstRun { page: FirstRunPage::Product, is_left: false };
    settings.set(SETTING, &write(Some(first)), &checked_name(name)?).await
}

/// Keeps the place of the person. `None` finishes the first run for good.
pub async fn keep(composition: &Composition, first_run: Option<FirstRun>) -> Result<(), Failure> {
    // A page that was open in another window does not bring it back.
    if now(composition).await?.is_none() {
        return Ok(());
    }
    let person = composition.settings.named_person().await?;
    composition.settings.set(SETTING, &write(first_run), &person).await
}

fn write(first_run: Option<FirstRun>) -> String {
    // A value of two fields always has a text.
    first_run.and_then(|first_run| serde_json::to_string(&first_run).ok()).unwrap_or_else(|| FINISHED.to_owned())
}

/// A value of a newer version counts as finished.
fn read(value: &str) -> Option<FirstRun> {
    serde_json::from_str(value).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kept_page_reads_back_until_it_is_finished() {
        for page in [FirstRunPage::Product, FirstRunPage::StagingKey, FirstRunPage::Practise] {
            for is_left in [true, false] {
                let first_run = FirstRun { page, is_left };
                assert_eq!(read(&write(Some(first_run))), Some(first_run));
            }
        }
        for finished in [write(None), "{\"page\":\"moon\",\"isLeft\":false}".to_owned(), String::new()] {
            assert_eq!(read(&finished), None, "{finished}");
        }
    }
}
