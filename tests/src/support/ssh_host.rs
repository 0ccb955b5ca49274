//! The staging machine: OpenSSH with `ec2-user`, a sudo rule for the backup script only, and the
//! two scripts of the runbook at their real paths, working on the real database. The user, the rule
//! and the paths exist only in a private mount and process namespace (tests/support/host/init.sh),
//! so this computer does not change.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::folder::{lines_of, open_folder, place_script, set_mode};
use super::hold::{Hold, Moment};
use super::postgres::{self, Postgres};
use super::process::{
    Deadline, Process, ProcessEntry, Signal, clean_command, descendants, ensure_root, free_port, program, run, signal,
    wait_for_port,
};

/// The login user.
pub const USER: &str = "ec2-user";
/// Passphrase of [`SshHost::passphrase_key`].
pub const PASSPHRASE: &str = "peer key passphrase 42";
/// Folder of the backup script on the host.
pub const BACKUP_FOLDER: &str = "/opt/backup/bin";
/// Folder of the migration script on the host.
pub const MIGRATE_FOLDER: &str = "/home/ec2-user/migrate";
/// Value of `CONFIG` on the host.
pub const CONFIG: &str = "/home/ec2-user/migrate/application-prod.properties";

/// A user id that Debian gives to neither a person nor a service.
const USER_ID: u32 = 61_234;

/// One of the two scripts of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// `backupRallyPROD.sh`.
    Backup,
    /// The script `run.sh`.
    Migration,
}

impl Script {
    fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Migration => "migration",
        }
    }
}

/// A running staging machine.
#[derive(Debug)]
pub struct SshHost {
    machine: Process,
    port: u16,
    init: u32,
    folder: TempDir,
}

impl SshHost {
    /// Starts the machine. Its scripts work on `database`.
    ///
    /// # Errors
    /// When the test does not run as root, or a program is missing or does not start.
    pub async fn start(database: &Postgres) -> Result<Self> {
        ensure_root("staging machine", "its user and sudo rule live in a private mount namespace")?;
        let sshd = program("staging machine", "sshd", "openssh-server")?;
        let unshare = program("staging machine", "unshare", "util-linux")?;
        program("staging machine", "nsenter", "util-linux")?;
        program("staging machine", "sudo", "sudo")?;
        program("staging machine", "ssh-keygen", "openssh-client")?;
        program("staging machine", "pg_dump", "postgresql-client")?;
        let folder = open_folder("host")?;
        let port = free_port()?;
        make_accounts(folder.path())?;
        make_keys(folder.path())?;
        make_home(folder.path(), database)?;
        make_backup(folder.path(), database)?;
        make_control(folder.path())?;
        fs_err::write(folder.path().join("etc/sshd_config"), sshd_config(folder.path(), port))?;
        let mut command = clean_command(unshare, folder.path());
        command.args(["--fork", "--pid", "--mount", "--mount-proc", "--kill-child", "/bin/sh"]);
        command.arg(super::folder::support_file("host/init.sh")).arg(folder.path()).arg(sshd);
        let mut machine =
            Process::start("staging machine", &command, Signal::Kill, &folder.path().join("machine.log"))?;
        wait_for_port(&mut machine, port, Duration::from_secs(15)).await?;
        let unshare = machine.pid().context("the staging machine has no first process")?;
        let init = descendants(unshare).into_iter().find(|process| process.parent == unshare);
        let init = init.context("the staging machine has no namespace")?.pid;
        Ok(Self { machine, port, init, folder })
    }

    /// The SSH port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The fingerprint of the host key: `SHA256:…`.
    ///
    /// # Errors
    /// When ssh-keygen cannot read it.
    pub fn fingerprint(&self) -> Result<String> {
        let mut list = clean_command("ssh-keygen", self.folder.path());
        let line = run(list.arg("-lf").arg(self.folder.path().join("etc/host_key.pub")))?;
        Ok(line.split(' ').nth(1).context("ssh-keygen printed no fingerprint")?.to_owned())
    }

