//! The web process of Rally (tests/support/web_process.py): it refuses to start on the old schema
//! and serves its version. This file neither starts processes for tasks nor routes visitors.

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

/// The parameters of one start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebVersion {
    /// The answer of `/version`: `2.1.0.0-RELEASE`.
    pub version: String,
    /// The `table.column` without which this version does not run. `None` for the old version.
    pub needs_column: Option<String>,
    /// Duration of the start.
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
    /// Starts the process on a free port. [`Self::ready_or_ended`] tells whether it runs.
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

    /// The address of the process.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The loopback port of the process.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The exit status, once the process has ended.
    ///
    /// # Errors
    /// When the system does not return the state of the process.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// The lines that the process has printed.
    #[must_use]
    pub fn log_lines(&self) -> Vec<String> {
        lines_of(&self.log())
    }

    /// The file with the output of the process.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Waits until the process answers (`None`) or has ended (its exit status).
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

    /// Ends the process and waits for its end.
    pub fn stop(&mut self) {
        self.process.stop();
    }
}
