//! The one shape of every failure: from a port, through the journal, to the page.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, de::IntoDeserializer as _};
use specta::Type;

/// Stable code of a failure. The page has an exhaustive record of words per code, so a code without
/// words does not compile. No code branches on text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// A value that a person entered does not fit.
    BadInput,
    /// The profile could not be read.
    BadProfile,
    /// A build for developers is asked for production.
    DebugBuild,
    /// This computer released the version before, or released a newer one. A person has to give a
    /// reason.
    VersionNotNewer,
    /// A person has not confirmed a value of the profile yet.
    Unconfirmed,
    /// The plan changed after it was shown.
    PlanChanged,
    /// The confirmation token is missing, used or belongs to another plan.
    NotConfirmed,
    /// The state of the run does not allow this.
    NotAllowedNow,
    /// A precondition does not hold.
    PreconditionFailed,
    /// A question of the plan has no answer yet.
    QuestionOpen,
    /// The readiness checks do not open the start: one blocks, one has no reason, or they are old.
    NotReady,
    /// A credential is not saved.
    CredentialMissing,
    /// A credential was refused by its service.
    CredentialRefused,
    /// A credential is valid but may not do this.
    PermissionMissing,
    /// GitHub refuses this account, token or repository by a rule of its owner. No permission of
    /// the token changes that.
    GithubRefused,
    /// No keychain answers on this computer.
    KeychainMissing,
    /// The keychain is locked.
    KeychainLocked,
    /// The branch does not merge without conflicts.
    MergeConflict,
    /// A branch, tag or file that must exist does not.
    GitMissing,
    /// The tag exists at another commit.
    TagElsewhere,
    /// The version file cannot be changed safely, for example because the key occurs twice.
    VersionFileUnclear,
    /// The branch moved while the step worked.
    RefMoved,
    /// The server refused the push.
    PushRefused,
    /// The change contains large files (LFS). The app cannot push them.
    LargeFiles,
    /// The task definition lacks the named container or has it twice.
    ContainerUnclear,
    /// The saved revision differs in more than the image.
    RevisionDiffers,
    /// The AWS key belongs to another account than the profile names.
    WrongAccount,
    /// AWS does not have an object of the profile.
    AwsMissing,
    /// AWS refused the request. The causes hold its own words.
    AwsRefused,
    /// The workflow, its job or its run does not exist.
    WorkflowMissing,
    /// The build ended without the package.
    BuildFailed,
    /// A package was pushed while the job of the profile did not run, or no job has its name. A
    /// named person says whether the build made it.
    PackageUnproved,
    /// The build builds another commit.
    WrongCommit,
    /// The deployment in progress uses another revision than ours.
    WrongRevision,
    /// AWS rolled the deployment back, or the rollout cannot finish.
    RolloutFailed,
    /// A deployment of another revision took over.
    RolloutSuperseded,
    /// The deployment was stopped, and its revision is still in charge.
    RolloutStopped,
    /// A server runs another image than the one that was built.
    OtherImage,
    /// The host offers no algorithm that the app accepts.
    NoCommonAlgorithm,
    /// No fingerprint of the host was confirmed.
    HostUnknown,
    /// The host presents another key than the confirmed one.
    HostChanged,
    /// The machine at the address is not the machine on which Deploy started.
    HostReplaced,
    /// Another release owns the environment lock, or this one lost it.
    EnvironmentHeld,
    /// The host refuses the staging machine key.
    HostRefused,
    /// The host has a job of this name with other content, or one that ran before.
    JobConflict,
    /// The script ended with an error.
    ScriptFailed,
    /// The migration ended without error, but the database gives the same answer as before.
    DatabaseUnchanged,
    /// The database does not give the answer from before the migration, so the migration was not
    /// undone.
    DatabaseNotAsBefore,
    /// The database says the version of before the migration again.
    DatabaseIsOld,
    /// A migration of this version started on the host, so this release has one.
    MigrationStarted,
    /// The host cannot run jobs: no room, a missing program, or a home folder on another machine.
    HostUnfit,
    /// The login shell of the host did not run a command of the app, and answered something else.
    LoginShell,
    /// A script started and is over. A person looked at its effects and says that it did not
    /// finish.
    SaidFailed,
    /// The backup could not be proved.
    BackupUnproved,
    /// The site does not answer as expected.
    SiteUnexpected,
    /// The key file cannot be read or unlocked.
    KeyFileUnreadable,
    /// The service could not be reached.
    Unreachable,
    /// No answer in time. `changed` says whether the request may have been acted on.
    TimedOut,
    /// The service asks to slow down.
    Throttled,
    /// The answer of the service cannot be read.
    UnreadableAnswer,
    /// The journal could not be written or read.
    JournalFailed,
    /// A newer app wrote the journal.
    JournalNewer,
    /// Another process of the app uses this data folder.
    AlreadyOpen,
    /// A fault of the app itself.
    Internal,
}

