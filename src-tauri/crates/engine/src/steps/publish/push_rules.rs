//! The rules by which a git server refuses a push, recognised by its words.
//!
//! Sources: GitHub's pages "About protected branches", "Available rules for rulesets",
//! "Troubleshooting rules", "About large files on GitHub" and "Push protection", and the messages
//! of git's receive-pack.

/// A rule that refused a push.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PushRule {
    /// Parts of the server's words, in lower case. One of them is enough.
    signs: &'static [&'static str],
    /// Completes "GitHub did not accept master: ...".
    pub problem: &'static str,
    /// The next act of the operator.
    pub hint: &'static str,
}

/// Rules in the order in which they are shown.
const RULES: [PushRule; 17] = [
    PushRule {
        signs: &["through a pull request", "review is required", "review required", "approving review"],
        problem: "it takes changes only by pull request",
        hint: "Ask a developer who may push to it without a pull request.",
    },
    PushRule {
        signs: &["status check"],
        problem: "a check has to pass on this commit first",
        hint: "Ask a developer who may push to it before its checks have run. The new commit has no checks yet.",
    },
    PushRule {
        signs: &["verified signature", "must be signed"],
        problem: "it takes only signed commits",
        hint: "The app does not sign commits. Ask a developer who may push to it without signatures.",
    },
    PushRule {
        signs: &["must not contain merge commits", "linear history"],
        problem: "it takes no merge commits",
        hint: "The release needs a merge commit. Ask a developer who may push merge commits to it.",
    },
    PushRule {
        signs: &[
            "not authorized to push",
            "not allowed to push",
            "update this protected ref",
            "updates being restricted",
        ],
        problem: "only certain people may push to it",
        hint: "Ask a developer to add the account of this token to those who may push to it.",
    },
    PushRule {
        signs: &["creations being restricted", "create this protected ref"],
        problem: "only certain people may create it",
        hint: "Ask a developer to add the account of this token to those who may create it.",
    },
    PushRule {
        signs: &["locked branch", "branch is locked"],
        problem: "it is locked",
        hint: "Ask a developer who locked it, and until when.",
    },
    PushRule {
        signs: &["force-push", "non-fast-forward"],
        problem: "the push would replace commits there",
        hint: "Read the plan again: somebody may have changed it.",
    },
    PushRule {
        signs: &["deployment is required", "required deployment", "must be successfully deployed"],
        problem: "the commit has to be deployed to another environment first",
        hint: "Ask a developer who may push to it before that.",
    },
    PushRule {
        signs: &["must match", "must start with", "must contain", "must not match", "must not start with"],
        problem: "a commit message, an author or a name does not have the required form",
        hint: "Ask a developer which form is required, and whether the app's commits may differ.",
    },
    PushRule {
        signs: &["file size limit", "large files detected", "exceeds the maximum file size", "gh001"],
        problem: "a file in the change is too large",
        hint: "Ask a developer to take the file named below out of the branch.",
    },
    PushRule {
        signs: &["contain secrets", "secrets detected", "push protection", "gh009"],
        problem: "the change contains a password or a key",
        hint: "Ask a developer to remove it from the branch. It must be replaced at once: it is not secret any more.",
    },
    PushRule {
        signs: &["private email address", "gh007"],
        problem: "a commit has an e-mail address that its owner keeps private",
        hint: "Ask a developer whose address it is, and whether its owner may allow it on GitHub.",
    },
    PushRule {
        signs: &["create or update workflow"],
        problem: "the token may not change workflow files",
        hint: "The token needs \u{201c}Workflows: read and write\u{201d} for this repository. Save such a token on Access.",
    },
    PushRule {
        signs: &["already exists"],
        problem: "it exists there already",
        hint: "Read the plan again: somebody may have made it.",
    },
    PushRule {
        signs: &["archived"],
        problem: "the repository is archived",
        hint: "Ask a developer where the repository is now.",
    },
    PushRule {
        signs: &["cannot lock ref", "failed to update ref", "failed to lock"],
        problem: "somebody pushed at the same moment",
        hint: "Try again.",
    },
];

/// The rule behind a refusal whose details are not recognised.
const UNKNOWN: [PushRule; 3] = [
    PushRule {
        signs: &["gh013", "rule violations"],
        problem: "a rule of the repository forbids it",
        hint: "The rule is named below. Ask a developer who may push in spite of it.",
    },
    PushRule {
        signs: &["gh006", "protected branch"],
        problem: "its protection forbids it",
        hint: "The rule is named below. Ask a developer who may push in spite of it.",
    },
    PushRule {
        signs: &["hook declined", "pre-receive", "update hook"],
        problem: "a check of the server (a hook) refused it",
        hint: "The words of the hook are below. Ask a developer what it wants.",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(reason: &str) -> Vec<&'static str> {
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
    fn names_the_rule_in_the_words_of_github() {
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
            assert_eq!(problems(&reason), [wanted], "{reason}");
        }
        assert_eq!(problems("denied"), [""; 0], "an unknown refusal names no rule");
    }

    #[test]
    fn names_every_rule_of_one_refusal() {
        let reason = ruleset(
            "- Changes must be made through a pull request.\n- 3 of 3 required status checks are expected.\n\
             - Commits must have verified signatures.",
        );
        assert_eq!(problems(&reason).len(), 3, "{:?}", problems(&reason));
    }
}
