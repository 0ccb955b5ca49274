//! Jobs on the staging machine: one small shell script with verbs, put there once and called by its hash, and the reading
//! of its frames.
//!
//! Every verb may be repeated blindly. One rename decides who starts a job (`started`) or closes its gate, kernel locks
//! say whether it lives, and absence of a result is a state, never a failure (RELIABILITY.md 3).

mod held;
mod verbs;

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_engine::ports::{
    Held, Hold, HostAddress, JobSpec, JobState, JobStatus, Launched, PortResult, Revoked, Submitted, Taker, Why,
};
use greenlight_types::{ErrorCode, Failure, Retry, RunId, Timestamp};
use sha2::{Digest, Sha256};

use self::held::environment;
pub use self::verbs::{Does, JobHost, Shell};
use crate::mutant::{self, Mutant};

/// The verbs.
const SCRIPT: &str = include_str!("remote_job/job.sh");

/// Its hash, which is its name on the machine: an app never runs the verbs of another one.
static SCRIPT_HASH: LazyLock<String> = LazyLock::new(|| hex(&Sha256::digest(SCRIPT)));

/// Largest job script.
const SCRIPT_MAX: usize = 64 * 1024;

/// A call of the script: the command for `exec`, and its standard input.
struct Call {
    /// Command line, for any login shell: one word of it is quoted, and has no quote in it.
    pub command: String,
    /// Standard input.
    pub input: String,
    /// Whether the verb only reads.
    pub does: Does,
    nonce: String,
}

impl Call {
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
        let does = match verb {
            "status" | "list" | "output" | "holder" | "still" => Does::Read,
            _ => Does::Change,
        };
        Ok(Self { command, input: String::new(), does, nonce })
    }

    /// Puts the verbs on the machine. What was damaged on the way is never put in place.
    fn upload() -> Self {
        let (hash, nonce) = (&*SCRIPT_HASH, format!("{:032x}", rand::random::<u128>()));
        let command = format!(
            "sh -c 'umask 077; d=$HOME/.greenlight/helper; mkdir -p \"$d\" && t=$(mktemp \"$d/new.XXXXXXXX\") && \
             cat > \"$t\" && [ \"$(sha256sum < \"$t\" | cut -c1-64)\" = {hash} ] && sync \"$t\" && \
             mv -T \"$t\" \"$d/{hash}.sh\" && sync \"$d\" && s=uploaded; rm -f \"$t\"; \
             echo; echo \"<<<JOB:{nonce}\"; echo \"${{s:-damaged}}\"; echo \"JOB:{nonce}>>>\"'"
        );
        // The file that it leaves is named by its hash: putting it there again changes nothing.
        Self { command, input: SCRIPT.to_owned(), does: Does::Read, nonce }
    }

    fn submit(at: &HostAddress, job: &JobSpec) -> PortResult<Self> {
        if job.script.is_empty() || job.script.len() > SCRIPT_MAX {
            return Err(Failure::new(ErrorCode::BadInput, "put an empty or too large script on the machine"));
        }
        let (sha, seconds) = (hex(&Sha256::digest(&job.script)), job.starts_within.as_secs().to_string());
        // No job of a release is ended by the app (INV-D6).
        let words = [sha.as_str(), &seconds, &job.mutex, "no", &job.hold.environment, &job.hold.run.0];
        Ok(Self { input: job.script.clone(), ..Self::new(at, "submit", &job.id, &words)? })
    }

    fn launch(at: &HostAddress, id: &str, hold: &Hold) -> PortResult<Self> {
        Self::new(at, "launch", id, &[&hold.environment, &hold.run.0])
    }

    fn revoke(at: &HostAddress, id: &str, why: Why) -> PortResult<Self> {
        Self::new(at, "revoke", id, &[word(why)])
    }

    fn status(at: &HostAddress, id: &str) -> PortResult<Self> {
        Self::new(at, "status", id, &[])
    }

    fn list(at: &HostAddress, prefix: &str) -> PortResult<Self> {
        Self::new(at, "list", prefix, &[])
    }

    fn output(at: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Self> {
        Self::new(at, "output", id, &[&offset.to_string(), &max.to_string()])
    }

    fn holder(at: &HostAddress, environment: &str) -> PortResult<Self> {
        Self::new(at, "holder", environment, &[])
    }

    fn hold(at: &HostAddress, hold: &Hold, taker: &Taker, from: Option<&RunId>) -> PortResult<Self> {
        let who = held::who(taker)?;
        let (sha, from) = (hex(&Sha256::digest(&who)), from.map_or(held::NOBODY, |run| &run.0));
        let call = Self::new(at, "hold", &hold.environment, &[&hold.run.0, from, &sha])?;
        Ok(Self { input: who, ..call })
    }

    fn still(at: &HostAddress, hold: &Hold) -> PortResult<Self> {
        Self::new(at, "still", &hold.environment, &[&hold.run.0])
    }

    fn leave(at: &HostAddress, hold: &Hold) -> PortResult<Self> {
        Self::new(at, "leave", &hold.environment, &[&hold.run.0])
    }

    /// The frame in what the machine printed; `None` when the verbs are not on the machine yet.
    fn frame(&self, printed: &str) -> PortResult<Option<String>> {
        let (open, close) = (format!("<<<JOB:{}\n", self.nonce), format!("\nJOB:{}>>>", self.nonce));
        let frame =
            printed.split_once(&open).and_then(|(_, rest)| rest.split_once(&close)).map(|(frame, _)| frame.trim());
        match frame {
            Some("nohelper") => Ok(None),
            Some("remotefs") => Err(unfit("its home folder is on another computer (NFS or SMB)")
                .hint("Ask a developer to give the login user a home folder on a disk of that machine.")),
            Some("full") => Err(unfit("less than 1 GiB or 10,000 files are free in its home folder")
                .hint("Ask a developer to make room on the staging machine.")),
            Some("damaged") => {
                Err(Failure::new(ErrorCode::Unreachable, "send a script to the staging machine whole")
                    .retry(Retry::Safe))
            }
            Some(frame) => match frame.split_once(' ') {
                Some(("without", program)) => Err(unfit(&format!("{program} is missing"))
                    .hint("Ask a developer to install util-linux and coreutils on the staging machine.")),
                Some(("replaced", by)) => Err(replaced(by)),
                Some(_) | None => Ok(Some(frame.to_owned())),
            },
            None => Err(unreadable(printed)),
        }
    }
}

