//! A staging machine of one case: a home folder, a shell under the name `sh`, and the verbs.

use std::{
    collections::BTreeSet,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::living::{HOLDS, is_closed, pipe};

/// Longest wait for anything in a case.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(4);

/// The job of every case.
pub const JOB: &str = "rally.prod.migrate.2.1.0.a1";
/// The environment of every case.
pub const ENVIRONMENT: &str = "rally.prod";
/// The run that holds it.
pub const RUN: &str = "run-1";
/// Who takes it.
const WHO: &[u8] = b"{\"person\":\"Anna\"}";

/// A shell that stands for `sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shell {
    /// Debian's.
    Dash,
    /// With POSIX rules, because it is called `sh`.
    Bash,
    /// As a shell only.
    Busybox,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Dash, Self::Bash, Self::Busybox];

    /// Folder of the programs in which it is called `sh`.
    fn folder(self) -> &'static str {
        match self {
            Self::Dash => "dash",
            Self::Bash => "bash",
            Self::Busybox => "busybox",
        }
    }
}

/// How a verb is to be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Killed, which nothing can catch.
    Kill,
    /// Held until it is let go.
    Pause,
    /// Not stopped: where it passes is written down.
    Trace,
}

/// Where a verb is to be stopped.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Which verb; `supervise` is what `launch` starts.
    pub verb: &'static str,
    /// Number of the line.
    pub line: usize,
    /// How.
    pub how: How,
}

/// The machine.
pub struct Machine {
    folder: TempDir,
    shell: Shell,
    stops: u32,
}

