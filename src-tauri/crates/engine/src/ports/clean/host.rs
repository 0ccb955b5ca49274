//! The staging machine without secrets in its texts. Output of jobs is bytes, which the reader
//! cleans line by line with [`crate::redact::Stream`]; an offset counts the bytes of the machine.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{LockOwner, RunId};

use super::decorator::Clean;
use crate::{
    ports::{
        EnvLock, Environment, HostAddress, JobSpec, JobState, JobStatus, Launched, LockClaim, Ownership, PortResult,
        ReadOutput, RemoteHost, RevokeReason, Revoked, ScriptStop, StopSignal, Submitted,
    },
    redact::Redactor,
};

fn holder(redactor: &Redactor, holder: Option<&mut LockOwner>) {
    if let Some(holder) = holder {
        redactor.clean(&mut holder.reason);
    }
}

fn held(redactor: &Redactor, held: &mut Ownership) {
    match held {
        Ownership::NotOurs(other) => holder(redactor, other.as_mut()),
        Ownership::Ours => {}
    }
}

fn job(redactor: &Redactor, job: &mut JobStatus) {
    match &mut job.state {
        JobState::Lost { why } => redactor.clean(why),
        JobState::Absent
        | JobState::NotStarted
        | JobState::Busy
        | JobState::Expired
        | JobState::Revoked(_)
        | JobState::Running
        | JobState::Orphaned
        | JobState::Finished { .. } => {}
    }
}

#[async_trait]
impl RemoteHost for Clean<dyn RemoteHost> {
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>> {
        self.clean_failure(self.inner.fingerprints(address, port).await)
    }

    /// Standard output is parsed; the reader cleans the part that it keeps or shows.
    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.cleaned(self.inner.read(host, command, deadline).await, |redactor, read| redactor.clean(&mut read.err))
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.cleaned(self.changing(self.inner.submit(host, job)).await, |redactor, submitted| match submitted {
            Submitted::NotOwner(other) => holder(redactor, other.as_mut()),
            Submitted::New | Submitted::Same | Submitted::Conflict | Submitted::Revoked | Submitted::Unfinished => {}
        })
    }

    async fn launch(&self, host: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Launched> {
        self.cleaned(self.changing(self.inner.launch(host, id, lock)).await, |redactor, launched| match launched {
            Launched::NotOwner(other) => holder(redactor, other.as_mut()),
            Launched::Ordered => {}
        })
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Revoked> {
        self.clean_failure(self.changing(self.inner.revoke(host, id, why)).await)
    }

    async fn stop_script(
        &self,
        host: &HostAddress,
        id: &str,
        lock: &EnvLock,
        signal: StopSignal,
    ) -> PortResult<ScriptStop> {
        self.cleaned(self.changing(self.inner.stop_script(host, id, lock, signal)).await, |redactor, stopped| {
            match stopped {
                ScriptStop::NotOwner(other) => holder(redactor, other.as_mut()),
                ScriptStop::Signalled
                | ScriptStop::NotRunning
                | ScriptStop::TooEarly
                | ScriptStop::OtherUser { .. } => {}
            }
        })
    }

    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        self.cleaned(self.inner.environment(host, environment).await, |redactor, found| {
            holder(redactor, found.owner.as_mut());
        })
    }

    async fn acquire_lock(
        &self,
        host: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Ownership> {
        self.cleaned(self.changing(self.inner.acquire_lock(host, lock, claim, from)).await, held)
    }

    async fn check_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<Ownership> {
        self.cleaned(self.inner.check_lock(host, lock).await, held)
    }

    async fn release_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<()> {
        self.clean_failure(self.changing(self.inner.release_lock(host, lock)).await)
    }

    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        self.cleaned(self.inner.status(host, id).await, job)
    }

    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        self.cleaned(self.inner.jobs(host, prefix).await, |redactor, jobs| {
            jobs.iter_mut().for_each(|one| job(redactor, one));
        })
    }

    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        self.clean_failure(self.inner.output(host, id, offset, max).await)
    }
}
