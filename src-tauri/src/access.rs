//! The Access page: saves, tests and removes credentials. A saved secret is never shown again.

use std::sync::Arc;

use greenlight_adapters::{
    credentials::{self, StagingKey, kind_of},
    home, key_file,
    keychain::Recipients,
};
use greenlight_engine::ports::{Credential, Ports, SecretText, Secrets};
use greenlight_types::{CredentialKind, CredentialTest, CredentialView, ErrorCode, Failure, Profile, Realm};

use crate::{controller::Controller, identity::Identity, recipients, settings::Settings, systems::Systems};

/// Maximum size of a credential, in bytes.
const CREDENTIAL_MAX: usize = 8_192;

/// The credentials on this computer.
pub struct Access {
    pub systems: Arc<Systems>,
    pub settings: Arc<Settings>,
    pub identity: Arc<Identity>,
    pub runs: Arc<Controller>,
}

impl Access {
    pub async fn list(&self) -> Result<Vec<CredentialView>, Failure> {
        let profile = self.settings.profile().await?;
        let secrets = self.systems.secrets(&profile);
        let recipients = recipients::of(&profile);
        let mut views: Vec<CredentialView> = Vec::new();
        for kind in [CredentialKind::Github, CredentialKind::Aws, CredentialKind::StagingKey] {
            // A keychain that did not answer is not asked again for the next one.
            let is_silent =
                |failure: &Failure| matches!(failure.code, ErrorCode::KeychainLocked | ErrorCode::KeychainMissing);
            let found = match views.iter().find_map(|view| view.problem.clone().filter(is_silent)) {
                Some(failure) => Err(failure),
                None => secrets.get(kind).await,
            };
            views.push(self.view(kind, &*secrets, &recipients, found).await?);
        }
        Ok(views)
    }

    async fn view(
        &self,
        kind: CredentialKind,
        secrets: &dyn Secrets,
        recipients: &Recipients,
        found: Result<Option<Credential>, Failure>,
    ) -> Result<CredentialView, Failure> {
        let setting = self.settings.get(&setting_key(kind, recipients)).await?;
        let (credential, problem) = match found {
            Ok(credential) => (credential, None),
            Err(failure) => (None, Some(failure)),
        };
        Ok(CredentialView {
            kind,
            sent_to: self.sent_to(kind, recipients),
            is_saved: credential.is_some(),
            saved_at: setting.as_ref().map(|setting| setting.at),
            saved_by: setting.as_ref().map(|setting| setting.by.clone()),
            shown: credential.as_ref().map(shown).or_else(|| setting.map(|setting| setting.value)).unwrap_or_default(),
            kept_in: match kind {
                CredentialKind::StagingKey => {
                    format!("the file stays where it is; its passphrase: {}", secrets.place())
                }
                CredentialKind::Github | CredentialKind::Aws => secrets.place(),
            },
            used_for: used_for(kind).iter().map(|text| (*text).to_owned()).collect(),
            problem,
        })
    }

    /// The servers that get a credential, in plain words.
    fn sent_to(&self, kind: CredentialKind, recipients: &Recipients) -> String {
        if self.systems.realm() == Realm::Practice {
            return "the pretend production on this computer".to_owned();
        }
        match kind {
            CredentialKind::Github => recipients.github.clone(),
            CredentialKind::Aws => recipients.aws.clone(),
            CredentialKind::StagingKey => "the staging machine that a person confirms at Deploy".to_owned(),
        }
    }

    pub async fn save_github(&self, token: SecretText) -> Result<(), Failure> {
        let token = secret("token", &token)?;
        self.save(Credential::Github { token }).await
    }

    pub async fn save_aws(
        &self,
        key_id: String,
        secret_key: SecretText,
        session: Option<SecretText>,
    ) -> Result<(), Failure> {
        let key_id = one_word("keyId", &key_id)?.to_owned();
        let secret_key = secret("secret", &secret_key)?;
        let session =
            session.filter(|text| !text.expose().trim().is_empty()).map(|text| secret("session", &text)).transpose()?;
        self.save(Credential::Aws { key_id, secret: secret_key, session }).await
    }

