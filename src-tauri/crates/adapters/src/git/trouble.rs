//! Maps errors of libgit2 to failures.

use git2::{ErrorClass, ErrorCode as GitCode};
use greenlight_types::{ErrorCode, Failure};

use super::names::Address;

/// Use of the token in one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TokenUse {
    /// The server never asked.
    #[default]
    NotAsked,
    /// The token was given once.
    Given,
    /// The server asked again after it got the token, so it refused the token.
    Refused,
    /// Another server asked for the token and did not get it.
    AskedElsewhere,
}

/// An error of work on the clone.
pub(super) fn local(summary: &str, error: &git2::Error) -> Failure {
    if error.code() == GitCode::NotFound {
        return Failure::new(ErrorCode::GitMissing, summary)
            .because(error.message())
            .hint("Refresh, then look again: the app's copy of the repository does not have it.");
    }
    Failure::new(ErrorCode::Internal, summary)
        .because(error.message())
        .hint("Close and reopen the app. If it stays, give the record of this run to a developer.")
}

/// An error of a call to the remote that changed nothing.
pub(super) fn remote(summary: &str, error: &git2::Error, address: &Address, token: TokenUse) -> Failure {
    let host = address.host();
    let (code, hint) = match (token, http_status(error.message())) {
        (TokenUse::Refused, _) | (_, Some(401)) => refused(),
        (TokenUse::AskedElsewhere, _) => (
            ErrorCode::UnreadableAnswer,
            "The repository redirects to another server. The token was not sent there; ask a developer for the new address.",
        ),
        (_, Some(403)) => (
            ErrorCode::PermissionMissing,
            "The GitHub token may not do this. It needs \u{201c}Contents: read and write\u{201d} for this repository.",
        ),
        (_, Some(404)) => (
            ErrorCode::GitMissing,
            "No such repository, or the GitHub token may not see it. Check the token on Access.",
        ),
        (_, Some(429)) => (ErrorCode::Throttled, "Wait a few minutes and try again."),
        (_, Some(500..=599)) => (ErrorCode::Unreachable, "The server has a problem of its own. Try again in a minute."),
        (TokenUse::NotAsked | TokenUse::Given, _) => by_kind(error),
    };
    Failure::new(code, summary).with("host", host).because(error.message()).hint(hint)
}

fn refused() -> (ErrorCode, &'static str) {
    (
        ErrorCode::CredentialRefused,
        "The server refused the GitHub token: it may have expired. Save a new one on Access.",
    )
}

fn by_kind(error: &git2::Error) -> (ErrorCode, &'static str) {
    if error.code() == GitCode::Auth {
        return refused();
    }
    if error.code() == GitCode::Certificate || error.class() == ErrorClass::Ssl {
        return (
            ErrorCode::Unreachable,
            "The server could not prove who it is (certificate). Check this computer's clock and network.",
        );
    }
    if error.code() == GitCode::Timeout {
        return (ErrorCode::TimedOut, "Check the network connection and try again.");
    }
    if matches!(error.class(), ErrorClass::Net | ErrorClass::Os) {
        return (ErrorCode::Unreachable, "Check the network connection and try again.");
    }
    if error.class() == ErrorClass::Http {
        return (ErrorCode::UnreadableAnswer, "Something between this computer and the server may change its answers.");
    }
    (ErrorCode::Internal, "Try again. If it stays, give the record of this run to a developer.")
}

/// The HTTP status from the message `unexpected http status code: 403` (transports/http.c). libgit2
/// has no field for it.
fn http_status(message: &str) -> Option<u16> {
    message.strip_prefix("unexpected http status code: ")?.trim().parse().ok()
}
