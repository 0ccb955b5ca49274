//! The rules of the main branch allow the push of this release.

use async_trait::async_trait;
use greenlight_types::{ReadinessCheck, ReadinessGroup};

use super::super::check::{Check, Finding, Subject};
use crate::ports::PortResult;
use crate::steps::in_the_way;

pub struct PushRules;

#[async_trait]
impl Check for PushRules {
    fn id(&self) -> ReadinessCheck {
        ReadinessCheck::PushRules
    }
    fn group(&self) -> ReadinessGroup {
        ReadinessGroup::Code
    }
    fn is_for(&self, subject: &Subject<'_>) -> bool {
        subject.is_before_prepare()
    }
    async fn look(&self, subject: &Subject<'_>) -> PortResult<Finding> {
        let main = &subject.run.profile.git.main;
        let rules = in_the_way(&subject.reads.branch_rules(main).await?);
        Ok(judge(main, &rules.problems, rules.are_met_by_pull_request))
    }
}

fn judge(main: &str, problems: &[&str], are_met_by_pull_request: bool) -> Finding {
    if problems.is_empty() {
        return Finding::ready(format!("No rule that GitHub tells forbids the push to {main}"));
    }
    let sentence = format!("GitHub will not take a push to {main}: {}", problems.join("; "));
    if are_met_by_pull_request {
        Finding::later(
            sentence,
            "Prepare offers \u{201c}Open a pull request\u{201d}. A reviewer then merges it on GitHub.",
        )
    } else {
        Finding::blocked(sentence, "The release cannot be published.")
            .instruct("Ask a developer to allow the push for the account of this token.")
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::ReadinessState;

    use super::*;

    #[test]
    fn a_rule_that_a_pull_request_meets_is_a_choice() {
        assert_eq!(judge("main", &[], false).state, ReadinessState::Ready);
        assert_eq!(judge("main", &["it takes changes only by pull request"], true).state, ReadinessState::Later);
        assert_eq!(judge("main", &["it takes only signed commits"], false).state, ReadinessState::Blocked);
    }
}
