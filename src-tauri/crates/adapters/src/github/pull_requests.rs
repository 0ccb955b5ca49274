//! Pull requests and the rules of a branch (<https://docs.github.com/rest/pulls/pulls>,
//! <https://docs.github.com/rest/repos/rules>).
//!
//! The answer to an opened pull request may be lost. The engine finds it by its branch.

use std::collections::BTreeMap;

use async_trait::async_trait;
use greenlight_engine::ports::{BranchRule, NewPullRequest, PortResult, PullRequest, PullRequests};
use greenlight_types::{Changed, ErrorCode, Failure};
use reqwest::Url;

use super::{GithubAdapter, answers, call::Answer, trouble::Area};

/// Most rulesets that are asked who may bypass them.
const RULESETS_MAX: usize = 20;
/// Longest name of a branch, in bytes. GitHub has the same limit.
const BRANCH_MAX: usize = 255;

#[async_trait]
impl PullRequests for GithubAdapter {
    async fn branch_rules(&self, branch: &str) -> PortResult<Vec<BranchRule>> {
        let summary = "read the rules of the branch";
        let mut url = self.repository(&["rules", "branches", checked_branch(branch)?]);
        url.query_pairs_mut().append_pair("per_page", "100");
        let answer = self.ask(summary, url).await?;
        // GitHub Enterprise Server before 3.11 has no rulesets, and answers 404.
        if answer.status == 404 || answer.refuses_rulesets() {
            return Ok(Vec::new());
        }
        let rules = answer.expect::<Vec<answers::Rule>>(summary)?;
        let mut bypasses: BTreeMap<u64, Option<bool>> = BTreeMap::new();
        for id in rules.iter().filter_map(|rule| rule.ruleset_id) {
            if bypasses.len() < RULESETS_MAX && !bypasses.contains_key(&id) {
                bypasses.insert(id, self.may_bypass(summary, id).await?);
            }
        }
        let may_bypass = |id: Option<u64>| id.and_then(|id| bypasses.get(&id).copied().flatten());
        let told = |rule: answers::Rule| BranchRule { may_bypass: may_bypass(rule.ruleset_id), kind: rule.kind };
        Ok(rules.into_iter().map(told).collect())
    }

    async fn of_branch(&self, head: &str, base: &str) -> PortResult<Vec<PullRequest>> {
        let summary = "look for pull requests of the branch";
        let (head, base) = (checked_branch(head)?, checked_branch(base)?);
        let mut url = self.repository(&["pulls"]);
        // GitHub ignores a head without its owner.
        let owned = format!("{}:{head}", self.owner);
        let pairs = [("state", "all"), ("head", &owned), ("base", base), ("per_page", "30")];
        url.query_pairs_mut().extend_pairs(pairs).extend_pairs([("sort", "created"), ("direction", "desc")]);
        let answer = self.ask(summary, url).await?;
        let found = answer.expect::<Vec<answers::Pull>>(summary).map_err(|failure| self.named(&answer, failure))?;
        let ours = found.into_iter().filter(|pull| pull.is_between(head, base));
        let mut ours: Vec<PullRequest> = ours.map(answers::Pull::into_port).collect();
        ours.sort_by_key(|pull| std::cmp::Reverse(pull.number));
        Ok(ours)
    }

    async fn pull_request(&self, number: u32) -> PortResult<Option<PullRequest>> {
        let summary = "ask GitHub about the pull request";
        let answer = self.ask(summary, self.repository(&["pulls", &number.to_string()])).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        answer.expect::<answers::Pull>(summary).map(|pull| Some(pull.into_port()))
    }

    async fn open_pull_request(&self, new: &NewPullRequest) -> PortResult<PullRequest> {
        let summary = "open the pull request";
        let (head, base) = (checked_branch(&new.head)?, checked_branch(&new.base)?);
        let body = serde_json::json!({ "title": new.title, "body": new.body, "head": head, "base": base });
        let answer = self.caller.post_once(summary, self.repository(&["pulls"]), Some(&body)).await?;
        let answer = answer.about(Area::PullRequests);
        match answer.status {
            201 => match answer.expect::<answers::Pull>(summary) {
                Ok(pull) => Ok(pull.into_port()),
                Err(failure) => Err(failure.changed(Changed::Unknown)),
            },
            400..=407 | 409..=499 => Err(self.named(&answer, answer.failure(summary)).with("branch", head)),
            _ => Err(answer.failure(summary).changed(Changed::Unknown)),
        }
    }
}

impl GithubAdapter {
    async fn ask(&self, summary: &str, url: Url) -> PortResult<Answer> {
        Ok(self.caller.get(summary, url).await?.about(Area::PullRequests))
    }

    /// Whether the owner of the token may push in spite of a ruleset. `None` when GitHub does not
    /// tell, or does not show the ruleset.
    async fn may_bypass(&self, summary: &str, ruleset: u64) -> PortResult<Option<bool>> {
        let mut url = self.repository(&["rulesets", &ruleset.to_string()]);
        url.query_pairs_mut().append_pair("includes_parents", "true");
        let answer = self.ask(summary, url).await?;
        let is_hidden = answer.status == 404
            || answer.status == 403 && answer.failure(summary).code == ErrorCode::PermissionMissing;
        if is_hidden { Ok(None) } else { Ok(answer.expect::<answers::Ruleset>(summary)?.may_bypass()) }
    }

    /// Names the repository in the failure of an answer that does not know it.
    pub(super) fn named(&self, answer: &Answer, failure: Failure) -> Failure {
        if answer.status == 404 { failure.with("name", format!("{}/{}", self.owner, self.name)) } else { failure }
    }
}

/// A branch without `refs/heads/`. Git allows no space and no control character in its name.
fn checked_branch(branch: &str) -> PortResult<&str> {
    let is_good = (1..=BRANCH_MAX).contains(&branch.len())
        && !branch.starts_with("refs/")
        && !branch.contains("..")
        && branch != "."
        && !branch.chars().any(|c| c.is_control() || matches!(c, ' ' | '~' | '^' | ':' | '?' | '*' | '[' | '\\'));
    if is_good {
        return Ok(branch);
    }
    Err(Failure::new(ErrorCode::BadInput, "use the name of a branch")
        .with("branch", branch.chars().take(200).collect::<String>()))
}
