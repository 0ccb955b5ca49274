//! The simulator process. It serves all fronts on loopback with one virtual clock, keeps the state
//! on disk after every effect, and ends when no client uses it.
//!
//! The rules of the simulated systems are in `world`.

pub mod control;
pub mod rally;
mod state;
pub mod troubles;

use std::{
    fmt::Write as _,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, extract::Request, middleware::Next};
use parking_lot::MutexGuard;
use rand::Rng;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    clock::{self, ClockState, VirtualClock},
    files,
    fronts::{
        Pulse,
        git::{GitFront, seed::Repo},
        ssh,
    },
    handle::{Handle, HandleFile, PortNumbers, make_private},
    host::{
        Host,
        jobs::{ExitCodes, HostEvent, Mailbox},
    },
    world::{Start, World},
};

use state::StateFile;
use troubles::Desk;

/// Time without a client after which the process ends.
pub const IDLE_MAX: Duration = Duration::from_secs(30 * 60);
/// Real time between two rounds of [`Served::run`].
const TICK: Duration = Duration::from_millis(50);
/// Longest pause of the process that the virtual clock counts. After a longer one the clock
/// resumes, so that a night does not pass in practice.
const PAUSE_MAX_MS: i64 = 60_000;
/// Ticks between two writes of the clock's last time and of a state without new effects.
const KEEP_TICKS: u32 = 40;
/// Range of ports. It is below the ephemeral ports of systems (from 32768 on Linux, 49152
/// elsewhere), so that a restarted process finds its ports free.
const PORTS: std::ops::Range<u16> = 20_000..32_000;
/// Most random ports tried for one listener.
const PORT_TRIES: u32 = 50;
/// Name of the simulated repository.
const REPOSITORY: &str = "rallyforresearch/rally";

/// Rules of the simulated systems, as this process uses them. Times are virtual, in ms since 1970.
pub trait Production: Send + Sync + 'static {
    /// GitHub's REST API, for requests with the token.
    fn github(&self) -> Router;
    /// JSON protocol of AWS.
    fn aws(&self) -> Router;
    /// Pages of the site.
    fn site(&self) -> Router;
    /// Advances all systems to a time.
    fn advance(&self, now_ms: i64);
    /// Applies an event of the host. Events may repeat after a restart.
    fn on_host(&self, at_ms: i64, event: HostEvent);
    /// Sets the commit of the main branch and the value in its version file (`2.1.0.0-RELEASE`).
    /// Called at the start and after every push.
    fn on_main(&self, at_ms: i64, commit: &str, version_value: &str);
    /// The World behind this production; `None` when it has no troubles.
    fn world(&self) -> Option<MutexGuard<'_, World>> {
        None
    }
    /// Number of effects from outside. When it grows, the state is written to disk before an answer
    /// is sent. Between effects, a kept state leads to the same future by time alone.
    fn effects(&self) -> u64;
    /// Whole state, which the `make` of [`serve`] reads again.
    ///
    /// # Errors
    /// When the state cannot be serialized.
    fn state(&self) -> io::Result<Vec<u8>>;
}

/// Initial values for the `make` of [`serve`].
#[derive(Clone, Debug)]
pub struct InitialState {
    /// State of the last process; `None` in a new folder.
    pub state: Option<Vec<u8>>,
    /// Commit that production runs.
    pub main: String,
    /// Version of that commit: `2.0.1.11-RELEASE`.
    pub version_value: String,
    /// Virtual time now, in ms since 1970.
    pub now_ms: i64,
    /// Token that GitHub accepts.
    pub github_token: String,
    /// Access key id for AWS.
    pub aws_key_id: String,
    /// Secret access key, with which every call is signed.
    pub aws_secret: String,
    /// Name of the repository: `owner/name`.
    pub repository: String,
    /// The repository on disk; `None` when another server serves it.
    pub repo: Option<Repo>,
    /// Clock for the times in answers.
    pub clock: Arc<VirtualClock>,
}

impl InitialState {
    /// Initial state of a new World.
    #[must_use]
    pub fn start(&self) -> Start {
        Start {
            main: self.main.clone(),
            version_value: self.version_value.clone(),
            now_ms: self.now_ms,
            repository: self.repository.clone(),
        }
    }
}

