//! Starts and stops every real system of a whole release together: git server, OpenSSH machine,
//! PostgreSQL, moto and web processes. The simulator serves only GitHub's workflow and the ECS
//! service, which have no local equivalent. One listener answers for AWS and routes each call to
//! moto or to the simulator.
//!
//! Makes no judgement. A test reads the systems directly.

mod doors;
mod fronts;
mod service;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use greenlight_engine::profile;
use greenlight_rehearsal::clock::{ClockState, VirtualClock, real_ms};
use greenlight_rehearsal::process::rally::{CLUSTER, Pace, PretendRally, RealSystems, SERVICE, WORKFLOW};
use greenlight_rehearsal::process::{InitialState, Production as _};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

pub use doors::{Doors, HeldRequest};
use fronts::Front;
use service::Service;

use super::folder::open_folder;
use super::git_server::{GitServer, TOKEN};
use super::moto::{FAMILY, KEY_ID, Moto, REGION, SECRET_KEY, peers_folder};
use super::postgres::Postgres;
use super::process::{clean_command, run};
use super::ssh_host::{CONFIG, MIGRATE_FOLDER, SshHost};
use super::window::SignIns;

/// The repository name on GitHub.
pub const REPOSITORY: &str = "rallyforresearch/rally";
/// The version that serves at the start, as in its version file.
const OLD_VALUE: &str = "2.0.1.11-RELEASE";

/// Every system of one release.
#[derive(Debug)]
pub struct Stage {
    /// The repository.
    pub git: GitServer,
    /// The production database.
    pub database: Postgres,
    /// The staging machine.
    pub machine: SshHost,
    /// Task definitions, images, identity and log pages.
    pub moto: Moto,
    /// Holds requests to git, GitHub, AWS or the site.
    pub doors: Doors,
    /// The service and its tasks.
    pub service: Arc<Service>,
    aws: u16,
    site: u16,
    profile: PathBuf,
    key_file: PathBuf,
    folder: TempDir,
    _serving: JoinSet<()>,
}

impl Stage {
    /// Starts every system. With `ends_at_update` the workflow ends once it has updated the
    /// service. `pace` is the duration of the build and of the start of tasks.
    ///
    /// # Errors
    /// When a system is missing or does not start. The text names its Debian package.
    pub async fn start(ends_at_update: bool, pace: Pace) -> Result<Self> {
        Self::start_with(ends_at_update, pace, Known::Everything).await
    }

    /// Starts every system, with a profile that has the values of `known`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(ends_at_update: bool, pace: Pace, known: Known) -> Result<Self> {
        let folder = open_folder("stage")?;
        let git = GitServer::start().await?;
        let database = Postgres::start().await?;
        let machine = SshHost::start(&database).await?;
        let moto = Moto::start_with_rally().await?;
        let doors = Doors::default();

        let definition = moto.newest_task_definition(FAMILY).await?;
        let world = world(folder.path(), &git, &RealSystems { pace, ends_at_update, definition })?;
        let mut serving = JoinSet::new();
        let github = fronts::serve(&mut serving, world.github()).await?;
        let aws = fronts::serve(&mut serving, world.aws()).await?;
        let service = Arc::new(Service::new(world.clone(), database.url()));
        serving.spawn(service::live(Arc::clone(&service), git.repository(), moto.url()));

        let front = |kind| Front::new(kind, doors.clone());
        let git_front = front(fronts::Kind::Git { to: git_base(&git.url())? });
        let github_front = front(fronts::Kind::Github { to: github });
        let aws_front = front(fronts::Kind::Aws { service: aws, others: moto.url(), world });
        let site_front = front(fronts::Kind::Site { service: Arc::clone(&service) });
        let ports = Ports {
            git: port_of(&git_front.serve(&mut serving).await?)?,
            github: port_of(&github_front.serve(&mut serving).await?)?,
            aws: port_of(&aws_front.serve(&mut serving).await?)?,
            site: port_of(&site_front.serve(&mut serving).await?)?,
            ssh: machine.port(),
        };
        service.wait_until_served().await?;

