//! The frame around the answer of a job verb, and the parsers of the answers. An answer without a
//! frame proves nothing.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_engine::{
    ports::{JobState, JobStatus, Launched, PortResult, ReadOutput, RevokeReason, Revoked, ScriptStop, Submitted},
    step::hex,
};
use greenlight_types::{ErrorCode, Failure, Retry, Timestamp};
use sha2::{Digest, Sha256};

use super::{lock, read};

/// The frame of this nonce in the output of a command. `None` when the script is not on the host
/// yet.
pub(super) fn frame(nonce: &str, printed: &ReadOutput) -> PortResult<Option<String>> {
    let (open, close) = (format!("<<<JOB:{nonce}\n"), format!("\nJOB:{nonce}>>>"));
    let opened = printed.out.split_once(&open).map(|(_, rest)| rest);
    let frame = opened.and_then(|rest| rest.split_once(&close)).map(|(frame, _)| frame.trim());
    match frame {
        Some("nohelper") => Ok(None),
        Some("remotefs") => Err(unfit("its home folder is on another computer (NFS or SMB)")
            .hint("Ask a developer to give the login user a home folder on a disk of that machine.")),
        Some("full") => Err(unfit("less than 1 GiB or 10,000 files are free in its home folder")
            .hint("Ask a developer to make room on the staging machine.")),
        Some("damaged") => {
            Err(Failure::new(ErrorCode::Unreachable, "send a script to the staging machine whole").retry(Retry::Safe))
        }
        Some(frame) => match frame.split_once(' ') {
            Some(("without", program)) => Err(unfit(&format!("{program} is missing"))
                .hint("Ask a developer to install util-linux and coreutils on the staging machine.")),
            Some(("replaced", by)) => Err(replaced(by)),
            Some(_) | None => Ok(Some(frame.to_owned())),
        },
        None if opened.is_none() && printed.exit.is_some() => Err(read::login_shell(printed)),
        None => Err(unreadable(&printed.out)),
    }
}

/// Another machine answered. It proves nothing about the first one, which may have run the job.
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

/// The host cannot run jobs safely. The verb did nothing.
fn unfit(what: &str) -> Failure {
    Failure::new(ErrorCode::HostUnfit, format!("run jobs on the staging machine: {what}"))
        .with("what", what)
        .retry(Retry::Safe)
}

pub(super) fn unreadable(printed: &str) -> Failure {
    Failure::new(ErrorCode::UnreadableAnswer, "read the answer of the staging machine")
        .because(printed.chars().take(300).collect::<String>())
}

/// Parses the answer of `submit`.
pub(super) fn submitted(frame: &str) -> PortResult<Submitted> {
    match frame {
        "new" => Ok(Submitted::New),
        "same" => Ok(Submitted::Same),
        "conflict" => Ok(Submitted::Conflict),
        "revoked" => Ok(Submitted::Revoked),
        "unfinished" => Ok(Submitted::Unfinished),
        other => lock::other_owner(other).map(Submitted::NotOwner),
    }
}

/// Parses the answer of `launch`.
pub(super) fn launched(frame: &str) -> PortResult<Launched> {
    match frame {
        "launched" => Ok(Launched::Ordered),
        "absent" => Err(Failure::new(ErrorCode::JobConflict, "start the job: it is not on the staging machine")),
        other => lock::other_owner(other).map(Launched::NotOwner),
    }
}

/// Parses the answer of `revoke`.
pub(super) fn revoked(frame: &str) -> PortResult<Revoked> {
    match frame {
        "won" => Ok(Revoked::Won),
        "lost" => Ok(Revoked::Lost),
        other => Err(unreadable(other)),
    }
}

/// Parses the answer of `stop`.
pub(super) fn stopped(frame: &str) -> PortResult<ScriptStop> {
    match frame {
        "signalled" => Ok(ScriptStop::Signalled),
        "over" => Ok(ScriptStop::NotRunning),
        "early" => Ok(ScriptStop::TooEarly),
        other => match other.split_once(' ') {
            Some(("foreign", group)) if !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok(ScriptStop::OtherUser { group: group.to_owned() })
            }
            Some(_) | None => lock::other_owner(other).map(ScriptStop::NotOwner),
        },
    }
}

