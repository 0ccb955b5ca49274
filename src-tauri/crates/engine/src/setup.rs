//! Values that outside systems propose for the fields of the Setup page. Changes nothing.

use std::{collections::BTreeSet, time::Duration};

use greenlight_types::{Candidate, Failure, Profile};
use regex::Regex;

use crate::ports::{BuildJob, Ports};

/// Age of the oldest build whose jobs are proposed.
const BUILDS_SINCE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Most proposals for one field.
const CANDIDATES_MAX: usize = 20;
/// Longest text before a version that goes into a pattern, in characters.
const CONTEXT_MAX: usize = 24;

/// The proposals for a value of the profile. None for a value that no system lists.
///
/// # Errors
/// The failure of the system that was asked.
pub async fn candidates(ports: &Ports, profile: &Profile, key: &str) -> Result<Vec<Candidate>, Failure> {
    match key {
        "github.build_job" if !profile.github.workflow.is_empty() => build_jobs(ports, profile).await,
        "site.version_pattern" if !profile.site.version_url.is_empty() => {
            Ok(patterns(&ports.site.get(&profile.site.version_url).await?.body))
        }
        _ => Ok(Vec::new()),
    }
}

async fn build_jobs(ports: &Ports, profile: &Profile) -> Result<Vec<Candidate>, Failure> {
    let since = ports.clock.now().minus(BUILDS_SINCE);
    let builds = ports.builds.all_runs(&profile.github.workflow, None, &since).await?;
    let Some(last) = builds.iter().filter(|one| one.status == "completed").max_by_key(|one| one.created_at) else {
        return Ok(Vec::new());
    };
    Ok(names(last.number, &ports.builds.jobs(&last.id).await?))
}

/// The names of the jobs of one build, each once.
fn names(number: u32, jobs: &[BuildJob]) -> Vec<Candidate> {
    let names: BTreeSet<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    let candidate = |name: &str| Candidate { value: name.to_owned(), detail: format!("a job of build {number}") };
    names.into_iter().take(CANDIDATES_MAX).map(candidate).collect()
}

/// A pattern for each text of a page that looks like a version: the text before it on its line, and
/// a group for the version.
fn patterns(page: &str) -> Vec<Candidate> {
    let Ok(version) = Regex::new(r"[0-9]+\.[0-9]+\.[0-9]+(?:\.[0-9]+)?(?:-[A-Za-z0-9]+)?") else { return Vec::new() };
    let mut found = Vec::new();
    for seen in version.find_iter(page) {
        let line = page[..seen.start()].rsplit('\n').next().unwrap_or_default();
        let skipped = line.chars().count().saturating_sub(CONTEXT_MAX);
        let before: String = line.chars().skip(skipped).collect();
        let group = if seen.as_str().contains('-') { r"([0-9.]+-[A-Za-z0-9]+)" } else { r"([0-9.]+)" };
        let value = format!("{}{group}", regex::escape(&before));
        if found.iter().all(|known: &Candidate| known.value != value) {
            found.push(Candidate { value, detail: format!("finds {} on the page", seen.as_str()) });
        }
        if found.len() == CANDIDATES_MAX {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposed_pattern_finds_its_version_again() {
        for (page, version) in [
            ("Rally 2.0.1.11-RELEASE", "2.0.1.11-RELEASE"),
            (r#"{"name":"rally","version":"2.1.0"}"#, "2.1.0"),
            ("first line 1\nVersion (build): 2.1.0.0-RELEASE\n", "2.1.0.0-RELEASE"),
            ("2.1.0", "2.1.0"),
        ] {
            let made = patterns(page);
            let first = made.first().expect(page);
            let pattern = Regex::new(&first.value).expect("a pattern");
            let found = pattern.captures(page).and_then(|found| found.get(1)).expect("a group");
            assert_eq!(found.as_str(), version, "{}", first.value);
            assert!(first.detail.contains(version));
        }
    }

    #[test]
    fn a_page_without_a_version_and_a_page_full_of_them_have_limits() {
        assert_eq!(patterns("no version here, only 2.1"), []);
        let full: String = (0..200).map(|number| format!("v{number} is 1.0.{number}\n")).collect();
        assert_eq!(patterns(&full).len(), CANDIDATES_MAX);
    }

    #[test]
    fn each_job_of_a_build_is_proposed_once() {
        let job = |name: &str| BuildJob {
            id: name.into(),
            name: name.into(),
            status: "completed".into(),
            conclusion: None,
            started_at: None,
            completed_at: None,
            steps: Vec::new(),
        };
        let made = names(87, &[job("test"), job("build"), job("build")]);
        let values: Vec<&str> = made.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(values, ["build", "test"]);
    }
}