    /// The public host key as a line of known_hosts.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn known_hosts_line(&self) -> Result<String> {
        let key = fs_err::read_to_string(self.folder.path().join("etc/host_key.pub"))?;
        Ok(format!("[127.0.0.1]:{} {}", self.port, key.trim()))
    }

    /// The runbook's key file: an RSA key in PKCS#1 PEM without passphrase.
    #[must_use]
    pub fn rsa_pem_key(&self) -> PathBuf {
        self.folder.path().join("keys/rallyE1.pem")
    }

    /// An ed25519 key in OpenSSH's format.
    #[must_use]
    pub fn ed25519_key(&self) -> PathBuf {
        self.folder.path().join("keys/ed25519")
    }

    /// An RSA PEM key with the passphrase [`PASSPHRASE`].
    #[must_use]
    pub fn passphrase_key(&self) -> PathBuf {
        self.folder.path().join("keys/locked.pem")
    }

    /// A valid key that the machine does not accept.
    #[must_use]
    pub fn stranger_key(&self) -> PathBuf {
        self.folder.path().join("keys/stranger.pem")
    }

    /// The path on this computer of a path of the machine (below `/home/ec2-user` or
    /// `/opt/backup`).
    #[must_use]
    pub fn outside(&self, path: &str) -> PathBuf {
        let places = [("/home/ec2-user", "home"), ("/opt/backup", "backup"), ("/opt/peer", "control")];
        let found = places.iter().find_map(|(inside, outside)| {
            Some(self.folder.path().join(outside).join(path.strip_prefix(inside)?.trim_start_matches('/')))
        });
        found.unwrap_or_else(|| PathBuf::from(path))
    }

    /// The finished dumps, oldest first, as paths on this computer.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn dumps(&self) -> Result<Vec<PathBuf>> {
        let entries = fs_err::read_dir(self.outside("/opt/backup/dumps"))?;
        let mut dumps: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        dumps.retain(|path| path.extension().is_some_and(|end| end == "dump"));
        dumps.sort();
        Ok(dumps)
    }

    /// The starts of a script, one line `SECONDS USER` each. The scripts only append to this file.
    #[must_use]
    pub fn starts(&self, script: Script) -> Vec<String> {
        lines_of(&self.control().join(format!("{}-starts", script.word())))
    }

    /// Makes each script take about this long.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn take_seconds(&self, seconds: f64) -> Result<()> {
        Ok(fs_err::write(self.control().join("slow-seconds"), format!("{seconds}\n"))?)
    }

    /// Makes a script fail half-way, or work again. The migration fails with code 3 after its first
    /// change.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub fn fail(&self, script: Script, fails: bool) -> Result<()> {
        self.mark(&format!("{}-fails", script.word()), fails)
    }

    /// Makes the backup end with code 0 and a truncated dump, or end normally again.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub fn truncate_dumps(&self, truncates: bool) -> Result<()> {
        self.mark("backup-truncates", truncates)
    }

    /// Holds the next run of a script before or after its effect. The effect is the dump or the
    /// schema change.
    ///
    /// # Errors
    /// When the marker cannot be written.
    pub fn hold(&self, script: Script, moment: Moment) -> Result<Hold> {
        Hold::arm(&self.control().join(format!("{}-hold", script.word())), moment, "")
    }

    /// Gives the login user another login shell and another `.bashrc`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn set_login_shell(&self, shell: &str, bashrc: &str) -> Result<()> {
        let accounts = self.folder.path().join("etc/passwd");
        let text = fs_err::read_to_string(&accounts)?;
        let others = text.lines().filter(|line| !line.starts_with(&format!("{USER}:")));
        let lines: Vec<String> = others.map(str::to_owned).chain([account(shell)]).collect();
        // Written in place, because the file is mounted into the machine.
        fs_err::write(accounts, lines.join("\n") + "\n")?;
        Ok(fs_err::write(self.outside("/home/ec2-user/.bashrc"), bashrc)?)
    }

    /// Makes sshd run this command in place of every command of the login user.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn force_command(&self, command: &str) -> Result<()> {
        let file = self.outside("/home/ec2-user/.ssh/authorized_keys");
        let keys = fs_err::read_to_string(&file)?;
        let forced: String = keys.lines().map(|key| format!("command=\"{command}\" {key}\n")).collect();
        Ok(fs_err::write(file, forced)?)
    }

    /// Runs a shell command inside the machine as root, outside any session.
    ///
    /// # Errors
    /// When the command ends with a code other than 0.
    pub fn inside(&self, command: &str) -> Result<String> {
        let mut enter = clean_command("nsenter", self.folder.path());
        enter.args(["--target", &self.init.to_string(), "--mount", "--pid", "/bin/sh", "-c", command]);
        run(&mut enter)
    }

    /// Runs a shell command inside the machine as its login user, without ssh.
    ///
    /// # Errors
    /// When the command ends with a code other than 0.
    pub fn inside_as_user(&self, command: &str) -> Result<String> {
        let mut enter = clean_command("nsenter", self.folder.path());
        enter.args(["--target", &self.init.to_string(), "--mount", "--pid", "setpriv", "--reuid", USER, "--regid"]);
        run(enter.args([USER, "--clear-groups", "/bin/bash", "-lc", command]).env("HOME", "/home/ec2-user"))
    }

    /// Kills every open session and returns the number of killed processes. The connections break
    /// and detached jobs continue.
    ///
    /// # Errors
    /// When a process cannot be killed.
    pub fn kill_sessions(&self) -> Result<usize> {
        let sessions = self.sessions();
        for process in &sessions {
            // The second process of a session may end with the first.
            if signal(process.pid, Signal::Kill).is_err() {
                continue;
            }
        }
        Ok(sessions.len())
    }

    /// Freezes every open session, so that nothing answers and no connection closes; or continues
    /// them.
    ///
    /// # Errors
    /// When a process cannot be signalled.
    pub fn freeze_sessions(&self, frozen: bool) -> Result<()> {
        let kind = if frozen { Signal::Stop } else { Signal::Continue };
        self.sessions().iter().try_for_each(|process| signal(process.pid, kind))
    }

    /// Every process of the machine except the first.
    #[must_use]
    pub fn processes(&self) -> Vec<ProcessEntry> {
        descendants(self.init)
    }

    /// Gives the machine a new host key of the same type and restarts its sshd. Jobs continue.
    ///
    /// # Errors
    /// When the machine does not start again.
    pub async fn change_host_key(&mut self) -> Result<()> {
        make_key(&self.folder.path().join("etc/host_key"), &["-t", "ed25519"], "")?;
        self.stop_sshd().await?;
        self.start_sshd().await
    }

    /// Gives the machine a further host key of each type, and restarts its sshd.
    ///
    /// # Errors
    /// When the machine does not start again.
    pub async fn add_host_keys(&mut self, types: &[&str]) -> Result<()> {
        let etc = self.folder.path().join("etc");
        let mut settings = fs_err::read_to_string(etc.join("sshd_config"))?;
        for kind in types {
            let key = etc.join(format!("host_key_{kind}"));
            make_key(&key, &["-t", kind], "")?;
            settings.push_str(&format!("HostKey {}\n", key.display()));
        }
        fs_err::write(etc.join("sshd_config"), settings)?;
        self.stop_sshd().await?;
        self.start_sshd().await
    }

    /// Adds a line to the settings of sshd, and restarts it.
    ///
    /// # Errors
    /// When the machine does not start again.
    pub async fn set_in_sshd(&mut self, line: &str) -> Result<()> {
        let file = self.folder.path().join("etc/sshd_config");
        let settings = fs_err::read_to_string(&file)?;
        fs_err::write(&file, format!("{settings}{line}\n"))?;
        self.stop_sshd().await?;
        self.start_sshd().await
    }

    /// Stops sshd and every session. The machine and its jobs continue.
    ///
    /// # Errors
    /// When sshd does not end.
    pub async fn stop_sshd(&mut self) -> Result<()> {
        let is_listener = |process: &ProcessEntry| process.command_line.contains("sshd_config");
        self.processes().iter().filter(|process| is_listener(process)).try_for_each(|p| signal(p.pid, Signal::Kill))?;
        self.kill_sessions()?;
        let mut deadline = Deadline::after(Duration::from_secs(10));
        while tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
            deadline.pause("sshd to end").await?;
        }
        Ok(())
    }

    /// Starts sshd again after [`Self::stop_sshd`].
    ///
    /// # Errors
    /// When sshd does not start.
    pub async fn start_sshd(&mut self) -> Result<()> {
        let (config, log) = (self.folder.path().join("etc/sshd_config"), self.folder.path().join("sshd.log"));
        self.inside(&format!("/usr/sbin/sshd -f {} -E {}", config.display(), log.display()))?;
        wait_for_port(&mut self.machine, self.port, Duration::from_secs(10)).await
    }

    fn sessions(&self) -> Vec<ProcessEntry> {
        let mut processes = self.processes();
        processes.retain(|process| process.command_line.starts_with("sshd: "));
        processes.retain(|process| !process.command_line.contains("sshd_config"));
        processes
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    fn mark(&self, name: &str, wanted: bool) -> Result<()> {
        let file = self.control().join(name);
        if wanted {
            fs_err::write(file, "")?;
        } else if file.exists() {
            fs_err::remove_file(file)?;
        }
        Ok(())
    }
}

