//! The parts of a run other than its ports: journal, screen, spool, clock, ids and redactor.

use std::sync::Arc;

use crate::{
    journal::Journal,
    ports::{Clock, Ids, Screen},
    redact::Redactor,
    spool::Spool,
};

#[derive(Clone)]
pub struct Parts {
    /// Store of the events.
    pub journal: Arc<dyn Journal>,
    /// Receiver of hints and live views.
    pub screen: Arc<dyn Screen>,
    /// Store of output lines.
    pub spool: Arc<dyn Spool>,
    pub clock: Arc<dyn Clock>,
    pub ids: Arc<dyn Ids>,
    /// Secrets in use, which the words of a person must not repeat.
    pub redactor: Arc<Redactor>,
}
