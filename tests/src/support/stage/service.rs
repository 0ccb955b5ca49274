//! The tasks of the service as real web processes. It starts a process for each task of the
//! simulated service and reports to the simulator whether the task serves or ends. It copies images
//! and output lines to moto.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use greenlight_rehearsal::clock::real_ms;
use greenlight_rehearsal::process::Production as _;
use greenlight_rehearsal::process::rally::{PretendRally, TaskSeen};
use parking_lot::{Mutex, MutexGuard};

use crate::support::git_server::VERSION_FILE;
use crate::support::moto::{CONTAINER, FAMILY, Moto};
use crate::support::process::{Deadline, clean_command, run};
use crate::support::web_process::{WebProcess, WebVersion};

/// Pause between two polls.
const TICK: Duration = Duration::from_millis(100);
/// Interval of reading the main branch, in ticks.
const MAIN_TICKS: u32 = 5;

/// The service and the processes of its tasks.
#[derive(Debug)]
pub struct Service {
    world: PretendRally,
    database: String,
    running: Mutex<BTreeMap<String, Running>>,
    turn: AtomicUsize,
}

#[derive(Debug)]
struct Running {
    process: WebProcess,
    stream: String,
    version: String,
    serves: bool,
    told: usize,
}

impl Service {
    pub(super) fn new(world: PretendRally, database: String) -> Self {
        Self { world, database, running: Mutex::default(), turn: AtomicUsize::new(0) }
    }

    fn running(&self) -> MutexGuard<'_, BTreeMap<String, Running>> {
        self.running.lock()
    }

    /// Versions of the tasks that serve.
    #[must_use]
    pub fn versions(&self) -> Vec<String> {
        self.running().values().filter(|one| one.serves).map(|one| one.version.clone()).collect()
    }

    /// Turns the circuit breaker of the service on, with the default threshold of AWS.
    pub fn turn_breaker_on(&self) {
        self.world.turn_breaker_on();
    }

    /// Number of tasks of a version that ended.
    #[must_use]
    pub fn ended(&self, version: &str) -> usize {
        self.world.tasks().iter().filter(|task| task.version == version && !task.is_wanted).count()
    }

    /// The address of a serving process, in rotation.
    pub(super) fn next_url(&self) -> Option<String> {
        let running = self.running();
        let serving: Vec<&Running> = running.values().filter(|one| one.serves).collect();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        Some(serving.get(turn.checked_rem(serving.len())?)?.process.url())
    }

    /// Waits until both tasks of the old version serve.
    pub(super) async fn wait_until_served(&self) -> Result<()> {
        let mut deadline = Deadline::after(Duration::from_secs(30));
        while self.versions().len() < 2 {
            deadline.pause("the old version to serve").await?;
        }
        Ok(())
    }

    /// Starts, watches and stops processes until they match the service. Returns the new lines per
    /// stream.
    fn follow(&self) -> Result<Vec<(String, Vec<String>)>> {
        let mut running = self.running();
        let mut lines = Vec::new();
        for task in self.world.tasks() {
            self.follow_one(&mut running, &task)?;
        }
        for one in running.values_mut() {
            let all = one.process.log_lines();
            let fresh: Vec<String> = all.iter().skip(one.told).cloned().collect();
            one.told = all.len();
            if !fresh.is_empty() {
                lines.push((one.stream.clone(), fresh));
            }
        }
        Ok(lines)
    }

    fn follow_one(&self, running: &mut BTreeMap<String, Running>, task: &TaskSeen) -> Result<()> {
        let Some(one) = running.get_mut(&task.id) else {
            if task.is_wanted {
                running.insert(task.id.clone(), self.start(task)?);
            }
            return Ok(());
        };
        if !task.is_wanted {
            one.serves = false;
            one.process.stop();
        } else if let Some(status) = one.process.ended()? {
            one.serves = false;
            self.world.on_task_ended(&task.id, status.code().unwrap_or(1));
        } else if !one.serves && std::net::TcpStream::connect(("127.0.0.1", one.process.port())).is_ok() {
            one.serves = true;
            self.world.on_task_serves(&task.id);
        }
        Ok(())
    }

    fn start(&self, task: &TaskSeen) -> Result<Running> {
        let is_old = task.version.starts_with("2.0.");
        let mut version = if is_old { WebVersion::old_one() } else { WebVersion::new_one() };
        version.version = format!("{}-RELEASE", task.version);
        let process = WebProcess::start(&self.database, &version)?;
        let (stream, version) = (task.stream.clone(), task.version.clone());
        Ok(Running { process, stream, version, serves: false, told: 0 })
    }
}

/// Runs as long as the stage: updates time, main branch, images, tasks and lines.
pub(super) async fn live(service: std::sync::Arc<Service>, repository: PathBuf, moto: String) {
    let moto = Moto::at(&moto);
    let (mut main, mut images) = (String::new(), BTreeMap::new());
    for tick in 0_u32.. {
        service.world.advance(real_ms());
        if tick % MAIN_TICKS == 0 {
            follow_main(&service.world, &repository, &mut main);
        }
        if let Err(error) = follow_images(&service.world, &moto, &mut images).await {
            complain("the registry", &error);
        }
        match service.follow() {
            Ok(lines) => {
                for (stream, lines) in lines {
                    let lines: Vec<(i64, String)> = lines.into_iter().map(|line| (real_ms(), line)).collect();
                    if let Err(error) = moto.put_logs(CONTAINER, &stream, &lines).await {
                        complain("the log group", &error);
                    }
                }
            }
            Err(error) => complain("the tasks", &error),
        }
        tokio::time::sleep(TICK).await;
    }
}

#[expect(clippy::print_stderr, reason = "what a peer could not do has to be seen beside the test that then fails")]
fn complain(about: &str, error: &anyhow::Error) {
    eprintln!("stage, {about}: {error:#}");
}

fn follow_main(world: &PretendRally, repository: &Path, known: &mut String) {
    let git = |arguments: &[&str]| run(clean_command("git", repository).arg("-C").arg(repository).args(arguments));
    let Ok(commit) = git(&["rev-parse", "refs/heads/master"]) else { return };
    let commit = commit.trim().to_owned();
    if commit == *known {
        return;
    }
    let Ok(text) = git(&["show", &format!("{commit}:{VERSION_FILE}")]) else { return };
    if let Some(value) = text.lines().find_map(|line| line.strip_prefix("version=")) {
        world.on_main(real_ms(), &commit, value.trim());
        *known = commit;
    }
}

/// Copies the workflow's images to the registry and reports the registry's digest to the simulator.
async fn follow_images(world: &PretendRally, moto: &Moto, known: &mut BTreeMap<String, String>) -> Result<()> {
    for (tag, digest) in world.images() {
        if known.get(&tag) == Some(&digest) {
            continue;
        }
        let there = moto.image(FAMILY, &tag).await?;
        let is_first = !known.contains_key(&tag);
        let kept = match there.as_ref().and_then(|image| image["imageDigest"].as_str()) {
            Some(kept) if is_first => kept.to_owned(),
            Some(_) | None => moto.push_image(FAMILY, &tag, &digest).await?,
        };
        world.on_image(&tag, &kept);
        known.insert(tag, kept);
    }
    Ok(())
}