    pub async fn save_staging_key(&self, path: String, passphrase: Option<SecretText>) -> Result<(), Failure> {
        let file = home::expand(path.trim());
        if !file.is_absolute() || !file.is_file() {
            return Err(refuse("path", "No file is there. Give the full path, such as ~/.ssh/staging.pem."));
        }
        // Not trimmed: a passphrase may begin or end with spaces.
        let passphrase = passphrase.filter(|text| !text.expose().is_empty());
        let path = file.display().to_string();
        let read = key_file::read(&StagingKey { path: path.clone(), passphrase: passphrase.clone() }).await;
        read.map_err(|failure| refuse_key(&failure))?;
        self.save(Credential::StagingKey { path, passphrase }).await
    }

    async fn save(&self, credential: Credential) -> Result<(), Failure> {
        // A refused credential may be replaced while a step follows its work. Only a changing call
        // without an answer blocks this.
        if self.runs.has_changing_call().await {
            return Err(Failure::new(ErrorCode::NotAllowedNow, "replace the credential in this moment")
                .because("a change is on its way to a service")
                .hint("Save it again in a few seconds."));
        }
        let person = self.settings.named_person().await?;
        let profile = self.settings.profile().await?;
        self.systems.secrets(&profile).set(&credential).await?;
        self.identity.forget_accounts();
        let key = setting_key(kind_of(&credential), &recipients::of(&profile));
        self.settings.set(&key, &shown(&credential), &person).await
    }

    pub async fn remove(&self, kind: CredentialKind) -> Result<(), Failure> {
        self.refuse_while_needed().await?;
        let profile = self.settings.profile().await?;
        self.systems.secrets(&profile).remove(kind).await?;
        self.identity.forget_accounts();
        self.settings.remove(&setting_key(kind, &recipients::of(&profile))).await
    }

    /// Refuses a removal while a changing step runs (docs/releases.md#credentials).
    async fn refuse_while_needed(&self) -> Result<(), Failure> {
        if self.runs.needs_credentials().await {
            return Err(Failure::new(ErrorCode::NotAllowedNow, "remove the credential")
                .because("a step that changes something is under way")
                .hint("Wait until the step has ended, or replace the credential."));
        }
        Ok(())
    }

    /// Tries a credential with calls that only read. `lines` names each call that worked, also
    /// before a failure.
    pub async fn test(&self, kind: CredentialKind) -> CredentialTest {
        let mut lines = Vec::new();
        let result = self.try_out(kind, &mut lines).await;
        CredentialTest { works: result.is_ok(), lines, failure: result.err() }
    }

    async fn try_out(&self, kind: CredentialKind, lines: &mut Vec<String>) -> Result<(), Failure> {
        let profile = self.settings.profile().await?;
        let ports = self.systems.ports(&profile)?;
        match kind {
            CredentialKind::Github => try_github(&ports, &profile, lines).await,
            CredentialKind::Aws => try_aws(&ports, &profile, lines).await,
            CredentialKind::StagingKey => self.try_key(&profile, lines).await,
        }
    }

    async fn try_key(&self, profile: &Profile, lines: &mut Vec<String>) -> Result<(), Failure> {
        let secrets = self.systems.secrets(profile);
        let key = credentials::staging_key(&*secrets, "try the staging machine key").await?;
        let file = key_file::read(&key).await.map_err(|failure| self.systems.redactor().failure(failure))?;
        lines.push(format!("Works: the key can be read ({}).", file.kind));
        if file.is_open {
            lines.push(
                "Other accounts of this computer may read the key file. Give the file to your account only.".to_owned(),
            );
        }
        lines.push("Whether the staging machine accepts it shows at Deploy, when its address is known.".to_owned());
        Ok(())
    }
}

async fn try_github(ports: &Ports, profile: &Profile, lines: &mut Vec<String>) -> Result<(), Failure> {
    let who = ports.builds.whoami().await?;
    lines.push(format!("Works: signed in as {}.", who.login));
    let refs = ports.git.remote_refs().await?;
    lines.push(format!("May read the code: {} branches and tags.", refs.len()));
    if !profile.github.workflow.is_empty() {
        let name = ports.builds.workflow(&profile.github.workflow).await?.ok_or_else(|| {
            Failure::new(ErrorCode::WorkflowMissing, format!("find the workflow {}", profile.github.workflow))
                .with("workflow", profile.github.workflow.clone())
        })?;
        lines.push(format!("May see the build \u{201c}{name}\u{201d}."));
    }
    Ok(())
}

