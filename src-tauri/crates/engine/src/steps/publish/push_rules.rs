//! The rules by which a git server refuses a push, recognised by its words, or by the types of the
//! rules that are active for the branch.
//!
//! Sources: GitHub's pages "About protected branches", "Available rules for rulesets",
//! "Troubleshooting rules", "About large files on GitHub", "Push protection" and "Get rules for a
//! branch" (field `type`), and the messages of git's receive-pack.

use greenlight_types::{RunView, StepId};

use crate::{fold, ports::BranchRule, step::StepContext};

/// A rule that refused a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PushRule {
    /// Parts of the server's words, in lower case. One of them is enough.
    signs: &'static [&'static str],
    /// Types of GitHub's rules that refuse the push of every release.
    kinds: &'static [&'static str],
    /// Completes "GitHub did not accept master: ...".
    pub problem: &'static str,
    /// The next act of the operator.
    pub hint: &'static str,
    /// Whether the changes can reach the branch by a pull request in spite of the rule.
    pub is_met_by_pull_request: bool,
}

/// Rules in the order in which they are shown.
const RULES: [PushRule; 17] = [
    PushRule {
        signs: &["through a pull request", "review is required", "review required", "approving review"],
        kinds: &["pull_request", "merge_queue", "workflows"],
        problem: "it takes changes only by pull request",
        hint: "Choose \u{201c}Open a pull request\u{201d}: a reviewer merges this release on GitHub.",
        is_met_by_pull_request: true,
    },
    PushRule {
        signs: &["status check"],
        kinds: &["required_status_checks", "code_scanning"],
        problem: "a check has to pass on this commit first",
        hint: "The new commit has no checks yet. Choose \u{201c}Open a pull request\u{201d}: GitHub checks it there.",
        is_met_by_pull_request: true,
    },
    PushRule {
        signs: &["verified signature", "must be signed"],
        kinds: &["required_signatures"],
        problem: "it takes only signed commits",
        hint: "The app does not sign commits. Ask a developer who may push to it without signatures.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["must not contain merge commits", "linear history"],
        kinds: &[],
        problem: "it takes no merge commits",
        hint: "The release needs a merge commit. Choose \u{201c}Open a pull request\u{201d}: the reviewer squashes it.",
        is_met_by_pull_request: true,
    },
    PushRule {
        signs: &[
            "not authorized to push",
            "not allowed to push",
            "update this protected ref",
            "updates being restricted",
        ],
        kinds: &["update"],
        problem: "only certain people may push to it",
        hint: "Ask a developer to add the account of this token to those who may push to it.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["creations being restricted", "create this protected ref"],
        kinds: &[],
        problem: "only certain people may create it",
        hint: "Ask a developer to add the account of this token to those who may create it.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["locked branch", "branch is locked"],
        kinds: &[],
        problem: "it is locked",
        hint: "Ask a developer who locked it, and until when.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["force-push", "non-fast-forward"],
        kinds: &[],
        problem: "the push would replace commits there",
        hint: "Read the plan again: somebody may have changed it.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["deployment is required", "required deployment", "must be successfully deployed"],
        kinds: &["required_deployments"],
        problem: "the commit has to be deployed to another environment first",
        hint: "Ask a developer who may push to it before that.",
        is_met_by_pull_request: true,
    },
    PushRule {
        signs: &["must match", "must start with", "must contain", "must not match", "must not start with"],
        kinds: &[],
        problem: "a commit message, an author or a name does not have the required form",
        hint: "Ask a developer which form is required, and whether the app's commits may differ.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["file size limit", "large files detected", "exceeds the maximum file size", "gh001"],
        kinds: &[],
        problem: "a file in the change is too large",
        hint: "Ask a developer to take the file named below out of the branch.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["contain secrets", "secrets detected", "push protection", "gh009"],
        kinds: &[],
        problem: "the change contains a password or a key",
        hint: "Ask a developer to remove it from the branch. It must be replaced at once: it is not secret any more.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["private email address", "gh007"],
        kinds: &[],
        problem: "a commit has an e-mail address that its owner keeps private",
        hint: "Ask a developer whose address it is, and whether its owner may allow it on GitHub.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["create or update workflow"],
        kinds: &[],
        problem: "the token may not change workflow files",
        hint: "The token needs \u{201c}Workflows: read and write\u{201d} for this repository. Save such a token on Access.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["already exists"],
        kinds: &[],
        problem: "it exists there already",
        hint: "Read the plan again: somebody may have made it.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["archived"],
        kinds: &[],
        problem: "the repository is archived",
        hint: "Ask a developer where the repository is now.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["cannot lock ref", "failed to update ref", "failed to lock"],
        kinds: &[],
        problem: "somebody pushed at the same moment",
        hint: "Try again.",
        is_met_by_pull_request: false,
    },
];

