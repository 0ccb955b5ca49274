//! The repository over HTTPS: a bare clone of the app and its remote, with libgit2.
//!
//! Merges, commits and tags are built in that clone, without a working tree. The adapter reads no
//! checkout of a person, runs no hook and ignores the git settings of the computer. The engine
//! decides about pushes and refusals. Large files (LFS) are recognised, but never transferred.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use git2::Repository;
use greenlight_engine::ports::{
    ChangedPaths, CommitInfo, Git, MergeResult, PortResult, PushRef, PushResult, RefCommit, RemoteRef, SecretText,
    Secrets, Signature, TagInfo,
};
use greenlight_types::{ErrorCode, Failure};
use tokio::sync::{Mutex, Semaphore};

use crate::credentials;

mod leftovers;
mod names;
mod network;
mod push;
mod read;
mod trouble;
mod write;

use names::Address;
use network::CallThreads;

/// Maximum number of connections that hang at once. libgit2 cannot interrupt a silent one.
const CALLS_MAX: usize = 6;

/// Time limits of the remote.
#[derive(Clone, Copy, Debug)]
pub struct GitLimits {
    /// Maximum silence during a listing.
    pub ask: Duration,
    /// Maximum silence during a transfer of objects.
    pub transfer: Duration,
    /// Maximum time of one operation.
    pub whole: Duration,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self { ask: Duration::from_secs(30), transfer: Duration::from_secs(120), whole: Duration::from_secs(30 * 60) }
    }
}

/// The repository of a profile.
pub struct GitAdapter {
    address: Address,
    clone: PathBuf,
    secrets: Arc<dyn Secrets>,
    limits: GitLimits,
    calls: CallThreads,
    /// One refresh at a time: two would compete for the lock files of the refs.
    refreshing: Mutex<()>,
    /// One read of a lock at a time, for the same reason.
    reading: Mutex<()>,
}

impl GitAdapter {
    /// An adapter for the repository at `url`. The bare clone is in the folder `clone`, which is
    /// made at first use.
    ///
    /// # Errors
    /// `BadProfile` when the address is not `https://…`, or `http://…` to this computer, or holds a
    /// user or password.
    pub fn new(url: &str, clone: PathBuf, secrets: Arc<dyn Secrets>) -> PortResult<Self> {
        leftovers::note_start();
        let calls = CallThreads::new(Arc::new(Semaphore::new(CALLS_MAX)));
        let address = Address::parse(url)?;
        Ok(Self {
            address,
            clone,
            secrets,
            limits: GitLimits::default(),
            calls,
            refreshing: Mutex::new(()),
            reading: Mutex::new(()),
        })
    }

    /// Replaces the limits.
    #[must_use]
    pub fn with_limits(mut self, limits: GitLimits) -> Self {
        self.limits = limits;
        self
    }

    async fn token(&self) -> PortResult<SecretText> {
        credentials::github_token(&*self.secrets, "sign in to the repository").await
    }

    /// Runs `work` on the clone, on a thread for blocking work.
    async fn local<T, F>(&self, work: F) -> PortResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&Repository) -> PortResult<T> + Send + 'static,
    {
        let clone = self.clone.clone();
        tokio::task::spawn_blocking(move || work(&network::open(&clone)?)).await.unwrap_or_else(|error| {
            Err(Failure::new(ErrorCode::Internal, "work on the copy of the repository").because(error))
        })
    }
}

#[async_trait]
impl Git for GitAdapter {
    async fn refresh(&self) -> PortResult<()> {
        let _one = self.refreshing.lock().await;
        let (token, address, clone) = (self.token().await?, self.address.clone(), self.clone.clone());
        self.calls
            .run("fetch the repository", self.limits.transfer, self.limits.whole, move |call| {
                network::fetch(&network::open(&clone)?, &address, &token, call)
            })
            .await
    }

    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>> {
        let name = names::ref_name(name, &[names::OWN])?;
        let _one = self.reading.lock().await;
        let (token, address, clone) = (self.token().await?, self.address.clone(), self.clone.clone());
        self.calls
            .run("read the environment lock of the repository", self.limits.ask, self.limits.whole, move |call| {
                network::ref_commit(&network::open(&clone)?, &address, &token, &name, call)
            })
            .await
    }

    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        let (token, address, clone) = (self.token().await?, self.address.clone(), self.clone.clone());
        self.calls
            .run("list the branches and tags of the repository", self.limits.ask, self.limits.whole, move |call| {
                network::list(&network::open(&clone)?, &address, &token, call)
            })
            .await
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
        let (token, address, clone) = (self.token().await?, self.address.clone(), self.clone.clone());
        self.calls
            .run("push to the repository", self.limits.transfer, self.limits.whole, move |call| {
                push::push(&network::open(&clone)?, &address, &token, &order, call)
            })
            .await
    }
}
