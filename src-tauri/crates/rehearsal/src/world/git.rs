//! Model of a git repository: a graph of commits with small files. It covers merges, conflicts,
//! tags and refused pushes.
//!
//! The fronts serve a real repository instead. This model serves thousands of releases in memory.

use std::collections::{BTreeMap, BTreeSet};

use greenlight_types::LockOwner;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::WORKFLOW;

/// Full name of the main branch.
pub const MAIN: &str = "refs/heads/master";
/// Prefix of the environment locks.
pub const LOCKS: &str = "refs/greenlight/";
/// The environment lock of the simulated production.
pub const LOCK: &str = "refs/greenlight/rally/prod";
/// Path of the file with the version.
pub const VERSION_FILE: &str = "src/main/resources/version.properties";
/// Most commits that one walk visits.
const WALK_MAX: usize = 10_000;

/// The workflow as the World plays it: it builds, and sets the service to the newest revision.
pub const WORKFLOW_TEXT: &str = "\
name: build-deploy
on:
  workflow_dispatch:
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Build and push image
        run: ./mvnw -B package && ./push-image.sh
  deploy:
    needs: build
    runs-on: ubuntu-latest
    environment: production
    steps:
      - name: Set the service
        run: aws ecs update-service --cluster rally-prod --service rally-prod-webapp --task-definition rally-prod
      - name: Wait for the service
        run: aws ecs wait services-stable --cluster rally-prod --services rally-prod-webapp
";

/// A commit with all its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Full ids of its parents.
    pub parents: Vec<String>,
    /// Content of every file by path.
    pub files: BTreeMap<String, String>,
    /// First line of the message.
    pub summary: String,
    /// The rest of the message. Empty in most commits.
    #[serde(default)]
    pub body: String,
    /// Name of the author.
    pub author: String,
    /// Author's time, in whole seconds since 1970.
    pub at_s: i64,
}

impl Commit {
    /// Id computed from the content, as in git: equal commits have equal ids.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        for parent in &self.parents {
            hash.update(parent);
        }
        for (path, text) in &self.files {
            hash.update(path);
            hash.update([0]);
            hash.update(text);
            hash.update([0]);
        }
        hash.update(&self.summary);
        hash.update(&self.body);
        hash.update(&self.author);
        hash.update(self.at_s.to_le_bytes());
        hex40(&hash.finalize())
    }

    /// The whole message.
    #[must_use]
    pub fn message(&self) -> String {
        format!("{}\n{}", self.summary, self.body)
    }

    /// Value in the version file: `2.1.0.0-RELEASE`.
    #[must_use]
    pub fn version_value(&self) -> &str {
        let text = self.files.get(VERSION_FILE).map_or("", String::as_str);
        text.lines().find_map(|line| line.strip_prefix("version=")).unwrap_or_default()
    }
}

/// An annotated tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// Name of the tag: `v2.1.0`.
    pub name: String,
    /// Id of the tagged commit.
    pub target: String,
    /// Message, which names the person and the run.
    pub message: String,
    /// Tagger's time, in whole seconds since 1970.
    pub at_s: i64,
}

impl Tag {
    /// Person who made the tag, according to its message.
    #[must_use]
    pub fn tagger(&self) -> &str {
        self.message.lines().find_map(|line| line.strip_prefix("Released-By: ")).unwrap_or_default()
    }

    /// Id computed from the content.
    #[must_use]
    pub fn id(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("tag\0{}\0{}\0{}\0{}", self.name, self.target, self.message, self.at_s));
        hex40(&hash.finalize())
    }
}

