//! Checks without a stop: the answer of each verb, a killed supervisor, a restarted machine, a late
//! start, and many launches at once.

use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use parking_lot::Mutex;

use crate::{
    cases::whole_output,
    machine::{ENVIRONMENT, JOB, Machine, RUN, Shell, state_of},
    ready::{self, Led},
};

/// All checks except `at_once`, with their names.
pub const ALONE: [(&str, Check); 12] = [
    ("Plain", plain),
    ("Orphaned", orphaned),
    ("Stubborn", stubborn),
    ("Grouped", grouped),
    ("OfAnotherUser", foreign),
    ("Restarted", restarted),
    ("AskedAtTheWrongMoment", probed),
    ("KeptWaitingPastItsTime", late),
    ("HomeEmptied", emptied),
    ("TakenByWhoNeverSpeaks", stalled),
    ("LogIsRemoved", unlogged),
    ("HolderCannotBeRead", unheld),
];

/// A check of the verbs on one shell.
pub type Check = fn(Shell, &str) -> Result<()>;

/// Checks the answer of each verb without a fault.
///
/// # Errors
/// When an answer is wrong.
pub fn plain(shell: Shell, verbs: &str) -> Result<()> {
    let machine = Machine::new(shell, verbs)?;
    machine.payload(true)?;
    let (backup, second) = ("rally.prod.backup.2.1.0.a1", "rally.prod.migrate.2.1.0.a2");
    let is = |what: &str, got: String, wanted: &str| {
        ensure!(got == wanted, "{what}: {got:?} instead of {wanted:?}");
        Ok(())
    };
    is("nothing is there", machine.state()?, "absent")?;
    is("a start of nothing", machine.launch(JOB)?, "absent")?;
    is("a script that was cut", machine.send(&machine.submit_arguments(), b"echo start")?, "damaged")?;
    is("and left nothing", machine.state()?, "absent")?;
    let nobodys = machine.submit()?;
    ensure!(nobodys.starts_with("other run=nobody "), "a submit while nobody holds the environment: {nobodys}");
    ensure!(machine.hold(RUN, "nobody")?.starts_with("ours run=run-1 "), "the environment is free");
    ensure!(machine.hold("run-2", "nobody")?.starts_with("other run=run-1 "), "the environment is held");
    ensure!(machine.ask("still", &[ENVIRONMENT, RUN])?.starts_with("ours "), "it is still held");
    is("another machine", machine.ask_of("status", &[JOB], "another")?, &format!("replaced {}", machine.id()?))?;
    is("a first submit", machine.submit()?, "new")?;
    is("a second one", machine.submit()?, "same")?;
    is("its state", machine.state()?, "waiting")?;
    is("the attempt behind one that may still start", machine.submit_another(second, 60)?, "unfinished")?;
    is("a start", machine.launch(JOB)?, "launched")?;
    machine.until("the payload to begin", || machine.starts() == 1)?;
    is("its state", machine.state()?, "running")?;
    is("the attempt behind one that runs", machine.submit_another(second, 60)?, "unfinished")?;
    is("a job at the same database", machine.submit_another(backup, 60)?, "new")?;
    is("its state", machine.state_of(backup)?, "busy")?;
    let foreign = machine.ask("stop", &[JOB, ENVIRONMENT, "run-2", "TERM"])?;
    ensure!(foreign.starts_with("other run=run-1 "), "a stop by a run without the environment: {foreign}");
    is("a stop of a job that never started", machine.stop(backup, "TERM")?, "over")?;
    is("a gate that was passed", machine.ask("revoke", &[JOB, "outside"])?, "lost")?;
    machine.let_payload_go()?;
    machine.rest()?;
    is("its state", machine.state()?, "finished")?;
    let frame = machine.ask("status", &[JOB])?;
    ensure!(frame.contains(" exit=3 ") && frame.contains(" bytes=5 "), "it ended with 3: {frame}");
    whole_output(&machine)?;
    fs_err::remove_file(machine.path("home/go"))?;
    is("a start", machine.launch(backup)?, "launched")?;
    machine.until("the payload to begin", || machine.starts() == 2)?;
    machine.until("what can be ended", || machine.path(&format!("home/.greenlight/jobs/{backup}/group")).exists())?;
    is("a stop", machine.stop(backup, "TERM")?, "signalled")?;
    machine.rest()?;
    let frame = machine.ask("status", &[backup])?;
    ensure!(frame.contains("state=finished") && frame.contains(" exit=143 "), "it was ended: {frame}");
    is("a stop of a script that ended", machine.stop(backup, "TERM")?, "over")?;
    is("the attempt behind one that is over", machine.submit_another(second, 0)?, "new")?;
    machine.until("its time to be over", || machine.state_of(second).is_ok_and(|state| state == "expired"))?;
    machine.launch(second)?;
    machine.rest()?;
    is("a start after its time", machine.state_of(second)?, "expired")?;
    is("its gate", machine.ask("revoke", &[second, "expired"])?, "won")?;
    is("its state", machine.state_of(second)?, "revoked")?;
    let listed = machine.ask("list", &["rally.prod.migrate.2.1.0.a"])?;
    ensure!(listed.lines().count() == 2 && listed.contains(" why=expired "), "the list is {listed}");
    ensure!(machine.starts() == 2, "{} starts of two jobs", machine.starts());
    Ok(())
}

