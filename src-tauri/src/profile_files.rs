//! Profile files in the window: shows the difference to a file, uses it, and gives the profile to a
//! colleague. Works also while the chosen profile cannot be read and nothing is composed.

use std::{path::PathBuf, sync::Arc};

use greenlight_adapters::{
    clock::SystemClock,
    data_lock::DataLock,
    home,
    journal_sqlite::{Setting, SqliteJournal},
    new_file,
    profile_file::{self, ProfileText},
};
use greenlight_engine::{fold, journal::Journal as _, ports::Clock, profile};
use greenlight_types::{
    Confirmation, CredentialKind, ErrorCode, Failure, Profile, ProfileFile, ProfileOrigin, Realm, RunState, RunView,
};
use tauri::Url;

use crate::{
    chosen_profile::{self, AcceptedCopy, Choice, PlaceProfile},
    composition::Composition,
    confirmed_values::{self, ConfirmedValue},
    identity::Identity,
    places::Place,
    recipients,
    systems::Systems,
};

/// Name of the copy of the profile before, with its confirmed values.
const BEFORE: &str = "profile-before.toml";
/// The person of a change that is made before anyone gave a name.
const UNNAMED: &str = "a person at this computer";

/// The parts that a change of the profile needs.
pub struct ProfileFiles<'a> {
    place: &'a Place,
    journal: Arc<SqliteJournal>,
    /// The profile that counts now, with the confirmed values. `None` while it cannot be read.
    present: Option<Profile>,
    person: String,
    clock: Arc<dyn Clock>,
    /// The parts that get another profile. `None` while nothing is composed.
    composed: Option<(Arc<Systems>, Arc<Identity>)>,
    _lock: Option<DataLock>,
}

/// A profile file that was read, and the profile that it would give.
struct Proposal {
    path: PathBuf,
    kept: ProfileText,
    /// The profile of the file alone.
    of_file: Profile,
    /// The same with the confirmed values that stay.
    effective: Profile,
    /// Keys of the settings of confirmed values for which the file has its own.
    replaced: Vec<String>,
}

