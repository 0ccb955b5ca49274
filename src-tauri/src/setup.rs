//! The values of the Setup page: who confirmed each, its proposals, and its last test.

use greenlight_engine::{ports::HostAddress, profile, setup};
use greenlight_types::{Candidates, Confirmation, Failure, Profile, SetupGroup, SetupValue, TestVerdict, ValueTest};
use serde::{Deserialize, Serialize};

use crate::{
    host_keys,
    settings::{PROFILE, Settings},
    systems::Systems,
};

/// Prefix of the keys of tests.
const TESTED: &str = "tested.";

/// A test as it is kept. It counts while the value is the same.
#[derive(Serialize, Deserialize)]
struct KeptTest {
    value: String,
    verdict: TestVerdict,
    sentence: String,
}

/// The values of the page, each with its confirmation and its last test.
pub async fn values(settings: &Settings) -> Result<Vec<SetupValue>, Failure> {
    let profile = settings.profile().await?;
    let mut values = profile::setup_values(&profile);
    values.iter_mut().for_each(|value| value.has_test = setup::has_test(value));
    let mut accepted = profile;
    for setting in settings.all(PROFILE).await? {
        let key = setting.key.trim_start_matches(PROFILE);
        // A newer profile may not accept the value; then it does not count.
        let counts = profile::set_value(&mut accepted, key, &setting.value).is_ok();
        if let Some(value) = values.iter_mut().find(|value| counts && value.key == key) {
            value.confirmed = Some(Confirmation { by: setting.by, at: setting.at });
        }
    }
    for setting in settings.all(TESTED).await? {
        let key = setting.key.trim_start_matches(TESTED);
        // A test of another version of the app may have another form; then it does not count.
        let Ok(kept) = serde_json::from_str::<KeptTest>(&setting.value) else { continue };
        if let Some(value) = values.iter_mut().find(|value| value.key == key && value.value == kept.value) {
            value.test = Some(ValueTest { verdict: kept.verdict, sentence: kept.sentence, at: setting.at });
        }
    }
    Ok(values)
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
    for (key, test) in tested {
        let Some(value) = values.iter().find(|value| value.key == key) else { continue };
        let kept = KeptTest { value: value.value.clone(), verdict: test.verdict, sentence: test.sentence };
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
