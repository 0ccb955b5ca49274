//! Who reads what happened.

use greenlight_checker::Checker;
use serde_json::Value;

pub use greenlight_checker::Violation;

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

impl Judge for Checker {
    fn event(&mut self, event: &Value) {
        Self::event(self, event);
    }

    fn request(&mut self, entry: &Value) {
        Self::request(self, entry);
    }

    fn shown(&mut self, shown: &Value) {
        Self::shown(self, shown);
    }

    fn end(&mut self, end: &Value) {
        Self::end(self, end);
    }

    fn violations(&self) -> Vec<Violation> {
        Self::violations(self).to_vec()
    }
}
