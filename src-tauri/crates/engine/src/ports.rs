//! What the engine needs of the outside: one trait per system, in the words of a release.
//!
//! An adapter implements a port over the real protocol; the pretend production implements all of them in process.
//! Every method returns a [`Failure`] whose `changed` says what happened outside: reads always leave
//! [`Changed::Nothing`](greenlight_types::Changed); a changing call whose answer was lost leaves
//! [`Changed::Unknown`](greenlight_types::Changed), and nobody may turn that into "failed". No port retries a changing
//! call.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_types::{CredentialKind, Failure, LogLine, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::redact::Redactor;

mod aws;
mod clean;
mod git;
mod github;
mod host;

pub use aws::{
    AwsIdentity, CircuitBreaker, CloudIdentity, Deployment, DeploymentStatus, Image, Images, LogEvent, LogPage, Logs,
    RolloutState, ServiceSnapshot, Services, TaskDefinition, TaskDefinitions, TaskHealth, TaskSnapshot, TaskStatus,
};
pub use git::{ChangedPaths, CommitInfo, Git, MergeResult, PushRef, PushResult, RemoteRef, Signature, TagInfo};
pub use github::{BuildJob, BuildRun, BuildStep, Builds, Dispatch, GithubIdentity};
pub use host::{
    Environment, Held, Hold, HostAddress, JobSpec, JobState, JobStatus, Launched, ReadOutput, RemoteHost, Revoked,
    Submitted, Taker, Why,
};

/// The adapters of all outside systems, as a composition makes them. Their text may hold secrets: the engine takes
/// [`Ports`], which [`RawPorts::cleaned`] makes.
#[derive(Clone)]
pub struct RawPorts {
    /// The repository.
    pub git: Arc<dyn Git>,
    /// GitHub's workflows.
    pub builds: Arc<dyn Builds>,
    /// ECS task definitions.
    pub task_definitions: Arc<dyn TaskDefinitions>,
    /// ECS services.
    pub services: Arc<dyn Services>,
    /// ECR images.
    pub images: Arc<dyn Images>,
    /// CloudWatch Logs.
    pub logs: Arc<dyn Logs>,
    /// The AWS identity.
    pub identity: Arc<dyn CloudIdentity>,
    /// The staging machine.
    pub host: Arc<dyn RemoteHost>,
    /// The site.
    pub site: Arc<dyn Site>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// Everything a run reaches the outside with. Free text in answers and failures has no secrets.
#[derive(Clone)]
pub struct Ports {
    /// The repository.
    pub git: Arc<dyn Git>,
    /// GitHub's workflows.
    pub builds: Arc<dyn Builds>,
    /// ECS task definitions.
    pub task_definitions: Arc<dyn TaskDefinitions>,
    /// ECS services.
    pub services: Arc<dyn Services>,
    /// ECR images.
    pub images: Arc<dyn Images>,
    /// CloudWatch Logs.
    pub logs: Arc<dyn Logs>,
    /// The AWS identity.
    pub identity: Arc<dyn CloudIdentity>,
    /// The staging machine.
    pub host: Arc<dyn RemoteHost>,
    /// The site.
    pub site: Arc<dyn Site>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    redactor: Arc<Redactor>,
}

impl Ports {
    /// The redactor of these ports, for answers that are bytes or are parsed before they are shown.
    #[must_use]
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }
}

/// Result of a port.
pub type PortResult<T> = Result<T, Failure>;

/// An answer of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteAnswer {
    /// HTTP status.
    pub status: u16,
    /// At most 256 KiB of the body.
    pub body: String,
    /// How long it took, in ms.
    pub took_ms: u32,
}

/// The site.
#[async_trait]
pub trait Site: Send + Sync {
    /// One GET without credentials; redirects are followed at most 5 times.
    async fn get(&self, url: &str) -> PortResult<SiteAnswer>;
}

/// A secret as an adapter needs it. `Debug` shows nothing of it, and its memory is wiped when it is dropped.
#[derive(Clone, Debug)]
pub struct SecretText(SecretString);

impl SecretText {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret itself, for the adapter that sends it to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for SecretText {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for SecretText {}

/// A credential with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// GitHub token.
    Github {
        /// The token.
        token: SecretText,
    },
    /// AWS access key.
    Aws {
        /// Key id; not a secret.
        key_id: String,
        /// Secret access key.
        secret: SecretText,
        /// Session token of temporary credentials.
        session: Option<SecretText>,
    },
    /// Key file for the staging machine.
    StagingKey {
        /// Path; the file is left where it is.
        path: String,
        /// Its passphrase.
        passphrase: Option<SecretText>,
    },
}

/// Where credentials are kept.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The credential; `None` when it was never saved.
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>>;
    /// Saves or replaces it.
    async fn set(&self, credential: &Credential) -> PortResult<()>;
    /// Removes it; nothing happens when it is absent.
    async fn remove(&self, kind: CredentialKind) -> PortResult<()>;
    /// Where it is kept, in plain words: "the keychain of this computer".
    fn place(&self) -> String;
}

/// Time of the composition: real, or virtual with a speed.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits that long by this clock.
    async fn sleep(&self, duration: Duration);
}

/// Identifiers that nobody has used before: of runs, and of one-use tokens that nobody can guess.
pub trait Ids: Send + Sync {
    /// A fresh one, 36 characters as a UUID is written; later ones sort behind earlier ones.
    fn fresh(&self) -> String;
}

/// What the engine tells the screen. Both may be lost; the truth is pulled from the journal.
pub trait Screen: Send + Sync {
    /// The journal of a run has events up to `seq`.
    fn moved(&self, run: &greenlight_types::RunId, seq: u32);
    /// Something was seen just now.
    fn live(&self, live: greenlight_types::Live);
    /// Lines arrived.
    fn lines(&self, run: &greenlight_types::RunId, source: greenlight_types::LineSource, lines: &[LogLine]);
}
