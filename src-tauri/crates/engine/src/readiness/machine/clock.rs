//! The clock of the staging machine agrees with the one of this computer.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup, RunView, Timestamp};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;

pub struct MachineClock;

#[async_trait]
impl Check for MachineClock {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::MachineClock
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Machine
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.reads.has_machine()
    }
    fn command(&self, _run: &RunView) -> Option<String> {
        Some("date +%s".to_owned())
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let answer = subject.machine_answer(self).await?;
        Ok(judge(&answer.out, subject.reads.now()))
    }
}

/// Difference that no rule about times notices.
const SLACK: Duration = Duration::from_secs(2 * 60);

fn judge(shown: &str, now: Timestamp) -> Finding {
    let Some(there) = shown.trim().parse().ok().and_then(Timestamp::from_second) else {
        return Finding::unknown(
            "The staging machine tells no time",
            "The age of a backup is compared with its clock.",
        );
    };
    let apart = there.until_or_zero(now).max(now.until_or_zero(there));
    if apart <= SLACK {
        return Finding::ready("The clocks of this computer and of the staging machine agree");
    }
    Finding::choose(
        format!("The clocks of this computer and of the staging machine are {} min apart", apart.as_secs() / 60),
        "The age of a backup cannot be told.",
    )
    .instruct("Correct the clock that is wrong, or ask a developer.")
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn the_clocks_may_be_two_minutes_apart() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let state = |seconds: i64| judge(&format!("{}\n", now.as_second() + seconds), now).state;
        for seconds in [0, 120, -120] {
            assert_eq!(state(seconds), ReadinessState::Ready, "{seconds}");
        }
        for seconds in [121, -121, 86_400] {
            assert_eq!(state(seconds), ReadinessState::Choose, "{seconds}");
        }
        assert_eq!(judge("date: not found", now).state, ReadinessState::Unknown);
    }
}
