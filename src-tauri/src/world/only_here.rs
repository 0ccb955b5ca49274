//! Guards of a practice around what takes an address at each call: a staging machine that a person types, a page that an
//! old record names. Whatever is not the pretend production's own is refused before anything is sent.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use greenlight_engine::ports::{
    Environment, Held, Hold, HostAddress, JobSpec, JobStatus, Launched, PortResult, ReadOutput, RemoteHost, Revoked,
    Site, SiteAnswer, Submitted, Taker, Why,
};
use greenlight_types::{ErrorCode, Failure, RunId};

fn refuse(what: &str, named: &str, there_is: &str) -> Failure {
    Failure::new(ErrorCode::BadInput, format!("reach {what} in practice"))
        .with("field", "address")
        .with("problem", format!("Practice reaches only the pretend {what}, {there_is}."))
        .because(format!("{named} is not part of the pretend production"))
        .hint(format!("Enter {there_is}."))
}

/// The pretend staging machine, and no other.
pub struct OnlyMachine {
    pub inner: Arc<dyn RemoteHost>,
    pub port: u16,
}

impl OnlyMachine {
    const ADDRESS: &'static str = "127.0.0.1";

    fn check(&self, address: &str, port: u16) -> PortResult<()> {
        if address == Self::ADDRESS && port == self.port {
            return Ok(());
        }
        let there_is = format!("{} with port {}", Self::ADDRESS, self.port);
        Err(refuse("staging machine", &format!("{address}:{port}"), &there_is))
    }

    fn at(&self, host: &HostAddress) -> PortResult<&dyn RemoteHost> {
        self.check(&host.address, host.port)?;
        Ok(&*self.inner)
    }
}

#[async_trait]
impl RemoteHost for OnlyMachine {
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String> {
        self.check(address, port)?;
        self.inner.fingerprint(address, port).await
    }

    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.at(host)?.read(host, command, deadline).await
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.at(host)?.submit(host, job).await
    }

    async fn launch(&self, host: &HostAddress, id: &str, hold: &Hold) -> PortResult<Launched> {
        self.at(host)?.launch(host, id, hold).await
    }

    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        self.at(host)?.environment(host, environment).await
    }

    async fn hold(&self, host: &HostAddress, hold: &Hold, taker: &Taker, from: Option<&RunId>) -> PortResult<Held> {
        self.at(host)?.hold(host, hold, taker, from).await
    }

    async fn still_holds(&self, host: &HostAddress, hold: &Hold) -> PortResult<Held> {
        self.at(host)?.still_holds(host, hold).await
    }

    async fn leave(&self, host: &HostAddress, hold: &Hold) -> PortResult<()> {
        self.at(host)?.leave(host, hold).await
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: Why) -> PortResult<Revoked> {
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

/// The pretend site, and no other.
pub struct OnlySite {
    pub inner: Arc<dyn Site>,
    /// `http://127.0.0.1:PORT`.
    pub origin: String,
}

#[async_trait]
impl Site for OnlySite {
    async fn get(&self, url: &str) -> PortResult<SiteAnswer> {
        let rest = url.strip_prefix(&self.origin);
        if rest.is_none_or(|rest| !rest.is_empty() && !rest.starts_with('/')) {
            return Err(refuse("site", url, &self.origin));
        }
        self.inner.get(url).await
    }
}