/// Options of [`serve`].
#[derive(Clone, Debug)]
pub struct Options {
    /// The private folder to serve.
    pub private_dir: PathBuf,
    /// Virtual seconds per real second.
    pub speed: u32,
    /// Time without a client after which the process ends; [`IDLE_MAX`] in the app.
    pub idle_max: Duration,
    /// Exit codes of backup and migration; 0 unless practice wants a failure.
    pub exit_codes: ExitCodes,
}

/// Serves the folder until no client used it for `idle_max`, or until a stop request. At its end it
/// leaves no process behind.
///
/// # Errors
/// When another process serves this folder, a file cannot be written, or a listener breaks.
pub async fn serve<P, F>(options: Options, make: F) -> io::Result<()>
where
    P: Production,
    F: FnOnce(InitialState) -> io::Result<P>,
{
    make_private(&options.private_dir)?;
    let lock = fs_err::File::create(options.private_dir.join("lock"))?.into_file();
    lock.try_lock().map_err(|error| io::Error::other(format!("another process serves this folder: {error}")))?;
    let before = last_handle(&options.private_dir);
    let place = ServedFiles::open(&options, before.as_ref())?;
    let (listeners, ports) = Listeners::bind(before.as_ref().map(|handle| handle.ports)).await?;
    let served = Served::new(&options, &place, before.as_ref(), ports, make)?;
    let (stop, mut stopped) = watch::channel(false);
    let mut tasks = served.start(listeners, &place, stop);
    files::write(&place.host.pid_file(), std::process::id().to_string().as_bytes())?;
    let handle = serde_json::to_vec_pretty(&served.handle)?;
    files::write_private(&options.private_dir.join(Handle::FILE), &handle)?;
    let ended = served.run(&options, &place, &mut tasks, &mut stopped).await;
    tasks.shutdown().await;
    place.host.switch_off();
    // The handle file stays, so that the next process takes the same ports and tokens. Its process
    // id is dead.
    served.state.keep(&*served.production, true)?;
    drop(lock);
    ended
}

fn last_handle(private_dir: &Path) -> Option<HandleFile> {
    let text = fs_err::read_to_string(private_dir.join(Handle::FILE)).ok()?;
    serde_json::from_str(&text).ok()
}

/// Files and folders of a served production.
struct ServedFiles {
    host: Host,
    keys: ssh::Keys,
    repo: Repo,
    projects: PathBuf,
    clock: Arc<VirtualClock>,
    clock_kept: PathBuf,
}

impl ServedFiles {
    fn open(options: &Options, before: Option<&HandleFile>) -> io::Result<Self> {
        let folder = &options.private_dir;
        let host = Host::prepare(&folder.join("host"))?;
        let projects = folder.join("git");
        fs_err::create_dir_all(&projects)?;
        let clock_kept = folder.join("clock-kept");
        let state = resumed(&host.clock_file(), &clock_kept, options.speed, before.is_some());
        Ok(Self {
            keys: ssh::Keys::open_or_make(folder)?,
            repo: Repo::open_or_seed(&projects, REPOSITORY)?,
            clock: Arc::new(VirtualClock::own(&host.clock_file(), state)?),
            clock_kept,
            projects,
            host,
        })
    }
}

/// Clock of a started process. After a short pause it runs on; after a long one it resumes at the
/// last kept time plus the counted pause.
fn resumed(clock_file: &Path, kept: &Path, speed: u32, is_restart: bool) -> ClockState {
    let now = clock::real_ms();
    let last = std::fs::read_to_string(clock_file).ok().and_then(|line| ClockState::read(&line));
    let seen_at: Option<i64> = std::fs::read_to_string(kept).ok().and_then(|text| text.trim().parse().ok());
    match (last, seen_at) {
        (Some(last), Some(seen_at)) if is_restart => {
            let resumes_at = now.min(seen_at.saturating_add(PAUSE_MAX_MS));
            ClockState::new(last.at(resumes_at), now, speed)
        }
        _ => ClockState::new(now, now, speed),
    }
}

struct Listeners {
    control: TcpListener,
    git: TcpListener,
    github: TcpListener,
    aws: TcpListener,
    site: TcpListener,
    ssh: TcpListener,
}

