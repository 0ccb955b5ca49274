//! The command line of each job verb. Contains no parser: `protocol.rs` reads the answers.

use std::sync::LazyLock;

use greenlight_engine::{
    ports::{EnvLock, HostAddress, JobSpec, LockClaim, PortResult, RevokeReason, StopSignal},
    step::hex,
};
use greenlight_types::{ErrorCode, Failure, RunId};
use sha2::{Digest, Sha256};

use super::{host::Effect, lock};

const SCRIPT: &str = include_str!("job.sh");

/// The script's hash is its file name on the host, so an app never runs the verbs of another
/// version.
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(SCRIPT)));

/// Maximum size of a job script, in bytes.
const JOB_SCRIPT_MAX: usize = 64 * 1024;

/// One call of a verb.
pub(super) struct VerbCall {
    /// Command line for any login shell: it has one word in single quotes, and that word contains
    /// no single quote.
    pub(super) command: String,
    /// Standard input.
    pub(super) input: String,
    pub(super) effect: Effect,
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
        let effect = match verb {
            "status" | "list" | "output" | "holder" | "still" => Effect::Read,
            _ => Effect::Change,
        };
        Ok(Self { command, input: String::new(), effect, nonce })
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
        Self { command, input: SCRIPT.to_owned(), effect: Effect::Read, nonce }
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
mod tests {
    use super::*;

    fn at() -> HostAddress {
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
                starts_within: std::time::Duration::from_secs(1),
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
