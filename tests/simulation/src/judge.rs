//! Interface between a play and the checker.

use greenlight_checker::Checker;
use serde_json::Value;

pub use greenlight_checker::Violation;

/// Reads the events, requests and views of a release in order, and collects broken rules.
pub trait Judge: Send {
    /// No event may hold this secret.
    fn secret(&mut self, secret: &str);
    /// An event is on disk.
    fn event(&mut self, event: &Value);
    /// The world recorded an entry.
    fn request(&mut self, entry: &Value);
    /// The screen shows a view.
    fn shown(&mut self, shown: &Value);
    /// An honest operator acted, or sees no way on.
    fn operator(&mut self, note: &Value);
    /// The release has ended.
    fn end(&mut self, end: &Value);
    /// Broken rules so far.
    fn violations(&self) -> Vec<Violation>;
    /// Known dead ends that the release reached.
    fn dead_ends(&self) -> Vec<&'static str> {
        Vec::new()
    }
}

impl Judge for Checker {
    fn secret(&mut self, secret: &str) {
        Self::secret(self, secret);
    }

    fn event(&mut self, event: &Value) {
        Self::event(self, event);
    }

    fn request(&mut self, entry: &Value) {
        Self::request(self, entry);
    }

    fn shown(&mut self, shown: &Value) {
        Self::shown(self, shown);
    }

    fn operator(&mut self, note: &Value) {
        Self::operator(self, note);
    }

    fn end(&mut self, end: &Value) {
        Self::end(self, end);
    }

    fn violations(&self) -> Vec<Violation> {
        Self::violations(self).to_vec()
    }

    fn dead_ends(&self) -> Vec<&'static str> {
        Self::dead_ends(self).collect()
    }
}
