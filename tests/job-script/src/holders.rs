//! Cases of the environment lock: a verb of the lock is stopped, or another run takes it over while
//! a job is about to start.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    cases::Came,
    machine::{ENVIRONMENT, JOB, Machine, RUN, Stop},
};

/// The competing run at another computer.
const OTHER: &str = "run-2";
/// Wait for a takeover while a stopped supervisor has the file lock. Then the supervisor continues.
const CHANCE: Duration = Duration::from_millis(120);
/// Longest wait for a takeover without such a supervisor.
const PATIENCE: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(2);

/// After a kill at any statement the lock has its old or its new owner. A repeated `hold` acquires
/// it.
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

/// After a kill at any statement `leave` can be repeated. Then another run can acquire the lock.
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

/// The supervisor is paused during a takeover. Its job passed the start latch before it, or never
/// starts for the old run.
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
        // The start latch is read when the takeover answers.
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
