//! Tests the names of branches, labels, version file, workflow and job on GitHub.

use std::time::Duration;

use greenlight_types::{ErrorCode, Failure, GitProfile, Profile, Version};

use super::{
    super::templates::count_followers,
    tested::{Tested, no_answer, not_checked, right, unknown, wrong},
};
use crate::{
    ports::{BuildJob, BuildRun, Ports, RemoteRef},
    properties,
    steps::build_jobs,
};

/// Age of the oldest build whose jobs are compared.
const BUILDS_SINCE: Duration = Duration::from_secs(90 * 24 * 60 * 60);

const REFS: [&str; 4] = ["git.url", "git.main", "git.branch", "git.tag"];
const FILE: [&str; 3] = ["git.version_file", "git.version_key", "git.version_value"];
pub(super) const KEYS: [&str; 10] = [
    "git.url",
    "git.main",
    "git.branch",
    "git.tag",
    "git.version_file",
    "git.version_key",
    "git.version_value",
    "github.repository",
    "github.workflow",
    "github.build_job",
];

pub(super) async fn test(ports: &Ports, profile: &Profile) -> Vec<Tested> {
    let (mut git, github) = tokio::join!(of_git(ports, &profile.git), of_github(ports, profile));
    git.extend(github);
    git
}

async fn of_git(ports: &Ports, git: &GitProfile) -> Vec<Tested> {
    let refs = match ports.git.remote_refs().await {
        Ok(refs) => refs,
        Err(failure) => return no_answer(&[&REFS[..], &FILE].concat(), "GitHub", &failure),
    };
    let mut tested = of_refs(git, &refs);
    let Some(main) = commit_of(git, &refs) else {
        tested.extend(not_checked(&FILE, "The main branch is not on GitHub"));
        return tested;
    };
    let read = async {
        ports.git.refresh().await?;
        ports.git.read_file(main, &git.version_file).await
    };
    match read.await {
        Ok(file) => tested.extend(of_version_file(git, file.as_deref())),
        Err(failure) => tested.extend(no_answer(&FILE, "GitHub", &failure)),
    }
    tested
}

fn commit_of<'a>(git: &GitProfile, refs: &'a [RemoteRef]) -> Option<&'a str> {
    let name = format!("refs/heads/{}", git.main);
    refs.iter().find(|one| one.name == name).map(RemoteRef::commit)
}