/// Nothing was done, and nothing may be concluded: what that machine does not know, the other one may have done.
fn replaced(by: &str) -> Failure {
    Failure::new(
        ErrorCode::HostReplaced,
        "find the staging machine that Deploy started on: another machine answers at its address",
    )
    .with("machine", by)
    .hint("Nothing was asked of it. Ask a developer what became of the first machine, and of what ran there.")
    .hint("Then end this release here, and start one that names the new machine.")
    .retry(Retry::No)
}

/// Nothing was done: jobs cannot be run there as they have to be.
fn unfit(what: &str) -> Failure {
    Failure::new(ErrorCode::HostUnfit, format!("run jobs on the staging machine: {what}"))
        .with("what", what)
        .retry(Retry::Safe)
}

fn word(why: Why) -> &'static str {
    match why {
        Why::Expired => "expired",
        Why::Outside => "outside",
    }
}

fn unreadable(printed: &str) -> Failure {
    Failure::new(ErrorCode::UnreadableAnswer, "read the answer of the staging machine")
        .because(printed.chars().take(300).collect::<String>())
}

/// Reads the answer of submit.
fn submitted(frame: &str) -> PortResult<Submitted> {
    match frame {
        "new" => Ok(Submitted::New),
        "same" => Ok(Submitted::Same),
        "conflict" => Ok(Submitted::Conflict),
        "revoked" => Ok(Submitted::Revoked),
        "unfinished" => Ok(Submitted::Unfinished),
        other => held::other(other).map(Submitted::NotHeld),
    }
}

/// Reads the answer of launch.
fn launched(frame: &str) -> PortResult<Launched> {
    match frame {
        "launched" => Ok(Launched::Ordered),
        "absent" => Err(Failure::new(ErrorCode::JobConflict, "start the job: it is not on the staging machine")),
        other => held::other(other).map(Launched::NotHeld),
    }
}

/// Reads the answer of hold and still.
fn held(frame: &str) -> PortResult<Held> {
    match frame.split_once(' ') {
        Some(("ours", _)) => Ok(Held::Ours),
        Some(_) | None => held::other(frame).map(Held::NotOurs),
    }
}

/// Reads the answer of revoke.
fn revoked(frame: &str) -> PortResult<Revoked> {
    match frame {
        "won" => Ok(Revoked::Won),
        "lost" => Ok(Revoked::Lost),
        other => Err(unreadable(other)),
    }
}