/// The rule behind a refusal whose details are not recognised.
const UNKNOWN: [PushRule; 3] = [
    PushRule {
        signs: &["gh013", "rule violations"],
        kinds: &[],
        problem: "a rule of the repository forbids it",
        hint: "The rule is named below. Ask a developer who may push in spite of it.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["gh006", "protected branch"],
        kinds: &[],
        problem: "its protection forbids it",
        hint: "The rule is named below. Ask a developer who may push in spite of it.",
        is_met_by_pull_request: false,
    },
    PushRule {
        signs: &["hook declined", "pre-receive", "update hook"],
        kinds: &[],
        problem: "a check of the server (a hook) refused it",
        hint: "The words of the hook are below. Ask a developer what it wants.",
        is_met_by_pull_request: false,
    },
];

/// The rules that refused a push, by the server's words. Empty when none is recognised.
pub(super) fn broken(reason: &str) -> Vec<&'static PushRule> {
    // GitHub links its pages and the names of refs in the text; they are no rules.
    let words =
        reason.to_lowercase().split_whitespace().filter(|word| !word.contains("://")).collect::<Vec<_>>().join(" ");
    let is_broken = |rule: &&PushRule| rule.signs.iter().any(|sign| words.contains(sign));
    let known: Vec<&PushRule> = RULES.iter().filter(is_broken).collect();
    if known.is_empty() { UNKNOWN.iter().find(is_broken).into_iter().collect() } else { known }
}

/// The rules that refuse the push of this run.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Forbidding {
    pub problems: Vec<&'static str>,
    /// Whether a pull request of this run can meet all of them.
    pub are_met_by_pull_request: bool,
}

/// The rules that GitHub names for the main branch, where it also says that this account may not
/// push in spite of them. None when it does not tell: the push itself shows. None either for a run
/// that cannot open a pull request: its push is tried.
pub(in crate::steps) async fn forbidding(cx: &StepContext, run: &RunView) -> Forbidding {
    if run.begun.is_some() || fold::step(run, StepId::OpenPullRequest).is_none() {
        return Forbidding::default();
    }
    let branch = &run.profile.git.main;
    match cx.ports.pull_requests.branch_rules(branch).await {
        Ok(rules) => in_the_way(&rules),
        Err(failure) => {
            tracing::warn!(%failure, %branch, "the rules of a branch cannot be read");
            Forbidding::default()
        }
    }
}