fn hex40(hash: &[u8]) -> String {
    use std::fmt::Write as _;
    hash.iter().take(20).fold(String::with_capacity(40), |mut text, byte| {
        // Writing to a `String` never fails.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}

/// Objects of a repository or of a clone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objects {
    /// All commits by id.
    pub commits: BTreeMap<String, Commit>,
    /// Annotated tags by id.
    pub tags: BTreeMap<String, Tag>,
}

/// Result of a merge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The files of the merge commit.
    Files(BTreeMap<String, String>),
    /// Paths that both sides changed.
    Conflict(Vec<String>),
}

impl Objects {
    /// Adds a commit and returns its id.
    pub fn add(&mut self, commit: Commit) -> String {
        let id = commit.id();
        self.commits.insert(id.clone(), commit);
        id
    }

    /// The commit of a tag id. Other ids are returned unchanged.
    #[must_use]
    pub fn peel<'a>(&'a self, id: &'a str) -> &'a str {
        self.tags.get(id).map_or(id, |tag| &tag.target)
    }

    /// Ids of the commits reachable from a commit, including it.
    #[must_use]
    pub fn reachable(&self, from: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(id) = open.pop() {
            let Some((id, commit)) = self.commits.get_key_value(id) else { continue };
            if seen.len() < WALK_MAX && seen.insert(id.as_str()) {
                open.extend(commit.parents.iter().map(String::as_str));
            }
        }
        seen
    }

    /// Copies an object and everything reachable from it.
    pub fn fetch(&mut self, from: &Self, id: &str) {
        if let Some(tag) = from.tags.get(id) {
            self.tags.insert(id.to_owned(), tag.clone());
        }
        let mut open = vec![from.peel(id)];
        while let Some(id) = open.pop() {
            if self.commits.contains_key(id) {
                continue;
            }
            let Some(commit) = from.commits.get(id) else { continue };
            self.commits.insert(id.to_owned(), commit.clone());
            open.extend(commit.parents.iter().map(String::as_str));
        }
    }

    /// Merges two commits file by file. A path that both sides changed differently is a conflict.
    #[must_use]
    pub fn merge(&self, base: &str, head: &str) -> Merge {
        let empty = BTreeMap::new();
        let files = |id: &str| self.commits.get(id).map_or(&empty, |commit| &commit.files);
        let heads = self.reachable(head);
        let common = self
            .reachable(base)
            .into_iter()
            .filter(|id| heads.contains(id))
            .max_by_key(|id| self.commits.get(*id).map_or(0, |commit| commit.at_s))
            .unwrap_or_default();
        let (old, ours, theirs) = (files(common), files(base), files(head));
        let (mut merged, mut conflicts) = (BTreeMap::new(), Vec::new());
        let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
        for path in paths {
            let (before, one, other) = (old.get(path), ours.get(path), theirs.get(path));
            let chosen = if one == other || other == before { one } else { other };
            if one != other && one != before && other != before {
                conflicts.push(path.clone());
            }
            if let Some(text) = chosen {
                merged.insert(path.clone(), text.clone());
            }
        }
        if conflicts.is_empty() { Merge::Files(merged) } else { Merge::Conflict(conflicts) }
    }

    /// Paths that differ between two commits, sorted.
    #[must_use]
    pub fn changed(&self, from: &str, to: &str) -> Vec<String> {
        let empty = BTreeMap::new();
        let files = |id: &str| self.commits.get(id).map_or(&empty, |commit| &commit.files);
        let (one, other) = (files(from), files(to));
        let paths: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        paths.into_iter().filter(|path| one.get(*path) != other.get(*path)).cloned().collect()
    }
}

/// The repository on GitHub.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remote {
    /// All commits and tags.
    pub objects: Objects,
    /// Object ids by full ref name.
    pub refs: BTreeMap<String, String>,
    /// Whether the main branch takes only pull requests (TRAP-G5).
    pub is_protected: bool,
    /// Whether a rule refuses every ref outside of branches and tags.
    #[serde(default)]
    pub refuses_locks: bool,
}

/// Answer of the server to one ref of a push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The ref was updated.
    Ok,
    /// The push was refused, with the server's text. Nothing changed.
    Refused(String),
}

