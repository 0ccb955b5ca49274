//! The World behind the fronts: each file is one protocol, converted to and from [`crate::world::World`]; no rule is here.

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