/// The rules among these that refuse the push of a release by the account of the token.
pub(crate) fn in_the_way(rules: &[BranchRule]) -> Forbidding {
    let binds = |known: &&PushRule| {
        rules.iter().any(|rule| rule.may_bypass == Some(false) && known.kinds.contains(&rule.kind.as_str()))
    };
    let found: Vec<&PushRule> = RULES.iter().filter(binds).collect();
    Forbidding {
        problems: found.iter().map(|rule| rule.problem).collect(),
        are_met_by_pull_request: !found.is_empty() && found.iter().all(|rule| rule.is_met_by_pull_request),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken_by(reason: &str) -> Vec<&'static str> {
        broken(reason).iter().map(|rule| rule.problem).collect()
    }

    /// A refusal of GitHub's branch protection.
    fn protection(lines: &str) -> String {
        format!(
            "protected branch hook declined\nerror: GH006: Protected branch update failed for refs/heads/main.\n{lines}"
        )
    }

    /// A refusal of GitHub's rulesets.
    fn ruleset(lines: &str) -> String {
        format!(
            "push declined due to repository rule violations\nerror: GH013: Repository rule violations found for \
             refs/heads/main.\nReview all repository rules at https://github.com/o/r/rules?ref=refs%2Fheads%2Fmain\n{lines}"
        )
    }

    #[test]
    fn fault_7_names_the_rule_in_the_words_of_github() {
        const PULL_REQUEST: &str = "it takes changes only by pull request";
        const CHECK: &str = "a check has to pass on this commit first";
        for (reason, wanted) in [
            (protection("error: Changes must be made through a pull request."), PULL_REQUEST),
            (protection("error: At least 1 approving review is required by reviewers with write access."), PULL_REQUEST),
            (protection("error: Required status check \"ci/build\" is expected."), CHECK),
            (protection("error: 2 of 2 required status checks are expected."), CHECK),
            (protection("error: Commits must have verified signatures."), "it takes only signed commits"),
            (protection("error: This branch must not contain merge commits."), "it takes no merge commits"),
            (
                protection(
                    "error: You're not authorized to push to this branch. Visit \
                     https://docs.github.com/articles/about-protected-branches/ for more information.",
                ),
                "only certain people may push to it",
            ),
            (protection("error: Cannot change this locked branch"), "it is locked"),
            (protection("error: Cannot force-push to this branch"), "the push would replace commits there"),
            (protection("error: Something new."), "its protection forbids it"),
            (ruleset("- Changes must be made through a pull request."), PULL_REQUEST),
            (ruleset("- Required status check \"build\" is expected."), CHECK),
            (ruleset("- Commits must have verified signatures.\n  Found 1 violation:\n  4f1c2e"), "it takes only signed commits"),
            (ruleset("- Cannot update this protected ref."), "only certain people may push to it"),
            (ruleset("- Cannot create ref due to creations being restricted."), "only certain people may create it"),
            (ruleset("- Commit message must match a given regex pattern: ^JIRA-"), "a commit message, an author or a name does not have the required form"),
            (ruleset("- Push cannot contain secrets"), "the change contains a password or a key"),
            (ruleset("- Something new."), "a rule of the repository forbids it"),
            (
                "pre-receive hook declined\nerror: GH001: Large files detected. You may want to try Git Large File Storage.\n\
                 error: File data/dump.bin is 120.00 MB; this exceeds GitHub's file size limit of 100.00 MB"
                    .to_owned(),
                "a file in the change is too large",
            ),
            (
                "push declined due to email privacy restrictions\nerror: GH007: Your push would publish a private email address."
                    .to_owned(),
                "a commit has an e-mail address that its owner keeps private",
            ),
            (
                "refusing to allow a Personal Access Token to create or update workflow `.github/workflows/build.yml` \
                 without `workflow` scope"
                    .to_owned(),
                "the token may not change workflow files",
            ),
            ("pre-receive hook declined\nticket number is missing".to_owned(), "a check of the server (a hook) refused it"),
            ("already exists".to_owned(), "it exists there already"),
            ("failed to update ref".to_owned(), "somebody pushed at the same moment"),
        ] {
            assert_eq!(broken_by(&reason), [wanted], "{reason}");
        }
        assert_eq!(broken_by("denied"), [""; 0], "an unknown refusal names no rule");
    }

    #[test]
    fn names_every_rule_of_one_refusal() {
        let reason = ruleset(
            "- Changes must be made through a pull request.\n- 3 of 3 required status checks are expected.\n\
             - Commits must have verified signatures.",
        );
        assert_eq!(broken_by(&reason).len(), 3, "{:?}", broken_by(&reason));
    }

    #[test]
    fn a_rule_forbids_the_push_only_where_github_says_that_it_binds_this_account() {
        let rule = |kind: &str, may_bypass| BranchRule { kind: kind.into(), may_bypass };
        const PULL_REQUEST: &str = "it takes changes only by pull request";
        for (rules, problems, are_met_by_pull_request) in [
            (vec![rule("pull_request", Some(false))], vec![PULL_REQUEST], true),
            (vec![rule("pull_request", Some(true))], vec![], false),
            (vec![rule("pull_request", None)], vec![], false),
            (vec![rule("deletion", Some(false)), rule("non_fast_forward", Some(false))], vec![], false),
            (
                vec![rule("required_signatures", Some(false)), rule("merge_queue", Some(false))],
                vec![PULL_REQUEST, "it takes only signed commits"],
                false,
            ),
        ] {
            let expected = Forbidding { problems, are_met_by_pull_request };
            assert_eq!(in_the_way(&rules), expected, "{rules:?}");
        }
    }
}
