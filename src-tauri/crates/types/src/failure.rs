//! The one shape in which anything that went wrong travels: from a port, through the journal, to the page.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use specta::Type;

/// Stable code of a failure. The page has words for each one (an exhaustive record, so a code without words does not
/// compile); nothing ever branches on text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// A value that a person entered does not fit.
    BadInput,
    /// The profile could not be read.
    BadProfile,
    /// The version was released before, or is not newer than one that was; a person has to say why.
    VersionNotNewer,
    /// A value of the profile was never confirmed by a person.
    Unconfirmed,
    /// What was shown is not what would be done now: the plan changed.
    PlanChanged,
    /// The confirmation token is missing, used or belongs to another plan.
    NotConfirmed,
    /// The state of the run does not allow this.
    NotAllowedNow,
    /// A gate before an irreversible act is closed.
    GateClosed,
    /// A question of the plan has no answer yet.
    QuestionOpen,
    /// A credential is not saved.
    CredentialMissing,
    /// A credential was refused by its service.
    CredentialRefused,
    /// A credential is valid but may not do this.
    PermissionMissing,
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
    /// The version file cannot be changed safely.
    VersionFileUnclear,
    /// The branch moved while we worked.
    RefMoved,
    /// The server refused the push.
    PushRefused,
    /// Large files (LFS) are part of the change and cannot be pushed by the app.
    LargeFiles,
    /// The named container is missing or stands twice in the task definition.
    ContainerUnclear,
    /// The saved revision differs in more than the image.
    RevisionDiffers,
    /// AWS answers for another account or region than the profile names.
    WrongAccount,
    /// Something that AWS should know does not exist there.
    AwsMissing,
    /// AWS did not accept the request, for a reason in its own words.
    AwsRefused,
    /// The workflow, its job or its run does not exist.
    WorkflowMissing,
    /// The build ended without the package.
    BuildFailed,
    /// The build builds another commit.
    WrongCommit,
    /// The deployment in progress uses other start-up settings than ours.
    WrongRevision,
    /// The rollout went back or cannot finish.
    RolloutFailed,
    /// No fingerprint of the host was confirmed.
    HostUnknown,
    /// The host presents another key than the confirmed one.
    HostChanged,
    /// Another machine answers at the address of the staging machine than the one that Deploy started on.
    HostReplaced,
    /// Another release holds the environment, or this one does not hold it any more.
    EnvironmentHeld,
    /// The host refuses the staging machine key.
    HostRefused,
    /// A job of this name already exists on the host with other content, or ran before.
    JobConflict,
    /// The script ended with an error.
    ScriptFailed,
    /// The migration ended without error, and the database says the same as before.
    DatabaseUnchanged,
    /// The staging machine cannot run jobs as they have to be run: no room, a program is missing, a home folder elsewhere.
    HostUnfit,
    /// A person looked at what a script left that started and is over, and says that it did not come to its end.
    SaidFailed,
    /// The backup could not be proved.
    BackupUnproved,
    /// The site does not answer as expected.
    SiteUnexpected,
    /// The key file cannot be read or unlocked.
    KeyFileUnreadable,
    /// The service could not be reached.
    Unreachable,
    /// No answer in time; whether the request was acted on is unknown when `changed` says so.
    TimedOut,
    /// The service asks to slow down.
    Throttled,
    /// The service answered in a way that cannot be read.
    UnreadableAnswer,
    /// Our own record could not be written or read.
    JournalFailed,
    /// The record was written by a newer app.
    JournalNewer,
    /// Another copy of the app holds this data directory.
    AlreadyOpen,
    /// A fault of the app itself.
    Internal,
}

/// What a failure left changed in the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Changed {
    /// Nothing was changed, for certain.
    Nothing,
    /// A part was changed; the summary says which.
    Partly,
    /// We do not know: the request may have been acted on.
    Unknown,
}

/// Whether "Try again" may be offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub enum Retry {
    /// Safe to try again at once.
    Safe,
    /// Only after the world was asked.
    AfterObserve,
    /// Never.
    No,
}

/// What went wrong, in the three parts an operator needs, plus what a developer needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Type)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// Stable code.
    pub code: ErrorCode,
    /// Values for the words of the page: file names, versions, hosts. Never a secret.
    pub params: BTreeMap<String, String>,
    /// Completes "failed to …".
    pub summary: String,
    /// The chain beneath, outermost first.
    pub causes: Vec<String>,
    /// Things this operator can do now, most useful first.
    pub hints: Vec<String>,
    /// What was changed.
    pub changed: Changed,
    /// Whether "Try again" may be offered.
    pub retry: Retry,
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

    /// Adds a value for the page's words.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.params.insert(key.to_owned(), value.into());
        self
    }

    /// Adds one cause beneath.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// Adds the whole chain of an error beneath.
    #[must_use]
    pub fn because_of(mut self, error: &(dyn std::error::Error + 'static)) -> Self {
        let mut next = Some(error);
        // A chain is short; the limit guards against one that refers to itself.
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

    /// Adds something the operator can do now.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says what was changed.
    #[must_use]
    pub fn changed(mut self, changed: Changed) -> Self {
        self.changed = changed;
        if changed != Changed::Nothing && self.retry == Retry::Safe {
            self.retry = Retry::AfterObserve;
        }
        self
    }

    /// Says whether it may be tried again.
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
