//! The only error that crosses to the page.

use greenlight_types::Failure;
use serde::Serialize;
use specta::Type;

/// Failure of a command; the same shape as a [`Failure`] (docs/releases.md#failures).
#[derive(Debug, Serialize, Type)]
#[serde(transparent)]
pub struct CommandError(Failure);

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        Self(failure)
    }
}

/// Result of a command.
pub type CommandResult<T> = Result<T, CommandError>;
