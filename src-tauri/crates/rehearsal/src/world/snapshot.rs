//! Reports the state of all simulated systems as JSON, for the checker.

use serde_json::{Map, Value, json};

use super::{World, definition};

impl World {
    /// Current state of repository, GitHub, registry, ECS, host, database and site.
    #[must_use]
    pub fn snapshot(&self) -> Value {
        json!({
            "git": self.git_snapshot(),
            "github": { "runs": self.runs_snapshot() },
            "registry": { "images": self.images },
            "ecs": self.ecs_snapshot(),
            "host": self.host_snapshot(),
            "database": { "schema": self.schema, "isHalfMigrated": self.is_half_migrated },
            "site": { "version": self.serving_version() },
        })
    }

    fn git_snapshot(&self) -> Value {
        let objects = &self.git.objects;
        let commits: Map<String, Value> = objects
            .commits
            .iter()
            .map(|(id, commit)| {
                let parent = commit.parents.first().map_or("", String::as_str);
                let changed = objects.changed(parent, id);
                let before = objects.commits.get(parent);
                let lines: usize = changed
                    .iter()
                    .map(|path| {
                        let text = |commit: Option<&super::git::Commit>| {
                            commit.and_then(|commit| commit.files.get(path)).cloned().unwrap_or_default()
                        };
                        differing_lines(&text(before), &text(Some(commit)))
                    })
                    .sum();
                let told = json!({
                    "parents": commit.parents, "versionValue": commit.version_value(),
                    "changedFiles": changed, "changedLines": lines,
                });
                (id.clone(), told)
            })
            .collect();
        let tags: Map<String, Value> = objects
            .tags
            .iter()
            .map(|(id, tag)| (id.clone(), json!({ "name": tag.name, "target": tag.target })))
            .collect();
        json!({ "refs": self.git.refs, "commits": commits, "tags": tags })
    }

    fn runs_snapshot(&self) -> Vec<Value> {
        self.builds
            .iter()
            .map(|build| {
                json!({
                    "id": build.id.to_string(), "headSha": build.commit.id, "event": "workflow_dispatch",
                    "actor": if build.is_ours { "app" } else { "colleague" },
                    "status": if build.ended.is_some() { "completed" } else { "in_progress" },
                    "conclusion": build.ended.map(|(_, conclusion)| conclusion.word()),
                })
            })
            .collect()
    }

    fn ecs_snapshot(&self) -> Value {
        let definitions: Vec<Value> = self
            .definitions
            .iter()
            .map(|one| {
                json!({ "arn": definition::arn(one.revision), "revision": one.revision, "definition": one.definition,
                        "tags": one.tags })
            })
            .collect();
        let last = self.service.deployments.len().saturating_sub(1);
        let deployments: Vec<Value> = self
            .service
            .deployments
            .iter()
            .enumerate()
            .map(|(at, one)| {
                json!({ "id": one.id, "status": if at == last { "PRIMARY" } else { "ACTIVE" },
                        "arn": definition::arn(one.revision), "rolloutState": one.rollout.word() })
            })
            .collect();
        let tasks: Vec<Value> = self
            .service
            .tasks
            .iter()
            .map(|task| {
                let (last, health) = task.words(true);
                json!({ "id": task.id, "arn": definition::arn(task.revision), "lastStatus": last,
                        "healthy": health == "HEALTHY", "digest": task.digest })
            })
            .collect();
        json!({ "definitions": definitions, "deployments": deployments, "tasks": tasks, "desired": self.rules.desired })
    }

    fn host_snapshot(&self) -> Value {
        let jobs: Vec<Value> = self
            .host
            .jobs
            .iter()
            .map(|(id, job)| {
                let state = match (job.started_ms, job.ended, job.is_lost) {
                    (None, _, _) => "notStarted",
                    (Some(_), Some(_), _) => "finished",
                    (Some(_), None, true) => "lost",
                    (Some(_), None, false) => "running",
                };
                json!({ "id": id, "state": state, "starts": job.starts, "exit": job.ended.map(|(_, exit)| exit) })
            })
            .collect();
        let dumps: Vec<Value> = self
            .host
            .dumps
            .iter()
            .map(|dump| json!({ "job": dump.job, "file": dump.file, "bytes": dump.bytes, "good": dump.is_good }))
            .collect();
        json!({ "jobs": jobs, "dumps": dumps })
    }
}

/// Number of positions at which the lines of two texts differ.
fn differing_lines(one: &str, other: &str) -> usize {
    let (mut one, mut other) = (one.lines(), other.lines());
    let mut count = 0;
    // The texts have few lines. The limit guards against an endless loop.
    for _ in 0..10_000 {
        match (one.next(), other.next()) {
            (None, None) => break,
            (a, b) => count += usize::from(a != b),
        }
    }
    count
}