impl Listeners {
    /// Binds the ports of the last process where they are free, because a run has them frozen in
    /// its profile.
    async fn bind(wanted: Option<PortNumbers>) -> io::Result<(Self, PortNumbers)> {
        let listeners = Self {
            control: listen(wanted.map(|ports| ports.control)).await?,
            git: listen(wanted.map(|ports| ports.git)).await?,
            github: listen(wanted.map(|ports| ports.github)).await?,
            aws: listen(wanted.map(|ports| ports.aws)).await?,
            site: listen(wanted.map(|ports| ports.site)).await?,
            ssh: listen(wanted.map(|ports| ports.ssh)).await?,
        };
        let ports = PortNumbers {
            control: listeners.control.local_addr()?.port(),
            git: listeners.git.local_addr()?.port(),
            github: listeners.github.local_addr()?.port(),
            aws: listeners.aws.local_addr()?.port(),
            site: listeners.site.local_addr()?.port(),
            ssh: listeners.ssh.local_addr()?.port(),
        };
        Ok((listeners, ports))
    }
}

async fn listen(wanted: Option<u16>) -> io::Result<TcpListener> {
    let chosen = (0..PORT_TRIES).map(|_| rand::rng().random_range(PORTS));
    for port in wanted.into_iter().chain(chosen) {
        if let Ok(listener) = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await {
            return Ok(listener);
        }
    }
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
}

struct Served<P> {
    handle: HandleFile,
    production: Arc<P>,
    state: Arc<StateFile>,
    pulse: Pulse,
    desk: Desk<P>,
    /// Whether the connection to the host is cut.
    cut: watch::Receiver<bool>,
}

impl<P: Production> Served<P> {
    fn new<F>(
        options: &Options,
        place: &ServedFiles,
        before: Option<&HandleFile>,
        ports: PortNumbers,
        make: F,
    ) -> io::Result<Self>
    where
        F: FnOnce(InitialState) -> io::Result<P>,
    {
        let handle = HandleFile {
            pid: std::process::id(),
            started: clock::stamp(clock::real_ms()),
            origin: before.map_or_else(|| clock::stamp(place.clock.now_ms()), |before| before.origin),
            speed: options.speed,
            ports,
            control_token: token(),
            github_token: before
                .map_or_else(|| format!("ghp_practice{}", token()), |before| before.github_token.clone()),
            aws_key_id: before.map_or_else(|| "AKIAPRACTICEPRACTICE".to_owned(), |before| before.aws_key_id.clone()),
            aws_secret: before.map_or_else(token, |before| before.aws_secret.clone()),
            repository: REPOSITORY.to_owned(),
            staging_key: place.keys.client_file().to_owned(),
            fingerprint: place.keys.fingerprint(),
            host_root: place.host.root().to_owned(),
        };
        let state = Arc::new(StateFile::at(&options.private_dir.join("world.json")));
        let (main, version_value) = main_of(&place.repo)?;
        let production = make(InitialState {
            state: state.last()?,
            main: main.clone(),
            version_value: version_value.clone(),
            now_ms: place.clock.now_ms(),
            github_token: handle.github_token.clone(),
            aws_key_id: handle.aws_key_id.clone(),
            aws_secret: handle.aws_secret.clone(),
            repository: REPOSITORY.to_owned(),
            repo: Some(place.repo.clone()),
            clock: Arc::clone(&place.clock),
        })?;
        production.on_main(place.clock.now_ms(), &main, &version_value);
        let production = Arc::new(production);
        let (cut, is_cut) = watch::channel(false);
        let desk = Desk::new(&production, &state, &place.clock, &place.repo, cut);
        let served = Self { handle, production, state, pulse: Pulse::default(), desk, cut: is_cut };
        served.state.keep(&*served.production, true)?;
        Ok(served)
    }

    fn start(&self, listeners: Listeners, place: &ServedFiles, stop: watch::Sender<bool>) -> JoinSet<io::Result<()>> {
        let mut tasks = JoinSet::new();
        let fronts = [
            (listeners.github, self.desk.github(self.production.github())),
            (listeners.aws, self.production.aws()),
            (listeners.site, self.desk.site(self.production.site())),
        ];
        for (listener, router) in fronts {
            let router = self.kept(router, &place.clock);
            tasks.spawn(async move { axum::serve(listener, router).await });
        }
        let git = GitFront::new(
            &place.projects,
            REPOSITORY,
            &self.handle.github_token,
            self.pushed(place),
            self.pulse.clone(),
        );
        let git = self.desk.git(git.router());
        tasks.spawn(async move { axum::serve(listeners.git, git).await });
        let control =
            control::Control::new(&self.handle.control_token, Arc::clone(&place.clock), self.pulse.clone(), stop);
        let control = control.clone().router().merge(self.desk.clone().routes(control));
        tasks.spawn(async move { axum::serve(listeners.control, control).await });
        let (host, keys, pulse) = (place.host.clone(), place.keys.clone(), self.pulse.clone());
        let cut = self.cut.clone();
        tasks.spawn(async move { ssh::serve_until_cut(listeners.ssh, host, &keys, pulse, cut).await });
        tasks
    }

