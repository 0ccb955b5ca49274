//! One process of the app, from its start to its exit or to SIGKILL.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{
        net::{UnixListener, UnixStream},
        process::ExitStatusExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use greenlight_engine::ports::RawPorts;
use parking_lot::{Condvar, Mutex};
use serde_json::Value;

use crate::{
    child::Tempo,
    frame,
    point::{Kill, Killed, Moment, Point},
    production::Production,
};

/// Longest life of a process, and longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Configuration of a process.
pub struct Setting<'a> {
    /// Path of the app without a window.
    pub program: &'a Path,
    /// Shim that counts file calls and kills before one of them.
    pub shim: &'a Path,
    /// Folder of the release, which contains `data`.
    pub folder: &'a Path,
    /// Speed of the process.
    pub tempo: Tempo,
    /// Name of the seeded defect, or an empty text.
    pub defect: &'a str,
    /// Whether the shim counts file calls.
    pub counts_files: bool,
}

/// Result of a process.
pub struct Lived {
    /// The kill, or `None` when the process exited.
    pub killed: Option<Killed>,
    /// Exit code when the process exited.
    pub code: Option<i32>,
    /// Points that the process reached.
    pub points: Vec<Point>,
    /// Number of file calls, when the process exited and they were counted.
    pub file_calls: Option<u32>,
    /// Error output of the process.
    pub words: String,
}

/// State that the connections of a process share.
struct Shared {
    production: Arc<Production>,
    ports: RawPorts,
    kill: Kill,
    child: Mutex<Child>,
    met: Mutex<Met>,
    answered: Condvar,
    is_over: AtomicBool,
}

/// Points reached by a process.
#[derive(Default)]
struct Met {
    points: Vec<Point>,
    /// Calls with an answer.
    answers: u32,
    sends: u32,
    swallows_next: bool,
    killed: Option<Point>,
}

/// Starts a process and waits until it has ended and all its messages are read.
///
/// # Errors
/// When the process cannot be started or does not end.
pub fn live(setting: &Setting<'_>, production: &Arc<Production>, process: u32, kill: Kill) -> Result<Lived> {
    let socket = setting.folder.join(format!("socket-{process}"));
    let listener = UnixListener::bind(&socket)?;
    let log = setting.folder.join("app.log");
    let mut child = start(setting, production, &socket, &log, kill)?;
    let out = child.stdout.take().context("the app has no output")?;
    let shared = Arc::new(Shared {
        production: Arc::clone(production),
        ports: production.ports(process),
        kill,
        child: Mutex::new(child),
        met: Mutex::default(),
        answered: Condvar::new(),
        is_over: AtomicBool::new(false),
    });
    let accepts = {
        let shared = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &shared))
    };
    let ended = until_gone(&shared, out);
    shared.is_over.store(true, Ordering::SeqCst);
    // Wakes the listener, which then accepts no other connection.
    drop(UnixStream::connect(&socket));
    if accepts.join().is_err() {
        bail!("a connection of the app failed");
    }
    let (status, told, was_late) = ended?;
    let words = fs_err::read_to_string(&log).unwrap_or_default();
    if was_late {
        bail!("the app did not end within {PATIENCE:?}: {words}");
    }
    let mut met = std::mem::take(&mut *shared.met.lock());
    let fault = told.iter().find_map(|line| line.strip_prefix("fault "));
    let calls = told.iter().find_map(|line| line.strip_prefix("calls ")?.split(' ').next()?.parse().ok());
    let killed = match (status.signal(), met.killed.take(), kill, fault) {
        (Some(9), Some(point), _, _) => Some(Killed::At(point)),
        (Some(9), None, Kill::AtFileCall(number), Some(call)) => Some(Killed::AtFileCall(number, call.to_owned())),
        (Some(9), None, Kill::After(_), _) => Some(Killed::Anywhere),
        (Some(signal), _, _, _) => bail!("the app ended by signal {signal}: {words}"),
        (None, _, _, _) => None,
    };
    Ok(Lived { killed, code: status.code(), points: met.points, file_calls: calls, words })
}

fn start(setting: &Setting<'_>, production: &Production, socket: &Path, log: &Path, kill: Kill) -> Result<Child> {
    let data: PathBuf = setting.folder.join("data");
    let mut command = Command::new(setting.program);
    command.arg(&data).arg(socket).arg(production.now_ms().to_string()).arg(setting.tempo.word());
    if !setting.defect.is_empty() {
        command.arg(setting.defect);
    }
    let number = match kill {
        Kill::AtFileCall(number) => Some(number),
        Kill::Never | Kill::At(..) | Kill::After(_) => setting.counts_files.then_some(0),
    };
    if let Some(number) = number {
        command.env("LD_PRELOAD", setting.shim).env("IO_FAULT", "killed").env("IO_FAULT_AT", number.to_string());
        command.env("IO_FAULT_FOLDER", &data);
    }
    let log = fs_err::File::create(log)?.into_parts().0;
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
    command.spawn().context("the app does not start")
}

