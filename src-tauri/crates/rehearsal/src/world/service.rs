//! Model of the ECS service. A rolling deployment keeps the configured percentage of tasks serving
//! and restarts failed tasks. It backs off when tasks never run, and the circuit breaker may give
//! it up.

mod changes;
mod history;
mod shapes;

pub use changes::{Refusal, ServiceUpdate, Settings};
pub use history::{ServiceDeployment, Stage};
use serde::{Deserialize, Serialize};
pub use shapes::{Deployment, Rollout, Status, Task};

use super::{
    MINUTE, SECOND, World, definition,
    record::{Actor, Op},
};

/// Delay before the first task of a new deployment.
const FIRST_START_MS: i64 = 5 * SECOND;
/// Time for which a stopped task stays listed (TRAP-E9).
const LISTED_MS: i64 = 60 * 60 * SECOND;
/// Longest pause between starts of tasks that never reach RUNNING (TRAP-E4).
const BACK_OFF_MAX_MS: i64 = 27 * MINUTE;
/// Most stopped tasks kept. Bounds the memory of a crash loop that lasts a day.
const STOPPED_MAX: usize = 50;

/// State of the ECS service.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Service {
    /// Deployments, newest last. The last one is the primary one.
    pub deployments: Vec<Deployment>,
    /// Tasks, including those that stopped within the last hour.
    pub tasks: Vec<Task>,
    pub(crate) made: u32,
    /// Revision of the last completed deployment, the target of a rollback.
    #[serde(default)]
    pub completed: u32,
    /// Events of the service as time in ms and text; newest last, at most 100.
    #[serde(default)]
    pub events: Vec<(i64, String)>,
    /// Service deployments, newest last.
    #[serde(default)]
    pub history: Vec<ServiceDeployment>,
}

impl Service {
    /// A service with `desired` healthy tasks of one revision.
    #[must_use]
    pub fn running(revision: u32, desired: usize, at_ms: i64) -> Self {
        let mut service = Self { completed: revision, ..Self::default() };
        let id = service.set(revision, at_ms);
        if let Some(deployment) = service.deployments.last_mut() {
            deployment.rollout = Rollout::Completed;
        }
        service.close_record(&id, at_ms);
        for _ in 0..desired {
            service.add_task(&id, revision, at_ms);
        }
        for task in &mut service.tasks {
            task.status = Status::Healthy;
        }
        service
    }

    /// Starts a deployment of a revision. Returns its id.
    pub fn set(&mut self, revision: u32, at_ms: i64) -> String {
        let id = self.put(revision, at_ms);
        self.open_record(&id, revision, at_ms);
        id
    }

    /// As [`Self::set`], without a service deployment of its own: a rollback is a part of the
    /// deployment that it ends.
    fn put(&mut self, revision: u32, at_ms: i64) -> String {
        self.made += 1;
        let id = format!("ecs-svc/{:019}", 4_417_000_000_000_000_000_u64 + u64::from(self.made));
        self.deployments.push(Deployment {
            id: id.clone(),
            revision,
            created_ms: at_ms,
            failed: 0,
            failed_in_a_row: 0,
            never_ran_in_a_row: 0,
            next_start_ms: at_ms + FIRST_START_MS,
            rollout: Rollout::InProgress,
            reason: format!("ECS deployment {id} in progress."),
            digest: None,
        });
        id
    }

    /// Whether a deployment completed; `None` while it is in progress. A superseded one did not.
    #[must_use]
    pub fn outcome(&self, id: &str) -> Option<bool> {
        match self.deployments.last() {
            Some(primary) if primary.id == id => match primary.rollout {
                Rollout::InProgress => None,
                Rollout::Completed => Some(true),
                Rollout::Failed => Some(false),
            },
            _ => Some(false),
        }
    }

