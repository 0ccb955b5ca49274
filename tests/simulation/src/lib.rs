//! Releases by the thousand: the whole engine on virtual time against the World in process. Calls are lost, delayed and
//! cut off, the app ends anywhere, people press anything; an independent checker reads what really happened.
//!
//! One number gives one release, to the last byte. Nothing here decides what is right: that is the checker's work.

pub mod batch;
pub mod judge;
pub mod minimise;
mod operator;
pub mod play;
pub mod report;
pub mod scenario;
pub mod scripted;
pub mod tape;
mod wire;
