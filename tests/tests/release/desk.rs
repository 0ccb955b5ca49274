//! The desk of a whole release: a simulator, a data folder, and the operator's parts of the app.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use greenlight_adapters::{
    aws::AwsAccess,
    catalog::SystemCatalog,
    ecr::EcrImages,
    ecs::{EcsServices, task_definitions::EcsTaskDefinitions},
    git::GitAdapter,
    github::GithubAdapter,
    ids::Uuids,
    journal_sqlite::SqliteJournal,
    keychain::MemorySecrets,
    logs::CloudWatchLogs,
    site::SiteAdapter,
    spool::FileSpool,
    ssh::SshHost,
    sts::StsIdentity,
};
use greenlight_engine::{
    ports::{Clock, Ports, RawPorts, Screen, Secrets},
    profile,
    redact::Redactor,
    release::{Parts, Release},
};
use greenlight_rehearsal::{
    handle::Handle,
    host::jobs::ExitCodes,
    process::{self, Options, rally::PretendRally},
    profile::with_optional_values,
};
use greenlight_types::{LineSource, Live, LogLine, Profile, RunId};

use super::{PATIENCE, SPEED, anna, pacer::keep_pace, told};

struct Silent;

impl Screen for Silent {
    fn moved(&self, _run: &RunId, _seq: u32) {}
    fn live(&self, _live: Live) {}
    fn lines(&self, _run: &RunId, _source: LineSource, _lines: &[LogLine]) {}
}

/// A simulator, a data folder, and the operator's parts of the app.
pub struct Desk {
    pub folder: tempfile::TempDir,
    pub handle: Handle,
    pub profile: Profile,
    secrets: Arc<dyn Secrets>,
    pub redactor: Arc<Redactor>,
    pub clock: Arc<dyn Clock>,
    /// Data folder of this computer.
    data: PathBuf,
}

impl Desk {
    pub async fn new(exit_codes: ExitCodes) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let world = folder.path().join("world");
        let options =
            Options { private_dir: world.clone(), speed: SPEED, idle_max: Duration::from_secs(600), exit_codes };
        tokio::spawn(process::serve(options, |beginning| {
            let made = PretendRally::make(beginning)?;
            if let Some(mut world) = process::Production::world(&made) {
                world.rules.breaker = None;
            }
            Ok(made)
        }));
        let handle = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Some(handle) = Handle::attach(&world).await {
                    return handle;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await
        .expect("the pretend production starts");
        let paced = Handle::attach(&world).await.expect("the simulator answers");
        tokio::spawn(keep_pace(paced, SPEED));
        let rally = profile::parse(profile::BUILT_IN_NAME, profile::BUILT_IN).expect("the built-in profile");
        let secrets = MemorySecrets::default();
        for credential in handle.credentials() {
            secrets.set(&credential).await.expect("kept in memory");
        }
        let clock: Arc<dyn Clock> = Arc::new(handle.clock().expect("a clock"));
        let (profile, data) = (with_optional_values(handle.practice_profile(&rally)), folder.path().join("data"));
        Self { profile, folder, handle, secrets: Arc::new(secrets), redactor: Arc::default(), clock, data }
    }

    /// Continues on another computer with an empty journal.
    pub fn move_to_another_computer(&mut self) {
        self.data = self.folder.path().join("another-computer");
    }

    pub async fn parts(&self) -> Parts {
        let data = &self.data;
        let journal = SqliteJournal::open(&data.join("journal.sqlite")).await.expect("a journal");
        Parts {
            journal: Arc::new(journal),
            screen: Arc::new(Silent),
            spool: Arc::new(FileSpool::new(&data.join("lines"))),
            clock: self.clock.clone(),
            ids: Arc::new(Uuids),
            redactor: self.redactor.clone(),
        }
    }

    pub fn ports(&self) -> Ports {
        let (profile, secrets) = (&self.profile, || self.secrets.clone());
        let endpoints = profile.endpoints.as_ref().expect("practice has its own endpoints");
        let (names, clone) = (&profile.aws, self.data.join("clone.git"));
        let aws = AwsAccess::new(&names.region, endpoints.aws.as_deref(), secrets()).expect("AWS settings");
        let address = endpoints.github.as_deref().expect("a GitHub address");
        let github = Arc::new(GithubAdapter::new(address, &profile.github.repository, secrets()).expect("GitHub"));
        let services = Arc::new(EcsServices::new(aws.clone(), &names.cluster, &names.service, &names.container));
        let images = Arc::new(EcrImages::new(aws.clone(), &names.account, &names.image_repository));
        let ports = RawPorts {
            git: Arc::new(GitAdapter::new(&profile.git.url, clone, secrets()).expect("a git address")),
            builds: github.clone(),
            pull_requests: github.clone(),
            task_definitions: Arc::new(EcsTaskDefinitions::new(aws.clone())),
            services: services.clone(),
            images: images.clone(),
            logs: Arc::new(CloudWatchLogs::new(aws.clone(), &names.log_group)),
            identity: Arc::new(StsIdentity::new(aws)),
            catalog: Arc::new(SystemCatalog::new(github, services, images)),
            host: Arc::new(SshHost::new(secrets())),
            site: Arc::new(SiteAdapter::new().expect("a site client")),
            clock: self.clock.clone(),
        };
        ports.cleaned(&self.redactor)
    }

    /// Opens a run whose starts need the readiness checks.
    pub async fn open_checked(&self, run: &RunId) -> Release {
        Release::open(self.parts().await, self.ports(), run, anna()).await.expect("the run opens")
    }

    pub async fn open(&self, run: &RunId) -> Release {
        self.open_checked(run).await.without_readiness()
    }

    /// Waits until a job of this kind has started.
    pub async fn until_started(&self, kind: &str, release: &Release) {
        let started = async {
            while self.starts(kind) == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, started).await;
        assert!(waited.is_ok(), "no {kind} started: {}", told(&release.view()));
    }

    /// Number of started jobs, counted on the simulated host and not in a journal.
    pub fn starts(&self, kind: &str) -> usize {
        jobs(&self.folder.path().join("world"), kind)
    }
}

/// Number of jobs of a kind that ever started on the simulated host.
fn jobs(folder: &Path, kind: &str) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            // A revoked job leaves the same file as a started one.
            let is_start = name == "started"
                && path.to_string_lossy().contains(&format!(".{kind}."))
                && std::fs::read_to_string(path.join("info")).is_ok_and(|info| info.starts_with("kind=run "));
            usize::from(is_start) + if path.is_dir() { jobs(&path, kind) } else { 0 }
        })
        .sum()
}
