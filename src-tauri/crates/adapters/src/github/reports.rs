//! Reports about a commit and about the repository: check runs, commit statuses and environments
//! (<https://docs.github.com/rest/checks/runs>, <https://docs.github.com/rest/commits/statuses>,
//! <https://docs.github.com/rest/deployments/environments>).

use greenlight_engine::ports::{BuildEnvironment, CommitCheck, CommitCheckState, PortResult};
use greenlight_types::{ErrorCode, Failure};
use reqwest::Url;
use serde::{Deserialize, de::DeserializeOwned};

use super::{GithubAdapter, trouble::Area};

/// Most pages of a list.
const PAGES_MAX: usize = 5;
/// Entries of a page. GitHub allows no more.
const PAGE: usize = 100;

/// One page of a list.
trait Page: DeserializeOwned {
    type Entry;
    /// Number of entries of all pages.
    fn total(&self) -> usize;
    fn entries(self) -> Vec<Self::Entry>;
}

#[derive(Deserialize)]
struct CheckRuns {
    total_count: usize,
    check_runs: Vec<CheckRun>,
}

#[derive(Deserialize)]
struct CheckRun {
    name: String,
    status: String,
    /// Null until the run has ended.
    conclusion: Option<String>,
}

impl Page for CheckRuns {
    type Entry = CommitCheck;
    fn total(&self) -> usize {
        self.total_count
    }
    fn entries(self) -> Vec<CommitCheck> {
        self.check_runs.into_iter().filter_map(CheckRun::into_port).collect()
    }
}

impl CheckRun {
    /// `None` for a check that judged nothing: it was skipped, or has no verdict.
    fn into_port(self) -> Option<CommitCheck> {
        let state = match (self.status.as_str(), self.conclusion.as_deref()) {
            ("completed", Some("neutral" | "skipped")) => return None,
            ("completed", Some("success")) => CommitCheckState::Passed,
            ("completed", _) => CommitCheckState::Failed,
            _ => CommitCheckState::Running,
        };
        Some(CommitCheck { name: self.name, state })
    }
}

#[derive(Deserialize)]
struct Statuses {
    total_count: usize,
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
}

impl Page for Statuses {
    type Entry = CommitCheck;
    fn total(&self) -> usize {
        self.total_count
    }
    fn entries(self) -> Vec<CommitCheck> {
        self.statuses.into_iter().map(Status::into_port).collect()
    }
}

impl Status {
    fn into_port(self) -> CommitCheck {
        let state = match self.state.as_str() {
            "success" => CommitCheckState::Passed,
            "pending" => CommitCheckState::Running,
            _ => CommitCheckState::Failed,
        };
        CommitCheck { name: self.context, state }
    }
}

/// GitHub's description lists both members as optional.
#[derive(Deserialize)]
struct Environments {
    #[serde(default)]
    total_count: usize,
    #[serde(default)]
    environments: Vec<Environment>,
}

#[derive(Deserialize)]
struct Environment {
    name: String,
    #[serde(default)]
    protection_rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    /// Minutes. Only of the type `wait_timer`.
    wait_timer: Option<u32>,
    /// Only of the type `required_reviewers`.
    #[serde(default)]
    reviewers: Vec<Reviewer>,
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

impl Page for Environments {
    type Entry = BuildEnvironment;
    fn total(&self) -> usize {
        self.total_count
    }
    fn entries(self) -> Vec<BuildEnvironment> {
        self.environments.into_iter().map(Environment::into_port).collect()
    }
}

impl Environment {
    fn into_port(self) -> BuildEnvironment {
        let wait_minutes = self.protection_rules.iter().filter_map(|rule| rule.wait_timer).max().unwrap_or(0);
        let named = |one: Reviewer| one.reviewer.and_then(|one| one.login.or(one.name));
        let reviewers = self.protection_rules.into_iter().flat_map(|rule| rule.reviewers).filter_map(named).collect();
        BuildEnvironment { name: self.name, reviewers, wait_minutes }
    }
}

impl GithubAdapter {
    pub(super) async fn list_check_runs(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        let url = self.repository(&["commits", checked_commit(sha)?, "check-runs"]);
        self.pages::<CheckRuns>("read the checks of the commit", Area::Checks, url).await
    }

