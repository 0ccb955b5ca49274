//! The tests of the values of a profile, one file a group. They only read.

mod aws;
mod code;
mod database;
mod machine;
mod site;
mod tested;

use greenlight_types::{Profile, SetupGroup};

use crate::ports::{HostAddress, Ports};

pub(super) use tested::{Tested, not_checked};

/// The values of a group that have a test.
pub(super) fn keys(group: SetupGroup) -> &'static [&'static str] {
    match group {
        SetupGroup::Code => &code::KEYS,
        SetupGroup::Aws => &aws::KEYS,
        SetupGroup::Machine => &machine::KEYS,
        SetupGroup::Database => &database::KEYS,
        SetupGroup::Site => &site::KEYS,
        SetupGroup::People => &[],
    }
}

pub(super) async fn of_group(
    ports: &Ports,
    profile: &Profile,
    machine: Option<&HostAddress>,
    group: SetupGroup,
) -> Vec<Tested> {
    match group {
        SetupGroup::Code => code::test(ports, profile).await,
        SetupGroup::Aws => aws::test(ports, profile).await,
        SetupGroup::Machine => machine::test(ports, profile, machine).await,
        SetupGroup::Database => database::test(ports, profile, machine).await,
        SetupGroup::Site => site::test(ports, profile).await,
        SetupGroup::People => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::draft;

    #[test]
    fn every_tested_value_is_a_value_of_its_group() {
        let values = crate::profile::setup_values(&draft().profile);
        for group in SetupGroup::ALL {
            for key in keys(group) {
                assert!(values.iter().any(|value| value.key == *key && value.group == group), "{key}");
            }
        }
    }
}
