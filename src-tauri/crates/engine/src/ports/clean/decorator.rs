//! The decorator that every cleaned port shares.

use std::sync::Arc;

use crate::{ports::PortResult, redact::Redactor};

/// A port with the answers of another one, without secrets.
pub(super) struct Clean<P: ?Sized> {
    pub inner: Arc<P>,
    redactor: Arc<Redactor>,
}

impl<P: ?Sized> Clean<P> {
    pub fn new(inner: Arc<P>, redactor: &Arc<Redactor>) -> Arc<Self> {
        Arc::new(Self { inner, redactor: Arc::clone(redactor) })
    }

    /// The answer, with the failure cleaned.
    pub fn clean_failure<T>(&self, answer: PortResult<T>) -> PortResult<T> {
        answer.map_err(|failure| self.redactor.failure(failure))
    }

    /// The answer cleaned by `work`, or the failure cleaned.
    pub fn cleaned<T>(&self, answer: PortResult<T>, work: impl FnOnce(&Redactor, &mut T)) -> PortResult<T> {
        let mut answer = self.clean_failure(answer)?;
        work(&self.redactor, &mut answer);
        Ok(answer)
    }
}
