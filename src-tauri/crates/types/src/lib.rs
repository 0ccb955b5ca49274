//! Data types that the engine, the adapters, the shell and the page share.
//!
//! Nothing here decides or does I/O. The crate has the data, its spelling on the wire and in the
//! journal, and the few pure rules of a value (how a version is read, how a name is derived from
//! it).

pub mod access;
pub mod difference;
pub mod earlier_release;
pub mod env_lock;
pub mod event;
pub mod fact;
pub mod failure;
pub mod handover;
pub mod ids;
pub mod live;
pub mod plan;
pub mod practice;
pub mod production_now;
pub mod profile;
pub mod profile_file;
pub mod readiness;
pub mod release_plan;
pub mod request;
pub mod setup;
pub mod step;
pub mod timestamp;
pub mod version;
pub mod view;

pub use access::*;
pub use difference::*;
pub use earlier_release::*;
pub use env_lock::*;
pub use event::*;
pub use fact::*;
pub use failure::*;
pub use handover::*;
pub use ids::*;
pub use live::*;
pub use plan::*;
pub use practice::*;
pub use production_now::*;
pub use profile::*;
pub use profile_file::*;
pub use readiness::*;
pub use release_plan::*;
pub use request::*;
pub use setup::*;
pub use step::*;
pub use timestamp::*;
pub use version::*;
pub use view::*;
