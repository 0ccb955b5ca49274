//! The release itself: the step engine, the thirteen steps, the journal's trait and the ports.
//!
//! Nothing here knows tauri, a network client or SQL; time and the outside world come in through [`ports`].

pub mod act;
pub mod deploy_check;
mod doubt;
mod elsewhere;
mod environment;
pub mod export;
pub mod fold;
pub mod journal;
pub mod log_follow;
pub mod mutant;
pub mod options;
mod parts;
mod phase;
pub mod ports;
pub mod profile;
pub mod properties;
pub mod redact;
pub mod release;
pub mod rollout;
mod runner;
pub mod spool;
pub mod step;
pub mod steps;
pub mod time;
pub mod transition;
