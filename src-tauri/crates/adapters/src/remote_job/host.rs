//! The engine's port `RemoteHost`, over a [`Shell`] that runs commands on the staging machine, and
//! the command line of each job verb. Knows no connection, and parses no answer of a verb.

use std::{sync::LazyLock, time::Duration};

use async_trait::async_trait;
use greenlight_engine::{
    ports::{
        EnvLock, Environment, HostAddress, JobSpec, JobStatus, Launched, LockClaim, Ownership, PortResult, ReadOutput,
        RemoteHost, RevokeReason, Revoked, ScriptStop, StopSignal, Submitted,
    },
    step::hex,
};
use greenlight_types::{Changed, ErrorCode, Failure, Retry, RunId};
use sha2::{Digest, Sha256};

use super::{lock, protocol, read::ReadCall};

/// Deadline of one verb.
const VERB_DEADLINE: Duration = Duration::from_secs(20);

const SCRIPT: &str = include_str!("job.sh");

/// The script's hash is its file name on the host, so an app never runs the verbs of another
/// version.
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(SCRIPT)));

/// Maximum size of a job script, in bytes.
const JOB_SCRIPT_MAX: usize = 64 * 1024;

/// Behaviour of a command when the connection falls silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnSilence {
    /// For a command that the caller can repeat over another connection.
    GiveUp,
    /// For a change, whose answer may still arrive.
    WaitForDeadline,
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
        on_silence: OnSilence,
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
        let output = self.shell.run(host, call.on_silence, &call.command, &call.input, VERB_DEADLINE).await?;
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
        let printed =
            self.shell.run(host, OnSilence::GiveUp, &call.command, command, deadline).await.map_err(as_read)?;
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

/// One call of a verb.
pub(super) struct VerbCall {
    /// Command line for any login shell: it has one word in single quotes, and that word contains
    /// no single quote.
    pub(super) command: String,
    /// Standard input.
    pub(super) input: String,
    pub(super) on_silence: OnSilence,
    /// Marks the frame of this call's answer.
    pub(super) nonce: String,
}