/// Changes in the outside world that a failure left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Changed {
    /// Certainly nothing.
    Nothing,
    /// A part was changed; the summary says which.
    Partly,
    /// Unknown: the request may have been acted on.
    Unknown,
}

/// Whether "Try again" may be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Retry {
    /// Safe to try again at once.
    Safe,
    /// Only after the outside world was asked.
    AfterObserve,
    No,
}

/// A failure: the problem, its effect and the next act for the operator, and causes for a
/// developer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    #[serde(deserialize_with = "read_code")]
    #[specta(type = ErrorCode)]
    pub code: ErrorCode,
    /// Values for the words of the page: file names, versions, hosts. Never a secret.
    pub params: BTreeMap<String, String>,
    /// Completes "failed to …".
    pub summary: String,
    /// The chain of causes, outermost first.
    pub causes: Vec<String>,
    /// Acts that this operator can do now, most useful first.
    pub hints: Vec<String>,
    pub changed: Changed,
    /// Whether "Try again" may be offered.
    pub retry: Retry,
}

/// Reads a code. Earlier versions wrote `gateClosed` for `preconditionFailed`.
fn read_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorCode, D::Error> {
    let text = String::deserialize(deserializer)?;
    let current = if text == "gateClosed" { "preconditionFailed" } else { &text };
    ErrorCode::deserialize(current.into_deserializer())
}

impl Failure {
    /// A failure that changed nothing and is safe to try again: right for every read.
    #[must_use]
    pub fn new(code: ErrorCode, summary: impl Into<String>) -> Self {
        Self {
            code,
            params: BTreeMap::new(),
            summary: summary.into(),
            causes: Vec::new(),
            hints: Vec::new(),
            changed: Changed::Nothing,
            retry: Retry::Safe,
        }
    }

    /// Adds a value for the words of the page.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.params.insert(key.to_owned(), value.into());
        self
    }

    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds the whole chain of causes of an error.
    #[must_use]
    pub fn because_of(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        // A chain is short. The limit guards against an error that refers to itself.
        for _ in 0..16 {
            let Some(current) = next else { break };
            let text = current.to_string();
            if self.causes.last() != Some(&text) {
                self.causes.push(text);
            }
            next = current.source();
        }
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    #[must_use]
    pub fn changed(mut self, changed: Changed) -> Self {
        self.changed = changed;
        if changed != Changed::Nothing && self.retry == Retry::Safe {
            self.retry = Retry::AfterObserve;
        }
        self
    }

    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Whether the request may have been acted on although no answer came.
    #[must_use]
    pub fn is_lost_reply(&self) -> bool {
        self.changed == Changed::Unknown
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "failed to {}", self.summary)?;
        for cause in &self.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_code_of_earlier_versions() {
        let new = Failure::new(ErrorCode::PreconditionFailed, "start");
        let old = serde_json::to_string(&new).expect("JSON").replace("preconditionFailed", "gateClosed");
        assert_eq!(serde_json::from_str::<Failure>(&old).expect("a failure"), new);
        let foreign = old.replace("gateClosed", "unknownCode");
        assert!(serde_json::from_str::<Failure>(&foreign).is_err());
    }
}
