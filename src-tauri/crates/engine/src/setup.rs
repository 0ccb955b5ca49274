//! The Setup page: values that outside systems propose, and the tests of values. Changes nothing
//! outside.

mod proposals;
mod templates;
mod value_tests;

use std::time::Duration;

use greenlight_types::{Candidates, ErrorCode, Failure, Profile, Retry, SetupGroup, SetupValue, ValueTest};

use crate::ports::{HostAddress, Ports};

/// Maximum time of the proposals for one field, and of the tests of one group.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// The proposals for a value of the profile. `machine` is the staging machine, once its fingerprint
/// is known.
///
/// # Errors
/// The failure of the system that was asked.
pub async fn candidates(
    ports: &Ports,
    profile: &Profile,
    machine: Option<&HostAddress>,
    key: &str,
) -> Result<Candidates, Failure> {
    tokio::time::timeout(ANSWER_MAX, proposals::of(ports, profile, machine, key)).await.unwrap_or_else(|_| {
        Err(Failure::new(ErrorCode::TimedOut, "list values for this field")
            .because(format!("there was no whole answer within {} seconds", ANSWER_MAX.as_secs()))
            .retry(Retry::Safe))
    })
}

/// Whether a value has a test.
#[must_use]
pub fn has_test(value: &SetupValue) -> bool {
    value_tests::keys(value.group).contains(&value.key.as_str())
}

/// Tests the values of a group against the systems that they name. A value that has no test, or is
/// empty, is left out.
pub async fn test_values(
    ports: &Ports,
    profile: &Profile,
    machine: Option<&HostAddress>,
    group: SetupGroup,
) -> Vec<(&'static str, ValueTest)> {
    let tests = value_tests::of_group(ports, profile, machine, group);
    let tested = tokio::time::timeout(ANSWER_MAX, tests).await.unwrap_or_else(|_| {
        let late = format!("There was no answer within {} seconds", ANSWER_MAX.as_secs());
        value_tests::not_checked(value_tests::keys(group), &late)
    });
    let at = ports.clock.now();
    tested.into_iter().map(|one| (one.key, ValueTest { verdict: one.verdict, sentence: one.sentence, at })).collect()
}
