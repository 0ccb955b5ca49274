//! The values that outside systems list for a field.

use std::{cmp::Reverse, collections::BTreeSet, time::Duration};

use greenlight_types::{Candidate, Candidates, Failure, Profile, Version};

use super::templates::{CANDIDATES_MAX, file_patterns_of, patterns_of, templates_of};
use crate::{
    ports::{BuildJob, HostAddress, ListedCluster, ListedService, ListedWorkflow, PortResult, Ports, revision_name},
    properties, shell,
};

/// Age of the oldest build whose jobs are proposed.
const BUILDS_SINCE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Maximum time of one command on the staging machine.
const COMMAND_MAX: Duration = Duration::from_secs(15);

pub(super) async fn of(
    ports: &Ports,
    profile: &Profile,
    machine: Option<&HostAddress>,
    key: &str,
) -> Result<Candidates, Failure> {
    let (source, found) = match key {
        "git.main" => ("GitHub", branches(ports, profile).await?),
        "git.branch" => ("GitHub", templates_of(&refs(ports, "refs/heads/").await?, "branches")),
        "git.tag" => ("GitHub", templates_of(&refs(ports, "refs/tags/").await?, "labels")),
        "git.version_value" => ("GitHub", version_values(ports, profile).await?),
        "github.workflow" => ("GitHub", workflows(&ports.catalog.workflows().await?)),
        "github.build_job" if !profile.github.workflow.is_empty() => ("GitHub", build_jobs(ports, profile).await?),
        "aws.cluster" => ("AWS", clusters(&ports.catalog.clusters().await?, profile)),
        "aws.service" if !profile.aws.cluster.is_empty() => {
            ("AWS", services(&ports.catalog.services().await?, profile))
        }
        "aws.family" if !profile.aws.cluster.is_empty() => ("AWS", families(&ports.catalog.services().await?, profile)),
        "aws.container" => ("AWS", containers(ports, profile).await?),
        "aws.image_repository" => ("AWS", repositories(ports, profile).await?),
        "aws.image_tag" => ("AWS", templates_of(&ports.catalog.image_tags().await?, "packages")),
        "aws.log_group" => ("AWS", log_groups(ports, profile).await?),
        "site.version_pattern" if !profile.site.version_url.is_empty() => {
            ("the site", patterns_of(&ports.site.get(&profile.site.version_url).await?.body))
        }
        "backup.artifact_directory" => ("the staging machine", folders(ports, profile, machine).await?),
        "backup.artifact_pattern" if !profile.backup.artifact_directory.is_empty() => {
            ("the staging machine", files(ports, profile, machine).await?)
        }
        _ => ("", Vec::new()),
    };
    Ok(Candidates { source: source.to_owned(), found: found.into_iter().take(CANDIDATES_MAX).collect() })
}

fn candidate(value: &str, detail: impl Into<String>, is_recommended: bool) -> Candidate {
    Candidate { value: value.to_owned(), detail: detail.into(), is_recommended }
}

/// Names of the remote's refs under a prefix, without it. The newest version comes first.
async fn refs(ports: &Ports, prefix: &str) -> PortResult<Vec<String>> {
    let refs = ports.git.remote_refs().await?;
    let mut names: Vec<String> =
        refs.iter().filter_map(|one| one.name.strip_prefix(prefix)).map(str::to_owned).collect();
    names.sort_by_key(|name| Reverse(natural(name)));
    Ok(names)
}

/// A key that sorts numbers by their value.
fn natural(name: &str) -> Vec<(u64, String)> {
    let parts = name.split_inclusive(|c: char| !c.is_ascii_digit());
    parts
        .map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            (digits.parse().unwrap_or(0), part.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned())
        })
        .collect()
}

