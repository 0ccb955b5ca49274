//! The repository: the app's own bare clone and its remote.

use async_trait::async_trait;
use greenlight_types::{Actor, Timestamp};
use serde::{Deserialize, Serialize};

use super::PortResult;

/// A ref on the remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRef {
    /// Full name: `refs/heads/master`.
    pub name: String,
    /// Object that the ref names. A tag object for an annotated tag.
    pub id: String,
    /// Commit that an annotated tag points to.
    pub peeled: Option<String>,
}

impl RemoteRef {
    /// The commit that the ref leads to.
    #[must_use]
    pub fn commit(&self) -> &str {
        self.peeled.as_deref().unwrap_or(&self.id)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    /// Full object id.
    pub id: String,
    /// Full ids of the parents.
    pub parents: Vec<String>,
    /// First line of the message.
    pub summary: String,
    /// Name of the author.
    pub author: String,
    /// Time of the author.
    pub at: Timestamp,
}

/// An annotated tag of our clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagInfo {
    /// The whole message.
    pub message: String,
    /// Name of the tagger. Empty when the tag has none.
    pub tagger: String,
    /// Time of the tagger.
    pub at: Timestamp,
}

/// A ref of the remote that names a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefCommit {
    /// Id of the commit.
    pub id: String,
    /// The whole message of the commit.
    pub message: String,
}

/// Author and committer of the objects that the app writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Time of the object. The same time gives the same object id.
    pub at: Timestamp,
}

impl Signature {
    /// A person who writes an object at that time.
    #[must_use]
    pub fn of(by: &Actor, at: Timestamp) -> Self {
        let mailbox: String = by.person.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let email = match &by.github_login {
            Some(login) => format!("{login}@users.noreply.github.com"),
            None => format!("{}@greenlight.invalid", if mailbox.is_empty() { "operator" } else { &mailbox }),
        };
        Self { name: by.person.clone(), email, at }
    }
}

/// Result of a merge in our clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MergeResult {
    /// Id of the merge commit with the parents (base, head).
    Merged(String),
    /// The branches do not merge. The files in conflict, sorted.
    Conflict(Vec<String>),
}

/// One ref to push as a compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRef {
    /// Object in our clone.
    pub id: String,
    /// Full name on the remote.
    pub name: String,
    /// Object that the remote must have now. `None` when the ref must be absent.
    pub expect: Option<String>,
}

/// Result of a push whose answer arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PushResult {
    /// The server reports the ref as updated.
    Accepted,
    /// The remote had another object before anything was sent. Nothing was pushed.
    Moved {
        /// Object that the remote has.
        now: Option<String>,
    },
    /// The server refused. Nothing was pushed.
    Refused {
        /// Text of the server (status and sideband).
        reason: String,
    },
}

/// The repository: the app's own bare clone and its remote. Takes full ref names only (TRAP-G1).
#[async_trait]
pub trait Git: Send + Sync {
    /// Makes the clone if it is missing, and fetches branches and tags into `refs/remotes/origin/*`
    /// and `refs/remote-tags/*`. Never touches `refs/greenlight/*`.
    async fn refresh(&self) -> PortResult<()>;
    /// Reads a ref below `refs/greenlight/` of the remote and the message of its commit. Fetches
    /// that commit when the clone does not have it, never into `refs/greenlight/*`. `None` when the
    /// remote has no such ref.
    ///
    /// # Errors
    /// `UnreadableAnswer` when the ref names no commit.
    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>>;
    /// Lists all refs of the remote.
    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>>;
    /// One commit of our clone. `None` when the clone does not have it.
    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>>;
    /// One annotated tag of our clone, by its object id. `None` when the clone has no such object,
    /// or when the object is no annotated tag.
    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>>;
    /// Commits reachable from `head` and not from `base`, newest first, at most `limit`, and their
    /// total number (capped at 10,000).
    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)>;
    /// Whether `ancestor` is reachable from `commit`.
    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool>;
    /// Paths that differ between two commits, and those that are Git LFS pointers in the second
    /// one.
    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths>;
    /// Merges `head` into `base` in memory and keeps the commit under `keep`.
    async fn merge(&self, base: &str, head: &str, message: &str, by: &Signature, keep: &str)
    -> PortResult<MergeResult>;
    /// Files that conflict when `head` is merged into `base`, sorted. Empty when the two merge
    /// cleanly, or when `base` has every commit of `head`. Keeps no commit, and calls no remote.
    ///
    /// # Errors
    /// `MergeConflict` when the two have no commit in common.
    async fn merge_conflicts(&self, base: &str, head: &str) -> PortResult<Vec<String>>;
    /// Bytes of a file at a commit. `None` when the file does not exist.
    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>>;
    /// Commits one changed file on top of `parent` and keeps the commit under `keep`.
    async fn commit_file(
        &self,
        parent: &str,
        path: &str,
        bytes: &[u8],
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String>;
    /// Makes an annotated tag object named `name` for `commit`, keeps it under `keep`, and returns
    /// its id.
    async fn make_tag(&self, commit: &str, name: &str, message: &str, by: &Signature, keep: &str)
    -> PortResult<String>;
    /// Commits a message without files on top of `parent`, or as the first commit, and keeps the
    /// commit under `keep`.
    async fn commit_message(
        &self,
        parent: Option<&str>,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String>;
    /// Pushes one ref as a compare-and-swap. Refuses before sending when the remote differs from
    /// `expect`. Never forces. The status that the server sends for the ref decides.
    ///
    /// A failure with `Changed::Unknown` means that something was sent and the answer was lost.
    async fn push(&self, push: &PushRef) -> PortResult<PushResult>;
}

/// Paths that differ between two commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPaths {
    /// All paths, sorted.
    pub paths: Vec<String>,
    /// Paths whose new content is a Git LFS pointer.
    pub lfs_pointers: Vec<String>,
}
