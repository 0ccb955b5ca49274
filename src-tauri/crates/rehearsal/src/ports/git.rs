//! Git port: the app's clone and the World's remote repository.

use async_trait::async_trait;
use greenlight_engine::ports::{
    ChangedPaths, CommitInfo, Git, MergeResult, PortResult, PushRef, PushResult, RefCommit, RemoteRef, Signature,
    TagInfo,
};
use greenlight_types::{ErrorCode, Failure, LockOwner};
use serde_json::{Map, Value, json};

use super::{InProcess, github::refuse_expired, stamp};
use crate::world::{
    World,
    git::{Commit, LOCK, LOCKS, MAIN, Merge, Objects, Pushed, Tag},
    record::{Actor, Op},
};

/// Most commits that a listing counts.
const COUNT_MAX: usize = 10_000;

#[async_trait]
impl Git for InProcess {
    async fn refresh(&self) -> PortResult<()> {
        let remote = self
            .read("git.refresh", |world| {
                refuse_expired(world)?;
                Ok(world.git.clone())
            })
            .await?;
        let mut clone = self.clone_of_app();
        for id in remote.refs.values() {
            clone.fetch(&remote.objects, id);
        }
        Ok(())
    }

    async fn ref_commit(&self, name: &str) -> PortResult<Option<RefCommit>> {
        let found = self
            .read("git.ref_commit", |world| {
                refuse_expired(world)?;
                let Some(id) = world.git.refs.get(name).cloned() else { return Ok(None) };
                let commit = world.git.objects.commits.get(&id).ok_or_else(|| missing(&id))?;
                let found = RefCommit { message: commit.message(), id };
                let mut fetched = Objects::default();
                fetched.fetch(&world.git.objects, &found.id);
                Ok(Some((found, fetched)))
            })
            .await?;
        Ok(found.map(|(found, fetched)| {
            self.clone_of_app().fetch(&fetched, &found.id);
            found
        }))
    }

    async fn remote_refs(&self) -> PortResult<Vec<RemoteRef>> {
        self.read("git.remote_refs", |world| {
            refuse_expired(world)?;
            let refs: Vec<RemoteRef> = world
                .git
                .refs
                .iter()
                .map(|(name, id)| {
                    let peeled = world.git.objects.tags.get(id).map(|tag| tag.target.clone());
                    RemoteRef { name: name.clone(), id: id.clone(), peeled }
                })
                .collect();
            tell(world, &refs);
            Ok(refs)
        })
        .await
    }

    async fn commit(&self, id: &str) -> PortResult<Option<CommitInfo>> {
        Ok(self.here("git.commit", |clone| clone.commits.get(id).map(|commit| info(id, commit))).await)
    }

    async fn tag(&self, id: &str) -> PortResult<Option<TagInfo>> {
        let told = |tag: &Tag| TagInfo {
            message: tag.message.clone(),
            tagger: tag.tagger().to_owned(),
            at: stamp(tag.at_s * 1_000),
        };
        Ok(self.here("git.tag", |clone| clone.tags.get(id).map(told)).await)
    }

    async fn commits_between(&self, base: &str, head: &str, limit: usize) -> PortResult<(Vec<CommitInfo>, u32)> {
        Ok(self
            .here("git.commits_between", |clone| {
                let old = clone.reachable(base);
                let mut fresh: Vec<CommitInfo> = clone
                    .reachable(head)
                    .into_iter()
                    .filter(|id| !old.contains(id))
                    .take(COUNT_MAX)
                    .filter_map(|id| clone.commits.get(id).map(|commit| info(id, commit)))
                    .collect();
                fresh.sort_by(|one, other| (&other.at, &other.id).cmp(&(&one.at, &one.id)));
                let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
                fresh.truncate(limit);
                (fresh, count)
            })
            .await)
    }

    async fn is_ancestor(&self, ancestor: &str, commit: &str) -> PortResult<bool> {
        self.here("git.is_ancestor", |clone| {
            for id in [ancestor, commit] {
                if !clone.commits.contains_key(id) {
                    return Err(missing(id));
                }
            }
            Ok(clone.reachable(commit).contains(ancestor))
        })
        .await
    }

