//! The clusters of account and region, and the services of a cluster, for Setup.

use aws_sdk_ecs::types;
use greenlight_engine::ports::{LISTED_MAX, ListedCluster, ListedService, PortResult};

use super::EcsServices;
use crate::aws::{Call, count};

/// Most services in one DescribeServices (ECS API reference).
const BATCH: usize = 10;

const CLUSTERS: Call = Call::read("list the clusters", "ecs:ListClusters");
const DESCRIBE_CLUSTERS: Call = Call::read("ask AWS about the clusters", "ecs:DescribeClusters");
const SERVICES: Call = Call::read("list the services of the cluster", "ecs:ListServices");
const DESCRIBE_SERVICES: Call = Call::read("ask AWS about the services", "ecs:DescribeServices");

impl EcsServices {
    /// The first page of clusters, which has at most [`LISTED_MAX`].
    pub(crate) async fn clusters(&self) -> PortResult<Vec<ListedCluster>> {
        let listed = self
            .client
            .list_clusters()
            .customize()
            .config_override(self.reading(CLUSTERS).await?)
            .send()
            .await
            .map_err(|error| CLUSTERS.failure(error))?;
        let arns: Vec<String> = listed.cluster_arns.unwrap_or_default().into_iter().take(LISTED_MAX).collect();
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let described = self
            .client
            .describe_clusters()
            .set_clusters(Some(arns))
            .customize()
            .config_override(self.reading(DESCRIBE_CLUSTERS).await?)
            .send()
            .await
            .map_err(|error| DESCRIBE_CLUSTERS.failure(error))?;
        let to_listed = |cluster: &types::Cluster| {
            Some(ListedCluster {
                name: cluster.cluster_name()?.to_owned(),
                services: count(cluster.active_services_count()),
                running: count(cluster.running_tasks_count()),
            })
        };
        Ok(described.clusters().iter().filter_map(to_listed).collect())
    }

    /// The services of the cluster, at most [`LISTED_MAX`].
    pub(crate) async fn services(&self) -> PortResult<Vec<ListedService>> {
        let arns = self.service_arns().await?;
        let mut services = Vec::new();
        for batch in arns.chunks(BATCH) {
            let described = self
                .client
                .describe_services()
                .cluster(&self.cluster)
                .set_services(Some(batch.to_vec()))
                .customize()
                .config_override(self.reading(DESCRIBE_SERVICES).await?)
                .send()
                .await
                .map_err(|error| DESCRIBE_SERVICES.failure(error))?;
            services.extend(described.services().iter().filter_map(to_listed_service));
        }
        Ok(services)
    }

    async fn service_arns(&self) -> PortResult<Vec<String>> {
        let (mut arns, mut token) = (Vec::new(), None);
        // A page has 10 services unless more are asked for, and 100 are the most (ECS API
        // reference, `ListServices.maxResults`).
        for _ in 0..LISTED_MAX.div_ceil(BATCH) {
            let page = self
                .client
                .list_services()
                .cluster(&self.cluster)
                .max_results(100)
                .set_next_token(token)
                .customize()
                .config_override(self.reading(SERVICES).await?)
                .send()
                .await
                .map_err(|error| SERVICES.failure(error))?;
            arns.extend(page.service_arns.unwrap_or_default());
            token = page.next_token.filter(|token| !token.is_empty());
            if token.is_none() || arns.len() >= LISTED_MAX {
                break;
            }
        }
        arns.truncate(LISTED_MAX);
        Ok(arns)
    }
}

fn to_listed_service(service: &types::Service) -> Option<ListedService> {
    Some(ListedService {
        name: service.service_name()?.to_owned(),
        desired: count(service.desired_count()),
        running: count(service.running_count()),
        task_definition: service.task_definition().unwrap_or_default().to_owned(),
    })
}
