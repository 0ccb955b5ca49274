//! Starts Prepare, also of a release that was begun on another computer. Then makes sure, before
//! anything is published, that the git remote accepts the environment lock.

use greenlight_types::{ErrorCode, FactKind, Failure, Handover, LockRefusal, RunEvent, RunState, RunView};

use super::{Answer, Asker, Decision, Order, Situation, refuse};
use crate::{env_lock::git_ref, fold, other_runs};

/// Starts Prepare, and makes the ref of the environment lock if the remote has none. The event of
/// the start is the intent of that change. A remote that does not answer is no refusal: Deploy asks
/// again.
///
/// # Errors
/// The refusal of the start.
pub(crate) async fn perform(asker: &Asker<'_>, statement: String) -> Result<Answer, Failure> {
    may_begin_beside(&other_runs::read(asker.journal, &asker.view()).await?)?;
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

/// Refuses while another release prepares in the same copy of the repository, or has begun Deploy
/// and not its build: a push to main would keep that build closed.
fn may_begin_beside(others: &[RunView]) -> Result<(), Failure> {
    for other in others {
        let refused = |why: String| refuse(&format!("start Prepare: {why}"));
        let version = &other.version;
        if other.state == RunState::Preparing {
            return Err(refused(format!("{version} is being prepared on this computer"))
                .hint("Finish Prepare of that release, or give it up first."));
        }
        let has_build = fold::is_known(other, FactKind::BuildStarted) || fold::is_known(other, FactKind::PackageReady);
        if other.state == RunState::Deploying && !has_build {
            return Err(refused(format!("the build of {version} has not started yet"))
                .hint("Prepare publishes another commit, and then GitHub cannot build that release any more.")
                .hint("Wait for the start of its build, or stop that release first."));
        }
    }
    Ok(())
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
    use crate::act::test_support::{Desk, checking, code, deploying, draft, ended, prepared};

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
    fn a_release_begins_beside_one_that_only_waits() {
        let preparing = RunView { state: RunState::Preparing, ..prepared() };
        assert!(!fold::is_known(&deploying(), FactKind::BuildStarted), "its build has not started");
        for (others, may_begin) in [
            (vec![], true),
            (vec![draft(), prepared(), checking(), ended()], true),
            (vec![RunView { state: RunState::Deploying, ..checking() }], true),
            (vec![ended(), preparing], false),
            (vec![ended(), deploying()], false),
        ] {
            let states: Vec<RunState> = others.iter().map(|other| other.state).collect();
            assert_eq!(may_begin_beside(&others).is_ok(), may_begin, "{states:?}");
        }
    }

    #[test]
    fn refuses_an_empty_statement_and_a_second_start() {
        assert_eq!(code(decide(&Desk::new(draft()).now(), " ".into(), None)), ErrorCode::BadInput);
        assert_eq!(code(decide(&Desk::new(prepared()).now(), "tested".into(), None)), ErrorCode::NotAllowedNow);
    }
}
