//! Answers of GitHub's REST API about the checks of a commit and the environments: the shapes
//! `check-run`, `combined-commit-status` and `environment` of
//! <https://github.com/github/rest-api-description>.

use serde_json::{Value, json};

use super::{at, pages::Page, shapes, shapes::API};
use crate::world::{
    World,
    build::{CommitReport, ENVIRONMENT, REVIEWERS},
};

impl World {
    /// One page of the check runs of a commit.
    pub(in super::super) fn check_runs(&self, sha: &str, query: &[(String, String)]) -> Value {
        let reports = self.reports_of(sha);
        let all: Vec<Value> = (1..).zip(&reports).map(|(number, report)| self.check_run(sha, number, report)).collect();
        json!({ "total_count": all.len(), "check_runs": Page::of(query).part_of(&all) })
    }

    fn check_run(&self, sha: &str, number: u64, report: &CommitReport) -> Value {
        let id = 30_000_000_000 + number;
        let page = format!("https://github.com/{}/runs/{id}", self.repository);
        let url = format!("{API}/repos/{}/check-runs/{id}", self.repository);
        json!({
            "id": id, "node_id": format!("CR_{id}"), "head_sha": sha, "external_id": "", "name": report.name,
            "url": url, "html_url": page, "details_url": page,
            "status": if report.conclusion.is_some() { "completed" } else { "in_progress" },
            "conclusion": report.conclusion.map(|one| one.word()),
            "started_at": at(self.now_ms), "completed_at": report.conclusion.map(|_| at(self.now_ms)),
            "output": {
                "title": null, "summary": null, "text": null, "annotations_count": 0,
                "annotations_url": format!("{url}/annotations")
            },
            "check_suite": { "id": id + 1 }, "app": null, "pull_requests": []
        })
    }

    /// The combined status of a commit. The simulated repository uses check runs only.
    pub(in super::super) fn combined_status(&self, sha: &str) -> Value {
        let commit = format!("{API}/repos/{}/commits/{sha}", self.repository);
        json!({
            "state": "pending", "statuses": [], "sha": sha, "total_count": 0,
            "repository": shapes::repository(&self.repository), "commit_url": commit, "url": format!("{commit}/status")
        })
    }

    /// One page of the environments.
    pub(in super::super) fn environments(&self, query: &[(String, String)]) -> Value {
        let url = format!("{API}/repos/{}/environments/{ENVIRONMENT}", self.repository);
        let reviewers = json!({
            "id": 3_736, "node_id": "GA_practice", "type": "required_reviewers", "prevent_self_review": false,
            "reviewers": [{ "type": "User", "reviewer": shapes::person(REVIEWERS) }]
        });
        let rules: Vec<Value> = self.rules.approval.map(|_| reviewers).into_iter().collect();
        let all = [json!({
            "id": 56_780_428, "node_id": "EN_practice", "name": ENVIRONMENT, "url": url,
            "html_url": format!("https://github.com/{}/deployments/activity_log?environments_filter={ENVIRONMENT}", self.repository),
            "created_at": "2024-01-08T08:00:00Z", "updated_at": "2024-01-08T08:00:00Z",
            "protection_rules": rules, "deployment_branch_policy": null
        })];
        json!({ "total_count": all.len(), "environments": Page::of(query).part_of(&all) })
    }
}
