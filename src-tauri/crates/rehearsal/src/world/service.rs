//! The pretend ECS service: a rolling deployment that starts one new task at a time and stops an old one for each new
//! one that is healthy.

use serde::{Deserialize, Serialize};

use super::{SECOND, World, is_older};

/// Tasks that the service wants.
pub(crate) const DESIRED: usize = 2;
/// Wait of a new deployment before its first task.
const FIRST_START_MS: i64 = 5 * SECOND;
/// How long a stopped task is listed (TRAP-E9).
const LISTED_MS: i64 = 60 * 60 * SECOND;

/// A task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    pub id: String,
    pub revision: u32,
    pub deployment: String,
    pub created_ms: i64,
    pub status: Status,
    pub stops_at: Option<i64>,
    pub stopped_ms: Option<i64>,
    pub reason: String,
    pub exit: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Status {
    Provisioning,
    Pending,
    Running,
    Healthy,
    Stopped,
}

impl Task {
    /// `prefix/container/taskId`.
    pub fn stream(&self) -> String {
        format!("ecs/{}/{}", super::CONTAINER, self.id)
    }
}

/// A deployment.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Deployment {
    pub id: String,
    pub revision: u32,
    pub created_ms: i64,
    pub failed: u32,
    pub next_start_ms: i64,
    pub is_completed: bool,
}

/// The service.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Service {
    /// Newest last; the last one is in charge.
    pub deployments: Vec<Deployment>,
    pub tasks: Vec<Task>,
    pub(crate) made: u32,
}

impl Service {
    /// The service with two healthy tasks.
    pub fn running(revision: u32, at_ms: i64) -> Self {
        let mut service = Self { deployments: Vec::new(), tasks: Vec::new(), made: 0 };
        let id = service.set(revision, at_ms);
        if let Some(deployment) = service.deployments.last_mut() {
            deployment.is_completed = true;
        }
        for _ in 0..DESIRED {
            service.add_task(&id, revision, at_ms);
        }
        for task in &mut service.tasks {
            task.status = Status::Healthy;
        }
        service
    }

    /// Sets the service to a revision; returns the deployment.
    pub fn set(&mut self, revision: u32, at_ms: i64) -> String {
        self.made += 1;
        let id = format!("ecs-svc/{:019}", 4_417_000_000_000_000_000_u64 + u64::from(self.made));
        self.deployments.push(Deployment {
            id: id.clone(),
            revision,
            created_ms: at_ms,
            failed: 0,
            next_start_ms: at_ms + FIRST_START_MS,
            is_completed: false,
        });
        id
    }

    /// Whether a deployment ended well; `None` while it goes on. One that was superseded did not.
    pub fn outcome(&self, id: &str) -> Option<bool> {
        match self.deployments.last() {
            Some(primary) if primary.id == id => primary.is_completed.then_some(true),
            _ => Some(false),
        }
    }

    /// Tasks that serve.
    pub fn healthy(&self) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(|task| task.status == Status::Healthy)
    }

    fn add_task(&mut self, deployment: &str, revision: u32, at_ms: i64) {
        self.made += 1;
        let id = super::digest(&format!("{deployment}{}", self.made));
        self.tasks.push(Task {
            id: id.chars().skip("sha256:".len()).take(32).collect(),
            revision,
            deployment: deployment.to_owned(),
            created_ms: at_ms,
            status: Status::Provisioning,
            stops_at: None,
            stopped_ms: None,
            reason: String::new(),
            exit: None,
        });
    }
}

impl World {
    /// One second of the service.
    pub(crate) fn live_service(&mut self) {
        let now = self.now_ms;
        self.service.tasks.retain(|task| task.stopped_ms.is_none_or(|at| now - at < LISTED_MS));
        self.live_tasks();
        let Some(primary) = self.service.deployments.last().cloned() else { return };
        if primary.is_completed {
            return;
        }
        let of_primary = |task: &&Task| task.deployment == primary.id && task.status != Status::Stopped;
        let new: Vec<Status> = self.service.tasks.iter().filter(of_primary).map(|task| task.status).collect();
        let healthy = new.iter().filter(|status| **status == Status::Healthy).count();
        let is_starting = healthy < new.len();
        if new.len() < DESIRED && !is_starting && now >= primary.next_start_ms {
            self.service.add_task(&primary.id, primary.revision, now);
        }
        self.drain_old(&primary.id, DESIRED.saturating_sub(healthy));
        let old_left =
            self.service.tasks.iter().any(|task| task.deployment != primary.id && task.status != Status::Stopped);
        if healthy >= DESIRED && !old_left {
            self.service.deployments.retain(|deployment| deployment.id == primary.id);
            if let Some(deployment) = self.service.deployments.last_mut() {
                deployment.is_completed = true;
            }
        }
    }