/// Reads one state line: `name=value` between spaces.
fn status(id: &str, line: &str) -> PortResult<JobStatus> {
    let value = |name: &str| {
        line.split_whitespace()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .ok_or_else(|| unreadable(line))
    };
    let seconds = |name: &str| {
        let at = value(name)?.parse::<i64>().ok().and_then(Timestamp::from_second);
        at.ok_or_else(|| unreadable(line))
    };
    let known = |state| {
        let output_bytes = value("bytes")?.parse().map_err(|_| unreadable(line))?;
        Ok(JobStatus { id: id.to_owned(), state, started_at: Some(seconds("at")?), output_bytes })
    };
    let quiet = |state| Ok(JobStatus { id: id.to_owned(), state, started_at: None, output_bytes: 0 });
    let finished = |exit| seconds("end").map(|finished_at| JobState::Finished { exit, finished_at });
    let lost = |why: &str| JobState::Lost { why: format!("{why}; how far it came is not known") };
    match value("state")? {
        "absent" => quiet(JobState::Absent),
        "waiting" => quiet(JobState::NotStarted),
        "busy" => quiet(JobState::Busy),
        "expired" => quiet(JobState::Expired),
        "revoked" => match value("why")? {
            "expired" => quiet(JobState::Revoked(Why::Expired)),
            "outside" => quiet(JobState::Revoked(Why::Outside)),
            _ => Err(unreadable(line)),
        },
        "running" => known(JobState::Running),
        "orphaned" => known(JobState::Orphaned),
        "finished" if mutant::is(Mutant::ExitIgnored) => known(finished(0)?),
        "finished" => known(finished(value("exit")?.parse().map_err(|_| unreadable(line))?)?),
        "died" | "rebooted" | "moved" if mutant::is(Mutant::LostIsFinished) => {
            known(JobState::Finished { exit: 0, finished_at: seconds("at")? })
        }
        "rebooted" => known(lost("the machine was restarted while the job ran")),
        "moved" => known(lost("the job began on another machine, of which this one has a copy")),
        "died" => known(lost("the job ended without a result")),
        _ => Err(unreadable(line)),
    }
}

/// Reads the list, sorted by id.
fn statuses(frame: &str) -> PortResult<Vec<JobStatus>> {
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
fn output(frame: &str, offset: u64) -> PortResult<Vec<u8>> {
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
    fn another_machine_at_the_same_address_is_not_believed() {
        let call = Call::status(&HostAddress { machine_id: "one".into(), ..at() }, "a").expect("a call");
        assert!(call.command.contains(" status a one;"), "{}", call.command);
        let printed = format!("<<<JOB:{0}\nreplaced two\nJOB:{0}>>>", call.nonce);
        assert_eq!(call.frame(&printed).expect_err("another one").code, ErrorCode::HostReplaced);
    }

    #[test]
    fn noise_of_a_login_is_told_apart_from_the_answer() {
        let call = Call::status(&at(), "rally.prod.migrate.2.1.0.a1").expect("a call");
        let printed =
            format!("Welcome!\n<<<JOB:other\nfinished\n\n<<<JOB:{0}\nstate=absent\nJOB:{0}>>>\nbye", call.nonce);
        assert_eq!(call.frame(&printed).expect("a frame").as_deref(), Some("state=absent"));
        assert!(call.frame("Welcome!").is_err(), "an answer without a frame proves nothing");
    }

    #[test]
    fn a_job_name_that_a_shell_could_read_otherwise_is_refused() {
        for id in ["", "a b", "$(reboot)", "-x", "../x", "a;b", "a'b"] {
            assert!(Call::status(&at(), id).is_err(), "{id}");
            let job = JobSpec {
                id: "a".into(),
                script: "true".into(),
                mutex: id.into(),
                hold: Hold { environment: "rally.prod".into(), run: RunId("r".into()) },
                starts_within: std::time::Duration::from_secs(1),
            };
            assert!(Call::submit(&at(), &job).is_err(), "{id} as a mutex");
        }
    }

    #[test]
    fn a_command_quotes_one_word_for_whatever_shell_the_user_has() {
        for call in [Call::status(&at(), "a").expect("a call"), Call::upload()] {
            assert_eq!(call.command.matches('\'').count(), 2, "{}", call.command);
        }
    }

    #[test]
    fn a_job_without_a_result_is_lost_and_never_failed() {
        for state in ["died", "rebooted", "moved"] {
            let seen = status("a", &format!("state={state} at=1700000000 bytes=12")).expect("a status");
            assert!(matches!(seen.state, JobState::Lost { .. }), "{state}");
        }
    }

    #[test]
    fn an_answer_that_is_not_whole_is_no_answer() {
        for line in ["", "finished soon", "state=finished at=1 bytes=2", "state=running at=x bytes=1", "state=new"] {
            assert!(status("a", line).is_err(), "{line}");
        }
    }
}
