//! The repository: the app's own bare clone and its remote.

use async_trait::async_trait;
use greenlight_types::Timestamp;
use serde::{Deserialize, Serialize};

use super::PortResult;

/// A ref on the remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteRef {
    /// Full name: `refs/heads/master`.
    pub name: String,
    /// Object it names (a tag object for an annotated tag).
    pub id: String,
    /// Commit behind an annotated tag.
    pub peeled: Option<String>,
}

impl RemoteRef {
    /// The commit it leads to.
    #[must_use]
    pub fn commit(&self) -> &str {
        self.peeled.as_deref().unwrap_or(&self.id)
    }
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitInfo {
    /// Full id.
    pub id: String,
    /// Parents' full ids.
    pub parents: Vec<String>,
    /// First line of the message.
    pub summary: String,
    /// Author's name.
    pub author: String,
    /// Author's time.
    pub at: Timestamp,
}

/// An annotated tag of our clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagInfo {
    /// Its whole message.
    pub message: String,
    /// Tagger's name; empty when it has none.
    pub tagger: String,
    /// Tagger's time.
    pub at: Timestamp,
}

/// Author and committer of what the app writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Time; the same time gives the same ids.
    pub at: Timestamp,
}

/// Result of a merge in our clone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MergeResult {
    /// The merge commit, parents (base, head).
    Merged(String),
    /// It does not merge; the files in conflict, sorted.
    Conflict(Vec<String>),
}

/// One ref to push as a compare-and-swap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushRef {
    /// Object in our clone.
    pub id: String,
    /// Full name on the remote.
    pub name: String,
    /// What the remote must have now; `None` when the ref must be absent.
    pub expect: Option<String>,
}

/// Result of a push whose answer arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PushResult {
    /// The server reports the ref as updated.
    Accepted,
    /// The remote had something else before anything was sent; nothing was pushed.
    Moved {
        /// What it has.
        now: Option<String>,
    },
    /// The server refused; nothing was pushed. The reason is the server's own text (status and sideband).
    Refused {
        /// The server's words.
        reason: String,
    },
}

/// The repository: the app's own bare clone and its remote. Always full ref names (TRAP-G1).
#[async_trait]
pub trait Git: Send + Sync {
    /// Makes the clone if it is missing and fetches branches and tags into `refs/remotes/origin/*` and
    /// `refs/remote-tags/*`. Never touches `refs/greenlight/*`.
    async fn refresh(&self) -> PortResult<()>;
    /// A fresh listing of the remote, all refs.
    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>>;
    /// One commit of our clone; `None` when the clone does not have it.
    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>>;
    /// One annotated tag of our clone, by its object; `None` when the clone does not have it or it is no such tag.
    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>>;
    /// Commits reachable from `head` and not from `base`, newest first, at most `limit`, with the total (capped at 10,000).
    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)>;
    /// Whether `ancestor` is reachable from `commit`.
    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool>;
    /// Paths that differ between two commits, sorted, and which of them are LFS pointers in the second.
    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths>;
    /// Merges `head` into `base` in memory and keeps the commit under `keep`.
    async fn merge(&self, base: &str, head: &str, message: &str, by: &Signature, keep: &str)
    -> PortResult<MergeResult>;
    /// Bytes of a file at a commit; `None` when it is not there.
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
    /// Makes an annotated tag object named `name` for `commit`, keeps it under `keep`, returns its id.
    async fn make_tag(&self, commit: &str, name: &str, message: &str, by: &Signature, keep: &str)
    -> PortResult<String>;
    /// Pushes one ref as a compare-and-swap: refuses before sending when the remote differs from `expect`, never forces,
    /// reads the server's own status (libgit2's `push` returns Ok for a refused ref). A failure with
    /// `Changed::Unknown` means that the answer was lost after something was sent.
    async fn push(&self, push: &PushRef) -> PortResult<PushResult>;
}

/// Paths that differ between two commits.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedPaths {
    /// All, sorted.
    pub paths: Vec<String>,
    /// Those whose new content is a Git LFS pointer.
    pub lfs_pointers: Vec<String>,
}