fn of_refs(git: &GitProfile, refs: &[RemoteRef]) -> Vec<Tested> {
    let named = |prefix: &str| -> Vec<String> {
        refs.iter().filter_map(|one| one.name.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let main = match commit_of(git, refs) {
        Some(_) => right("git.main", "On GitHub"),
        None => wrong("git.main", "GitHub has no such branch"),
    };
    let followers =
        |key, template: &str, names: &[String], one: &str, several: &str| match count_followers(template, names) {
            0 => unknown(key, format!("No {one} follows it yet")),
            1 => right(key, format!("1 {one} follows it")),
            count => right(key, format!("{count} {several} follow it")),
        };
    vec![
        right("git.url", "Readable"),
        main,
        followers("git.branch", &git.branch, &named("refs/heads/"), "branch", "branches"),
        followers("git.tag", &git.tag, &named("refs/tags/"), "label", "labels"),
    ]
}

fn of_version_file(git: &GitProfile, file: Option<&[u8]>) -> Vec<Tested> {
    let Some(bytes) = file else {
        let mut tested = vec![wrong("git.version_file", format!("{} has no such file", git.main))];
        tested.extend(not_checked(&FILE[1..], "The file is not there"));
        return tested;
    };
    let found = right("git.version_file", format!("On {}", git.main));
    match properties::get(bytes, &git.version_key) {
        Err(problem) => vec![
            found,
            wrong("git.version_key", problem.to_string()),
            unknown("git.version_value", "The version is not in the file"),
        ],
        Ok(value) => {
            let spelling = match Version::from_spelling(&git.version_value, &value) {
                Some(_) => right("git.version_value", format!("Says {value}")),
                None => wrong("git.version_value", format!("The file says {value}")),
            };
            vec![found, right("git.version_key", "Once in the file"), spelling]
        }
    }
}

async fn of_github(ports: &Ports, profile: &Profile) -> Vec<Tested> {
    let mut tested = match ports.catalog.workflows().await {
        Ok(listed) => vec![right("github.repository", counted(listed.len(), "workflow"))],
        Err(failure) => no_answer(&["github.repository"], "GitHub", &failure),
    };
    let workflow = &profile.github.workflow;
    if workflow.is_empty() {
        return tested;
    }
    let found = ports.builds.workflow(workflow).await;
    let is_there = matches!(found, Ok(Some(_)));
    tested.extend(of_workflow(found));
    if !is_there || profile.github.build_job.is_empty() {
        return tested;
    }
    let since = ports.clock.now().minus(BUILDS_SINCE);
    let last = async {
        let builds = ports.builds.all_runs(workflow, None, &since).await?;
        let last = builds.into_iter().filter(|one| one.status == "completed").max_by_key(|one| one.created_at);
        Ok(match last {
            Some(last) => {
                let jobs = ports.builds.jobs(&last.id).await?;
                Some((last, jobs))
            }
            None => None,
        })
    };
    match last.await {
        Ok(last) => tested.push(of_build_job(&profile.github.build_job, last)),
        Err(failure) => tested.extend(no_answer(&["github.build_job"], "GitHub", &failure)),
    }
    tested
}

fn of_workflow(found: Result<Option<String>, Failure>) -> Vec<Tested> {
    const KEY: &str = "github.workflow";
    match found {
        Ok(Some(name)) => vec![right(KEY, format!("\u{201c}{name}\u{201d}, switched on"))],
        Ok(None) => vec![wrong(KEY, "GitHub has no such workflow")],
        Err(failure) if failure.code == ErrorCode::WorkflowMissing => vec![wrong(KEY, "It is switched off")],
        Err(failure) => no_answer(&[KEY], "GitHub", &failure),
    }
}

fn of_build_job(name: &str, last: Option<(BuildRun, Vec<BuildJob>)>) -> Tested {
    const KEY: &str = "github.build_job";
    match last {
        None => unknown(KEY, "No build of the last 90 days has ended"),
        Some((last, jobs)) if build_jobs(&jobs, name).is_empty() => {
            wrong(KEY, format!("The last build ({}) has no such job", last.number))
        }
        Some((last, _)) => right(KEY, format!("In the last build ({})", last.number)),
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use greenlight_types::TestVerdict::{NotChecked, Right, Wrong};

    use super::*;
    use crate::act::test_support::draft;

    fn reference(name: &str) -> RemoteRef {
        RemoteRef { name: name.into(), id: "a".repeat(40), peeled: None }
    }

    #[test]
    fn names_are_compared_with_the_refs_of_the_remote() {
        let git = draft().profile.git;
        let main = format!("refs/heads/{}", git.main);
        let verdicts = |refs: &[&str]| {
            let refs: Vec<RemoteRef> = refs.iter().map(|name| reference(name)).collect();
            of_refs(&git, &refs).into_iter().map(|one| one.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts(&[&main, "refs/heads/v2.1.0", "refs/tags/v2.0.1"]), [Right; 4]);
        assert_eq!(verdicts(&["refs/heads/other"]), [Right, Wrong, NotChecked, NotChecked]);
    }

    #[test]
    fn the_version_file_has_key_and_spelling() {
        let git = draft().profile.git;
        let verdicts =
            |file: Option<&[u8]>| of_version_file(&git, file).into_iter().map(|one| one.verdict).collect::<Vec<_>>();
        let line = |value: &str| format!("{}={value}\n", git.version_key).into_bytes();
        assert_eq!(verdicts(Some(&line("2.0.1.11-RELEASE"))), [Right; 3]);
        assert_eq!(verdicts(Some(&line("2.0.1"))), [Right, Right, Wrong]);
        assert_eq!(verdicts(Some(b"other=1\n")), [Right, Wrong, NotChecked]);
        assert_eq!(verdicts(None), [Wrong, NotChecked, NotChecked]);
    }

    #[test]
    fn a_missing_workflow_is_wrong_and_a_silent_github_is_not() {
        let verdict = |found| of_workflow(found)[0].verdict;
        assert_eq!(verdict(Ok(Some("Release".into()))), Right);
        assert_eq!(verdict(Ok(None)), Wrong);
        assert_eq!(verdict(Err(Failure::new(ErrorCode::WorkflowMissing, "ask"))), Wrong);
        assert_eq!(verdict(Err(Failure::new(ErrorCode::TimedOut, "ask"))), NotChecked);
    }

    #[test]
    fn a_job_is_compared_with_the_last_build() {
        assert_eq!(of_build_job("build", None).verdict, NotChecked);
    }
}
