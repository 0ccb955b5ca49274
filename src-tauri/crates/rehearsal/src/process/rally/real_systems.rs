//! The simulator beside real systems, for the end-to-end tests. Another server keeps task
//! definitions and images, and tasks are real processes.
//!
//! The tests report changes there, and read from here which tasks must run.

use std::io;

use serde_json::Value;

use super::PretendRally;
use crate::{
    process::InitialState,
    world::{
        Definition, Pace, World, definition,
        rules::Breaker,
        service::{Status, stop},
    },
};

/// Differences from practice.
#[derive(Clone, Debug)]
pub struct RealSystems {
    /// Durations of the services.
    pub pace: Pace,
    /// Whether the workflow ends at the service update instead of waiting for the rollout.
    pub ends_at_update: bool,
    /// The running task definition, as `DescribeTaskDefinition` returns it.
    pub definition: Value,
}

/// A task whose process must run, or must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSeen {
    /// Id of the task.
    pub id: String,
    /// Name of the log stream: `prefix/container/taskId`.
    pub stream: String,
    /// Version of the image: `2.1.0.0`.
    pub version: String,
    /// Whether the process of the task should run.
    pub is_wanted: bool,
    /// Whether the task is healthy, so that its process should serve.
    pub serves: bool,
}

impl PretendRally {
    /// Makes a simulator beside real systems.
    ///
    /// # Errors
    /// When the task definition has no revision or no image.
    pub fn with_real_systems(mut beginning: InitialState, systems: &RealSystems) -> io::Result<Self> {
        let mut rally = World::new(&beginning.start());
        rally.rules.pace = systems.pace;
        rally.rules.ends_at_update = systems.ends_at_update;
        rally.rules.has_real_tasks = true;
        rally.definitions.clear();
        let revision = rally.adopt(&systems.definition).ok_or_else(|| io::Error::other("not a task definition"))?;
        for deployment in &mut rally.service.deployments {
            deployment.revision = revision;
        }
        for task in &mut rally.service.tasks {
            task.revision = revision;
        }
        beginning.state = Some(serde_json::to_vec(&rally)?);
        Self::make(beginning)
    }

    /// Turns the circuit breaker of the service on, with the default threshold of AWS.
    pub fn turn_breaker_on(&self) {
        self.rally().rules.breaker = Some(Breaker { rolls_back: true });
    }

    /// Notes a task definition that another server registered.
    pub fn on_definition(&self, described: &Value) {
        self.rally().adopt(described);
    }

    /// Tag and digest of each image that the workflow pushed here.
    #[must_use]
    pub fn images(&self) -> Vec<(String, String)> {
        self.rally().images.iter().map(|image| (image.tag.clone(), image.digest.clone())).collect()
    }

    /// Replaces the digest of an image by that of the real registry.
    pub fn on_image(&self, tag: &str, digest: &str) {
        if let Some(image) = self.rally().images.iter_mut().find(|image| image.tag == tag) {
            digest.clone_into(&mut image.digest);
        }
    }

    /// All started tasks, including those that ended.
    #[must_use]
    pub fn tasks(&self) -> Vec<TaskSeen> {
        let rally = self.rally();
        let started = rally
            .service
            .tasks
            .iter()
            .filter(|task| matches!(task.status, Status::Running | Status::Healthy | Status::Stopped));
        let seen = started.map(|task| TaskSeen {
            id: task.id.clone(),
            stream: task.stream(),
            version: rally.image_of(task.revision).map(|image| image.version.clone()).unwrap_or_default(),
            is_wanted: task.status != Status::Stopped,
            serves: task.status == Status::Healthy,
        });
        seen.collect()
    }

    /// Notes that the process of a task answers.
    pub fn on_task_serves(&self, id: &str) {
        let mut rally = self.rally();
        if let Some(task) = rally.service.tasks.iter_mut().find(|task| task.id == id && task.status == Status::Running)
        {
            task.status = Status::Healthy;
        }
    }

    /// Notes that the process of a task ended.
    pub fn on_task_ended(&self, id: &str, exit: i32) {
        let mut rally = self.rally();
        let now_ms = rally.now_ms;
        let ended = rally.service.tasks.iter_mut().find(|task| task.id == id && task.status != Status::Stopped);
        let Some(task) = ended else { return };
        "Essential container in task exited".clone_into(&mut task.reason);
        stop(task, now_ms, exit);
        let deployment = task.deployment.clone();
        rally.count_failed(&deployment, true);
    }
}

impl World {
    /// Adopts a task definition of another server. Returns its revision.
    fn adopt(&mut self, described: &Value) -> Option<u32> {
        let definition = described.get("taskDefinition").unwrap_or(described).clone();
        let revision = u32::try_from(definition.get("revision")?.as_u64()?).ok()?;
        definition::image(&definition)?;
        let tags = described.get("tags").cloned().unwrap_or_default();
        self.effects += 1;
        self.definitions.push(Definition { revision, definition, tags });
        Some(revision)
    }
}
