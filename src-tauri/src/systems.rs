//! The outside systems that the releases of a place act on: the real ones, or the pretend
//! production.
//!
//! Makes the adapters from a profile. An adapter never sees a profile.

mod practice;
mod practice_guards;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use greenlight_adapters::{
    aws::AwsAccess,
    catalog::SystemCatalog,
    clock::SystemClock,
    ecr::EcrImages,
    ecs::{EcsServices, task_definitions::EcsTaskDefinitions},
    git::GitAdapter,
    github::{self, GithubAdapter},
    keychain::Keychain,
    logs::CloudWatchLogs,
    site::SiteAdapter,
    ssh::SshHost,
    sts::StsIdentity,
};
use greenlight_engine::{
    ports::{Clock, Ports, RawPorts, RemoteHost, Secrets, Site},
    redact::Redactor,
};
use greenlight_rehearsal::{
    process::troubles::{Switch, Told},
    scenario::{self, Planned},
};
use greenlight_types::{ErrorCode, Failure, PracticeView, Profile, ProfileOrigin, Realm, Spell, Trouble};
use parking_lot::RwLock;

pub use practice::serve as serve_rehearsal;

use crate::{chosen_profile::PlaceProfile, guard::KnownSecrets, places::Place, recipients};
use practice::Practice;
use practice_guards::{PracticeHostGuard, PracticeSiteGuard};

/// Clock speeds that the panel of a practice offers.
const SPEEDS: [u32; 3] = [1, 10, 60];

/// Where the credentials are kept.
enum CredentialStore {
    /// Production. Each profile has entries of its own.
    Keychain(Keychain),
    /// Practice: they open the pretend production only.
    Memory(Arc<dyn Secrets>),
}

/// The outside systems of one realm.
pub struct Systems {
    /// Changed only when a person uses another profile file. An open run has its own.
    chosen: RwLock<PlaceProfile>,
    clock: Arc<dyn Clock>,
    store: CredentialStore,
    redactor: Arc<Redactor>,
    /// Data folder, which has the clone of the repository.
    folder: PathBuf,
    practice: Option<Practice>,
}

impl Systems {
    /// In practice, attaches to the pretend production, or starts it.
    pub async fn new(place: &Place, chosen: PlaceProfile, redactor: &Arc<Redactor>) -> Result<Self, Failure> {
        let folder = place.folder.clone();
        let redactor = Arc::clone(redactor);
        match place.realm {
            Realm::Production => {
                let store = CredentialStore::Keychain(Keychain::new());
                let chosen = RwLock::new(chosen);
                Ok(Self { chosen, clock: Arc::new(SystemClock), store, redactor, folder, practice: None })
            }
            Realm::Practice => {
                let scenario = place.scenario.as_deref().map(read_scenario).transpose()?;
                let practice = Practice::attach(&folder.join("world"), place.speed).await?;
                for planned in scenario.unwrap_or_default() {
                    let Planned { trouble, after_ms } = planned;
                    practice.switch(&Switch { trouble, on: true, after_ms, only_first: true }).await?;
                }
                let profile = practice.profile(&chosen.profile);
                let chosen = RwLock::new(PlaceProfile { profile, ..chosen });
                let store = CredentialStore::Memory(practice.secrets().await?);
                Ok(Self { chosen, clock: practice.clock(), store, redactor, folder, practice: Some(practice) })
            }
        }
    }

    pub fn realm(&self) -> Realm {
        if self.practice.is_some() { Realm::Practice } else { Realm::Production }
    }

    /// The profile as it was read, without the values that a person confirmed.
    pub fn profile(&self) -> Profile {
        self.chosen.read().profile.clone()
    }

    /// Where that profile comes from.
    pub fn profile_origin(&self) -> ProfileOrigin {
        self.chosen.read().origin.clone()
    }

    /// Uses another profile for later releases.
    pub fn set_profile(&self, chosen: PlaceProfile) {
        *self.chosen.write() = chosen;
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The credentials for the servers that a profile names.
    pub fn secrets(&self, profile: &Profile) -> Arc<dyn Secrets> {
        let inner: Arc<dyn Secrets> = match &self.store {
            CredentialStore::Keychain(keychain) => Arc::new(keychain.entries(recipients::of(profile))),
            CredentialStore::Memory(secrets) => Arc::clone(secrets),
        };
        Arc::new(KnownSecrets { inner, redactor: Arc::clone(&self.redactor) })
    }

    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// Data folder of the place.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn speed(&self) -> u32 {
        self.practice.as_ref().map_or(1, Practice::speed)
    }

    pub async fn set_speed(&self, speed: u32) -> Result<(), Failure> {
        let refuse = |why: &str| Failure::new(ErrorCode::NotAllowedNow, "set the speed").because(why);
        let practice = self.practice.as_ref().ok_or_else(|| refuse("production runs in real time"))?;
        if !(1..=crate::args::SPEED_MAX).contains(&speed) {
            return Err(refuse("a speed from 1 to 600 is needed"));
        }
        practice.set_speed(speed).await
    }

