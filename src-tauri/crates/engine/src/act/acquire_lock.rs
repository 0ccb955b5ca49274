//! Acquires the environment lock for a run: first the ref on the git remote, then the owner on the
//! staging machine. The intent is in the journal before either is asked to change (INV-J1). If the
//! machine does not follow, the run keeps the ref, and a retry goes on from there.

use greenlight_types::{
    ErrorCode, Failure, LockRefusal, Phase, Retry, RunEvent, RunState, RunView, StagingMachine, TakeOver,
};

use super::{Answer, Asker, Decision, Order, Situation, refuse};
use crate::{
    env_lock::{
        self, LockPlan, LockRequest,
        git_ref::{self, RefMove},
    },
    phase::is_active,
    ports::{EnvLock, HostAddress, LockClaim, Ownership},
};

/// Acquires the lock again for a run in Deploy, after another run took it. If the remote refused
/// the lock, this press accepts that only the machine's lock counts.
///
/// # Errors
/// `NotAllowedNow` outside Deploy; `EnvironmentHeld`; `PushRefused` when the remote refuses the
/// lock; the failure of remote or machine.
pub(crate) async fn again(asker: &Asker<'_>, over: Option<TakeOver>) -> Result<Answer, Failure> {
    let view = asker.view();
    let staging = view
        .staging
        .clone()
        .filter(|_| is_active(view.state, Phase::Deploy))
        .ok_or_else(|| refuse("take the environment before Deploy has started, or after its end"))?;
    acquire(asker, staging, over, view.lock_refusal.is_some()).await.map(|()| Answer::Done)
}

/// Acquires the lock on the remote and on a machine.
///
/// # Errors
/// `EnvironmentHeld`; `PushRefused`, or `PlanChanged` before Deploy, when the remote refuses the
/// lock and no person accepted that; the failure of remote or machine.
pub(crate) async fn acquire(
    asker: &Asker<'_>,
    staging: StagingMachine,
    over: Option<TakeOver>,
    is_refusal_accepted: bool,
) -> Result<(), Failure> {
    let LockPlan { request, found, machine_from } =
        env_lock::request(asker.context, asker.journal, staging, over).await?;
    let (host, view) = (HostAddress::of(&request.staging), asker.view());
    let claim = LockClaim {
        person: asker.by.person.clone(),
        computer: asker.by.computer.clone(),
        version: view.version.to_string(),
        reason: request.reason.clone(),
    };
    asker.order(Order::AcquireLock(Box::new(request))).await?;
    let moved = git_ref::acquire(asker.context, asker.by, &found, &claim).await;
    let mut is_ours = true;
    match moved.map_err(|failure| failure.retry(Retry::Safe))? {
        RefMove::Done => {}
        RefMove::Lost(Some(owner)) => return Err(env_lock::not_owned(&view, Some(&owner))),
        RefMove::Lost(None) => {
            return Err(Failure::new(
                ErrorCode::PlanChanged,
                "take the environment: its lock changed at the same moment",
            )
            .hint("Try again."));
        }
        RefMove::Refused { reason } => {
            let from = found.owner().map(|owner| owner.run.clone());
            let refusal = LockRefusal { reason, from, is_accepted: is_refusal_accepted };
            asker.order(Order::RefuseLock(refusal.clone())).await?;
            if !is_refusal_accepted {
                return Err(refused(&view, &refusal));
            }
            is_ours = false;
        }
    }
    if view.is_rollback() {
        return Ok(());
    }
    let held = asker.context.ports.host.acquire_lock(&host, &EnvLock::of(&view), &claim, machine_from.as_ref()).await;
    let kept = |failure: Failure| match is_ours {
        true => failure.hint("This release holds the environment on GitHub already. Start again to go on, or end it."),
        false => failure,
    };
    match held.map_err(|failure| kept(failure.retry(Retry::Safe)))? {
        Ownership::Ours => Ok(()),
        Ownership::NotOurs(owner) => Err(env_lock::not_owned(&view, owner.as_ref())),
    }
}

/// The refusal of the remote, before a person accepted it.
fn refused(view: &RunView, refusal: &LockRefusal) -> Failure {
    if view.state == RunState::Prepared {
        let start = view.start_of_deploy();
        return Failure::new(ErrorCode::PlanChanged, format!("{start}: GitHub refuses the environment lock"))
            .because(&refusal.reason)
            .hint("Read the new difference, and accept it or stop here.");
    }
    let rest = if view.is_rollback() { "no lock counts" } else { "only the lock on the staging machine counts" };
    Failure::new(ErrorCode::PushRefused, "take the environment: GitHub refuses the lock")
        .with("name", git_ref::name(view))
        .with("reason", refusal.reason.clone())
        .because(&refusal.reason)
        .hint(format!("Ask a developer to allow it. Or take the environment again: then {rest}."))
        .retry(Retry::Safe)
}

pub(crate) fn decide(now: &Situation<'_>, taking: LockRequest) -> Result<Decision, Failure> {
    if !matches!(now.view.state, RunState::Prepared | RunState::Deploying | RunState::Checking) {
        return Err(refuse("take the environment now"));
    }
    let LockRequest { staging, from, on_machine, reason } = taking;
    let (from, on_machine) = (from.map(Box::new), on_machine.map(Box::new));
    Ok(Decision::run_event(RunEvent::LockAcquiring { staging, from, on_machine, reason }))
}

pub(crate) fn decide_refusal(now: &Situation<'_>, refusal: LockRefusal) -> Result<Decision, Failure> {
    if matches!(now.view.state, RunState::Draft | RunState::Ended) {
        return Err(refuse("record that the lock was refused now"));
    }
    let LockRefusal { reason, from, is_accepted } = refusal;
    Ok(Decision::run_event(RunEvent::LockRefused { reason, from, is_accepted }))
}

#[cfg(test)]
mod tests {
    use greenlight_types::ErrorCode;

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, draft, ended, prepared};

    fn taking() -> LockRequest {
        let staging = deploying().staging.expect("a staging machine");
        LockRequest { staging, from: None, on_machine: None, reason: String::new() }
    }

    #[test]
    fn records_the_machine_from_prepared_to_checking() {
        for view in [prepared(), deploying()] {
            let decision = decide(&Desk::new(view).now(), taking()).expect("allowed");
            assert!(matches!(decision.only_run_event(), RunEvent::LockAcquiring { from: None, .. }));
        }
    }

    #[test]
    fn refuses_a_run_that_is_not_prepared_or_has_ended() {
        for view in [draft(), ended()] {
            assert_eq!(code(decide(&Desk::new(view).now(), taking())), ErrorCode::NotAllowedNow);
        }
    }

    #[test]
    fn a_refusal_is_recorded_from_prepare_to_the_end() {
        let refusal = LockRefusal { reason: "GH013".into(), from: None, is_accepted: false };
        for view in [prepared(), deploying()] {
            let decision = decide_refusal(&Desk::new(view).now(), refusal.clone()).expect("allowed");
            assert!(matches!(decision.only_run_event(), RunEvent::LockRefused { is_accepted: false, .. }));
        }
        for view in [draft(), ended()] {
            assert_eq!(code(decide_refusal(&Desk::new(view).now(), refusal.clone())), ErrorCode::NotAllowedNow);
        }
    }
}
