//! Acquires the environment lock on the staging machine for a run. The intent is in the journal
//! before the machine is asked to change the lock (INV-J1).

use greenlight_types::{Failure, Phase, Retry, RunEvent, RunState, StagingMachine, TakeOver};

use super::order::{Answer, Asker, Decision, Order, Situation, refuse};
use crate::{
    env_lock::{self, LockRequest},
    phase::is_active,
    ports::{EnvLock, HostAddress, LockClaim, Ownership},
};

/// Acquires the lock again for a run in Deploy, after another run took it.
///
/// # Errors
/// `NotAllowedNow` outside Deploy; `EnvironmentHeld`; the failure of the machine.
pub(crate) async fn again(asker: &Asker<'_>, over: Option<TakeOver>) -> Result<Answer, Failure> {
    let view = asker.view();
    let staging = view
        .staging
        .clone()
        .filter(|_| is_active(view.state, Phase::Deploy))
        .ok_or_else(|| refuse("take the environment before Deploy has started, or after its end"))?;
    acquire(asker, staging, over).await.map(|()| Answer::Done)
}

/// Acquires the lock on a machine.
///
/// # Errors
/// `EnvironmentHeld`; the failure of the machine.
pub(crate) async fn acquire(asker: &Asker<'_>, staging: StagingMachine, over: Option<TakeOver>) -> Result<(), Failure> {
    let taking = env_lock::request(asker.context, asker.journal, staging, over).await?;
    let host = HostAddress::of(&taking.staging);
    let view = asker.view();
    let claim = LockClaim {
        person: asker.by.person.clone(),
        computer: asker.by.computer.clone(),
        version: view.version.to_string(),
        reason: taking.reason.clone(),
    };
    let from = taking.from.as_ref().map(|owner| owner.run.clone());
    asker.order(Order::AcquireLock(Box::new(taking))).await?;
    let held = asker.context.ports.host.acquire_lock(&host, &EnvLock::of(&view), &claim, from.as_ref()).await;
    match held.map_err(|failure| failure.retry(Retry::Safe))? {
        Ownership::Ours => Ok(()),
        Ownership::NotOurs(owner) => Err(env_lock::not_owned(owner.as_ref())),
    }
}

pub(crate) fn decide(now: &Situation<'_>, taking: LockRequest) -> Result<Decision, Failure> {
    if !matches!(now.view.state, RunState::Prepared | RunState::Deploying | RunState::Checking) {
        return Err(refuse("take the environment now"));
    }
    let LockRequest { staging, from, reason } = taking;
    Ok(Decision::run_event(RunEvent::LockAcquiring { staging, from: from.map(Box::new), reason }))
}

#[cfg(test)]
mod tests {
    use greenlight_types::ErrorCode;

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, draft, ended, prepared};

    fn taking() -> LockRequest {
        let staging = deploying().staging.expect("a staging machine");
        LockRequest { staging, from: None, reason: String::new() }
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
}
