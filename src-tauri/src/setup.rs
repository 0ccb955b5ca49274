//! The values of the Setup page: who confirmed each, its proposals, and its last test.

use greenlight_adapters::profile_file;
use greenlight_engine::{ports::HostAddress, profile, setup};
use greenlight_types::{Candidates, Confirmation, Failure, Profile, SetupGroup, SetupValue, TestVerdict, ValueTest};
use serde::{Deserialize, Serialize};

use crate::{confirmed_values::ConfirmedValue, host_keys, settings::Settings, systems::Systems};

/// Prefix of the keys of tests.
const TESTED: &str = "tested.";

/// A test as it is kept. It counts while everything that it depended on is the same.
#[derive(Serialize, Deserialize)]
struct KeptTest {
    /// Hash of the values that the test depended on ([`basis`]).
    basis: String,
    verdict: TestVerdict,
    sentence: String,
}

/// The values of the page, each with its confirmation and its last test.
pub async fn values(settings: &Settings) -> Result<Vec<SetupValue>, Failure> {
    let profile = settings.profile().await?;
    let mut values = profile::setup_values(&profile);
    values.iter_mut().for_each(|value| value.has_test = setup::has_test(value));
    let mut accepted = profile.clone();
    for ConfirmedValue { key, setting } in settings.confirmed_values().await? {
        // A newer profile may not accept the value; then it does not count.
        let counts = profile::set_value(&mut accepted, &key, &setting.value).is_ok();
        if let Some(value) = values.iter_mut().find(|value| counts && value.key == key) {
            value.confirmed = Some(Confirmation { by: setting.by, at: setting.at });
        }
    }
    for setting in settings.all(TESTED).await? {
        let key = setting.key.trim_start_matches(TESTED);
        // A test of another version of the app may have another form; then it does not count.
        let Ok(kept) = serde_json::from_str::<KeptTest>(&setting.value) else { continue };
        let Some(at) = values.iter().position(|value| value.key == key) else { continue };
        if kept.basis == basis(&profile, values[at].group, &values) {
            values[at].test = Some(ValueTest { verdict: kept.verdict, sentence: kept.sentence, at: setting.at });
        }
    }
    Ok(values)
}

/// Hash of the values that the tests of a group depend on: those of the group, the systems that
/// only a file names, and for the database also the staging machine.
fn basis(profile: &Profile, group: SetupGroup, values: &[SetupValue]) -> String {
    let is_on_machine = [SetupGroup::Machine, SetupGroup::Database].contains(&group);
    let counts = |value: &&SetupValue| {
        value.group == group || !value.is_editable || is_on_machine && value.group == SetupGroup::Machine
    };
    let known: Vec<(&str, &str)> =
        values.iter().filter(counts).map(|value| (value.key.as_str(), value.value.as_str())).collect();
    let fixed = (&profile.product, &profile.endpoints, profile.host.port);
    profile_file::sha256(serde_json::to_string(&(fixed, known)).unwrap_or_default().as_bytes())
}

/// The values that outside systems propose for a field.
pub async fn candidates(settings: &Settings, systems: &Systems, key: &str) -> Result<Candidates, Failure> {
    let profile = settings.profile().await?;
    let machine = machine(settings, &profile).await?;
    setup::candidates(&systems.ports(&profile)?, &profile, machine.as_ref(), key).await
}

/// Tests the values of a group, keeps the results, and returns all values.
pub async fn test(settings: &Settings, systems: &Systems, group: SetupGroup) -> Result<Vec<SetupValue>, Failure> {
    let person = settings.named_person().await?;
    let profile = settings.profile().await?;
    let machine = machine(settings, &profile).await?;
    let tested = setup::test_values(&systems.ports(&profile)?, &profile, machine.as_ref(), group).await;
    let values = profile::setup_values(&profile);
    // A value that was not tested this time has no result from an earlier time.
    for value in values.iter().filter(|value| value.group == group) {
        settings.remove(&format!("{TESTED}{}", value.key)).await?;
    }
    let basis = basis(&profile, group, &values);
    for (key, test) in tested {
        let kept = KeptTest { basis: basis.clone(), verdict: test.verdict, sentence: test.sentence };
        let text = serde_json::to_string(&kept).unwrap_or_default();
        settings.set(&format!("{TESTED}{key}"), &text, &person).await?;
    }
    self::values(settings).await
}

/// The staging machine of the profile. `None` while its fingerprint is not known: nothing is sent
/// to such a machine.
async fn machine(settings: &Settings, profile: &Profile) -> Result<Option<HostAddress>, Failure> {
    let host = &profile.host;
    let fingerprint = if host.fingerprint.is_empty() {
        host_keys::known(settings, &host.address, host.port).await?.map(|known| known.fingerprint)
    } else {
        Some(host.fingerprint.clone())
    };
    Ok(fingerprint.filter(|_| !host.address.is_empty()).map(|fingerprint| HostAddress {
        address: host.address.clone(),
        port: host.port,
        user: host.user.clone(),
        fingerprint,
        machine_id: String::new(),
    }))
}

#[cfg(test)]
mod tests {
    use greenlight_engine::profile::{BUILT_IN, BUILT_IN_NAME, parse};

    use super::*;

    #[test]
    fn a_test_counts_only_for_the_systems_it_was_made_with() {
        use SetupGroup::{Aws, Code, Database, Machine, Site};
        let rally = parse(BUILT_IN_NAME, BUILT_IN).expect("a profile");
        let of = |profile: &Profile, group| basis(profile, group, &profile::setup_values(profile));
        let differs = |change: fn(&mut Profile)| {
            let mut other = rally.clone();
            change(&mut other);
            SetupGroup::ALL.into_iter().filter(|group| of(&rally, *group) != of(&other, *group)).collect::<Vec<_>>()
        };
        assert_eq!(differs(|_| {}), []);
        assert_eq!(differs(|profile| profile.git.main = "main".into()), [Code]);
        assert_eq!(differs(|profile| profile.host.address = "10.0.0.1".into()), [Machine, Database]);
        assert_eq!(differs(|profile| profile.host.port = 2222), SetupGroup::ALL);
        assert_eq!(differs(|profile| profile.aws.account = "111122223333".into()), SetupGroup::ALL);
        assert_eq!(differs(|profile| profile.product.environment = "test".into()), SetupGroup::ALL);
        assert_eq!(differs(|profile| profile.aws.cluster = "c".into()), [Aws]);
        assert_eq!(differs(|profile| profile.site.url = "https://x.org".into()), [Site]);
    }
}
