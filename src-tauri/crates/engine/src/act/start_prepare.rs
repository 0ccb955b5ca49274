//! Starts Prepare, also of a release that was begun on another computer. Then makes sure, before
//! anything is published, that the git remote accepts the environment lock.

use greenlight_types::{ErrorCode, Failure, Handover, LockRefusal, RunEvent, RunState};

use super::{Answer, Asker, Decision, Order, Situation, refuse};
use crate::{
    env_lock::git_ref,
    start_rules::{self, Start},
};

/// Starts Prepare, and makes the ref of the environment lock if the remote has none. The event of
/// the start is the intent of that change. A remote that does not answer is no refusal: Deploy asks
/// again.
///
/// # Errors
/// The refusal of the start.
pub(crate) async fn perform(asker: &Asker<'_>, statement: String) -> Result<Answer, Failure> {
    start_rules::check(asker.journal, &asker.view(), Start::Prepare).await?;
    let answer = asker.order(Order::StartPrepare { statement, begun: None }).await?;
    match git_ref::create(asker.context, asker.by).await {
        Ok(None) => Ok(answer),
        Ok(Some(reason)) => {
            asker.order(Order::RefuseLock(LockRefusal { reason, from: None, is_accepted: false })).await
        }
        Err(failure) => {
            tracing::info!(%failure, "the environment lock on the remote is unknown");
            Ok(answer)
        }
    }
}

pub(crate) fn decide(now: &Situation<'_>, statement: String, begun: Option<Handover>) -> Result<Decision, Failure> {
    if now.view.state != RunState::Draft {
        return Err(refuse("start Prepare: it has started already"));
    }
    if statement.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "start Prepare: say that testing is finished"));
    }
    // Git stores whole seconds.
    let commit_time = now.now.whole_seconds();
    Ok(Decision::run_event(RunEvent::PrepareStarted { statement, commit_time, begun }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{Desk, code, draft, prepared};

    #[test]
    fn starts_a_draft_with_a_time_in_whole_seconds() {
        let desk = Desk::new(draft());
        let decision = decide(&desk.at("2026-11-23T09:00:01.987Z"), "tested".into(), None).expect("allowed");
        let [event] = &decision.events[..] else { panic!("one event") };
        let told = serde_json::to_value(event).expect("JSON");
        assert_eq!(
            (&told["kind"], &told["commitTime"]),
            (&"prepareStarted".into(), &"2026-11-23T09:00:01.000Z".into())
        );
    }

    #[test]
    fn refuses_an_empty_statement_and_a_second_start() {
        assert_eq!(code(decide(&Desk::new(draft()).now(), " ".into(), None)), ErrorCode::BadInput);
        assert_eq!(code(decide(&Desk::new(prepared()).now(), "tested".into(), None)), ErrorCode::NotAllowedNow);
    }
}
