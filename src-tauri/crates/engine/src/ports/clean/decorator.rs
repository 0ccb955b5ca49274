//! The decorator that every cleaned port shares.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use crate::{ports::PortResult, redact::Redactor};

/// Number of changing calls to the outside that have no answer yet.
#[derive(Default)]
pub(in crate::ports) struct ChangingCalls(AtomicUsize);

impl ChangingCalls {
    pub fn is_any_under_way(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    fn begin(&self) -> CallGuard<'_> {
        self.0.fetch_add(1, Ordering::AcqRel);
        CallGuard(&self.0)
    }
}

/// Counts one call until it is dropped.
struct CallGuard<'a>(&'a AtomicUsize);

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

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