impl Remote {
    /// A repository with a main branch of two commits and a finished release branch.
    #[must_use]
    pub fn seeded(released: &str, branch: &str, now_ms: i64) -> Self {
        let mut remote = Self::default();
        let at = now_ms / 1_000;
        let file = |version: &str| (VERSION_FILE.to_owned(), format!("name=rally\nversion={version}\n"));
        let source = |path: &str, text: &str| (path.to_owned(), text.to_owned());
        let commit = |parents: Vec<String>, files, summary: &str, at_s| Commit {
            parents,
            files,
            summary: summary.to_owned(),
            body: String::new(),
            author: "L. Kosei".to_owned(),
            at_s,
        };
        let workflow = source(&format!(".github/workflows/{WORKFLOW}"), WORKFLOW_TEXT);
        let files =
            BTreeMap::from([file(released), workflow, source("src/Study.java", "a"), source("src/Web.java", "a")]);
        let root = remote.objects.add(commit(Vec::new(), files.clone(), "Release", at - 900_000));
        let mut ahead = files.clone();
        ahead.insert("src/Web.java".to_owned(), "b".to_owned());
        let main = remote.objects.add(commit(vec![root.clone()], ahead, "Fix a page", at - 600_000));
        let mut feature = files;
        feature.insert("src/Study.java".to_owned(), "b".to_owned());
        let head = remote.objects.add(commit(vec![root], feature, "Recruitment goals", at - 500_000));
        remote.refs.insert(MAIN.to_owned(), main);
        remote.refs.insert(format!("refs/heads/{branch}"), head);
        remote
    }

    /// Pushes one ref with its objects. Refuses when the ref is not at `old` (TRAP-G3), when the
    /// tag exists (TRAP-G9), and when the branch is protected (TRAP-G5).
    pub fn push(&mut self, name: &str, old: Option<&str>, new: &str, from: &Objects) -> Pushed {
        let there = self.refs.get(name).map(String::as_str);
        if there != old {
            return Pushed::Refused("failed to update ref".to_owned());
        }
        if name.starts_with("refs/tags/") && there.is_some() {
            return Pushed::Refused("already exists".to_owned());
        }
        if self.is_protected && name == MAIN {
            return Pushed::Refused(
                "GH006: Protected branch update failed for refs/heads/master. Changes must be made through a pull request."
                    .to_owned(),
            );
        }
        if self.refuses_locks && name.starts_with(LOCKS) {
            return Pushed::Refused(format!("GH013: Repository rule violations found for {name}. Cannot create ref."));
        }
        self.objects.fetch(from, new);
        self.refs.insert(name.to_owned(), new.to_owned());
        Pushed::Ok
    }

    /// Another operator's computer writes an entry of an environment lock on top of the one before.
    /// Returns its id, or `None` when a rule refuses it.
    pub fn write_lock(&mut self, name: &str, is_held: bool, by: &LockOwner) -> Option<String> {
        if self.refuses_locks {
            return None;
        }
        let environment = name.strip_prefix(LOCKS).unwrap_or(name).replace('/', ".");
        let state = if is_held { "held" } else { "free" };
        let LockOwner { run, person, computer, reason, since, .. } = by;
        let version = if by.is_rollback { format!("{} (rollback)", by.version) } else { by.version.clone() };
        let fields =
            [("Run", &run.0), ("Person", person), ("Computer", computer), ("Version", &version), ("Reason", reason)];
        let filled = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let lines: String = filled.map(|(field, value)| format!("{field}: {value}\n")).collect();
        let id = self.objects.add(Commit {
            parents: self.refs.get(name).cloned().into_iter().collect(),
            files: BTreeMap::new(),
            summary: format!("Environment lock of {environment}: {state}"),
            body: format!("\n{lines}Since: {since}\n"),
            author: person.clone(),
            at_s: since.as_second(),
        });
        self.refs.insert(name.to_owned(), id.clone());
        Some(id)
    }