        let profile = folder.path().join("rally.toml");
        fs_err::write(&profile, profile_text(ports, known)?)?;
        let key_file = machine.rsa_pem_key();
        Ok(Self {
            git,
            database,
            machine,
            moto,
            doors,
            service,
            aws: ports.aws,
            site: ports.site,
            profile,
            key_file,
            folder,
            _serving: serving,
        })
    }

    /// The profile for `--profile`.
    #[must_use]
    pub fn profile(&self) -> &Path {
        &self.profile
    }

    /// A folder of this stage for files of a test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The values that an operator enters on the Access page.
    #[must_use]
    pub fn sign_ins(&self) -> SignIns<'_> {
        SignIns { github_token: TOKEN, aws_key_id: KEY_ID, aws_secret: SECRET_KEY, key_file: &self.key_file }
    }

    /// Every secret that only the keychain may store.
    ///
    /// # Errors
    /// When the key file cannot be read.
    pub fn secrets(&self) -> Result<Vec<(&'static str, Vec<u8>)>> {
        let key = fs_err::read_to_string(&self.key_file)?;
        let line = key.lines().nth(3).context("the key file has no fourth line")?;
        Ok(vec![
            ("the GitHub token", TOKEN.into()),
            ("the AWS secret", SECRET_KEY.into()),
            ("a line of the staging machine key", line.into()),
        ])
    }

    /// ARNs of the task definitions of the running tasks, as AWS returns them.
    ///
    /// # Errors
    /// When AWS does not answer.
    pub async fn revisions_of_tasks(&self) -> Result<Vec<String>> {
        let listed = self.ask_aws(&["list-tasks", "--cluster", CLUSTER, "--service-name", SERVICE]).await?;
        let arns = listed["taskArns"].as_array().context("no list of ARNs")?;
        let words = ["describe-tasks", "--cluster", CLUSTER, "--tasks"];
        let words: Vec<&str> = words.into_iter().chain(arns.iter().filter_map(Value::as_str)).collect();
        let described = self.ask_aws(&words).await?;
        let tasks = described["tasks"].as_array().context("no list of tasks")?;
        let running = tasks.iter().filter(|task| task["lastStatus"] == "RUNNING");
        Ok(running.filter_map(|task| task["taskDefinitionArn"].as_str()).map(str::to_owned).collect())
    }

    /// The circuit breaker of the service, as AWS returns it.
    ///
    /// # Errors
    /// When AWS does not answer.
    pub async fn breaker(&self) -> Result<Value> {
        let described = self.ask_aws(&["describe-services", "--cluster", CLUSTER, "--services", SERVICE]).await?;
        Ok(described["services"][0]["deploymentConfiguration"]["deploymentCircuitBreaker"].clone())
    }

    /// Calls ECS with the AWS command line program, which signs the request.
    async fn ask_aws(&self, words: &[&str]) -> Result<Value> {
        let bin = peers_folder().join("moto/bin");
        let mut command = clean_command(bin.join("python3"), self.folder.path());
        command.arg(bin.join("aws")).args(["--endpoint-url", &format!("http://127.0.0.1:{}", self.aws)]);
        command.args(["--region", REGION, "--output", "json", "ecs"]).args(words);
        command.env("AWS_ACCESS_KEY_ID", KEY_ID).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
        let said = tokio::task::spawn_blocking(move || run(&mut command)).await??;
        Ok(serde_json::from_str(&said)?)
    }

    /// Address of the site.
    #[must_use]
    pub fn site_address(&self) -> String {
        format!("http://127.0.0.1:{}", self.site)
    }

    /// The answer of the site at this path.
    ///
    /// # Errors
    /// When the site does not answer.
    pub async fn site(&self, path: &str) -> Result<String> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let answer = client.get(format!("{}{path}", self.site_address())).send().await?.error_for_status()?;
        Ok(answer.text().await?)
    }
}

/// The values that the profile of a stage has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Each value that a release needs.
    Everything,
    /// Those of a runbook, for a product that the app does not know. A person enters the others.
    Runbook,
}

#[derive(Clone, Copy)]
struct Ports {
    git: u16,
    github: u16,
    aws: u16,
    site: u16,
    ssh: u16,
}

