//! The parts of a run other than its ports: journal, screen, spool, clock and ids.

use std::sync::Arc;

use crate::{
    journal::Journal,
    ports::{Clock, Ids, Screen},
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
}
