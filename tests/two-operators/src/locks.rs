//! A repository whose environment locks lie on another remote than its branches and tags.

use std::sync::Arc;

use async_trait::async_trait;
use greenlight_engine::ports::{
    ChangedPaths, CommitInfo, Git, MergeResult, PortResult, PushRef, PushResult, RefCommit, RemoteRef, Signature,
    TagInfo,
};

/// Two repositories.
pub struct LocksElsewhere {
    /// The repository of the locks.
    pub locks: Arc<dyn Git>,
    /// The repository of all else.
    pub rest: Arc<dyn Git>,
}

#[async_trait]
impl Git for LocksElsewhere {
    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>> {
        self.locks.ref_commit(name).await
    }

    async fn commit_message(
        &self,
        parent: Option<&str>,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.locks.commit_message(parent, message, by, keep).await
    }

    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        let is_lock = push.name.starts_with("refs/greenlight/");
        if is_lock { self.locks.push(push).await } else { self.rest.push(push).await }
    }

    async fn refresh(&self) -> PortResult<()> {
        self.rest.refresh().await
    }

    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.rest.remote_refs().await
    }

    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>> {
        self.rest.commit(id).await
    }

    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>> {
        self.rest.tag(id).await
    }

    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        self.rest.commits_between(base, head, limit).await
    }

    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool> {
        self.rest.is_ancestor(ancestor, commit).await
    }

    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths> {
        self.rest.changed_paths(from, to).await
    }

    async fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<MergeResult> {
        self.rest.merge(base, head, message, by, keep).await
    }

    async fn merge_conflicts(&self, base: &str, head: &str) -> PortResult<Vec<String>> {
        self.rest.merge_conflicts(base, head).await
    }

    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        self.rest.read_file(commit, path).await
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
        self.rest.commit_file(parent, path, bytes, message, by, keep).await
    }

    async fn make_tag(
        &self,
        commit: &str,
        name: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.rest.make_tag(commit, name, message, by, keep).await
    }
}
