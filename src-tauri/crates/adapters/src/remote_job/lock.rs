//! The owner of an environment, as the verbs `holder`, `hold` and `still` print it: one line of
//! `name=value` fields.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_engine::ports::{Environment, LockClaim, Ownership, PortResult};
use greenlight_types::{ErrorCode, Failure, LockOwner, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::protocol::unreadable;

/// The word of the verbs for "no run".
pub(super) const NO_RUN: &str = "nobody";
/// Maximum size of an encoded owner, in bytes.
const OWNER_MAX: usize = 8 * 1024;

/// The owner file on the host. It is JSON; the verbs print it in base64.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct OwnerFile {
    person: String,
    computer: String,
    version: String,
    reason: String,
}

/// The contents of the owner file.
pub(super) fn encode_owner(claim: &LockClaim) -> PortResult<String> {
    let LockClaim { person, computer, version, reason } = claim.clone();
    let text = serde_json::to_string(&OwnerFile { person, computer, version, reason }).map_err(|error| {
        Failure::new(ErrorCode::Internal, "write down who takes the environment").because_of(&error)
    })?;
    if text.len() > OWNER_MAX {
        return Err(Failure::new(ErrorCode::BadInput, "take the environment: the reason is too long")
            .hint("Write it in a few sentences."));
    }
    Ok(text)
}

/// Parses the answer of `holder`.
pub(super) fn environment(frame: &str) -> PortResult<Environment> {
    let value = |name: &str| {
        frame
            .split_whitespace()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .filter(|value| !value.is_empty())
            .ok_or_else(|| unreadable(frame))
    };
    let seconds = |name: &str| -> PortResult<Option<Timestamp>> {
        let seconds: i64 = value(name)?.parse().map_err(|_| unreadable(frame))?;
        Ok((seconds > 0).then(|| Timestamp::from_second(seconds)).flatten())
    };
    let owner = match value("run")? {
        NO_RUN => None,
        run => {
            // An owner file that this version cannot read is not an absent owner.
            let owner: OwnerFile = value("who")
                .ok()
                .and_then(|text| STANDARD.decode(text).ok())
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default();
            Some(LockOwner {
                run: RunId(run.to_owned()),
                person: owner.person,
                computer: owner.computer,
                version: owner.version,
                // A rollback takes no lock on a machine.
                is_rollback: false,
                reason: owner.reason,
                since: seconds("at")?.ok_or_else(|| unreadable(frame))?,
                seen: seconds("seen")?,
            })
        }
    };
    Ok(Environment { machine_id: value("machine")?.to_owned(), boot_id: value("boot")?.to_owned(), owner })
}

/// Parses the answers of `hold` and `still`.
pub(super) fn held(frame: &str) -> PortResult<Ownership> {
    match frame.split_once(' ') {
        Some(("ours", _)) => Ok(Ownership::Ours),
        Some(_) | None => other_owner(frame).map(Ownership::NotOurs),
    }
}

/// Parses `other LINE`: another run owns the environment, or none does.
pub(super) fn other_owner(frame: &str) -> PortResult<Option<LockOwner>> {
    let line = frame.strip_prefix("other ").ok_or_else(|| unreadable(frame))?;
    Ok(environment(line)?.owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_field_of_an_owner() {
        let claim = LockClaim {
            person: "Maria \u{2708} \"M\"".into(),
            computer: "desk-3".into(),
            version: "2.1.0".into(),
            reason: "Anna is ill".into(),
        };
        let who = STANDARD.encode(encode_owner(&claim).expect("a text"));
        let line = format!("run=r-1 at=1700000000 who={who} seen=1700000060 machine=m boot=b");
        let told = environment(&line).expect("an answer");
        let owner = told.owner.expect("somebody");
        assert_eq!((owner.person, owner.reason), (claim.person, claim.reason));
        assert_eq!(owner.since.to_string(), "2023-11-14T22:13:20.000Z");
        assert!(owner.seen.is_some());
        assert_eq!((told.machine_id.as_str(), told.boot_id.as_str()), ("m", "b"));
    }

    #[test]
    fn an_unreadable_owner_file_is_not_an_absent_owner() {
        assert_eq!(environment("run=nobody seen=0 machine=m boot=b").expect("an answer").owner, None);
        let strange = environment("run=r-1 at=1700000000 who=%% seen=0 machine=m boot=b").expect("an answer");
        assert_eq!(strange.owner.map(|owner| owner.person), Some(String::new()));
        for line in ["", "run=nobody", "run= seen=0 machine=m boot=b", "run=r-1 seen=0 machine=m boot=b"] {
            assert!(environment(line).is_err(), "{line}");
        }
    }
}
