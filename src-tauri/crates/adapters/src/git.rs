//! The repository over HTTPS: a bare clone of the app, with libgit2, and its remote.
//!
//! Merges, commits and tags are built in that clone, without a working tree. The adapter reads no
//! checkout of a person, runs no hook and ignores the git settings of the computer. The engine
//! decides about pushes and refusals. Large files (LFS) are recognised, but never transferred.
//! Every answer of the remote has a limit, and a call that its caller drops ends.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use git2::Repository;
use greenlight_engine::ports::{
    ChangedPaths, CommitInfo, Git, MergeResult, PortResult, PushRef, PushResult, RefCommit, RemoteRef, Secrets,
    Signature, TagInfo,
};
use tokio::sync::Mutex;

use crate::credentials;

mod clone;
mod fetch;
mod http;
mod leftovers;
mod listing;
mod names;
mod pack_check;
mod packet;
mod push;
mod read;
mod trouble;
mod write;

use clone::local;
use http::{Remote, Service, Session};
use names::Address;

/// Limits of the remote. A listing has at most 16 MiB and 200,000 lines, the answer to a push
/// 1 MiB.
#[derive(Clone, Copy, Debug)]
pub struct GitLimits {
    /// Maximum silence during a listing.
    pub ask: Duration,
    /// Maximum silence during a transfer of objects.
    pub transfer: Duration,
    /// Maximum time of one operation.
    pub whole: Duration,
    /// Maximum size of the objects of one fetch, in bytes as they are sent.
    pub pack: u64,
    /// Maximum number of objects of one fetch. Each one needs some 200 bytes of memory.
    pub objects: u32,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self {
            ask: Duration::from_secs(30),
            transfer: Duration::from_secs(120),
            whole: Duration::from_secs(30 * 60),
            pack: 4 * 1024 * 1024 * 1024,
            objects: 5_000_000,
        }
    }
}

/// The repository of a profile.
pub struct GitAdapter {
    remote: Remote,
    clone: PathBuf,
    secrets: Arc<dyn Secrets>,
    limits: GitLimits,
    /// One refresh at a time: two would compete for the lock files of the refs.
    refreshing: Arc<Mutex<()>>,
    /// One read of a lock at a time, for the same reason.
    reading: Arc<Mutex<()>>,
}

impl GitAdapter {
    /// An adapter for the repository at `url`. The bare clone is in the folder `clone`, which is
    /// made at first use.
    ///
    /// # Errors
    /// `BadProfile` when the address is not `https://…`, or `http://…` to this computer, or holds a
    /// user or password. `Internal` when this computer's TLS cannot be set up.
    pub fn new(url: &str, clone: PathBuf, secrets: Arc<dyn Secrets>) -> PortResult<Self> {
        leftovers::note_start();
        Ok(Self {
            remote: Remote::new(Address::parse(url)?)?,
            clone,
            secrets,
            limits: GitLimits::default(),
            refreshing: Arc::default(),
            reading: Arc::default(),
        })
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: GitLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Begins an operation at the remote with the saved token. `summary` completes "failed to …".
    async fn session(&self, summary: &'static str) -> PortResult<Session<'_>> {
        let token = credentials::github_token(&*self.secrets, "sign in to the repository").await?;
        Ok(Session::begin(&self.remote, token, self.limits, summary))
    }

    /// Runs `work` on the clone, on a thread for blocking work.
    async fn local<T, F>(&self, work: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Repository) -> PortResult<T> + Send + 'static,
    {
        local(&self.clone, work).await
    }
}

#[async_trait]
impl Git for GitAdapter {
    async fn refresh(&self) -> PortResult<()> {
        let one_at_a_time = Arc::clone(&self.refreshing).lock_owned().await;
        let session = self.session("fetch the repository").await?;
        fetch::refresh(&session, &self.clone, one_at_a_time).await
    }

    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>> {
        let name = names::ref_name(name, &[names::OWN])?;
        let one_at_a_time = Arc::clone(&self.reading).lock_owned().await;
        let session = self.session("read the environment lock of the repository").await?;
        fetch::ref_commit(&session, &self.clone, name, one_at_a_time).await
    }

    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        let session = self.session("list the branches and tags of the repository").await?;
        Ok(listing::list(&session, Service::UploadPack, &[]).await?.refs)
    }

    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>> {
        let id = id.to_owned();
        self.local(move |repo| read::commit(repo, &id)).await
    }

    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>> {
        let id = id.to_owned();
        self.local(move |repo| read::tag(repo, &id)).await
    }

    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        let (base, head) = (base.to_owned(), head.to_owned());
        self.local(move |repo| read::commits_between(repo, &base, &head, limit)).await
    }

    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool> {
        let (ancestor, commit) = (ancestor.to_owned(), commit.to_owned());
        self.local(move |repo| read::is_ancestor(repo, &ancestor, &commit)).await
    }

    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths> {
        let (from, to) = (from.to_owned(), to.to_owned());
        self.local(move |repo| read::changed_paths(repo, &from, &to)).await
    }

    async fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<MergeResult> {
        let (base, head, note) = (base.to_owned(), head.to_owned(), write::Note::new(message, by, keep)?);
        self.local(move |repo| write::merge(repo, &base, &head, &note)).await
    }

    async fn merge_conflicts(&self, base: &str, head: &str) -> PortResult<Vec<String>> {
        let (base, head) = (base.to_owned(), head.to_owned());
        self.local(move |repo| write::merge_conflicts(repo, &base, &head)).await
    }

    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        let (commit, path) = (commit.to_owned(), path.to_owned());
        self.local(move |repo| read::read_file(repo, &commit, &path)).await
    }

    async fn commit_file(
        &self,
        parent: &str,
        path: &str,
        bytes: &[u8],
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        let (parent, path, bytes) = (parent.to_owned(), path.to_owned(), bytes.to_vec());
        let note = write::Note::new(message, by, keep)?;
        self.local(move |repo| write::commit_file(repo, &parent, &path, &bytes, &note)).await
    }

    async fn make_tag(
        &self,
        commit: &str,
        name: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        let (commit, name, note) = (commit.to_owned(), name.to_owned(), write::Note::new(message, by, keep)?);
        self.local(move |repo| write::make_tag(repo, &commit, &name, &note)).await
    }

    async fn commit_message(
        &self,
        parent: Option<&str>,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        let (parent, note) = (parent.map(str::to_owned), write::Note::new(message, by, keep)?);
        self.local(move |repo| write::commit_message(repo, parent.as_deref(), &note)).await
    }

    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        let order = push::Order::new(push)?;
        let session = self.session(push::SUMMARY).await?;
        push::push(&session, &self.clone, order).await
    }
}
