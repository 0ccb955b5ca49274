//! Adapters: one file per outside system, with its client, conversions and error mapping.
//!
//! An adapter knows the port that it implements. It knows no run and no profile: names are
//! arguments.

pub mod aws;
pub mod catalog;
pub mod clock;
pub mod credentials;
pub mod data_lock;
pub mod ecr;
pub mod ecs;
pub mod git;
pub mod github;
pub mod home;
pub mod ids;
pub mod journal_sqlite;
pub mod key_file;
pub mod keychain;
pub mod logs;
pub mod new_file;
mod private;
pub mod profile_file;
pub mod remote_job;
pub mod site;
pub mod sleep_detector;
pub mod spool;
pub mod ssh;
mod ssh_link;
pub mod sts;
