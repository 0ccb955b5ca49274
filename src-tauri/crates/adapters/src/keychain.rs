//! Credentials in the keychain of this computer (`keyring`), and in memory for practice.
//!
//! A locked or missing keychain can block a thread; all calls go through one thread of their own, with a deadline, and a
//! blocked one is told as locked. Secrets never fall back to a file.

use std::{collections::BTreeMap, sync::mpsc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{Credential, PortResult, SecretText, Secrets};
use greenlight_types::{CredentialKind, ErrorCode, Failure};
use keyring::v1::{Entry, Error};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::credentials::kind_of;

/// Longest wait for the keychain; its own question to the person may take as long.
const DEADLINE: Duration = Duration::from_secs(30);
/// Name under which every entry is kept.
const SERVICE: &str = "greenlight";

type Work = Box<dyn FnOnce() + Send>;

/// The keychain of this computer.
pub struct Keychain {
    work: mpsc::SyncSender<Work>,
}

/// A credential as it is kept: one JSON text per kind.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
enum Kept {
    Github { token: String },
    Aws { key_id: String, secret: String, session: Option<String> },
    StagingKey { path: String, passphrase: Option<String> },
}

impl Default for Keychain {
    fn default() -> Self {
        Self::new()
    }
}

impl Keychain {
    /// Starts the one thread that talks to the keychain.
    #[must_use]
    pub fn new() -> Self {
        let (work, inbox) = mpsc::sync_channel::<Work>(8);
        std::thread::spawn(move || {
            while let Ok(work) = inbox.recv() {
                work();
            }
        });
        Self { work }
    }

    async fn ask<T: Send + 'static>(&self, work: impl FnOnce() -> PortResult<T> + Send + 'static) -> PortResult<T> {
        let (reply, answer) = oneshot::channel();
        let job: Work = Box::new(move || {
            // Whoever asked may have given up.
            let _ = reply.send(work());
        });
        self.work.try_send(job).map_err(|_| locked("earlier questions to it are still open"))?;
        match tokio::time::timeout(DEADLINE, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(missing("it does not answer")),
            Err(_) => Err(locked("it did not answer within 30 s")),
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
    reason = "the library may add errors; each is told as a keychain that does not work"
)]
fn words(error: &Error) -> Failure {
    match error {
        Error::NoStorageAccess(cause) => locked(cause),
        Error::NoDefaultStore => match Entry::store_status() {
            Err(cause) => missing(cause),
            Ok(()) => missing("no store"),
        },
        other => missing(other),
    }
}

fn name(kind: CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Github => "github",
        CredentialKind::Aws => "aws",
        CredentialKind::StagingKey => "staging-key",
    }
}

fn entry(kind: CredentialKind) -> PortResult<Entry> {
    Entry::new(SERVICE, name(kind)).map_err(|error| words(&error))
}

#[async_trait]
impl Secrets for Keychain {
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>> {
        self.ask(move || match entry(kind)?.get_secret() {
            Ok(bytes) => serde_json::from_slice::<Kept>(&bytes).map(|kept| Some(kept.into())).map_err(|_| {
                Failure::new(ErrorCode::CredentialMissing, "read the saved credential")
                    .hint("Open Access and save it again.")
            }),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(words(&error)),
        })
        .await
    }

    async fn set(&self, credential: &Credential) -> PortResult<()> {
        let (kind, kept) = (kind_of(credential), Kept::from(credential));
        self.ask(move || {
            let text = serde_json::to_vec(&kept).map_err(missing)?;
            entry(kind)?.set_secret(&text).map_err(|error| words(&error))
        })
        .await
    }

    async fn remove(&self, kind: CredentialKind) -> PortResult<()> {
        self.ask(move || match entry(kind)?.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(words(&error)),
        })
        .await
    }

    fn place(&self) -> String {
        "the keychain of this computer".to_owned()
    }
}

impl From<&Credential> for Kept {
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

impl From<Kept> for Credential {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Github { token } => Self::Github { token: SecretText::new(token) },
            Kept::Aws { key_id, secret, session } => {
                Self::Aws { key_id, secret: SecretText::new(secret), session: session.map(SecretText::new) }
            }
            Kept::StagingKey { path, passphrase } => {
                Self::StagingKey { path, passphrase: passphrase.map(SecretText::new) }
            }
        }
    }
}

/// Credentials in memory: gone with the process.
#[derive(Default)]
pub struct MemorySecrets {
    kept: Mutex<BTreeMap<CredentialKind, Credential>>,
}

#[async_trait]
impl Secrets for MemorySecrets {
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>> {
        Ok(self.kept.lock().get(&kind).cloned())
    }

    async fn set(&self, credential: &Credential) -> PortResult<()> {
        self.kept.lock().insert(kind_of(credential), credential.clone());
        Ok(())
    }

    async fn remove(&self, kind: CredentialKind) -> PortResult<()> {
        self.kept.lock().remove(&kind);
        Ok(())
    }

    fn place(&self) -> String {
        "memory, until the app is closed".to_owned()
    }
}
