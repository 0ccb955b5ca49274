//! Documents about a release: its plan, its Markdown export, and the debrief of a practice.

use greenlight_adapters::{home, new_file};
use greenlight_engine::{export, fold, profile, redact, release_plan};
use greenlight_rehearsal::debrief;
use greenlight_types::{Debrief, ErrorCode, Failure, PlanSubject, ReleasePlan, RunId};

use crate::{composition::Composition, history::History};

/// The last lines of a document: they show later that the record is still the same.
fn check_value(hash: &str, entries: u32) -> String {
    format!("\nCheck value of the entries 1 to {entries} of the record (SHA-256): `{hash}`\n")
}

impl History {
    pub async fn markdown(&self, run: &RunId) -> Result<String, Failure> {
        let (events, hash) = self.events_and_hash(run).await?;
        let view = self.with_later_rollback(fold::fold(&events)?).await?;
        let text = export::markdown(&view, &events);
        // The journal keeps settings of the profile unchanged, and a document leaves this computer.
        let mut text = redact::without_shapes(&text).into_string();
        if let (Some(hash), Some(newest)) = (hash, events.last()) {
            text.push_str(&check_value(&hash, newest.seq));
        }
        Ok(text)
    }

    /// Writes the Markdown export to a new file. Returns its full path.
    ///
    /// # Errors
    /// As [`write_new`].
    pub async fn save_markdown(&self, run: &RunId, path: &str) -> Result<String, Failure> {
        write_new(path, &self.markdown(run).await?)
    }

    /// The troubles of a practised release, the acts of persons, and the delay.
    pub async fn debrief(&self, run: &RunId) -> Result<Debrief, Failure> {
        let spells = self.systems.spells().await?;
        let events = self.events(run, 0).await?;
        Ok(debrief::debrief(&fold::fold(&events)?, &events, &spells, &self.systems.clock().now()))
    }
}

/// The plan of a release that is not drafted yet, or of a run.
pub async fn plan(app: &Composition, subject: &PlanSubject) -> Result<ReleasePlan, Failure> {
    match subject {
        PlanSubject::Version { version } => {
            let profile = app.settings.profile().await?;
            let (version, _) = profile::names(&profile, version)?;
            release_plan::of_version(&profile, &version, app.systems.realm())
        }
        PlanSubject::Run { run } => release_plan::of_run(&app.history.events(run, 0).await?),
    }
}

/// Writes the plan as Markdown to a new file. Returns its full path.
///
/// # Errors
/// As [`write_new`].
pub async fn save_plan(app: &Composition, subject: &PlanSubject, path: &str) -> Result<String, Failure> {
    let text = release_plan::markdown(&plan(app, subject).await?, app.systems.clock().now());
    // A command of the profile may hold a password, and a document leaves this computer.
    write_new(path, &redact::without_shapes(&text).into_string())
}

/// Writes a document to a new file. Returns its full path.
///
/// # Errors
/// `BadInput` when the path is not absolute, does not end in `.md`, or exists.
fn write_new(path: &str, text: &str) -> Result<String, Failure> {
    let path = home::expand(path.trim());
    let refuse = |why: &str| {
        Failure::new(ErrorCode::BadInput, "save the document").because(why).with("field", "path").with("problem", why)
    };
    if !path.is_absolute() || path.extension().is_none_or(|end| end != "md") {
        return Err(refuse("A full path is needed, such as ~/Documents/release-2.1.0.md."));
    }
    new_file::write(&path, text, "save the document")?;
    Ok(path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_never_written_over_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.md").display().to_string();
        assert_eq!(write_new(&path, "one").expect("written"), path);
        let refused = write_new(&path, "two").expect_err("it is there");
        assert_eq!((refused.code, refused.params["field"].as_str()), (ErrorCode::BadInput, "path"));
        assert_eq!(std::fs::read_to_string(&path).expect("text"), "one");
    }

    #[test]
    fn a_document_needs_a_full_path_and_its_ending() {
        for path in ["plan.md", "/tmp/plan.txt", "/tmp/plan", ""] {
            assert_eq!(write_new(path, "text").expect_err(path).code, ErrorCode::BadInput);
        }
    }
}
