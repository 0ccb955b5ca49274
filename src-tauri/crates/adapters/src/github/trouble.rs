//! Maps refusals and lost answers of GitHub to failures.

use std::{error::Error, io::ErrorKind};

use greenlight_types::{Changed, ErrorCode, Failure};
use hyper_util::client::legacy::Error as ClientError;

use super::call::Hints;

/// The part of GitHub that a request is about. It decides the words of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Area {
    Workflows,
    /// Pull requests, and the rules of a branch.
    PullRequests,
}

impl Area {
    /// Permission of a fine-grained token, in GitHub's words.
    fn permission(self) -> &'static str {
        match self {
            Self::Workflows => "Actions: read and write",
            Self::PullRequests => "Pull requests: read and write",
        }
    }
}

/// The failure of an answer that is no success. A refusal changed nothing.
pub(super) fn refused(summary: &str, area: Area, status: u16, words: &str, hints: &Hints) -> Failure {
    let because = if words.is_empty() {
        format!("GitHub answered {status}")
    } else {
        format!("GitHub answered {status}: {words}")
    };
    let failure = |code| Failure::new(code, summary).with("status", status.to_string()).because(&because);
    match status {
        401 => failure(ErrorCode::CredentialRefused)
            .hint("GitHub refused the token: it may have expired. Save a new one on Access."),
        403 | 429 if status == 429 || is_rate_limit(words, hints) => throttled(failure(ErrorCode::Throttled), hints),
        403 if hints.sso.is_some() => failure(ErrorCode::PermissionMissing)
            .hint("The organisation asks for single sign-on: authorise the token for it at GitHub, Settings, Tokens."),
        403 => permission(failure(ErrorCode::PermissionMissing), area, hints),
        404 | 422 => match area {
            Area::Workflows => no_workflow(failure(ErrorCode::WorkflowMissing), status),
            Area::PullRequests => no_pull_request(failure, status, words),
        },
        500..=599 => failure(ErrorCode::Unreachable).hint("GitHub has a problem of its own. Look at githubstatus.com."),
        _ => failure(ErrorCode::UnreadableAnswer).hint("Ask a developer: GitHub answered in an unexpected way."),
    }
}

/// The failure of a request without a complete answer. Nothing was sent only when no connection was
/// made.
pub(super) fn lost(summary: &str, error: &octocrab::Error) -> Failure {
    let mut was_connected = true;
    let mut is_late = false;
    let mut causes: Vec<String> = Vec::new();
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    // The limit guards against a chain that refers to itself.
    for _ in 0..16 {
        let Some(current) = next else { break };
        if let Some(client) = current.downcast_ref::<ClientError>() {
            was_connected &= !client.is_connect();
        }
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            is_late |= io.kind() == ErrorKind::TimedOut;
        }
        causes.push(current.to_string());
        next = current.source();
    }
    causes.dedup();
    let code = if is_late { ErrorCode::TimedOut } else { ErrorCode::Unreachable };
    let failure = Failure::new(code, summary).hint("Check the network connection.");
    let failure = causes.into_iter().fold(failure, Failure::because);
    failure.changed(if was_connected { Changed::Unknown } else { Changed::Nothing })
}

/// Whether a 403 is a rate limit: it has a time for the next try, or no remaining requests. A
/// secondary limit may have a message only. See
/// <https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api>.
fn is_rate_limit(words: &str, hints: &Hints) -> bool {
    hints.retry_after.is_some() || hints.remaining.as_deref() == Some("0") || words.contains("rate limit")
}

fn throttled(failure: Failure, hints: &Hints) -> Failure {
    let reset = || hints.reset.as_deref()?.parse().ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    if let Some(seconds) = hints.retry_after.as_deref().filter(|text| text.bytes().all(|b| b.is_ascii_digit())) {
        return failure.with("retryAfterSeconds", seconds).hint(format!("Try again in {seconds} seconds."));
    }
    match reset() {
        Some(at) => failure
            .with("retryAt", at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string())
            .hint(format!("Try again after {} UTC.", at.strftime("%H:%M"))),
        None => failure.hint("Wait a few minutes and try again."),
    }
}

fn no_workflow(failure: Failure, status: u16) -> Failure {
    failure.hint(if status == 404 {
        "Check the repository and the workflow of the profile, and that the token may see this repository."
    } else {
        "Ask a developer: the workflow does not take this branch or these inputs."
    })
}

fn no_pull_request(failure: impl Fn(ErrorCode) -> Failure, status: u16, words: &str) -> Failure {
    if status == 404 {
        return failure(ErrorCode::GitMissing)
            .hint("Check the repository of the profile, and that the token may see this repository.");
    }
    failure(ErrorCode::PushRefused)
        .with("name", "the pull request")
        .with("problem", words.trim_end_matches('.'))
        .hint("Look at the pull requests of the repository on GitHub.")
}

fn permission(failure: Failure, area: Area, hints: &Hints) -> Failure {
    match &hints.accepted_permissions {
        Some(permissions) => failure
            .with("permissions", permissions.as_str())
            .hint(format!("The token needs this permission for the repository: {permissions}. Change it at GitHub.")),
        None => failure.hint(format!(
            "The token needs \u{201c}{}\u{201d} for the repository. Change it at GitHub.",
            area.permission()
        )),
    }
}