fn world(folder: &Path, git: &GitServer, systems: &RealSystems) -> Result<PretendRally> {
    let now = real_ms();
    let clock = VirtualClock::own(&folder.join("clock"), ClockState::new(now, now, 1))?;
    let beginning = InitialState {
        state: None,
        main: git.rev_parse("refs/heads/master").context("the repository has no master")?,
        version_value: OLD_VALUE.to_owned(),
        now_ms: now,
        github_token: TOKEN.to_owned(),
        aws_key_id: KEY_ID.to_owned(),
        aws_secret: SECRET_KEY.to_owned(),
        repository: REPOSITORY.to_owned(),
        repo: None,
        clock: Arc::new(clock),
    };
    Ok(PretendRally::with_real_systems(beginning, systems)?)
}

fn git_base(url: &str) -> Result<String> {
    Ok(url.strip_suffix("/rally.git").context("the repository has another name")?.to_owned())
}

fn port_of(url: &str) -> Result<u16> {
    Ok(url.rsplit(':').next().context("no port")?.parse()?)
}

/// The built-in profile with every address on loopback, and with the values that are known.
fn profile_text(ports: Ports, known: Known) -> Result<String> {
    let mut text: toml::Table = profile::BUILT_IN.parse()?;
    let local = |port: u16| format!("http://127.0.0.1:{port}");
    let site = local(ports.site);
    let mut set = |table: &str, key: &str, value: toml::Value| -> Result<()> {
        let part = text.get_mut(table).and_then(toml::Value::as_table_mut);
        part.with_context(|| format!("the profile has no [{table}]"))?.insert(key.to_owned(), value);
        Ok(())
    };
    set("git", "url", format!("{}/rally.git", local(ports.git)).into())?;
    set("host", "address", "127.0.0.1".into())?;
    set("host", "port", i64::from(ports.ssh).into())?;
    set("backup", "artifact_probe", "pg_restore -f /dev/null {file}".into())?;
    set("migration", "directory", MIGRATE_FOLDER.into())?;
    set("migration", "environment", toml::Value::Table([("CONFIG".to_owned(), CONFIG.into())].into_iter().collect()))?;
    set("site", "url", site.clone().into())?;
    for step in ["BackUp", "DispatchBuild", "RunMigration", "CheckSite"] {
        set("who_to_call", step, "Ada Example, extension 1234".into())?;
    }
    match known {
        Known::Everything => set_open_values(&site, &mut set)?,
        Known::Runbook => {
            set("product", "id", "orchard".into())?;
            set("product", "name", "Orchard".into())?;
        }
    }
    set("logs", "expected_failures", vec![toml::Value::from("Essential container in task exited")].into())?;
    let endpoints = [("github".to_owned(), local(ports.github).into()), ("aws".to_owned(), local(ports.aws).into())];
    text.insert("endpoints".to_owned(), toml::Value::Table(endpoints.into_iter().collect()));
    Ok(toml::to_string(&text)?)
}

/// Sets the values that the runbook leaves open.
fn set_open_values(site: &str, set: &mut impl FnMut(&str, &str, toml::Value) -> Result<()>) -> Result<()> {
    set("github", "workflow", WORKFLOW.into())?;
    set("github", "build_job", "build".into())?;
    set("aws", "cluster", CLUSTER.into())?;
    set("aws", "service", SERVICE.into())?;
    set("backup", "artifact_directory", "/opt/backup/dumps".into())?;
    set("backup", "artifact_pattern", "rally-prod-*.dump".into())?;
    set("site", "version_url", format!("{site}/version").into())?;
    set("site", "version_pattern", r"([0-9]+(?:\.[0-9]+){2,3}-RELEASE)".into())?;
    let check = |id: &str, text: &str| {
        toml::Value::Table([("id".to_owned(), id.into()), ("text".to_owned(), text.into())].into_iter().collect())
    };
    let checks = vec![check("home", "Open the site. It says Rally."), check("footer", "The version is the new one.")];
    set("site", "checks", checks.into())?;
    set("restore", "procedure", "Restore the dump with pg_restore.".into())?;
    set("restore", "who", "Ada Example".into())?;
    set("restore", "minutes", 25.into())
}
