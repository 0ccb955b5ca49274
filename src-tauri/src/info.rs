//! The facts about the app that every screen shows: version, realm, profile, person, clock.

use greenlight_adapters::home;
use greenlight_engine::profile;
use greenlight_types::{Failure, Profile, ProfileOrigin, Realm, Timestamp, Unconfirmed};
use serde::Serialize;
use specta::Type;

use crate::{
    composition::Composition,
    first_run::{self, FirstRun},
};

/// Facts about the app for every screen.
#[derive(Debug, Serialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct AppInfo {
    /// Version of the app.
    pub version: String,
    pub realm: Realm,
    /// The profile, with the values that were confirmed on this computer.
    pub profile: Profile,
    pub profile_origin: ProfileOrigin,
    /// The person's name, once given.
    pub person: Option<String>,
    /// The page of the first run. Absent when it is finished, or was never needed.
    pub first_run: Option<FirstRun>,
    /// This computer's name.
    pub computer: String,
    /// Product, account and region for the band: "Rally · AWS account 6769 1700 1797 · us-east-1".
    pub band: String,
    /// Whether the profile names endpoints other than the services' own.
    pub custom_endpoints: bool,
    /// Values that a person still has to confirm.
    pub unconfirmed: Vec<Unconfirmed>,
    /// Speed of the clock; 1 in production.
    pub speed: u32,
    /// Current time of that clock.
    pub now: Timestamp,
    /// Path that the profile proposes for the staging machine key.
    pub proposed_key_file: String,
    /// Whether a file has that path.
    pub key_file_found: bool,
}

impl AppInfo {
    pub async fn read(composition: &Composition) -> Result<Self, Failure> {
        let Composition { settings, identity, systems, .. } = composition;
        let profile = settings.profile().await?;
        let account: Vec<String> =
            profile.aws.account.as_bytes().chunks(4).map(|part| String::from_utf8_lossy(part).into_owned()).collect();
        let key_file = home::expand(&profile.host.key_file);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            realm: systems.realm(),
            person: settings.person().await?,
            first_run: first_run::now(composition).await?,
            profile_origin: systems.profile_origin(),
            computer: identity.computer().to_owned(),
            band: format!("{} · AWS account {} · {}", profile.product.name, account.join(" "), profile.aws.region),
            custom_endpoints: systems.realm() == Realm::Production && profile.endpoints.is_some(),
            unconfirmed: profile::unconfirmed(&profile),
            speed: systems.speed(),
            now: systems.clock().now(),
            key_file_found: !profile.host.key_file.is_empty() && key_file.is_file(),
            proposed_key_file: profile.host.key_file.clone(),
            profile,
        })
    }
}
