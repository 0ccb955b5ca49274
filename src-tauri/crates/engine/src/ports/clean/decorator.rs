//! The decorator that every cleaned port shares.

use std::sync::Arc;

use crate::{
    ports::{ChangingCalls, PortResult},
    redact::Redactor,
};

/// A port with the answers of another one, without secrets.
pub(super) struct Clean<P: ?Sized> {
    pub inner: Arc<P>,
    redactor: Arc<Redactor>,
    calls: Arc<ChangingCalls>,
}

impl<P: ?Sized> Clean<P> {
    /// A port that only reads.
    pub fn reading(inner: Arc<P>, redactor: &Arc<Redactor>) -> Arc<Self> {
        Self::new(inner, redactor, &Arc::default())
    }

    /// A port whose changing calls count.
    pub fn new(inner: Arc<P>, redactor: &Arc<Redactor>, calls: &Arc<ChangingCalls>) -> Arc<Self> {
        Arc::new(Self { inner, redactor: Arc::clone(redactor), calls: Arc::clone(calls) })
    }

    /// The answer of a changing call, which counts as under way until then.
    pub async fn changing<T>(&self, call: impl Future<Output = T> + Send) -> T {
        let _under_way = self.calls.begin();
        call.await
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
