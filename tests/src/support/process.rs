//! Starts, watches and stops processes of a peer by id, and waits with a limit. Every process runs
//! under a leash (tests/support/leash.sh): it ends when the test ends, even after a crash of the
//! test.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rand::Rng;

use super::folder::support_file;

/// The signal that ends a program before SIGKILL, or freezes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Sends SIGTERM first.
    Terminate,
    /// Sends SIGINT: PostgreSQL's fast shutdown.
    Interrupt,
    /// Sends SIGKILL at once.
    Kill,
    /// Sends SIGSTOP: the process freezes and its connections stay open.
    Stop,
    /// Sends SIGCONT: the process continues.
    Continue,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// A running program of a peer. Dropping it ends the program and its children.
#[derive(Debug)]
pub struct Process {
    name: String,
    leash: Child,
    end: Option<ChildStdin>,
    log: PathBuf,
}

impl Process {
    /// Starts `command` in a session of its own and writes its output to `log`. The program gets
    /// only PATH of this process's environment, because a developer's own settings must not reach a
    /// peer.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(name: &str, command: &Command, ending: Signal, log: &Path) -> Result<Self> {
        let mut leashed = clean_command("/bin/sh", Path::new("/nonexistent"));
        leashed.arg(support_file("leash.sh")).arg(ending.name()).arg(command.get_program()).args(command.get_args());
        for (key, value) in command.get_envs() {
            match value {
                Some(value) => leashed.env(key, value),
                None => leashed.env_remove(key),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            leashed.current_dir(folder);
        }
        let out = fs_err::OpenOptions::new().create(true).append(true).open(log)?.into_parts().0;
        leashed.stdin(Stdio::piped()).stdout(out.try_clone()?).stderr(out);
        let mut leash = leashed.spawn().with_context(|| format!("failed to start {name}"))?;
        let end = leash.stdin.take();
        Ok(Self { name: name.to_owned(), leash, end, log: log.to_owned() })
    }

    /// Process id of the program, once it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let table = process_table();
        let of_leash = |process: &&ProcessEntry| process.parent == self.leash.id() && process.session == process.pid;
        table.values().find(of_leash).map(|process| process.pid)
    }

    /// The exit status, once the program has ended.
    ///
    /// # Errors
    /// When the system does not return the state of the process.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.leash.try_wait()?)
    }

    /// Fails when the program has ended. The error has the last lines of its output.
    ///
    /// # Errors
    /// When the program has ended.
    pub fn ensure_running(&mut self) -> Result<()> {
        if let Some(status) = self.ended()? {
            bail!("{} ended with {status}:\n{}", self.name, self.log_end());
        }
        Ok(())
    }

    /// The last 20 lines of the program's output.
    #[must_use]
    pub fn log_end(&self) -> String {
        let lines = super::folder::lines_of(&self.log);
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The file with the program's output.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Ends the program and waits for its end, at most ten seconds.
    pub fn stop(&mut self) {
        drop(self.end.take());
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if !matches!(self.leash.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // No error of these two calls leaves anything to do.
        let _ = self.leash.kill();
        let _ = self.leash.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// One process of the process table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessEntry {
    /// The process id.
    pub pid: u32,
    /// Id of the parent.
    pub parent: u32,
    /// The session id.
    pub session: u32,
    /// The command line, arguments separated by spaces. Empty for a zombie.
    pub command_line: String,
}

/// Every process of this computer, by id.
#[must_use]
pub fn process_table() -> BTreeMap<u32, ProcessEntry> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    let ids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|pid: u32| Some((pid, process_entry(pid)?))).collect()
}

/// `/proc/PID/stat` has the program's name in parentheses, and the name may contain spaces. The
/// other fields follow the last parenthesis (proc(5)).
fn process_entry(pid: u32) -> Option<ProcessEntry> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(1);
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let command_line = String::from_utf8_lossy(&command_line).replace('\0', " ").trim_end().to_owned();
    Some(ProcessEntry { pid, parent, session, command_line })
}

