//! The release engine: runner, acts, the thirteen steps, the trait of the journal, and the ports.
//!
//! Nothing here knows tauri, a network client or SQL. Time and the outside world come in through
//! [`ports`].

pub mod act;
pub mod deploy_check;
mod doubt;
mod earlier_runs;
mod env_lock;
pub mod export;
pub mod fold;
mod handover;
pub mod journal;
pub mod log_follow;
pub mod loopback;
mod markdown;
pub mod options;
mod other_runs;
mod parts;
mod phase;
pub mod ports;
pub mod production_now;
pub mod profile;
pub mod properties;
pub mod readiness;
pub mod redact;
pub mod release;
pub mod release_plan;
pub mod rollback_run;
pub mod rollout;
mod rollout_facts;
mod runner;
mod service_events;
pub mod setup;
pub mod shell;
pub mod spool;
mod start_rules;
pub mod step;
pub mod steps;
pub mod time;
pub mod transition;