/// Kills the process at its time. Returns its exit status, its output and whether it exceeded the
/// limit.
fn until_gone(shared: &Shared, out: std::process::ChildStdout) -> Result<(ExitStatus, Vec<String>, bool)> {
    let (said, heard) = mpsc::channel();
    // The thread ends with the app.
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(out).lines().map_while(std::result::Result::ok) {
            if said.send(line).is_err() {
                return;
            }
        }
    });
    let begun = Instant::now();
    let limit = match shared.kill {
        Kill::After(delay) => delay,
        Kill::Never | Kill::At(..) | Kill::AtFileCall(_) => PATIENCE,
    };
    let (mut told, mut was_late) = (Vec::new(), false);
    loop {
        match heard.recv_timeout(limit.saturating_sub(begun.elapsed())) {
            Ok(line) => told.push(line),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                was_late = !matches!(shared.kill, Kill::After(_));
                shared.child.lock().kill()?;
                break;
            }
        }
    }
    let status = shared.child.lock().wait()?;
    if reader.join().is_err() {
        bail!("what the app printed could not be read");
    }
    told.extend(heard.try_iter());
    Ok((status, told, was_late))
}

fn accept(listener: &UnixListener, shared: &Arc<Shared>) {
    let mut connections = Vec::new();
    // After the app's end, accept only the connections that already wait.
    while let Ok((stream, _)) = listener.accept() {
        let shared_by_it = Arc::clone(shared);
        connections.push(std::thread::spawn(move || serve(&stream, &shared_by_it)));
        if shared.is_over.load(Ordering::SeqCst) && listener.set_nonblocking(true).is_err() {
            break;
        }
    }
    for connection in connections {
        drop(connection.join());
    }
}

fn serve(stream: &UnixStream, shared: &Shared) {
    while let Ok(message) = frame::read(stream) {
        let production = &shared.production;
        let went = match message["kind"].as_str() {
            Some("got") => {
                production.got(message["call"].as_u64().unwrap_or(u64::MAX));
                Ok(())
            }
            Some("events") => {
                production.written(message["events"].as_array().map(Vec::as_slice).unwrap_or_default());
                frame::write(stream, &Value::Null)
            }
            Some("shown") => {
                production.shown(&message["shown"]);
                frame::write(stream, &Value::Null)
            }
            Some("call") => call(stream, shared, &message),
            Some("point") => point(stream, shared, &message),
            Some(_) | None => return,
        };
        if went.is_err() {
            // The app has ended. Its earlier messages are still read.
            continue;
        }
    }
}

fn call(stream: &UnixStream, shared: &Shared, message: &Value) -> std::io::Result<()> {
    let is_swallowed = std::mem::take(&mut shared.met.lock().swallows_next);
    let answer = shared.production.call(&shared.ports, message, is_swallowed);
    if is_swallowed {
        let mut met = shared.met.lock();
        met.killed = met.points.iter().rev().find(|point| point.moment == Moment::AfterSend).cloned();
        shared.answered.notify_all();
        return shared.child.lock().kill();
    }
    let sent = frame::write(stream, &answer.unwrap_or_default());
    shared.met.lock().answers += 1;
    shared.answered.notify_all();
    sent
}

/// Handles a point: the app continues, or it is killed.
fn point(mut stream: &UnixStream, shared: &Shared, message: &Value) -> std::io::Result<()> {
    let name = message["name"].as_str().unwrap_or_default();
    let Some(moment) = message["moment"].as_str().and_then(Moment::of) else { return Ok(()) };
    let mut met = shared.met.lock();
    if moment == Moment::BeforeReceive {
        let wanted = met.sends;
        let is_early = |met: &mut Met| met.answers < wanted && met.killed.is_none();
        shared.answered.wait_while_for(&mut met, is_early, PATIENCE);
    }
    if met.killed.is_some() {
        return Ok(());
    }
    if met.come_to(moment, name, shared.kill) {
        met.killed = met.points.last().cloned();
        return shared.child.lock().kill();
    }
    if matches!(moment, Moment::BeforeSend | Moment::BeforeWork) {
        met.sends += 1;
    }
    if moment == Moment::BeforeSend {
        // The next request gets no answer.
        met.swallows_next = met.come_to(Moment::AfterSend, name, shared.kill);
    }
    drop(met);
    stream.write_all(&[1])
}

impl Met {
    /// Records a point. Returns whether the app is killed there.
    fn come_to(&mut self, moment: Moment, name: &str, kill: Kill) -> bool {
        let before = self.points.iter().filter(|point| point.moment == moment).count();
        let index = u32::try_from(before).unwrap_or(u32::MAX);
        self.points.push(Point { moment, index, name: name.to_owned() });
        kill == Kill::At(moment, index)
    }
}
