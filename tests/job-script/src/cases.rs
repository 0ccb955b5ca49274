//! Cases that stop a verb at one statement, and the checks of each case.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::{
    holders,
    machine::{ENVIRONMENT, How, JOB, Machine, RUN, Shell, Stop, state_of},
    ready::{self, Led},
    steps::Steps,
};

/// One case of the table.
#[derive(Clone, Debug)]
pub struct Case {
    /// Row of the table.
    pub kind: Kind,
    /// Shell that runs the verbs.
    pub shell: Shell,
    /// Line number of the stop.
    pub line: usize,
    /// Function that contains the line.
    pub function: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `submit` is killed and repeated.
    SubmitKilled,
    /// `launch` is killed and repeated.
    LaunchKilled,
    /// The supervisor is killed, and the job is launched again.
    SupervisorKilledThenLaunched,
    /// The supervisor is killed, and the job is revoked.
    SupervisorKilledThenRevoked,
    /// `revoke` is killed and repeated.
    RevokeKilled,
    /// `revoke` of an absent job is killed, and the job is submitted.
    EarlyRevokeKilled,
    /// The supervisor is paused during a status request.
    SupervisorHeldWhileAsked,
    /// The supervisor is paused during another launch.
    SupervisorHeldWhileLaunched,
    /// The supervisor is paused during a revoke.
    SupervisorHeldWhileRevoked,
    /// `status` is paused from before the start until after the end of a job.
    StatusHeldOverAWholeJob,
    /// `status` is paused during the start of a job.
    StatusHeldOverAStart,
    /// `status` is paused during the end of a job.
    StatusHeldOverAnEnd,
    /// `revoke` is paused during a launch.
    RevokeHeldWhileLaunched,
    /// `hold`, which acquires the environment lock, is killed and repeated.
    HoldKilled,
    /// `leave`, which releases the environment lock, is killed and repeated.
    LeaveKilled,
    /// The supervisor is paused while another run takes the environment lock over.
    SupervisorHeldWhileTakenOver,
}

pub const KINDS: [Kind; 16] = [
    Kind::SubmitKilled,
    Kind::LaunchKilled,
    Kind::SupervisorKilledThenLaunched,
    Kind::SupervisorKilledThenRevoked,
    Kind::RevokeKilled,
    Kind::EarlyRevokeKilled,
    Kind::SupervisorHeldWhileAsked,
    Kind::SupervisorHeldWhileLaunched,
    Kind::SupervisorHeldWhileRevoked,
    Kind::StatusHeldOverAWholeJob,
    Kind::StatusHeldOverAStart,
    Kind::StatusHeldOverAnEnd,
    Kind::RevokeHeldWhileLaunched,
    Kind::HoldKilled,
    Kind::LeaveKilled,
    Kind::SupervisorHeldWhileTakenOver,
];

impl Kind {
    fn verb(self) -> &'static str {
        match self {
            Self::SubmitKilled => "submit",
            Self::LaunchKilled => "launch",
            Self::SupervisorKilledThenLaunched
            | Self::SupervisorKilledThenRevoked
            | Self::SupervisorHeldWhileAsked
            | Self::SupervisorHeldWhileLaunched
            | Self::SupervisorHeldWhileRevoked
            | Self::SupervisorHeldWhileTakenOver => "supervise",
            Self::HoldKilled => "hold",
            Self::LeaveKilled => "leave",
            Self::RevokeKilled | Self::EarlyRevokeKilled | Self::RevokeHeldWhileLaunched => "revoke",
            Self::StatusHeldOverAWholeJob | Self::StatusHeldOverAStart | Self::StatusHeldOverAnEnd => "status",
        }
    }

    fn how(self) -> How {
        match self {
            Self::SubmitKilled
            | Self::LaunchKilled
            | Self::SupervisorKilledThenLaunched
            | Self::SupervisorKilledThenRevoked
            | Self::RevokeKilled
            | Self::EarlyRevokeKilled
            | Self::HoldKilled
            | Self::LeaveKilled => How::Kill,
            Self::SupervisorHeldWhileAsked
            | Self::SupervisorHeldWhileLaunched
            | Self::SupervisorHeldWhileRevoked
            | Self::StatusHeldOverAWholeJob
            | Self::StatusHeldOverAStart
            | Self::StatusHeldOverAnEnd
            | Self::RevokeHeldWhileLaunched
            | Self::SupervisorHeldWhileTakenOver => How::Pause,
        }
    }
}

/// Result of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// The verb never reaches the stop in this row.
    NotReached,
    /// Every check passed.
    Held,
}

