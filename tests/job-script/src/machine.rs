//! The host of one case: a home folder, a shell named `sh`, and the verbs.

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

/// Longest wait for a condition of a case.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time between two reads of a condition.
const PAUSE: Duration = Duration::from_millis(4);

pub const JOB: &str = "rally.prod.migrate.2.1.0.a1";
pub const ENVIRONMENT: &str = "rally.prod";
/// The run that has the environment lock.
pub const RUN: &str = "run-1";
/// The owner file's content.
const WHO: &[u8] = b"{\"person\":\"Anna\"}";

/// A shell that is run as `sh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shell {
    /// Debian's `dash`.
    Dash,
    /// `bash` in its POSIX mode, because its name is `sh`.
    Bash,
    /// The shell of `busybox`, without its other programs.
    Busybox,
}

impl Shell {
    pub const ALL: [Self; 3] = [Self::Dash, Self::Bash, Self::Busybox];

    /// Folder in which this shell is named `sh`.
    fn folder(self) -> &'static str {
        match self {
            Self::Dash => "dash",
            Self::Bash => "bash",
            Self::Busybox => "busybox",
        }
    }
}

/// The effect of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Kill with SIGKILL.
    Kill,
    /// Pause until the test continues it.
    Pause,
    /// Record the passed statements and do not stop.
    Trace,
}

/// The statement at which a verb stops.
#[derive(Clone, Debug)]
pub struct Stop {
    /// Name of the verb. `launch` starts `supervise`.
    pub verb: &'static str,
    /// Line number of the statement.
    pub line: usize,
    pub how: How,
}

pub struct Machine {
    folder: TempDir,
    shell: Shell,
    stops: u32,
}

impl Machine {
    /// Creates a host with these verbs.
    ///
    /// # Errors
    /// When its folder cannot be created.
    pub fn new(shell: Shell, verbs: &str) -> Result<Self> {
        // Uses memory where possible, because these cases do not test the disk.
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

    /// A path in the host's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Every process of the verb inherits an end of the pipe `living`, so the kernel reports the
    /// last end. A list of processes would be a guess.
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

    /// Runs a verb to its end. Returns the text of its frame, or an empty text when a stop ended
    /// it.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn ask(&self, verb: &str, arguments: &[&str]) -> Result<String> {
        Ok(framed(&self.command(verb, arguments, None).output()?.stdout))
    }

