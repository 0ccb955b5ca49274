//! The simulator as practice serves it, inside this process: every front on loopback, for
//! independent clients.

use std::time::Duration;

use anyhow::{Result, anyhow};
use greenlight_rehearsal::{
    handle::Handle,
    host::jobs::ExitCodes,
    process::{IDLE_MAX, Options, Production as _, rally::PretendRally, serve},
    world::Rules,
};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::{folder::open_folder, process::Deadline};

/// A simulator that serves until this value is dropped.
#[derive(Debug)]
pub struct Served {
    folder: TempDir,
    handle: Handle,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Serves a new simulator. `speed` is virtual seconds per real second.
    ///
    /// # Errors
    /// When it does not answer within 30 s.
    pub async fn start(speed: u32) -> Result<Self> {
        Self::start_with(speed, |_| {}).await
    }

    /// Serves a new simulator with changed rules.
    ///
    /// # Errors
    /// When it does not answer within 30 s.
    pub async fn start_with(speed: u32, change: fn(&mut Rules)) -> Result<Self> {
        let folder = open_folder("production")?;
        let options = Options {
            private_dir: folder.path().to_owned(),
            speed,
            idle_max: IDLE_MAX,
            exit_codes: ExitCodes::default(),
        };
        let make = move |beginning| {
            let made = PretendRally::make(beginning)?;
            if let Some(mut world) = made.world() {
                change(&mut world.rules);
            }
            Ok(made)
        };
        let task = tokio::spawn(serve(options, make));
        let mut deadline = Deadline::after(Duration::from_secs(30));
        loop {
            if let Some(handle) = Handle::attach(folder.path()).await {
                return Ok(Self { folder, handle, task });
            }
            if task.is_finished() {
                return Err(anyhow!("the pretend production ended: {:?}", task.await));
            }
            deadline.pause("the pretend production to answer").await?;
        }
    }

    /// The handle of the simulator: addresses and credentials.
    #[must_use]
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// A folder that exists as long as this value.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The address of a front.
    #[must_use]
    pub fn url(&self, port: u16) -> String {
        format!("http://127.0.0.1:{port}")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}
