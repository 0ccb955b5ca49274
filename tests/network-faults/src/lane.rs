//! A lane: two network namespaces with a cable, an OpenSSH server in one and the app in the other.
//! It also makes the network faults. Namespace names hold the process id, so that a later run can
//! remove leftovers.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use greenlight_tests::support::{
    folder::set_mode,
    process::{Process, Signal, clean_command, descendants, ensure_root, program, run, signal},
};
use tempfile::TempDir;

/// The host's address, the same in every lane.
pub const ADDRESS: &str = "10.77.0.1";
const APP_ADDRESS: &str = "10.77.0.2";
const PREFIX: &str = "glcut";
const UP_MAX: Duration = Duration::from_secs(20);

/// The two namespaces and the server of one lane.
pub struct Lane {
    machine: Process,
    app: String,
    host: String,
    folder: TempDir,
}

impl Lane {
    /// Returns the lane of this number, and creates it if necessary.
    ///
    /// # Errors
    /// When a program is missing, the user is not root, or the server does not start.
    pub fn take(kept: &mut Option<Self>, number: usize) -> Result<&Self> {
        let lane = match kept.take() {
            Some(lane) => lane,
            None => Self::new(number)?,
        };
        Ok(kept.insert(lane))
    }

    fn new(number: usize) -> Result<Self> {
        ensure_root("SSH cuts", "each job has a network namespace of its own")?;
        let sshd = program("SSH cuts", "sshd", "openssh-server")?;
        program("SSH cuts", "nft", "nftables")?;
        program("SSH cuts", "ss", "iproute2")?;
        let folder = tempfile::Builder::new().prefix("greenlight-network-faults-").tempdir()?;
        set_mode(folder.path(), 0o755)?;
        fill(folder.path())?;
        let name = |side: &str| format!("{PREFIX}-{}-{number}-{side}", std::process::id());
        let (app, host) = (name("app"), name("host"));
        remove(&app);
        remove(&host);
        let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("machine/init.sh");
        let mut command = clean_command(program("SSH cuts", "ip", "iproute2")?, folder.path());
        command.args(["netns", "exec", &host, "unshare", "--fork", "--pid", "--mount", "--mount-proc", "--kill-child"]);
        command.arg("/bin/sh").arg(init).arg(folder.path()).arg(sshd);
        // From here on, a failure removes the namespaces.
        let made = cable(&app, &host)
            .and_then(|()| Process::start("machine", &command, Signal::Kill, &folder.path().join("machine.log")));
        let machine = made.inspect_err(|_| {
            remove(&app);
            remove(&host);
        })?;
        let lane = Self { machine, app, host, folder };
        lane.wait_up()?;
        Ok(lane)
    }

    fn wait_up(&self) -> Result<()> {
        let until = std::time::Instant::now() + UP_MAX;
        while std::time::Instant::now() < until {
            let listening = self.in_host(&["ss", "-Hltn", "sport = :22"])?;
            if !listening.trim().is_empty() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        anyhow::bail!("sshd does not listen: {}", self.machine.log_end())
    }

    /// The operator's SSH key.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    /// The home folder of the host's user.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// A command that runs in the app's namespace.
    #[must_use]
    pub fn beside_app(&self, program: &Path) -> Command {
        let mut command = clean_command("ip", &self.home());
        command.args(["netns", "exec", &self.app]).arg(program);
        command
    }

    /// Drops all packets in both directions without an error.
    ///
    /// # Errors
    /// When the firewall rules cannot be set.
    pub fn go_dark(&self) -> Result<()> {
        let rules = "table inet cut { \
            chain in { type filter hook input priority 0; policy drop; } ; \
            chain out { type filter hook output priority 0; policy drop; } ; }";
        self.in_host(&["nft", rules]).map(drop)
    }

    /// Lets packets through again.
    ///
    /// # Errors
    /// When the firewall rules cannot be removed.
    pub fn go_light(&self) -> Result<()> {
        self.in_host(&["nft", "delete", "table", "inet", "cut"]).map(drop)
    }

    /// Ends every connection with a reset.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn reset(&self) -> Result<()> {
        self.in_host(&["ss", "-K", "-Htn", "state", "established", "sport = :22"]).map(drop)
    }

    /// Kills every session of the server. The server continues.
    ///
    /// # Errors
    /// When the server has ended.
    pub fn kill_sessions(&self) -> Result<()> {
        let machine = self.machine.pid().context("the machine is gone")?;
        let sessions = descendants(machine);
        for session in sessions.iter().filter(|one| one.command_line.starts_with("sshd: ") && !is_listener(one)) {
            // The second process of a session may end with the first.
            let _ = signal(session.pid, Signal::Kill);
        }
        Ok(())
    }

