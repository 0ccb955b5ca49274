//! The GitHub token works, and is valid until the release has ended.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_types::{CredentialKind, ReadinessCheck, ReadinessGroup, Timestamp};

use super::super::check::{Check, Finding, Subject, of_sign_in};
use crate::{
    ports::{GithubIdentity, PortResult},
    time,
};

pub struct GithubSignIn;

#[async_trait]
impl Check for GithubSignIn {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::GithubSignIn
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        match subject.reads.github().await {
            Ok(who) => Ok(judge(&who.identity, who.after)),
            Err(failure) => of_sign_in(failure, "GitHub", CredentialKind::Github),
        }
    }
}

/// Time that a release may take, with pauses of its operator.
const RELEASE_LASTS: Duration = Duration::from_secs(4 * 60 * 60);
/// Time before the end of a token in which a person should renew it.
const RENEW_WITHIN: Duration = Duration::from_secs(3 * 24 * 60 * 60);

fn judge(who: &GithubIdentity, now: Timestamp) -> Finding {
    let Some(until) = who.expires_at else {
        return Finding::ready(format!("Signed in to GitHub as {}", who.login));
    };
    let left = now.until_or_zero(until);
    if left <= RELEASE_LASTS {
        return Finding::blocked(
            format!("The GitHub token ends on {}", time::in_words(until)),
            "It would end in the middle of the release.",
        )
        .access(CredentialKind::Github);
    }
    if left <= RENEW_WITHIN {
        return Finding::choose(
            format!("The GitHub token ends on {}", time::in_words(until)),
            "It lasts for this release, if the release does not wait for another day.",
        )
        .access(CredentialKind::Github);
    }
    Finding::ready(format!("Signed in to GitHub as {} until {}", who.login, time::in_words(until)))
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_token_has_to_last_longer_than_the_release() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().expect("a time");
        let after = |hours: u64| Some(now.plus(Duration::from_secs(hours * 60 * 60)));
        for (expires_at, state) in [
            (None, ReadinessState::Ready),
            (after(100), ReadinessState::Ready),
            (after(71), ReadinessState::Choose),
            (after(5), ReadinessState::Choose),
            (after(4), ReadinessState::Blocked),
            (Some(now.minus(Duration::from_secs(1))), ReadinessState::Blocked),
        ] {
            let who = GithubIdentity { login: "build-bot".into(), expires_at, answered_at: None };
            assert_eq!(judge(&who, now).state, state, "{expires_at:?}");
        }
    }
}
