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
    /// Check runs of a commit.
    Checks,
    /// Statuses of a commit.
    Statuses,
    /// Environments of the repository.
    Environments,
}

impl Area {
    /// Permission of a fine-grained token, in GitHub's words.
    fn permission(self) -> &'static str {
        match self {
            Self::Workflows => "Actions: read and write",
            Self::PullRequests => "Pull requests: read and write",
            Self::Checks => "Checks: read",
            Self::Statuses => "Commit statuses: read",
            Self::Environments => "Actions: read",
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
        403 => match rule_of(words).or(hints.sso.as_ref().map(|_| &SINGLE_SIGN_ON)) {
            Some(rule) => failure(ErrorCode::GithubRefused).with("problem", rule.problem).hint(rule.way_on),
            None => permission(failure(ErrorCode::PermissionMissing), area, hints),
        },
        404 | 422 => match area {
            Area::Workflows => no_workflow(failure(ErrorCode::WorkflowMissing), status),
            Area::PullRequests => no_pull_request(failure, status, words),
            Area::Checks | Area::Statuses | Area::Environments => failure(ErrorCode::GitMissing)
                .hint("Check the repository of the profile, and that the token may see this repository."),
        },
        500..=599 => failure(ErrorCode::Unreachable).hint("GitHub has a problem of its own. Look at githubstatus.com."),
        _ => failure(ErrorCode::UnreadableAnswer).hint("Ask a developer: GitHub answered in an unexpected way."),
    }
}

/// A rule of the owner of the organisation, the repository or GitHub itself.
struct Rule {
    /// A part of GitHub's message, in lower case.
    part: &'static str,
    problem: &'static str,
    way_on: &'static str,
}

/// GitHub names it in a header or in the message.
const SINGLE_SIGN_ON: Rule = Rule {
    part: "saml enforcement",
    problem: "the organisation asks for single sign-on with this token",
    way_on: "Authorise the token for the organisation at GitHub, Settings, Tokens.",
};

/// The rules that GitHub names in the message of a 403 and in no header. The first that fits
/// counts.
const RULES: [Rule; 8] = [
    Rule {
        part: "ip allow list",
        problem: "the organisation accepts only some networks, and this computer is not in one of them",
        way_on: "Connect to the network of the company (VPN), then try again.",
    },
    Rule {
        part: "token's lifetime",
        problem: "the organisation accepts no token that is valid for so long",
        way_on: "Make a token with an earlier end at GitHub, and save it on Access.",
    },
    Rule {
        part: "personal access token (classic)",
        problem: "the organisation accepts no classic token",
        way_on: "Make a fine-grained token at GitHub, and save it on Access.",
    },
    Rule {
        part: "forbids access via a fine-grained personal access token",
        problem: "the organisation accepts no fine-grained token",
        way_on: "Ask an owner of the organisation which token it accepts.",
    },
    SINGLE_SIGN_ON,
    Rule {
        part: "account was suspended",
        problem: "the account of this token is suspended",
        way_on: "Ask an owner of the organisation, or save the token of another account on Access.",
    },
    Rule {
        part: "was archived",
        problem: "the repository is archived and takes no changes",
        way_on: "Ask an owner of the repository whether the product moved to another one.",
    },
    Rule {
        part: "actions has been disabled",
        problem: "builds (GitHub Actions) are switched off for this repository",
        way_on: "Ask an owner of the repository to switch Actions on, in its settings.",
    },
];

fn rule_of(words: &str) -> Option<&'static Rule> {
    let words = words.to_lowercase();
    RULES.iter().find(|rule| words.contains(rule.part))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_rule_of_the_owner_instead_of_a_permission() {
        let cases = [
            (
                "Although you appear to have the correct authorization credentials, the `acme` organization has an IP \
                 allow list enabled, and your IP address is not permitted to access this resource.",
                "only some networks",
            ),
            (
                "The 'acme' organization forbids access via a fine-grained personal access tokens if the token's \
                 lifetime is greater than 366 days.",
                "valid for so long",
            ),
            (
                "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or \
                 a personal access token with fine-grained permissions.",
                "no classic token",
            ),
            ("`acme` forbids access via a fine-grained personal access token.", "no fine-grained token"),
            (
                "Resource protected by organization SAML enforcement. You must grant your Personal Access token \
                 access to this organization.",
                "single sign-on",
            ),
            ("Sorry. Your account was suspended.", "suspended"),
            ("Repository was archived so is read-only.", "archived"),
            ("Actions has been disabled for this repository.", "switched off"),
        ];
        for (words, problem) in cases {
            let failure = refused("start the build", Area::Workflows, 403, words, &Hints::default());
            assert_eq!(failure.code, ErrorCode::GithubRefused, "{words}");
            assert!(failure.params["problem"].contains(problem), "{words}: {failure:?}");
            assert_eq!(failure.hints.len(), 1, "{words}");
        }
        let words = "Resource not accessible by personal access token";
        let failure = refused("start the build", Area::Workflows, 403, words, &Hints::default());
        assert_eq!(failure.code, ErrorCode::PermissionMissing);
    }
}
