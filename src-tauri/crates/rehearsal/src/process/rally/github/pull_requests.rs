//! Answers of GitHub's REST API about pull requests and the rules of a branch: the shapes
//! `pull-request-simple`, `pull-request` and `repository-ruleset` of
//! <https://github.com/github/rest-api-description>.

use serde_json::{Value, json};

use super::{LOGIN, at, pages::Page, shapes, shapes::API};
use crate::world::{
    World, hex_id,
    pull_requests::{Branches, Proposal, PullRequest, REVIEWER_LOGIN, Refusal, State, main_branch},
};

/// Id of the ruleset that protects the main branch.
const RULESET: u64 = 4_211;

/// Reason why a request to open a pull request is refused with status 422.
pub(in super::super) enum NotOpened {
    /// The request itself is wrong: GitHub's message.
    BadRequest(String),
    /// The values do not fit: GitHub's list of errors.
    Invalid(Value),
}

impl World {
    /// Rules that are active for a branch.
    pub(in super::super) fn branch_rules(&self, branch: &str) -> Value {
        if branch != main_branch() || !self.shows_pull_request_rule() {
            return json!([]);
        }
        let mut rule = pull_request_rule();
        rule["ruleset_source_type"] = "Repository".into();
        rule["ruleset_source"] = self.repository.as_str().into();
        rule["ruleset_id"] = RULESET.into();
        json!([rule])
    }

    /// Finds a ruleset by its id.
    pub(in super::super) fn ruleset(&self, id: &str) -> Option<Value> {
        let is_there = id == RULESET.to_string() && self.shows_pull_request_rule();
        is_there.then(|| {
            json!({
                "id": RULESET, "node_id": "RRS_practice", "name": "Main takes pull requests", "target": "branch",
                "source_type": "Repository", "source": self.repository, "enforcement": "active",
                "current_user_can_bypass": "never", "rules": [pull_request_rule()],
                "conditions": { "ref_name": { "include": ["~DEFAULT_BRANCH"], "exclude": [] } },
                "created_at": "2024-01-08T08:00:00Z", "updated_at": "2024-01-08T08:00:00Z",
                "_links": { "self": { "href": format!("{API}/repos/{}/rulesets/{RULESET}", self.repository) } }
            })
        })
    }

    /// One page of the pull requests that match the query, newest first unless the query says
    /// otherwise, and the number of all that match.
    pub(in super::super) fn listed_pulls(&self, query: &[(String, String)]) -> (Value, u64) {
        let wanted = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        // GitHub ignores a head without its owner.
        let head = wanted("head").filter(|head| head.contains(':'));
        let state = wanted("state").unwrap_or("open");
        let mut found: Vec<&PullRequest> = self
            .pull_requests()
            .iter()
            .filter(|one| head.is_none_or(|head| head == self.label(&one.branch)))
            .filter(|one| wanted("base").is_none_or(|base| base == one.base))
            .filter(|one| state == "all" || one.is_open() == (state == "open"))
            .collect();
        if wanted("direction") != Some("asc") {
            found.reverse();
        }
        let shown: Vec<Value> = Page::of(query).part_of(&found).iter().map(|one| self.listed_pull(one)).collect();
        (Value::Array(shown), found.len() as u64)
    }

    /// Finds a pull request by its number.
    pub(in super::super) fn pull(&self, number: &str) -> Option<Value> {
        let number: u32 = number.parse().ok()?;
        self.pull_requests().iter().find(|one| one.number == number).map(|one| self.whole_pull(one))
    }

    /// Opens a pull request. Returns it in the shape of a single one.
    pub(in super::super) fn open_pull(
        &mut self,
        branches: &mut dyn Branches,
        body: &Value,
    ) -> Result<Value, NotOpened> {
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        for name in ["head", "base"] {
            if text(name).is_none() {
                let words = format!("Invalid request.\n\n\"{name}\" wasn't supplied.");
                return Err(NotOpened::BadRequest(words));
            }
        }
        let (head, base) = (text("head").unwrap_or_default(), text("base").unwrap_or_default());
        let Some(title) = text("title").filter(|title| !title.trim().is_empty()) else {
            return Err(NotOpened::Invalid(
                json!([{ "resource": "Issue", "code": "missing_field", "field": "title" }]),
            ));
        };
        let owner = self.label("");
        let proposal = Proposal {
            title,
            body: text("body").unwrap_or_default(),
            branch: head.strip_prefix(owner.as_str()).unwrap_or(head),
            base,
        };
        match self.open_pull_request_in(branches, proposal) {
            Ok(opened) => Ok(self.whole_pull(&opened)),
            Err(Refusal::NoBranch(field)) => {
                Err(NotOpened::Invalid(json!([{ "resource": "PullRequest", "code": "invalid", "field": field }])))
            }
            Err(Refusal::Words(words)) => {
                Err(NotOpened::Invalid(json!([{ "resource": "PullRequest", "code": "custom", "message": words }])))
            }
        }
    }

