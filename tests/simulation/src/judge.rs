//! Who reads what happened.

use serde_json::Value;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Name: `INV-D2`.
    pub invariant: String,
    /// What happened.
    pub words: String,
}

/// Reads what happened, in order, and says what must not have.
pub trait Judge: Send {
    /// An event became durable.
    fn event(&mut self, event: &Value);
    /// The World wrote something down.
    fn request(&mut self, entry: &Value);
    /// The screen shows this.
    fn shown(&mut self, shown: &Value);
    /// The release is over.
    fn end(&mut self, end: &Value);
    /// Broken rules so far.
    fn violations(&self) -> Vec<Violation>;
}
