//! Maps errors of libgit2, of HTTP and of connections to failures.

use std::error::Error;

use git2::ErrorCode as GitCode;
use greenlight_types::{Changed, ErrorCode, Failure, Retry};

/// Maximum length of the words of the server in a failure, in bytes.
const WORDS_MAX: usize = 16 * 1024;

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

/// An answer with another status than 200. `failure` has the summary and the effect.
pub(super) fn refused(failure: Failure, status: u16) -> Failure {
    let (code, hint) = match status {
        300..=399 => (
            ErrorCode::UnreadableAnswer,
            "The repository redirects to another server. The token was not sent there; ask a developer for the new address.",
        ),
        401 => (
            ErrorCode::CredentialRefused,
            "The server refused the GitHub token: it may have expired. Save a new one on Access.",
        ),
        403 => (
            ErrorCode::PermissionMissing,
            "The GitHub token may not do this. It needs \u{201c}Contents: read and write\u{201d} for this repository.",
        ),
        404 => (
            ErrorCode::GitMissing,
            "No such repository, or the GitHub token may not see it. Check the token on Access.",
        ),
        429 => (ErrorCode::Throttled, "Wait a few minutes and try again."),
        500..=599 => (ErrorCode::Unreachable, "The server has a problem of its own. Try again in a minute."),
        _ => (ErrorCode::UnreadableAnswer, "Something between this computer and the server may change its answers."),
    };
    Failure { code, ..failure }.because(format!("the server answered with HTTP {status}")).hint(hint)
}

/// A request without a complete answer. `failure` has the summary and the effect. Without a
/// connection, nothing changed.
pub(super) fn lost(failure: Failure, error: &reqwest::Error) -> Failure {
    let failure = Failure { code: ErrorCode::Unreachable, ..failure };
    let failure =
        if error.is_connect() { Failure { changed: Changed::Nothing, retry: Retry::Safe, ..failure } } else { failure };
    let hint = if is_about_certificate(error) {
        "The server could not prove who it is (certificate). Check this computer's clock and network."
    } else {
        "Check the network connection and try again."
    };
    failure.because_of(error).hint(hint)
}

/// Whether TLS refused the server. The type of the error belongs to the TLS library of reqwest, so
/// its text is read (rustls, `Error::InvalidCertificate`).
fn is_about_certificate(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    for _ in 0..16 {
        let Some(current) = next else { return false };
        if current.to_string().starts_with("invalid peer certificate") {
            return true;
        }
        next = current.source();
    }
    false
}

/// The server's text as lines without control characters.
pub(super) fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(WORDS_MAX)]);
    let lines = text.split(['\n', '\r']).map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>());
    lines.map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