    pub(super) async fn list_statuses(&self, sha: &str) -> PortResult<Vec<CommitCheck>> {
        let url = self.repository(&["commits", checked_commit(sha)?, "status"]);
        self.pages::<Statuses>("read the statuses of the commit", Area::Statuses, url).await
    }

    pub(super) async fn list_environments(&self) -> PortResult<Vec<BuildEnvironment>> {
        let url = self.repository(&["environments"]);
        self.pages::<Environments>("read the environments of the repository", Area::Environments, url).await
    }

    /// All pages of a list, at most [`PAGES_MAX`].
    async fn pages<P: Page>(&self, summary: &str, area: Area, url: Url) -> PortResult<Vec<P::Entry>> {
        let mut found: Vec<P::Entry> = Vec::new();
        for number in 1..=PAGES_MAX {
            let mut url = url.clone();
            let page = [("per_page", PAGE.to_string()), ("page", number.to_string())];
            url.query_pairs_mut().extend_pairs(page);
            let answer = self.caller.get(summary, url).await?.about(area);
            let page = answer.expect::<P>(summary).map_err(|failure| self.named(&answer, failure))?;
            let total = page.total();
            let entries = page.entries();
            let is_last = entries.len() < PAGE;
            found.extend(entries);
            if is_last || found.len() >= total {
                return Ok(found);
            }
        }
        Err(Failure::new(ErrorCode::UnreadableAnswer, summary)
            .because(format!("there are more than {} entries", PAGES_MAX * PAGE)))
    }
}

/// A full commit id, of SHA-1 or SHA-256.
fn checked_commit(sha: &str) -> PortResult<&str> {
    if [40, 64].contains(&sha.len()) && sha.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(sha);
    }
    Err(Failure::new(ErrorCode::BadInput, "use the id of a commit")
        .with("commit", sha.chars().take(80).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_good_end_of_a_check_run_passes() {
        let state = |status: &str, conclusion: Option<&str>| {
            let run = CheckRun { name: "ci".into(), status: status.into(), conclusion: conclusion.map(str::to_owned) };
            run.into_port().map(|check| check.state)
        };
        assert_eq!(state("completed", Some("success")), Some(CommitCheckState::Passed));
        for conclusion in ["neutral", "skipped"] {
            assert_eq!(state("completed", Some(conclusion)), None, "{conclusion} judged nothing");
        }
        for conclusion in ["failure", "cancelled", "timed_out", "action_required", "stale", "of_next_year"] {
            assert_eq!(state("completed", Some(conclusion)), Some(CommitCheckState::Failed), "{conclusion}");
        }
        assert_eq!(state("completed", None), Some(CommitCheckState::Failed));
        for status in ["queued", "in_progress", "waiting", "requested", "pending", "of_next_year"] {
            assert_eq!(state(status, None), Some(CommitCheckState::Running), "{status}");
        }
    }

    #[test]
    fn each_state_of_a_status_has_its_meaning() {
        let state = |state: &str| Status { context: "ci".into(), state: state.into() }.into_port().state;
        assert_eq!(state("success"), CommitCheckState::Passed);
        assert_eq!(state("pending"), CommitCheckState::Running);
        for word in ["failure", "error", "of_next_year"] {
            assert_eq!(state(word), CommitCheckState::Failed, "{word}");
        }
    }

    #[test]
    fn a_commit_is_named_by_its_full_id() {
        assert!(checked_commit(&"a".repeat(40)).is_ok() && checked_commit(&"0".repeat(64)).is_ok());
        for bad in ["", "master", "../user", &"g".repeat(40), &"a".repeat(41)] {
            assert_eq!(checked_commit(bad).expect_err("refused").code, ErrorCode::BadInput, "{bad}");
        }
    }
}