    /// Tasks that are healthy and serve.
    pub fn healthy(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.status == Status::Healthy)
    }

    fn alive(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.status != Status::Stopped)
    }

    fn add_task(&mut self, deployment: &str, revision: u32, at_ms: i64) {
        self.made += 1;
        self.tasks.push(Task {
            id: super::hex_id(&format!("{deployment}{}", self.made), 32),
            revision,
            deployment: deployment.to_owned(),
            created_ms: at_ms,
            status: Status::Provisioning,
            stops_at: None,
            stopped_ms: None,
            reason: String::new(),
            exit: None,
            digest: None,
        });
    }

    fn tell(&mut self, at_ms: i64, text: String) {
        self.events.push((at_ms, text));
        let surplus = self.events.len().saturating_sub(100);
        self.events.drain(..surplus);
    }
}

impl World {
    /// Updates the service to a revision, as `UpdateService` does. Returns the id of the
    /// deployment.
    pub fn set_revision(&mut self, revision: u32, by: &str) -> String {
        let now = self.now_ms;
        let superseded = self.service.deployments.last().filter(|last| last.rollout == Rollout::InProgress);
        if let Some(id) = superseded.map(|last| last.id.clone()) {
            self.record.by_itself(now, Actor::Aws, Op::DeploymentEnded { id, result: "superseded" });
        }
        let id = self.service.set(revision, now);
        let arn = definition::arn(revision);
        self.record.by_itself(now, Actor::Aws, Op::DeploymentStarted { id: id.clone(), arn, by: by.to_owned() });
        self.effects += 1;
        self.changed();
        id
    }

    /// `desiredCount` of a deployment. A failed one that is not in charge wants nothing.
    #[must_use]
    pub fn desired_of(&self, deployment: &Deployment) -> usize {
        let is_primary = self.service.deployments.last().is_some_and(|primary| primary.id == deployment.id);
        if deployment.rollout == Rollout::Failed && !is_primary { 0 } else { self.rules.desired }
    }

    /// Earliest time at which the service changes, in ms since 1970.
    pub(crate) fn service_due_ms(&self) -> Option<i64> {
        let pace = &self.rules.pace;
        let tasks = self.service.tasks.iter().filter_map(|task| {
            let next = match task.status {
                Status::Provisioning => Some(task.created_ms + pace.pending),
                Status::Pending => Some(task.created_ms + pace.running),
                Status::Running if !self.rules.has_real_tasks => Some(task.created_ms + pace.judged),
                Status::Running | Status::Healthy => None,
                Status::Stopped => task.stopped_ms.map(|at| at + LISTED_MS),
            };
            let stop = task.stops_at.filter(|_| task.status != Status::Stopped);
            [next, stop].into_iter().flatten().min()
        });
        let start = self
            .service
            .deployments
            .last()
            .filter(|primary| primary.rollout == Rollout::InProgress)
            .map(|primary| primary.next_start_ms)
            .filter(|at| *at > self.now_ms);
        tasks.chain(start).min()
    }

    /// Advances tasks and deployments to the current time.
    pub(crate) fn advance_service(&mut self) {
        let now = self.now_ms;
        self.service.tasks.retain(|task| task.stopped_ms.is_none_or(|at| now - at < LISTED_MS));
        self.advance_tasks();
        self.trouble_of_rollout();
        let Some(primary) = self.service.deployments.last().cloned() else { return };
        self.trip_breaker(&primary);
        let Some(primary) = self.service.deployments.last().cloned() else { return };
        if primary.rollout != Rollout::InProgress {
            return;
        }
        let of_primary = |task: &&Task| task.deployment == primary.id && task.stops_at.is_none();
        let new: Vec<Status> = self.service.alive().filter(of_primary).map(|task| task.status).collect();
        let healthy = new.iter().filter(|status| **status == Status::Healthy).count();
        let desired = self.rules.desired;
        let has_room = self.service.alive().count() < desired * self.rules.maximum_percent / 100;
        // A small service starts one new task at a time.
        let is_starting = healthy < new.len();
        if new.len() < desired && !is_starting && has_room && now >= primary.next_start_ms {
            self.service.add_task(&primary.id, primary.revision, now);
        }
        let wants_room = new.len() < desired && !is_starting && !has_room;
        self.drain_old(&primary.id, wants_room);
        let is_old_left = self.service.alive().any(|task| task.deployment != primary.id);
        if healthy >= desired && !is_old_left {
            self.complete(&primary);
        }
    }

