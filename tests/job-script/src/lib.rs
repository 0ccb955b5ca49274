//! Attacks the job verbs of the host (`adapters/src/remote_job/job.sh`): kills and pauses at each
//! statement, a failure of each called program, and many launches at once.
//!
//! A test script counts its own starts. The answers of the verbs must agree with that number
//! (docs/remote-jobs.md).

pub mod alone;
pub mod cases;
pub mod failing;
mod holders;
mod living;
pub mod machine;
pub mod mutants;
pub mod ready;
pub mod steps;

/// The script of the verbs as the app sends it.
pub const VERBS: &str = include_str!("../../../src-tauri/crates/adapters/src/remote_job/job.sh");
