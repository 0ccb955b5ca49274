//! Lets the n-th program that a verb calls fail, before or after its work, as on a full or broken
//! disk. The verb may then give no answer, but never a false one.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::{
    cases::Row,
    machine::{ENVIRONMENT, JOB, Machine, RUN, Shell, framed},
    ready::{self, Led},
};

/// Programs that can fail.
const PROGRAMS: [&str; 17] = [
    "base64",
    "cat",
    "cut",
    "date",
    "find",
    "flock",
    "grep",
    "ln",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "sed",
    "sha256sum",
    "stat",
    "sync",
    "tr",
];
/// Replaces each of these programs. It takes a number, fails at the chosen number and otherwise
/// runs the real program.
const SHIM: &str = r#"#!/bin/dash
name=${0##*/}
PATH=${PATH#*/failing:}
turn=1
set -C
while ! { true > "$FAIL_DIR/$turn"; } 2> /dev/null; do turn=$((turn + 1)); done
[ "$turn" = "$FAIL_AT" ] || exec "$name" "$@"
echo "$name" > "$FAIL_DIR/name"
[ "$FAIL_HOW" = before ] || "$name" "$@"
exit 1
"#;
/// Parallel series of cases per verb.
const LANES: u32 = 4;
/// Largest number of program calls of one verb and its supervisor.
const CALLS_MAX: u32 = 400;
/// The competing run at another computer.
const OTHER: &str = "run-2";

/// The verb in which a program fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Submit,
    /// `launch` and its supervisor.
    Launch,
    /// `revoke` of a submitted job.
    Revoke,
    /// `revoke` of an absent job.
    EarlyRevoke,
    /// `hold` by another run that names the present owner.
    Take,
    /// `hold` by another run that expects a free lock.
    TakeFromNobody,
    Leave,
}

impl Verb {
    pub const ALL: [Self; 7] =
        [Self::Submit, Self::Launch, Self::Revoke, Self::EarlyRevoke, Self::Take, Self::TakeFromNobody, Self::Leave];
}

/// Whether a program fails before or after its work.
pub const HOW: [&str; 2] = ["before", "after"];

/// Lets every call of every verb fail once in both ways, and every fourth call on two more shells.
/// The result has one row per verb.
#[must_use]
pub fn table(verbs: &str) -> Vec<(Verb, Row)> {
    let rows = Verb::ALL.map(|verb| {
        let mut row = Row::default();
        let firsts = |shell: Shell| if shell == Shell::Dash { 0..LANES } else { 0..1 };
        let lanes: Vec<(Shell, &str, u32)> = Shell::ALL
            .into_iter()
            .flat_map(|shell| HOW.map(|how| (shell, how)))
            .flat_map(|(shell, how)| firsts(shell).map(move |first| (shell, how, first)))
            .collect();
        // A series ends when the verb makes fewer calls than its number.
        let came: Vec<Vec<String>> = lanes
            .into_par_iter()
            .map(|(shell, how, first)| {
                let mut told = Vec::new();
                for at in (first + 1..=CALLS_MAX).step_by(LANES as usize) {
                    match play(shell, verbs, verb, at, how) {
                        Ok(true) => told.push(String::new()),
                        Ok(false) => break,
                        Err(error) => told.push(format!("{shell:?}, call {at} fails {how} its work: {error:#}")),
                    }
                }
                told
            })
            .collect();
        for words in came.into_iter().flatten() {
            row.cases += 1;
            row.violations.extend(Some(words).filter(|words| !words.is_empty()));
        }
        (verb, row)
    });
    rows.into()
}

/// Lets one call fail. Returns whether the verb made that many calls.
///
/// # Errors
/// When a check fails.
pub fn play(shell: Shell, verbs: &str, verb: Verb, at: u32, how: &str) -> Result<bool> {
    let is_early = matches!(verb, Verb::Submit | Verb::EarlyRevoke);
    let machine = ready::machine(shell, verbs, false, if is_early { Led::Held } else { Led::Submitted })?;
    let take = |from: &str| machine.hold_arguments(OTHER, from);
    let (name, arguments) = match verb {
        Verb::Submit => ("submit", machine.submit_arguments()),
        Verb::Launch => ("launch", [JOB, ENVIRONMENT, RUN].map(str::to_owned).to_vec()),
        Verb::Revoke | Verb::EarlyRevoke => ("revoke", [JOB, "outside"].map(str::to_owned).to_vec()),
        Verb::Take => ("hold", take(RUN)),
        Verb::TakeFromNobody => ("hold", take("nobody")),
        Verb::Leave => ("leave", [ENVIRONMENT, RUN].map(str::to_owned).to_vec()),
    };
    let (answer, is_reached) = fails(&machine, name, &arguments, at, how)?;
    machine.rest()?;
    if !is_reached {
        return Ok(false);
    }
    let held = match verb {
        Verb::Submit => submitted(&machine, &answer),
        Verb::Launch => launched(&machine),
        Verb::Revoke | Verb::EarlyRevoke => revoked(&machine, &answer),
        Verb::Take => taken(&machine, &answer, RUN),
        Verb::TakeFromNobody => taken(&machine, &answer, "nobody"),
        Verb::Leave => left(&machine, &answer),
    };
    held.with_context(|| format!("{verb:?} answered {answer:?}"))?;
    ensure!(machine.starts() <= 1, "the payload began {} times", machine.starts());
    Ok(true)
}

/// Runs a verb and lets one numbered call fail. Returns its frame and whether it made that call.
fn fails(machine: &Machine, verb: &str, arguments: &[String], at: u32, how: &str) -> Result<(String, bool)> {
    let (shims, calls) = (machine.path("failing"), machine.path("calls"));
    fs_err::create_dir(&shims)?;
    fs_err::create_dir(&calls)?;
    for program in PROGRAMS {
        let shim = shims.join(program);
        fs_err::write(&shim, SHIM)?;
        fs_err::set_permissions(&shim, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = machine.command(verb, &arguments, None);
    let path = command.get_envs().find_map(|(name, value)| (name == "PATH").then_some(value?.to_str()?.to_owned()));
    let path = path.context("a path")?;
    let (shell, rest) = path.split_once(':').context("more than one folder")?;
    command
        .env("PATH", format!("{shell}:{}:{rest}", shims.display()))
        .env("FAIL_DIR", &calls)
        .env("FAIL_AT", at.to_string())
        .env("FAIL_HOW", how)
        .stdin(Stdio::piped());
    let mut child = command.spawn()?;
    let input = match verb {
        "submit" => fs_err::read(machine.path("payload"))?,
        "hold" => fs_err::read(machine.path("who"))?,
        _ => Vec::new(),
    };
    // A verb that has already answered does not read its input.
    let _closed = std::io::Write::write_all(&mut child.stdin.take().context("a pipe")?, &input);
    let answer = framed(&child.wait_with_output()?.stdout);
    machine.rest()?;
    Ok((answer, calls.join(at.to_string()).exists()))
}

/// The app treats a refusal as final. A machine with a brief fault must never refuse without cause.
fn submitted(machine: &Machine, answer: &str) -> Result<()> {
    ensure!(machine.starts() == 0, "submit started it");
    let is_possible = matches!(answer, "new" | "same" | "damaged" | "full" | "")
        || answer.starts_with("without ")
        || answer.starts_with("other ");
    ensure!(is_possible, "a refusal of what is not so");
    if matches!(answer, "new" | "same") {
        let state = machine.state()?;
        ensure!(state == "waiting", "what was put there is {state}");
    }
    let again = machine.submit()?;
    ensure!(matches!(again.as_str(), "new" | "same"), "sent again: {again:?}");
    machine.launch(JOB)?;
    machine.rest()?;
    let seen = (machine.state()?, machine.starts());
    ensure!(seen == ("finished".to_owned(), 1), "it ended as {seen:?}");
    Ok(())
}

/// A completed script keeps its result, unless the move of the result file failed.
fn launched(machine: &Machine) -> Result<()> {
    let (state, starts) = (machine.state()?, machine.starts());
    let failed = fs_err::read_to_string(machine.path("calls/name"))?;
    let is_true = match state.as_str() {
        "waiting" => starts == 0,
        "finished" => starts == 1,
        "died" => starts == 0 || failed.trim() == "mv",
        _ => false,
    };
    ensure!(is_true, "it is called {state}, with {starts} starts, when {} failed", failed.trim());
    if state == "finished" {
        let frame = machine.ask("status", &[JOB])?;
        ensure!(starts == 1 && frame.contains(" exit=3 "), "it ended with 3: {frame}");
    }
    machine.launch(JOB)?;
    machine.rest()?;
    let after = machine.state()?;
    ensure!(after == if state == "waiting" { "finished" } else { &state }, "{state} became {after}");
    Ok(())
}

/// A won revoke is final. `lost` requires that the job passed its start latch.
fn revoked(machine: &Machine, answer: &str) -> Result<()> {
    let is_possible = matches!(answer, "won" | "") || answer.starts_with("without ");
    ensure!(is_possible, "nothing passed the gate");
    if answer == "won" {
        let late = machine.submit()?;
        ensure!(late == "revoked", "submitted late: {late:?}");
        machine.launch(JOB)?;
        machine.rest()?;
        let state = machine.state()?;
        ensure!(state == "revoked" && machine.starts() == 0, "then it is {state}");
    }
    let again = machine.ask("revoke", &[JOB, "outside"])?;
    ensure!(again == "won", "closed again: {again:?}");
    Ok(())
}

/// An answer `ours` requires that the run is the owner. The owner never loses the lock without
/// being named.
fn taken(machine: &Machine, answer: &str, from: &str) -> Result<()> {
    let holder = machine.holder()?;
    ensure!(holder == RUN || (holder == OTHER && from == RUN), "{holder} holds it");
    ensure!(!answer.starts_with("ours ") || holder == OTHER, "{holder} holds it");
    let again = machine.hold(OTHER, &holder)?;
    ensure!(again.starts_with("ours ") && machine.holder()? == OTHER, "asked again: {again:?}");
    Ok(())
}

fn left(machine: &Machine, answer: &str) -> Result<()> {
    let holder = machine.holder()?;
    ensure!(holder == "nobody" || holder == RUN, "{holder} holds it");
    ensure!(answer != "left" || holder == "nobody", "{holder} holds it");
    machine.ask("leave", &[ENVIRONMENT, RUN])?;
    let taken = machine.hold(OTHER, "nobody")?;
    ensure!(taken.starts_with("ours "), "then taken: {taken:?}");
    Ok(())
}