/// Functions on the path of a verb. Stops are placed only in these.
fn passes(verb: &str) -> &'static [&'static str] {
    match verb {
        "submit" => &["main", "settle", "state_of", "place", "is_next", "keep_holder", "has_room", "submit"],
        "launch" => &["main", "launch"],
        "supervise" => &["main", "in_time", "gate", "settle", "keep_holder", "supervise"],
        "hold" => &["main", "keep_holder", "holder_of", "note_seen", "hold"],
        "leave" => &["main", "keep_holder", "holder_of", "leave"],
        "revoke" => &["main", "gate", "settle", "place", "revoke"],
        "status" => &["main", "in_time", "state_of"],
        _ => &[],
    }
}

/// All cases on these shells: in each row one stop per statement that the verb passes.
#[must_use]
pub fn all(steps: &Steps, shells: &[Shell]) -> Vec<Case> {
    let rows: Vec<(Shell, Kind)> = shells.iter().flat_map(|shell| KINDS.map(|kind| (*shell, kind))).collect();
    let cases: Vec<Vec<Case>> = rows
        .into_par_iter()
        .map(|(shell, kind)| {
            // A verb that already fails without a stop gets every stop.
            let passed = trace(shell, kind, &steps.text).unwrap_or_default();
            let of_verb = steps.stops.iter().filter(|(function, line)| {
                passes(kind.verb()).contains(&function.as_str()) && (passed.is_empty() || passed.contains(line))
            });
            of_verb.map(|(function, line)| Case { kind, shell, line: *line, function: function.clone() }).collect()
        })
        .collect();
    cases.into_iter().flatten().collect()
}

/// Returns the statements that the verb of a row passes.
fn trace(shell: Shell, kind: Kind, verbs: &str) -> Result<BTreeSet<usize>> {
    let mut machine = set_up(shell, kind, verbs)?;
    run(&mut machine, kind, &Stop { verb: kind.verb(), line: usize::MAX, how: How::Trace })?;
    Ok(machine.passed())
}

/// Plays a case.
///
/// # Errors
/// When a check fails.
pub fn play(case: &Case, verbs: &str) -> Result<Came> {
    let mut machine = set_up(case.shell, case.kind, verbs)?;
    let stop = Stop { verb: case.kind.verb(), line: case.line, how: case.kind.how() };
    let came = run(&mut machine, case.kind, &stop)?;
    // Each case allows at most one start, and each start must be durable.
    ensure!(machine.starts() <= 1, "the payload began {} times", machine.starts());
    durable(&machine)?;
    Ok(came)
}

fn set_up(shell: Shell, kind: Kind, verbs: &str) -> Result<Machine> {
    let is_held = matches!(kind, Kind::StatusHeldOverAStart | Kind::StatusHeldOverAnEnd);
    let is_early = matches!(kind, Kind::SubmitKilled | Kind::EarlyRevokeKilled);
    ready::machine(shell, verbs, is_held, if is_early { Led::Held } else { Led::Submitted })
}

fn run(machine: &mut Machine, kind: Kind, stop: &Stop) -> Result<Came> {
    match kind {
        Kind::SubmitKilled => submit_killed(machine, stop),
        Kind::LaunchKilled => launch_killed(machine, stop),
        Kind::SupervisorKilledThenLaunched => supervisor_killed(machine, stop, false),
        Kind::SupervisorKilledThenRevoked => supervisor_killed(machine, stop, true),
        Kind::RevokeKilled | Kind::EarlyRevokeKilled => revoke_killed(machine, stop),
        Kind::SupervisorHeldWhileAsked => held_while_asked(machine, stop),
        Kind::SupervisorHeldWhileLaunched => held_while_launched(machine, stop),
        Kind::SupervisorHeldWhileRevoked => held_while_revoked(machine, stop),
        Kind::StatusHeldOverAWholeJob => status_held(machine, stop, &["waiting", "busy", "running", "finished"]),
        Kind::StatusHeldOverAStart => status_held(machine, stop, &["waiting", "busy", "running"]),
        Kind::StatusHeldOverAnEnd => status_held(machine, stop, &["running", "finished"]),
        Kind::RevokeHeldWhileLaunched => revoke_held(machine, stop),
        Kind::HoldKilled => holders::hold_killed(machine, stop),
        Kind::LeaveKilled => holders::leave_killed(machine, stop),
        Kind::SupervisorHeldWhileTakenOver => holders::supervisor_held_while_taken(machine, stop),
    }
}

