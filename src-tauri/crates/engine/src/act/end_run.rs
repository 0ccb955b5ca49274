//! Ends a run with a result, and lists the effects that stay behind.

use greenlight_types::{ErrorCode, Failure, RunEvent, RunResult};

use super::order::{Decision, Situation, refuse};
use crate::{deploy_check, phase::may_end};

pub(crate) fn decide(now: &Situation<'_>, result: RunResult, note: String) -> Result<Decision, Failure> {
    let view = now.view;
    if !may_end(view, result) {
        return Err(refuse("end the run this way now"));
    }
    if note.trim().is_empty() && result != RunResult::Released {
        return Err(Failure::new(ErrorCode::BadInput, "end the run without a note: say why"));
    }
    let is_release = matches!(result, RunResult::Released | RunResult::ReleasedWithFailedCheck);
    let left_behind = if is_release { Vec::new() } else { deploy_check::left_behind(view) };
    Ok(Decision::run_event(RunEvent::Ended { result, note, left_behind }))
}

#[cfg(test)]
mod tests {
    use greenlight_types::{CheckAnswer, RunView, StepId, StepState};

    use super::*;
    use crate::act::test_support::{Desk, checked, checking, code, deploying, draft, ended, prepared, set};
    use crate::phase::ends;

    const RESULTS: [RunResult; 5] = [
        RunResult::Released,
        RunResult::ReleasedWithFailedCheck,
        RunResult::RolledBack,
        RunResult::Stopped,
        RunResult::Abandoned,
    ];

    /// The results that are accepted. The screen offers the same ones.
    fn allowed(view: &RunView) -> Vec<RunResult> {
        let desk = Desk::new(view.clone());
        let accepted: Vec<RunResult> =
            RESULTS.into_iter().filter(|result| decide(&desk.now(), *result, "why".into()).is_ok()).collect();
        assert_eq!(ends(view), accepted);
        accepted
    }

    #[test]
    fn each_state_allows_its_results_only() {
        assert_eq!(allowed(&draft()), [RunResult::Abandoned]);
        assert_eq!(allowed(&prepared()), [RunResult::Stopped, RunResult::Abandoned]);
        assert_eq!(allowed(&deploying()), [RunResult::Stopped]);
        assert_eq!(allowed(&ended()), []);
    }

    #[test]
    fn a_release_needs_every_step_and_every_check() {
        let done = checked(CheckAnswer::Passed);
        assert_eq!(allowed(&done), [RunResult::Released, RunResult::ReleasedWithFailedCheck, RunResult::Stopped]);
        for answer in [CheckAnswer::Failed, CheckAnswer::CouldNotCheck] {
            assert_eq!(allowed(&checked(answer)), [RunResult::ReleasedWithFailedCheck, RunResult::Stopped]);
        }
        let open = set(done, StepId::AwaitRollout, StepState::Running);
        assert_eq!(allowed(&open), [RunResult::Stopped], "a watching step does not keep a person from stopping");
        assert!(!allowed(&checking()).contains(&RunResult::Released));
    }

    #[test]
    fn no_run_ends_while_a_changing_step_is_open() {
        for state in [StepState::Running, StepState::InDoubt { doubt: String::new() }] {
            assert_eq!(allowed(&set(deploying(), StepId::BackUp, state)), []);
        }
    }

    #[test]
    fn a_stop_names_its_reason_and_lists_the_rest() {
        let desk = Desk::new(deploying());
        assert_eq!(code(decide(&desk.now(), RunResult::Stopped, " ".into())), ErrorCode::BadInput);
        let decision = decide(&desk.now(), RunResult::Stopped, "why".into()).expect("allowed");
        let RunEvent::Ended { left_behind, .. } = decision.only_run_event() else { panic!("ended") };
        assert!(!left_behind.is_empty());
    }
}