/// Copies this computer's account files and adds one user and one sudo rule.
fn make_accounts(folder: &Path) -> Result<()> {
    let etc = folder.join("etc");
    fs_err::create_dir_all(etc.join("sudoers.d"))?;
    let lines = [("passwd", account("/bin/bash"), 0o644), ("group", format!("{USER}:x:{USER_ID}:"), 0o644)];
    let shadow = ("shadow", format!("{USER}:*:19700:0:99999:7:::"), 0o600);
    for (name, line, mode) in lines.into_iter().chain([shadow]) {
        let own = fs_err::read_to_string(format!("/etc/{name}"))?;
        let others = own.lines().filter(|line| !line.starts_with(&format!("{USER}:")));
        let text: String = others.chain([line.as_str()]).map(|line| format!("{line}\n")).collect();
        fs_err::write(etc.join(name), text)?;
        set_mode(&etc.join(name), mode)?;
    }
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let main = format!(
        "Defaults env_reset, use_pty, secure_path=\"{path}\"\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n"
    );
    fs_err::write(etc.join("sudoers"), main)?;
    let rule = format!("{USER} ALL=(root) NOPASSWD: {BACKUP_FOLDER}/backupRallyPROD.sh\n");
    fs_err::write(etc.join("sudoers.d/ec2-user"), rule)?;
    set_mode(&etc.join("sudoers"), 0o440)?;
    set_mode(&etc.join("sudoers.d/ec2-user"), 0o440)
}

