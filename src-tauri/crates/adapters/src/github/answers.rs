//! The members of GitHub's answers that a release reads (<https://docs.github.com/rest/actions>,
//! <https://docs.github.com/rest/pulls/pulls>, <https://docs.github.com/rest/repos/rules>).
//!
//! A member that GitHub may omit or set to null is optional. Unknown members are ignored.

use greenlight_engine::ports::{
    BuildJob, BuildRun, BuildStep, ListedWorkflow, PendingDeployment, PullRequest, PullRequestState,
};
use greenlight_types::Timestamp;
use serde::{Deserialize, Deserializer, de::Error};
use serde_json::Value;

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct Workflows {
    pub(super) workflows: Vec<Workflow>,
}

#[derive(Deserialize)]
pub(super) struct Workflow {
    pub(super) name: String,
    pub(super) state: String,
    #[serde(default)]
    path: String,
}

impl Workflow {
    /// `None` for a workflow of GitHub itself, whose path begins with `dynamic/`.
    pub(super) fn into_listed(self) -> Option<ListedWorkflow> {
        let file = self.path.strip_prefix(".github/workflows/")?.to_owned();
        Some(ListedWorkflow { file, name: self.name, is_active: self.state == "active" })
    }
}

/// Answer to a dispatch with `return_run_details`.
#[derive(Deserialize)]
pub(super) struct Dispatched {
    pub(super) workflow_run_id: u64,
}

#[derive(Deserialize)]
pub(super) struct Runs {
    pub(super) workflow_runs: Vec<Run>,
}

#[derive(Deserialize)]
pub(super) struct Run {
    id: u64,
    run_number: u32,
    /// Null when the run has not begun.
    status: Option<String>,
    conclusion: Option<String>,
    head_sha: String,
    head_branch: Option<String>,
    event: String,
    actor: Option<User>,
    #[serde(deserialize_with = "moment")]
    created_at: Timestamp,
    /// GitHub's description lists it as optional.
    run_attempt: Option<u32>,
    html_url: String,
}

impl Run {
    pub(super) fn into_port(self) -> BuildRun {
        BuildRun {
            id: self.id.to_string(),
            number: self.run_number,
            status: self.status.unwrap_or_else(|| "queued".to_owned()),
            conclusion: self.conclusion,
            head_sha: self.head_sha,
            head_branch: self.head_branch.unwrap_or_default(),
            event: self.event,
            actor: self.actor.map(|user| user.login).unwrap_or_default(),
            created_at: self.created_at,
            attempt: self.run_attempt.unwrap_or(1),
            url: self.html_url,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
}

#[derive(Deserialize)]
pub(super) struct Job {
    id: u64,
    name: String,
    status: String,
    conclusion: Option<String>,
    #[serde(default, deserialize_with = "maybe_moment")]
    started_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "maybe_moment")]
    completed_at: Option<Timestamp>,
    #[serde(default)]
    steps: Vec<Step>,
}

impl Job {
    pub(super) fn into_port(self) -> BuildJob {
        BuildJob {
            id: self.id.to_string(),
            name: self.name,
            status: self.status,
            conclusion: self.conclusion,
            started_at: self.started_at,
            completed_at: self.completed_at,
            steps: self.steps.into_iter().map(Step::into_port).collect(),
        }
    }
}

#[derive(Deserialize)]
struct Step {
    name: String,
    status: String,
    conclusion: Option<String>,
}

impl Step {
    fn into_port(self) -> BuildStep {
        BuildStep { name: self.name, status: self.status, conclusion: self.conclusion }
    }
}

/// An environment that holds a run.
#[derive(Deserialize)]
pub(super) struct Pending {
    environment: Environment,
    #[serde(default)]
    reviewers: Vec<Reviewer>,
}

