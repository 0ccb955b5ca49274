//! A pretend production: one pure World, and thin fronts that serve it over the real protocols on loopback.

pub mod clock;
mod files;
pub mod fronts;
pub mod handle;
pub mod host;
pub mod process;
