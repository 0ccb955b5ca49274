//! The members of GitHub's answers that a release reads (<https://docs.github.com/rest/actions>). A
//! member that GitHub may omit or set to null is optional. Unknown members are ignored.

use greenlight_engine::ports::{BuildJob, BuildRun, BuildStep, PendingDeployment};
use greenlight_types::Timestamp;
use serde::{Deserialize, Deserializer, de::Error};

#[derive(Deserialize)]
pub(super) struct User {
    pub(super) login: String,
}

#[derive(Deserialize)]
pub(super) struct Workflow {
    pub(super) name: String,
    pub(super) state: String,
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

/// Body of an error.
#[derive(Default, Deserialize)]
pub(super) struct Complaint {
    #[serde(default)]
    pub(super) message: String,
}

/// `2026-12-01 10:00:00 UTC` or `2026-12-01 10:00:00 +0200`, as the header
/// `github-authentication-token-expiration` spells it.
pub(super) fn expiry(text: &str) -> Option<Timestamp> {
    let text = text.trim().replace("UTC", "+0000");
    let at = jiff::Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", &text).ok()?;
    Some(at.into())
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
    fn reads_both_formats_of_a_token_expiry() {
        let expected = Some("2026-12-01T10:00:00.000Z".parse().expect("a time"));
        assert_eq!(expiry("2026-12-01 10:00:00 UTC"), expected);
        assert_eq!(expiry("2026-12-01 12:00:00 +0200"), expected);
        assert_eq!(expiry("soon"), None);
    }
}
