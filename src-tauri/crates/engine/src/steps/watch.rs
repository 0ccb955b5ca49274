//! What the steps that only watch share: the loop of looks, and what there is to say of them after a crash.

use std::{future::Future, time::Duration};

use greenlight_types::{Failure, Observation, StepId};

use crate::step::{Outcome, StepContext};

/// Longest time that anything is watched.
const LONGEST: Duration = Duration::from_secs(6 * 60 * 60);

/// Looks every `pause` until there is an outcome. A look that fails is made again; `late` is the end after six hours.
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

/// Watching changes nothing, so after a crash it goes on.
pub(super) fn goes_on() -> Observation {
    Observation::InProgress { evidence: "Watching changes nothing; it simply goes on.".into() }
}