/// Waits until a process that another process ends is gone or is a zombie.
///
/// # Errors
/// When the process is still running after 15 seconds.
pub async fn wait_gone(pid: u32, what: &str) -> Result<()> {
    let mut deadline = Deadline::after(Duration::from_secs(15));
    // A zombie has no command line.
    while process_table().get(&pid).is_some_and(|process| !process.command_line.is_empty()) {
        deadline.pause(what).await?;
    }
    Ok(())
}

/// Children, grandchildren and so on of a process.
#[must_use]
pub fn descendants(root: u32) -> Vec<ProcessEntry> {
    let table = process_table();
    let mut found: Vec<ProcessEntry> = Vec::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for process in table.values().filter(|process| process.parent == parent && process.pid != root) {
            parents.push(process.pid);
            found.push(process.clone());
        }
    }
    found
}

/// Sends a signal to one process.
///
/// # Errors
/// When there is no such process, or it belongs to another user.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    run(Command::new("/bin/sh").args(["-c", "kill -s \"$0\" \"$1\"", signal.name(), &pid.to_string()])).map(|_| ())
}

/// Runs a short program to its end and returns its output.
///
/// # Errors
/// When the program cannot start or ends with a code other than 0. The error has its output.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {}", command.get_program().display()))?;
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{} {:?} ended with {}:\n{out}{}",
        command.get_program().display(),
        command.get_args().collect::<Vec<_>>(),
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(out)
}

/// Finds a program on PATH and in the system's folders. Otherwise the error names its Debian
/// package.
///
/// # Errors
/// When the program is not installed.
pub fn program(peer: &str, name: &str, package: &str) -> Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
        .with_context(|| format!("this peer ({peer}) needs {name}: apt-get install --no-install-recommends {package}"))
}

/// Fails unless the test runs as root.
///
/// # Errors
/// When it does not. The error says why the peer needs root.
pub fn ensure_root(peer: &str, why: &str) -> Result<()> {
    ensure!(is_root(), "this peer ({peer}) needs root: {why}. Run the tests as root, or with sudo");
    Ok(())
}

/// Whether this process runs as root.
#[must_use]
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// A free loopback port. It is below the range for outgoing connections, so that no outgoing
/// connection takes it before the peer does.
///
/// # Errors
/// When no free port is found in 200 tries.
pub fn free_port() -> Result<u16> {
    for _ in 0..200 {
        let port = rand::rng().random_range(15_000..32_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free loopback port in 200 tries")
}

/// A wait with a limit. The caller polls and pauses in turn.
#[derive(Debug)]
pub struct Deadline {
    limit: Duration,
    end: Instant,
}

impl Deadline {
    /// A wait of at most `limit` from now.
    #[must_use]
    pub fn after(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit }
    }

    /// Pauses for 20 ms before the next poll.
    ///
    /// # Errors
    /// When the limit has passed. The error contains `what`.
    pub async fn pause(&mut self, what: &str) -> Result<()> {
        ensure!(Instant::now() < self.end, "waited {:?} for {what}", self.limit);
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(())
    }
}

/// Waits until a TCP port of a starting process accepts a connection.
///
/// # Errors
/// When the process ends first, or the limit passes.
pub async fn wait_for_port(process: &mut Process, port: u16, limit: Duration) -> Result<()> {
    let mut deadline = Deadline::after(limit);
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        process.ensure_running()?;
        let what = format!("{} on port {port}:\n{}", process.name, process.log_end());
        deadline.pause(&what).await?;
    }
    Ok(())
}

/// A command without the developer's own settings: only PATH, `HOME` and the C.UTF-8 locale.
#[must_use]
pub fn clean_command(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()))
        .env("HOME", home)
        .env("LC_ALL", "C.UTF-8");
    command
}
