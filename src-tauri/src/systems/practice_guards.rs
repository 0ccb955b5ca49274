//! Guards of a practice around the ports that get an address with each call: the host that a person
//! enters, the page that a journal names. A guard refuses every address that is not of the pretend
//! production before anything is sent.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{
    EnvLock, Environment, HostAddress, JobSpec, JobStatus, Launched, LockClaim, Ownership, PortResult, ReadOutput,
    RemoteHost, RevokeReason, Revoked, ScriptStop, Site, SiteAnswer, StopSignal, Submitted,
};
use greenlight_types::{ErrorCode, Failure, RunId};

fn refuse(system: &str, address: &str, allowed: &str) -> Failure {
    Failure::new(ErrorCode::BadInput, format!("reach {system} in practice"))
        .with("field", "address")
        .with("problem", format!("Practice reaches only the pretend {system}, {allowed}."))
        .because(format!("{address} is not part of the pretend production"))
        .hint(format!("Enter {allowed}."))
}

/// Reaches the pretend staging machine only.
pub struct PracticeHostGuard {
    pub inner: Arc<dyn RemoteHost>,
    pub port: u16,
}

impl PracticeHostGuard {
    const ADDRESS: &'static str = "127.0.0.1";

    fn check(&self, address: &str, port: u16) -> PortResult<()> {
        if address == Self::ADDRESS && port == self.port {
            return Ok(());
        }
        let allowed = format!("{} with port {}", Self::ADDRESS, self.port);
        Err(refuse("staging machine", &format!("{address}:{port}"), &allowed))
    }

    fn at(&self, host: &HostAddress) -> PortResult<&dyn RemoteHost> {
        self.check(&host.address, host.port)?;
        Ok(&*self.inner)
    }
}

#[async_trait]
impl RemoteHost for PracticeHostGuard {
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>> {
        self.check(address, port)?;
        self.inner.fingerprints(address, port).await
    }

    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.at(host)?.read(host, command, deadline).await
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.at(host)?.submit(host, job).await
    }

    async fn launch(&self, host: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Launched> {
        self.at(host)?.launch(host, id, lock).await
    }

    async fn stop_script(
        &self,
        host: &HostAddress,
        id: &str,
        lock: &EnvLock,
        signal: StopSignal,
    ) -> PortResult<ScriptStop> {
        self.at(host)?.stop_script(host, id, lock, signal).await
    }

    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        self.at(host)?.environment(host, environment).await
    }

    async fn acquire_lock(
        &self,
        host: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Ownership> {
        self.at(host)?.acquire_lock(host, lock, claim, from).await
    }

    async fn check_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<Ownership> {
        self.at(host)?.check_lock(host, lock).await
    }

    async fn release_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<()> {
        self.at(host)?.release_lock(host, lock).await
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Revoked> {
        self.at(host)?.revoke(host, id, why).await
    }

    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        self.at(host)?.status(host, id).await
    }

    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        self.at(host)?.jobs(host, prefix).await
    }

    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        self.at(host)?.output(host, id, offset, max).await
    }
}

/// Reaches the pretend site only.
pub struct PracticeSiteGuard {
    pub inner: Arc<dyn Site>,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
}

#[async_trait]
impl Site for PracticeSiteGuard {
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        let rest = url.strip_prefix(&self.origin);
        if rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            return Err(refuse("site", url, &self.origin));
        }
        self.inner.get(url).await
    }
}