    /// Empties the home folder except for the files of the job.
    ///
    /// # Errors
    /// When the files cannot be written.
    pub fn clear(&self, code: i32) -> Result<()> {
        let home = self.home();
        for name in [".greenlight", "dumps", "starts"] {
            let path = home.join(name);
            if path.is_dir() {
                fs_err::remove_dir_all(&path)?;
            } else if path.exists() {
                fs_err::remove_file(&path)?;
            }
        }
        Ok(fs_err::write(home.join("code"), code.to_string())?)
    }

    fn in_host(&self, words: &[&str]) -> Result<String> {
        let mut command = clean_command("ip", &self.home());
        run(command.args(["netns", "exec", &self.host]).args(words))
    }
}

fn is_listener(process: &greenlight_tests::support::process::ProcessEntry) -> bool {
    process.command_line.contains("[listener]") || process.command_line.contains("sshd_config")
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.machine.stop();
        remove(&self.app);
        remove(&self.host);
    }
}

/// Removes namespaces of processes that have ended.
pub fn sweep() {
    let Ok(entries) = std::fs::read_dir("/run/netns") else { return };
    for name in entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()) {
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.trim_start_matches('-').split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&name);
        }
    }
}

fn remove(namespace: &str) {
    if Path::new("/run/netns").join(namespace).exists() {
        // A later run removes a namespace that cannot be removed now.
        let _ = ip(&["netns", "del", namespace]);
    }
}

fn ip(words: &[&str]) -> Result<String> {
    run(clean_command("ip", Path::new("/nonexistent")).args(words))
}

/// Creates two namespaces and a cable between them.
fn cable(app: &str, host: &str) -> Result<()> {
    ip(&["netns", "add", app])?;
    ip(&["netns", "add", host])?;
    ip(&["link", "add", "wire", "netns", app, "type", "veth", "peer", "name", "wire", "netns", host])?;
    for (namespace, address) in [(app, APP_ADDRESS), (host, ADDRESS)] {
        ip(&["-n", namespace, "addr", "add", &format!("{address}/30"), "dev", "wire"])?;
        ip(&["-n", namespace, "link", "set", "wire", "up"])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
    }
    Ok(())
}

fn fill(folder: &Path) -> Result<()> {
    let home = folder.join("home");
    fs_err::create_dir_all(home.join("noise"))?;
    for number in 0..8 {
        fs_err::write(home.join("noise").join(number.to_string()), noise(number))?;
    }
    let job = home.join("job.sh");
    fs_err::write(&job, include_str!("../machine/job.sh"))?;
    set_mode(&job, 0o755)?;
    for name in ["key", "host_key"] {
        let mut keygen = clean_command("ssh-keygen", Path::new("/nonexistent"));
        run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(name)))?;
    }
    fs_err::copy(folder.join("key.pub"), folder.join("authorized"))?;
    let at = folder.display();
    let settings = format!(
        "ListenAddress {ADDRESS}\nHostKey {at}/host_key\nAuthorizedKeysFile {at}/authorized\nPidFile none\n\
         PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nUseDNS no\n\
         PermitRootLogin prohibit-password\nPrintMotd no\nPrintLastLog no\n"
    );
    Ok(fs_err::write(folder.join("sshd_config"), settings)?)
}

/// Lines of arbitrary text: control characters, and characters of one to four bytes. Invalid UTF-8
/// is excluded, because the app keeps it in another form.
fn noise(seed: u64) -> String {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut text = String::new();
    for _ in 0..8 {
        for _ in 0..rng.usize(0..400) {
            let letter = if rng.u8(..4) == 0 { char::from(rng.u8(..128)) } else { rng.char('\u{80}'..) };
            // `\n` ends a line, and a terminal treats `\r` as an end.
            text.push(if letter == '\n' || letter == '\r' { '\t' } else { letter });
        }
        text.push('\n');
    }
    text
}

/// The host's own log of the job.
///
/// # Errors
/// When the number of jobs with output is not one.
pub fn log_of(home: &Path) -> Result<Vec<u8>> {
    let mut logs = Vec::new();
    for entry in fs_err::read_dir(home.join(".greenlight/jobs"))? {
        let log = entry?.path().join("log");
        if fs_err::metadata(&log).is_ok_and(|meta| meta.len() > 0) {
            logs.push(fs_err::read(log)?);
        }
    }
    ensure!(logs.len() == 1, "{} jobs wrote something", logs.len());
    Ok(logs.remove(0))
}
