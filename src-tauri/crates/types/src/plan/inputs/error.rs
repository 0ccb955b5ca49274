//! The error of a stored plan whose inputs cannot be read.

use crate::StepId;

/// A stored plan lacks a value that its step acts on, or has one that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    pub(super) step: StepId,
    pub(super) name: &'static str,
    pub(super) found: Option<String>,
}

impl std::fmt::Display for InputError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { step, name, found } = self;
        match found {
            Some(found) => write!(f, "the plan of {} has the unreadable value {found:?} for {name}", step.name()),
            None => write!(f, "the plan of {} has no value for {name}", step.name()),
        }
    }
}

impl std::error::Error for InputError {}
