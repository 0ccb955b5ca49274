//! Ends a run with a result, and lists the effects that stay behind. A run may be stopped while it
//! is unknown whether a step had its effect. Then the list says so. A run ends as released only
//! while AWS shows the release on every server, and the database does not say the version of before
//! (INV-E4).

use greenlight_types::{ErrorCode, Failure, Observation, RunEvent, RunResult, Status, StepId};

use super::{Asker, Decision, Order, Situation, refuse};
use crate::{
    deploy_check, doubt,
    phase::{changing, may_end},
    steps,
};

/// Asks AWS and the database once more before a release ends. Asks about the steps in doubt once
/// more, and revokes their jobs. An answer settles the doubt.
pub(crate) async fn ask(asker: &Asker<'_>, result: RunResult, note: String) -> Result<Order, Failure> {
    let is_offered = is_release(result) && may_end(&asker.view(), result);
    if is_offered && let Some(Err(failure)) = steps::migration::before_end::check(asker.context).await {
        return Err(failure);
    }
    if is_offered && let Some(open) = steps::production::check_servers_before_end(asker.context).await? {
        return Err(refuse("end the run as released: AWS does not show this version on every server")
            .because(open)
            .hint("The end is offered again once every server runs it."));
    }
    let is_rollback = result == RunResult::RolledBack && may_end(&asker.view(), result);
    if is_rollback && let Some(open) = steps::roll_back::check_before_end(asker.context).await? {
        return Err(refuse("end the run as rolled back: the version before does not serve on every server")
            .because(open)
            .hint("Roll back again, or stop here."));
    }
    let mut unsettled_jobs = Vec::new();
    let may_stay_open = matches!(result, RunResult::Stopped | RunResult::Abandoned) && !note.trim().is_empty();
    let view = asker.view();
    for step in changing(&view, Status::InDoubt).filter(|_| may_stay_open) {
        let (step, attempt, plan) = (step.definition.id, step.attempt, step.plan.as_ref());
        let observed = doubt::ask_before_end(asker.context, step, plan).await;
        if let (Observation::Unknown { why }, Some(_)) = (&observed, steps::get(step).startable_job_id(plan)) {
            unsettled_jobs.push((step, why.clone()));
        }
        asker.order(Order::ApplyObservation { step, attempt, observed }).await?;
    }
    Ok(Order::EndRun { result, note, unsettled_jobs })
}

fn is_release(result: RunResult) -> bool {
    matches!(result, RunResult::Released | RunResult::ReleasedWithFailedCheck)
}

/// `unsettled_jobs` are the steps in doubt whose jobs could not be revoked, with the reason.
pub(crate) fn decide(
    now: &Situation<'_>,
    result: RunResult,
    note: String,
    unsettled_jobs: &[(StepId, String)],
) -> Result<Decision, Failure> {
    let view = now.view;
    if let Some(step) = changing(view, Status::Running).next() {
        return Err(refuse(&format!("end the run: \u{201c}{}\u{201d} is under way", step.definition.title))
            .hint("Wait for its end."));
    }
    if !may_end(view, result) {
        return Err(refuse("end the run this way now"));
    }
    if note.trim().is_empty() && result != RunResult::Released {
        return Err(Failure::new(ErrorCode::BadInput, "end the run without a note: say why"));
    }
    let left_behind = if is_release(result) { Vec::new() } else { deploy_check::left_behind(view, unsettled_jobs) };
    Ok(Decision::run_event(RunEvent::Ended { result, note, left_behind }))
}

#[cfg(test)]
mod tests {
    use greenlight_types::{CheckAnswer, RunState, RunView, StepId, StepState};

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
            RESULTS.into_iter().filter(|result| decide(&desk.now(), *result, "why".into(), &[]).is_ok()).collect();
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
    fn no_run_ends_while_a_changing_step_is_running() {
        assert_eq!(allowed(&set(deploying(), StepId::BackUp, StepState::Running)), []);
    }

    #[test]
    fn a_run_in_doubt_may_be_stopped_and_never_released() {
        let doubt = || StepState::InDoubt { doubt: "no answer".into() };
        assert_eq!(allowed(&set(deploying(), StepId::RunMigration, doubt())), [RunResult::Stopped]);
        let mut preparing = set(prepared(), StepId::PushBranch, doubt());
        preparing.state = RunState::Preparing;
        assert_eq!(allowed(&preparing), [RunResult::Stopped, RunResult::Abandoned]);
        let done = set(checked(CheckAnswer::Passed), StepId::RunMigration, doubt());
        assert_eq!(allowed(&done), [RunResult::Stopped]);
    }

    #[test]
    fn a_stop_in_doubt_names_the_database_first() {
        let view = set(deploying(), StepId::RunMigration, StepState::InDoubt { doubt: String::new() });
        let unsettled_jobs = [(StepId::RunMigration, "no route to host".to_owned())];
        let decision =
            decide(&Desk::new(view).now(), RunResult::Stopped, "why".into(), &unsettled_jobs).expect("allowed");
        let RunEvent::Ended { left_behind, .. } = decision.only_run_event() else { panic!("ended") };
        let [first, second, ..] = &left_behind[..] else { panic!("{left_behind:?}") };
        assert!(first.starts_with("It is not known whether the migration of 2.1.0 changed"), "{first}");
        assert!(second.contains("no route to host"), "{second}");
    }

    #[test]
    fn a_stop_names_its_reason_and_lists_the_rest() {
        let desk = Desk::new(deploying());
        assert_eq!(code(decide(&desk.now(), RunResult::Stopped, " ".into(), &[])), ErrorCode::BadInput);
        let decision = decide(&desk.now(), RunResult::Stopped, "why".into(), &[]).expect("allowed");
        let RunEvent::Ended { left_behind, .. } = decision.only_run_event() else { panic!("ended") };
        assert!(!left_behind.is_empty());
    }
}