/// The branches that are no release branches.
async fn branches(ports: &Ports, profile: &Profile) -> PortResult<Vec<Candidate>> {
    let names = refs(ports, "refs/heads/").await?;
    let mut others: Vec<&String> =
        names.iter().filter(|name| Version::from_spelling(&profile.git.branch, name).is_none()).collect();
    let is_usual = |name: &str| ["main", "master"].contains(&name);
    others.sort_by_key(|name| !is_usual(name));
    let usual = others.iter().filter(|name| is_usual(name)).count();
    Ok(others.into_iter().map(|name| candidate(name, "a branch", is_usual(name) && usual == 1)).collect())
}

/// Spellings of the version that the version file has now.
async fn version_values(ports: &Ports, profile: &Profile) -> PortResult<Vec<Candidate>> {
    let git = &profile.git;
    ports.git.refresh().await?;
    let name = format!("refs/heads/{}", git.main);
    let Some(head) = ports.git.remote_refs().await?.into_iter().find(|one| one.name == name) else {
        return Ok(Vec::new());
    };
    let file = ports.git.read_file(head.commit(), &git.version_file).await?.unwrap_or_default();
    let value = properties::get(&file, &git.version_key).unwrap_or_default();
    let mut found = templates_of(std::slice::from_ref(&value), "values");
    found.iter_mut().for_each(|one| one.detail = format!("the file says {value}"));
    Ok(found)
}

fn workflows(listed: &[ListedWorkflow]) -> Vec<Candidate> {
    let active = listed.iter().filter(|one| one.is_active).count();
    let to_candidate = |one: &ListedWorkflow| {
        let detail = if one.is_active { one.name.clone() } else { format!("{}, switched off", one.name) };
        candidate(&one.file, detail, one.is_active && active == 1)
    };
    listed.iter().map(to_candidate).collect()
}

async fn build_jobs(ports: &Ports, profile: &Profile) -> PortResult<Vec<Candidate>> {
    let since = ports.clock.now().minus(BUILDS_SINCE);
    let builds = ports.builds.all_runs(&profile.github.workflow, None, &since).await?;
    let Some(last) = builds.iter().filter(|one| one.status == "completed").max_by_key(|one| one.created_at) else {
        return Ok(Vec::new());
    };
    Ok(job_names(last.number, &ports.builds.jobs(&last.id).await?))
}

/// The names of the jobs of one build, each once.
fn job_names(number: u32, jobs: &[BuildJob]) -> Vec<Candidate> {
    let names: BTreeSet<&str> = jobs.iter().map(|job| job.name.as_str()).collect();
    let is_alone = names.len() == 1;
    names.into_iter().map(|name| candidate(name, format!("a job of build {number}"), is_alone)).collect()
}

fn clusters(listed: &[ListedCluster], profile: &Profile) -> Vec<Candidate> {
    let is_alone = listed.len() == 1;
    let to_candidate = |one: &ListedCluster| {
        let detail = format!("{}, {} running", counted(one.services, "service"), counted(one.running, "server"));
        candidate(&one.name, detail, is_alone || one.name == profile.aws.cluster)
    };
    listed.iter().map(to_candidate).collect()
}

fn services(listed: &[ListedService], profile: &Profile) -> Vec<Candidate> {
    let is_ours = |one: &ListedService| family_of(&one.task_definition) == profile.aws.family;
    let ours = listed.iter().filter(|one| is_ours(one)).count();
    let to_candidate = |one: &ListedService| {
        let runs = if one.running == 0 { "nothing".to_owned() } else { revision_name(&one.task_definition).to_owned() };
        let detail = format!("{} of {}, runs {runs}", one.running, counted(one.desired, "server"));
        candidate(&one.name, detail, is_ours(one) && ours == 1)
    };
    listed.iter().map(to_candidate).collect()
}

/// The families that the services of the cluster run.
fn families(listed: &[ListedService], profile: &Profile) -> Vec<Candidate> {
    let mut found: Vec<Candidate> = Vec::new();
    for one in listed {
        let family = family_of(&one.task_definition);
        if !family.is_empty() && found.iter().all(|known| known.value != family) {
            found.push(candidate(family, format!("the service {} runs it", one.name), one.name == profile.aws.service));
        }
    }
    found
}