    /// Adds a colleague's commit on top of a branch. Returns its id, or `None` without the branch.
    pub fn commit_on(&mut self, name: &str, path: &str, text: &str, summary: &str, at_ms: i64) -> Option<String> {
        let parent = self.refs.get(name)?.clone();
        let mut files = self.objects.commits.get(&parent)?.files.clone();
        files.insert(path.to_owned(), text.to_owned());
        let id = self.objects.add(Commit {
            parents: vec![parent],
            files,
            summary: summary.to_owned(),
            body: String::new(),
            author: "C. Colleague".to_owned(),
            at_s: at_ms / 1_000,
        });
        self.refs.insert(name.to_owned(), id.clone());
        Some(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn remote() -> Remote {
        Remote::seeded("2.0.1.11-RELEASE", "v2.1.0", NOW)
    }

    #[test]
    fn merge_takes_the_changes_of_both_sides() {
        let remote = remote();
        let (base, head) = (&remote.refs[MAIN], &remote.refs["refs/heads/v2.1.0"]);
        let Merge::Files(files) = remote.objects.merge(base, head) else { unreachable!("no conflict") };
        assert_eq!((files["src/Study.java"].as_str(), files["src/Web.java"].as_str()), ("b", "b"));
    }

    #[test]
    fn trap_g6_merge_reports_a_file_changed_on_both_sides() {
        let mut remote = remote();
        remote.commit_on(MAIN, "src/Study.java", "c", "Also here", NOW);
        let (base, head) = (&remote.refs[MAIN], &remote.refs["refs/heads/v2.1.0"]);
        assert_eq!(remote.objects.merge(base, head), Merge::Conflict(vec!["src/Study.java".to_owned()]));
    }

    #[test]
    fn trap_g3_refuses_a_push_over_a_moved_ref() {
        let mut remote = remote();
        let old = remote.refs[MAIN].clone();
        remote.commit_on(MAIN, "src/Web.java", "c", "Hotfix", NOW);
        let before = remote.clone();
        let head = remote.refs["refs/heads/v2.1.0"].clone();
        let objects = remote.objects.clone();
        assert!(matches!(remote.push(MAIN, Some(&old), &head, &objects), Pushed::Refused(_)));
        assert_eq!(remote, before);
    }

    #[test]
    fn trap_g5_protected_branch_refuses_a_push() {
        let mut remote = remote();
        remote.is_protected = true;
        let (old, head) = (remote.refs[MAIN].clone(), remote.refs["refs/heads/v2.1.0"].clone());
        let objects = remote.objects.clone();
        let Pushed::Refused(why) = remote.push(MAIN, Some(&old), &head, &objects) else { unreachable!("refused") };
        assert!(why.contains("GH006"));
        assert_eq!(remote.refs[MAIN], old);
    }

    #[test]
    fn trap_g9_refuses_to_move_a_published_tag() {
        let mut remote = remote();
        let main = remote.refs[MAIN].clone();
        let tag = |target: &str| Tag {
            name: "v2.1.0".to_owned(),
            target: target.to_owned(),
            message: "m".to_owned(),
            at_s: 1,
        };
        let mut objects = remote.objects.clone();
        let (one, other) = (tag(&main), tag(&remote.refs["refs/heads/v2.1.0"]));
        objects.tags.extend([(one.id(), one.clone()), (other.id(), other.clone())]);
        assert_eq!(remote.push("refs/tags/v2.1.0", None, &one.id(), &objects), Pushed::Ok);
        let again = remote.push("refs/tags/v2.1.0", Some(&one.id()), &other.id(), &objects);
        assert_eq!(again, Pushed::Refused("already exists".to_owned()));
        assert_eq!(remote.objects.peel(&remote.refs["refs/tags/v2.1.0"]), main);
    }

    #[test]
    fn the_same_content_gives_the_same_id() {
        assert_eq!(remote().refs, remote().refs);
    }
}
