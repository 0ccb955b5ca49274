//! Two compositions of the app race for one host. Each has its own data folder and journal of the
//! same release, and the engine and job verbs are real.
//!
//! The simulator in process, whose time does not pass, replaces the other systems. Exactly one
//! migration starts, and the loser learns the owner of the environment lock.

pub mod computer;
pub mod machine;
pub mod race;
pub mod scene;
