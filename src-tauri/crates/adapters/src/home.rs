//! The home folder of this account, and paths that begin with `~/`.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// The variable that names the home folder on this operating system.
const VARIABLE: &str = if cfg!(windows) { "USERPROFILE" } else { "HOME" };

/// The home folder, by the environment that `variable` reads. `None` when it names no absolute
/// path.
pub fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    variable(VARIABLE).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A path as a person writes it: a leading `~/` is the home folder of this account.
#[must_use]
pub fn expand(path: &str) -> PathBuf {
    expand_in(path, folder(|name| std::env::var_os(name)).as_deref())
}

fn expand_in(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        (Some(_) | None, _) => PathBuf::from(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expands_a_leading_tilde_only() {
        let home = std::env::temp_dir();
        assert_eq!(expand_in("~/.ssh/key.pem", Some(&home)), home.join(".ssh/key.pem"));
        for path in ["/keys/~/key.pem", "~other/key.pem", "key.pem", "~"] {
            assert_eq!(expand_in(path, Some(&home)), PathBuf::from(path), "{path}");
        }
    }

    #[test]
    fn keeps_a_path_when_there_is_no_home_folder() {
        assert_eq!(expand_in("~/key.pem", None), PathBuf::from("~/key.pem"));
        assert_eq!(folder(|_| None), None);
        assert_eq!(folder(|_| Some("home".into())), None, "a relative folder depends on the working folder");
    }

    #[test]
    fn reads_the_variable_of_the_operating_system() {
        let home = std::env::temp_dir();
        let read = |name: &str| (name == VARIABLE).then(|| home.clone().into_os_string());
        assert_eq!(folder(read), Some(home.clone()));
    }
}
