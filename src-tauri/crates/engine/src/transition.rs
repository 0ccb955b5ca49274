//! The whole state machine of a step: every legal transition stands in [`next`], and nowhere else.

use greenlight_types::{EventBody, How, Status, StepId};

/// An event that does not fit the state of its step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a step that is {from:?} cannot take {event}")]
pub struct IllegalTransition {
    /// State before.
    pub from: Status,
    /// Name of the event.
    pub event: &'static str,
}

/// State of a step after an event of that step. Events of the run or of facts leave it as it is.
///
/// # Errors
/// [`IllegalTransition`] when the event cannot follow that state.
pub fn next(from: Status, event: &EventBody) -> Result<Status, IllegalTransition> {
    use Status::{AwaitingOperator, Failed, InDoubt, NotStarted, Running, Skipped, Stopped, Succeeded, Warned};
    let refuse = |event| Err(IllegalTransition { from, event });
    match event {
        EventBody::StepOffered { .. } => match from {
            NotStarted => Ok(AwaitingOperator),
            AwaitingOperator | Running | Succeeded | Warned | Skipped | Failed | Stopped | InDoubt => {
                refuse("StepOffered")
            }
        },
        EventBody::StepStarted { step, .. } => match from {
            NotStarted | AwaitingOperator | Failed | Stopped => Ok(Running),
            // It may be taken again while the build runs (RELEASE.md 6).
            Succeeded | Warned if *step == StepId::BackUp => Ok(Running),
            Running | Succeeded | Warned | Skipped | InDoubt => refuse("StepStarted"),
        },
        EventBody::StepSucceeded { how, .. } => match (from, how) {
            (Running | InDoubt, _) => Ok(Succeeded),
            (NotStarted | AwaitingOperator | Failed | Stopped, How::ByHand { .. } | How::SaidBy { .. })
            | (Warned, How::SaidBy { .. }) => Ok(Succeeded),
            (NotStarted | AwaitingOperator | Failed | Stopped | Warned | Succeeded | Skipped, _) => {
                refuse("StepSucceeded")
            }
        },
        EventBody::StepWarned { .. } => match from {
            Running | InDoubt => Ok(Warned),
            NotStarted | AwaitingOperator | Succeeded | Warned | Skipped | Failed | Stopped => refuse("StepWarned"),
        },
        EventBody::StepFailed { .. } => match from {
            Running | InDoubt => Ok(Failed),
            NotStarted | AwaitingOperator | Succeeded | Warned | Skipped | Failed | Stopped => refuse("StepFailed"),
        },
        EventBody::StepInDoubt { .. } => match from {
            Running => Ok(InDoubt),
            NotStarted | AwaitingOperator | Succeeded | Warned | Skipped | Failed | Stopped | InDoubt => {
                refuse("StepInDoubt")
            }
        },
        EventBody::StepResumed { .. } => match from {
            InDoubt => Ok(Running),
            NotStarted | AwaitingOperator | Running | Succeeded | Warned | Skipped | Failed | Stopped => {
                refuse("StepResumed")
            }
        },
        EventBody::StepReset { .. } => match from {
            InDoubt => Ok(NotStarted),
            NotStarted | AwaitingOperator | Running | Succeeded | Warned | Skipped | Failed | Stopped => {
                refuse("StepReset")
            }
        },
        EventBody::StepSkipped { .. } => match from {
            NotStarted | AwaitingOperator | Failed | Stopped => Ok(Skipped),
            Running | Succeeded | Warned | Skipped | InDoubt => refuse("StepSkipped"),
        },
        EventBody::StepStopped { .. } => match from {
            Running | InDoubt | AwaitingOperator | Failed => Ok(Stopped),
            NotStarted | Succeeded | Warned | Skipped | Stopped => refuse("StepStopped"),
        },
        EventBody::RunDrafted { .. }
        | EventBody::PrepareStarted { .. }
        | EventBody::RunPrepared
        | EventBody::DeployStarted { .. }
        | EventBody::CheckingStarted
        | EventBody::RunEnded { .. }
        | EventBody::TookOver { .. }
        | EventBody::FactLearned { .. }
        | EventBody::GateClosing { .. }
        | EventBody::EnvironmentTaking { .. }
        | EventBody::QuestionAnswered { .. }
        | EventBody::CheckAnswered { .. } => Ok(from),
    }
}