    async fn changed_paths(&self, from: &str, to: &str) -> PortResult<ChangedPaths> {
        let paths = self.here("git.changed_paths", |clone| clone.changed(from, to)).await;
        Ok(ChangedPaths { paths, lfs_pointers: Vec::new() })
    }

    async fn merge(
        &self,
        base: &str,
        head: &str,
        message: &str,
        by: &Signature,
        _keep: &str,
    ) -> PortResult<MergeResult> {
        Ok(self
            .here("git.merge", |clone| match clone.merge(base, head) {
                Merge::Conflict(files) => MergeResult::Conflict(files),
                Merge::Files(files) => {
                    let parents = vec![base.to_owned(), head.to_owned()];
                    MergeResult::Merged(add(clone, parents, files, message, by))
                }
            })
            .await)
    }

    async fn merge_conflicts(&self, base: &str, head: &str) -> PortResult<Vec<String>> {
        self.here("git.merge_conflicts", |clone| {
            for id in [base, head] {
                if !clone.commits.contains_key(id) {
                    return Err(missing(id));
                }
            }
            if clone.reachable(base).contains(head) {
                return Ok(Vec::new());
            }
            Ok(match clone.merge(base, head) {
                Merge::Files(_) => Vec::new(),
                Merge::Conflict(files) => files,
            })
        })
        .await
    }

    async fn read_file(&self, commit: &str, path: &str) -> PortResult<Option<Vec<u8>>> {
        self.here("git.read_file", |clone| {
            let commit = clone.commits.get(commit).ok_or_else(|| missing(commit))?;
            Ok(commit.files.get(path).map(|text| text.clone().into_bytes()))
        })
        .await
    }

    async fn commit_file(
        &self,
        parent: &str,
        path: &str,
        bytes: &[u8],
        message: &str,
        by: &Signature,
        _keep: &str,
    ) -> PortResult<String> {
        self.here("git.commit_file", |clone| {
            let mut files = clone.commits.get(parent).ok_or_else(|| missing(parent))?.files.clone();
            files.insert(path.to_owned(), String::from_utf8_lossy(bytes).into_owned());
            Ok(add(clone, vec![parent.to_owned()], files, message, by))
        })
        .await
    }

    async fn make_tag(
        &self,
        commit: &str,
        name: &str,
        message: &str,
        by: &Signature,
        _keep: &str,
    ) -> PortResult<String> {
        let tag = Tag {
            name: name.to_owned(),
            target: commit.to_owned(),
            message: format!("{message}\n{}", by.name),
            at_s: seconds(by),
        };
        let id = tag.id();
        Ok(self
            .here("git.make_tag", |clone| {
                clone.tags.insert(id.clone(), tag);
                id
            })
            .await)
    }

    async fn commit_message(
        &self,
        parent: Option<&str>,
        message: &str,
        by: &Signature,
        _keep: &str,
    ) -> PortResult<String> {
        self.here("git.commit_message", |clone| {
            if let Some(id) = parent.filter(|id| !clone.commits.contains_key(*id)) {
                return Err(missing(id));
            }
            let (summary, body) = message.split_once('\n').unwrap_or((message, ""));
            Ok(clone.add(Commit {
                parents: parent.map(str::to_owned).into_iter().collect(),
                files: std::collections::BTreeMap::new(),
                summary: summary.to_owned(),
                body: body.to_owned(),
                author: by.name.clone(),
                at_s: seconds(by),
            }))
        })
        .await
    }

    async fn push(&self, push: &PushRef) -> PortResult<PushResult> {
        let objects = self.clone_of_app().clone();
        if !objects.commits.contains_key(objects.peel(&push.id)) {
            return Err(missing(&push.id));
        }
        self.change("git.push", |world| {
            refuse_expired(world)?;
            let there = world.git.refs.get(&push.name).cloned();
            if there.as_ref() == Some(&push.id) {
                return Ok(PushResult::Accepted);
            }
            if there != push.expect {
                return Ok(PushResult::Moved { now: there });
            }
            Ok(match world.push(&push.name, push.expect.as_deref(), &push.id, &objects) {
                Pushed::Ok => PushResult::Accepted,
                Pushed::Refused(reason) => PushResult::Refused { reason },
            })
        })
        .await
    }
}