#[derive(Deserialize)]
struct Environment {
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Reviewer {
    reviewer: Option<PersonOrTeam>,
}

/// A person has a login, a team a name.
#[derive(Deserialize)]
struct PersonOrTeam {
    login: Option<String>,
    name: Option<String>,
}

impl Pending {
    pub(super) fn into_port(self) -> PendingDeployment {
        let name = |one: Reviewer| one.reviewer.and_then(|one| one.login.or(one.name));
        PendingDeployment {
            environment: self.environment.name,
            reviewers: self.reviewers.into_iter().filter_map(name).collect(),
        }
    }
}

/// A rule that is active for a branch, with the ruleset that has it.
#[derive(Deserialize)]
pub(super) struct Rule {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) ruleset_id: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Ruleset {
    /// GitHub omits it for callers that it does not tell.
    current_user_can_bypass: Option<String>,
}

impl Ruleset {
    /// Whether the caller may push in spite of the ruleset. `None` for a word that is not known.
    pub(super) fn may_bypass(&self) -> Option<bool> {
        match self.current_user_can_bypass.as_deref()? {
            "always" | "exempt" => Some(true),
            "pull_requests_only" | "never" => Some(false),
            _ => None,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Pull {
    number: u32,
    html_url: String,
    state: PullState,
    /// Null until it is merged.
    merged_at: Option<String>,
    /// Of an open one, the commit of a merge that GitHub tries.
    merge_commit_sha: Option<String>,
    /// GitHub omits it in lists.
    merged_by: Option<User>,
    head: PullSide,
    base: PullSide,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PullState {
    Open,
    Closed,
}

#[derive(Deserialize)]
struct PullSide {
    #[serde(rename = "ref")]
    branch: String,
    sha: String,
    /// Null when the fork was deleted.
    repo: Option<Repository>,
}

#[derive(PartialEq, Eq, Deserialize)]
struct Repository {
    id: u64,
}

impl Pull {
    /// Whether it leads from `head` to `base` within one repository, not from a fork.
    pub(super) fn is_between(&self, head: &str, base: &str) -> bool {
        self.head.branch == head && self.base.branch == base && self.head.repo == self.base.repo
    }

    pub(super) fn into_port(self) -> PullRequest {
        let state = match (self.state, &self.merged_at) {
            (PullState::Open, _) => PullRequestState::Open,
            (PullState::Closed, Some(_)) => PullRequestState::Merged,
            (PullState::Closed, None) => PullRequestState::Closed,
        };
        let is_merged = state == PullRequestState::Merged;
        PullRequest {
            number: self.number,
            url: self.html_url,
            state,
            head: self.head.sha,
            merged_as: self.merge_commit_sha.filter(|_| is_merged),
            merged_by: self.merged_by.filter(|_| is_merged).map(|user| user.login),
        }
    }
}

/// Most details of an error that are read.
const DETAILS_MAX: usize = 5;

/// Body of an error.
#[derive(Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub(super) message: String,
    /// Texts, or objects with `message` or with `field` and `code`.
    #[serde(default)]
    errors: Value,
}

impl Complaint {
    /// The messages of the details; without one, the message of the whole.
    pub(super) fn words(&self) -> String {
        let details: Vec<String> =
            self.errors.as_array().into_iter().flatten().take(DETAILS_MAX).filter_map(detail).collect();
        if details.is_empty() { self.message.clone() } else { details.join(" ") }
    }
}

fn detail(error: &Value) -> Option<String> {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let message = error.as_str().or_else(|| text("message")).map(str::to_owned);
    message.or_else(|| Some(format!("{} is {}.", text("field")?, text("code")?)))
}

/// `2026-12-01 10:00:00 UTC` or `2026-12-01 10:00:00 +0200`, as the header
/// `github-authentication-token-expiration` spells it.
pub(super) fn expiry(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace("UTC", "+0000");
    let at = jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", &text).ok()?;
    Some(at.into())
}

/// `Tue, 01 Dec 2026 10:00:00 GMT`, as the header `date` spells it.
pub(super) fn date(text: &str) -> Option<Timestamp> {
    Some(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().into())
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(D::Error::custom)
}

fn maybe_moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_details_of_an_error_in_every_form() {
        let words = |text: &str| serde_json::from_str::<Complaint>(text).expect("an error").words();
        assert_eq!(words(r#"{ "message": "Bad" }"#), "Bad");
        assert_eq!(words(r#"{ "message": "Bad", "errors": ["One.", { "message": "Two." }] }"#), "One. Two.");
        assert_eq!(
            words(r#"{ "message": "Bad", "errors": [{ "field": "head", "code": "invalid" }] }"#),
            "head is invalid."
        );
        assert_eq!(words(r#"{ "message": "Bad", "errors": "strange" }"#), "Bad");
    }

    #[test]
    fn reads_the_date_of_an_answer() {
        let expected = Some("2026-12-01T10:00:00.000Z".parse().expect("a time"));
        assert_eq!(date("Tue, 01 Dec 2026 10:00:00 GMT"), expected);
        assert_eq!(date("today"), None);
    }

    #[test]
    fn reads_both_formats_of_a_token_expiry() {
        let expected = Some("2026-12-01T10:00:00.000Z".parse().expect("a time"));
        assert_eq!(expiry("2026-12-01 10:00:00 UTC"), expected);
        assert_eq!(expiry("2026-12-01 12:00:00 +0200"), expected);
        assert_eq!(expiry("soon"), None);
    }
}
