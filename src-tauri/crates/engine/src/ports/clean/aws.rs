//! ECS, ECR and STS without secrets in their texts. A task definition passes as it is: the app
//! sends it back, and `redact::hidden` hides its secrets wherever it is shown.

use async_trait::async_trait;

use super::decorator::Clean;
use crate::ports::{
    AwsIdentity, BreakerThreshold, CloudIdentity, Image, Images, PortResult, ServiceDeployments, ServiceSnapshot,
    Services, StopKind, TaskDefinition, TaskDefinitions, TaskSnapshot,
};
use crate::redact::Redactor;

#[async_trait]
impl TaskDefinitions for Clean<dyn TaskDefinitions> {
    async fn describe(&self, name: &str) -> PortResult<Option<TaskDefinition>> {
        self.clean_failure(self.inner.describe(name).await)
    }

    async fn register(&self, body: &serde_json::Value) -> PortResult<TaskDefinition> {
        self.clean_failure(self.changing(self.inner.register(body)).await)
    }
}

#[async_trait]
impl Services for Clean<dyn Services> {
    async fn describe(&self) -> PortResult<Option<ServiceSnapshot>> {
        self.cleaned(self.inner.describe().await, |redactor, service| {
            service.iter_mut().for_each(|service| clean_service(redactor, service));
        })
    }

    async fn tasks(&self) -> PortResult<Vec<TaskSnapshot>> {
        self.cleaned(self.inner.tasks().await, |redactor, tasks| {
            tasks.iter_mut().for_each(|task| redactor.clean(&mut task.stopped_reason));
        })
    }

    async fn deployments(&self) -> PortResult<ServiceDeployments> {
        self.cleaned(self.inner.deployments().await, |redactor, deployments| match deployments {
            ServiceDeployments::Listed(all) => all.iter_mut().for_each(|one| redactor.clean(&mut one.reason)),
            ServiceDeployments::NotAvailable { why } => redactor.clean(why),
        })
    }

    async fn set_breaker_threshold(&self, threshold: &BreakerThreshold) -> PortResult<ServiceSnapshot> {
        self.cleaned(self.changing(self.inner.set_breaker_threshold(threshold)).await, clean_service)
    }

    async fn force_new_deployment(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.cleaned(self.changing(self.inner.force_new_deployment(task_definition)).await, clean_service)
    }

    async fn roll_back_to(&self, task_definition: &str) -> PortResult<ServiceSnapshot> {
        self.cleaned(self.changing(self.inner.roll_back_to(task_definition)).await, clean_service)
    }

    async fn stop_deployment(&self, arn: &str, kind: StopKind) -> PortResult<()> {
        self.clean_failure(self.changing(self.inner.stop_deployment(arn, kind)).await)
    }
}

fn clean_service(redactor: &Redactor, service: &mut ServiceSnapshot) {
    service.deployments.iter_mut().for_each(|deployment| redactor.clean(&mut deployment.rollout_reason));
    service.events.iter_mut().for_each(|event| redactor.clean(&mut event.message));
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