    fn drain_old(&mut self, primary: &str, keep: usize) {
        let now = self.now_ms;
        let mut kept = 0;
        for task in self.service.tasks.iter_mut().filter(|task| task.deployment != primary) {
            if task.status == Status::Stopped || task.stops_at.is_some() {
                continue;
            }
            // Only what serves is worth keeping; a task of a deployment that was given up stops at once.
            if task.status == Status::Healthy && kept < keep {
                kept += 1;
            } else {
                task.stops_at = Some(now + self.pace.drain);
                task.reason = "Scaling activity initiated by a deployment".to_owned();
            }
        }
    }

    fn live_tasks(&mut self) {
        for at in 0..self.service.tasks.len() {
            let Some(mut task) = self.service.tasks.get(at).cloned() else { return };
            let before = task.status;
            self.live_task(&mut task);
            let has_failed = task.status == Status::Stopped && before != Status::Stopped && task.stops_at.is_none();
            if has_failed {
                self.count_failed(&task.deployment);
            }
            if let Some(slot) = self.service.tasks.get_mut(at) {
                *slot = task;
            }
        }
    }

    /// A task of this deployment ended before it served; the next one starts after a pause.
    pub(crate) fn count_failed(&mut self, deployment: &str) {
        let next_start_ms = self.now_ms + self.pace.retry;
        if let Some(deployment) = self.service.deployments.iter_mut().find(|one| one.id == deployment) {
            deployment.failed += 1;
            deployment.next_start_ms = next_start_ms;
        }
    }

    fn live_task(&mut self, task: &mut Task) {
        let now = self.now_ms;
        let age = now - task.created_ms;
        if task.stops_at.is_some_and(|at| now >= at) && task.status != Status::Stopped {
            self.log(&task.stream(), "INFO  o.r.RallyApplication - Shutting down".to_owned());
            stop(task, now, 143);
            return;
        }
        match task.status {
            Status::Provisioning if age >= self.pace.pending => task.status = Status::Pending,
            Status::Pending if age >= self.pace.running => self.start(task),
            Status::Running if age >= self.pace.judged && !self.has_real_tasks => self.judge(task),
            Status::Provisioning | Status::Pending | Status::Running | Status::Healthy | Status::Stopped => {}
        }
    }

    fn start(&mut self, task: &mut Task) {
        let Some(version) = self.image_of(task.revision).map(|image| image.version.clone()) else {
            task.reason = "CannotPullContainerError: the image was not found in the registry".to_owned();
            task.status = Status::Stopped;
            task.stopped_ms = Some(self.now_ms);
            return;
        };
        task.status = Status::Running;
        self.log(&task.stream(), format!("INFO  o.r.RallyApplication - Starting Rally {version}-RELEASE"));
        self.log(&task.stream(), "INFO  o.r.db.Schema - Connected to rally-prod-db".to_owned());
    }

    fn judge(&mut self, task: &mut Task) {
        let Some(version) = self.image_of(task.revision).map(|image| image.version.clone()) else { return };
        if is_older(&self.schema, &version) {
            let schema = self.schema.clone();
            self.log(
                &task.stream(),
                format!("ERROR o.r.db.Schema - Rally {version} requires schema {version}, the database has {schema}"),
            );
            self.log(&task.stream(), "ERROR o.r.RallyApplication - Application run failed".to_owned());
            task.reason = "Essential container in task exited".to_owned();
            stop(task, self.now_ms, 1);
            return;
        }
        task.status = Status::Healthy;
        self.log(&task.stream(), format!("INFO  o.r.RallyApplication - Rally {version}-RELEASE serves on port 8080"));
    }
}

pub(crate) fn stop(task: &mut Task, now_ms: i64, exit: i32) {
    task.status = Status::Stopped;
    task.stopped_ms = Some(now_ms);
    task.exit = Some(exit);
}