async fn try_aws(ports: &Ports, profile: &Profile, lines: &mut Vec<String>) -> Result<(), Failure> {
    let who = ports.identity.whoami().await?;
    if who.account != profile.aws.account {
        return Err(Failure::new(ErrorCode::WrongAccount, "use this AWS key")
            .because(format!("it belongs to account {}, the profile names {}", who.account, profile.aws.account))
            .with("account", who.account)
            .with("expected", profile.aws.account.clone()));
    }
    lines.push(format!("Works: signed in as {}.", who.arn));
    let missing = |what: String| Failure::new(ErrorCode::AwsMissing, format!("find {what}")).with("name", what);
    let family = &profile.aws.family;
    let newest = ports.task_definitions.describe(family).await?.ok_or_else(|| missing(family.clone()))?;
    lines.push(format!("May read the start-up settings: the newest are {family}:{}.", newest.revision));
    if !profile.aws.service.is_empty() && !profile.aws.cluster.is_empty() {
        let service = ports.services.describe().await?.ok_or_else(|| missing(profile.aws.service.clone()))?;
        lines.push(format!("May see the servers: {} run.", service.running));
    }
    ports.images.tags_may_be_overwritten().await?;
    lines.push("May see the packages.".to_owned());
    let now = ports.clock.now().as_millisecond();
    ports.logs.page(now, None).await?;
    lines.push("May read the production log.".to_owned());
    Ok(())
}

/// The setting with person and time of a saved credential.
fn setting_key(kind: CredentialKind, recipients: &Recipients) -> String {
    match kind {
        CredentialKind::Github => format!("credential.github.{}", recipients.github),
        CredentialKind::Aws => format!("credential.aws.{}", recipients.aws),
        CredentialKind::StagingKey => format!("credential.stagingKey.{}", recipients.staging_key),
    }
}

fn used_for(kind: CredentialKind) -> &'static [&'static str] {
    match kind {
        CredentialKind::Github => &["Read and push the code", "Start the build, follow it, run it again or cancel it"],
        CredentialKind::Aws => &[
            "Save the start-up settings of the new version",
            "See servers, packages and the production log",
            "Let AWS wait longer, start a new deployment, stop the rollout or roll back, where you choose it",
        ],
        CredentialKind::StagingKey => &["Back up the production database", "Migrate the production database"],
    }
}

/// The part of a credential that is shown.
fn shown(credential: &Credential) -> String {
    match credential {
        Credential::Github { token } => ends_in(token.expose()),
        Credential::Aws { key_id, session: None, .. } => key_id.clone(),
        Credential::Aws { key_id, session: Some(_), .. } => format!("{key_id}, temporary"),
        Credential::StagingKey { path, .. } => path.clone(),
    }
}

/// The last four characters of a secret of at least 16 characters.
fn ends_in(secret: &str) -> String {
    let count = secret.chars().count();
    if count < 16 {
        "saved".to_owned()
    } else {
        format!("ends in {}", secret.chars().skip(count - 4).collect::<String>())
    }
}

fn secret(field: &str, text: &SecretText) -> Result<SecretText, Failure> {
    one_word(field, text.expose()).map(SecretText::new)
}

fn one_word<'a>(field: &str, text: &'a str) -> Result<&'a str, Failure> {
    let text = text.trim();
    if text.is_empty() || text.len() > CREDENTIAL_MAX || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refuse(field, "Paste it as one word, without spaces or line breaks."));
    }
    Ok(text)
}

/// The refusal of a key file, at the field that mends it.
fn refuse_key(failure: &Failure) -> Failure {
    let problem = failure.params.get("problem").map_or("it cannot be read", String::as_str);
    let field = if problem.contains("passphrase") { "passphrase" } else { "path" };
    let hints = failure.hints.iter().filter(|hint| !hint.starts_with("Open Access"));
    hints.fold(refuse(field, &format!("The file cannot be used: {problem}.")), Failure::hint)
}

fn refuse(field: &str, problem: &str) -> Failure {
    Failure::new(ErrorCode::BadInput, "save the credential").with("field", field).with("problem", problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_at_most_four_characters_of_a_secret() {
        assert_eq!(ends_in("ghp_0123456789abcdef"), "ends in cdef");
        assert_eq!(ends_in("hunter2"), "saved");
        let aws = Credential::Aws {
            key_id: "AKIA1".to_owned(),
            secret: SecretText::new("do-not-show"),
            session: Some(SecretText::new("nor-this")),
        };
        assert_eq!(shown(&aws), "AKIA1, temporary");
    }

    #[test]
    fn trims_a_pasted_secret_and_refuses_two_words() {
        assert_eq!(one_word("token", " abc\n").expect("a word"), "abc");
        assert_eq!(one_word("token", "a b").expect_err("two words").params["field"], "token");
    }
}
