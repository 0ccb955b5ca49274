//! The outline of a step: the part of its plan that needs no answer of an outside system. The plan
//! of the whole release is made of outlines.

use greenlight_types::{PersonNeed, PlannedValue};

/// The values of a step and its change, by run and profile alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Outline {
    pub values: Vec<PlannedValue>,
    /// The change outside, as a sentence. `None` when the step only reads.
    pub changes: Option<String>,
    pub person: PersonNeed,
    /// Whether someone must stay from this step on.
    pub needs_stay: bool,
    pub is_point_of_no_return: bool,
}

impl Outline {
    /// A step that only reads.
    pub fn reads_only(person: PersonNeed) -> Self {
        Self { values: Vec::new(), changes: None, person, needs_stay: false, is_point_of_no_return: false }
    }

    /// A step that changes something when a person presses its button.
    pub fn changes(sentence: impl Into<String>) -> Self {
        Self { changes: Some(sentence.into()), ..Self::reads_only(PersonNeed::Starts) }
    }

    /// A person confirms that the step cannot be taken back.
    pub fn confirmed(self) -> Self {
        Self { person: PersonNeed::Confirms, ..self }
    }

    /// Someone must stay from this step on.
    pub fn needs_stay(self) -> Self {
        Self { needs_stay: true, ..self }
    }

    /// The production database cannot be taken back from this step on.
    pub fn point_of_no_return(self) -> Self {
        Self { is_point_of_no_return: true, ..self }
    }

    /// Adds a value of the profile. An empty one is entered on the page Setup.
    pub fn setting(self, label: &str, value: impl Into<String>) -> Self {
        let value = value.into();
        let known = Some(value).filter(|value| !value.trim().is_empty());
        self.known_later(label, known, "asked in Setup")
    }

    /// Adds a value that an earlier step learns. `when` says in words when that is.
    pub fn known_later(mut self, label: &str, known: Option<String>, when: &str) -> Self {
        let is_known = known.is_some();
        let value = known.unwrap_or_else(|| when.to_owned());
        self.values.push(PlannedValue { label: label.to_owned(), value, is_known });
        self
    }
}