impl<'a> ProfileFiles<'a> {
    /// For a place that is composed.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub async fn of(place: &'a Place, composition: &Composition) -> Result<Self, Failure> {
        let Composition { journal, settings, systems, identity, .. } = composition;
        Ok(Self {
            place,
            journal: Arc::clone(journal),
            present: Some(settings.profile().await?),
            person: settings.person().await?.unwrap_or_else(|| UNNAMED.to_owned()),
            clock: systems.clock(),
            composed: Some((Arc::clone(systems), Arc::clone(identity))),
            _lock: None,
        })
    }

    /// For a place whose chosen profile cannot be read.
    ///
    /// # Errors
    /// Another process has the data folder, or the journal cannot be read.
    pub async fn alone(place: &'a Place, computer: &str) -> Result<Self, Failure> {
        let lock = DataLock::take(&place.folder, computer)?;
        let journal = SqliteJournal::open(&place.folder.join("journal.sqlite")).await?;
        let person = journal.setting("person").await?;
        Ok(Self {
            place,
            journal: Arc::new(journal),
            present: None,
            person: person.map_or_else(|| UNNAMED.to_owned(), |setting| setting.value),
            clock: Arc::new(SystemClock),
            composed: None,
            _lock: Some(lock),
        })
    }

    /// Reads a file and compares it with the present profile.
    ///
    /// # Errors
    /// `BadProfile` with file, line, problem and expected value. `BadInput` in practice, or while a
    /// release of another product is open.
    pub async fn read(&self, path: &str) -> Result<ProfileFile, Failure> {
        let Proposal { path, kept, effective, .. } = self.propose(path).await?;
        let present = self.present.as_ref();
        let same = |present: &Profile| is_same_product(present, &effective);
        Ok(ProfileFile {
            path: path.display().to_string(),
            hash: kept.sha256,
            product: effective.product.name.clone(),
            environment_name: effective.product.environment_name.clone(),
            servers: servers(&effective),
            account: effective.aws.account.clone(),
            region: effective.aws.region.clone(),
            is_same_product: present.is_some_and(same),
            differences: present.map(|now| profile::difference(now, &effective)).unwrap_or_default(),
            sign_in_anew: present.map(|now| sign_in_anew(now, &effective)).unwrap_or_default(),
        })
    }

    /// Uses a file from now on. `hash` is that of the text whose difference was shown.
    ///
    /// # Errors
    /// Those of [`Self::read`], and `BadInput` when the file was changed meanwhile or the copy
    /// cannot be written. The profile of the place is then as before. Confirmed values for which
    /// the file has its own may be gone already; they are asked again.
    pub async fn use_file(&self, path: &str, hash: &str) -> Result<(), Failure> {
        let proposal = self.propose(path).await?;
        if proposal.kept.sha256 != hash {
            return Err(refuse("The file was changed after it was shown.").hint("Read it again."));
        }
        let copy = chosen_profile::path_in(&self.place.folder);
        let prepared = profile_file::prepare(&copy, &proposal.kept.text).map_err(|error| cannot_keep(&error))?;
        self.keep_before()?;
        let name = proposal.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let chosen = self.copy(&proposal.kept.sha256, &name);
        let mut accepted = self.accepted().await?;
        accepted.retain(|one| one.hash != chosen.hash);
        accepted.push(chosen.clone());
        self.set_choice(accepted).await?;
        // Before the copy has its name: after a crash a value is asked again. It never counts for a
        // file that it does not belong to.
        self.forget(&proposal.replaced).await?;
        prepared.put().map_err(|error| cannot_keep(&error))?;
        // The copy counts from here on, whether or not the hash before it is taken out.
        let confirmed = chosen.confirmed.clone();
        if let Err(failure) = self.set_choice(vec![chosen]).await {
            tracing::warn!(%failure, "the copy of the profile before is still accepted");
        }
        let origin = ProfileOrigin::Chosen { file: name, confirmed };
        self.show(PlaceProfile { profile: proposal.of_file, origin });
        Ok(())
    }

    /// Uses the built-in profile from now on.
    ///
    /// # Errors
    /// `BadInput` while a release of another product is open, or when the copy cannot be removed.
    pub async fn use_built_in(&self) -> Result<(), Failure> {
        self.refuse_fixed()?;
        let built_in = chosen_profile::built_in()?;
        self.refuse_other_product(&built_in.profile).await?;
        self.keep_before()?;
        let mut accepted = self.accepted().await?;
        accepted.push(self.copy(chosen_profile::BUILT_IN, chosen_profile::BUILT_IN));
        self.set_choice(accepted).await?;
        profile_file::remove(&chosen_profile::path_in(&self.place.folder)).map_err(|error| cannot_keep(&error))?;
        self.journal.remove_setting(chosen_profile::SETTING).await?;
        self.show(built_in);
        Ok(())
    }

    /// Writes the profile with its confirmed values to a new file. Returns its full path.
    ///
    /// # Errors
    /// `BadInput` when the path is not absolute, does not end in `.toml`, or exists.
    pub fn export(&self, path: &str) -> Result<String, Failure> {
        self.refuse_practice()?;
        let path = home::expand(path.trim());
        if !path.is_absolute() || path.extension().is_none_or(|end| end != "toml") {
            return Err(refuse("A full path is needed, such as ~/Documents/rally-prod.toml."));
        }
        let Some(present) = &self.present else { return Err(refuse("There is no profile to give away.")) };
        new_file::write(&path, &profile::to_toml(present), "write the profile file")?;
        Ok(path.display().to_string())
    }

    async fn propose(&self, path: &str) -> Result<Proposal, Failure> {
        self.refuse_fixed()?;
        let path = home::expand(path.trim());
        if !path.is_absolute() {
            return Err(refuse("A full path is needed, such as ~/Downloads/rally-prod.toml."));
        }
        let kept = profile_file::read(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of_file = profile::parse(&name, &kept.text)?;
        self.refuse_other_product(&of_file).await?;
        let confirmed = confirmed_values::of(&self.journal, &of_file.product).await?;
        let (effective, replaced) = with_confirmed(&of_file, confirmed);
        Ok(Proposal { path, kept, of_file, effective, replaced })
    }

    /// The profile of practice names the pretend production, and never changes.
    fn refuse_practice(&self) -> Result<(), Failure> {
        match self.place.realm {
            Realm::Production => Ok(()),
            Realm::Practice => Err(refuse("Practice always has the built-in product.").hint("Open Production first.")),
        }
    }

    /// The profile of the command line counts before a chosen one.
    fn refuse_fixed(&self) -> Result<(), Failure> {
        self.refuse_practice()?;
        if self.place.profile.is_some() {
            return Err(refuse("This window was started with --profile, which counts first.")
                .hint("Start Greenlight without --profile, and choose the file there."));
        }
        Ok(())
    }

    async fn refuse_other_product(&self, new: &Profile) -> Result<(), Failure> {
        let journal = &self.journal;
        for run in journal.runs().await? {
            // A run that this version cannot read does not go on here.
            let Ok(view) = fold::fold(&journal.events(&run, 0).await.unwrap_or_default()) else { continue };
            if is_open_run_of_other_product(&view, new) {
                let product = &view.profile.product;
                let name = format!("{} {} ({})", product.name, view.version, product.environment_name);
                let other = format!("{} ({})", new.product.name, new.product.environment_name);
                return Err(refuse(&format!("{name} is not finished, and this would change the product to {other}."))
                    .hint(format!("Finish or end {name} first.")));
            }
        }
        Ok(())
    }

    /// The copies that may be there now.
    async fn accepted(&self) -> Result<Vec<AcceptedCopy>, Failure> {
        let before = self.journal.setting(chosen_profile::SETTING).await?;
        // An entry that cannot be read accepts no copy.
        Ok(match before {
            Some(setting) => Choice::of(&setting).map(|choice| choice.accepted).unwrap_or_default(),
            None => vec![self.copy(chosen_profile::BUILT_IN, chosen_profile::BUILT_IN)],
        })
    }

    /// The choice of this person, now.
    fn copy(&self, hash: &str, file: &str) -> AcceptedCopy {
        let confirmed = Confirmation { by: self.person.clone(), at: self.clock.now() };
        AcceptedCopy { hash: hash.to_owned(), file: file.to_owned(), confirmed }
    }

    async fn set_choice(&self, accepted: Vec<AcceptedCopy>) -> Result<(), Failure> {
        let value = serde_json::to_string(&Choice { accepted })
            .map_err(|error| Failure::new(ErrorCode::Internal, "keep the profile").because(error))?;
        let (key, at, by) = (chosen_profile::SETTING.to_owned(), self.clock.now(), self.person.clone());
        self.journal.set_setting(&Setting { key, value, at, by }).await
    }

    async fn forget(&self, keys: &[String]) -> Result<(), Failure> {
        for key in keys {
            self.journal.remove_setting(key).await?;
        }
        Ok(())
    }

    fn keep_before(&self) -> Result<(), Failure> {
        let Some(present) = &self.present else { return Ok(()) };
        let path = self.place.folder.join(BEFORE);
        let kept = profile_file::prepare(&path, &profile::to_toml(present)).and_then(profile_file::Prepared::put);
        kept.map_err(|error| cannot_keep(&error))
    }

    fn show(&self, profile: PlaceProfile) {
        if let Some((systems, identity)) = &self.composed {
            systems.set_profile(profile);
            identity.forget_accounts();
        }
    }
}

