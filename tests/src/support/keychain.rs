//! A keychain for one test: a session bus and gnome-keyring in a private home, unlocked or locked.
//! The developer's keychain is never used: programs find this one only through [`Keychain::env`].

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use super::folder::{open_folder, set_mode};
use super::process::{Deadline, Process, Signal, clean_command, program, run};

/// Only the secret service runs on this bus. Without service folders the bus starts no other
/// program.
const BUS: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=@SOCKET@</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

const PASSWORD: &str = "peer-keychain-password";

/// A running bus, with or without a keychain.
#[derive(Debug)]
pub struct Keychain {
    keyring: Option<Process>,
    _bus: Process,
    folder: TempDir,
}

impl Keychain {
    /// Starts an unlocked, empty keychain.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn start() -> Result<Self> {
        let mut keychain = Self::without_keyring().await?;
        keychain.start_keyring(true).await?;
        Ok(keychain)
    }

    /// Starts a locked keychain. No program can ask for its password.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn locked() -> Result<Self> {
        let mut keychain = Self::start().await?;
        keychain.lock().await?;
        Ok(keychain)
    }

    /// Starts a bus without a keychain.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn without_keyring() -> Result<Self> {
        let daemon = program("keychain", "dbus-daemon", "dbus")?;
        let folder = open_folder("keychain")?;
        let home = folder.path();
        set_mode(home, 0o700)?;
        for part in ["run", "home", "home/.local", "home/.local/share"] {
            fs_err::create_dir_all(home.join(part))?;
        }
        set_mode(&home.join("run"), 0o700)?;
        let socket = home.join("run/bus");
        fs_err::write(home.join("bus.conf"), BUS.replace("@SOCKET@", &socket.to_string_lossy()))?;
        let mut bus = clean_command(daemon, home);
        bus.arg("--nofork").arg(format!("--config-file={}", home.join("bus.conf").display()));
        let mut bus = Process::start("dbus-daemon", &bus, Signal::Terminate, &home.join("bus.log"))?;
        let mut deadline = Deadline::after(Duration::from_secs(10));
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            bus.ensure_running()?;
            deadline.pause("the session bus").await?;
        }
        Ok(Self { keyring: None, _bus: bus, folder })
    }

    /// The environment variables that lead a program to this keychain only.
    #[must_use]
    pub fn env(&self) -> Vec<(String, String)> {
        let home = self.folder.path().join("home");
        let runtime = self.folder.path().join("run");
        let bus = format!("unix:path={}", runtime.join("bus").display());
        vec![
            ("HOME".to_owned(), home.display().to_string()),
            ("XDG_RUNTIME_DIR".to_owned(), runtime.display().to_string()),
            ("XDG_DATA_HOME".to_owned(), home.join(".local/share").display().to_string()),
            ("DBUS_SESSION_BUS_ADDRESS".to_owned(), bus),
        ]
    }

    /// The private home of the keychain.
    #[must_use]
    pub fn home(&self) -> std::path::PathBuf {
        self.folder.path().join("home")
    }

    /// Locks the keychain by restarting it without its password.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn lock(&mut self) -> Result<()> {
        self.start_keyring(false).await
    }

    /// Unlocks the keychain again, with its earlier content.
    ///
    /// # Errors
    /// When it does not start again.
    pub async fn unlock(&mut self) -> Result<()> {
        self.start_keyring(true).await
    }

    /// The secret that `secret-tool`, an independent client, finds under these attributes, if any.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn lookup(&self, attributes: &[(&str, &str)]) -> Result<Option<String>> {
        let tool = program("keychain", "secret-tool", "libsecret-tools")?;
        let mut lookup = clean_command(tool, &self.home());
        lookup.envs(self.env()).arg("lookup");
        for (key, value) in attributes {
            lookup.args([key, value]);
        }
        Ok(run(&mut lookup).ok())
    }

    /// Stores a secret with `secret-tool`.
    ///
    /// # Errors
    /// When the keychain refuses.
    pub fn store(&self, attributes: &[(&str, &str)], secret: &str) -> Result<()> {
        let tool = program("keychain", "secret-tool", "libsecret-tools")?;
        let mut store = clean_command("/bin/sh", &self.home());
        store.envs(self.env()).env("SECRET", secret);
        store.args(["-c", "printf %s \"$SECRET\" | timeout 10 \"$0\" store --label=peer \"$@\""]).arg(tool);
        for (key, value) in attributes {
            store.args([key, value]);
        }
        run(&mut store).map(|_| ())
    }

    async fn start_keyring(&mut self, unlocked: bool) -> Result<()> {
        let daemon = program("keychain", "gnome-keyring-daemon", "gnome-keyring")?;
        self.keyring = None;
        self.wait_for_name(false).await?;
        let mut keyring = clean_command("/bin/sh", &self.home());
        keyring.envs(self.env());
        let script = if unlocked {
            "printf %s \"$1\" | \"$0\" --foreground --unlock --components=secrets"
        } else {
            "exec \"$0\" --foreground --components=secrets"
        };
        keyring.arg("-c").arg(script).arg(daemon).arg(PASSWORD);
        let log = self.folder.path().join("keyring.log");
        self.keyring = Some(Process::start("gnome-keyring", &keyring, Signal::Terminate, &log)?);
        self.wait_for_name(true).await
    }

    async fn wait_for_name(&mut self, owned: bool) -> Result<()> {
        let mut deadline = Deadline::after(Duration::from_secs(15));
        while self.has_name(&self.home())? != owned {
            if let Some(keyring) = &mut self.keyring {
                keyring.ensure_running()?;
            }
            deadline.pause("gnome-keyring to take or leave the bus").await?;
        }
        Ok(())
    }

    fn has_name(&self, home: &Path) -> Result<bool> {
        let mut ask = clean_command(program("keychain", "dbus-send", "dbus")?, home);
        ask.envs(self.env()).args(["--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/"]);
        ask.args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]);
        Ok(run(&mut ask)?.contains("true"))
    }
}