/// Launches a job many times at once, between status requests. About one seed in three also
/// revokes it.
///
/// # Errors
/// When the job starts twice, or an answer is wrong.
pub fn at_once(shell: Shell, verbs: &str, launches: usize, seed: u64) -> Result<()> {
    let machine = ready::machine(shell, verbs, false, Led::Submitted)?;
    let (mut rng, mut acts) = (fastrand::Rng::with_seed(seed), vec!["launch"; launches]);
    acts.extend(["status"; 3]);
    if rng.u8(..3) == 0 {
        acts.push("revoke");
    }
    rng.shuffle(&mut acts);
    let told: Mutex<Vec<(&str, String)>> = Mutex::default();
    std::thread::scope(|scope| {
        for act in &acts {
            let (machine, told) = (&machine, &told);
            scope.spawn(move || {
                let more: &[&str] = match *act {
                    "revoke" => &[JOB, "outside"],
                    "launch" => &[JOB, ENVIRONMENT, RUN],
                    _ => &[JOB],
                };
                let frame = machine.ask(act, more).unwrap_or_default();
                told.lock().push((act, frame));
            });
        }
    });
    machine.rest()?;
    let told = told.into_inner();
    let won = told.iter().any(|(act, frame)| *act == "revoke" && frame == "won");
    let seen = (machine.state()?, machine.starts());
    let expected = if won { ("revoked", 0) } else { ("finished", 1) };
    ensure!((seen.0.as_str(), seen.1) == expected, "seed {seed}: {seen:?} after {told:?}");
    for (act, frame) in &told {
        let state = state_of(frame).unwrap_or_default();
        let is_false = *act == "status" && matches!(state.as_str(), "died" | "orphaned" | "rebooted" | "moved" | "");
        ensure!(!is_false, "seed {seed}: a status told {frame:?}");
    }
    Ok(())
}

/// A script that ignores SIGTERM goes on, with its child. SIGKILL ends both.
///
/// # Errors
/// When an answer is wrong.
pub fn stubborn(shell: Shell, verbs: &str) -> Result<()> {
    let machine = Machine::new(shell, verbs)?;
    fs_err::write(machine.path("payload"), "trap '' TERM\necho start >> ~/starts\nsleep 60\n")?;
    begin(&machine)?;
    ensure!(machine.stop(JOB, "TERM")? == "signalled" && machine.state()? == "running", "SIGTERM is ignored");
    ensure!(machine.stop(JOB, "KILL")? == "signalled", "SIGKILL");
    machine.rest()?;
    let frame = machine.ask("status", &[JOB])?;
    ensure!(frame.contains("state=finished") && frame.contains(" exit=137 "), "it was killed: {frame}");
    Ok(())
}

/// A stop reaches a program that made a process group of its own, as timeout does.
///
/// # Errors
/// When a process of the script goes on.
pub fn grouped(shell: Shell, verbs: &str) -> Result<()> {
    let machine = Machine::new(shell, verbs)?;
    fs_err::write(machine.path("payload"), "echo start >> ~/starts\ntimeout 60 sleep 50\n")?;
    begin(&machine)?;
    ensure!(machine.stop(JOB, "TERM")? == "signalled", "SIGTERM");
    // `rest` waits until the last process of the script has ended.
    machine.rest()?;
    ensure!(machine.state()? == "finished", "it was stopped");
    Ok(())
}

/// No process gets a signal while one of the script belongs to another user and sudo refuses.
///
/// # Errors
/// When an answer is wrong.
pub fn foreign(shell: Shell, verbs: &str) -> Result<()> {
    // `kill -0` fails for a process of another user. The tests run as root, which may signal all.
    let verbs = verbs.replace("kill -0 \"${one#/proc/}\" 2> /dev/null", "false").replace("sudo -n kill", "false");
    let machine = Machine::new(shell, &verbs)?;
    machine.payload(true)?;
    begin(&machine)?;
    let answer = machine.stop(JOB, "TERM")?;
    let group = fs_err::read_to_string(machine.path(&format!("home/.greenlight/jobs/{JOB}/group")))?;
    ensure!(answer == format!("foreign {}", group.trim()), "of another user: {answer}");
    ensure!(machine.state()? == "running", "no process was stopped");
    machine.let_payload_go()?;
    machine.rest()
}

