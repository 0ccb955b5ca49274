//! The result of the test of one value.

use std::time::Duration;

use greenlight_types::{ErrorCode, Failure, TestVerdict};

/// Maximum time of one command on the staging machine.
pub(super) const COMMAND_MAX: Duration = Duration::from_secs(15);

/// The test of one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Tested {
    pub key: &'static str,
    pub verdict: TestVerdict,
    pub sentence: String,
}

pub(super) fn right(key: &'static str, sentence: impl Into<String>) -> Tested {
    Tested { key, verdict: TestVerdict::Right, sentence: sentence.into() }
}

pub(super) fn wrong(key: &'static str, sentence: impl Into<String>) -> Tested {
    Tested { key, verdict: TestVerdict::Wrong, sentence: sentence.into() }
}

pub(super) fn unknown(key: &'static str, sentence: impl Into<String>) -> Tested {
    Tested { key, verdict: TestVerdict::NotChecked, sentence: sentence.into() }
}

/// The same reason for several values that were not tested.
pub(in super::super) fn not_checked(keys: &[&'static str], why: &str) -> Vec<Tested> {
    keys.iter().map(|key| unknown(key, why)).collect()
}

/// A system that did not answer tested nothing. `name` is the system: "GitHub".
pub(super) fn no_answer(keys: &[&'static str], name: &str, failure: &Failure) -> Vec<Tested> {
    let refusals = [ErrorCode::CredentialRefused, ErrorCode::HostRefused, ErrorCode::KeyFileUnreadable];
    let why = if failure.code == ErrorCode::CredentialMissing {
        format!("No sign-in for {name} is saved")
    } else if refusals.contains(&failure.code) {
        format!("{name} refuses the sign-in")
    } else if failure.code == ErrorCode::PermissionMissing {
        format!("The sign-in for {name} may not read it")
    } else {
        format!("{name} did not answer")
    };
    not_checked(keys, &why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_without_an_answer_is_no_wrong_value() {
        for (code, said) in [
            (ErrorCode::CredentialMissing, "No sign-in for GitHub is saved"),
            (ErrorCode::CredentialRefused, "GitHub refuses the sign-in"),
            (ErrorCode::PermissionMissing, "The sign-in for GitHub may not read it"),
            (ErrorCode::Unreachable, "GitHub did not answer"),
        ] {
            let tested = no_answer(&["git.main"], "GitHub", &Failure::new(code, "ask"));
            assert_eq!(tested, [unknown("git.main", said)]);
        }
    }
}
