//! Answers of GitHub's REST API about the workflow. They have the fields that a client reads.

pub(super) mod pages;
pub(super) mod pull_requests;
mod reports;
mod shapes;

use serde_json::{Value, json};

use self::shapes::API;
use crate::{
    clock::stamp,
    world::{
        WORKFLOW, World,
        build::{Build, Conclusion, ENVIRONMENT, Head, REVIEWERS},
    },
};

/// Login of the token's owner.
pub(super) const LOGIN: &str = "practice-person";

/// Id of the build before the first one of the World.
const EARLIER_BUILD: u64 = 17_000_000_000 + 411 * 1_009;

/// A time as GitHub writes it, in whole seconds.
fn at(ms: i64) -> String {
    stamp(ms).whole_seconds().as_jiff().to_string()
}

impl World {
    pub(super) fn user() -> Value {
        shapes::user(LOGIN)
    }

    /// Finds the workflow by file name or id.
    pub(super) fn workflow(&self, name: &str) -> Option<Value> {
        [WORKFLOW, "161335"].contains(&name).then(|| {
            json!({
                "id": 161_335, "node_id": "W_practice", "name": "build-deploy", "state": "active",
                "path": format!(".github/workflows/{WORKFLOW}"),
                "created_at": "2024-01-08T23:48:37.000-08:00", "updated_at": "2024-01-08T23:50:21.000-08:00",
                "url": format!("{API}/repos/{}/actions/workflows/161335", self.repository),
                "html_url": format!("https://github.com/{}/blob/master/.github/workflows/{WORKFLOW}", self.repository),
                "badge_url": format!("https://github.com/{}/workflows/build-deploy/badge.svg", self.repository)
            })
        })
    }

    /// Starts the workflow. Returns the answer that `return_run_details` requests.
    ///
    /// # Errors
    /// GitHub's text for status 422.
    pub(super) fn start_build(&mut self, body: &Value) -> Result<Value, String> {
        const KEYS: [&str; 3] = ["ref", "inputs", "return_run_details"];
        let unknown = body.as_object().and_then(|body| body.keys().find(|key| !KEYS.contains(&key.as_str())));
        if let Some(key) = unknown {
            let key: String = key.chars().take(100).collect();
            return Err(format!("Invalid request.\n\n\"{key}\" is not a permitted key."));
        }
        let Some(git_ref) = body.get("ref").and_then(Value::as_str) else {
            return Err("Invalid request.\n\n\"ref\" wasn't supplied.".to_owned());
        };
        if body.get("inputs").is_some_and(|inputs| !inputs.is_object()) {
            return Err("Invalid request.\n\nFor 'properties/inputs', the value is not an object.".to_owned());
        }
        if body.get("return_run_details").is_some_and(|told| !told.is_boolean()) {
            return Err(
                "Invalid request.\n\nFor 'properties/return_run_details', the value is not a boolean.".to_owned()
            );
        }
        if !["master", "refs/heads/master"].contains(&git_ref) {
            return Err(format!("No ref found for: {git_ref}"));
        }
        let id = self.dispatch(git_ref, body.get("inputs").cloned().unwrap_or_else(|| json!({})));
        let url = format!("{API}/repos/{}/actions/runs/{id}", self.repository);
        let page = format!("https://github.com/{}/actions/runs/{id}", self.repository);
        Ok(json!({ "workflow_run_id": id, "run_url": url, "html_url": page }))
    }

