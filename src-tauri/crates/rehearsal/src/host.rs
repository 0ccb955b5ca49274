//! The simulated host as a folder: home directory, scripts, programs, and a mailbox to the World.
//!
//! A real shell runs the scripts. They ask the World's process through files in `.world` for
//! durations and for the effect on the database. This module starts no script and uses no network.

pub mod guard;
pub mod jobs;
mod scripts;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use crate::files;

/// Login user of the host.
pub const USER: &str = "ec2-user";

/// Output of `hostname` on the host.
pub const HOST_NAME: &str = "rally-staging";

/// Environment variable that marks every process of the simulated host. The end of practice finds
/// the processes by it.
pub const MARK: &str = "GREENLIGHT_PRETEND_HOST";

/// MiB of random bytes in a dump.
pub const DUMP_MIB: u32 = 12;

/// Folder of the simulated host.
#[derive(Clone, Debug)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    /// Creates the folder, or adds missing parts to an existing one. Dumps and jobs stay.
    ///
    /// # Errors
    /// When the folder cannot be written, or its name has characters with a meaning for a shell.
    pub fn prepare(root: &Path) -> io::Result<Self> {
        fs_err::create_dir_all(root)?;
        let root = root.canonicalize()?;
        let name = root.to_string_lossy();
        if name.chars().any(|c| c.is_whitespace() || "'\"\\$`;&|<>()*?[]{}#~!".contains(c)) {
            return Err(io::Error::other(format!(
                "the folder {name} has a space or a sign that a shell would read; choose another data folder"
            )));
        }
        let host = Self { root };
        for folder in [
            host.shims(),
            host.home().join("migrate"),
            host.home().join("tools/bin"),
            host.backup_folder(),
            host.dump_folder(),
            host.root.join("root"),
            host.mailbox(),
        ] {
            fs_err::create_dir_all(folder)?;
        }
        host.write_programs()?;
        host.write_old_dump()?;
        Ok(host)
    }

    /// Paths in the folder of a host that another process prepared. Writes nothing.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Root folder, with links resolved if [`Self::prepare`] made this value.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Home of [`USER`].
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.root.join("home").join(USER)
    }

    /// Folder of the backup script.
    #[must_use]
    pub fn backup_folder(&self) -> PathBuf {
        self.root.join("opt/backup/bin")
    }

    /// Folder of the dumps.
    #[must_use]
    pub fn dump_folder(&self) -> PathBuf {
        self.root.join("opt/backup/dumps")
    }

    /// Folder of the migration script.
    #[must_use]
    pub fn migration_folder(&self) -> PathBuf {
        self.home().join("migrate")
    }

    /// Configuration file of the migration.
    #[must_use]
    pub fn migration_config(&self) -> PathBuf {
        self.migration_folder().join("application-prod.properties")
    }

    /// The clock file that the host's `date` follows.
    #[must_use]
    pub fn clock_file(&self) -> PathBuf {
        self.root.join(".world/clock")
    }

    /// File with the database's line about itself, for probes on this host.
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.root.join(".world/database")
    }

    /// File with the id of the World's process.
    #[must_use]
    pub fn pid_file(&self) -> PathBuf {
        self.root.join(".world/pid")
    }

    /// Folder for requests of scripts to the World.
    #[must_use]
    pub fn mailbox(&self) -> PathBuf {
        self.root.join(".world/requests")
    }

    fn shims(&self) -> PathBuf {
        self.root.join("shims")
    }

    /// Complete environment of a command on this host.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let home = self.home().to_string_lossy().into_owned();
        let path = format!("{}:/usr/bin:/bin", self.shims().display());
        [
            ("HOME", home),
            ("USER", USER.to_owned()),
            ("LOGNAME", USER.to_owned()),
            ("SHELL", "/bin/bash".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("PATH", path),
            (MARK, self.root.to_string_lossy().into_owned()),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    fn write_programs(&self) -> io::Result<()> {
        let root = self.root.to_string_lossy();
        for (place, text) in scripts::PROGRAMS {
            files::write_program(&self.root.join(place), &text.replace("@ROOT@", &root))?;
        }
        for (place, text) in scripts::TEXTS {
            files::write(&self.root.join(place), text.replace("@ROOT@", &root).as_bytes())?;
        }
        Ok(())
    }

    /// Writes the dump of the last release. The app must not take this stale file for its backup.
    fn write_old_dump(&self) -> io::Result<()> {
        let old = self.dump_folder().join("rally-2025-03-14T0410.dump");
        if old.exists() {
            return Ok(());
        }
        files::write(&old, &vec![b'.'; 6 * 1024 * 1024])?;
        let file = fs_err::OpenOptions::new().write(true).open(&old)?;
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_741_925_400);
        file.file().set_modified(at)
    }

    /// Living processes of this host, found by [`MARK`] in their environment. Empty on systems
    /// without `/proc`.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        let mark = format!("{MARK}={}", self.root.display()).into_bytes();
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        entries
            .filter_map(Result::ok)
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
            .filter(|pid| {
                std::fs::read(format!("/proc/{pid}/environ"))
                    .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|pair| pair == mark))
            })
            .collect()
    }

    /// Puts a machine in place that knows no job and has no dump of this release. It has the same
    /// host key, as a copy of the machine has, and another machine id.
    ///
    /// # Errors
    /// When a folder cannot be removed or written.
    pub fn replace(&self) -> io::Result<()> {
        self.switch_off();
        for folder in [self.home().join(".greenlight"), self.dump_folder()] {
            if folder.exists() {
                fs_err::remove_dir_all(&folder)?;
            }
        }
        fs_err::create_dir_all(self.dump_folder())?;
        self.write_old_dump()
    }

    /// Kills every process of this host, like a power cut.
    pub fn switch_off(&self) {
        // Scripts start programs while they are being killed. A few rounds find them all.
        for _ in 0..5 {
            let living = self.processes();
            if living.is_empty() {
                return;
            }
            for pid in living {
                kill(&pid.to_string());
            }
        }
    }
}

/// Sends SIGKILL to a process id, or to a process group when `target` starts with `-`. A missing
/// process is no error.
pub fn kill(target: &str) {
    let ended = std::process::Command::new("/bin/sh")
        .args(["-c", "kill -9 \"$1\" 2>/dev/null", "sh", target])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status();
    if let Err(error) = ended {
        tracing::warn!(%target, %error, "failed to end a process of the pretend host");
    }
}

/// Whether a process lives. Without `/proc` the answer is `true`.
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    if !Path::new("/proc/self").exists() {
        return true;
    }
    // A zombie has ended, but its parent has not collected it yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| !rest.trim_start().starts_with('Z')))
}