/// INV-D3: the start latch and its folders are on disk before the script's first instruction.
fn durable(machine: &Machine) -> Result<()> {
    let Ok(text) = fs_err::read_to_string(machine.path("home/durable")) else { return Ok(()) };
    let has = |line: &str, words: &[&str]| words.iter().all(|word| line.contains(word));
    let at = |words: &[&str]| text.lines().position(|line| has(line, words));
    let (root, job) = (".greenlight", format!("/jobs/{JOB}"));
    let filled = at(&["sync ", "/gate.", "/info"]);
    let moved = text.lines().position(|line| line.starts_with("mv ") && line.ends_with(&format!("{job}/started")));
    let settled = text.lines().enumerate().position(|(number, line)| {
        Some(number) > moved && line.starts_with("sync ") && has(line, &[&job, &format!("{root}/jobs "), "/home"])
    });
    let placed = at(&["sync ", "/staging/", "/cmd.sh"]);
    ensure!(placed.is_some(), "the script was not on disk before its start:\n{text}");
    ensure!(filled.is_some() && filled < moved, "the gate was not on disk before it was moved into place:\n{text}");
    ensure!(settled.is_some(), "the way to the gate was not on disk before the payload began:\n{text}");
    Ok(())
}

fn finishes(machine: &Machine) -> Result<()> {
    machine.launch(JOB)?;
    machine.rest()?;
    let state = machine.state()?;
    ensure!(state == "finished", "it ended as {state}");
    ensure!(machine.starts() == 1, "{} starts", machine.starts());
    whole_output(machine)
}

/// The output arrives in pieces with offset and hash, and equals the printed text.
pub(crate) fn whole_output(machine: &Machine) -> Result<()> {
    let frame = machine.ask("output", &[JOB, "0", "3"])?;
    ensure!(frame.starts_with("0 ") && frame.ends_with(" ZG9u"), "the first piece is {frame}");
    let frame = machine.ask("output", &[JOB, "3", "100"])?;
    ensure!(frame.starts_with("3 ") && frame.ends_with(" ZQo="), "the second piece is {frame}");
    let past = machine.ask("output", &[JOB, "99", "100"])?;
    ensure!(past == "past", "behind the end: {past}");
    Ok(())
}

fn submit_killed(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let arguments = machine.submit_arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut stopped = machine.begin("submit", &arguments, stop)?;
    let is_reached = stopped.wait(machine)?;
    machine.rest()?;
    if !is_reached {
        return Ok(Came::NotReached);
    }
    ensure!(machine.starts() == 0, "submit started it");
    let again = machine.submit()?;
    ensure!(matches!(again.as_str(), "new" | "same"), "sent again: {again}");
    finishes(machine)?;
    Ok(Came::Held)
}

fn launch_killed(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let is_reached = machine.begin("launch", &[JOB, ENVIRONMENT, RUN], stop)?.wait(machine)?;
    machine.rest()?;
    finishes(machine)?;
    Ok(if is_reached { Came::Held } else { Came::NotReached })
}

fn supervisor_killed(machine: &mut Machine, stop: &Stop, then_revoke: bool) -> Result<Came> {
    let is_reached = machine.begin("launch", &[JOB, ENVIRONMENT, RUN], stop)?.wait(machine)?;
    machine.rest()?;
    if !is_reached {
        return Ok(Came::NotReached);
    }
    let (state, starts) = (machine.state()?, machine.starts());
    ensure!(matches!(state.as_str(), "waiting" | "died" | "finished"), "after the kill: {state}");
    ensure!(state != "waiting" || starts == 0, "it is called not started, and began");
    if then_revoke {
        let answer = machine.ask("revoke", &[JOB, "outside"])?;
        let expected = if state == "waiting" { "won" } else { "lost" };
        ensure!(answer == expected, "closing the gate of one that is {state}: {answer}");
        machine.launch(JOB)?;
        machine.rest()?;
        let after = machine.state()?;
        ensure!(after == if answer == "won" { "revoked" } else { &state }, "{state} became {after}");
        ensure!(machine.starts() == starts, "it began after the answer {answer}");
        return Ok(Came::Held);
    }
    if state == "waiting" {
        finishes(machine)?;
    } else {
        machine.launch(JOB)?;
        machine.rest()?;
        ensure!(machine.state()? == state && machine.starts() == starts, "{state} is not final");
    }
    Ok(Came::Held)
}

fn revoke_killed(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let is_reached = machine.begin("revoke", &[JOB, "outside"], stop)?.wait(machine)?;
    machine.rest()?;
    if !is_reached {
        return Ok(Came::NotReached);
    }
    // The revoke after an interrupted one wins, and the job can never start.
    let again = machine.ask("revoke", &[JOB, "outside"])?;
    ensure!(again == "won", "closed again: {again}");
    let late = machine.submit()?;
    ensure!(late == "revoked", "submitted late: {late}");
    machine.launch(JOB)?;
    machine.rest()?;
    ensure!(machine.starts() == 0 && machine.state()? == "revoked", "it began after its gate was closed");
    Ok(Came::Held)
}

