//! Client side of the simulator process: finds or starts the process that serves a folder, and
//! knows its addresses.
//!
//! It makes the only profile and credentials that practice uses.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use greenlight_engine::ports::{Credential, SecretText};
use greenlight_types::{EndpointProfile, Profile, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    clock::VirtualClock,
    host::{Host, USER, is_alive},
    process::{
        control,
        troubles::{Switch, Told},
    },
    profile::{fill, filled},
};

/// Longest time from the start of a process until it serves.
const START_MAX: Duration = Duration::from_secs(30);
/// Time between two attempts to attach to the process.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes at the end of the process's log that an error shows.
const LOG_TAIL: usize = 2_000;

/// Ports of the fronts, all on 127.0.0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PortNumbers {
    /// Control front: ping, speed, troubles, stop.
    pub control: u16,
    /// Git over smart HTTP.
    pub git: u16,
    /// GitHub's REST API.
    pub github: u16,
    /// JSON protocol of AWS.
    pub aws: u16,
    /// Pages of the site.
    pub site: u16,
    /// SSH to the host.
    pub ssh: u16,
}

/// Description that the process writes about itself, readable for its owner only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandleFile {
    /// Process id of the server.
    pub pid: u32,
    /// Start of the process, in real time.
    pub started: Timestamp,
    /// Start of the virtual clock, in virtual time.
    pub origin: Timestamp,
    /// Speed at the start of the process. The clock file has the current speed.
    pub speed: u32,
    /// Ports of all fronts.
    pub ports: PortNumbers,
    /// Token of the control front.
    pub control_token: String,
    /// Token for git and GitHub.
    pub github_token: String,
    /// Access key id for AWS.
    pub aws_key_id: String,
    /// Secret access key for AWS.
    pub aws_secret: String,
    /// Name of the repository: `owner/name`.
    pub repository: String,
    /// File with the private key for the host.
    pub staging_key: PathBuf,
    /// Fingerprint of the host: `SHA256:…`.
    pub fingerprint: String,
    /// Folder of the host's files.
    pub host_root: PathBuf,
}

/// A running simulator process.
#[derive(Clone, Debug)]
pub struct Handle {
    file: HandleFile,
    host: Host,
}

impl Handle {
    /// Name of the handle file in the private folder.
    pub const FILE: &'static str = "handle.json";

    /// The process that serves this folder; `None` when none lives and answers.
    pub async fn attach(private_dir: &Path) -> Option<Self> {
        let text = fs_err::read_to_string(private_dir.join(Self::FILE)).ok()?;
        let file: HandleFile = serde_json::from_str(&text).ok()?;
        if !is_alive(file.pid) {
            return None;
        }
        control::call(file.ports.control, &file.control_token, "GET", "/alive", "").await.ok()?;
        let host = Host::at(&file.host_root);
        Some(Self { file, host })
    }

