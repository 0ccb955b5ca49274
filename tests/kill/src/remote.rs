//! The engine's ports in the app's process. Each call is one request and one answer over the link.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{
    AwsIdentity, BuildJob, BuildRun, Builds, ChangedPaths, Clock, CloudIdentity, CommitInfo, Dispatch, Environment,
    Git, GithubIdentity, Held, Hold, HostAddress, Image, Images, JobSpec, JobStatus, Launched, LogPage, Logs,
    MergeResult, PortResult, PushRef, PushResult, RawPorts, ReadOutput, RemoteHost, RemoteRef, Revoked,
    ServiceSnapshot, Services, Signature, Site, SiteAnswer, Submitted, TagInfo, Taker, TaskDefinition, TaskDefinitions,
    TaskSnapshot, Why,
};
use greenlight_types::{RunId, Timestamp};
use serde_json::Value;

use crate::{link::Link, wired::Wired};

/// Ports at the other end of a link.
#[derive(Clone)]
pub struct Remote(pub Arc<Link>);

impl Remote {
    /// Returns the engine's ports.
    #[must_use]
    pub fn ports(self, clock: Arc<dyn Clock>) -> RawPorts {
        let all = Arc::new(self);
        RawPorts {
            git: all.clone(),
            builds: all.clone(),
            task_definitions: all.clone(),
            services: all.clone(),
            images: all.clone(),
            logs: all.clone(),
            identity: all.clone(),
            host: all.clone(),
            site: all,
            clock,
        }
    }

    async fn ask<T: Wired>(&self, name: &'static str, args: impl Wired) -> PortResult<T> {
        self.0.ask(name, args.put()).await
    }
}

#[async_trait]
impl Git for Remote {
    async fn refresh(&self) -> PortResult<()> {
        self.ask("git.refresh", ()).await
    }
    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.ask("git.remote_refs", ()).await
    }
    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>> {
        self.ask("git.commit", (id.to_owned(),)).await
    }
    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>> {
        self.ask("git.tag", (id.to_owned(),)).await
    }
    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        self.ask("git.commits_between", (base.to_owned(), head.to_owned(), limit)).await
    }
    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool> {
        self.ask("git.is_ancestor", (ancestor.to_owned(), commit.to_owned())).await
    }
    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths> {
        self.ask("git.changed_paths", (from.to_owned(), to.to_owned())).await
    }
    async fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<MergeResult> {
        let args = (base.to_owned(), head.to_owned(), message.to_owned(), by.clone(), keep.to_owned());
        self.ask("git.merge", args).await
    }
    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        self.ask("git.read_file", (commit.to_owned(), path.to_owned())).await
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
        let (message, keep) = (message.to_owned(), keep.to_owned());
        let args = (parent.to_owned(), path.to_owned(), bytes.to_vec(), message, by.clone(), keep);
        self.ask("git.commit_file", args).await
    }
    async fn make_tag(
        &self,
        commit: &str,
        name: &str,
        message: &str,
        by: &Signature,
        keep: &str,
    ) -> PortResult<String> {
        let args = (commit.to_owned(), name.to_owned(), message.to_owned(), by.clone(), keep.to_owned());
        self.ask("git.make_tag", args).await
    }
    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        self.ask("git.push", (push.clone(),)).await
    }
}

#[async_trait]
impl Builds for Remote {
    async fn whoami(&self) -> PortResult<GithubIdentity> {
        self.ask("builds.whoami", ()).await
    }
    async fn workflow(&self, workflow: &str) -> PortResult<Option<String>> {
        self.ask("builds.workflow", (workflow.to_owned(),)).await
    }
    async fn dispatch(&self, dispatch: &Dispatch) -> PortResult<Option<String>> {
        self.ask("builds.dispatch", (dispatch.clone(),)).await
    }
    async fn dispatched_runs(
        &self,
        workflow: &str,
        head_sha: Option<&str>,
        since: &Timestamp,
    ) -> PortResult<Vec<BuildRun>> {
        self.ask("builds.dispatched_runs", (workflow.to_owned(), head_sha.map(str::to_owned), *since)).await
    }
    async fn run(&self, id: &str) -> PortResult<Option<BuildRun>> {
        self.ask("builds.run", (id.to_owned(),)).await
    }
    async fn jobs(&self, run: &str) -> PortResult<Vec<BuildJob>> {
        self.ask("builds.jobs", (run.to_owned(),)).await
    }
}

#[async_trait]
impl TaskDefinitions for Remote {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        self.ask("task_definitions.describe", (name.to_owned(),)).await
    }
    async fn register(&self, body: &Value) -> PortResult<TaskDefinition> {
        self.ask("task_definitions.register", (body.clone(),)).await
    }
}

#[async_trait]
impl Services for Remote {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        self.ask("services.describe", ()).await
    }
    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.ask("services.tasks", ()).await
    }
}

#[async_trait]
impl Images for Remote {
    async fn find(&self, tag: &str) -> PortResult<Option<Image>> {
        self.ask("images.find", (tag.to_owned(),)).await
    }
    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>> {
        self.ask("images.tags_may_be_overwritten", ()).await
    }
}

#[async_trait]
impl Logs for Remote {
    async fn page(&self, from_ms: i64, token: Option<&str>) -> PortResult<LogPage> {
        self.ask("logs.page", (from_ms, token.map(str::to_owned))).await
    }
}

#[async_trait]
impl CloudIdentity for Remote {
    async fn whoami(&self) -> PortResult<AwsIdentity> {
        self.ask("identity.whoami", ()).await
    }
}

#[async_trait]
impl Site for Remote {
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        self.ask("site.get", (url.to_owned(),)).await
    }
}

#[async_trait]
impl RemoteHost for Remote {
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String> {
        self.ask("host.fingerprint", (address.to_owned(), port)).await
    }
    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.ask("host.read", (host.clone(), command.to_owned(), deadline)).await
    }
    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.ask("host.submit", (host.clone(), job.clone())).await
    }
    async fn launch(&self, host: &HostAddress, id: &str, hold: &Hold) -> PortResult<Launched> {
        self.ask("host.launch", (host.clone(), id.to_owned(), hold.clone())).await
    }
    async fn revoke(&self, host: &HostAddress, id: &str, why: Why) -> PortResult<Revoked> {
        self.ask("host.revoke", (host.clone(), id.to_owned(), why)).await
    }
    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        self.ask("host.environment", (host.clone(), environment.to_owned())).await
    }
    async fn hold(&self, host: &HostAddress, hold: &Hold, taker: &Taker, from: Option<&RunId>) -> PortResult<Held> {
        self.ask("host.hold", (host.clone(), hold.clone(), taker.clone(), from.cloned())).await
    }
    async fn still_holds(&self, host: &HostAddress, hold: &Hold) -> PortResult<Held> {
        self.ask("host.still_holds", (host.clone(), hold.clone())).await
    }
    async fn leave(&self, host: &HostAddress, hold: &Hold) -> PortResult<()> {
        self.ask("host.leave", (host.clone(), hold.clone())).await
    }
    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        self.ask("host.status", (host.clone(), id.to_owned())).await
    }
    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        self.ask("host.jobs", (host.clone(), prefix.to_owned())).await
    }
    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        self.ask("host.output", (host.clone(), id.to_owned(), offset, max)).await
    }
}
