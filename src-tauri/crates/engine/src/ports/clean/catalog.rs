//! The catalog without secrets in its failures. Its answers are names, which pass as they are.

use async_trait::async_trait;

use super::decorator::Clean;
use crate::ports::{Catalog, ListedCluster, ListedService, ListedWorkflow, PortResult};

#[async_trait]
impl Catalog for Clean<dyn Catalog> {
    async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>> {
        self.cleaned(self.inner.workflows().await, |redactor, listed| {
            listed.iter_mut().for_each(|workflow| redactor.clean(&mut workflow.name));
        })
    }

    async fn clusters(&self) -> PortResult<Vec<ListedCluster>> {
        self.clean_failure(self.inner.clusters().await)
    }

    async fn services(&self) -> PortResult<Vec<ListedService>> {
        self.clean_failure(self.inner.services().await)
    }

    async fn repositories(&self) -> PortResult<Vec<String>> {
        self.clean_failure(self.inner.repositories().await)
    }

    async fn image_tags(&self) -> PortResult<Vec<String>> {
        self.clean_failure(self.inner.image_tags().await)
    }
}
