//! Checks of the staging machine, once a person has confirmed it.

pub(super) mod answers;
pub(super) mod backup_script;
pub(super) mod backup_space;
pub(super) mod clock;
pub(super) mod jobs;
pub(super) mod login_shell;
pub(super) mod migration_script;
mod program;
pub(super) mod sign_in;
pub(super) mod sudo;
