//! The state machine of a step: [`next`] holds every legal transition.

use greenlight_types::{Completion, Status, StepEvent, StepId};

/// An event that does not fit the state of its step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step that is {from:?} cannot take {event}")]
pub struct IllegalTransition {
    /// State of the step before the event.
    pub from: Status,
    /// Name of the event.
    pub event: &'static str,
}

/// State of a step after an event.
///
/// # Errors
/// [`IllegalTransition`] when the event cannot follow that state.
pub fn next(from: Status, event: &StepEvent) -> Result<Status, IllegalTransition> {
    use Status::{AwaitingOperator, Failed, InDoubt, NotStarted, Running, Skipped, Stopped, Succeeded, Warned};
    let (is_legal, to) = match event {
        StepEvent::Offered { .. } => (from == NotStarted, AwaitingOperator),
        StepEvent::Started { step, .. } => {
            let is_first_or_again = matches!(from, NotStarted | AwaitingOperator | Failed | Stopped);
            // A backup may be taken again until the migration starts (docs/releases.md#backup).
            // So may an optional step (docs/releases.md#optional-steps).
            let may_repeat = *step == StepId::BackUp || StepId::OPTIONAL.contains(step);
            let is_repeated = may_repeat && matches!(from, Succeeded | Warned);
            (is_first_or_again || is_repeated, Running)
        }
        StepEvent::Succeeded { how, .. } => (may_succeed(from, how), Succeeded),
        StepEvent::Warned { .. } => (matches!(from, Running | InDoubt), Warned),
        StepEvent::Failed { .. } => (matches!(from, Running | InDoubt), Failed),
        StepEvent::InDoubt { .. } => (from == Running, InDoubt),
        StepEvent::Resumed { .. } => (from == InDoubt, Running),
        StepEvent::Reset { .. } => (from == InDoubt, NotStarted),
        StepEvent::Undone { step, .. } => {
            let has_ended = matches!(from, Failed | Succeeded | Warned);
            (*step == StepId::RunMigration && has_ended, NotStarted)
        }
        StepEvent::Skipped { .. } => (matches!(from, NotStarted | AwaitingOperator | Failed | Stopped), Skipped),
        StepEvent::Stopped { .. } => (matches!(from, Running | InDoubt | AwaitingOperator | Failed), Stopped),
    };
    if is_legal { Ok(to) } else { Err(IllegalTransition { from, event: name(event) }) }
}

/// The steps that a run makes again when it starts over on the newest main: those in the app's own
/// clone, and the push that has not published them.
pub const STARTED_OVER: [StepId; 4] = [StepId::MergeBranch, StepId::SetVersion, StepId::CreateTag, StepId::PushBranch];

/// State of a step of [`STARTED_OVER`] after the run started over.
///
/// # Errors
/// [`IllegalTransition`] when an attempt has no outcome yet, or when the push is done.
pub fn start_over(step: StepId, from: Status) -> Result<Status, IllegalTransition> {
    let is_published = step == StepId::PushBranch && from.is_done();
    if from.is_open() || is_published {
        return Err(IllegalTransition { from, event: "StartedOver" });
    }
    Ok(Status::NotStarted)
}

/// An attempt succeeds from `Running` and `InDoubt`. A person can also report work that the app did
/// not do.
fn may_succeed(from: Status, how: &Completion) -> bool {
    let is_reported = match how {
        Completion::ByHand { .. } => false,
        Completion::SaidBy { .. } => from == Status::Warned,
        Completion::Did | Completion::AlreadyDone | Completion::FoundDone => {
            return matches!(from, Status::Running | Status::InDoubt);
        }
    };
    is_reported
        || matches!(
            from,
            Status::Running
                | Status::InDoubt
                | Status::NotStarted
                | Status::AwaitingOperator
                | Status::Failed
                | Status::Stopped
        )
}

fn name(event: &StepEvent) -> &'static str {
    match event {
        StepEvent::Offered { .. } => "StepOffered",
        StepEvent::Started { .. } => "StepStarted",
        StepEvent::Succeeded { .. } => "StepSucceeded",
        StepEvent::Warned { .. } => "StepWarned",
        StepEvent::Skipped { .. } => "StepSkipped",
        StepEvent::Failed { .. } => "StepFailed",
        StepEvent::InDoubt { .. } => "StepInDoubt",
        StepEvent::Resumed { .. } => "StepResumed",
        StepEvent::Reset { .. } => "StepReset",
        StepEvent::Undone { .. } => "StepUndone",
        StepEvent::Stopped { .. } => "StepStopped",
    }
}

