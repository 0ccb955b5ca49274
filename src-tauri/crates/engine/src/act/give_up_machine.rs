//! Records a person's statement that the staging machine is gone. A job that was followed on it is
//! in doubt: no one can ask the machine how it ended.

use greenlight_types::{ErrorCode, Failure, Phase, RunEvent, Status, StepEvent, StepView};

use super::{Asker, Decision, Order, Situation, Then, refuse};
use crate::{phase::is_active, ports::EnvLock};

pub(crate) async fn ask(asker: &Asker<'_>, note: String) -> Result<Order, Failure> {
    let order = Order::GiveUpMachine { note };
    let view = asker.view();
    // A refusal needs no answer of the machine.
    if view.staging.is_none() || !is_active(view.state, Phase::Deploy) {
        return Ok(order);
    }
    let host = asker.context.host()?;
    match asker.context.ports.host.environment(&host, &EnvLock::of(&view).environment).await {
        Ok(_) => Err(refuse("call the staging machine gone: it answers").hint("Ask the world again.")),
        Err(_) => Ok(order),
    }
}

pub(crate) fn decide(now: &Situation<'_>, note: String) -> Result<Decision, Failure> {
    let view = now.view;
    if view.staging.is_none() || !is_active(view.state, Phase::Deploy) {
        return Err(refuse("call the staging machine gone before Deploy has started, or after the end"));
    }
    let followed: Vec<&StepView> = view.steps.iter().filter(|step| is_followed(step)).collect();
    if view.machine_given_up.is_some() && followed.is_empty() {
        return Err(refuse("call the staging machine gone: it is recorded already"));
    }
    if note.trim().is_empty() {
        return Err(Failure::new(
            ErrorCode::BadInput,
            "call the staging machine gone without a note: say what you know",
        ));
    }
    let steps = followed.iter().map(|step| step.definition.id).collect();
    let person = &now.by.person;
    let doubts = followed.iter().map(|step| {
        let why = format!(
            "{person} says that the staging machine is gone. Nobody can know from it whether or how the script ended."
        );
        StepEvent::InDoubt { step: step.definition.id, attempt: step.attempt, why }.into()
    });
    let events = std::iter::once(RunEvent::MachineGivenUp { note }.into()).chain(doubts).collect();
    Ok(Decision { events, then: Then::DropAttempts(steps) })
}

/// Whether the step follows a job on the machine now.
fn is_followed(step: &StepView) -> bool {
    step.status() == Status::Running && step.plan.as_ref().is_some_and(|plan| plan.inputs.job().is_some())
}

#[cfg(test)]
mod tests {
    use greenlight_types::{EventBody, MachineGivenUp, RunView, StepId, StepState, Timestamp};

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, ended, prepared, set};

    fn give_up(view: RunView, note: &str) -> Result<Decision, Failure> {
        decide(&Desk::new(view).now(), note.into())
    }

    fn given_up(mut view: RunView) -> RunView {
        let (person, note, at) = ("Lena".to_owned(), "gone".to_owned(), Timestamp::EPOCH);
        view.machine_given_up = Some(MachineGivenUp { person, note, at });
        view
    }

    #[test]
    fn puts_the_followed_job_in_doubt_and_drops_its_attempt() {
        let running = set(deploying(), StepId::BackUp, StepState::Running);
        let decision = give_up(running, "AWS ended it").expect("allowed");
        assert_eq!(decision.then, Then::DropAttempts(vec![StepId::BackUp]));
        let StepEvent::InDoubt { why, .. } = decision.only_step_event() else { panic!("in doubt") };
        assert!(why.starts_with("Lena says that the staging machine is gone."), "{why}");
        assert!(!why.contains("keeps running"), "{why}");
    }

    #[test]
    fn leaves_steps_without_a_running_job() {
        let watched = set(deploying(), StepId::AwaitRollout, StepState::Running);
        let decision = give_up(watched, "gone").expect("allowed");
        assert!(decision.events.iter().all(|event| matches!(event, EventBody::Run(_))));
        assert_eq!(decision.then, Then::DropAttempts(Vec::new()));
    }

    #[test]
    fn needs_a_note_and_a_run_in_deploy() {
        assert_eq!(code(give_up(deploying(), " ")), ErrorCode::BadInput);
        for view in [prepared(), ended()] {
            assert_eq!(code(give_up(view, "gone")), ErrorCode::NotAllowedNow);
        }
    }

    #[test]
    fn is_recorded_once_unless_a_job_is_followed_again() {
        assert_eq!(code(give_up(given_up(deploying()), "gone")), ErrorCode::NotAllowedNow);
        assert!(give_up(set(given_up(deploying()), StepId::BackUp, StepState::Running), "gone").is_ok());
    }
}