/// Parses one state line: `name=value` fields, separated by spaces.
pub(super) fn status(id: &str, line: &str) -> PortResult<JobStatus> {
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
            "expired" => quiet(JobState::Revoked(RevokeReason::Expired)),
            "outside" => quiet(JobState::Revoked(RevokeReason::Outside)),
            _ => Err(unreadable(line)),
        },
        "running" => known(JobState::Running),
        "orphaned" => known(JobState::Orphaned),
        "finished" => known(finished(value("exit")?.parse().map_err(|_| unreadable(line))?)?),
        "rebooted" => known(lost("the machine was restarted while the job ran")),
        "moved" => known(lost("the job began on another machine, of which this one has a copy")),
        "died" => known(lost("the job ended without a result")),
        _ => Err(unreadable(line)),
    }
}

/// Parses the answer of `list`. The result is sorted by job id.
pub(super) fn statuses(frame: &str) -> PortResult<Vec<JobStatus>> {
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

/// Parses a piece of output. Offset and hash must match.
pub(super) fn output(frame: &str, offset: u64) -> PortResult<Vec<u8>> {
    let mut fields = frame.split_whitespace();
    let (at, sha, body) = (fields.next(), fields.next(), fields.next().unwrap_or_default());
    let bytes = STANDARD.decode(body).map_err(|_| unreadable(frame))?;
    if at != Some(offset.to_string().as_str()) || sha != Some(hex(&Sha256::digest(&bytes)).as_str()) {
        return Err(unreadable(frame));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use greenlight_engine::ports::HostAddress;

    use super::{
        super::host::{VerbCall, tests::at},
        *,
    };

    fn answered(out: &str) -> ReadOutput {
        ReadOutput { exit: Some(0), out: out.into(), err: String::new() }
    }

    #[test]
    fn refuses_the_answer_of_another_machine() {
        let call = VerbCall::status(&HostAddress { machine_id: "one".into(), ..at() }, "a").expect("a call");
        assert!(call.command.contains(" status a one;"), "{}", call.command);
        let printed = format!("<<<JOB:{0}\nreplaced two\nJOB:{0}>>>", call.nonce);
        assert_eq!(frame(&call.nonce, &answered(&printed)).expect_err("another one").code, ErrorCode::HostReplaced);
    }

    #[test]
    fn finds_the_frame_between_the_noise_of_a_login() {
        let call = VerbCall::status(&at(), "rally.prod.migrate.2.1.0.a1").expect("a call");
        let printed =
            format!("Welcome!\n<<<JOB:other\nfinished\n\n<<<JOB:{0}\nstate=absent\nJOB:{0}>>>\nbye", call.nonce);
        assert_eq!(frame(&call.nonce, &answered(&printed)).expect("a frame").as_deref(), Some("state=absent"));
        let code = |printed: &ReadOutput| frame(&call.nonce, printed).expect_err("no frame proves nothing").code;
        assert_eq!(code(&answered("Welcome!")), ErrorCode::LoginShell);
        assert_eq!(code(&ReadOutput { exit: None, ..answered("Welcome!") }), ErrorCode::UnreadableAnswer);
        assert_eq!(code(&answered(&format!("<<<JOB:{}\nstate=abs", call.nonce))), ErrorCode::UnreadableAnswer);
    }

    #[test]
    fn a_job_without_a_result_is_lost() {
        for state in ["died", "rebooted", "moved"] {
            let seen = status("a", &format!("state={state} at=1700000000 bytes=12")).expect("a status");
            assert!(matches!(seen.state, JobState::Lost { .. }), "{state}");
        }
    }

    #[test]
    fn tells_the_answers_of_a_stop_apart() {
        for (frame, expected) in [
            ("signalled", ScriptStop::Signalled),
            ("over", ScriptStop::NotRunning),
            ("early", ScriptStop::TooEarly),
            ("foreign 812", ScriptStop::OtherUser { group: "812".into() }),
        ] {
            assert_eq!(stopped(frame).expect("an answer"), expected);
        }
        for frame in ["", "foreign", "foreign ", "foreign 1; reboot", "stopped"] {
            assert!(stopped(frame).is_err(), "{frame}");
        }
    }

    #[test]
    fn refuses_incomplete_answers() {
        for line in ["", "finished soon", "state=finished at=1 bytes=2", "state=running at=x bytes=1", "state=new"] {
            assert!(status("a", line).is_err(), "{line}");
        }
    }
}
