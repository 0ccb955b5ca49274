//! Documents about a run: its Markdown export, and the debrief of a practice.

use greenlight_adapters::home;
use greenlight_engine::{export, fold, redact};
use greenlight_rehearsal::debrief;
use greenlight_types::{Debrief, ErrorCode, Failure, RunId};

use crate::history::History;

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
    /// `BadInput` when the path is not absolute, does not end in `.md`, or exists.
    pub async fn save_markdown(&self, run: &RunId, path: &str) -> Result<String, Failure> {
        let path = home::expand(path.trim());
        let refuse = |why: &str| {
            Failure::new(ErrorCode::BadInput, "save the document")
                .because(why)
                .with("field", "path")
                .with("problem", why)
        };
        if !path.is_absolute() || path.extension().is_none_or(|end| end != "md") {
            return Err(refuse("A full path is needed, such as ~/Documents/release-2.1.0.md."));
        }
        let text = self.markdown(run).await?;
        let opened = fs_err::OpenOptions::new().write(true).create_new(true).open(&path);
        let mut file = opened.map_err(|error| {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                refuse("A file of this name is there already; it is left as it is.")
            } else {
                refuse(&error.to_string())
            }
        })?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|error| refuse(&error.to_string()))?;
        Ok(path.display().to_string())
    }

    /// The troubles of a practised release, the acts of persons, and the delay.
    pub async fn debrief(&self, run: &RunId) -> Result<Debrief, Failure> {
        let spells = self.systems.spells().await?;
        let events = self.events(run, 0).await?;
        Ok(debrief::debrief(&fold::fold(&events)?, &events, &spells, &self.systems.clock().now()))
    }
}
