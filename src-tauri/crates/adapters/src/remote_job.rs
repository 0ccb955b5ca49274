//! Jobs on the staging machine: one small shell script with verbs, sent with each call, and the reading of its frames.
//!
//! Every verb may be repeated blindly. One rename decides who starts a job (`started`), a kernel lock says whether it
//! lives, and absence of a result is a state, never a failure (RELIABILITY.md 3). Fencing, revoking and the mutex of an
//! environment are not here yet.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_engine::ports::{JobSpec, JobState, JobStatus, PortResult, Submitted};
use greenlight_types::{ErrorCode, Failure, Retry};
use sha2::{Digest, Sha256};

use crate::mutant::{self, Mutant};

/// The verbs.
pub(crate) const SCRIPT: &str = include_str!("remote_job/job.sh");

/// Largest job script: it travels as one argument.
const SCRIPT_MAX: usize = 64 * 1024;

/// A call of the script: the command for `exec`, its standard input is [`SCRIPT`].
pub(crate) struct Call {
    /// Command line.
    pub command: String,
    nonce: String,
}

impl Call {
    fn new(verb: &str, id: &str, more: &[&str]) -> PortResult<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if id.is_empty() || id.len() > 100 || !id.chars().all(is_plain) || id.starts_with(['.', '-']) {
            return Err(Failure::new(
                ErrorCode::BadInput,
                format!("name a job {id:?}: letters, digits, dots and dashes only"),
            ));
        }
        let nonce = format!("{:032x}", rand::random::<u128>());
        let arguments: String = more.iter().map(|one| format!(" {one}")).collect();
        Ok(Self { command: format!("sh -s -- {nonce} {verb} {id}{arguments}"), nonce })
    }

    pub(crate) fn submit(job: &JobSpec) -> PortResult<Self> {
        if job.script.is_empty() || job.script.len() > SCRIPT_MAX {
            return Err(Failure::new(ErrorCode::BadInput, "put an empty or too large script on the machine"));
        }
        let (sha, body) = (hex(&Sha256::digest(&job.script)), STANDARD.encode(&job.script));
        Self::new("submit", &job.id, &[&sha, &body])
    }

    pub(crate) fn launch(id: &str) -> PortResult<Self> {
        Self::new("launch", id, &[])
    }

    pub(crate) fn status(id: &str) -> PortResult<Self> {
        Self::new("status", id, &[])
    }

    pub(crate) fn list(prefix: &str) -> PortResult<Self> {
        Self::new("list", prefix, &[])
    }

    pub(crate) fn output(id: &str, offset: u64, max: u32) -> PortResult<Self> {
        Self::new("output", id, &[&offset.to_string(), &max.to_string()])
    }

    /// The frame in what the machine printed.
    pub(crate) fn frame(&self, printed: &str) -> PortResult<String> {
        let (open, close) = (format!("<<<JOB:{}\n", self.nonce), format!("\nJOB:{}>>>", self.nonce));
        let frame =
            printed.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map(|(frame, _)| frame.trim());
        match frame {
            Some("noflock") => {
                Err(Failure::new(ErrorCode::Internal, "run jobs on the staging machine: flock or setsid is missing")
                    .hint("Ask a developer to install util-linux on the staging machine.")
                    .retry(Retry::Safe))
            }
            Some(frame) => Ok(frame.to_owned()),
            None => Err(unreadable(printed)),
        }
    }
}

fn unreadable(printed: &str) -> Failure {
    Failure::new(ErrorCode::UnreadableAnswer, "read the answer of the staging machine")
        .because(printed.chars().take(300).collect::<String>())
}

/// Reads the answer of submit.
pub(crate) fn submitted(frame: &str) -> PortResult<Submitted> {
    match frame {
        "new" => Ok(Submitted::New),
        "same" => Ok(Submitted::Same),
        "conflict" => Ok(Submitted::Conflict),
        other => Err(unreadable(other)),
    }
}

/// Reads one state line.
pub(crate) fn status(id: &str, line: &str) -> PortResult<JobStatus> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let seconds = |text: &str| {
        text.parse::<i64>()
            .ok()
            .and_then(|s| greenlight_engine::time::from_ms(s.saturating_mul(1000)))
            .ok_or_else(|| unreadable(line))
    };
    let bytes = |text: &str| text.parse::<u64>().map_err(|_| unreadable(line));
    let known = |state, at: &str, size: &str| {
        Ok(JobStatus { id: id.to_owned(), state, started_at: Some(seconds(at)?), output_bytes: bytes(size)? })
    };
    let quiet = |state| Ok(JobStatus { id: id.to_owned(), state, started_at: None, output_bytes: 0 });
    let lost = |why: &str| JobState::Lost { why: why.to_owned() };
    match fields.as_slice() {
        ["absent"] => quiet(JobState::Absent),
        ["waiting", ..] => quiet(JobState::NotStarted),
        ["running", at, size] => known(JobState::Running, at, size),
        ["finished", at, size, code, end] => {
            let told: i32 = code.parse().map_err(|_| unreadable(line))?;
            let exit = if mutant::is(Mutant::ExitIgnored) { 0 } else { told };
            known(JobState::Finished { exit, finished_at: seconds(end)? }, at, size)
        }
        ["died" | "rebooted", at, size] if mutant::is(Mutant::LostIsFinished) => {
            known(JobState::Finished { exit: 0, finished_at: seconds(at)? }, at, size)
        }
        ["rebooted", at, size] => {
            known(lost("the machine was restarted while the job ran; how far it came is not known"), at, size)
        }
        ["died", at, size] => known(lost("the job ended without a result; how far it came is not known"), at, size),
        _ => Err(unreadable(line)),
    }
}

/// Reads the list, sorted by id.
pub(crate) fn statuses(frame: &str) -> PortResult<Vec<JobStatus>> {
    let mut found = frame
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (id, state) = line.split_once(' ').ok_or_else(|| unreadable(line))?;
            status(id, state)
        })
        .collect::<PortResult<Vec<_>>>()?;
    found.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(found)
}

/// Reads a piece of output: offset and hash must match.
pub(crate) fn output(frame: &str, offset: u64) -> PortResult<Vec<u8>> {
    let mut fields = frame.split_whitespace();
    let (at, sha, body) = (fields.next(), fields.next(), fields.next().unwrap_or_default());
    let bytes = STANDARD.decode(body).map_err(|_| unreadable(frame))?;
    if at != Some(offset.to_string().as_str()) || sha != Some(hex(&Sha256::digest(&bytes)).as_str()) {
        return Err(unreadable(frame));
    }
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    greenlight_engine::step::hex(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_a_login_is_told_apart_from_the_answer() {
        let call = Call::status("rally.prod.migrate.2.1.0.a1").expect("a call");
        let printed = format!("Welcome!\n<<<JOB:other\nfinished\n\n<<<JOB:{0}\nabsent\nJOB:{0}>>>\nbye", call.nonce);
        assert_eq!(call.frame(&printed).expect("a frame"), "absent");
        assert!(call.frame("Welcome!").is_err(), "an answer without a frame proves nothing");
    }

    #[test]
    fn a_job_name_that_a_shell_could_read_otherwise_is_refused() {
        for id in ["", "a b", "$(reboot)", "-x", "../x", "a;b"] {
            assert!(Call::status(id).is_err(), "{id}");
        }
    }

    #[test]
    fn a_job_without_a_result_is_lost_and_never_failed() {
        let seen = status("a", "died 1700000000 12").expect("a status");
        assert!(matches!(seen.state, JobState::Lost { .. }));
        assert!(status("a", "finished soon").is_err());
    }
}
