//! Credentials in the keychain of this computer (`keyring`), and in memory for practice.
//!
//! A locked or missing keychain can block its caller. All calls run on one thread with a deadline,
//! and a blocked call is reported as a locked keychain. Secrets never fall back to a file.

use std::{collections::BTreeMap, sync::mpsc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{Credential, PortResult, SecretText, Secrets};
use greenlight_types::{CredentialKind, ErrorCode, Failure};
use keyring::v1::{Entry, Error};
use parking_lot::Mutex;
use secrecy::zeroize::{Zeroize as _, Zeroizing};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::credentials::kind_of;

/// Maximum wait for the keychain, which may ask the person for a password. A person who unlocks it
/// later is served at the next call.
const DEADLINE: Duration = Duration::from_secs(10);
/// Most questions that wait for their turn. The readiness checks ask about sixty at once. A
/// keychain that blocks gets no more, so they have a limit.
const QUESTIONS_MAX: usize = 128;
/// Service name of every entry.
const SERVICE: &str = "greenlight";

type Work = Box<dyn FnOnce() + Send>;

/// The keychain of this computer.
#[derive(Clone)]
pub struct Keychain {
    work: mpsc::SyncSender<Work>,
}

/// The servers and the product that may get each credential. They are a part of the name of its
/// entry, so a credential that was saved for one server is not found for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipients {
    pub github: String,
    pub aws: String,
    pub staging_key: String,
}

/// The entries of the keychain for some recipients.
pub struct KeychainEntries {
    keychain: Keychain,
    recipients: Recipients,
}

/// A credential as it is stored: one JSON text per kind. Wiped when it is dropped.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum StoredCredential {
    Github { token: String },
    Aws { key_id: String, secret: String, session: Option<String> },
    StagingKey { path: String, passphrase: Option<String> },
}

impl Drop for StoredCredential {
    fn drop(&mut self) {
        match self {
            Self::Github { token } => token.zeroize(),
            Self::Aws { secret, session, .. } => {
                secret.zeroize();
                session.zeroize();
            }
            Self::StagingKey { passphrase, .. } => passphrase.zeroize(),
        }
    }
}

impl Default for Keychain {
    fn default() -> Self {
        Self::new()
    }
}

impl Keychain {
    /// Starts the thread that calls the keychain.
    #[must_use]
    pub fn new() -> Self {
        let (work, inbox) = mpsc::sync_channel::<Work>(QUESTIONS_MAX);
        std::thread::spawn(move || {
            while let Ok(work) = inbox.recv() {
                work();
            }
        });
        Self { work }
    }

    /// The entries for these recipients.
    #[must_use]
    pub fn entries(&self, recipients: Recipients) -> KeychainEntries {
        KeychainEntries { keychain: self.clone(), recipients }
    }

    async fn ask<T: Send + 'static>(&self, work: impl FnOnce() -> PortResult<T> + Send + 'static) -> PortResult<T> {
        let (reply, answer) = oneshot::channel();
        let job: Work = Box::new(move || {
            // The caller may have given up.
            let _ = reply.send(work());
        });
        self.work.try_send(job).map_err(|_| locked("earlier questions to it are still open"))?;
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(missing("it does not answer")),
            Err(_) => Err(locked("it did not answer within 10 s")),
        }
    }
}

fn locked(why: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::KeychainLocked, "open the keychain of this computer")
        .because(why)
        .hint("Unlock the keychain (sign in to the desktop again), then try again.")
}

fn missing(why: impl std::fmt::Display) -> Failure {
    Failure::new(ErrorCode::KeychainMissing, "find a keychain on this computer")
        .because(why)
        .hint("Install and start a keychain such as GNOME Keyring or KWallet, then try again.")
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the library may add errors; each means that the keychain does not work"
)]
fn failure(error: &Error) -> Failure {
    match error {
        Error::NoStorageAccess(cause) => locked(cause),
        Error::NoDefaultStore => match Entry::store_status() {
            Err(cause) => missing(cause),
            Ok(()) => missing("no store"),
        },
        other => missing(other),
    }
}

