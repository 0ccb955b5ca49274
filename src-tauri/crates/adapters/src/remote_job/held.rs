//! Who holds an environment, as the job verbs tell it: one line of `name=value` between spaces.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use greenlight_engine::ports::{Environment, PortResult, Taker};
use greenlight_types::{ErrorCode, Failure, Holder, RunId, Timestamp};
use serde::{Deserialize, Serialize};

use super::unreadable;

/// The word of the verbs for no run at all.
pub(super) const NOBODY: &str = "nobody";
/// Longest text of who takes an environment; a reason is a sentence.
const WHO_MAX: usize = 8 * 1024;

/// Who took it, as it lies on the machine: JSON, in base64 within the line.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Who {
    person: String,
    computer: String,
    version: String,
    reason: String,
}

/// What is put on the machine about who takes an environment.
pub(super) fn who(taker: &Taker) -> PortResult<String> {
    let Taker { person, computer, version, reason } = taker.clone();
    let text = serde_json::to_string(&Who { person, computer, version, reason }).map_err(|error| {
        Failure::new(ErrorCode::Internal, "write down who takes the environment").because_of(&error)
    })?;
    if text.len() > WHO_MAX {
        return Err(Failure::new(ErrorCode::BadInput, "take the environment: the reason is too long")
            .hint("Write it in a few sentences."));
    }
    Ok(text)
}

/// Reads the answer of holder.
pub(crate) fn environment(frame: &str) -> PortResult<Environment> {
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
    let holder = match value("run")? {
        NOBODY => None,
        run => {
            // Who it was may be written by another app: unreadable, it is still somebody.
            let who: Who = value("who")
                .ok()
                .and_then(|text| STANDARD.decode(text).ok())
                .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                .unwrap_or_default();
            Some(Holder {
                run: RunId(run.to_owned()),
                person: who.person,
                computer: who.computer,
                version: who.version,
                reason: who.reason,
                since: seconds("at")?.ok_or_else(|| unreadable(frame))?,
                seen: seconds("seen")?,
            })
        }
    };
    Ok(Environment { machine_id: value("machine")?.to_owned(), boot_id: value("boot")?.to_owned(), holder })
}

/// Reads `other LINE`: who holds it instead.
pub(super) fn other(frame: &str) -> PortResult<Option<Holder>> {
    let line = frame.strip_prefix("other ").ok_or_else(|| unreadable(frame))?;
    Ok(environment(line)?.holder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_read_with_everything_that_a_person_needs_to_know() {
        let taker = Taker {
            person: "Maria \u{2708} \"M\"".into(),
            computer: "desk-3".into(),
            version: "2.1.0".into(),
            reason: "Anna is ill".into(),
        };
        let who = STANDARD.encode(who(&taker).expect("a text"));
        let line = format!("run=r-1 at=1700000000 who={who} seen=1700000060 machine=m boot=b");
        let told = environment(&line).expect("an answer");
        let holder = told.holder.expect("somebody");
        assert_eq!((holder.person, holder.reason), (taker.person, taker.reason));
        assert_eq!(holder.since.to_string(), "2023-11-14T22:13:20.000Z");
        assert!(holder.seen.is_some());
        assert_eq!((told.machine_id.as_str(), told.boot_id.as_str()), ("m", "b"));
    }

    #[test]
    fn nobody_is_nobody_and_what_cannot_be_read_is_not_nobody() {
        assert_eq!(environment("run=nobody seen=0 machine=m boot=b").expect("an answer").holder, None);
        let strange = environment("run=r-1 at=1700000000 who=%% seen=0 machine=m boot=b").expect("an answer");
        assert_eq!(strange.holder.map(|holder| holder.person), Some(String::new()));
        for line in ["", "run=nobody", "run= seen=0 machine=m boot=b", "run=r-1 seen=0 machine=m boot=b"] {
            assert!(environment(line).is_err(), "{line}");
        }
    }
}
