//! The process of the pretend production: attaches to it, or starts it, and keeps it alive while
//! the window is open.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use greenlight_adapters::keychain::MemorySecrets;
use greenlight_engine::ports::{Clock, Secrets};
use greenlight_rehearsal::{
    clock::VirtualClock,
    handle::Handle,
    host::jobs::ExitCodes,
    process::{
        self, IDLE_MAX, Options,
        rally::PretendRally,
        troubles::{Switch, Told},
    },
};
use greenlight_types::{ErrorCode, Failure, Profile};
use parking_lot::RwLock;

/// Interval of keep-alive calls. The process ends after thirty minutes without one.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// Addresses of the pretend production. Only a handle of its process makes them, so a profile, a
/// journal or a person cannot name another address.
pub struct PracticeEndpoints {
    pub git_url: String,
    pub repository: String,
    pub github: String,
    pub aws: String,
    /// Origin of the site.
    pub site: String,
    /// Port of the staging machine.
    pub ssh: u16,
}

impl From<&Handle> for PracticeEndpoints {
    fn from(handle: &Handle) -> Self {
        let file = handle.file();
        let local = |port: u16| format!("http://127.0.0.1:{port}");
        Self {
            git_url: format!("{}/{}.git", local(file.ports.git), file.repository),
            repository: file.repository.clone(),
            github: local(file.ports.github),
            aws: local(file.ports.aws),
            site: local(file.ports.site),
            ssh: file.ports.ssh,
        }
    }
}

/// The pretend production of this window.
pub struct Practice {
    handle: Arc<RwLock<Handle>>,
    clock: Arc<VirtualClock>,
}

impl Practice {
    pub async fn attach(folder: &Path, speed: u32) -> Result<Self, Failure> {
        let practice = Self::at(attach(folder, speed).await?)?;
        tauri::async_runtime::spawn(keep_alive(folder.to_owned(), speed, Arc::downgrade(&practice.handle)));
        Ok(practice)
    }

    /// A practice on a running process.
    pub fn at(handle: Handle) -> Result<Self, Failure> {
        let clock = Arc::new(handle.clock().map_err(|error| unreachable(&error))?);
        Ok(Self { handle: Arc::new(RwLock::new(handle)), clock })
    }

    fn handle(&self) -> Handle {
        self.handle.read().clone()
    }

    pub fn endpoints(&self) -> PracticeEndpoints {
        PracticeEndpoints::from(&self.handle())
    }

    pub fn profile(&self, rally: &Profile) -> Profile {
        self.handle().practice_profile(rally)
    }

    pub fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The credentials of the pretend production, in memory: practice never opens the keychain of
    /// this computer.
    pub async fn secrets(&self) -> Result<Arc<dyn Secrets>, Failure> {
        let secrets = MemorySecrets::default();
        for credential in self.handle().credentials() {
            secrets.set(&credential).await?;
        }
        Ok(Arc::new(secrets))
    }

    pub fn speed(&self) -> u32 {
        self.clock.state().speed
    }

    pub async fn troubles(&self) -> Result<Told, Failure> {
        self.handle().troubles().await.map_err(|error| unreachable(&error))
    }

    pub async fn switch(&self, wanted: &Switch) -> Result<Told, Failure> {
        self.handle().switch(wanted).await.map_err(|error| unreachable(&error))
    }

    pub async fn set_speed(&self, speed: u32) -> Result<(), Failure> {
        self.handle().set_speed(speed).await.map_err(|error| unreachable(&error))?;
        // Reading the time loads the new speed.
        let _ = self.clock.now_ms();
        Ok(())
    }
}

async fn attach(folder: &Path, speed: u32) -> Result<Handle, Failure> {
    let program = std::env::current_exe().map_err(|error| unreachable(&error))?;
    let arguments = crate::args::rehearsal_arguments(folder, speed);
    Handle::attach_or_start(folder, &program, &arguments).await.map_err(|error| unreachable(&error))
}

fn unreachable(error: &std::io::Error) -> Failure {
    Failure::new(ErrorCode::Unreachable, "reach the pretend production").because_of(error)
}

/// Ends with the window. Starts the process again when it died: it finds its state and its ports on
/// disk.
async fn keep_alive(folder: PathBuf, speed: u32, handle: std::sync::Weak<RwLock<Handle>>) {
    loop {
        tokio::time::sleep(KEEP_ALIVE_INTERVAL).await;
        let Some(handle) = handle.upgrade() else { return };
        let current = handle.read().clone();
        if let Err(error) = current.keep_alive().await {
            tracing::warn!(%error, "the pretend production does not answer");
            match attach(&folder, speed).await {
                Ok(fresh) => *handle.write() = fresh,
                Err(failure) => tracing::warn!(%failure, "the pretend production does not start again"),
            }
        }
    }
}

/// Serves the pretend production in this process. Ends after thirty minutes without a client.
pub fn serve(folder: &Path, speed: u32) -> ExitCode {
    let options =
        Options { private_dir: folder.to_owned(), speed, idle_max: IDLE_MAX, exit_codes: ExitCodes::default() };
    let served = tauri::async_runtime::block_on(process::serve(options, PretendRally::make));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "the pretend production cannot be served");
            ExitCode::FAILURE
        }
    }
}
