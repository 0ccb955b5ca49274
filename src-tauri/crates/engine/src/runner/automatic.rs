//! The acts of the runner without a person: it offers buttons, starts watching steps, and changes
//! the state of the run. Before a run ends as released, AWS and the database are asked once more
//! (INV-E4).

use std::time::Duration;

use futures::FutureExt;
use greenlight_types::{
    ErrorCode, EventBody, FactKind, Failure, LearnedFact, Retry, Role, RunEvent, RunView, Status, StepEvent, StepState,
    StepView, Watcher,
};

use super::{
    Done, Runner,
    trouble::{ServersNotice, TroubleNotice},
};
use crate::{
    act::{Then, start_step},
    phase::{is_active, is_ready, may_end_automatically, next_automatic_event},
    step::StepContext,
    steps,
};

/// Facts after which a build that failed goes on. Every watch that ended with the build starts
/// again, also one that a person may not repeat.
const BUILD_GOES_ON: [FactKind; 2] = [FactKind::BuildStarted, FactKind::BuildRerun];

/// Failures of a watch whose build is gone for this release.
const BUILD_IS_LOST: [ErrorCode; 3] = [ErrorCode::BuildFailed, ErrorCode::WrongCommit, ErrorCode::TimedOut];

/// Pause between two looks at AWS before the end of a run.
const FINAL_CHECK_PAUSE: Duration = Duration::from_secs(10);
/// Most looks before the end: a day.
const FINAL_CHECKS_MAX: u32 = 8_640;

/// Whether a watch that failed starts again, because production has moved on since then.
fn watches_again(view: &RunView, step: &StepView) -> bool {
    let StepState::Failed { ended_at, failure } = &step.state else { return false };
    if step.definition.role != Role::Watching {
        return false;
    }
    let has_moved = |kinds: &[FactKind]| {
        let is_later = |learned: &LearnedFact| learned.at > *ended_at && kinds.contains(&learned.fact.kind());
        view.facts.iter().rev().any(is_later)
    };
    let by_build = BUILD_IS_LOST.contains(&failure.code) && has_moved(&BUILD_GOES_ON);
    by_build || failure.retry != Retry::No && has_moved(steps::get(step.definition.id).watches_again_after())
}

/// Checks servers and database once more before a run ends as released, until AWS shows this
/// release on all servers. Returns whether both confirm it; `false` once the run may not end any
/// more. The screen shows the open condition meanwhile.
async fn confirm_release(cx: &StepContext, notice: &ServersNotice) -> bool {
    let mut database = TroubleNotice::of(Watcher::Database);
    for _ in 0..FINAL_CHECKS_MAX {
        if !may_end_automatically(&cx.run()) {
            return false;
        }
        if is_confirmed(cx, notice, &mut database).await {
            return true;
        }
        cx.wait(FINAL_CHECK_PAUSE).await;
    }
    false
}

async fn is_confirmed(cx: &StepContext, notice: &ServersNotice, database: &mut TroubleNotice) -> bool {
    let is_confirmed = async || {
        let checked = steps::production::check_servers(cx).await;
        let is_confirmed = matches!(checked, Ok(None));
        notice.show(cx, checked);
        is_confirmed
    };
    if !is_confirmed().await {
        return false;
    }
    let Some(answer) = steps::migration::before_end::check(cx).await else { return true };
    let is_migrated = answer.is_ok();
    database.show(cx, answer);
    // The database took its time. The last word is that of AWS.
    is_migrated && is_confirmed().await
}

impl Runner {
    /// Appends every event that needs no person: offers, starts of watching steps, states of the
    /// run, its end.
    pub(super) async fn append_automatic_events(&mut self) -> Result<(), Failure> {
        // Each round appends at least one event, and a run has few states. The limit only guards
        // against a mistake.
        for _ in 0..64 {
            let Some((events, then)) = self.start_due_work().await? else { return Ok(()) };
            self.append(events).await?;
            self.follow_up(then);
        }
        Ok(())
    }

    /// Asks AWS and the database once more before the run ends as released.
    fn start_final_check(&mut self) {
        if !std::mem::replace(&mut self.is_final_check_running, true) {
            let (context, notice) = (self.context.clone(), self.servers_notice.clone());
            self.work.push(async move { Done::FinalCheck(confirm_release(&context, &notice).await) }.boxed());
        }
    }

    /// Starts due watchers and the final check. Returns the next events that need no person, and
    /// the work that follows them.
    async fn start_due_work(&mut self) -> Result<Option<(Vec<EventBody>, Then)>, Failure> {
        let view = self.view.borrow().clone();
        self.start_background(&view);
        match next_automatic_event(&view) {
            Some(RunEvent::Ended { .. }) => self.start_final_check(),
            Some(event) => return Ok(Some((vec![event.into()], Then::Nothing))),
            None => {}
        }
        for step in &view.steps {
            let id = step.definition.id;
            let is_due =
                step.status() == Status::NotStarted && (!step.definition.is_optional || steps::get(id).is_due(&view));
            let is_wanted = is_due || watches_again(&view, step);
            if !is_wanted || !is_active(view.state, id.phase()) || !is_ready(&view, id) {
                continue;
            }
            if step.definition.role == Role::Changing {
                return Ok(Some((vec![StepEvent::Offered { step: id }.into()], Then::Nothing)));
            }
            // It asks outside only after `WrongRevision` or `PackageUnproved`. A watch starts even
            // if its plan has a question.
            match steps::get(id).plan(&self.context).await {
                Ok(plan) => {
                    let decision = start_step::started(id, step.attempt + 1, plan);
                    return Ok(Some((decision.events, decision.then)));
                }
                Err(failure) => tracing::warn!(%failure, step = id.name(), "a watching step cannot be planned"),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{Fact, StepId, Timestamp};

    use super::*;
    use crate::act::test_support::{deploying, set};

    #[test]
    fn only_a_watch_starts_again_after_a_build_goes_on() {
        let begins_again = |id: StepId, code: ErrorCode| {
            let failure = Failure::new(code, "see the end").retry(Retry::No);
            let mut view = set(deploying(), id, StepState::Failed { ended_at: Timestamp::EPOCH, failure });
            let (build, url, commit) = ("2".to_owned(), String::new(), String::new());
            let fact = Fact::BuildStarted { build, url, sent_at: Timestamp::EPOCH, commit };
            view.facts.push(LearnedFact { at: "2026-11-23T12:00:00Z".parse().expect("a time"), fact });
            let step = view.steps.iter().find(|step| step.definition.id == id).expect("a step");
            watches_again(&view, step)
        };
        for code in BUILD_IS_LOST {
            assert!(begins_again(StepId::FollowBuild, code), "{code:?}");
            assert!(!begins_again(StepId::BackUp, code), "{code:?}");
        }
        assert!(!begins_again(StepId::FollowBuild, ErrorCode::RolloutFailed));
    }
}
