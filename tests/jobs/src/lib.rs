//! The job verbs of the staging machine (`adapters/src/remote_job/job.sh`) under every fault that a process can meet:
//! killed at each statement, paused at each statement while another verb runs, with every program that they call failing
//! once, and started many times at once. A payload counts its own starts; what the verbs said is compared with that
//! (RELIABILITY.md 3).

pub mod alone;
pub mod cases;
pub mod failing;
mod holders;
mod living;
pub mod machine;
pub mod mutants;
pub mod ready;
pub mod steps;

/// The verbs as the app sends them.
pub const VERBS: &str = include_str!("../../../src-tauri/crates/adapters/src/remote_job/job.sh");