    /// Runs a verb with another machine id.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn ask_of(&self, verb: &str, arguments: &[&str], machine: &str) -> Result<String> {
        Ok(framed(&self.command_of(machine, verb, arguments, None).output()?.stdout))
    }

    /// The id of this host, which includes the id of its job folder.
    ///
    /// # Errors
    /// When the answer has no such line.
    pub fn id(&self) -> Result<String> {
        let frame = self.ask("holder", &[ENVIRONMENT])?;
        let id = frame.split_whitespace().find_map(|field| field.strip_prefix("machine="));
        id.map(str::to_owned).with_context(|| format!("no machine in {frame:?}"))
    }

    /// Starts a verb that will stop.
    ///
    /// # Errors
    /// When the verb cannot be started.
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

    /// Arguments of `submit` for the job of every case.
    #[must_use]
    pub fn submit_arguments(&self) -> Vec<String> {
        self.arguments_of(JOB, 3_600)
    }

    fn arguments_of(&self, id: &str, seconds: u32) -> Vec<String> {
        let payload = fs_err::read(self.path("payload")).unwrap_or_default();
        let sha: String = Sha256::digest(payload).iter().map(|byte| format!("{byte:02x}")).collect();
        let (seconds, mutex) = (seconds.to_string(), "rally.prod-db".to_owned());
        vec![id.to_owned(), sha, seconds, mutex, ENVIRONMENT.to_owned(), RUN.to_owned()]
    }

    /// Launches a job for the run that has the environment lock.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn launch(&self, id: &str) -> Result<String> {
        self.ask("launch", &[id, ENVIRONMENT, RUN])
    }

    /// Orders the end of a script for the run that has the environment lock.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn stop(&self, id: &str, signal: &str) -> Result<String> {
        self.ask("stop", &[id, ENVIRONMENT, RUN, signal])
    }

    /// Acquires the environment lock for a run. `from` is the expected owner or `nobody`.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn hold(&self, run: &str, from: &str) -> Result<String> {
        self.give("hold", &self.hold_arguments(run, from), WHO)
    }

    /// Arguments of `hold`.
    #[must_use]
    pub fn hold_arguments(&self, run: &str, from: &str) -> Vec<String> {
        let sha: String = Sha256::digest(WHO).iter().map(|byte| format!("{byte:02x}")).collect();
        [ENVIRONMENT, run, from, &sha].map(str::to_owned).to_vec()
    }

    /// Whether a process has the file lock of the environment's owner.
    #[must_use]
    pub fn is_holder_kept(&self) -> bool {
        !is_free(&self.path(&format!("home/.greenlight/environments/{ENVIRONMENT}/lock")))
    }

    /// Whether the job passed its start latch.
    #[must_use]
    pub fn has_gate(&self) -> bool {
        self.path(&format!("home/.greenlight/jobs/{JOB}/started")).exists()
    }

    /// The run that has the environment lock, as the host reports it.
    ///
    /// # Errors
    /// When the answer has no such line.
    pub fn holder(&self) -> Result<String> {
        let frame = self.ask("holder", &[ENVIRONMENT])?;
        let run = frame.split_whitespace().find_map(|field| field.strip_prefix("run="));
        run.map(str::to_owned).with_context(|| format!("no holder in {frame:?}"))
    }

    /// Writes the job's script. It counts its start, copies the list of durable files and waits
    /// when `is_held`.
    ///
    /// # Errors
    /// When the script cannot be written.
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

    /// Submits the job.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn submit(&self) -> Result<String> {
        let payload = fs_err::read(self.path("payload"))?;
        self.send(&self.submit_arguments(), &payload)
    }

    /// Submits another job with the same script.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn submit_another(&self, id: &str, seconds: u32) -> Result<String> {
        let payload = fs_err::read(self.path("payload"))?;
        self.send(&self.arguments_of(id, seconds), &payload)
    }

    /// Sends a script with `submit`.
    ///
    /// # Errors
    /// When the verb cannot be started.
    pub fn send(&self, arguments: &[String], payload: &[u8]) -> Result<String> {
        self.give("submit", arguments, payload)
    }

    fn give(&self, verb: &str, arguments: &[String], payload: &[u8]) -> Result<String> {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut command = self.command(verb, &arguments, None);
        let mut child = command.stdin(Stdio::piped()).spawn()?;
        // A verb that has already answered does not read its input.
        let _closed = child.stdin.take().context("a pipe")?.write_all(payload);
        Ok(framed(&child.wait_with_output()?.stdout))
    }

    /// The state of another job.
    ///
    /// # Errors
    /// When `status` returns no frame.
    pub fn state_of(&self, id: &str) -> Result<String> {
        let frame = self.ask("status", &[id])?;
        state_of(&frame).with_context(|| format!("no state in {frame:?}"))
    }

    /// The state that `status` reports, without its other fields.
    ///
    /// # Errors
    /// When `status` returns no frame.
    pub fn state(&self) -> Result<String> {
        self.state_of(JOB)
    }

    /// Number of starts of the script.
    #[must_use]
    pub fn starts(&self) -> usize {
        fs_err::read_to_string(self.path("home/starts")).unwrap_or_default().lines().count()
    }

    /// Lets a waiting script continue.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn let_payload_go(&self) -> Result<()> {
        Ok(fs_err::write(self.path("home/go"), "")?)
    }

    /// Statements that the first traced verb passed.
    #[must_use]
    pub fn passed(&self) -> BTreeSet<usize> {
        let text = fs_err::read_to_string(self.path("stops/1/passed")).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }

    /// Whether every process of the verbs has ended. Verbs with a stop are not counted.
    #[must_use]
    pub fn is_asked_over(&self) -> bool {
        is_closed(&self.path("living"))
    }

    /// Whether every process has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_asked_over()
            && (1..=self.stops).all(|stop| is_closed(&self.path("stops").join(stop.to_string()).join("living")))
    }

    /// Processes of this host, found by their home folder. The list serves only to end leftovers.
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

    /// Kills the supervisor of the script.
    ///
    /// # Errors
    /// When the script did not record its supervisor.
    pub fn kill_supervisor(&self) -> Result<()> {
        let pid = fs_err::read_to_string(self.path("home/supervisor"))?;
        Command::new("/bin/kill").args(["-9", pid.trim()]).status()?;
        Ok(())
    }

    /// Kills every process, as a restart of the host does.
    pub fn kill_all(&self) {
        for pid in self.living() {
            // Kill by id. A process that has ended needs no kill.
            let _gone = Command::new("/bin/kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }

    /// Waits until every process of this host has ended.
    ///
    /// # Errors
    /// When a process still runs after the limit.
    pub fn rest(&self) -> Result<()> {
        self.until("everything to end", || self.is_over())
    }

    /// Waits for a condition.
    ///
    /// # Errors
    /// When the condition is not true within the limit.
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

/// A started verb with a stop.
pub struct Stopped {
    child: Child,
    folder: PathBuf,
}

impl Stopped {
    /// Whether the verb reached the stop.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.folder.join("reached").exists()
    }

    /// Waits until the verb reaches the stop, or ends with all its processes without reaching it.
    ///
    /// # Errors
    /// When neither happens within the limit.
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

    /// Waits until the verb is paused (`true`) or has ended. Its other processes may still run.
    ///
    /// # Errors
    /// When neither happens within the limit.
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

    /// Continues the verb, waits for its end and returns its frame.
    ///
    /// # Errors
    /// When its end cannot be awaited.
    pub fn go(self) -> Result<String> {
        fs_err::write(self.folder.join("go"), "")?;
        Ok(framed(&self.child.wait_with_output()?.stdout))
    }
}

/// Whether a file lock of `flock` is free. The check takes the lock and releases it at once.
fn is_free(lock: &Path) -> bool {
    std::fs::File::open(lock).is_ok_and(|file| file.try_lock().is_ok())
}

pub(crate) fn framed(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    let frame = text.split_once("<<<JOB:N\n").and_then(|(_, rest)| rest.split_once("\nJOB:N>>>"));
    frame.map(|(frame, _)| frame.to_owned()).unwrap_or_default()
}

#[must_use]
pub fn state_of(frame: &str) -> Option<String> {
    frame.split_whitespace().find_map(|field| field.strip_prefix("state=")).map(str::to_owned)
}
