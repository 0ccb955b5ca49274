//! What a run needs besides its ports: where it writes and shows, its clock and its ids.

use std::sync::Arc;

use crate::{
    journal::Journal,
    ports::{Clock, Ids, Screen},
    spool::Spool,
};

/// Journal, screen, spool, clock and ids of a run.
#[derive(Clone)]
pub struct Parts {
    /// Where events are kept.
    pub journal: Arc<dyn Journal>,
    /// What is told to the screen.
    pub screen: Arc<dyn Screen>,
    /// Where lines are kept.
    pub spool: Arc<dyn Spool>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
}