/// Starts the job and waits until it can be stopped.
fn begin(machine: &Machine) -> Result<()> {
    machine.hold(RUN, "nobody")?;
    machine.submit()?;
    machine.launch(JOB)?;
    machine.until("the payload to begin", || machine.starts() == 1)?;
    let group = machine.path(&format!("home/.greenlight/jobs/{JOB}/group"));
    machine.until("its group", || fs_err::read_to_string(&group).is_ok_and(|text| !text.is_empty()))
}

/// A killed supervisor does not end its script. The script keeps its locks.
///
/// # Errors
/// When the state or the number of starts is wrong.
pub fn orphaned(shell: Shell, verbs: &str) -> Result<()> {
    let machine = running(shell, verbs)?;
    let backup = "rally.prod.backup.2.1.0.a1";
    machine.kill_supervisor()?;
    machine.until("the supervisor to be gone", || machine.state().is_ok_and(|state| state != "running"))?;
    let state = machine.state()?;
    ensure!(state == "orphaned", "a payload whose supervisor was killed is called {state}");
    ensure!(machine.submit_another(backup, 60)? == "new", "another job is put there");
    let beside = machine.state_of(backup)?;
    ensure!(beside == "busy", "a job beside it is called {beside}");
    machine.launch(JOB)?;
    machine.let_payload_go()?;
    machine.rest()?;
    let state = machine.state()?;
    ensure!(state == "died" && machine.starts() == 1, "then it is {state}, with {} starts", machine.starts());
    Ok(())
}

/// A job that ran during a restart has no result, and its state says so. On a copy of the host
/// the state is `moved`.
///
/// # Errors
/// When the state or the number of starts is wrong.
pub fn restarted(shell: Shell, verbs: &str) -> Result<()> {
    let verbs = verbs
        .replace("line_of /proc/sys/kernel/random/boot_id", "line_of \"$HOME/../boot\"")
        .replace("line_of /etc/machine-id", "line_of \"$HOME/../machine\"");
    let machine = running(shell, &verbs)?;
    machine.kill_all();
    machine.rest()?;
    for (file, expected) in [("none", "died"), ("boot", "rebooted"), ("machine", "moved")] {
        fs_err::write(machine.path(file), "another\n")?;
        let state = machine.state()?;
        ensure!(state == expected, "it is called {state} instead of {expected}");
        machine.launch(JOB)?;
        machine.rest()?;
        let answer = machine.ask("revoke", &[JOB, "outside"])?;
        ensure!(machine.starts() == 1 && answer == "lost", "{} starts, and its gate: {answer}", machine.starts());
    }
    Ok(())
}

/// A status request takes a file lock for a moment. A launch waits for it, and the job starts in
/// time.
///
/// # Errors
/// When the job does not finish.
pub fn probed(shell: Shell, verbs: &str) -> Result<()> {
    for lock in [format!("jobs/{JOB}/lock.sup"), format!("jobs/{JOB}/lock.tree"), "mutex/rally.prod-db".to_owned()] {
        let machine = ready::machine(shell, verbs, false, Led::Submitted)?;
        let held = machine.path(&format!("home/.greenlight/{lock}"));
        let mut question = Command::new("flock")
            .arg("-s")
            .arg(&held)
            .args(["sh", "-c", "echo; sleep 0.4"])
            .stdout(Stdio::piped())
            .spawn()?;
        let mut ready = [0];
        std::io::Read::read_exact(&mut question.stdout.take().expect("a pipe"), &mut ready)?;
        machine.launch(JOB)?;
        question.wait()?;
        machine.rest()?;
        let state = machine.state()?;
        ensure!(state == "finished" && machine.starts() == 1, "asked while {lock} was wanted: {state}");
    }
    Ok(())
}