/// The line of the login user in `/etc/passwd`.
fn account(shell: &str) -> String {
    format!("{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:{shell}")
}

fn make_keys(folder: &Path) -> Result<()> {
    let keys = folder.join("keys");
    fs_err::create_dir_all(&keys)?;
    let pem = ["-m", "PEM", "-t", "rsa", "-b", "2048"];
    make_key(&keys.join("rallyE1.pem"), &pem, "")?;
    make_key(&keys.join("locked.pem"), &pem, PASSPHRASE)?;
    make_key(&keys.join("stranger.pem"), &pem, "")?;
    make_key(&keys.join("ed25519"), &["-t", "ed25519"], "")?;
    make_key(&folder.join("etc/host_key"), &["-t", "ed25519"], "")
}

fn make_key(file: &Path, kind: &[&str], passphrase: &str) -> Result<()> {
    if file.exists() {
        fs_err::remove_file(file)?;
    }
    let mut keygen = clean_command("ssh-keygen", Path::new("/nonexistent"));
    run(keygen.args(["-q", "-C", "peer", "-N", passphrase]).args(kind).arg("-f").arg(file)).map(|_| ())
}

fn make_home(folder: &Path, database: &Postgres) -> Result<()> {
    let home = folder.join("home");
    for part in [".ssh", "tools/bin", "migrate/changelog"] {
        fs_err::create_dir_all(home.join(part))?;
    }
    let mut known = String::new();
    for key in ["rallyE1.pem.pub", "locked.pem.pub", "ed25519.pub"] {
        known.push_str(&fs_err::read_to_string(folder.join("keys").join(key))?);
    }
    fs_err::write(home.join(".ssh/authorized_keys"), known)?;
    fs_err::write(home.join(".bash_profile"), "export PATH=\"$HOME/tools/bin:$PATH\"\n")?;
    fs_err::write(home.join(".bashrc"), "# Nothing here puts the tools on PATH.\n")?;
    place_script("host/rally-migrate", &home.join("tools/bin/rally-migrate"), &[])?;
    place_script("host/run.sh", &home.join("migrate/run.sh"), &[])?;
    let change = "alter table study_site add column closed_on date;\n\
                  insert into schema_version (version) values ('2.1.0');\n";
    fs_err::write(home.join("migrate/changelog/2.1.0.sql"), change)?;
    let (port, name) = (database.port(), postgres::DATABASE);
    let properties = format!(
        "spring.datasource.url=jdbc:postgresql://127.0.0.1:{port}/{name}\nspring.datasource.username={}\n\
         spring.datasource.password={}\n",
        postgres::USER,
        postgres::PASSWORD
    );
    fs_err::write(home.join("migrate/application-prod.properties"), properties)?;
    set_mode(&home.join("migrate/application-prod.properties"), 0o600)?;
    run(Command::new("chown").arg("-R").arg(format!("{USER_ID}:{USER_ID}")).arg(&home))?;
    set_mode(&home.join(".ssh"), 0o700)?;
    set_mode(&home, 0o750)
}