    /// Attaches to the process that serves this folder. Without one, starts `exe hidden_args…` in a
    /// session of its own and waits until it serves.
    ///
    /// The started process must call [`crate::process::serve`] on the same folder. It gets its
    /// speed from its arguments, because its parent may end before it serves. A running process
    /// keeps its speed.
    ///
    /// # Errors
    /// When the process does not start or does not serve in time. The message has the end of its
    /// log.
    pub async fn attach_or_start(private_dir: &Path, exe: &Path, hidden_args: &[OsString]) -> io::Result<Self> {
        if let Some(handle) = Self::attach(private_dir).await {
            return Ok(handle);
        }
        make_private(private_dir)?;
        let log = private_dir.join("serve.log");
        let mut child = start(exe, hidden_args, &log)?;
        let deadline = Instant::now() + START_MAX;
        loop {
            if let Some(handle) = Self::attach(private_dir).await {
                return Ok(handle);
            }
            // A second window may have started a process at the same time. Then ours ends and the
            // other one answers.
            let has_ended = child.try_wait()?.is_some();
            if Instant::now() > deadline {
                let state = if has_ended { "ended" } else { "does not serve" };
                return Err(io::Error::other(format!("the pretend production {state}: {}", tail(&log))));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Description that the process wrote about itself.
    #[must_use]
    pub fn file(&self) -> &HandleFile {
        &self.file
    }

    /// The virtual clock of the process, as a follower.
    ///
    /// # Errors
    /// When the clock file is missing.
    pub fn clock(&self) -> io::Result<VirtualClock> {
        VirtualClock::follow(&self.host.clock_file())
    }

    /// Changes the speed of the virtual clock.
    ///
    /// # Errors
    /// When the process does not answer.
    pub async fn set_speed(&self, speed: u32) -> io::Result<()> {
        self.control("POST", "/speed", &format!("{{\"speed\":{speed}}}")).await.map(drop)
    }

    /// States and occurrences of all troubles.
    ///
    /// # Errors
    /// When the process does not answer, or its answer cannot be decoded.
    pub async fn troubles(&self) -> io::Result<Told> {
        Ok(serde_json::from_str(&self.control("GET", "/troubles", "").await?)?)
    }

    /// Switches a trouble. Returns the states of all troubles afterwards.
    ///
    /// # Errors
    /// When the process does not answer, or its answer cannot be decoded.
    pub async fn switch(&self, wanted: &Switch) -> io::Result<Told> {
        let body = serde_json::to_string(wanted)?;
        Ok(serde_json::from_str(&self.control("POST", "/trouble", &body).await?)?)
    }

    /// Tells the process that a client is present.
    ///
    /// # Errors
    /// When the process does not answer.
    pub async fn keep_alive(&self) -> io::Result<()> {
        self.control("GET", "/alive", "").await.map(drop)
    }

    /// Ends the process and all processes of the simulated host.
    ///
    /// # Errors
    /// When the process does not answer.
    pub async fn stop(&self) -> io::Result<()> {
        self.control("POST", "/stop", "").await.map(drop)
    }

    async fn control(&self, method: &str, path: &str, body: &str) -> io::Result<String> {
        control::call(self.file.ports.control, &self.file.control_token, method, path, body).await
    }

    /// Credentials that the simulator accepts.
    #[must_use]
    pub fn credentials(&self) -> Vec<Credential> {
        vec![
            Credential::Github { token: SecretText::new(self.file.github_token.clone()) },
            Credential::Aws {
                key_id: self.file.aws_key_id.clone(),
                secret: SecretText::new(self.file.aws_secret.clone()),
                session: None,
            },
            Credential::StagingKey { path: self.file.staging_key.to_string_lossy().into_owned(), passphrase: None },
        ]
    }

    /// Profile of practice. It has the names of the real profile and a value for every open name.
    /// Optional values are empty ([`crate::profile::with_optional_values`] adds them). All
    /// addresses are on loopback and all paths in the private folder, so no button of a practice
    /// run reaches production.
    #[must_use]
    pub fn practice_profile(&self, rally: &Profile) -> Profile {
        let mut profile = filled(rally);
        let ports = self.file.ports;
        let site = format!("http://127.0.0.1:{}", ports.site);
        profile.product.environment = "practice".to_owned();
        profile.product.environment_name = "Practice".to_owned();
        profile.git.url = format!("http://127.0.0.1:{}/{}.git", ports.git, self.file.repository);
        profile.github.repository.clone_from(&self.file.repository);
        profile.github.actions_page = format!("{site}/pages/actions");
        profile.aws.task_definitions_page = format!("{site}/pages/task-definitions");
        self.rebase_host(&mut profile);
        profile.site.url = site.clone();
        profile.site.version_url = format!("{site}/about");
        profile.site.version_pattern = r"([0-9]+(?:\.[0-9]+){2,3}-RELEASE)".to_owned();
        profile.endpoints = Some(EndpointProfile {
            github: Some(format!("http://127.0.0.1:{}", ports.github)),
            aws: Some(format!("http://127.0.0.1:{}", ports.aws)),
        });
        profile
    }

    fn rebase_host(&self, profile: &mut Profile) {
        let spell = |path: PathBuf| path.to_string_lossy().into_owned();
        let host = &mut profile.host;
        host.address = "127.0.0.1".to_owned();
        host.port = self.file.ports.ssh;
        host.user = USER.to_owned();
        host.key_file = spell(self.file.staging_key.clone());
        host.fingerprint.clone_from(&self.file.fingerprint);
        fill(&mut host.login_shell, "bash -lc");
        let backup = &mut profile.backup;
        backup.directory = spell(self.host.backup_folder());
        backup.command = "./backupRallyPROD.sh".to_owned();
        backup.become_root = "sudo -n".to_owned();
        backup.artifact_directory = spell(self.host.dump_folder());
        backup.artifact_pattern = "rally-*.dump".to_owned();
        backup.artifact_min_mib = 5;
        let migration = &mut profile.migration;
        migration.directory = spell(self.host.migration_folder());
        migration.command = "./run.sh".to_owned();
        migration.environment = BTreeMap::from([("CONFIG".to_owned(), spell(self.host.migration_config()))]);
    }
}

/// Makes the private folder, accessible to its owner only.
///
/// # Errors
/// When the folder cannot be made.
pub fn make_private(folder: &Path) -> io::Result<()> {
    fs_err::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs_err::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Starts the process in a session of its own, so that it outlives the window and its terminal.
fn start(exe: &Path, hidden_args: &[OsString], log: &Path) -> io::Result<Child> {
    let setsid = Path::new("/usr/bin/setsid");
    let mut command = if setsid.exists() {
        let mut command = Command::new(setsid);
        command.arg(exe);
        command
    } else {
        let mut command = Command::new(exe);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
    };
    let out = fs_err::OpenOptions::new().create(true).append(true).open(log)?.into_file();
    let errors = out.try_clone()?;
    command
        .args(hidden_args)
        .stdin(Stdio::null())
        .stdout(Stdio::from(out))
        .stderr(Stdio::from(errors))
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("failed to start {}: {error}", exe.display())))
}

fn tail(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let from = text.len().saturating_sub(LOG_TAIL);
    String::from_utf8_lossy(text.get(from..).unwrap_or_default()).trim().to_owned()
}
