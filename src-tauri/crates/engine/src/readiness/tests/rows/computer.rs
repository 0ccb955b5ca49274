//! Rows of this computer.

use std::time::Duration;

use greenlight_types::{
    ErrorCode, Failure,
    ReadinessCheck::{ComputerClock, DiskSpace, KeyFile, Keychain, Power as OnMains, StaysAwake},
    ReadinessState::{Blocked, Choose, Ready, Unknown},
};

use super::{
    super::answers::{Answers, lost},
    NO_ANSWER, Row,
};
use crate::readiness::{KeepAwake, KeyFileState, Power};

/// The clock of GitHub is this much later than the one of this computer.
fn later(world: &mut Answers, seconds: u64) {
    let there = world.now.plus(Duration::from_secs(seconds));
    if let Ok(identity) = &mut world.github {
        identity.answered_at = Some(there);
    }
}

fn locked() -> Failure {
    Failure::new(ErrorCode::KeychainLocked, "read the key")
}

pub fn rows() -> Vec<Row> {
    vec![
        Row(Keychain, Ready, "The sign-ins are in the keychain", |_| {}),
        Row(Keychain, Unknown, NO_ANSWER, |world| world.computer.keychain = Err(locked())),
        Row(KeyFile, Ready, "Only you may read", |_| {}),
        Row(KeyFile, Choose, "Other accounts of this computer", |world| {
            world.computer.key_file = KeyFileState::Open { path: "/home/ann/key".into() };
        }),
        Row(KeyFile, Blocked, "No sign-in for the staging machine", |world| {
            let missing = Failure::new(ErrorCode::CredentialMissing, "read the key");
            world.computer.key_file = KeyFileState::Unusable(missing);
        }),
        Row(KeyFile, Unknown, NO_ANSWER, |world| world.computer.key_file = KeyFileState::Unusable(locked())),
        Row(DiskSpace, Ready, "GiB are free on this computer", |_| {}),
        Row(DiskSpace, Blocked, "Only 1 MiB are free", |world| world.computer.free_bytes = Some(1 << 20)),
        Row(DiskSpace, Unknown, "is not known", |world| world.computer.free_bytes = None),
        Row(OnMains, Ready, "mains power", |_| {}),
        Row(OnMains, Choose, "on its battery, at 20 %", |world| world.computer.power = Power::Battery { percent: 20 }),
        Row(StaysAwake, Ready, "The app keeps this computer awake", |_| {}),
        Row(StaysAwake, Choose, "cannot keep this computer awake on its battery", |world| {
            world.computer.keep_awake = KeepAwake::Refused;
            world.computer.power = Power::Battery { percent: 99 };
        }),
        Row(StaysAwake, Unknown, "does not know whether", |world| world.computer.keep_awake = KeepAwake::Unknown),
        Row(ComputerClock, Ready, "The clock of this computer is right", |_| {}),
        Row(ComputerClock, Choose, "is 90 s behind", |world| later(world, 90)),
        Row(ComputerClock, Blocked, "is 10 min behind", |world| later(world, 600)),
        Row(ComputerClock, Unknown, "GitHub tells no time", |world| {
            if let Ok(identity) = &mut world.github {
                identity.answered_at = None;
            }
        }),
        Row(ComputerClock, Unknown, NO_ANSWER, |world| world.github = lost()),
    ]
}
