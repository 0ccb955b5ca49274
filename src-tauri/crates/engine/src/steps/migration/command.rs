//! Shell commands of the migration.

use greenlight_types::RunView;

use crate::shell;

/// Kind of the migration's jobs, a part of their ids.
pub(in crate::steps) const KIND: &str = "migrate";

/// Adds the folder and the environment of the migration to a command for the login shell.
pub(in crate::steps) fn in_its_folder(run: &RunView, command: &str) -> String {
    let migration = &run.profile.migration;
    let exports: String =
        migration.environment.iter().map(|(key, value)| format!("export {key}={} && ", shell::quote(value))).collect();
    format!("cd {} && {exports}{command}", shell::quote(&migration.directory))
}

/// Prints a hash over the names and contents of the files in the folder of the migration.
pub(super) fn folder_hash(run: &RunView) -> String {
    format!(
        "cd {} && find . -type f -exec sha256sum {{}} + | LC_ALL=C sort | sha256sum | cut -c1-64",
        shell::quote(&run.profile.migration.directory)
    )
}
