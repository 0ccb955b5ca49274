//! The checker's own fold of a journal into step states (docs/releases.md#step-states). It follows
//! the document and does not copy the engine's transition table.

use crate::records::{Body, Completion, OPTIONAL_STEPS, STEPS, Status, Step};

#[derive(Clone, Copy, Debug, Default)]
pub struct Folded {
    pub status: Status,
    pub attempt: u32,
}

pub type Steps = [Folded; STEPS];

/// The step that an event changes, and the attempt that the event names.
pub fn moved(body: &Body) -> Option<(Step, Option<u32>)> {
    match body {
        Body::StepOffered { step } | Body::StepSkipped { step } => Some((*step, None)),
        Body::StepStarted { step, attempt, .. }
        | Body::StepSucceeded { step, attempt, .. }
        | Body::StepWarned { step, attempt }
        | Body::StepFailed { step, attempt, .. }
        | Body::StepInDoubt { step, attempt }
        | Body::StepResumed { step, attempt }
        | Body::StepReset { step, attempt, .. }
        | Body::StepUndone { step, attempt, .. }
        | Body::StepStopped { step, attempt } => Some((*step, Some(*attempt))),
        Body::RunDrafted { .. }
        | Body::RollbackDrafted { .. }
        | Body::PrepareStarted
        | Body::RunPrepared
        | Body::DeployStarted { .. }
        | Body::CheckingStarted
        | Body::RunEnded { .. }
        | Body::TookOver
        | Body::FactLearned { .. }
        | Body::JobRevoking { .. }
        | Body::LockAcquiring { .. }
        | Body::LockRefused { .. }
        | Body::AddressChanged
        | Body::MachineGivenUp
        | Body::ScriptStopping { .. }
        | Body::ValueCorrected { .. }
        | Body::StartedOver { .. }
        | Body::QuestionAnswered { .. }
        | Body::CheckAnswered { .. } => None,
    }
}

/// The steps that a run makes again when it starts over (docs/releases.md#starting-over).
pub const STARTED_OVER: [Step; 4] = [Step::MergeBranch, Step::SetVersion, Step::CreateTag, Step::PushBranch];

/// Whether a step may be made again: none of its attempts is open, and a push is not done.
pub fn may_start_over(step: Step, from: Status) -> bool {
    let is_open = matches!(from, Status::Running | Status::InDoubt);
    let is_done = matches!(from, Status::Succeeded | Status::Warned | Status::Skipped);
    let is_published = step == Step::PushBranch && is_done;
    !is_open && !is_published
}

/// Returns the state after an event of a step, or `None` when the event is illegal in that state.
pub fn next(from: Status, body: &Body) -> Option<Status> {
    use Status::{AwaitingOperator, Failed, InDoubt, NotStarted, Running, Skipped, Stopped, Succeeded, Warned};
    let is_open = matches!(from, Running | InDoubt);
    let is_waiting = matches!(from, NotStarted | AwaitingOperator | Failed | Stopped);
    let (is_legal, to) = match body {
        Body::StepOffered { .. } => (from == NotStarted, AwaitingOperator),
        // A backup may be taken again (docs/releases.md#backup), and an optional step chosen again
        // (docs/releases.md#optional-steps).
        Body::StepStarted { step, .. } if *step == Step::BackUp || OPTIONAL_STEPS.contains(step) => {
            (is_waiting || matches!(from, Succeeded | Warned), Running)
        }
        Body::StepStarted { .. } => (is_waiting, Running),
        Body::StepSucceeded { how, .. } => {
            let by_person = match how {
                Completion::ByHand => is_waiting,
                Completion::SaidBy => is_waiting || from == Warned,
                Completion::Did | Completion::AlreadyDone | Completion::FoundDone => false,
            };
            (is_open || by_person, Succeeded)
        }
        Body::StepWarned { .. } => (is_open, Warned),
        Body::StepFailed { .. } => (is_open, Failed),
        Body::StepInDoubt { .. } => (from == Running, InDoubt),
        Body::StepResumed { .. } => (from == InDoubt, Running),
        Body::StepReset { .. } => (from == InDoubt, NotStarted),
        // Only a migration is undone (docs/releases.md#a-migration-that-was-undone).
        Body::StepUndone { step, .. } => {
            (*step == Step::RunMigration && matches!(from, Failed | Succeeded | Warned), NotStarted)
        }
        Body::StepSkipped { .. } => (is_waiting, Skipped),
        Body::StepStopped { .. } => (is_open || matches!(from, AwaitingOperator | Failed), Stopped),
        Body::RunDrafted { .. }
        | Body::RollbackDrafted { .. }
        | Body::PrepareStarted
        | Body::RunPrepared
        | Body::DeployStarted { .. }
        | Body::CheckingStarted
        | Body::RunEnded { .. }
        | Body::TookOver
        | Body::FactLearned { .. }
        | Body::JobRevoking { .. }
        | Body::LockAcquiring { .. }
        | Body::LockRefused { .. }
        | Body::AddressChanged
        | Body::MachineGivenUp
        | Body::ScriptStopping { .. }
        | Body::ValueCorrected { .. }
        | Body::StartedOver { .. }
        | Body::QuestionAnswered { .. }
        | Body::CheckAnswered { .. } => (true, from),
    };
    is_legal.then_some(to)
}
