//! ECS, ECR and STS without secrets in their texts. A task definition passes as it is: the app
//! sends it back, and `redact::hidden` hides its secrets wherever it is shown.

use async_trait::async_trait;

use super::decorator::Clean;
use crate::ports::{
    AwsIdentity, CloudIdentity, Image, Images, PortResult, ServiceSnapshot, Services, TaskDefinition, TaskDefinitions,
    TaskSnapshot,
};

#[async_trait]
impl TaskDefinitions for Clean<dyn TaskDefinitions> {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        self.clean_failure(self.inner.describe(name).await)
    }

    async fn register(&self, body: &serde_json::Value) -> PortResult<TaskDefinition> {
        self.clean_failure(self.inner.register(body).await)
    }
}

#[async_trait]
impl Services for Clean<dyn Services> {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        self.cleaned(self.inner.describe().await, |redactor, service| {
            let deployments = service.iter_mut().flat_map(|service| &mut service.deployments);
            deployments.for_each(|deployment| redactor.clean(&mut deployment.rollout_reason));
        })
    }

    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.cleaned(self.inner.tasks().await, |redactor, tasks| {
            tasks.iter_mut().for_each(|task| redactor.clean(&mut task.stopped_reason));
        })
    }
}

#[async_trait]
impl Images for Clean<dyn Images> {
    async fn find(&self, tag: &str) -> PortResult<Option<Image>> {
        self.clean_failure(self.inner.find(tag).await)
    }

    async fn tags_may_be_overwritten(&self) -> PortResult<Option<bool>> {
        self.clean_failure(self.inner.tags_may_be_overwritten().await)
    }
}

#[async_trait]
impl CloudIdentity for Clean<dyn CloudIdentity> {
    async fn whoami(&self) -> PortResult<AwsIdentity> {
        self.clean_failure(self.inner.whoami().await)
    }
}