    /// A front that sends each answer after the state behind it is on disk.
    fn kept(&self, router: Router, clock: &Arc<VirtualClock>) -> Router {
        let (production, state) = (Arc::clone(&self.production), Arc::clone(&self.state));
        let (pulse, clock) = (self.pulse.clone(), Arc::clone(clock));
        router.layer(axum::middleware::from_fn(move |request: Request, next: Next| {
            let (production, state) = (Arc::clone(&production), Arc::clone(&state));
            pulse.beat();
            production.advance(clock.now_ms());
            async move {
                let response = next.run(request).await;
                if let Err(error) = state.keep(&*production, false) {
                    tracing::error!(%error, "failed to keep the state of the pretend production");
                }
                response
            }
        }))
    }

    fn pushed(&self, place: &ServedFiles) -> Arc<dyn Fn() + Send + Sync> {
        let (production, state) = (Arc::clone(&self.production), Arc::clone(&self.state));
        let (repo, clock) = (place.repo.clone(), Arc::clone(&place.clock));
        Arc::new(move || {
            let told = main_of(&repo).and_then(|(main, version)| {
                production.on_main(clock.now_ms(), &main, &version);
                state.keep(&*production, false)
            });
            if let Err(error) = told {
                tracing::error!(%error, "failed to tell the World of a push");
            }
        })
    }

    /// Each tick advances host and World and writes the state, until the end.
    async fn run(
        &self,
        options: &Options,
        place: &ServedFiles,
        tasks: &mut JoinSet<io::Result<()>>,
        stopped: &mut watch::Receiver<bool>,
    ) -> io::Result<()> {
        let mut mailbox = Mailbox::open(place.host.mailbox(), options.exit_codes);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut count: u32 = 0;
        let mut said = String::new();
        let asked_to_end = end_signal()?;
        tokio::pin!(asked_to_end);
        loop {
            tokio::select! {
                _ = tick.tick() => {}
                () = &mut asked_to_end => return Ok(()),
                _ = stopped.wait_for(|is_stopped| *is_stopped) => return Ok(()),
                ended = tasks.join_next() => {
                    return Err(io::Error::other(format!("a front of the pretend production ended: {ended:?}")));
                }
            }
            let now = place.clock.now_ms();
            let fate = |work| self.production.world().and_then(|mut world| world.fate_of(work));
            let (events, is_busy) = mailbox.advance_with(now, fate)?;
            for (at, event) in events {
                self.production.on_host(at, event);
            }
            self.production.advance(now);
            self.desk.tick();
            if self.production.world().is_some_and(|mut world| world.replaces_machine()) {
                place.host.replace()?;
            }
            let is_due = count.is_multiple_of(KEEP_TICKS);
            self.state.keep(&*self.production, is_due)?;
            let line = self.production.world().map(|world| world.database()).unwrap_or_default();
            if line != said {
                files::write(&place.host.database_file(), format!("{line}\n").as_bytes())?;
                said = line;
            }
            mailbox.release()?;
            if is_due {
                files::write(&place.clock_kept, clock::real_ms().to_string().as_bytes())?;
            }
            count = count.wrapping_add(1);
            if is_busy {
                self.pulse.beat();
            } else if self.pulse.silence() >= options.idle_max {
                return Ok(());
            }
        }
    }
}

/// Waits for SIGTERM. Never returns on systems without it.
fn end_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        let _end = signal.recv().await;
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    })
}

fn main_of(repo: &Repo) -> io::Result<(String, String)> {
    let main = repo.main().ok_or_else(|| io::Error::other("the pretend repository has no master"))?;
    let version = repo.version_value(&main).unwrap_or_default();
    Ok((main, version))
}

/// A token of 40 hexadecimal digits.
fn token() -> String {
    let bytes: [u8; 20] = rand::rng().random();
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a `String` never fails.
        let _ok = write!(text, "{byte:02x}");
        text
    })
}
