//! The other runs of the same product and realm in the journal of this computer.

use greenlight_types::{Failure, RunView};

use crate::{fold, journal::Journal};

/// Most runs that are read, newest first.
const MOST_RUNS: usize = 200;

/// The other runs, newest first. A run that this app cannot read is left out.
///
/// # Errors
/// `JournalFailed`.
pub(crate) async fn read(journal: &dyn Journal, run: &RunView) -> Result<Vec<RunView>, Failure> {
    let mut others = Vec::new();
    for id in journal.runs().await?.into_iter().filter(|id| *id != run.id).take(MOST_RUNS) {
        let Ok(other) = journal.events(&id, 0).await.and_then(|events| fold::fold(&events)) else { continue };
        if other.profile.product == run.profile.product && other.realm == run.realm {
            others.push(other);
        }
    }
    Ok(others)
}