    /// The clock speed and the state of every trouble.
    pub async fn practice_view(&self) -> Result<PracticeView, Failure> {
        let practice = self.practice_only("read what can go wrong")?;
        Ok(practice_view(practice, practice.troubles().await?))
    }

    /// Switches a trouble on or off.
    pub async fn switch_trouble(&self, trouble: Trouble, on: bool) -> Result<PracticeView, Failure> {
        let practice = self.practice_only("make something go wrong")?;
        let wanted = Switch { trouble, on, after_ms: None, only_first: false };
        Ok(practice_view(practice, practice.switch(&wanted).await?))
    }

    /// Every occurrence of a trouble, as the pretend production recorded it.
    pub async fn spells(&self) -> Result<Vec<Spell>, Failure> {
        Ok(self.practice_only("tell what went wrong")?.troubles().await?.spells)
    }

    fn practice_only(&self, summary: &str) -> Result<&Practice, Failure> {
        self.practice
            .as_ref()
            .ok_or_else(|| Failure::new(ErrorCode::NotAllowedNow, summary).because("this is production, not practice"))
    }

    /// The adapters for a profile, with their texts cleaned. Practice takes every address from the
    /// simulator and none from a profile, a journal or a person, so it cannot reach a real system.
    pub fn ports(&self, profile: &Profile) -> Result<Ports, Failure> {
        let (host, site): (Arc<dyn RemoteHost>, Arc<dyn Site>) =
            (Arc::new(SshHost::new(self.secrets(profile))), Arc::new(SiteAdapter::new()?));
        let Some(practice) = &self.practice else {
            let custom = profile.endpoints.as_ref();
            let endpoints = Endpoints {
                git_url: &profile.git.url,
                repository: &profile.github.repository,
                github: custom.and_then(|custom| custom.github.as_deref()).unwrap_or(github::GITHUB),
                aws: custom.and_then(|custom| custom.aws.as_deref()),
            };
            return self.adapters(profile, &endpoints, host, site);
        };
        let served = practice.endpoints();
        let endpoints = Endpoints {
            git_url: &served.git_url,
            repository: &served.repository,
            github: &served.github,
            aws: Some(&served.aws),
        };
        let host = Arc::new(PracticeHostGuard { inner: host, port: served.ssh });
        let site = Arc::new(PracticeSiteGuard { inner: site, origin: served.site.clone() });
        self.adapters(profile, &endpoints, host, site)
    }

    fn adapters(
        &self,
        profile: &Profile,
        endpoints: &Endpoints<'_>,
        host: Arc<dyn RemoteHost>,
        site: Arc<dyn Site>,
    ) -> Result<Ports, Failure> {
        let saved = self.secrets(profile);
        let secrets = || Arc::clone(&saved);
        let aws = AwsAccess::new(&profile.aws.region, endpoints.aws, secrets())?;
        let clone = self.folder.join("clone").join(format!("{}.git", profile.product.id));
        let names = &profile.aws;
        let github = Arc::new(GithubAdapter::new(endpoints.github, endpoints.repository, secrets())?);
        let services = Arc::new(EcsServices::new(aws.clone(), &names.cluster, &names.service, &names.container));
        let images = Arc::new(EcrImages::new(aws.clone(), &names.account, &names.image_repository));
        let ports = RawPorts {
            git: Arc::new(GitAdapter::new(endpoints.git_url, clone, secrets())?),
            builds: github.clone(),
            pull_requests: github.clone(),
            task_definitions: Arc::new(EcsTaskDefinitions::new(aws.clone())),
            services: services.clone(),
            images: images.clone(),
            logs: Arc::new(CloudWatchLogs::new(aws.clone(), &names.log_group)),
            identity: Arc::new(StsIdentity::new(aws)),
            catalog: Arc::new(SystemCatalog::new(github, services, images)),
            host,
            site,
            clock: self.clock(),
        };
        Ok(ports.cleaned(&self.redactor))
    }
}

/// Addresses that the adapters call.
struct Endpoints<'a> {
    git_url: &'a str,
    repository: &'a str,
    github: &'a str,
    /// `None` for the endpoints of AWS.
    aws: Option<&'a str>,
}

fn practice_view(practice: &Practice, told: Told) -> PracticeView {
    PracticeView { speed: practice.speed(), speeds: SPEEDS.to_vec(), troubles: told.troubles }
}

/// Reads a scenario file: the troubles of a practice.
///
/// # Errors
/// `BadInput` with the line that is refused.
pub fn read_scenario(file: &Path) -> Result<Vec<Planned>, Failure> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| {
        let failure = Failure::new(ErrorCode::BadInput, format!("read {name}")).because_of(&error);
        failure.with("field", "scenario").with("problem", format!("{name}: {error}"))
    })?;
    Ok(scenario::parse(&name, &text)?)
}
