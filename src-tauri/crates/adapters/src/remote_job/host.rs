//! The engine's port `RemoteHost`, over a [`Shell`] that runs commands on the staging machine.
//! Knows no connection.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_engine::ports::{
    EnvLock, Environment, HostAddress, JobSpec, JobStatus, Launched, LockClaim, Ownership, PortResult, ReadOutput,
    RemoteHost, RevokeReason, Revoked, ScriptStop, StopSignal, Submitted,
};
use greenlight_types::{Changed, ErrorCode, Failure, Retry, RunId};

use super::{lock, protocol, read::ReadCall, verbs::VerbCall};

/// Deadline of one verb.
const VERB_DEADLINE: Duration = Duration::from_secs(20);

/// Effect of a command on the host. It decides what happens when the connection falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The command is given up at once: the caller can repeat it over another connection.
    Read,
    /// The answer may still arrive, so the call waits until its deadline.
    Change,
}

/// Runs commands on the staging machine.
#[async_trait]
pub trait Shell: Send + Sync {
    /// The fingerprints of the machine's host keys, without sending any authentication.
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>>;
    /// Runs one command with this standard input.
    ///
    /// # Errors
    /// `Changed::Nothing` when the command was not sent yet, else `Changed::Unknown`.
    async fn run(
        &self,
        host: &HostAddress,
        effect: Effect,
        command: &str,
        input: &str,
        deadline: Duration,
    ) -> PortResult<ReadOutput>;
}

/// A host on which the verbs are called.
pub struct JobHost<S> {
    shell: S,
}

impl<S: Shell> JobHost<S> {
    /// The host that this shell reaches.
    #[must_use]
    pub fn over(shell: S) -> Self {
        Self { shell }
    }

    /// Calls a verb and returns the frame of its answer. Uploads the script first when the host
    /// does not have it.
    async fn verb(&self, host: &HostAddress, call: &VerbCall) -> PortResult<String> {
        if let Some(frame) = self.framed(host, call).await? {
            return Ok(frame);
        }
        // The first call did nothing, and the upload starts nothing.
        let uploaded = self.framed(host, &VerbCall::upload()).await.map_err(as_read)?;
        let missing = || Failure::new(ErrorCode::UnreadableAnswer, "put the job verbs on the staging machine");
        uploaded.ok_or_else(missing)?;
        self.framed(host, call).await?.ok_or_else(missing)
    }

    async fn framed(&self, host: &HostAddress, call: &VerbCall) -> PortResult<Option<String>> {
        let output = self.shell.run(host, call.effect, &call.command, &call.input, VERB_DEADLINE).await?;
        protocol::frame(&call.nonce, &output).map_err(|failure| {
            // The script prints both of these before the verb acts.
            let is_certain = matches!(failure.code, ErrorCode::HostReplaced | ErrorCode::HostUnfit);
            if is_certain { failure } else { failure.because(output.err.trim()).changed(Changed::Unknown) }
        })
    }
}

#[async_trait]
impl<S: Shell> RemoteHost for JobHost<S> {
    async fn fingerprints(&self, address: &str, port: u16) -> PortResult<Vec<String>> {
        self.shell.fingerprints(address, port).await
    }

    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        let call = ReadCall::new();
        let printed = self.shell.run(host, Effect::Read, &call.command, command, deadline).await.map_err(as_read)?;
        call.answer(&printed)
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        protocol::submitted(&self.verb(host, &VerbCall::submit(host, job)?).await?)
    }

    async fn launch(&self, host: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Launched> {
        protocol::launched(&self.verb(host, &VerbCall::launch(host, id, lock)?).await?)
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Revoked> {
        protocol::revoked(&self.verb(host, &VerbCall::revoke(host, id, why)?).await?)
    }

    async fn stop_script(
        &self,
        host: &HostAddress,
        id: &str,
        lock: &EnvLock,
        signal: StopSignal,
    ) -> PortResult<ScriptStop> {
        protocol::stopped(&self.verb(host, &VerbCall::stop(host, id, lock, signal)?).await?)
    }

    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        let frame = self.verb(host, &VerbCall::holder(host, environment)?).await.map_err(as_read)?;
        lock::environment(&frame)
    }

    async fn acquire_lock(
        &self,
        host: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Ownership> {
        lock::held(&self.verb(host, &VerbCall::acquire(host, lock, claim, from)?).await?)
    }

    async fn check_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<Ownership> {
        lock::held(&self.verb(host, &VerbCall::check(host, lock)?).await.map_err(as_read)?)
    }

    async fn release_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<()> {
        self.verb(host, &VerbCall::release(host, lock)?).await.map(drop)
    }

    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        let frame = self.verb(host, &VerbCall::status(host, id)?).await.map_err(as_read)?;
        protocol::status(id, &frame)
    }

    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        let frame = self.verb(host, &VerbCall::list(host, prefix)?).await.map_err(as_read)?;
        protocol::statuses(&frame)
    }

    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        let call = VerbCall::output(host, id, offset, max.min(128 * 1024))?;
        let frame = self.verb(host, &call).await.map_err(as_read)?;
        protocol::output(&frame, offset)
    }
}

/// A lost answer of a read changed nothing.
fn as_read(failure: Failure) -> Failure {
    Failure { changed: Changed::Nothing, retry: Retry::Safe, ..failure }
}