    fn complete(&mut self, primary: &Deployment) {
        let now = self.now_ms;
        let keeps_failed = self.rules.keeps_failed;
        self.service
            .deployments
            .retain(|deployment| deployment.id == primary.id || keeps_failed && deployment.rollout == Rollout::Failed);
        if let Some(deployment) = self.service.deployments.last_mut() {
            deployment.rollout = Rollout::Completed;
            deployment.reason = format!("ECS deployment {} completed.", deployment.id);
        }
        self.service.completed = primary.revision;
        self.service.close_record(&primary.id, now);
        self.service.tell(now, format!("(service {}) has reached a steady state.", super::SERVICE));
        let has_come_back = primary.reason.contains("rolling back");
        let result = if has_come_back { "rolledBack" } else { "completed" };
        self.record.by_itself(now, Actor::Aws, Op::DeploymentEnded { id: primary.id.clone(), result });
    }

    /// Gives a deployment up after too many failed tasks in a row (TRAP-E1).
    fn trip_breaker(&mut self, primary: &Deployment) {
        let Some(breaker) = self.rules.breaker else { return };
        let threshold = u32::try_from(self.rules.breaker_limit()).unwrap_or(u32::MAX);
        if primary.rollout != Rollout::InProgress || primary.failed_in_a_row < threshold {
            return;
        }
        let now = self.now_ms;
        if let Some(deployment) = self.service.deployments.last_mut() {
            deployment.rollout = Rollout::Failed;
            deployment.reason = "ECS deployment circuit breaker: tasks failed to start.".to_owned();
        }
        self.service.tell(now, format!("(service {}) deployment failed: tasks failed to start.", super::SERVICE));
        if let Some(record) = self.service.history.last_mut().filter(|record| record.deployment == primary.id) {
            record.has_tripped = true;
            record.stage = Stage::Stopped;
            record.finished_ms = Some(now);
            "ECS deployment circuit breaker: tasks failed to start.".clone_into(&mut record.reason);
        }
        if breaker.rolls_back && self.service.completed != primary.revision {
            self.roll_back(&primary.id, "ECS deployment circuit breaker: tasks failed to start.");
        }
    }

    /// Puts the last completed revision back in place of a deployment.
    fn roll_back(&mut self, given_up: &str, reason: &str) {
        let now = self.now_ms;
        let back = self.service.completed;
        let ended = Op::DeploymentEnded { id: given_up.to_owned(), result: "rolledBack" };
        self.record.by_itself(now, Actor::Aws, ended);
        let id = self.service.put(back, now);
        if let Some(record) = self.service.history.last_mut().filter(|record| record.deployment == given_up) {
            record.rollback = Some(id.clone());
            record.stage = Stage::RollbackInProgress;
            record.finished_ms = None;
            reason.clone_into(&mut record.reason);
        }
        if let Some(deployment) = self.service.deployments.last_mut() {
            deployment.reason = format!("ECS deployment circuit breaker: rolling back to deploymentId {id}.");
        }
        // Serving tasks of the completed revision now belong to the rollback deployment.
        for task in self.service.tasks.iter_mut().filter(|task| task.revision == back && task.stops_at.is_none()) {
            task.deployment.clone_from(&id);
        }
        let arn = definition::arn(back);
        self.record.by_itself(now, Actor::Aws, Op::DeploymentStarted { id, arn, by: "circuit breaker".to_owned() });
    }

