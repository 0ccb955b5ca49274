//! The text of a profile, the line of each key, and the error that names file and line.

use greenlight_types::{ErrorCode, Failure};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::value::{is_address, version_parts};

/// Why a profile is refused: place, fault and expected form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {problem}; expected {expected}")]
pub struct ProfileError {
    /// File name as the person knows it.
    pub file: String,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Description of the fault.
    pub problem: String,
    /// Description of a valid value.
    pub expected: String,
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::new(ErrorCode::BadProfile, "read the profile")
            .because(&error)
            .hint(format!("Correct line {} of {}. Expected there: {}.", error.line, error.file, error.expected))
            .with("file", error.file)
            .with("line", error.line.to_string())
            .with("problem", error.problem)
            .with("expected", error.expected)
    }
}

/// The text of a profile, with the position of each key.
pub(super) struct Source<'a> {
    file: &'a str,
    text: &'a str,
    table: Spanned<DeTable<'a>>,
}

impl<'a> Source<'a> {
    pub(super) fn read(file: &'a str, text: &'a str) -> Result<Self, ProfileError> {
        let table = DeTable::parse(text).map_err(|error| refuse(file, text, &error))?;
        Ok(Self { file, text, table })
    }

    pub(super) fn refuse(&self, error: &toml::de::Error) -> ProfileError {
        refuse(self.file, self.text, error)
    }

    /// Line of a dotted key, or of the nearest table that exists.
    fn line(&self, key: &str) -> usize {
        let mut table = self.table.get_ref();
        let mut offset = 0;
        for part in key.split('.') {
            let Some((name, value)) = table.iter().find(|(name, _)| name.get_ref() == part) else { break };
            offset = name.span().start;
            let DeValue::Table(inner) = value.get_ref() else { break };
            table = inner;
        }
        line_at(self.text, offset)
    }

    pub(super) fn need(
        &self,
        is_right: bool,
        key: &str,
        problem: impl Into<String>,
        expected: &str,
    ) -> Result<(), ProfileError> {
        if is_right {
            return Ok(());
        }
        Err(ProfileError {
            file: self.file.to_owned(),
            line: self.line(key),
            problem: problem.into(),
            expected: expected.to_owned(),
        })
    }

    pub(super) fn not_empty(&self, key: &str, value: &str) -> Result<(), ProfileError> {
        self.need(
            !value.trim().is_empty() && !value.chars().any(char::is_control),
            key,
            format!("{key} is empty or holds a line break"),
            "a text on one line",
        )
    }

    pub(super) fn word(&self, key: &str, value: &str) -> Result<(), ProfileError> {
        let is_word = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && !"\"'`$\\;&|<>".contains(c));
        self.need(is_word, key, format!("{key} is \u{201c}{value}\u{201d}"), "a name without spaces or quotes")
    }

    pub(super) fn template(&self, key: &str, value: &str) -> Result<(), ProfileError> {
        self.need(
            version_parts(value) == Some(1),
            key,
            format!("{key} is \u{201c}{value}\u{201d}"),
            "exactly one of {version}, {version4} and {version4_}, and no other braces",
        )
    }

    pub(super) fn absolute(&self, key: &str, value: &str) -> Result<(), ProfileError> {
        let is_right = value.starts_with('/') && !value.contains("/../") && !value.chars().any(char::is_control);
        self.need(
            is_right,
            key,
            format!("{key} is \u{201c}{value}\u{201d}"),
            "an absolute path such as /opt/backup/bin",
        )
    }

    pub(super) fn address(&self, key: &str, value: &str) -> Result<(), ProfileError> {
        self.need(
            is_address(value),
            key,
            format!("{key} is \u{201c}{value}\u{201d}"),
            "an https address without user name (plain http only to this computer, 127.0.0.1)",
        )
    }
}

fn refuse(file: &str, text: &str, error: &toml::de::Error) -> ProfileError {
    let message = error.message().trim().replace('\n', " ");
    let (problem, expected) = match message.split_once(", expected ") {
        Some((problem, expected)) => (problem.to_owned(), expected.to_owned()),
        None => (message, "the keys and values of profile schema 1".to_owned()),
    };
    let line = line_at(text, error.span().map_or(0, |span| span.start));
    ProfileError { file: file.to_owned(), line, problem, expected }
}

fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
