//! The ports of the engine: one trait per outside system, in the words of a release.
//!
//! An adapter implements a port over the real protocol. The simulator implements all ports in
//! process.
//!
//! Every method returns a [`Failure`] whose `changed` tells the effect outside. A read always
//! leaves [`Changed::Nothing`](greenlight_types::Changed). A changing call whose answer was lost
//! leaves [`Changed::Unknown`](greenlight_types::Changed), and no caller may turn that into
//! "failed". No port retries a changing call.

use std::{ops::Deref, sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_types::{CredentialKind, Failure, LogLine, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::redact::Redactor;

mod aws;
mod catalog;
mod changing_calls;
mod clean;
mod deployments;
mod git;
mod github;
mod host;

pub use aws::{
    AwsIdentity, CloudIdentity, Deployment, DeploymentStatus, Image, Images, LogEvent, LogPage, Logs, RolloutState,
    ServiceSnapshot, Services, TaskDefinition, TaskDefinitions, TaskHealth, TaskSnapshot, TaskStatus, revision_name,
};
pub use catalog::{Catalog, LISTED_MAX, ListedCluster, ListedService, ListedWorkflow};
pub(crate) use changing_calls::ChangingCalls;
pub use deployments::{
    BreakerCount, BreakerStatus, BreakerThreshold, CircuitBreaker, DeploymentAlarms, DeploymentController,
    DeploymentSettings, DeploymentStrategy, ServiceDeployment, ServiceDeploymentStatus, ServiceDeployments,
    ServiceEvent, StopCode, StopKind, ThresholdKind,
};
pub use git::{
    ChangedPaths, CommitInfo, Git, MergeResult, PushRef, PushResult, RefCommit, RemoteRef, Signature, TagInfo,
};
pub use github::{
    BranchRule, BuildEnvironment, BuildJob, BuildRun, BuildStep, Builds, CommitCheck, CommitCheckState, Dispatch,
    GithubIdentity, NewPullRequest, PendingDeployment, PullRequest, PullRequestState, PullRequests,
};
pub use host::{
    EnvLock, Environment, HostAddress, JobSpec, JobState, JobStatus, Launched, LockClaim, Ownership, ReadOutput,
    RemoteHost, RevokeReason, Revoked, ScriptStop, StopSignal, Submitted,
};

/// The adapters of all outside systems, as a composition makes them. Their text may hold secrets.
/// The engine takes [`Ports`], which [`RawPorts::cleaned`] makes.
#[derive(Clone)]
pub struct RawPorts {
    pub git: Arc<dyn Git>,
    /// Workflows on GitHub.
    pub builds: Arc<dyn Builds>,
    /// Pull requests on GitHub, and the rules of its branches.
    pub pull_requests: Arc<dyn PullRequests>,
    /// Task definitions on ECS.
    pub task_definitions: Arc<dyn TaskDefinitions>,
    /// The service on ECS.
    pub services: Arc<dyn Services>,
    /// Images in ECR (the registry).
    pub images: Arc<dyn Images>,
    pub logs: Arc<dyn Logs>,
    pub identity: Arc<dyn CloudIdentity>,
    /// Lists from which Setup proposes values.
    pub catalog: Arc<dyn Catalog>,
    /// The staging machine.
    pub host: Arc<dyn RemoteHost>,
    /// The site of the product.
    pub site: Arc<dyn Site>,
    pub clock: Arc<dyn Clock>,
}

/// All ports of a run. Free text in answers and failures has no secrets.
#[derive(Clone)]
pub struct Ports {
    clean: RawPorts,
    redactor: Arc<Redactor>,
    calls: Arc<ChangingCalls>,
}

impl Deref for Ports {
    type Target = RawPorts;

    fn deref(&self) -> &RawPorts {
        &self.clean
    }
}

impl Ports {
    /// The redactor of these ports, for answers that are bytes or are parsed before they are shown.
    #[must_use]
    pub fn redactor(&self) -> &Arc<Redactor> {
        &self.redactor
    }

    /// Whether a changing call is under way.
    #[must_use]
    pub fn has_changing_call(&self) -> bool {
        self.calls.has_any()
    }
}

/// Result of a call to a port.
pub type PortResult<T> = Result<T, Failure>;

/// An answer of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteAnswer {
    pub status: u16,
    /// The body, cut at 256 KiB.
    pub body: String,
    /// Duration of the request in ms.
    pub took_ms: u32,
}

/// The site of the product.
#[async_trait]
pub trait Site: Send + Sync {
    /// Sends one GET without credentials. Follows at most 5 redirects.
    async fn get(&self, url: &str) -> PortResult<SiteAnswer>;
}

/// A secret for an adapter. `Debug` does not show it. Its memory is wiped on drop.
#[derive(Clone, Debug)]
pub struct SecretText(SecretString);

impl SecretText {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    /// The secret, for the adapter that sends it to its owner.
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// A token for GitHub.
    Github {
        /// The token as GitHub issued it.
        token: SecretText,
    },
    /// An access key for AWS.
    Aws {
        /// Id of the key. Not a secret.
        key_id: String,
        /// The secret access key.
        secret: SecretText,
        /// The session token of temporary credentials.
        session: Option<SecretText>,
    },
    /// The key file for the staging machine.
    StagingKey {
        /// Path of the file, which stays where it is.
        path: String,
        /// The passphrase of the key.
        passphrase: Option<SecretText>,
    },
}

/// The store of credentials.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The credential. `None` when it was never saved.
    async fn get(&self, kind: CredentialKind) -> PortResult<Option<Credential>>;
    /// Saves or replaces a credential.
    async fn set(&self, credential: &Credential) -> PortResult<()>;
    /// Removes a credential. Does nothing when it is absent.
    async fn remove(&self, kind: CredentialKind) -> PortResult<()>;
    /// Name of the store in plain words: "the keychain of this computer".
    fn place(&self) -> String;
}

/// The clock of the app: real, or virtual with a speed.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
    /// Waits that long by this clock.
    async fn sleep(&self, duration: Duration);
}

/// Fresh identifiers for runs and for one-use tokens. They are unique, and a token cannot be
/// guessed.
pub trait Ids: Send + Sync {
    /// A fresh id of 36 characters in the format of a UUID. A later id sorts after an earlier one.
    fn fresh(&self) -> String;
}

/// Hints from the engine to the screen. A hint may be lost: the page pulls the state from the
/// journal.
pub trait Screen: Send + Sync {
    /// The journal of a run has events up to `seq`.
    fn moved(&self, run: &greenlight_types::RunId, seq: u32);
    /// A fresh observation.
    fn live(&self, live: greenlight_types::Live);
    /// New lines of a run.
    fn lines(&self, run: &greenlight_types::RunId, source: greenlight_types::LineSource, lines: &[LogLine]);
}
