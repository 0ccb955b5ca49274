//! Protocols of the World behind the fronts. Each file converts one protocol to and from
//! [`crate::world::World`], and holds no rules.

mod aws;
mod github;
pub mod probe;
mod real_systems;
mod serve;
mod site;

pub use real_systems::{RealSystems, TaskSeen};
pub use serve::PretendRally;

pub use crate::world::{CLUSTER, Pace, SERVICE, WORKFLOW};

#[cfg(test)]
mod tests;