fn is_same_product(one: &Profile, other: &Profile) -> bool {
    one.product.id == other.product.id && one.product.environment == other.product.environment
}

fn is_open_run_of_other_product(view: &RunView, new: &Profile) -> bool {
    view.state != RunState::Ended && !is_same_product(&view.profile, new)
}

/// The profile with the confirmed values where the file is empty, and the keys of the settings that
/// do not count then.
fn with_confirmed(of_file: &Profile, confirmed: Vec<ConfirmedValue>) -> (Profile, Vec<String>) {
    let has_own: Vec<String> =
        profile::setup_values(of_file).into_iter().filter(|one| !one.value.is_empty()).map(|one| one.key).collect();
    let mut effective = of_file.clone();
    let mut replaced = Vec::new();
    for ConfirmedValue { key, setting } in confirmed {
        if has_own.contains(&key) || profile::set_value(&mut effective, &key, &setting.value).is_err() {
            replaced.push(setting.key);
        }
    }
    (effective, replaced)
}

/// Hosts of the servers that a profile names, each once, and the staging machine.
fn servers(profile: &Profile) -> Vec<String> {
    let custom = profile.endpoints.as_ref();
    let addresses = [
        Some(profile.git.url.as_str()),
        custom.and_then(|custom| custom.github.as_deref()),
        custom.and_then(|custom| custom.aws.as_deref()),
        Some(profile.site.url.as_str()),
        Some(profile.site.version_url.as_str()),
    ];
    let hosts =
        addresses.into_iter().flatten().filter_map(|address| Url::parse(address).ok()?.host_str().map(str::to_owned));
    let machine = Some(profile.host.address.clone()).filter(|address| !address.is_empty());
    let mut servers: Vec<String> = Vec::new();
    for server in hosts.chain(machine) {
        if !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

/// Credentials that belong to other servers, or to another product, after the change.
fn sign_in_anew(present: &Profile, new: &Profile) -> Vec<CredentialKind> {
    let (now, then) = (recipients::of(present), recipients::of(new));
    [
        (CredentialKind::Github, now.github != then.github),
        (CredentialKind::Aws, now.aws != then.aws),
        (CredentialKind::StagingKey, now.staging_key != then.staging_key),
    ]
    .into_iter()
    .filter_map(|(kind, differs)| differs.then_some(kind))
    .collect()
}

fn refuse(problem: &str) -> Failure {
    Failure::new(ErrorCode::BadInput, "use a profile file")
        .because(problem)
        .with("field", "path")
        .with("problem", problem)
}

fn cannot_keep(error: &std::io::Error) -> Failure {
    refuse(&format!("The file could not be kept on this computer: {error}."))
        .hint("Check the space on the disk and the rights of the data folder, then try again.")
}

#[cfg(test)]
mod tests;