impl Recipients {
    /// Name of an entry in the keychain, which a person may read there.
    fn entry_name(&self, kind: CredentialKind) -> String {
        match kind {
            CredentialKind::Github => format!("github for {}", self.github),
            CredentialKind::Aws => format!("aws for {}", self.aws),
            CredentialKind::StagingKey => format!("staging-key for {}", self.staging_key),
        }
    }
}

fn entry(name: &str) -> PortResult<Entry> {
    Entry::new(SERVICE, name).map_err(|error| failure(&error))
}

#[async_trait]
impl Secrets for KeychainEntries {
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>> {
        let name = self.recipients.entry_name(kind);
        let work = move || match entry(&name)?.get_secret() {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                serde_json::from_slice::<StoredCredential>(&bytes).map(|stored| Some(stored.into())).map_err(|_| {
                    Failure::new(ErrorCode::CredentialMissing, "read the saved credential")
                        .hint("Open Access and save it again.")
                })
            }
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(failure(&error)),
        };
        self.keychain.ask(work).await
    }

    async fn set(&self, credential: &Credential) -> PortResult<()> {
        let (name, stored) = (self.recipients.entry_name(kind_of(credential)), StoredCredential::from(credential));
        let work = move || {
            let text = Zeroizing::new(serde_json::to_vec(&stored).map_err(missing)?);
            entry(&name)?.set_secret(&text).map_err(|error| failure(&error))
        };
        self.keychain.ask(work).await
    }

    async fn remove(&self, kind: CredentialKind) -> PortResult<()> {
        let name = self.recipients.entry_name(kind);
        let work = move || match entry(&name)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(failure(&error)),
        };
        self.keychain.ask(work).await
    }

    fn place(&self) -> String {
        "the keychain of this computer".to_owned()
    }
}

impl From<&Credential> for StoredCredential {
    fn from(credential: &Credential) -> Self {
        let text = |secret: &SecretText| secret.expose().to_owned();
        match credential {
            Credential::Github { token } => Self::Github { token: text(token) },
            Credential::Aws { key_id, secret, session } => {
                Self::Aws { key_id: key_id.clone(), secret: text(secret), session: session.as_ref().map(text) }
            }
            Credential::StagingKey { path, passphrase } => {
                Self::StagingKey { path: path.clone(), passphrase: passphrase.as_ref().map(text) }
            }
        }
    }
}

impl From<StoredCredential> for Credential {
    fn from(mut stored: StoredCredential) -> Self {
        let take = |text: &mut String| SecretText::new(std::mem::take(text));
        match &mut stored {
            StoredCredential::Github { token } => Self::Github { token: take(token) },
            StoredCredential::Aws { key_id, secret, session } => {
                Self::Aws { key_id: std::mem::take(key_id), secret: take(secret), session: session.as_mut().map(take) }
            }
            StoredCredential::StagingKey { path, passphrase } => {
                Self::StagingKey { path: std::mem::take(path), passphrase: passphrase.as_mut().map(take) }
            }
        }
    }
}

/// Credentials in memory, for practice and tests.
#[derive(Default)]
pub struct MemorySecrets {
    saved: Mutex<BTreeMap<CredentialKind, Credential>>,
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>> {
        Ok(self.saved.lock().get(&kind).cloned())
    }

    async fn set(&self, credential: &Credential) -> PortResult<()> {
        self.saved.lock().insert(kind_of(credential), credential.clone());
        Ok(())
    }

    async fn remove(&self, kind: CredentialKind) -> PortResult<()> {
        self.saved.lock().remove(&kind);
        Ok(())
    }

    fn place(&self) -> String {
        "memory, until the app is closed".to_owned()
    }
}
