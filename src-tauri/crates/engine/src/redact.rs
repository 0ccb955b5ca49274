//! Replaces secrets in text that comes from outside or from a person, once, where it enters the
//! engine.
//!
//! ```text
//! adapter --> RawPorts --> Ports (ports/clean)  --> steps, journal, spool, screen
//! person  --> Act, reason of a draft            --> events
//! client libraries                              --> log file of the app
//! ```
//!
//! A secret is a registered one, in any of its usual encodings, or a text whose shape shows that it
//! is one (`shapes.rs`). Ids, settings and inputs of plans are never rewritten: the app acts on
//! them.

mod hidden;
mod lines;
mod registry;
mod shapes;
mod span;
mod spellings;
#[cfg(test)]
mod tests;

pub use hidden::{hidden, names_secret};
pub use lines::{Lines, Stream};
pub use registry::{CleanText, Redactor, without_shapes};
