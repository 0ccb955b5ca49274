//! The keychain as the app uses it. The redactor knows each secret before its first use.

use std::sync::Arc;

use async_trait::async_trait;
use greenlight_engine::{
    ports::{Credential, PortResult, SecretText, Secrets},
    redact::Redactor,
};
use greenlight_types::CredentialKind;

/// A keychain that registers each secret with the redactor before its first use.
pub struct KnownSecrets {
    pub inner: Arc<dyn Secrets>,
    pub redactor: Arc<Redactor>,
}

impl KnownSecrets {
    fn learn(&self, credential: &Credential) {
        let add = |label: &str, secret: &SecretText| self.redactor.add(label, secret.expose());
        match credential {
            Credential::Github { token } => add("GitHub token", token),
            Credential::Aws { secret, session, .. } => {
                add("AWS secret", secret);
                session.iter().for_each(|session| add("AWS session", session));
            }
            Credential::StagingKey { passphrase, .. } => {
                passphrase.iter().for_each(|passphrase| add("passphrase", passphrase));
            }
        }
    }
}

impl KnownSecrets {
    fn told<T>(&self, answer: PortResult<T>) -> PortResult<T> {
        answer.map_err(|failure| self.redactor.failure(failure))
    }
}

#[async_trait]
impl Secrets for KnownSecrets {
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>> {
        let found = self.told(self.inner.get(kind).await)?;
        found.iter().for_each(|credential| self.learn(credential));
        Ok(found)
    }

    async fn set(&self, credential: &Credential) -> PortResult<()> {
        self.learn(credential);
        self.told(self.inner.set(credential).await)
    }

    async fn remove(&self, kind: CredentialKind) -> PortResult<()> {
        self.told(self.inner.remove(kind).await)
    }

    fn place(&self) -> String {
        self.inner.place()
    }
}

#[cfg(test)]
mod tests {
    use greenlight_adapters::keychain::MemorySecrets;

    use super::*;

    #[tokio::test]
    async fn a_saved_secret_is_known_before_its_first_use() {
        let redactor = Arc::new(Redactor::default());
        let secrets = KnownSecrets { inner: Arc::new(MemorySecrets::default()), redactor: Arc::clone(&redactor) };
        let token = SecretText::new("canary-4711-secret");
        secrets.set(&Credential::Github { token }).await.expect("saved");
        assert_eq!(redactor.text("sent canary-4711-secret").as_str(), "sent [GitHub token]");
    }
}
