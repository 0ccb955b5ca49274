//! The lists of GitHub and AWS from which Setup proposes values.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::PortResult;

/// Most entries of one answer of the catalog. The rest of a longer list is left out.
pub const LISTED_MAX: usize = 100;

/// A workflow of the repository of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedWorkflow {
    /// File name, without the folder.
    pub file: String,
    pub name: String,
    /// Whether it is switched on.
    pub is_active: bool,
}

/// An ECS cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedCluster {
    pub name: String,
    /// Number of active services.
    pub services: u32,
    /// Number of running tasks.
    pub running: u32,
}

/// A service of the cluster of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedService {
    pub name: String,
    /// Number of wanted tasks.
    pub desired: u32,
    /// Number of running tasks.
    pub running: u32,
    /// ARN of the revision that the service is set to.
    pub task_definition: String,
}

/// Lists of GitHub and AWS. Each answer has at most [`LISTED_MAX`] entries.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// The workflows of the repository.
    async fn workflows(&self) -> PortResult<Vec<ListedWorkflow>>;
    /// The clusters of account and region.
    async fn clusters(&self) -> PortResult<Vec<ListedCluster>>;
    /// The services of the cluster of the profile.
    async fn services(&self) -> PortResult<Vec<ListedService>>;
    /// Names of the image repositories.
    async fn repositories(&self) -> PortResult<Vec<String>>;
    /// Tags of the newest images of the repository of the profile, newest first.
    async fn image_tags(&self) -> PortResult<Vec<String>>;
}