/// A supervisor that waits beyond the limit of its job starts nothing.
///
/// # Errors
/// When the job starts.
pub fn late(shell: Shell, verbs: &str) -> Result<()> {
    let machine = Machine::new(shell, verbs)?;
    machine.payload(false)?;
    ensure!(machine.hold(RUN, "nobody")?.starts_with("ours "), "the environment is not taken");
    ensure!(machine.submit_another(JOB, 1)? == "new", "the job is not put there");
    let kept = machine.path(&format!("home/.greenlight/environments/{ENVIRONMENT}/lock"));
    let mut keeper = Command::new("flock")
        .arg("-x")
        .arg(&kept)
        .args(["sh", "-c", "echo; read -r _"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut ready = [0];
    std::io::Read::read_exact(&mut keeper.stdout.take().expect("a pipe"), &mut ready)?;
    machine.launch(JOB)?;
    machine.until("its time to be over", || machine.state().is_ok_and(|state| state == "expired"))?;
    drop(keeper.stdin.take());
    keeper.wait()?;
    machine.rest()?;
    let seen = (machine.state()?, machine.starts());
    ensure!(seen == ("expired".to_owned(), 0), "it is {seen:?}");
    Ok(())
}

/// An empty home folder has lost its jobs, for example after a restart without its disk. Each verb
/// answers `replaced`.
///
/// # Errors
/// When an answer is wrong.
pub fn emptied(shell: Shell, verbs: &str) -> Result<()> {
    let machine = running(shell, verbs)?;
    machine.let_payload_go()?;
    machine.rest()?;
    let id = machine.id()?;
    let state = machine.ask_of("status", &[JOB], &id)?;
    ensure!(state.starts_with("state=finished "), "it ended as {state}");
    fs_err::remove_dir_all(machine.path("home/.greenlight"))?;
    for (verb, more) in
        [("status", [JOB].as_slice()), ("launch", &[JOB, ENVIRONMENT, RUN]), ("revoke", &[JOB, "expired"])]
    {
        let answer = machine.ask_of(verb, more, &id)?;
        ensure!(answer.starts_with("replaced "), "{verb} of a home that is empty: {answer:?}");
    }
    let other = machine.id()?;
    ensure!(other != id && machine.ask_of("status", &[JOB], &id)?.starts_with("replaced "), "{other} is {id}");
    Ok(())
}

/// A takeover over a stalled connection blocks no other request.
///
/// # Errors
/// When the owner cannot be read meanwhile, or changes.
pub fn stalled(shell: Shell, verbs: &str) -> Result<()> {
    let machine = Machine::new(shell, verbs)?;
    machine.payload(false)?;
    ensure!(machine.hold(RUN, "nobody")?.starts_with("ours "), "the environment is not taken");
    let arguments = machine.hold_arguments("run-2", RUN);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut silent = machine.command("hold", &arguments, None).stdin(Stdio::piped()).spawn()?;
    let staging = machine.path("home/.greenlight/staging");
    machine.until("it to read", || std::fs::read_dir(&staging).is_ok_and(|entries| entries.count() > 0))?;
    let still = machine.ask("still", &[ENVIRONMENT, RUN])?;
    ensure!(still.starts_with("ours "), "asked meanwhile: {still:?}");
    drop(silent.stdin.take());
    silent.wait()?;
    ensure!(machine.holder()? == RUN, "{} holds it", machine.holder()?);
    Ok(())
}

/// The result of a script is recorded although its log file is gone.
///
/// # Errors
/// When the result is absent or wrong.
pub fn unlogged(shell: Shell, verbs: &str) -> Result<()> {
    let machine = running(shell, verbs)?;
    fs_err::remove_file(machine.path(&format!("home/.greenlight/jobs/{JOB}/log")))?;
    machine.let_payload_go()?;
    machine.rest()?;
    let result = fs_err::read_to_string(machine.path(&format!("home/.greenlight/jobs/{JOB}/result")))?;
    ensure!(result.starts_with("exit=3 bytes=0 "), "{result:?}");
    let frame = machine.ask("status", &[JOB])?;
    ensure!(frame.contains("state=finished ") && frame.contains(" bytes=0 exit=3 "), "{frame}");
    Ok(())
}

/// An unreadable owner file is an error, not an absent owner.
///
/// # Errors
/// When another run acquires the lock.
pub fn unheld(shell: Shell, verbs: &str) -> Result<()> {
    let machine = Machine::new(shell, verbs)?;
    machine.payload(false)?;
    ensure!(machine.hold(RUN, "nobody")?.starts_with("ours "), "the environment is not taken");
    let holder = machine.path(&format!("home/.greenlight/environments/{ENVIRONMENT}/holder"));
    fs_err::write(&holder, "")?;
    let taken = machine.hold("run-2", "nobody")?;
    ensure!(!taken.starts_with("ours ") && fs_err::read(&holder)?.is_empty(), "taken from somebody: {taken:?}");
    Ok(())
}

/// A job whose script runs and waits.
fn running(shell: Shell, verbs: &str) -> Result<Machine> {
    let machine = Machine::new(shell, verbs)?;
    fs_err::write(machine.path("boot"), "first\n")?;
    fs_err::write(machine.path("machine"), "first\n")?;
    machine.payload(true)?;
    ensure!(machine.hold(RUN, "nobody")?.starts_with("ours "), "the environment is not taken");
    ensure!(machine.submit()? == "new", "the job is not put there");
    machine.launch(JOB)?;
    machine.until("the payload to begin", || machine.path("home/supervisor").exists() && machine.starts() == 1)?;
    Ok(machine)
}