    /// Runs that match the query, newest first.
    pub(super) fn runs(&self, query: &[(String, String)]) -> Value {
        let wanted = |key: &str| query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str());
        let from =
            wanted("created").map(|created| created.trim_start_matches(">=").split("..").next().unwrap_or_default());
        let is_ours = wanted("branch").is_none_or(|branch| branch == "master");
        let earlier = self.earlier_build();
        let runs: Vec<Value> = self
            .builds
            .iter()
            .rev()
            .chain([&earlier])
            .filter(|build| is_ours && self.lists(build))
            .filter(|build| wanted("event").is_none_or(|event| event == build.event()))
            .filter(|build| wanted("head_sha").is_none_or(|sha| sha == build.commit.id))
            .filter(|build| {
                from.and_then(|from| from.parse::<jiff::Timestamp>().ok())
                    .is_none_or(|from| build.created_ms / 1_000 >= from.as_second())
            })
            .map(|build| self.run(build))
            .collect();
        let shown = pages::Page::of(query).part_of(&runs);
        json!({ "total_count": runs.len(), "workflow_runs": shown })
    }

    /// Finds a run by its id.
    pub(super) fn run_of(&self, id: &str) -> Option<Value> {
        self.build(id).map(|build| self.run(&build))
    }

    /// Environments that hold a run, in the shape `pending-deployment`.
    pub(super) fn pending_deployments(&self, id: &str) -> Option<Value> {
        let build = self.build(id)?;
        let url = format!("{API}/repos/{}/environments/{ENVIRONMENT}", self.repository);
        let environment = json!({
            "id": 56_780_428, "node_id": "EN_practice", "name": ENVIRONMENT, "url": url,
            "html_url": format!("https://github.com/{}/deployments/activity_log?environments_filter={ENVIRONMENT}", self.repository)
        });
        let reviewers = [json!({ "type": "User", "reviewer": shapes::person(REVIEWERS) })];
        let pending = json!({
            "environment": environment, "wait_timer": 0, "wait_timer_started_at": null,
            "current_user_can_approve": false, "reviewers": reviewers
        });
        Some(Value::Array(self.awaits_approval(&build).then_some(pending).into_iter().collect()))
    }

    fn build(&self, id: &str) -> Option<Build> {
        self.builds.iter().find(|build| build.id.to_string() == id).cloned().or_else(|| {
            let earlier = self.earlier_build();
            (earlier.id.to_string() == id).then_some(earlier)
        })
    }

    /// The build of the version that served at the start. A client finds the names of the jobs in
    /// it. It is no build of the World: no rule applies to it.
    fn earlier_build(&self) -> Build {
        const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
        let created_ms = (self.now_ms / DAY_MS - 9) * DAY_MS;
        let pace = &self.rules.pace;
        Build {
            id: EARLIER_BUILD,
            number: 411,
            commit: Head { id: "b".repeat(40), version_value: "2.0.1.11-RELEASE".to_owned() },
            created_ms,
            restarted_ms: None,
            earlier_attempts: 0,
            is_by_push: false,
            inputs: json!({}),
            is_ours: false,
            image_is_pushed: true,
            fails_at: None,
            is_without_image: false,
            is_approved: true,
            deployment: None,
            ended: Some((created_ms + pace.built + pace.set, Conclusion::Success)),
        }
    }

    fn run(&self, build: &Build) -> Value {
        let (status, conclusion) = match build.ended {
            Some((_, conclusion)) => ("completed", Some(conclusion.word())),
            None if self.now_ms - build.started_ms() < self.rules.pace.queued => ("queued", None),
            None if self.awaits_approval(build) => ("waiting", None),
            None => ("in_progress", None),
        };
        let repository = shapes::repository(&self.repository);
        let url = format!("{API}/repos/{}/actions/runs/{}", self.repository, build.id);
        json!({
            "id": build.id, "node_id": format!("WFR_{}", build.id), "name": "build-deploy", "run_number": build.number,
            "run_attempt": build.attempt(), "event": build.event(), "status": status, "conclusion": conclusion,
            "workflow_id": 161_335, "workflow_url": format!("{API}/repos/{}/actions/workflows/161335", self.repository),
            "head_branch": "master", "head_sha": build.commit.id, "display_title": "build-deploy",
            "path": format!(".github/workflows/{WORKFLOW}"), "pull_requests": [],
            "created_at": at(build.created_ms), "run_started_at": at(build.started_ms()), "updated_at": at(self.now_ms),
            "actor": shapes::person(LOGIN), "triggering_actor": shapes::person(LOGIN),
            "head_commit": {
                "id": build.commit.id, "tree_id": build.commit.id, "message": "Set the version",
                "timestamp": at(build.created_ms), "author": { "name": LOGIN, "email": "practice@rally.example" },
                "committer": { "name": LOGIN, "email": "practice@rally.example" }
            },
            "repository": repository, "head_repository": repository,
            "jobs_url": format!("{url}/jobs"), "logs_url": format!("{url}/logs"), "cancel_url": format!("{url}/cancel"),
            "rerun_url": format!("{url}/rerun"), "artifacts_url": format!("{url}/artifacts"),
            "check_suite_id": build.id + 1, "check_suite_node_id": format!("CS_{}", build.id + 1),
            "check_suite_url": format!("{API}/repos/{}/check-suites/{}", self.repository, build.id + 1),
            "html_url": format!("https://github.com/{}/actions/runs/{}", self.repository, build.id),
            "url": url
        })
    }

    /// Lists the jobs of a run.
    pub(super) fn jobs(&self, id: &str) -> Option<Value> {
        let build = &self.build(id)?;
        let age = self.now_ms - build.started_ms();
        let mut jobs = Vec::new();
        if age >= self.rules.pace.queued {
            let whole = build.fails_at.unwrap_or(self.rules.pace.built);
            let failed = build.ended.filter(|(at, _)| build.fails_at.is_some() || at - build.started_ms() < whole);
            let is_built = build.fails_at.is_none() && age >= whole;
            let ended = failed.or(is_built.then_some((build.started_ms() + whole, Conclusion::Success)));
            let part = |percent: i64| whole * percent / 100;
            let steps = [
                ("Check out", self.rules.pace.queued, part(3)),
                ("Test", part(3), part(58)),
                ("Package", part(58), part(86)),
                ("Build and push image", part(86), whole),
            ];
            jobs.push(self.job(build, 1, self.rules.build_job(), self.rules.pace.queued, ended, &steps));
        }
        let starts = i64::midpoint(self.rules.pace.built, self.rules.pace.set);
        let is_built = build.fails_at.is_none() && build.ended.is_none_or(|(at, _)| at - build.started_ms() >= starts);
        if age >= starts && is_built {
            let end = build.ended.map_or(i64::MAX, |(at, _)| at - build.started_ms());
            let steps =
                [("Set the service", starts, self.rules.pace.set), ("Wait for the service", self.rules.pace.set, end)];
            jobs.push(self.job(build, 2, "deploy", starts, build.ended, &steps));
        }
        Some(json!({ "total_count": jobs.len(), "jobs": jobs }))
    }

    fn job(
        &self,
        build: &Build,
        number: u64,
        name: &str,
        start_ms: i64,
        ended: Option<(i64, Conclusion)>,
        steps: &[(&str, i64, i64)],
    ) -> Value {
        let age = self.now_ms - build.started_ms();
        let steps: Vec<Value> = (1..)
            .zip(steps)
            .map(|(number, (name, from, to))| {
                let has_ended = age >= *to || ended.is_some();
                let status = if has_ended {
                    "completed"
                } else if age >= *from {
                    "in_progress"
                } else {
                    "queued"
                };
                let conclusion = has_ended.then(|| ended.map_or("success", |(_, conclusion)| conclusion.word()));
                json!({ "name": name, "number": number, "status": status, "conclusion": conclusion })
            })
            .collect();
        let id = build.id * 10 + number;
        json!({
            "id": id, "node_id": format!("J_{id}"), "run_id": build.id, "run_attempt": build.attempt(),
            "run_url": format!("{API}/repos/{}/actions/runs/{}", self.repository, build.id),
            "check_run_url": format!("{API}/repos/{}/check-runs/{id}", self.repository),
            "runner_id": 1, "runner_name": "GitHub Actions 1", "runner_group_id": 1, "runner_group_name": "GitHub Actions",
            "name": name, "head_sha": build.commit.id,
            "status": if ended.is_some() { "completed" } else { "in_progress" },
            "conclusion": ended.map(|(_, conclusion)| conclusion.word()),
            "created_at": at(build.started_ms()), "started_at": at(build.started_ms() + start_ms),
            "completed_at": ended.map(|(ms, _)| at(ms)),
            "steps": steps, "labels": ["ubuntu-latest"], "workflow_name": "build-deploy", "head_branch": "master",
            "url": format!("{API}/repos/{}/actions/jobs/{id}", self.repository),
            "html_url": format!("https://github.com/{}/actions/runs/{}/job/{id}", self.repository, build.id)
        })
    }
}
