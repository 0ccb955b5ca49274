//! Stops the script of a backup or a migration that hangs, by the order of a named person. The
//! order is in the journal before the machine gets it (INV-J1). The step goes on following the job,
//! and the end of the job decides the outcome of the step.

use std::time::Duration;

use greenlight_types::{ErrorCode, Failure, RunEvent, RunView, StepId, StepView, StopScriptRequest, Timestamp};

use super::{Answer, Asker, Decision, Order, Situation, refuse};
use crate::{
    env_lock, fold, options,
    ports::{EnvLock, ScriptStop, StopSignal},
    steps::job,
    time,
};

/// Time that a script has to end after the first order, before a person may end it by force.
const GRACE: Duration = Duration::from_secs(10);

pub(crate) async fn perform(asker: &Asker<'_>, wanted: StopScriptRequest) -> Result<Answer, Failure> {
    let (view, step, is_forced) = (asker.view(), wanted.step, wanted.is_forced);
    let answer = asker.order(Order::StopScript(wanted)).await?;
    let job = fold::step(&view, step).and_then(|step| job::id_of(step.plan.as_ref())).unwrap_or_default();
    let (context, lock) = (asker.context, EnvLock::of(&view));
    let signal = if is_forced { StopSignal::Kill } else { StopSignal::Terminate };
    match context.ports.host.stop_script(&context.host()?, &job, &lock, signal).await {
        Ok(ScriptStop::Signalled | ScriptStop::NotRunning) => Ok(answer),
        Ok(ScriptStop::TooEarly) => Err(refuse("stop the script: it has only just started")
            .hint("No process was stopped. Give the order again in a few seconds.")),
        Ok(ScriptStop::OtherUser { group }) => Err(other_user(&view, &group, signal)),
        Ok(ScriptStop::NotOwner(owner)) => Err(env_lock::not_owned(&view, owner.as_ref())),
        Err(failure) => {
            Err(failure.hint("The order may have arrived. Look whether the script ends; you may give the order again."))
        }
    }
}

fn other_user(view: &RunView, group: &str, signal: StopSignal) -> Failure {
    let (name, word) = match signal {
        StopSignal::Terminate => ("TERM", "stop"),
        StopSignal::Kill => ("KILL", "kill"),
    };
    let machine = view.staging.as_ref().map(|staging| staging.address.clone()).unwrap_or_default();
    refuse("stop the script: it runs as another user, whose processes the login user may not stop")
        .with("group", group)
        .hint(format!(
            "No process was stopped. Ask the people who run {machine} to {word} it: sudo kill -{name} -- -{group}"
        ))
}

pub(crate) fn decide(now: &Situation<'_>, wanted: StopScriptRequest) -> Result<Decision, Failure> {
    let StopScriptRequest { step: id, attempt, is_forced, typed, note } = wanted;
    let step = fold::step(now.view, id)
        .filter(|step| options::may_stop_script(now.view, step))
        .ok_or_else(|| refuse("stop the script of this step: the app follows no running script of it"))?;
    if step.attempt != attempt {
        return Err(refuse(&format!("stop attempt {attempt}: the newest one is {}", step.attempt)));
    }
    if is_forced {
        check_force(step, now.now)?;
    }
    if id == StepId::RunMigration && typed.trim() != now.view.version.to_string() {
        return Err(Failure::new(
            ErrorCode::BadInput,
            format!("stop the migration: type {} to confirm, not {:?}", now.view.version, typed.trim()),
        ));
    }
    if note.trim().is_empty() {
        return Err(Failure::new(ErrorCode::BadInput, "stop the script without a note: say why, and who decided it"));
    }
    let job = job::id_of(step.plan.as_ref()).unwrap_or_default();
    Ok(Decision::run_event(RunEvent::ScriptStopping { step: id, job, is_forced, note }))
}

/// A script that got no order yet, or a few seconds ago, may still clean up.
fn check_force(step: &StepView, now: Timestamp) -> Result<(), Failure> {
    let order = step.stop_order.as_ref().ok_or_else(|| refuse("kill the script before it was told to stop"))?;
    if time::has_passed(order.first_at, GRACE, now) {
        return Ok(());
    }
    Err(refuse("kill the script: it was told to stop less than ten seconds ago").hint("Wait for its end."))
}

#[cfg(test)]
mod tests {
    use greenlight_types::{RunState, StepState, StopOrder};

    use super::*;
    use crate::act::test_support::{Desk, code, deploying, set, with_migration_job};

    fn running() -> RunView {
        set(with_migration_job(deploying(), "a1"), StepId::RunMigration, StepState::Running)
    }

    fn ordered(before: Duration) -> RunView {
        let mut view = running();
        let now = Desk::new(view.clone()).now().now;
        let ms = now.as_millisecond() - i64::try_from(before.as_millis()).expect("a time");
        let first_at = Timestamp::from_millisecond(ms).expect("a time");
        let step = view.steps.iter_mut().find(|step| step.definition.id == StepId::RunMigration).expect("a step");
        step.stop_order =
            Some(StopOrder { person: "Ann".into(), note: "hangs".into(), is_forced: false, at: first_at, first_at });
        view
    }

    fn stop(view: RunView, change: impl FnOnce(&mut StopScriptRequest)) -> Result<Decision, Failure> {
        let mut wanted = StopScriptRequest {
            step: StepId::RunMigration,
            attempt: fold::step(&view, StepId::RunMigration).expect("a step").attempt,
            is_forced: false,
            typed: view.version.to_string(),
            note: "it waits for a lock".into(),
        };
        change(&mut wanted);
        decide(&Desk::new(view).now(), wanted)
    }

    #[test]
    fn records_the_order_for_the_job_that_runs() {
        let decision = stop(running(), |_| {}).expect("allowed");
        let RunEvent::ScriptStopping { job, is_forced, .. } = decision.only_run_event() else { panic!("an order") };
        assert_eq!((job.as_str(), is_forced), ("a1", false));
    }

    #[test]
    fn refuses_every_state_without_a_script_that_runs() {
        for state in [StepState::NotStarted, StepState::AwaitingOperator, StepState::InDoubt { doubt: String::new() }] {
            let view = set(running(), StepId::RunMigration, state);
            assert_eq!(code(stop(view, |_| {})), ErrorCode::NotAllowedNow);
        }
        let mut ended = running();
        ended.state = RunState::Ended;
        assert_eq!(code(stop(ended, |_| {})), ErrorCode::NotAllowedNow);
        for id in [StepId::BackUp, StepId::DispatchBuild] {
            assert_eq!(code(stop(running(), |wanted| wanted.step = id)), ErrorCode::NotAllowedNow);
        }
        assert_eq!(code(stop(running(), |wanted| wanted.attempt += 1)), ErrorCode::NotAllowedNow);
    }

    #[test]
    fn the_migration_needs_the_typed_version_and_a_note() {
        for typed in ["", "yes", "2.1"] {
            assert_eq!(code(stop(running(), |wanted| wanted.typed = typed.into())), ErrorCode::BadInput, "{typed}");
        }
        assert_eq!(code(stop(running(), |wanted| wanted.note = " ".into())), ErrorCode::BadInput);
    }

    #[test]
    fn force_needs_an_order_that_the_script_survived() {
        let force = |view| stop(view, |wanted| wanted.is_forced = true);
        assert_eq!(code(force(running())), ErrorCode::NotAllowedNow);
        assert_eq!(code(force(ordered(Duration::from_secs(9)))), ErrorCode::NotAllowedNow);
        assert!(force(ordered(Duration::from_secs(11))).is_ok());
    }
}
