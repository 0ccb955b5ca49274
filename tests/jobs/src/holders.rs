//! Cases about who holds the environment: a verb of it is stopped, or another run takes it while a job is on its way to its
//! gate.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    cases::Came,
    machine::{ENVIRONMENT, JOB, Machine, RUN, Stop},
};

/// The run at another computer.
const OTHER: &str = "run-2";
/// How long a take-over waits for a supervisor that is stopped while it keeps the holder, before that one goes on.
const CHANCE: Duration = Duration::from_millis(120);
/// Longest wait for a take-over that nobody keeps waiting.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(2);

/// Stopped at any point, the environment has its old or its new holder, and asking again gives it to who asks.
pub(crate) fn hold_killed(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let arguments = machine.hold_arguments(OTHER, RUN);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let is_reached = machine.begin("hold", &arguments, stop)?.wait(machine)?;
    machine.rest()?;
    if !is_reached {
        return Ok(Came::NotReached);
    }
    let between = machine.holder()?;
    ensure!(between == RUN || between == OTHER, "after the kill {between} holds it");
    let again = machine.hold(OTHER, RUN)?;
    ensure!(again.starts_with("ours "), "asked again: {again}");
    let back = machine.hold(RUN, "nobody")?;
    ensure!(back.starts_with("other ") && machine.holder()? == OTHER, "taken from nobody: {back}");
    Ok(Came::Held)
}

/// Stopped at any point, giving it back can be repeated, and then anybody may take it.
pub(crate) fn leave_killed(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let is_reached = machine.begin("leave", &[ENVIRONMENT, RUN], stop)?.wait(machine)?;
    machine.rest()?;
    if !is_reached {
        return Ok(Came::NotReached);
    }
    machine.ask("leave", &[ENVIRONMENT, RUN])?;
    ensure!(machine.holder()? == "nobody", "{} holds it", machine.holder()?);
    let taken = machine.hold(OTHER, "nobody")?;
    ensure!(taken.starts_with("ours "), "then taken: {taken}");
    Ok(Came::Held)
}

/// The supervisor is held while another run takes over: its job passed the gate before, or never starts for the old run.
pub(crate) fn supervisor_held_while_taken(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let mut stopped = machine.begin("launch", &[JOB, ENVIRONMENT, RUN], stop)?;
    if !stopped.wait(machine)? {
        return Ok(Came::NotReached);
    }
    let answer = std::thread::scope(|scope| {
        let machine = &*machine;
        let is_kept = machine.is_holder_kept();
        let taking = scope.spawn(|| machine.hold(OTHER, RUN));
        let limit = if is_kept { CHANCE } else { PATIENCE };
        let begun = Instant::now();
        while !taking.is_finished() && begun.elapsed() < limit {
            std::thread::sleep(PAUSE);
        }
        // The gate as it stood when the answer came is what counts.
        let has_passed = taking.is_finished().then(|| machine.has_gate());
        stopped.go()?;
        let taken = taking.join().unwrap_or_else(|_| anyhow::bail!("the take-over panicked"));
        taken.map(|taken| (taken, has_passed))
    });
    let (taken, has_passed) = answer?;
    ensure!(taken.starts_with("ours "), "taken over: {taken}");
    machine.rest()?;
    let starts = machine.starts();
    if let Some(has_passed) = has_passed {
        ensure!(starts == usize::from(has_passed), "{starts} starts, and the gate was passed before: {has_passed}");
    }
    let late = machine.launch(JOB)?;
    machine.rest()?;
    ensure!(late.starts_with("other ") && machine.starts() == starts, "an order of the old run: {late}");
    let again = machine.submit()?;
    ensure!(again == "same", "submitted again: {again}");
    let state = machine.state()?;
    ensure!(state == if starts == 1 { "finished" } else { "waiting" }, "with {starts} starts it is {state}");
    machine.ask("launch", &[JOB, ENVIRONMENT, OTHER])?;
    machine.rest()?;
    ensure!(machine.starts() == 1 && machine.state()? == "finished", "the new run starts it, or finds it started");
    Ok(Came::Held)
}