#[cfg(test)]
mod tests {
    use greenlight_types::{ErrorCode, Failure, PlanInputs, StepPlan, UndoKind, WayBack};

    use super::*;

    const STATES: [(char, Status); 9] = [
        ('N', Status::NotStarted),
        ('A', Status::AwaitingOperator),
        ('R', Status::Running),
        ('D', Status::InDoubt),
        ('S', Status::Succeeded),
        ('W', Status::Warned),
        ('K', Status::Skipped),
        ('F', Status::Failed),
        ('X', Status::Stopped),
    ];

    fn started(step: StepId) -> StepEvent {
        let plan = StepPlan::new(step, WayBack::NothingToUndo, PlanInputs::CheckSite);
        StepEvent::Started { step, attempt: 1, plan: Box::new(plan) }
    }

    fn undone(step: StepId) -> StepEvent {
        let (job, how) = (String::new(), UndoKind::Restored);
        StepEvent::Undone { step, attempt: 1, job, how, note: String::new(), evidence: String::new() }
    }

    fn succeeded(how: Completion) -> StepEvent {
        StepEvent::Succeeded { step: StepId::PushTag, attempt: 1, how, evidence: Vec::new() }
    }

    /// Every event, the states that it may follow, and the state that it leads to.
    fn table() -> Vec<(StepEvent, &'static str, Status)> {
        let (step, attempt) = (StepId::PushTag, 1);
        let text = String::new;
        let failure = Failure::new(ErrorCode::Internal, "");
        vec![
            (StepEvent::Offered { step }, "N", Status::AwaitingOperator),
            (started(step), "NAFX", Status::Running),
            (started(StepId::RunMigration), "NAFX", Status::Running),
            (started(StepId::BackUp), "NAFXSW", Status::Running),
            (started(StepId::DeployAgain), "NAFXSW", Status::Running),
            (succeeded(Completion::Did), "RD", Status::Succeeded),
            (succeeded(Completion::AlreadyDone), "RD", Status::Succeeded),
            (succeeded(Completion::FoundDone), "RD", Status::Succeeded),
            (succeeded(Completion::ByHand { note: text() }), "RDNAFX", Status::Succeeded),
            (succeeded(Completion::SaidBy { note: text() }), "RDNAFXW", Status::Succeeded),
            (StepEvent::Warned { step, attempt, evidence: Vec::new(), warning: text() }, "RD", Status::Warned),
            (StepEvent::Skipped { step, note: text() }, "NAFX", Status::Skipped),
            (StepEvent::Failed { step, attempt, failure }, "RD", Status::Failed),
            (StepEvent::InDoubt { step, attempt, why: text() }, "R", Status::InDoubt),
            (StepEvent::Resumed { step, attempt, evidence: text() }, "D", Status::Running),
            (StepEvent::Reset { step, attempt, evidence: text(), reported_by: None }, "D", Status::NotStarted),
            (undone(StepId::RunMigration), "FSW", Status::NotStarted),
            (undone(step), "", Status::NotStarted),
            (StepEvent::Stopped { step, attempt, note: text() }, "RDAF", Status::Stopped),
        ]
    }

    #[test]
    fn allows_exactly_the_transitions_of_the_table() {
        for (event, legal, to) in table() {
            for (letter, from) in STATES {
                let expected = legal.contains(letter).then_some(to);
                assert_eq!(next(from, &event).ok(), expected, "{event:?} after {from:?}");
            }
        }
    }

    #[test]
    fn starts_over_only_without_open_attempt_and_published_push() {
        for step in STARTED_OVER {
            let legal = if step == StepId::PushBranch { "NAFX" } else { "NAFXSWK" };
            for (letter, from) in STATES {
                let expected = legal.contains(letter).then_some(Status::NotStarted);
                assert_eq!(start_over(step, from).ok(), expected, "{step:?} {from:?}");
            }
        }
    }

    #[test]
    fn names_state_and_event_of_an_illegal_transition() {
        let illegal = next(Status::Succeeded, &StepEvent::Offered { step: StepId::PushTag }).expect_err("illegal");
        assert_eq!(illegal.to_string(), "a step that is Succeeded cannot take StepOffered");
    }
}