/// The login user can read the dumps, because it checks them without root.
fn make_backup(folder: &Path, database: &Postgres) -> Result<()> {
    let backup = folder.join("backup");
    fs_err::create_dir_all(backup.join("bin"))?;
    fs_err::create_dir_all(backup.join("dumps"))?;
    place_script("host/backupRallyPROD.sh", &backup.join("bin/backupRallyPROD.sh"), &[])?;
    let settings = format!(
        "export PGHOST=127.0.0.1 PGPORT={} PGDATABASE={} PGUSER={} PGPASSWORD={}\n",
        database.port(),
        postgres::DATABASE,
        postgres::USER,
        postgres::PASSWORD
    );
    fs_err::write(backup.join("bin/backup.conf"), settings)?;
    set_mode(&backup.join("bin/backup.conf"), 0o600)
}

fn make_control(folder: &Path) -> Result<()> {
    let control = folder.join("control");
    fs_err::create_dir_all(&control)?;
    for script in [Script::Backup, Script::Migration] {
        Hold::prepare(&control.join(format!("{}-hold", script.word())))?;
        let starts = control.join(format!("{}-starts", script.word()));
        fs_err::write(&starts, "")?;
        set_mode(&starts, 0o666)?;
    }
    fs_err::copy(super::folder::support_file("hold.sh"), control.join("hold.sh"))?;
    fs_err::write(control.join("slow-seconds"), "0\n")?;
    Ok(())
}

fn sshd_config(folder: &Path, port: u16) -> String {
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}/etc/host_key\nPidFile none\nPasswordAuthentication no\n\
         KbdInteractiveAuthentication no\nUsePAM no\nAllowUsers {USER}\nUseDNS no\nPrintMotd no\nPrintLastLog no\n\
         LogLevel VERBOSE\nMaxStartups 100\n",
        folder.display()
    )
}
