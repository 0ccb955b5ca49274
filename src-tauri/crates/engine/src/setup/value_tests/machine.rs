//! Tests address, fingerprint and user of the staging machine.

use greenlight_types::Profile;

use super::tested::{COMMAND_MAX, Tested, no_answer, not_checked, right, unknown, wrong};
use crate::ports::{HostAddress, PortResult, Ports};

const NAMES: [&str; 3] = ["host.address", "host.fingerprint", "host.user"];
pub(super) const KEYS: [&str; 3] = NAMES;

pub(super) async fn test(ports: &Ports, profile: &Profile, machine: Option<&HostAddress>) -> Vec<Tested> {
    let host = &profile.host;
    if host.address.is_empty() {
        return Vec::new();
    }
    let presented = match ports.host.fingerprints(&host.address, host.port).await {
        Ok(presented) => presented,
        Err(failure) => return no_answer(&NAMES, "The machine", &failure),
    };
    let mut tested = vec![right(NAMES[0], "Answers")];
    let Some(machine) = machine else {
        tested.push(unknown(NAMES[1], "Asked at Deploy"));
        tested.extend(not_checked(&NAMES[2..], "Nothing is sent before the fingerprint is known"));
        return tested;
    };
    if !presented.contains(&machine.fingerprint) {
        tested.push(wrong(NAMES[1], "Another machine answers at this address"));
        tested.extend(not_checked(&NAMES[2..], "Nothing is sent to another machine"));
        return tested;
    }
    tested.push(right(NAMES[1], "The same now"));
    tested.extend(of_sign_in(ports.host.read(machine, "true", COMMAND_MAX).await.map(|answer| answer.exit)));
    tested
}

fn of_sign_in(exit: PortResult<Option<i32>>) -> Vec<Tested> {
    match exit {
        Ok(Some(0)) => vec![right(NAMES[2], "Signs in")],
        Ok(_) => vec![unknown(NAMES[2], "Signs in, but runs no command")],
        Err(failure) => no_answer(&NAMES[2..], "The machine", &failure),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Failure, TestVerdict};

    use super::*;

    #[test]
    fn a_sign_in_counts_when_it_runs_a_command() {
        let verdict = |exit| of_sign_in(exit)[0].verdict;
        assert_eq!(verdict(Ok(Some(0))), TestVerdict::Right);
        assert_eq!(verdict(Ok(Some(1))), TestVerdict::NotChecked);
        assert_eq!(verdict(Ok(None)), TestVerdict::NotChecked);
        let refused = of_sign_in(Err(Failure::new(ErrorCode::HostRefused, "sign in")));
        assert_eq!(refused[0].sentence, "The machine refuses the sign-in");
    }
}