impl Machine {
    /// A new one with these verbs.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn new(shell: Shell, verbs: &str) -> Result<Self> {
        // In memory where there is such a place: nothing here is about the disk itself.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory)? } else { tempfile::tempdir()? };
        let machine = Self { folder, shell, stops: 0 };
        for name in ["home", "stops"] {
            fs_err::create_dir(machine.path(name))?;
        }
        fs_err::write(machine.path("verbs.sh"), format!("{HOLDS}{verbs}"))?;
        pipe(&machine.path("living"))?;
        fs_err::write(machine.path("who"), WHO)?;
        Ok(machine)
    }

    /// A place in its folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Everything that the verb starts inherits an end of the pipe `living`: a kernel fact, where a list of processes is a
    /// guess.
    pub(crate) fn command(&self, verb: &str, arguments: &[&str], stop: Option<(&Stop, &Path)>) -> Command {
        self.command_of("any", verb, arguments, stop)
    }

    fn command_of(&self, machine: &str, verb: &str, arguments: &[&str], stop: Option<(&Stop, &Path)>) -> Command {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("machine");
        let of = |name: &str| programs.join(name).display().to_string();
        let path = format!("{}:{}:/usr/bin:/bin", of(self.shell.folder()), of("recorded"));
        let living = stop.map_or_else(|| self.path("living"), |(_, folder)| folder.join("living"));
        let mut command = Command::new(programs.join(self.shell.folder()).join("sh"));
        command
            .arg(self.path("verbs.sh"))
            .args(["N", verb])
            .args(arguments.first())
            .arg(machine)
            .args(arguments.get(1..).unwrap_or_default())
            .env_clear()
            .envs([("PATH", path), ("HOME", self.path("home").display().to_string()), ("LC_ALL", "C".into())])
            .env("LIVING", living)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if let Some((stop, folder)) = stop {
            let how = match stop.how {
                How::Kill => "kill",
                How::Pause => "pause",
                How::Trace => "trace",
            };
            command
                .env("STOP_AT", stop.line.to_string())
                .env("STOP_VERB", stop.verb)
                .env("STOP_HOW", how)
                .env("STOP_DIR", folder);
        }
        command
    }

    /// Runs a verb to its end: the text of its frame, empty when it was stopped before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn ask(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        Ok(framed(&self.command(verb, arguments, None).output()?.stdout))
    }

    /// Asks as if another machine were meant.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn ask_of(&self, verb: &str, arguments: &[&str], machine: &str) -> Result<String> {
        Ok(framed(&self.command_of(machine, verb, arguments, None).output()?.stdout))
    }

    /// The id of this machine, with the place where it keeps its gates.
    ///
    /// # Errors
    /// When the verb gives no such line.
    pub fn id(&self) -> Result<String> {
        let frame = self.ask("holder", &[ENVIRONMENT])?;
        let id = frame.split_whitespace().find_map(|field| field.strip_prefix("machine="));
        id.map(str::to_owned).with_context(|| format!("no machine in {frame:?}"))
    }

    /// Starts a verb that is to be stopped.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn begin(&mut self, verb: &str, arguments: &[&str], stop: &Stop) -> Result<Stopped> {
        self.stops += 1;
        let folder = self.path("stops").join(self.stops.to_string());
        fs_err::create_dir(&folder)?;
        pipe(&folder.join("living"))?;
        let mut command = self.command(verb, arguments, Some((stop, &folder)));
        if verb == "submit" {
            command.stdin(fs_err::File::open(self.path("payload"))?.into_file());
        }
        if verb == "hold" {
            command.stdin(fs_err::File::open(self.path("who"))?.into_file());
        }
        Ok(Stopped { child: command.spawn()?, folder })
    }

    /// What `submit` is given for the job of every case.
    #[must_use]
    pub fn submit_arguments(&self) -> Vec<String> {
        self.arguments_of(JOB, 3_600, "no")
    }

    fn arguments_of(&self, id: &str, seconds: u32, may_cancel: &str) -> Vec<String> {
        let payload = fs_err::read(self.path("payload")).unwrap_or_default();
        let sha: String = Sha256::digest(payload).iter().map(|byte| format!("{byte:02x}")).collect();
        let (seconds, mutex) = (seconds.to_string(), "rally.prod-db".to_owned());
        vec![id.to_owned(), sha, seconds, mutex, may_cancel.to_owned(), ENVIRONMENT.to_owned(), RUN.to_owned()]
    }

    /// Starts a job for the run that holds the environment.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn launch(&self, id: &str) -> Result<String> {
        self.ask("launch", &[id, ENVIRONMENT, RUN])
    }

    /// Takes the environment for a run, from one or from nobody.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn hold(&self, run: &str, from: &str) -> Result<String> {
        self.give("hold", &self.hold_arguments(run, from), WHO)
    }

    /// What `hold` is given.
    #[must_use]
    pub fn hold_arguments(&self, run: &str, from: &str) -> Vec<String> {
        let sha: String = Sha256::digest(WHO).iter().map(|byte| format!("{byte:02x}")).collect();
        [ENVIRONMENT, run, from, &sha].map(str::to_owned).to_vec()
    }

    /// Whether somebody keeps the holder of the environment from being changed.
    #[must_use]
    pub fn is_holder_kept(&self) -> bool {
        !is_free(&self.path(&format!("home/.greenlight/environments/{ENVIRONMENT}/lock")))
    }

    /// Whether somebody passed the gate of the job.
    #[must_use]
    pub fn has_gate(&self) -> bool {
        self.path(&format!("home/.greenlight/jobs/{JOB}/started")).exists()
    }

    /// The run that holds the environment, as the machine tells it.
    ///
    /// # Errors
    /// When the verb gives no such line.
    pub fn holder(&self) -> Result<String> {
        let frame = self.ask("holder", &[ENVIRONMENT])?;
        let run = frame.split_whitespace().find_map(|field| field.strip_prefix("run="));
        run.map(str::to_owned).with_context(|| format!("no holder in {frame:?}"))
    }

    /// Writes the payload: it counts its start, keeps what was durable by then, and waits while it is held.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn payload(&self, is_held: bool) -> Result<()> {
        let hold = if is_held {
            "n=0; while [ ! -e ~/go ] && [ $n -lt 1000 ]; do sleep 0.02; n=$((n + 1)); done\n"
        } else {
            ""
        };
        let text = format!(
            "cp ~/../durable ~/durable\necho $PPID > ~/supervisor\necho start >> ~/starts\n{hold}echo done\nexit 3\n"
        );
        Ok(fs_err::write(self.path("payload"), text)?)
    }

    /// Puts the job on the machine.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn submit(&self) -> Result<String> {
        let payload = fs_err::read(self.path("payload"))?;
        self.send(&self.submit_arguments(), &payload)
    }

    /// Puts another job with the same script on the machine.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn submit_another(&self, id: &str, seconds: u32, may_cancel: &str) -> Result<String> {
        let payload = fs_err::read(self.path("payload"))?;
        self.send(&self.arguments_of(id, seconds, may_cancel), &payload)
    }

    /// Sends a script as `submit` would.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn send(&self, arguments: &[String], payload: &[u8]) -> Result<String> {
        self.give("submit", arguments, payload)
    }

    fn give(&self, verb: &str, arguments: &[String], payload: &[u8]) -> Result<String> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.command(verb, &arguments, None);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        // One that has its answer already does not read it.
        let _closed = child.stdin.take().context("a pipe")?.write_all(payload);
        Ok(framed(&child.wait_with_output()?.stdout))
    }

    /// The state of another job.
    ///
    /// # Errors
    /// When `status` gives no frame.
    pub fn state_of(&self, id: &str) -> Result<String> {
        let frame = self.ask("status", &[id])?;
        state_of(&frame).with_context(|| format!("no state in {frame:?}"))
    }

    /// The state that `status` tells, without its facts.
    ///
    /// # Errors
    /// When it gives no frame.
    pub fn state(&self) -> Result<String> {
        self.state_of(JOB)
    }

    /// How often the payload began.
    #[must_use]
    pub fn starts(&self) -> usize {
        fs_err::read_to_string(self.path("home/starts")).unwrap_or_default().lines().count()
    }

    /// Lets a payload that is held go on.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn let_payload_go(&self) -> Result<()> {
        Ok(fs_err::write(self.path("home/go"), "")?)
    }

    /// Where the first verb that was begun to be traced passed.
    #[must_use]
    pub fn passed(&self) -> BTreeSet<usize> {
        let text = fs_err::read_to_string(self.path("stops/1/passed")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Whether nothing lives of all the verbs that were asked; those that were begun to be stopped are not counted.
    #[must_use]
    pub fn is_asked_over(&self) -> bool {
        is_closed(&self.path("living"))
    }

    /// Whether nothing lives.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_asked_over()
            && (1..=self.stops).all(|stop| is_closed(&self.path("stops").join(stop.to_string()).join("living")))
    }

    /// Processes of this machine that live, by their home folder: enough to end what is left.
    fn living(&self) -> Vec<u32> {
        let mark = format!("HOME={}", self.path("home").display());
        let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
        processes
            .flatten()
            .filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| {
                let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
            })
            .collect()
    }

    /// Ends the process that watches the payload.
    ///
    /// # Errors
    /// When the payload did not say which one that is.
    pub fn kill_supervisor(&self) -> Result<()> {
        let pid = fs_err::read_to_string(self.path("home/supervisor"))?;
        Command::new("/bin/kill").args(["-9", pid.trim()]).status()?;
        Ok(())
    }

    /// Ends every process, as a restart of the machine does.
    pub fn kill_all(&self) {
        for pid in self.living() {
            // By its number; one that is gone needs no end.
            let _gone = Command::new("/bin/kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Waits until nothing of this machine runs.
    ///
    /// # Errors
    /// When something still does after the limit.
    pub fn rest(&self) -> Result<()> {
        self.until("everything to end", || self.is_over())
    }

    /// Waits for something.
    ///
    /// # Errors
    /// When it did not come in time.
    pub fn until(&self, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
        let begun = Instant::now();
        while !is_so() {
            ensure!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// A verb that is to be stopped.
pub struct Stopped {
    child: Child,
    folder: PathBuf,
}

impl Stopped {
    /// Whether the stop was reached.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.folder.join("reached").exists()
    }

    /// Waits until it was stopped, or came to its end without passing there, together with what it started.
    ///
    /// # Errors
    /// When neither happens in time.
    pub fn wait(&mut self, machine: &Machine) -> Result<bool> {
        let begun = Instant::now();
        loop {
            let has_ended = self.child.try_wait()?.is_some();
            if self.is_reached() {
                return Ok(true);
            }
            if has_ended && machine.is_over() {
                return Ok(self.is_reached());
            }
            if begun.elapsed() > PATIENCE {
                bail!("neither stopped nor ended");
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until it is held (`true`), or ended without passing there, whatever else lives.
    ///
    /// # Errors
    /// When neither happens in time.
    pub fn is_held(&mut self) -> Result<bool> {
        let begun = Instant::now();
        while !self.is_reached() {
            if self.child.try_wait()?.is_some() {
                return Ok(self.is_reached());
            }
            ensure!(begun.elapsed() < PATIENCE, "neither held nor ended");
            std::thread::sleep(PAUSE);
        }
        Ok(true)
    }

    /// Lets it go on, and waits for its end: its frame.
    ///
    /// # Errors
    /// When it cannot be waited for.
    pub fn go(self) -> Result<String> {
        fs_err::write(self.folder.join("go"), "")?;
        Ok(framed(&self.child.wait_with_output()?.stdout))
    }
}

/// The lock of `flock`, asked without a process; it is let go at once.
fn is_free(lock: &Path) -> bool {
    std::fs::File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

pub(crate) fn framed(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    let frame = text.split_once("<<<JOB:N\n").and_then(|(_, rest)| rest.split_once("\nJOB:N>>>"));
    frame.map(|(frame, _)| frame.to_owned()).unwrap_or_default()
}

/// The state in a frame.
#[must_use]
pub fn state_of(frame: &str) -> Option<String> {
    frame.split_whitespace().find_map(|field| field.strip_prefix("state=")).map(str::to_owned)
}
