//! Checks of this computer. The shell looks; the checks judge.

pub(super) mod awake;
pub(super) mod clock;

use async_trait::async_trait;
use greenlight_types::{CredentialKind, ReadinessCheck, ReadinessGroup};

use super::{
    check::{Check, Finding, Subject, of_sign_in},
    computer_state::{KeyFileState, Power},
};
use crate::ports::PortResult;

/// Free space that the journal and the logs of one release need, in bytes.
const SPACE_MIN: u64 = 1024 * 1024 * 1024;
/// Charge with which a computer outlasts a release without mains, in percent.
const CHARGE_MIN: u8 = 80;

pub(super) struct KeychainAnswers;

#[async_trait]
impl Check for KeychainAnswers {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Keychain
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Computer
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        subject.computer.keychain.clone().map(|place| Finding::ready(format!("The sign-ins are in {place}")))
    }
}

pub(super) struct KeyFilePrivate;

#[async_trait]
impl Check for KeyFilePrivate {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::KeyFile
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Computer
    }
    /// A rollback asks no staging machine.
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        !subject.run.is_rollback()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        judge_key_file(&subject.computer.key_file)
    }
}

fn judge_key_file(state: &KeyFileState) -> PortResult<Finding> {
    match state {
        KeyFileState::Private => Ok(Finding::ready("Only you may read the staging machine key")),
        KeyFileState::Open { path } => Ok(Finding::choose(
            "Other accounts of this computer may read the staging machine key",
            "Whoever copies it can sign in to the staging machine.",
        )
        .instruct(format!("Give the file to your account only: {path}"))),
        KeyFileState::Unusable(failure) => {
            of_sign_in(failure.clone(), "the staging machine", CredentialKind::StagingKey)
        }
    }
}

pub(super) struct DiskSpace;

#[async_trait]
impl Check for DiskSpace {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::DiskSpace
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Computer
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge_space(subject.computer.free_bytes))
    }
}

fn judge_space(free: Option<u64>) -> Finding {
    match free {
        None => Finding::unknown("The free space of this computer is not known", "The record of the release needs it."),
        Some(free) if free >= SPACE_MIN => {
            Finding::ready(format!("{} GiB are free on this computer", free / SPACE_MIN))
        }
        Some(free) => Finding::blocked(
            format!("Only {} MiB are free on this computer", free / 1024 / 1024),
            "The record of the release could not be written.",
        )
        .instruct("Make room on this computer."),
    }
}

pub(super) struct OnMains;

#[async_trait]
impl Check for OnMains {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::Power
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Computer
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge_power(subject.computer.power))
    }
}

fn judge_power(power: Power) -> Finding {
    match power {
        Power::Mains => Finding::ready("This computer has mains power"),
        Power::Battery { percent } if percent >= CHARGE_MIN => {
            Finding::ready(format!("The battery of this computer is at {percent} %"))
        }
        Power::Battery { percent } => Finding::choose(
            format!("This computer runs on its battery, at {percent} %"),
            "A release takes about an hour. If the computer goes off, the release waits until it is on again.",
        )
        .instruct("Plug it in."),
        Power::Unknown => Finding::ready("This computer tells of no battery"),
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Failure, ReadinessState};

    use super::*;

    #[test]
    fn a_full_disk_blocks() {
        assert_eq!(judge_space(Some(SPACE_MIN)).state, ReadinessState::Ready);
        assert_eq!(judge_space(Some(SPACE_MIN - 1)).state, ReadinessState::Blocked);
        assert_eq!(judge_space(None).state, ReadinessState::Unknown);
    }

    #[test]
    fn a_key_file_that_others_may_read_is_a_choice_and_none_blocks() {
        let unusable = Failure::new(ErrorCode::CredentialMissing, "read the key");
        for (state, expected) in [
            (KeyFileState::Private, ReadinessState::Ready),
            (KeyFileState::Open { path: "/home/ann/key".into() }, ReadinessState::Choose),
            (KeyFileState::Unusable(unusable), ReadinessState::Blocked),
        ] {
            assert_eq!(judge_key_file(&state).expect("a finding").state, expected, "{state:?}");
        }
        let silent = KeyFileState::Unusable(Failure::new(ErrorCode::KeychainLocked, "read the key"));
        assert_eq!(judge_key_file(&silent).expect_err("no answer").code, ErrorCode::KeychainLocked);
    }

    #[test]
    fn a_low_battery_is_a_choice() {
        for (power, state) in [
            (Power::Mains, ReadinessState::Ready),
            (Power::Unknown, ReadinessState::Ready),
            (Power::Battery { percent: 80 }, ReadinessState::Ready),
            (Power::Battery { percent: 79 }, ReadinessState::Choose),
        ] {
            assert_eq!(judge_power(power).state, state, "{power:?}");
        }
    }
}