fn held_while_asked(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let mut stopped = machine.begin("launch", &[JOB, ENVIRONMENT, RUN], stop)?;
    if !stopped.wait(machine)? {
        return Ok(Came::NotReached);
    }
    let state = machine.state()?;
    let is_true = match state.as_str() {
        "waiting" | "busy" => machine.starts() == 0,
        "running" => true,
        "finished" => machine.starts() == 1,
        _ => false,
    };
    ensure!(is_true, "a job whose supervisor lives is called {state}");
    stopped.go()?;
    machine.rest()?;
    ensure!(machine.state()? == "finished" && machine.starts() == 1, "it ended as {}", machine.state()?);
    Ok(Came::Held)
}

fn held_while_launched(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let mut stopped = machine.begin("launch", &[JOB, ENVIRONMENT, RUN], stop)?;
    if !stopped.wait(machine)? {
        return Ok(Came::NotReached);
    }
    machine.launch(JOB)?;
    stopped.go()?;
    machine.rest()?;
    ensure!(machine.state()? == "finished" && machine.starts() == 1, "it ended as {}", machine.state()?);
    Ok(Came::Held)
}

fn held_while_revoked(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let mut stopped = machine.begin("launch", &[JOB, ENVIRONMENT, RUN], stop)?;
    if !stopped.wait(machine)? {
        return Ok(Came::NotReached);
    }
    let answer = machine.ask("revoke", &[JOB, "outside"])?;
    stopped.go()?;
    machine.rest()?;
    let expected = match answer.as_str() {
        "won" => ("revoked", 0),
        "lost" => ("finished", 1),
        other => anyhow::bail!("closing its gate answered {other:?}"),
    };
    let seen = (machine.state()?, machine.starts());
    ensure!((seen.0.as_str(), seen.1) == expected, "answered {answer}, and then {seen:?}");
    Ok(Came::Held)
}

fn status_held(machine: &mut Machine, stop: &Stop, possible: &[&str]) -> Result<Came> {
    if possible.first() == Some(&"running") {
        machine.launch(JOB)?;
        machine.until("the payload to begin", || machine.starts() == 1)?;
    }
    let mut stopped = machine.begin("status", &[JOB], stop)?;
    if !stopped.is_held()? {
        return Ok(Came::NotReached);
    }
    let result = machine.path(&format!("home/.greenlight/jobs/{JOB}/result"));
    if possible.first() == Some(&"running") {
        machine.let_payload_go()?;
    } else {
        machine.launch(JOB)?;
        machine.until("the payload to begin", || machine.starts() == 1)?;
    }
    if possible.ends_with(&["finished"]) {
        machine.until("the result", || result.exists())?;
    }
    let frame = stopped.go()?;
    let state = state_of(&frame).unwrap_or_default();
    ensure!(possible.contains(&state.as_str()), "a status that was held over it tells {frame:?}");
    machine.let_payload_go()?;
    machine.rest()?;
    Ok(Came::Held)
}

fn revoke_held(machine: &mut Machine, stop: &Stop) -> Result<Came> {
    let mut stopped = machine.begin("revoke", &[JOB, "outside"], stop)?;
    if !stopped.is_held()? {
        return Ok(Came::NotReached);
    }
    machine.launch(JOB)?;
    // The launch passes the start latch or waits before it. The paused revoke does not delay it.
    machine.until("the launch to be over", || machine.is_asked_over())?;
    let answer = stopped.go()?;
    machine.rest()?;
    let expected = if answer == "won" { ("revoked", 0) } else { ("finished", 1) };
    let seen = (machine.state()?, machine.starts());
    ensure!((seen.0.as_str(), seen.1) == expected, "answered {answer}, and then {seen:?}");
    Ok(Came::Held)
}

/// Result of one row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// Cases in which the verb reached the stop.
    pub cases: u32,
    /// Failed checks with their cases.
    pub violations: Vec<String>,
}

/// Plays cases in parallel and adds them up by row.
#[must_use]
pub fn table(cases: Vec<Case>, text: &str) -> BTreeMap<Kind, Row> {
    let came: Vec<(Case, Result<Came>)> = cases
        .into_par_iter()
        .map(|case| {
            let came = play(&case, text);
            (case, came)
        })
        .collect();
    let mut rows: BTreeMap<Kind, Row> = BTreeMap::new();
    for (case, came) in came {
        let row = rows.entry(case.kind).or_default();
        match came {
            Ok(Came::NotReached) => {}
            Ok(Came::Held) => row.cases += 1,
            Err(error) => {
                row.cases += 1;
                row.violations.push(format!("{:?} line {} ({}): {error:#}", case.shell, case.line + 1, case.function));
            }
        }
    }
    rows
}
