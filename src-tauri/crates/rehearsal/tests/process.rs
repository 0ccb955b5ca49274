//! The simulator process: found again, restarted on the same folder, and ended without clients.
#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it should be")]

mod support;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{Router, routing::get};
use greenlight_engine::ports::Clock;
use greenlight_rehearsal::{
    handle::Handle,
    host::{
        Host, is_alive,
        jobs::{ExitCodes, HostEvent},
    },
    process::{InitialState, Options, Production, serve},
};
use parking_lot::Mutex;
use support::{git, run, success, text, wait_for};

/// Idle limit of the process in the test that waits for its end.
const SHORT: &str = "idle-2";
/// Idle limit of all other tests.
const LONG: &str = "idle-600";

/// Minimal rules: they keep the last value of each call, and count calls and requests to the site.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<BTreeMap<String, String>>>);

impl Ledger {
    fn set(&self, key: &str, value: String) {
        let mut entries = self.0.lock();
        entries.insert(key.to_owned(), value);
        let told = entries.get("told").map_or(0, |count| count.parse::<u64>().unwrap()) + 1;
        entries.insert("told".to_owned(), told.to_string());
    }
}

impl Production for Ledger {
    fn github(&self) -> Router {
        Router::new()
    }

    fn aws(&self) -> Router {
        Router::new()
    }

    fn site(&self) -> Router {
        let ledger = self.clone();
        Router::new().route(
            "/about",
            get(move || async move {
                let mut entries = ledger.0.lock();
                let count = entries.get("asked").map_or(0, |count| count.parse::<u32>().unwrap()) + 1;
                entries.insert("asked".to_owned(), count.to_string());
                serde_json::to_string(&*entries).unwrap()
            }),
        )
    }

    fn advance(&self, _now_ms: i64) {}

    fn on_host(&self, at_ms: i64, event: HostEvent) {
        self.set(&format!("{event:?}"), at_ms.to_string());
    }

    fn on_main(&self, _at_ms: i64, commit: &str, version_value: &str) {
        self.set("main", format!("{commit} {version_value}"));
    }

    fn effects(&self) -> u64 {
        let entries = self.0.lock();
        ["asked", "told"].into_iter().filter_map(|key| entries.get(key)?.parse::<u64>().ok()).sum()
    }

    fn state(&self) -> io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(&*self.0.lock())?)
    }
}

