//! The web process of Rally (tests/support/web_process.py): it refuses to start on the old schema and shows its
//! version. Who starts one for a task, and who sends visitors to it, is not decided here.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

use super::folder::{lines_of, open_folder, support_file};
use super::process::{Deadline, Process, Signal, clean_command, free_port, program};

/// One start of the web process.
#[derive(Debug)]
pub struct WebProcess {
    process: Process,
    port: u16,
    folder: TempDir,
}

/// What is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebVersion {
    /// What `/version` answers: `2.1.0.0-RELEASE`.
    pub version: String,
    /// `table.column` that this version cannot run without; none for the old version.
    pub needs_column: Option<String>,
    /// How long starting takes.
    pub boot: Duration,
}

impl WebVersion {
    /// Rally 2.1.0, which needs the migrated schema.
    #[must_use]
    pub fn new_one() -> Self {
        let needs_column = Some("study_site.closed_on".to_owned());
        Self { version: "2.1.0.0-RELEASE".to_owned(), needs_column, boot: Duration::ZERO }
    }

    /// Rally 2.0.1.11, which runs on both schemas.
    #[must_use]
    pub fn old_one() -> Self {
        Self { version: "2.0.1.11-RELEASE".to_owned(), needs_column: None, boot: Duration::ZERO }
    }
}

impl WebProcess {
    /// Starts the process on a free port; whether it can run is seen by [`Self::ready_or_ended`].
    ///
    /// # Errors
    /// When python3 or psql is missing.
    pub fn start(database_url: &str, version: &WebVersion) -> Result<Self> {
        let python = program("web process", "python3", "python3")?;
        program("web process", "psql", "postgresql")?;
        let folder = open_folder("web")?;
        let port = free_port()?;
        let mut command = clean_command(python, folder.path());
        command.arg(support_file("web_process.py")).args(["--database", database_url, "--version", &version.version]);
        command.args(["--port", &port.to_string(), "--boot-seconds", &version.boot.as_secs_f64().to_string()]);
        if let Some(column) = &version.needs_column {
            command.args(["--needs-column", column]);
        }
        let process = Process::start("web process", &command, Signal::Terminate, &folder.path().join("log"))?;
        Ok(Self { process, port, folder })
    }

    /// Address of the process.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its loopback port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Exit status once it has ended.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// The lines it has printed so far.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        lines_of(&self.log())
    }

    /// The file its lines go to.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Waits until it answers (none) or has ended (its exit status).
    ///
    /// # Errors
    /// When neither happens within `limit`.
    pub async fn ready_or_ended(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let mut deadline = Deadline::after(limit);
        loop {
            if let Some(status) = self.ended()? {
                return Ok(Some(status));
            }
            if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return Ok(None);
            }
            deadline.pause("the web process to answer or to end").await?;
        }
    }

    /// Ends the process.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}