    /// Stops old tasks as far as enough tasks keep serving. Without room for a new task, an old one
    /// stops first if the percentages allow it (TRAP-E5).
    fn drain_old(&mut self, primary: &str, wants_room: bool) {
        let now = self.now_ms;
        let desired = self.rules.desired;
        let must_serve = (desired * self.rules.minimum_percent).div_ceil(100);
        let (mut serving, mut new) = (0, 0);
        for task in self.service.healthy().filter(|task| task.stops_at.is_none()) {
            serving += 1;
            new += usize::from(task.deployment == primary);
        }
        let old = serving - new;
        let replaced = old.saturating_sub(desired.saturating_sub(new));
        let for_room = usize::from(wants_room && old > 0);
        let mut may_stop = replaced.max(for_room).min(serving.saturating_sub(must_serve));
        let drain = self.rules.pace.drain;
        for task in self.service.tasks.iter_mut().filter(|task| task.deployment != primary) {
            if task.status == Status::Stopped || task.stops_at.is_some() {
                continue;
            }
            // The limit covers healthy tasks only. Other tasks of older deployments stop without
            // it.
            if task.status == Status::Healthy {
                if may_stop == 0 {
                    continue;
                }
                may_stop -= 1;
            }
            task.stops_at = Some(now + drain);
            "Scaling activity initiated by a deployment".clone_into(&mut task.reason);
        }
    }

    fn advance_tasks(&mut self) {
        for at in 0..self.service.tasks.len() {
            let Some(task) = self.service.tasks.get(at).filter(|task| task.status != Status::Stopped) else { continue };
            let mut task = task.clone();
            let before = task.status;
            self.advance_task(&mut task);
            if task.status == before {
                continue;
            }
            self.tell_task(&task);
            let has_failed = task.status == Status::Stopped && task.stops_at.is_none();
            if has_failed {
                self.count_failed(&task.deployment, before == Status::Running);
            }
            if task.status == Status::Healthy
                && let Some(deployment) = self.service.deployments.iter_mut().find(|one| one.id == task.deployment)
            {
                deployment.failed_in_a_row = 0;
                let deployment = deployment.clone();
                self.service.keep_failures(&deployment);
            }
            if let Some(slot) = self.service.tasks.get_mut(at) {
                *slot = task;
            }
        }
        let stopped = self.service.tasks.iter().filter(|task| task.status == Status::Stopped).count();
        let mut surplus = stopped.saturating_sub(STOPPED_MAX);
        self.service.tasks.retain(|task| {
            let goes = surplus > 0 && task.status == Status::Stopped;
            surplus -= usize::from(goes);
            !goes
        });
    }

    fn tell_task(&mut self, task: &Task) {
        let arn = definition::arn(task.revision);
        let op = match task.status {
            Status::Healthy => {
                Op::TaskBecameHealthy { task: task.id.clone(), arn, digest: task.digest.clone().unwrap_or_default() }
            }
            Status::Stopped => {
                Op::TaskStopped { task: task.id.clone(), arn, reason: task.reason.clone(), exit: task.exit }
            }
            Status::Provisioning | Status::Pending | Status::Running => return,
        };
        self.record.by_itself(self.now_ms, Actor::Aws, op);
    }

    /// Counts a task that ended before it was healthy, and delays the next start. The delay doubles
    /// while tasks never run (TRAP-E4).
    pub(crate) fn count_failed(&mut self, deployment: &str, has_run: bool) {
        let (now, retry) = (self.now_ms, self.rules.pace.retry);
        let Some(deployment) = self.service.deployments.iter_mut().find(|one| one.id == deployment) else { return };
        deployment.failed += 1;
        deployment.failed_in_a_row += 1;
        deployment.never_ran_in_a_row = if has_run { 0 } else { deployment.never_ran_in_a_row + 1 };
        let doublings = deployment.never_ran_in_a_row.saturating_sub(1).min(16);
        let pause = retry.saturating_mul(1_i64 << doublings).min(BACK_OFF_MAX_MS);
        deployment.next_start_ms = now + pause;
        let deployment = deployment.clone();
        self.service.keep_failures(&deployment);
        self.changed();
    }

