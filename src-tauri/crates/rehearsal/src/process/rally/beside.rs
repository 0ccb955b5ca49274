//! The pretend Rally beside real systems, as the end-to-end tests use it: task definitions and images are kept by
//! another server, tasks are real processes. What happens there is told here; what is wanted there is asked here.

use std::io;

use serde_json::Value;

use super::PretendRally;
use crate::{
    process::Beginning,
    world::{
        Definition, Pace, World, definition,
        service::{Status, stop},
    },
};

/// What is different from practice.
#[derive(Clone, Debug)]
pub struct Beside {
    /// How long things take.
    pub pace: Pace,
    /// Whether the workflow ends at the service update instead of waiting for the service.
    pub ends_at_update: bool,
    /// The task definition that serves, as `DescribeTaskDefinition` answers it.
    pub definition: Value,
}

/// A task that has to be a process, or to be none any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskSeen {
    /// Its id.
    pub id: String,
    /// Log stream: `prefix/container/taskId`.
    pub stream: String,
    /// Version of its image: `2.1.0.0`.
    pub version: String,
    /// Whether its process should run.
    pub is_wanted: bool,
    /// Whether it was told to serve.
    pub serves: bool,
}

impl PretendRally {
    /// A new one beside real systems.
    ///
    /// # Errors
    /// When the task definition has no revision.
    pub fn beside(mut beginning: Beginning, beside: &Beside) -> io::Result<Self> {
        let mut rally = World::new(&beginning.start());
        rally.rules.pace = beside.pace;
        rally.rules.ends_at_update = beside.ends_at_update;
        rally.rules.has_real_tasks = true;
        rally.definitions.clear();
        let revision = rally.adopt(&beside.definition).ok_or_else(|| io::Error::other("not a task definition"))?;
        for deployment in &mut rally.service.deployments {
            deployment.revision = revision;
        }
        for task in &mut rally.service.tasks {
            task.revision = revision;
        }
        beginning.state = Some(serde_json::to_vec(&rally)?);
        Self::make(beginning)
    }

    /// Another server registered a task definition.
    pub fn on_definition(&self, described: &Value) {
        self.rally().adopt(described);
    }

    /// Images that the workflow pushed: tag and digest here.
    #[must_use]
    pub fn images(&self) -> Vec<(String, String)> {
        self.rally().images.iter().map(|image| (image.tag.clone(), image.digest.clone())).collect()
    }

    /// The registry gave an image another digest.
    pub fn on_image(&self, tag: &str, digest: &str) {
        if let Some(image) = self.rally().images.iter_mut().find(|image| image.tag == tag) {
            digest.clone_into(&mut image.digest);
        }
    }

    /// The tasks that have been started, those included that ended.
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

    /// The process of a task answers.
    pub fn on_task_serves(&self, id: &str) {
        let mut rally = self.rally();
        if let Some(task) = rally.service.tasks.iter_mut().find(|task| task.id == id && task.status == Status::Running)
        {
            task.status = Status::Healthy;
        }
    }

    /// The process of a task ended by itself.
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
    /// Takes over a task definition as it is described elsewhere; answers its revision.
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
