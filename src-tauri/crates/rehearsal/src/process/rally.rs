//! Protocols of the World behind the fronts. Each file converts one protocol to and from
//! [`crate::world::World`], and holds no rules.

mod aws;
mod beside;
mod github;
pub mod probe;
mod serve;
mod site;

pub use beside::{Beside, TaskSeen};
pub use serve::PretendRally;

pub use crate::world::{CLUSTER, Pace, SERVICE, WORKFLOW};

#[cfg(test)]
mod tests;