/// Not a test itself. Other tests start this executable with the name, an idle limit and a folder.
#[test]
#[ignore = "started by the other tests as the served process"]
fn served_process() {
    let mut words = std::env::args().rev();
    let folder = PathBuf::from(words.next().unwrap());
    let idle = words.next().unwrap().strip_prefix("idle-").unwrap().parse().unwrap();
    let options = Options {
        private_dir: folder,
        speed: 60,
        idle_max: Duration::from_secs(idle),
        exit_codes: ExitCodes::default(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(serve(options, |beginning: InitialState| {
        let entries = beginning.state.map(|state| serde_json::from_slice(&state).unwrap()).unwrap_or_default();
        Ok(Ledger(Arc::new(Mutex::new(entries))))
    }));
    if let Err(error) = ended {
        panic!("{error}");
    }
}

struct Practice {
    runtime: tokio::runtime::Runtime,
    folder: tempfile::TempDir,
    pids: Mutex<Vec<u32>>,
}

impl Practice {
    fn new() -> Self {
        Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            pids: Mutex::new(Vec::new()),
        }
    }

    fn private_dir(&self) -> PathBuf {
        self.folder.path().join("practice")
    }

    fn start(&self, idle: &str) -> Handle {
        let args = ["--exact", "served_process", "--ignored", "--nocapture", idle];
        let mut args: Vec<OsString> = args.into_iter().map(OsString::from).collect();
        args.push(self.private_dir().into_os_string());
        let exe = std::env::current_exe().unwrap();
        let folder = self.private_dir();
        let started = Handle::attach_or_start(&folder, &exe, &args);
        let handle = self.runtime.block_on(started).unwrap();
        self.pids.lock().push(handle.file().pid);
        handle
    }

    fn asked(&self, handle: &Handle) -> BTreeMap<String, String> {
        let url = format!("http://127.0.0.1:{}/about", handle.file().ports.site);
        let answer = self.runtime.block_on(async { reqwest::get(url).await.unwrap().text().await.unwrap() });
        serde_json::from_str(&answer).unwrap()
    }

    fn host(&self) -> Host {
        Host::at(&self.private_dir().canonicalize().unwrap().join("host"))
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        for pid in self.pids.get_mut() {
            greenlight_rehearsal::host::kill(&pid.to_string());
        }
        self.host().switch_off();
    }
}

fn ssh(handle: &Handle) -> std::process::Command {
    support::ssh(handle.file().ports.ssh, &handle.file().staging_key, "ec2-user")
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn second_window_finds_the_process_of_the_first() {
    let practice = Practice::new();
    let first = practice.start(LONG);
    let second = practice.start(LONG);
    assert_eq!(first.file(), second.file());
    #[cfg(unix)]
    {
        assert_eq!(mode(&practice.private_dir()), 0o700);
        assert_eq!(mode(&practice.private_dir().join(Handle::FILE)), 0o600);
        assert_eq!(mode(&first.file().staging_key), 0o600);
    }
    let wrong = format!("http://127.0.0.1:{}/stop", first.file().ports.control);
    let refused = practice.runtime.block_on(async { reqwest::Client::new().post(wrong).send().await.unwrap() });
    assert_eq!(refused.status(), 401);
}

#[test]
fn killed_process_returns_with_its_ports_state_and_job() {
    let practice = Practice::new();
    let first = practice.start(LONG);
    practice.asked(&first);
    let before = practice.asked(&first);
    assert_eq!(before.get("asked").map(String::as_str), Some("2"));
    let host = practice.host();
    let job = format!(
        "setsid bash -lc \"cd {} && CONFIG={} ./run.sh >out 2>&1; echo \\$? >rc\" </dev/null >/dev/null 2>&1 & true",
        host.migration_folder().display(),
        host.migration_config().display()
    );
    success(ssh(&first).arg(job));
    let out = host.migration_folder().join("out");
    wait_for("the migration's start", || std::fs::read_to_string(&out).ok().filter(|text| text.contains("acquired")));
    let time_before = first.clock().unwrap().now();
    greenlight_rehearsal::host::kill(&first.file().pid.to_string());
    wait_for("the end of the process", || (!is_alive(first.file().pid)).then_some(()));

    let second = practice.start(LONG);
    assert_ne!(second.file().pid, first.file().pid);
    assert_eq!(second.file().ports, first.file().ports);
    assert_eq!(second.file().fingerprint, first.file().fingerprint);
    assert!(second.clock().unwrap().now() >= time_before);
    assert_eq!(practice.asked(&second).get("asked").map(String::as_str), Some("3"));
    let code = wait_for("the migration's end", || {
        let code = std::fs::read_to_string(host.migration_folder().join("rc")).ok()?;
        code.ends_with('\n').then_some(code)
    });
    assert_eq!(code.trim(), "0", "{}", std::fs::read_to_string(&out).unwrap());
    let entries = practice.asked(&second);
    let at = |key: &str| entries.get(key).unwrap_or_else(|| panic!("{entries:?}")).parse::<i64>().unwrap();
    assert_eq!(at("Ended(Migration, 0)") - at("Started(Migration)"), 180_000, "{entries:?}");
}

#[test]
fn world_knows_a_push_before_its_client_is_answered() {
    let practice = Practice::new();
    let handle = practice.start(LONG);
    let seeded = practice.asked(&handle).get("main").cloned().unwrap();
    assert!(seeded.ends_with(" 2.0.1.11-RELEASE"), "{seeded}");
    let file = handle.file();
    let url =
        format!("http://x-access-token:{}@127.0.0.1:{}/{}.git", file.github_token, file.ports.git, file.repository);
    let clone = practice.folder.path().join("clone");
    success(git(practice.folder.path()).args(["clone", "--quiet", &url]).arg(&clone));
    let version_file = clone.join("src/main/resources/version.properties");
    let properties = std::fs::read_to_string(&version_file).unwrap().replace("2.0.1.11", "2.1.0.0");
    std::fs::write(&version_file, properties).unwrap();
    success(git(&clone).args(["commit", "--quiet", "-a", "-m", "Set version"]));
    success(git(&clone).args(["push", "--quiet", "origin", "HEAD:refs/heads/master"]));
    let head = success(git(&clone).args(["rev-parse", "HEAD"]));
    let main = practice.asked(&handle).get("main").cloned();
    assert_eq!(main, Some(format!("{} 2.1.0.0-RELEASE", head.trim())));
}

#[test]
fn new_speed_applies_to_the_app_and_the_host() {
    let practice = Practice::new();
    let handle = practice.start(LONG);
    let clock = handle.clock().unwrap();
    practice.runtime.block_on(handle.set_speed(1)).unwrap();
    wait_for("the slow clock", || {
        let _read = clock.now_ms();
        (clock.state().speed == 1).then_some(())
    });
    let on_host: i64 = success(ssh(&handle).arg("date +%s")).trim().parse().unwrap();
    let here = clock.now_ms() / 1_000;
    assert!((here - on_host).abs() <= 5, "the host's clock says {on_host}, the app's {here}");
}

#[test]
fn unused_process_ends_and_leaves_nothing_running() {
    let practice = Practice::new();
    let handle = practice.start(SHORT);
    success(ssh(&handle).arg("setsid sleep 900 </dev/null >/dev/null 2>&1 & true"));
    wait_for("the detached process", || (!practice.host().processes().is_empty()).then_some(()));
    wait_for("the end of the unused process", || (!is_alive(handle.file().pid)).then_some(()));
    assert!(practice.host().processes().is_empty());
    assert!(practice.runtime.block_on(Handle::attach(&practice.private_dir())).is_none());
}

#[test]
fn terminated_process_switches_its_host_off() {
    let practice = Practice::new();
    let handle = practice.start(LONG);
    success(ssh(&handle).arg("setsid sleep 900 </dev/null >/dev/null 2>&1 & true"));
    wait_for("the detached process", || (!practice.host().processes().is_empty()).then_some(()));
    success(std::process::Command::new("/bin/sh").args(["-c", "kill \"$1\"", "sh", &handle.file().pid.to_string()]));
    wait_for("the end of the process", || (!is_alive(handle.file().pid)).then_some(()));
    assert!(practice.host().processes().is_empty());
}

#[test]
fn process_stops_on_request_and_excludes_a_second_one() {
    let practice = Practice::new();
    let handle = practice.start(LONG);
    let exe = std::env::current_exe().unwrap();
    let mut second = std::process::Command::new(exe);
    second.args(["--exact", "served_process", "--ignored", "--nocapture", LONG]).arg(practice.private_dir());
    let refused = run(&mut second);
    assert!(text(&refused).contains("another process serves this folder"), "{}", text(&refused));
    practice.runtime.block_on(handle.stop()).unwrap();
    wait_for("the end of the told process", || (!is_alive(handle.file().pid)).then_some(()));
}

#[test]
fn practice_profile_is_complete_and_stays_on_this_computer() {
    let practice = Practice::new();
    let handle = practice.start(LONG);
    let text = include_str!("../../../profiles/rally.toml");
    let rally = greenlight_engine::profile::parse("rally.toml", text).unwrap();
    let profile = handle.practice_profile(&rally);
    assert_eq!(greenlight_engine::profile::unconfirmed(&profile), vec![]);
    let spelled = serde_json::to_value(&profile).unwrap();
    let mut texts = Vec::new();
    collect(&spelled, &mut texts);
    let root = practice.private_dir().canonicalize().unwrap();
    for text in texts {
        let is_outside = text.starts_with('/') && !Path::new(&text).starts_with(&root);
        assert!(!is_outside, "{text} is not in the private folder");
        for (at, _) in text.match_indices("http") {
            assert!(text[at..].starts_with("http://127.0.0.1:"), "{text} leads outside");
        }
    }
    assert_eq!(profile.site.checks.len(), 3);
}

fn collect(value: &serde_json::Value, texts: &mut Vec<String>) {
    match value {
        serde_json::Value::String(text) => texts.push(text.clone()),
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, texts)),
        serde_json::Value::Object(items) => items.values().for_each(|item| collect(item, texts)),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}
