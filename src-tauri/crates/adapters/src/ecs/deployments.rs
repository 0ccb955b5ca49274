//! Service deployments: a listing, the newest in detail, and the task definitions of their service
//! revisions.

use std::collections::BTreeMap;

use aws_sdk_ecs::types;
use greenlight_engine::ports::{
    BreakerCount, BreakerStatus, PortResult, ServiceDeployment, ServiceDeploymentStatus, ServiceDeployments,
};
use greenlight_types::{ErrorCode, Failure};
use parking_lot::Mutex;

use super::EcsServices;
use crate::aws::{Call, count, timestamp};

/// Maximum number of pages of the listing: 1,000 deployments. AWS keeps those of 90 days and does
/// not document their order, so the newest are known only at the end.
const PAGES_MAX: usize = 10;
/// Largest page (ECS API reference, `ListServiceDeployments.maxResults`).
const PAGE: i32 = 100;
/// Maximum number of revisions that are remembered.
const REVISIONS_MAX: usize = 200;

const LIST: Call = Call::read("list the deployments of the service", "ecs:ListServiceDeployments");
const DESCRIBE: Call = Call::read("ask AWS about the deployments of the service", "ecs:DescribeServiceDeployments");
const REVISIONS: Call = Call::read("ask AWS about the revisions of the service", "ecs:DescribeServiceRevisions");

/// Task definitions by the ARN of their service revision.
pub(super) type Revisions = Mutex<BTreeMap<String, String>>;

impl EcsServices {
    /// The newest service deployments. A refusal is an answer: a release goes on without them.
    pub(super) async fn list_deployments(&self) -> PortResult<ServiceDeployments> {
        match self.newest_deployments().await {
            Ok(Some(deployments)) => Ok(ServiceDeployments::Listed(deployments)),
            Ok(None) => {
                Ok(ServiceDeployments::NotAvailable { why: "AWS lists more than 1,000 deployments".to_owned() })
            }
            Err(failure) if is_refusal(&failure) => Ok(ServiceDeployments::NotAvailable { why: failure.to_string() }),
            Err(failure) => Err(failure),
        }
    }

    /// `None` when the listing does not end.
    async fn newest_deployments(&self) -> PortResult<Option<Vec<ServiceDeployment>>> {
        let Some(mut listed) = self.listed_deployments().await? else { return Ok(None) };
        listed.sort_by_key(|one| std::cmp::Reverse(timestamp(one.created_at())));
        listed.truncate(ServiceDeployments::MAX);
        let arns: Vec<String> = listed.iter().filter_map(|one| one.service_deployment_arn.clone()).collect();
        if arns.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let described = self
            .client
            .describe_service_deployments()
            .set_service_deployment_arns(Some(arns))
            .customize()
            .config_override(self.reading(DESCRIBE).await?)
            .send()
            .await
            .map_err(|error| DESCRIBE.failure(error))?;
        let revisions: Vec<String> = described.service_deployments().iter().map(revision_arn).collect();
        self.learn_revisions(&revisions).await?;
        let mut newest: Vec<ServiceDeployment> =
            described.service_deployments().iter().map(|one| self.deployment(one)).collect::<PortResult<_>>()?;
        newest.sort_by_key(|one| std::cmp::Reverse(one.created_at));
        Ok(Some(newest))
    }

    async fn listed_deployments(&self) -> PortResult<Option<Vec<types::ServiceDeploymentBrief>>> {
        let (mut listed, mut next) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self
                .client
                .list_service_deployments()
                .cluster(&self.cluster)
                .service(&self.service)
                .max_results(PAGE)
                .set_next_token(next)
                .customize()
                .config_override(self.reading(LIST).await?)
                .send()
                .await
                .map_err(|error| LIST.failure(error))?;
            listed.extend(page.service_deployments.unwrap_or_default());
            next = page.next_token.filter(|next| !next.is_empty());
            if next.is_none() {
                return Ok(Some(listed));
            }
        }
        Ok(None)
    }

    /// Asks for the task definitions of the revisions that are not known yet.
    async fn learn_revisions(&self, arns: &[String]) -> PortResult<()> {
        let unknown: Vec<String> = {
            let known = self.revisions.lock();
            arns.iter().filter(|arn| !arn.is_empty() && !known.contains_key(*arn)).cloned().collect()
        };
        if unknown.is_empty() {
            return Ok(());
        }
        let answer = self
            .client
            .describe_service_revisions()
            .set_service_revision_arns(Some(unknown))
            .customize()
            .config_override(self.reading(REVISIONS).await?)
            .send()
            .await
            .map_err(|error| REVISIONS.failure(error))?;
        let mut known = self.revisions.lock();
        if known.len() > REVISIONS_MAX {
            known.clear();
        }
        for revision in answer.service_revisions() {
            if let (Some(arn), Some(definition)) = (revision.service_revision_arn(), revision.task_definition()) {
                known.insert(arn.to_owned(), definition.to_owned());
            }
        }
        Ok(())
    }

    fn deployment(&self, one: &types::ServiceDeployment) -> PortResult<ServiceDeployment> {
        let revision_arn = revision_arn(one);
        let task_definition = self.revisions.lock().get(&revision_arn).cloned().unwrap_or_default();
        Ok(ServiceDeployment {
            arn: one
                .service_deployment_arn()
                .ok_or_else(|| DESCRIBE.missing("the ARN of a service deployment"))?
                .to_owned(),
            task_definition,
            revision_arn,
            status: ServiceDeploymentStatus::parse(one.status().map_or("", types::ServiceDeploymentStatus::as_str)),
            reason: one.status_reason().unwrap_or_default().to_owned(),
            created_at: timestamp(one.created_at())
                .ok_or_else(|| DESCRIBE.missing("createdAt of a service deployment"))?,
            started_at: timestamp(one.started_at()),
            finished_at: timestamp(one.finished_at()).or_else(|| timestamp(one.stopped_at())),
            has_rollback: one.rollback().is_some_and(|back| back.started_at().is_some()),
            breaker: one.deployment_circuit_breaker().map(|breaker| BreakerCount {
                status: BreakerStatus::parse(
                    breaker.status().map_or("", types::ServiceDeploymentRollbackMonitorsStatus::as_str),
                ),
                failures: count(breaker.failure_count()),
                threshold: count(breaker.threshold()),
            }),
        })
    }
}

fn revision_arn(one: &types::ServiceDeployment) -> String {
    one.target_service_revision().and_then(|revision| revision.arn()).unwrap_or_default().to_owned()
}

/// Whether asking again gives the same refusal: the permission is missing, or AWS does not have the
/// operation for this service.
fn is_refusal(failure: &Failure) -> bool {
    failure.code == ErrorCode::PermissionMissing || failure.code == ErrorCode::AwsRefused
}
