//! Port to the lists of GitHub and AWS.

use async_trait::async_trait;
use greenlight_engine::ports::{Catalog, ListedCluster, ListedService, ListedWorkflow, PortResult};

use super::InProcess;
use crate::world::{CLUSTER, IMAGES, SERVICE, WORKFLOW, World, definition};

#[async_trait]
impl Catalog for InProcess {
    async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>> {
        self.read("catalog.workflows", |_| {
            Ok(vec![ListedWorkflow { file: WORKFLOW.into(), name: "build-deploy".into(), is_active: true }])
        })
        .await
    }

    async fn clusters(&self) -> PortResult<Vec<ListedCluster>> {
        self.read("catalog.clusters", |world| {
            Ok(vec![ListedCluster { name: CLUSTER.into(), services: 1, running: running(world) }])
        })
        .await
    }

    async fn services(&self) -> PortResult<Vec<ListedService>> {
        self.read("catalog.services", |world| {
            let revision = world.service.deployments.last().map_or(definition::FIRST, |primary| primary.revision);
            Ok(vec![ListedService {
                name: SERVICE.into(),
                desired: u32::try_from(world.rules.desired).unwrap_or(u32::MAX),
                running: running(world),
                task_definition: definition::arn(revision),
            }])
        })
        .await
    }

    async fn repositories(&self) -> PortResult<Vec<String>> {
        self.read("catalog.repositories", |_| Ok(vec![IMAGES.to_owned()])).await
    }

    async fn image_tags(&self) -> PortResult<Vec<String>> {
        self.read("catalog.image_tags", |world| {
            let tags = world.images.iter().rev().map(|image| image.tag.clone());
            Ok(tags.filter(|tag| !tag.is_empty()).collect())
        })
        .await
    }
}

fn running(world: &World) -> u32 {
    let running = world.service.tasks.iter().filter(|task| task.is_running()).count();
    u32::try_from(running).unwrap_or(u32::MAX)
}