    fn advance_task(&mut self, task: &mut Task) {
        let now = self.now_ms;
        let age = now - task.created_ms;
        let pace = self.rules.pace;
        if task.stops_at.is_some_and(|at| now >= at) {
            self.log(&task.stream(), "INFO  o.r.RallyApplication - Shutting down".to_owned());
            stop(task, now, 143);
            return;
        }
        match task.status {
            Status::Provisioning if age >= pace.pending => task.status = Status::Pending,
            Status::Pending if age >= pace.running => self.start(task),
            Status::Running if age >= pace.judged && !self.rules.has_real_tasks => self.judge(task),
            Status::Provisioning | Status::Pending | Status::Running | Status::Healthy | Status::Stopped => {}
        }
    }

    fn start(&mut self, task: &mut Task) {
        // ECS resolves the tag to a digest once per deployment. A tag overwritten later has no
        // effect (TRAP-T6).
        let known = self.service.deployments.iter().find(|one| one.id == task.deployment).and_then(|one| {
            let digest = one.digest.as_ref()?;
            self.images.iter().find(|image| &image.digest == digest)
        });
        let image =
            known.or_else(|| self.image_of(task.revision)).map(|image| (image.version.clone(), image.digest.clone()));
        let Some((version, digest)) = image else {
            "CannotPullContainerError: the image was not found in the registry".clone_into(&mut task.reason);
            task.status = Status::Stopped;
            task.stopped_ms = Some(self.now_ms);
            return;
        };
        if let Some(deployment) = self.service.deployments.iter_mut().find(|one| one.id == task.deployment) {
            deployment.digest.get_or_insert_with(|| digest.clone());
        }
        task.digest = Some(digest);
        task.status = Status::Running;
        self.log(&task.stream(), format!("INFO  o.r.RallyApplication - Starting Rally {version}-RELEASE"));
        self.log(&task.stream(), "INFO  o.r.db.Schema - Connected to rally-prod-db".to_owned());
    }

    fn judge(&mut self, task: &mut Task) {
        let Some(version) = self.version_of(task) else { return };
        if let Some(failed) = self.trouble_of_start(task) {
            self.log(&task.stream(), failed.line.to_owned());
            "Essential container in task exited".clone_into(&mut task.reason);
            stop(task, self.now_ms, failed.exit);
            return;
        }
        if !self.runs_on_schema(&version) {
            let schema = self.schema.clone();
            self.log(
                &task.stream(),
                format!("ERROR o.r.db.Schema - Rally {version} requires schema {version}, the database has {schema}"),
            );
            self.log(&task.stream(), "ERROR o.r.RallyApplication - Application run failed".to_owned());
            "Essential container in task exited".clone_into(&mut task.reason);
            stop(task, self.now_ms, 1);
            return;
        }
        task.status = Status::Healthy;
        self.log(&task.stream(), format!("INFO  o.r.RallyApplication - Rally {version}-RELEASE serves on port 8080"));
    }

    /// Version of the program that a task runs.
    pub(crate) fn version_of(&self, task: &Task) -> Option<String> {
        let pulled = task.digest.as_ref().and_then(|digest| self.images.iter().find(|image| &image.digest == digest));
        pulled.or_else(|| self.image_of(task.revision)).map(|image| image.version.clone())
    }
}

/// Id of an event of the service. It stays the same while newer events arrive.
pub(crate) fn event_id(at_ms: i64, text: &str) -> String {
    super::hex_id(&format!("{at_ms} {text}"), 32)
}

pub(crate) fn stop(task: &mut Task, now_ms: i64, exit: i32) {
    task.status = Status::Stopped;
    task.stopped_ms = Some(now_ms);
    task.exit = Some(exit);
}
