//! The host as a folder: the app's job verbs in a real shell with this home, without a network.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, SystemTime},
};

use anyhow::Result;
use async_trait::async_trait;
use greenlight_adapters::remote_job::{JobHost, OnSilence, Shell};
use greenlight_engine::ports::{HostAddress, PortResult, ReadOutput};
use greenlight_rehearsal::world::host::Dump;
use greenlight_types::{Changed, ErrorCode, Failure};
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt as _, process::Command};

/// The migration's script. It counts its start, waits briefly and ends with 0.
const MIGRATION: &str = "echo start >> ~/starts\nsleep 0.1\necho done >> ~/ends\n";

/// Id of the job folder.
pub const STORE: &str = "races";

/// Folder of the job verbs.
const VERBS: &str = ".greenlight/helper";

/// Folder of the backups.
pub const BACKUPS: &str = "backups";

pub struct Machine {
    folder: TempDir,
}

impl Machine {
    /// Creates a host with the migration of this version and these backups.
    ///
    /// # Errors
    /// When its folder cannot be created.
    pub fn new(backups: &[Dump]) -> Result<Self> {
        let folder = folder()?;
        for name in ["migrate", BACKUPS, ".greenlight"] {
            fs_err::create_dir(folder.path().join(name))?;
        }
        for backup in backups {
            let file = fs_err::File::create(folder.path().join(BACKUPS).join(&backup.file))?;
            // A sparse file uses no disk space.
            file.set_len(backup.bytes)?;
            let written = Duration::from_millis(u64::try_from(backup.at_ms)?);
            file.file().set_modified(SystemTime::UNIX_EPOCH + written)?;
        }
        fs_err::write(folder.path().join(".greenlight/store"), STORE)?;
        fs_err::write(folder.path().join("migrate/run.sh"), MIGRATION)?;
        Ok(Self { folder })
    }

    /// Copies the job verbs from a host on which an app has already installed them. The races do
    /// not test the installation.
    ///
    /// # Errors
    /// When the verbs are missing or cannot be copied.
    pub fn with_verbs_of(self, other: &Self) -> Result<Self> {
        let (from, to) = (other.folder.path().join(VERBS), self.folder.path().join(VERBS));
        fs_err::create_dir(&to)?;
        for verbs in fs_err::read_dir(&from)? {
            let verbs = verbs?;
            fs_err::copy(verbs.path(), to.join(verbs.file_name()))?;
        }
        Ok(self)
    }

    /// A host adapter for one computer.
    #[must_use]
    pub fn host(&self) -> JobHost<AtHome> {
        JobHost::over(AtHome { home: self.folder.path().to_owned() })
    }

    /// Number of starts of the migration.
    #[must_use]
    pub fn starts(&self) -> usize {
        self.lines("starts")
    }

    /// Number of completed migrations.
    #[must_use]
    pub fn ends(&self) -> usize {
        self.lines("ends")
    }

    fn lines(&self, name: &str) -> usize {
        fs_err::read_to_string(self.folder.path().join(name)).unwrap_or_default().lines().count()
    }
}

/// A folder in memory where possible, because the races do not test the disk.
///
/// # Errors
/// When it cannot be created.
pub fn folder() -> std::io::Result<TempDir> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }
}

/// A shell in the host's home folder.
pub struct AtHome {
    home: PathBuf,
}

#[async_trait]
impl Shell for AtHome {
    async fn fingerprints(&self, _address: &str, _port: u16) -> PortResult<Vec<String>> {
        Ok(vec!["SHA256:the-one-machine".to_owned()])
    }

    async fn run(
        &self,
        _host: &HostAddress,
        _effect: OnSilence,
        command: &str,
        input: &str,
        deadline: Duration,
    ) -> PortResult<ReadOutput> {
        let lost = |error: &dyn std::fmt::Display| {
            Failure::new(ErrorCode::Unreachable, "run a command").because(error).changed(Changed::Unknown)
        };
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).env_clear().env("HOME", &self.home).env("PATH", "/usr/bin:/bin");
        shell.current_dir(&self.home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ran = async {
            let mut child = shell.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // A command that has already answered does not read its input.
                let _closed = stdin.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        match tokio::time::timeout(deadline, ran).await {
            Ok(Ok(output)) => Ok(ReadOutput {
                exit: output.status.code(),
                out: String::from_utf8_lossy(&output.stdout).into_owned(),
                err: String::from_utf8_lossy(&output.stderr).into_owned(),
            }),
            Ok(Err(error)) => Err(lost(&error)),
            Err(error) => Err(lost(&error)),
        }
    }
}