fn family_of(task_definition: &str) -> &str {
    revision_name(task_definition).split(':').next().unwrap_or_default()
}

/// The containers of the newest revision of the family.
async fn containers(ports: &Ports, profile: &Profile) -> PortResult<Vec<Candidate>> {
    let Some(newest) = ports.task_definitions.describe(&profile.aws.family).await? else { return Ok(Vec::new()) };
    let repository = format!("{}/{}", profile.registry(), profile.aws.image_repository);
    let all = containers_of(&newest.definition);
    let is_ours = |image: &str| image.strip_prefix(&repository).is_some_and(|rest| rest.starts_with([':', '@']));
    let ours = all.iter().filter(|(_, image)| is_ours(image)).count();
    let to_candidate =
        |(name, image): &(String, String)| candidate(name, format!("runs {image}"), is_ours(image) && ours == 1);
    Ok(all.iter().map(to_candidate).collect())
}

/// Name and image of each container of a task definition.
fn containers_of(definition: &serde_json::Value) -> Vec<(String, String)> {
    let all = definition["containerDefinitions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    all.iter().filter_map(|one| Some((text(&one["name"])?, text(&one["image"])?))).collect()
}

async fn repositories(ports: &Ports, profile: &Profile) -> PortResult<Vec<Candidate>> {
    let names = ports.catalog.repositories().await?;
    let newest = ports.task_definitions.describe(&profile.aws.family).await?;
    let images = newest.map(|newest| containers_of(&newest.definition)).unwrap_or_default();
    let registry = profile.registry();
    let is_used = |name: &str| {
        let address = format!("{registry}/{name}");
        images.iter().any(|(container, image)| {
            *container == profile.aws.container
                && image.strip_prefix(&address).is_some_and(|rest| rest.starts_with([':', '@']))
        })
    };
    let detail = |name: &str| if is_used(name) { "the servers run packages of it" } else { "a repository" };
    Ok(names.iter().map(|name| candidate(name, detail(name), is_used(name))).collect())
}

/// The log groups that the containers of the newest revision write to (ECS API,
/// `LogConfiguration.options`).
async fn log_groups(ports: &Ports, profile: &Profile) -> PortResult<Vec<Candidate>> {
    let Some(newest) = ports.task_definitions.describe(&profile.aws.family).await? else { return Ok(Vec::new()) };
    let all = newest.definition["containerDefinitions"].as_array().cloned().unwrap_or_default();
    let to_candidate = |one: &serde_json::Value| {
        let group = one["logConfiguration"]["options"]["awslogs-group"].as_str()?;
        let container = one["name"].as_str().unwrap_or_default();
        Some(candidate(group, format!("the container {container} writes to it"), container == profile.aws.container))
    };
    let mut found: Vec<Candidate> = Vec::new();
    for one in all.iter().filter_map(to_candidate) {
        // Containers may share a log group.
        match found.iter_mut().find(|known| known.value == one.value) {
            Some(known) if one.is_recommended => *known = one,
            Some(_) => {}
            None => found.push(one),
        }
    }
    Ok(found)
}

/// Folders near the backup script.
async fn folders(ports: &Ports, profile: &Profile, machine: Option<&HostAddress>) -> PortResult<Vec<Candidate>> {
    let Some(machine) = machine else { return Ok(Vec::new()) };
    let directory = &profile.backup.directory;
    let parent = directory.trim_end_matches('/').rsplit_once('/').map_or("/", |(parent, _)| parent);
    // A parent of one part, such as /opt, has folders of other products.
    let root = if parent.matches('/').count() >= 2 { parent } else { directory };
    let command = format!("find {} -maxdepth 2 -type d 2>/dev/null | head -n {CANDIDATES_MAX}", shell::quote(root));
    let answer = ports.host.read(machine, &command, COMMAND_MAX).await?;
    let shown = answer.out.lines().filter(|line| line.starts_with('/') && *line != directory);
    Ok(shown.map(|folder| candidate(folder, "a folder beside the backup script", false)).collect())
}

/// Patterns of the files in the backup folder, newest first.
async fn files(ports: &Ports, profile: &Profile, machine: Option<&HostAddress>) -> PortResult<Vec<Candidate>> {
    let Some(machine) = machine else { return Ok(Vec::new()) };
    let folder = shell::quote(&profile.backup.artifact_directory);
    let command = format!("ls -1t {folder} 2>/dev/null | head -n {CANDIDATES_MAX}");
    let answer = ports.host.read(machine, &command, COMMAND_MAX).await?;
    let names: Vec<String> = answer.out.lines().map(str::to_owned).collect();
    Ok(file_patterns_of(&names))
}

fn counted(count: u32, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::act::test_support::draft;

    fn recommended(found: &[Candidate]) -> Vec<&str> {
        found.iter().filter(|one| one.is_recommended).map(|one| one.value.as_str()).collect()
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
        let made = job_names(87, &[job("test"), job("build"), job("build")]);
        let values: Vec<&str> = made.iter().map(|one| one.value.as_str()).collect();
        assert_eq!(values, ["build", "test"]);
        assert_eq!(recommended(&made), [""; 0]);
        assert_eq!(recommended(&job_names(87, &[job("build")])), ["build"]);
    }

    #[test]
    fn the_service_of_the_family_is_recommended() {
        let profile = draft().profile;
        let service = |name: &str, running, family: &str| ListedService {
            name: name.into(),
            desired: 2,
            running,
            task_definition: format!("arn:aws:ecs:us-east-1:1:task-definition/{family}:142"),
        };
        let ours = &profile.aws.family;
        let listed = [service("web", 2, ours), service("worker", 1, "worker"), service("report", 0, "report")];
        let found = services(&listed, &profile);
        assert_eq!(recommended(&found), ["web"]);
        assert_eq!(found[0].detail, format!("2 of 2 servers, runs {ours}:142"));
        assert_eq!(found[2].detail, "0 of 2 servers, runs nothing");
        let two = services(&[service("web", 2, ours), service("blue", 2, ours)], &profile);
        assert_eq!(recommended(&two), [""; 0]);
    }

    #[test]
    fn a_family_is_proposed_once() {
        let profile = draft().profile;
        let service = |name: &str, arn: &str| ListedService {
            name: name.into(),
            desired: 1,
            running: 1,
            task_definition: arn.into(),
        };
        let listed = [service(&profile.aws.service, "x/a:1"), service("other", "x/a:2"), service("none", "")];
        let found = families(&listed, &profile);
        assert_eq!((found.len(), recommended(&found)), (1, vec!["a"]));
    }

    #[test]
    fn a_definition_without_containers_proposes_none() {
        assert_eq!(containers_of(&json!({})), []);
        assert_eq!(containers_of(&json!({ "containerDefinitions": [{ "name": 7 }, 3] })), []);
        let one = json!({ "containerDefinitions": [{ "name": "web", "image": "r/i:1" }] });
        assert_eq!(containers_of(&one), [("web".to_owned(), "r/i:1".to_owned())]);
    }

    #[test]
    fn newer_versions_sort_first() {
        let mut names = ["v2.0.1.9", "v2.0.1.11", "v10.0.0", "v2.0.1.10"];
        names.sort_by_key(|name| Reverse(natural(name)));
        assert_eq!(names, ["v10.0.0", "v2.0.1.11", "v2.0.1.10", "v2.0.1.9"]);
    }

    #[test]
    fn a_workflow_that_is_switched_off_is_not_recommended() {
        let workflow = |file: &str, is_active| ListedWorkflow { file: file.into(), name: file.into(), is_active };
        let found = workflows(&[workflow("deploy.yml", true), workflow("old.yml", false)]);
        assert_eq!(recommended(&found), ["deploy.yml"]);
        assert_eq!(found[1].detail, "old.yml, switched off");
    }
}
