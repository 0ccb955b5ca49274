//! The app can keep this computer awake. The shell tries it; the check judges.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    computer_state::{KeepAwake, Power},
};
use crate::ports::PortResult;

pub struct StaysAwake;

#[async_trait]
impl Check for StaysAwake {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::StaysAwake
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Computer
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.computer.keep_awake, subject.computer.power))
    }
}

fn judge(keep_awake: &KeepAwake, power: Power) -> Finding {
    let meaning = "If it sleeps, the release waits until it is awake again. A job on the staging machine goes on.";
    let instruction = "Set this computer so that it does not sleep for the next hours, and leave its lid open.";
    match (keep_awake, power) {
        (KeepAwake::Possible, _) => Finding::ready("The app keeps this computer awake while a step changes something"),
        // A computer on its battery sleeps after some minutes.
        (KeepAwake::Refused, Power::Battery { .. }) => {
            Finding::choose("The app cannot keep this computer awake on its battery", meaning).instruct(instruction)
        }
        (KeepAwake::Refused, Power::Mains | Power::Unknown) => {
            Finding::unknown("The app cannot keep this computer awake, and does not know whether it sleeps", meaning)
                .instruct(instruction)
        }
        (KeepAwake::Unknown, _) => {
            Finding::unknown("The app does not know whether this computer stays awake", meaning).instruct(instruction)
        }
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_computer_that_may_sleep_on_its_battery_is_a_choice() {
        for (keep_awake, power, state) in [
            (KeepAwake::Possible, Power::Battery { percent: 9 }, ReadinessState::Ready),
            (KeepAwake::Possible, Power::Mains, ReadinessState::Ready),
            (KeepAwake::Refused, Power::Battery { percent: 99 }, ReadinessState::Choose),
            (KeepAwake::Refused, Power::Mains, ReadinessState::Unknown),
            (KeepAwake::Refused, Power::Unknown, ReadinessState::Unknown),
            (KeepAwake::Unknown, Power::Mains, ReadinessState::Unknown),
        ] {
            assert_eq!(judge(&keep_awake, power).state, state, "{keep_awake:?} {power:?}");
        }
    }
}
