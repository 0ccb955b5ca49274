//! The loop of the steps that only watch, and their observation after a crash.

use std::{future::Future, time::Duration};

use greenlight_types::{Failure, Observation, StepId};

use crate::step::{Outcome, StepContext};

/// Longest time of a watch.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// Polls every `pause` until there is an outcome. Retries a failed poll. Returns `late` as a
/// failure after six hours.
pub(super) async fn watch<F>(
    cx: &StepContext,
    id: StepId,
    pause: Duration,
    late: Failure,
    mut look: impl FnMut() -> F + Send,
) -> Outcome
where
    F: Future<Output = Result<Option<Outcome>, Failure>> + Send,
{
    let looks = LONGEST.as_secs() / pause.as_secs().max(1);
    for _ in 0..looks {
        match look().await {
            Ok(Some(outcome)) => return outcome,
            Ok(None) => {}
            Err(failure) => cx.activity(id, format!("Asking again: {failure}")),
        }
        cx.wait(pause).await;
    }
    Outcome::Failed(late)
}

/// Watching changes nothing, so it continues after a crash.
pub(super) fn observation_of_watch() -> Observation {
    Observation::InProgress { evidence: "Watching changes nothing; it simply goes on.".into() }
}
