//! Records that the staging machine has another address now. The machine proves that it is the same
//! one: fingerprint and machine id do not change.

use greenlight_types::{ErrorCode, Failure, Phase, RunEvent, StagingMachine};

use super::{Asker, Decision, Order, Situation, refuse};
use crate::{
    phase::is_active,
    ports::{EnvLock, HostAddress},
};

pub(crate) async fn ask(asker: &Asker<'_>, address: String, port: u16) -> Result<Order, Failure> {
    let view = asker.view();
    let address = address.trim().to_owned();
    if address.is_empty() || port == 0 {
        return Err(Failure::new(ErrorCode::BadInput, "change the address: the address or the port is missing"));
    }
    let known = view.staging.clone().ok_or_else(too_early)?;
    if known.machine_id.is_empty() {
        return Err(refuse("change the address: this release never asked the staging machine for its id"));
    }
    let staging = StagingMachine { address, port, ..known };
    // Another machine refuses the question, because it carries the id of ours.
    let (host, lock) = (HostAddress::of(&staging), EnvLock::of(&view));
    let answer = asker.context.ports.host.environment(&host, &lock.environment).await?;
    if answer.machine_id != staging.machine_id {
        return Err(another());
    }
    Ok(Order::ChangeAddress(Box::new(staging)))
}

/// `staging` is the machine that answered at the new address.
pub(crate) fn decide(now: &Situation<'_>, staging: StagingMachine) -> Result<Decision, Failure> {
    let known = now.view.staging.as_ref().filter(|_| is_active(now.view.state, Phase::Deploy)).ok_or_else(too_early)?;
    if (&known.machine_id, &known.fingerprint) != (&staging.machine_id, &staging.fingerprint) {
        return Err(another());
    }
    Ok(Decision::run_event(RunEvent::AddressChanged { staging }))
}

fn too_early() -> Failure {
    refuse("change the address of the staging machine before Deploy has started, or after the end")
}

fn another() -> Failure {
    Failure::new(ErrorCode::HostReplaced, "find the staging machine of this release at that address")
        .hint("Another machine answers there. Ask a developer for the address of the first one.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::test_support::{Desk, code, deploying, ended, prepared};

    fn moved() -> StagingMachine {
        StagingMachine { address: "192.0.2.77".into(), ..deploying().staging.expect("a machine") }
    }

    #[test]
    fn records_the_same_machine_at_its_new_address() {
        let decision = decide(&Desk::new(deploying()).now(), moved()).expect("allowed");
        let RunEvent::AddressChanged { staging } = decision.only_run_event() else { panic!("moved") };
        assert_eq!(staging.address, "192.0.2.77");
    }

    #[test]
    fn refuses_another_machine() {
        let desk = Desk::new(deploying());
        for other in [
            StagingMachine { machine_id: "another".into(), ..moved() },
            StagingMachine { fingerprint: "SHA256:another".into(), ..moved() },
        ] {
            assert_eq!(code(decide(&desk.now(), other)), ErrorCode::HostReplaced);
        }
    }

    #[test]
    fn refuses_a_run_outside_deploy() {
        for view in [prepared(), ended()] {
            assert_eq!(code(decide(&Desk::new(view).now(), moved())), ErrorCode::NotAllowedNow);
        }
    }
}
