//! One value of a profile: its meaning, and how it is read and written.

use greenlight_types::{Profile, SetupGroup};

/// One value of a profile.
pub(in super::super) struct Field {
    /// Dotted name, as in the TOML form: `aws.cluster`.
    pub key: &'static str,
    pub group: SetupGroup,
    pub label: &'static str,
    /// Why a release needs the value, or why the app cannot know it.
    pub why: &'static str,
    pub form: Form,
    pub need: Need,
    /// The value now. Empty when there is none.
    pub get: fn(&Profile) -> String,
    pub set: Set,
}

/// How a value is typed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Form {
    Line,
    /// One entry a line.
    Lines,
}

/// When a value has to be known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Need {
    /// Each profile file has it.
    File,
    /// A file may leave it open. A person then confirms it before a real release, and may correct
    /// it in a run.
    Release,
    /// A release is possible without it.
    Optional,
}

/// How a value changes.
#[derive(Clone, Copy)]
pub(in super::super) enum Set {
    /// Setup writes it. `Err` describes the expected form.
    By(fn(&mut Profile, &str) -> Result<(), &'static str>),
    /// Only another profile file changes it: it decides which production a release is for.
    FileOnly,
}
