//! The repository and the site without secrets in their texts.

use async_trait::async_trait;

use super::decorator::Clean;
use crate::{
    ports::{
        ChangedPaths, CommitInfo, Git, MergeResult, PortResult, PushRef, PushResult, RefCommit, RemoteRef, Signature,
        Site, SiteAnswer, TagInfo,
    },
    redact::Redactor,
};

fn commit(redactor: &Redactor, commit: &mut CommitInfo) {
    redactor.clean(&mut commit.summary);
    redactor.clean(&mut commit.author);
}

#[async_trait]
impl Git for Clean<dyn Git> {
    async fn refresh(&self) -> PortResult<()> {
        self.clean_failure(self.inner.refresh().await)
    }

    /// The message is parsed; its reader cleans the words in it.
    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>> {
        self.clean_failure(self.inner.ref_commit(name).await)
    }

    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.clean_failure(self.inner.remote_refs().await)
    }

    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>> {
        self.cleaned(self.inner.commit(id).await, |redactor, found| {
            found.iter_mut().for_each(|one| commit(redactor, one));
        })
    }

    /// The message is parsed; its reader cleans the names in it.
    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>> {
        self.clean_failure(self.inner.tag(id).await)
    }

    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        self.cleaned(self.inner.commits_between(base, head, limit).await, |redactor, (commits, _)| {
            commits.iter_mut().for_each(|one| commit(redactor, one));
        })
    }

    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool> {
        self.clean_failure(self.inner.is_ancestor(ancestor, commit).await)
    }

    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths> {
        self.clean_failure(self.inner.changed_paths(from, to).await)
    }

    async fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<MergeResult> {
        self.clean_failure(self.inner.merge(base, head, message, by, keep).await)
    }

    async fn merge_conflicts(&self, base: &str, head: &str) -> PortResult<Vec<String>> {
        self.clean_failure(self.inner.merge_conflicts(base, head).await)
    }

    /// The bytes are not cleaned, because the app writes them back. The step cleans the difference
    /// that it shows.
    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        self.clean_failure(self.inner.read_file(commit, path).await)
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
        self.clean_failure(self.inner.commit_file(parent, path, bytes, message, by, keep).await)
    }

    async fn make_tag(
        &self,
        commit: &str,
        name: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.clean_failure(self.inner.make_tag(commit, name, message, by, keep).await)
    }

    async fn commit_message(
        &self,
        parent: Option<&str>,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        self.clean_failure(self.inner.commit_message(parent, message, by, keep).await)
    }

    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        self.cleaned(self.changing(self.inner.push(push)).await, |redactor, result| match result {
            PushResult::Refused { reason } => redactor.clean(reason),
            PushResult::Accepted | PushResult::Moved { .. } => {}
        })
    }
}

#[async_trait]
impl Site for Clean<dyn Site> {
    /// The body is not cleaned, because a step searches it for a version. The step cleans the part
    /// that it shows.
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        self.clean_failure(self.inner.get(url).await)
    }
}