impl World {
    /// Pushes one ref for the current caller and records the request.
    pub fn push(&mut self, name: &str, expected: Option<&str>, new: &str, objects: &Objects) -> Pushed {
        let old = self.git.refs.get(name).cloned();
        let answer = self.git.push(name, expected, new, objects);
        let refused = match &answer {
            Pushed::Ok => None,
            Pushed::Refused(reason) => Some(reason.clone()),
        };
        let op = Op::PushRef {
            name: name.to_owned(),
            expected: expected.map(str::to_owned),
            old,
            new: new.to_owned(),
            forced: false,
            message: lock_message(name, new, objects),
        };
        let at = self.now_ms();
        self.record.request(at, refused, op);
        if answer == Pushed::Ok && name == MAIN {
            self.follow_main();
        }
        answer
    }

    /// Another operator's computer writes an entry of the environment lock. A rule may refuse it.
    pub fn write_lock(&mut self, by: &LockOwner, is_held: bool) {
        let old = self.git.refs.get(LOCK).cloned();
        if let Some(new) = self.git.write_lock(LOCK, is_held, by) {
            self.tell_lock(old, new);
        }
    }

    /// Another program writes an entry of the environment lock that names no run.
    pub fn write_strange_lock(&mut self) {
        let new = self.git.objects.add(Commit {
            parents: Vec::new(),
            files: std::collections::BTreeMap::new(),
            summary: "Environment lock of rally.prod: closed".to_owned(),
            body: String::new(),
            author: "L. Kosei".to_owned(),
            at_s: self.now_ms() / 1_000,
        });
        self.git.refs.insert(LOCK.to_owned(), new.clone());
        self.tell_lock(None, new);
    }

    fn tell_lock(&mut self, old: Option<String>, new: String) {
        let message = self.git.objects.commits.get(&new).map(Commit::message);
        let (name, expected) = (LOCK.to_owned(), old.clone());
        let op = Op::PushRef { name, expected, old, new, forced: false, message };
        let at = self.now_ms();
        self.record.by_itself(at, Actor::Colleague, op);
    }

    /// The run that owns the environment lock on the remote.
    #[must_use]
    pub fn lock_owner(&self) -> Option<String> {
        let message = self.git.objects.commits.get(self.git.refs.get(LOCK)?)?.message();
        let run = message.lines().find_map(|line| line.strip_prefix("Run: ")).map(str::to_owned);
        run.filter(|_| message.lines().next().is_some_and(|line| line.ends_with(": held")))
    }

    /// Updates the main branch that GitHub's workflow builds.
    pub fn follow_main(&mut self) {
        let Some(id) = self.git.refs.get(MAIN).cloned() else { return };
        let value = self.git.objects.commits.get(&id).map(|commit| commit.version_value().to_owned());
        self.on_main(&id, &value.unwrap_or_default());
    }
}

/// The entry of an environment lock.
fn lock_message(name: &str, id: &str, objects: &Objects) -> Option<String> {
    name.starts_with(LOCKS).then(|| objects.commits.get(id).map(Commit::message)).flatten()
}

fn tell(world: &mut World, refs: &[RemoteRef]) {
    if !world.record.is_on() {
        return;
    }
    let refs: Map<String, Value> =
        refs.iter().map(|one| (one.name.clone(), json!({ "id": one.id, "peeled": one.peeled }))).collect();
    let at = world.now_ms();
    world.record.told(at, Op::Listing { refs: Value::Object(refs) });
}

fn add(
    clone: &mut Objects,
    parents: Vec<String>,
    files: std::collections::BTreeMap<String, String>,
    message: &str,
    by: &Signature,
) -> String {
    let summary = message.lines().next().unwrap_or_default().to_owned();
    clone.add(Commit { parents, files, summary, body: String::new(), author: by.name.clone(), at_s: seconds(by) })
}

fn seconds(by: &Signature) -> i64 {
    by.at.as_second()
}

fn info(id: &str, commit: &Commit) -> CommitInfo {
    CommitInfo {
        id: id.to_owned(),
        parents: commit.parents.clone(),
        summary: commit.summary.clone(),
        author: commit.author.clone(),
        at: stamp(commit.at_s * 1_000),
    }
}

fn missing(id: &str) -> Failure {
    Failure::new(ErrorCode::GitMissing, format!("find {id} in the app's copy of the repository"))
}
