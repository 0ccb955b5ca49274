//! The repository over HTTPS: the app's own bare clone and its remote, with libgit2.
//!
//! Merges, commits and tags are built in memory in that clone; nothing here reads a person's checkout, runs a hook, or
//! listens to the computer's own git settings. What is pushed, when, and what follows from a refusal is decided by the
//! engine. Large files (LFS) are only recognised, never transferred.

use std::{path::PathBuf, sync::Arc, time::Duration};

use async_trait::async_trait;
use git2::Repository;
use greenlight_engine::ports::{
    ChangedPaths, CommitInfo, Git, MergeResult, PortResult, PushRef, PushResult, RemoteRef, SecretText, Secrets,
    Signature, TagInfo,
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
use network::Lines;

/// Connections that may hang at the same time; libgit2 has no way to interrupt one that is silent.
const LINES_AT_ONCE: usize = 6;

/// How long the remote may take.
#[derive(Clone, Copy, Debug)]
pub struct GitLimits {
    /// Longest silence while a listing is asked for.
    pub ask: Duration,
    /// Longest silence while objects are sent or received.
    pub transfer: Duration,
    /// Longest time of one operation, however much is going on.
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
    lines: Lines,
    /// One refresh at a time: two would fight for the locks of the same refs.
    refreshing: Mutex<()>,
}

impl GitAdapter {
    /// An adapter for the repository at `url`, with its bare clone in the directory `clone` (made at first use).
    ///
    /// # Errors
    /// `BadProfile` when the address is not `https://…`, or `http://…` to this computer, or holds a user or password.
    pub fn new(url: &str, clone: PathBuf, secrets: Arc<dyn Secrets>) -> PortResult<Self> {
        leftovers::note_start();
        let lines = Lines::new(Arc::new(Semaphore::new(LINES_AT_ONCE)));
        let address = Address::parse(url)?;
        Ok(Self { address, clone, secrets, limits: GitLimits::default(), lines, refreshing: Mutex::new(()) })
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: GitLimits) -> Self {
        self.limits = limits;
        self
    }

    async fn token(&self) -> PortResult<SecretText> {
        credentials::github_token(&*self.secrets, "sign in to the repository").await
    }

    /// Work on the clone alone, off the async threads.
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
        self.lines
            .run("fetch the repository", self.limits.transfer, self.limits.whole, move |line| {
                network::fetch(&network::open(&clone)?, &address, &token, line)
            })
            .await
    }

    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        let (token, address, clone) = (self.token().await?, self.address.clone(), self.clone.clone());
        self.lines
            .run("list the branches and tags of the repository", self.limits.ask, self.limits.whole, move |line| {
                network::list(&network::open(&clone)?, &address, &token, line)
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

    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        let order = push::Order::new(push)?;
        let (token, address, clone) = (self.token().await?, self.address.clone(), self.clone.clone());
        self.lines
            .run("push to the repository", self.limits.transfer, self.limits.whole, move |line| {
                push::push(&network::open(&clone)?, &address, &token, &order, line)
            })
            .await
    }
}
