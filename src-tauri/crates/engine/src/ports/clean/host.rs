//! The staging machine without secrets in its texts. Output of jobs is bytes, which the reader
//! cleans line by line with [`crate::redact::Stream`]; an offset counts the bytes of the machine.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{Holder, RunId};

use super::decorator::Clean;
use crate::{
    ports::{
        Environment, Held, Hold, HostAddress, JobSpec, JobState, JobStatus, Launched, PortResult, ReadOutput,
        RemoteHost, Revoked, Submitted, Taker, Why,
    },
    redact::Redactor,
};

fn holder(redactor: &Redactor, holder: Option<&mut Holder>) {
    if let Some(holder) = holder {
        redactor.clean(&mut holder.reason);
    }
}

fn held(redactor: &Redactor, held: &mut Held) {
    match held {
        Held::NotOurs(other) => holder(redactor, other.as_mut()),
        Held::Ours => {}
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
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String> {
        self.told(self.inner.fingerprint(address, port).await)
    }

    /// Standard output is parsed; the reader cleans the part that it keeps or shows.
    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.cleaned(self.inner.read(host, command, deadline).await, |redactor, read| redactor.clean(&mut read.err))
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.cleaned(self.inner.submit(host, job).await, |redactor, submitted| match submitted {
            Submitted::NotHeld(other) => holder(redactor, other.as_mut()),
            Submitted::New | Submitted::Same | Submitted::Conflict | Submitted::Revoked | Submitted::Unfinished => {}
        })
    }

    async fn launch(&self, host: &HostAddress, id: &str, hold: &Hold) -> PortResult<Launched> {
        self.cleaned(self.inner.launch(host, id, hold).await, |redactor, launched| match launched {
            Launched::NotHeld(other) => holder(redactor, other.as_mut()),
            Launched::Ordered => {}
        })
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: Why) -> PortResult<Revoked> {
        self.told(self.inner.revoke(host, id, why).await)
    }

    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        self.cleaned(self.inner.environment(host, environment).await, |redactor, found| {
            holder(redactor, found.holder.as_mut());
        })
    }

    async fn hold(&self, host: &HostAddress, hold: &Hold, taker: &Taker, from: Option<&RunId>) -> PortResult<Held> {
        self.cleaned(self.inner.hold(host, hold, taker, from).await, held)
    }

    async fn still_holds(&self, host: &HostAddress, hold: &Hold) -> PortResult<Held> {
        self.cleaned(self.inner.still_holds(host, hold).await, held)
    }

    async fn leave(&self, host: &HostAddress, hold: &Hold) -> PortResult<()> {
        self.told(self.inner.leave(host, hold).await)
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
        self.told(self.inner.output(host, id, offset, max).await)
    }
}