    /// A branch with its owner: `rallyforresearch:master`.
    fn label(&self, branch: &str) -> String {
        format!("{}:{branch}", self.owner())
    }

    fn side(&self, branch: &str, commit: &str) -> Value {
        json!({
            "label": self.label(branch), "ref": branch, "sha": commit, "user": shapes::person(self.owner()),
            "repo": shapes::whole_repository(&self.repository)
        })
    }

    fn listed_pull(&self, one: &PullRequest) -> Value {
        let tried = || hex_id(&format!("test merge of {}", one.head), 40);
        let (closed, merged, commit) = match &one.state {
            // GitHub tries the merge of each pull request, and names its commit.
            State::Open => (None, None, tried()),
            State::Closed { at_ms } => (Some(at(*at_ms)), None, tried()),
            State::Merged { at_ms, commit } => (Some(at(*at_ms)), Some(at(*at_ms)), commit.clone()),
        };
        let content = json!({
            "id": 1_900_000_000 + u64::from(one.number), "node_id": format!("PR_{}", one.number), "number": one.number,
            "state": if one.is_open() { "open" } else { "closed" }, "locked": false, "title": one.title,
            "user": shapes::person(LOGIN), "body": one.body, "labels": [], "milestone": null, "draft": false,
            "created_at": at(one.opened_ms), "updated_at": at(self.now_ms), "closed_at": closed, "merged_at": merged,
            "merge_commit_sha": commit, "assignee": null, "assignees": [], "requested_reviewers": [],
            "requested_teams": [], "head": self.side(&one.branch, &one.head),
            "base": self.side(&one.base, &self.main.id), "author_association": "MEMBER", "auto_merge": null,
        });
        extended(content, self.addresses(one))
    }

    /// Addresses of a pull request, each once as a member and once as a link.
    fn addresses(&self, one: &PullRequest) -> Value {
        let (number, repository) = (one.number, &self.repository);
        let url = format!("{API}/repos/{repository}/pulls/{number}");
        let page = format!("https://github.com/{repository}/pull/{number}");
        let issue = format!("{API}/repos/{repository}/issues/{number}");
        let links = [
            ("self", "url", url.clone()),
            ("html", "html_url", page.clone()),
            ("issue", "issue_url", issue.clone()),
            ("comments", "comments_url", format!("{issue}/comments")),
            ("review_comments", "review_comments_url", format!("{url}/comments")),
            ("review_comment", "review_comment_url", format!("{API}/repos/{repository}/pulls/comments{{/number}}")),
            ("commits", "commits_url", format!("{url}/commits")),
            ("statuses", "statuses_url", format!("{API}/repos/{repository}/statuses/{}", one.head)),
        ];
        let mut addresses =
            json!({ "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"), "_links": {} });
        for (link, member, address) in links {
            addresses["_links"][link] = json!({ "href": address });
            addresses[member] = address.into();
        }
        addresses
    }

    fn whole_pull(&self, one: &PullRequest) -> Value {
        let is_merged = matches!(one.state, State::Merged { .. });
        let more = json!({
            "merged": is_merged, "mergeable": null, "mergeable_state": "unknown", "rebaseable": null,
            "merged_by": is_merged.then(|| shapes::person(REVIEWER_LOGIN)), "comments": 0, "review_comments": 0,
            "maintainer_can_modify": false, "commits": 1, "additions": 1, "deletions": 1, "changed_files": 1,
        });
        extended(self.listed_pull(one), more)
    }
}

/// An object with the members of another one.
fn extended(mut object: Value, more: Value) -> Value {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
    object
}

fn pull_request_rule() -> Value {
    json!({
        "type": "pull_request",
        "parameters": {
            "dismiss_stale_reviews_on_push": false, "require_code_owner_review": false,
            "require_last_push_approval": false, "required_approving_review_count": 1,
            "required_review_thread_resolution": false, "allowed_merge_methods": ["merge", "squash", "rebase"]
        }
    })
}