impl VerbCall {
    fn new(at: &HostAddress, verb: &str, id: &str, more: &[&str]) -> PortResult<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let machine = if at.machine_id.is_empty() { "any" } else { &at.machine_id };
        for word in [id, machine].iter().chain(more) {
            if word.is_empty() || word.len() > 100 || !word.chars().all(is_plain) || word.starts_with(['.', '-']) {
                return Err(Failure::new(
                    ErrorCode::BadInput,
                    format!("name a job {word:?}: letters, digits, dots and dashes only"),
                ));
            }
        }
        let nonce = format!("{:032x}", rand::random::<u128>());
        let arguments: String = more.iter().map(|one| format!(" {one}")).collect();
        let hash = &*SCRIPT_HASH;
        let command = format!(
            "sh -c 'h=$HOME/.greenlight/helper/{hash}.sh; \
             s=$(sha256sum < \"$h\" 2>/dev/null); [ \"${{s%% *}}\" = {hash} ] && exec sh \"$h\" {nonce} {verb} {id} {machine}{arguments}; \
             echo; echo \"<<<JOB:{nonce}\"; echo nohelper; echo \"JOB:{nonce}>>>\"'"
        );
        let on_silence = match verb {
            "status" | "list" | "output" | "holder" | "still" => OnSilence::GiveUp,
            _ => OnSilence::WaitForDeadline,
        };
        Ok(Self { command, input: String::new(), on_silence, nonce })
    }

    /// Uploads the script. A file that was damaged on the way is never put in place.
    pub(super) fn upload() -> Self {
        let (hash, nonce) = (&*SCRIPT_HASH, format!("{:032x}", rand::random::<u128>()));
        let command = format!(
            "sh -c 'umask 077; d=$HOME/.greenlight/helper; mkdir -p \"$d\" && t=$(mktemp \"$d/new.XXXXXXXX\") && \
             cat > \"$t\" && [ \"$(sha256sum < \"$t\" | cut -c1-64)\" = {hash} ] && sync \"$t\" && \
             mv -T \"$t\" \"$d/{hash}.sh\" && sync \"$d\" && s=uploaded; rm -f \"$t\"; \
             echo; echo \"<<<JOB:{nonce}\"; echo \"${{s:-damaged}}\"; echo \"JOB:{nonce}>>>\"'"
        );
        // The upload is idempotent, because the file is named by its hash.
        Self { command, input: SCRIPT.to_owned(), on_silence: OnSilence::GiveUp, nonce }
    }

    pub(super) fn submit(at: &HostAddress, job: &JobSpec) -> PortResult<Self> {
        if job.script.is_empty() || job.script.len() > JOB_SCRIPT_MAX {
            return Err(Failure::new(ErrorCode::BadInput, "put an empty or too large script on the machine"));
        }
        let (sha, seconds) = (hex(&Sha256::digest(&job.script)), job.starts_within.as_secs().to_string());
        let words = [sha.as_str(), &seconds, &job.mutex, &job.lock.environment, &job.lock.run.0];
        Ok(Self { input: job.script.clone(), ..Self::new(at, "submit", &job.id, &words)? })
    }

    pub(super) fn launch(at: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Self> {
        Self::new(at, "launch", id, &[&lock.environment, &lock.run.0])
    }

    pub(super) fn revoke(at: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Self> {
        Self::new(at, "revoke", id, &[revoke_reason(why)])
    }

    pub(super) fn stop(at: &HostAddress, id: &str, lock: &EnvLock, signal: StopSignal) -> PortResult<Self> {
        let signal = match signal {
            StopSignal::Terminate => "TERM",
            StopSignal::Kill => "KILL",
        };
        Self::new(at, "stop", id, &[&lock.environment, &lock.run.0, signal])
    }

    pub(super) fn status(at: &HostAddress, id: &str) -> PortResult<Self> {
        Self::new(at, "status", id, &[])
    }

    pub(super) fn list(at: &HostAddress, prefix: &str) -> PortResult<Self> {
        Self::new(at, "list", prefix, &[])
    }

    pub(super) fn output(at: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Self> {
        Self::new(at, "output", id, &[&offset.to_string(), &max.to_string()])
    }

    pub(super) fn holder(at: &HostAddress, environment: &str) -> PortResult<Self> {
        Self::new(at, "holder", environment, &[])
    }

    pub(super) fn acquire(
        at: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Self> {
        let owner = lock::encode_owner(claim)?;
        let (sha, from) = (hex(&Sha256::digest(&owner)), from.map_or(lock::NO_RUN, |run| &run.0));
        let call = Self::new(at, "hold", &lock.environment, &[&lock.run.0, from, &sha])?;
        Ok(Self { input: owner, ..call })
    }

    pub(super) fn check(at: &HostAddress, lock: &EnvLock) -> PortResult<Self> {
        Self::new(at, "still", &lock.environment, &[&lock.run.0])
    }

    pub(super) fn release(at: &HostAddress, lock: &EnvLock) -> PortResult<Self> {
        Self::new(at, "leave", &lock.environment, &[&lock.run.0])
    }
}

fn revoke_reason(why: RevokeReason) -> &'static str {
    match why {
        RevokeReason::Expired => "expired",
        RevokeReason::Outside => "outside",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::remote_job) fn at() -> HostAddress {
        HostAddress {
            address: "192.0.2.10".into(),
            port: 22,
            user: "ec2-user".into(),
            fingerprint: String::new(),
            machine_id: String::new(),
        }
    }

    #[test]
    fn refuses_names_with_shell_characters() {
        for id in ["", "a b", "$(reboot)", "-x", "../x", "a;b", "a'b"] {
            assert!(VerbCall::status(&at(), id).is_err(), "{id}");
            let job = JobSpec {
                id: "a".into(),
                script: "true".into(),
                mutex: id.into(),
                lock: EnvLock { environment: "rally.prod".into(), run: RunId("r".into()) },
                starts_within: Duration::from_secs(1),
            };
            assert!(VerbCall::submit(&at(), &job).is_err(), "{id} as a mutex");
        }
    }

    #[test]
    fn a_command_quotes_one_word() {
        for call in [VerbCall::status(&at(), "a").expect("a call"), VerbCall::upload()] {
            assert_eq!(call.command.matches('\'').count(), 2, "{}", call.command);
        }
    }
}
