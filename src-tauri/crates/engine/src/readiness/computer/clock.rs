//! The clock of this computer agrees with the one of GitHub.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::{
    check::{Check, Finding, Subject},
    reads::TimedIdentity,
};
use crate::ports::PortResult;

pub struct ComputerClock;

#[async_trait]
impl Check for ComputerClock {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::ComputerClock
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Computer
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        Ok(judge(&subject.reads.github().await?))
    }
}

/// Difference that no rule about times notices.
const SLACK: Duration = Duration::from_secs(60);
/// Largest difference with which AWS accepts a signature (AWS General Reference, "Signing AWS API
/// requests": within five minutes).
const SIGNED_MAX: Duration = Duration::from_secs(5 * 60);
/// GitHub tells whole seconds.
const ROUNDING: Duration = Duration::from_secs(1);

fn judge(answer: &TimedIdentity) -> Finding {
    let Some(there) = answer.identity.answered_at else {
        return Finding::unknown("GitHub tells no time", "The clock of this computer is not compared.");
    };
    // The answer was made between the question and its arrival, so a slow answer is no difference.
    let (ahead, behind) = (there.until_or_zero(answer.before), answer.after.until_or_zero(there));
    let (apart, direction) =
        if ahead >= behind { (ahead.saturating_sub(ROUNDING), "ahead") } else { (behind, "behind") };
    let sentence = || format!("The clock of this computer is {} {direction}", in_words(apart));
    let instruction = "Let the system set the clock of this computer, then check again.";
    if apart <= SLACK {
        Finding::ready("The clock of this computer is right")
    } else if apart <= SIGNED_MAX {
        Finding::choose(sentence(), "The times in the record of this release would be wrong by that.")
            .instruct(instruction)
    } else {
        Finding::blocked(sentence(), "AWS refuses a sign-in whose time is wrong by more than five minutes.")
            .instruct(instruction)
    }
}

fn in_words(apart: Duration) -> String {
    let seconds = apart.as_secs();
    if seconds < 2 * 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ReadinessState, Timestamp};

    use super::*;
    use crate::ports::GithubIdentity;

    const NOON: i64 = 1_800_000_000;

    /// An answer of that second that took `took` seconds from noon of this computer.
    fn answer(there: Option<i64>, took: i64) -> TimedIdentity {
        let at = |second: i64| Timestamp::from_second(NOON + second).expect("a time");
        let answered_at = there.map(at);
        let identity = GithubIdentity { login: "bot".into(), expires_at: None, answered_at };
        TimedIdentity { identity, before: at(0), after: at(took) }
    }

    #[test]
    fn five_minutes_are_the_most_that_aws_accepts() {
        for (there, state, part) in [
            (0, ReadinessState::Ready, "right"),
            (60, ReadinessState::Ready, "right"),
            (-61, ReadinessState::Ready, "right"),
            (61, ReadinessState::Choose, "61 s behind"),
            (-62, ReadinessState::Choose, "61 s ahead"),
            (300, ReadinessState::Choose, "5 min behind"),
            (301, ReadinessState::Blocked, "5 min behind"),
            (-86_400, ReadinessState::Blocked, "1439 min ahead"),
        ] {
            let found = judge(&answer(Some(there), 0));
            assert_eq!(found.state, state, "{there}");
            assert!(found.sentence.contains(part), "{}", found.sentence);
        }
        assert_eq!(judge(&answer(None, 0)).state, ReadinessState::Unknown);
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        assert_eq!(judge(&answer(Some(200), 400)).state, ReadinessState::Ready);
        assert_eq!(judge(&answer(Some(500), 400)).state, ReadinessState::Choose);
    }
}
