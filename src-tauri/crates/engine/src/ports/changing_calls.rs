//! Counts the changing calls that are under way, so that no credential is replaced in the middle of
//! one.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of changing calls to the outside that have no answer yet.
#[derive(Default)]
pub struct ChangingCalls(AtomicUsize);

impl ChangingCalls {
    pub(super) fn has_any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    pub(super) fn begin(&self) -> CallGuard<'_> {
        self.0.fetch_add(1, Ordering::AcqRel);
        CallGuard(&self.0)
    }
}

/// Counts one call until it is dropped.
pub(super) struct CallGuard<'a>(&'a AtomicUsize);

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_until_it_is_dropped() {
        let calls = ChangingCalls::default();
        let (one, two) = (calls.begin(), calls.begin());
        drop(one);
        assert!(calls.has_any());
        drop(two);
        assert!(!calls.has_any());
    }
}
