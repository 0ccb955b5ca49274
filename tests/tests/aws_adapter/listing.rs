//! The lists from which Setup proposes values, on moto.

use std::sync::Arc;

use anyhow::Result;
use greenlight_adapters::{catalog::SystemCatalog, ecr::EcrImages, ecs::EcsServices, github::GithubAdapter};
use greenlight_engine::ports::{Catalog, LISTED_MAX};
use greenlight_tests::support::moto::{ACCOUNT, Aws, CONTAINER, FAMILY, Moto};
use greenlight_types::ErrorCode;
use serde_json::json;

use super::recorder::{Keychain, access};

fn catalog(url: &str, cluster: &str, repository: &str) -> SystemCatalog {
    let github = GithubAdapter::new("http://127.0.0.1:9", "owner/name", Arc::new(Keychain(true))).expect("GitHub");
    let services = EcsServices::new(access(url), cluster, "", CONTAINER);
    SystemCatalog::new(Arc::new(github), Arc::new(services), Arc::new(EcrImages::new(access(url), ACCOUNT, repository)))
}

#[tokio::test]
async fn clusters_services_and_packages_are_listed() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    for cluster in ["rally", "empty"] {
        moto.call(Aws::Ecs, "CreateCluster", &json!({ "clusterName": cluster })).await?;
    }
    for number in 0..12 {
        let service = json!({
            "cluster": "rally", "serviceName": format!("service-{number}"), "taskDefinition": FAMILY, "desiredCount": 2
        });
        moto.call(Aws::Ecs, "CreateService", &service).await?;
    }
    moto.make_repository("another").await?;
    moto.push_image(FAMILY, "RALLY-V2_1_0_0-RELEASE", "new").await?;

    let catalog = catalog(&moto.url(), "rally", FAMILY);
    // moto counts no services of a cluster.
    let mut clusters: Vec<String> = catalog.clusters().await?.into_iter().map(|one| one.name).collect();
    clusters.sort_unstable();
    assert_eq!(clusters, ["empty", "rally"]);
    let services = catalog.services().await?;
    assert_eq!(services.len(), 12, "more than one DescribeServices describes");
    assert!(
        services.iter().all(|one| one.desired == 2 && one.task_definition.ends_with("task-definition/rally-prod:1"))
    );
    assert_eq!(catalog.repositories().await?, ["another", FAMILY]);
    let mut tags = catalog.image_tags().await?;
    tags.sort_unstable();
    assert_eq!(tags, ["RALLY-V2_0_1_11-RELEASE", "RALLY-V2_1_0_0-RELEASE"]);
    Ok(())
}

#[tokio::test]
async fn an_unknown_cluster_and_repository_are_missing() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    let catalog = catalog(&moto.url(), "nothing", "nothing");
    let cluster = catalog.services().await.expect_err("no cluster");
    let repository = catalog.image_tags().await.expect_err("no repository");
    assert_eq!((cluster.code, repository.code), (ErrorCode::AwsMissing, ErrorCode::AwsMissing));
    Ok(())
}

#[tokio::test]
async fn a_list_is_cut_at_its_limit() -> Result<()> {
    let moto = Moto::start_with_rally().await?;
    for number in 0..LISTED_MAX + 5 {
        moto.make_repository(&format!("repository-{number:03}")).await?;
    }
    assert_eq!(catalog(&moto.url(), "rally", FAMILY).repositories().await?.len(), LISTED_MAX);
    Ok(())
}
