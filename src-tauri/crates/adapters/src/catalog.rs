//! The lists of GitHub and AWS from which Setup proposes values.

use std::sync::Arc;

use async_trait::async_trait;
use greenlight_engine::ports::{Catalog, ListedCluster, ListedService, ListedWorkflow, PortResult};

use crate::{ecr::EcrImages, ecs::EcsServices, github::GithubAdapter};

/// The catalog of one profile.
pub struct SystemCatalog {
    github: Arc<GithubAdapter>,
    services: Arc<EcsServices>,
    images: Arc<EcrImages>,
}

impl SystemCatalog {
    #[must_use]
    pub fn new(github: Arc<GithubAdapter>, services: Arc<EcsServices>, images: Arc<EcrImages>) -> Self {
        Self { github, services, images }
    }
}

#[async_trait]
impl Catalog for SystemCatalog {
    async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>> {
        self.github.workflows().await
    }

    async fn clusters(&self) -> PortResult<Vec<ListedCluster>> {
        self.services.clusters().await
    }

    async fn services(&self) -> PortResult<Vec<ListedService>> {
        self.services.services().await
    }

    async fn repositories(&self) -> PortResult<Vec<String>> {
        self.images.repositories().await
    }

    async fn image_tags(&self) -> PortResult<Vec<String>> {
        self.images.newest_tags().await
    }
}
