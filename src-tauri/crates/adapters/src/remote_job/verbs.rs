//! The staging machine's job verbs over whatever runs a command there. It knows no connection.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_engine::ports::{
    Environment, Held, Hold, HostAddress, JobSpec, JobStatus, Launched, PortResult, ReadOutput, RemoteHost, Revoked,
    Submitted, Taker, Why,
};
use greenlight_types::{Changed, ErrorCode, Failure, Retry, RunId};

use super::{self as read, Call};

/// Deadline of one job verb.
const VERB: Duration = Duration::from_secs(20);

/// What a command does to the machine, and so what may be done when nothing is heard of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Does {
    /// It may be asked again at once, over another connection.
    Read,
    /// Its answer is waited for as long as its deadline lasts.
    Change,
}

/// Runs commands on the staging machine.
#[async_trait]
pub trait Shell: Send + Sync {
    /// The fingerprint that the machine presents, without sending any authentication.
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String>;
    /// Runs one command with this standard input. What fails before the command was sent changed nothing; what fails after
    /// it may have (`Changed::Unknown`).
    async fn run(
        &self,
        host: &HostAddress,
        does: Does,
        command: &str,
        input: &str,
        deadline: Duration,
    ) -> PortResult<ReadOutput>;
}

/// A machine with the job verbs.
pub struct JobHost<S> {
    shell: S,
}

impl<S: Shell> JobHost<S> {
    /// The machine that this shell reaches.
    #[must_use]
    pub fn over(shell: S) -> Self {
        Self { shell }
    }

    /// One job verb and its frame. A machine that does not have the verbs yet gets them and is asked once more.
    async fn verb(&self, host: &HostAddress, call: &Call) -> PortResult<String> {
        if let Some(frame) = self.framed(host, call).await? {
            return Ok(frame);
        }
        // Without the verbs nothing was done, and putting them there starts nothing.
        let uploaded = self.framed(host, &Call::upload()).await.map_err(as_read)?;
        let missing = || Failure::new(ErrorCode::UnreadableAnswer, "put the job verbs on the staging machine");
        uploaded.ok_or_else(missing)?;
        self.framed(host, call).await?.ok_or_else(missing)
    }

    async fn framed(&self, host: &HostAddress, call: &Call) -> PortResult<Option<String>> {
        let output = self.shell.run(host, call.does, &call.command, &call.input, VERB).await?;
        call.frame(&output.out).map_err(|failure| {
            // Both are said before the verb acts: nothing was done.
            let is_certain = matches!(failure.code, ErrorCode::HostReplaced | ErrorCode::HostUnfit);
            if is_certain { failure } else { failure.because(output.err.trim()).changed(Changed::Unknown) }
        })
    }
}

#[async_trait]
impl<S: Shell> RemoteHost for JobHost<S> {
    async fn fingerprint(&self, address: &str, port: u16) -> PortResult<String> {
        self.shell.fingerprint(address, port).await
    }

    async fn read(&self, host: &HostAddress, command: &str, deadline: Duration) -> PortResult<ReadOutput> {
        self.shell.run(host, Does::Read, command, "", deadline).await.map_err(as_read)
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        read::submitted(&self.verb(host, &Call::submit(host, job)?).await?)
    }

    async fn launch(&self, host: &HostAddress, id: &str, hold: &Hold) -> PortResult<Launched> {
        read::launched(&self.verb(host, &Call::launch(host, id, hold)?).await?)
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: Why) -> PortResult<Revoked> {
        read::revoked(&self.verb(host, &Call::revoke(host, id, why)?).await?)
    }

    async fn environment(&self, host: &HostAddress, environment: &str) -> PortResult<Environment> {
        let frame = self.verb(host, &Call::holder(host, environment)?).await.map_err(as_read)?;
        read::environment(&frame)
    }

    async fn hold(&self, host: &HostAddress, hold: &Hold, taker: &Taker, from: Option<&RunId>) -> PortResult<Held> {
        read::held(&self.verb(host, &Call::hold(host, hold, taker, from)?).await?)
    }

    async fn still_holds(&self, host: &HostAddress, hold: &Hold) -> PortResult<Held> {
        read::held(&self.verb(host, &Call::still(host, hold)?).await.map_err(as_read)?)
    }

    async fn leave(&self, host: &HostAddress, hold: &Hold) -> PortResult<()> {
        self.verb(host, &Call::leave(host, hold)?).await.map(drop)
    }

    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        let frame = self.verb(host, &Call::status(host, id)?).await.map_err(as_read)?;
        read::status(id, &frame)
    }

    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        let frame = self.verb(host, &Call::list(host, prefix)?).await.map_err(as_read)?;
        read::statuses(&frame)
    }

    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        let call = Call::output(host, id, offset, max.min(128 * 1024))?;
        let frame = self.verb(host, &call).await.map_err(as_read)?;
        read::output(&frame, offset)
    }
}

/// A verb that only reads changed nothing, whatever became of its answer.
fn as_read(failure: Failure) -> Failure {
    Failure { changed: Changed::Nothing, retry: Retry::Safe, ..failure }
}
