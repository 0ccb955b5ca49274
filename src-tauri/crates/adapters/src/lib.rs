//! One file per outside system: client, conversion and error mapping, nothing else.
//!
//! Adapters know the ports that they implement and no run: the names of a profile are arguments.

pub mod aws;
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
pub mod keychain;
pub mod logs;
mod loopback;
pub mod mutant;
mod private;
pub mod remote_job;
pub mod site;
pub mod slept;
pub mod spool;
pub mod ssh;
mod ssh_link;
pub mod sts;
