//! Simulator of production: one pure World, and thin fronts that serve it over the real protocols
//! on loopback.
//!
//! Without the feature `fronts` only the World and its in-process ports are built: no network, no
//! files.

#[cfg(feature = "fronts")]
pub mod clock;
pub mod debrief;
#[cfg(feature = "fronts")]
mod files;
#[cfg(feature = "fronts")]
pub mod fronts;
#[cfg(feature = "fronts")]
pub mod handle;
#[cfg(feature = "fronts")]
pub mod host;
pub mod ports;
#[cfg(feature = "fronts")]
pub mod process;
pub mod profile;
#[cfg(feature = "fronts")]
pub mod scenario;
pub mod world;
