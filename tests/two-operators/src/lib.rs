//! Two compositions of the app race for one environment. Each has its own data folder and journal
//! of the same release, and the engine and job verbs are real. They share one host, or each has its
//! own host and they share one git server.
//!
//! The simulator in process, whose time does not pass, replaces the other systems. Exactly one
//! migration starts, and the loser learns the owner of the environment lock.

pub mod apart;
pub mod computer;
mod locks;
pub mod machine;
pub mod race;
pub mod scene;
