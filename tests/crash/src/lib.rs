//! Kills the app with SIGKILL during releases. The app without a window is the process
//! `crash_child`; the simulator survives in the process that kills.
//!
//! The checker judges the simulator's record, the journal and the screen. This crate does not.

pub mod child;
pub mod desktop;
mod frame;
pub mod life;
mod link;
pub mod point;
mod production;
pub mod release;
mod remote;
pub mod report;
pub mod rows;
mod serve;
