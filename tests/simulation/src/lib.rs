//! Plays releases on virtual time: the whole engine against the simulator in process. Calls are
//! lost, delayed and cut off, the app ends at any point, and the operator errs.
//!
//! One seed gives exactly one release. The checker decides about right and wrong; this crate does
//! not.

pub mod acts;
pub mod batch;
pub mod clock;
mod erratic;
mod honest;
pub mod judge;
pub mod minimise;
pub mod operator;
pub mod play;
pub mod report;
pub mod scenario;
pub mod scripted;
pub mod second_run;
pub mod tape;
pub mod truth;
mod wire;
