//! The real ssh program against the simulated host, with its real scripts.
#![expect(clippy::unwrap_used, reason = "a test ends where its world is not as it should be")]

#[expect(dead_code, reason = "shared with tests that need more of it")]
mod support;

use std::{
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use greenlight_rehearsal::{
    clock::{ClockState, VirtualClock, real_ms},
    fronts::{Pulse, ssh},
    host::{
        Host,
        jobs::{ExitCodes, HostEvent, Mailbox, Work},
    },
};
use parking_lot::Mutex;
use support::{run, success, text, wait_for};

struct Machine {
    _runtime: tokio::runtime::Runtime,
    _folder: tempfile::TempDir,
    host: Host,
    keys: ssh::Keys,
    port: u16,
    events: Arc<Mutex<Vec<HostEvent>>>,
    stop: Arc<AtomicBool>,
}

impl Machine {
    fn start(speed: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::prepare(&folder.path().join("host")).unwrap();
        let keys = ssh::Keys::open_or_make(folder.path()).unwrap();
        std::fs::write(host.pid_file(), std::process::id().to_string()).unwrap();
        let origin = 1_800_000_000_000;
        let clock = VirtualClock::own(&host.clock_file(), ClockState::new(origin, real_ms(), speed)).unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let mut mailbox = Mailbox::open(host.mailbox(), ExitCodes::default());
        let (told, stopped) = (Arc::clone(&events), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                if let Ok((happened, _)) = mailbox.advance(clock.now_ms()) {
                    told.lock().extend(happened.into_iter().map(|(_, event)| event));
                    let _folder_gone = mailbox.release();
                }
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (served, its_keys) = (host.clone(), keys.clone());
        runtime.spawn(async move { ssh::serve(listener, served, &its_keys, Pulse::default()).await });
        Self { _runtime: runtime, _folder: folder, host, keys, port, events, stop }
    }

    fn ssh(&self) -> Command {
        support::ssh(self.port, self.keys.client_file(), "ec2-user")
    }

    fn dumps(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.host.dump_folder()).unwrap();
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension().is_some_and(|e| e == "dump") && !path.to_string_lossy().contains("2025-03-14")
            })
            .collect()
    }

    fn backup_command(&self) -> String {
        format!("bash -lc 'cd {} && sudo -n ./backupRallyPROD.sh'", self.host.backup_folder().display())
    }

    fn migration_command(&self) -> String {
        format!(
            "bash -lc 'cd {} && CONFIG={} ./run.sh'",
            self.host.migration_folder().display(),
            self.host.migration_config().display()
        )
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.host.switch_off();
    }
}

#[test]
fn accepts_only_the_user_with_the_folders_key() {
    let machine = Machine::start(1);
    assert_eq!(
        success(machine.ssh().arg("whoami; hostname; pwd")),
        format!("ec2-user\nrally-staging\n{}\n", machine.host.home().display())
    );
    let other = support::ssh(machine.port, machine.keys.client_file(), "root").arg("true").output().unwrap();
    assert_eq!(other.status.code(), Some(255), "{}", text(&other));
    let folder = tempfile::tempdir().unwrap();
    let stranger = ssh::Keys::open_or_make(folder.path()).unwrap();
    let refused = run(support::ssh(machine.port, stranger.client_file(), "ec2-user").arg("true"));
    assert_eq!(refused.status.code(), Some(255), "{}", text(&refused));
}

#[test]
fn command_has_exit_code_streams_and_an_empty_environment() {
    let machine = Machine::start(1);
    let ended = run(machine.ssh().arg("echo out; echo err >&2; exit 7"));
    assert_eq!(ended.status.code(), Some(7));
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "out\n");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "err\n");
    let names = success(machine.ssh().arg("env | cut -d= -f1 | sort | tr '\\n' ' '"));
    assert_eq!(names.trim(), "GREENLIGHT_PRETEND_HOST HOME LANG LOGNAME PATH PWD SHELL USER");
    let mut piped = machine.ssh().arg("wc -c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = piped.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &vec![b'x'; 300_000]).unwrap();
    drop(input);
    assert_eq!(String::from_utf8_lossy(&piped.wait_with_output().unwrap().stdout).trim(), "300000");
    let much = success(machine.ssh().arg("seq 1 400000 | tail -n 1"));
    assert!(much.ends_with("400000\n"), "{much}");
}

#[test]
fn refuses_an_outside_path_in_command_and_script() {
    let machine = Machine::start(1);
    let refused = run(machine.ssh().arg("cd /opt/backup/bin && ./backupRallyPROD.sh"));
    assert_eq!(refused.status.code(), Some(126));
    assert!(text(&refused).contains("/opt/backup/bin"), "{}", text(&refused));
    let mut sent = machine.ssh();
    sent.arg("cat >script.sh && sh script.sh").stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut sent = sent.spawn().unwrap();
    let mut input = sent.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, b"#!/bin/sh\ncat /etc/hostname\n").unwrap();
    drop(input);
    let refused = sent.wait_with_output().unwrap();
    assert!(text(&refused).contains("/etc/hostname"), "{}", text(&refused));
    assert!(std::fs::read(machine.host.home().join("script.sh")).unwrap_or_default().is_empty());
}

#[test]
fn sudo_runs_only_the_backup_script() {
    let machine = Machine::start(1);
    let listed = success(machine.ssh().arg("sudo -n -l"));
    assert!(listed.contains("NOPASSWD") && listed.contains("backupRallyPROD.sh"), "{listed}");
    let script = machine.host.backup_folder().join("backupRallyPROD.sh");
    success(machine.ssh().arg(format!("sudo -n -l {}", script.display())));
    for command in ["sudo -n cat x", "sudo -n bash -c id", "sudo -n ./run.sh", "sudo su"] {
        let refused = run(machine.ssh().arg(command));
        assert_eq!(refused.status.code(), Some(1), "{command}");
        assert!(text(&refused).contains("a password is required"), "{}", text(&refused));
    }
}

#[test]
fn backup_needs_directory_and_root_and_writes_a_good_dump() {
    let machine = Machine::start(240);
    let script = machine.host.backup_folder().join("backupRallyPROD.sh");
    let elsewhere = run(machine.ssh().arg(format!("sudo -n {}", script.display())));
    assert!(text(&elsewhere).contains("run me in my own directory"), "{}", text(&elsewhere));
    let plain =
        run(machine.ssh().arg(format!("cd {} && ./backupRallyPROD.sh", machine.host.backup_folder().display())));
    assert!(text(&plain).contains("must be run as root"), "{}", text(&plain));
    let output = success(machine.ssh().arg(machine.backup_command()));
    assert!(output.contains("public.audit_log") && output.contains("is complete"), "{output}");
    let dumps = machine.dumps();
    assert_eq!(dumps.len(), 1, "{dumps:?}");
    let dump = std::fs::metadata(&dumps[0]).unwrap();
    assert!(dump.len() > 12 * 1024 * 1024);
    success(machine.ssh().arg(format!("gzip -t < '{}'", dumps[0].display())));
    let virtual_s = success(machine.ssh().arg("date +%s")).trim().parse::<u64>().unwrap();
    let written = dump.modified().unwrap().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(
        written >= 1_800_000_000 + 480 && written <= virtual_s,
        "{written} is not a virtual time before {virtual_s}"
    );
    let events = machine.events.lock().clone();
    assert_eq!(events, vec![HostEvent::Started(Work::Backup), HostEvent::Ended(Work::Backup, 0)]);
}

#[test]
fn migration_needs_its_configuration_and_a_login_shell() {
    let machine = Machine::start(240);
    let folder = machine.host.migration_folder();
    let bare = run(machine.ssh().arg(format!("bash -lc 'cd {} && ./run.sh'", folder.display())));
    assert_eq!(bare.status.code(), Some(3), "{}", text(&bare));
    assert!(text(&bare).contains("CONFIG is not set"), "{}", text(&bare));
    let plain = machine.migration_command().replace("bash -lc", "sh -c");
    let unfound = run(machine.ssh().arg(plain));
    assert_eq!(unfound.status.code(), Some(127), "{}", text(&unfound));
    let output = success(machine.ssh().arg(machine.migration_command()));
    assert!(output.contains("Running Changeset") && output.contains("ended with 0"), "{output}");
    let events = machine.events.lock().clone();
    assert_eq!(events, vec![HostEvent::Started(Work::Migration), HostEvent::Ended(Work::Migration, 0)]);
}

#[test]
fn detached_job_survives_its_connection_and_a_plain_one_dies() {
    let machine = Machine::start(60);
    let detached = machine.migration_command().replace('\'', "\"");
    let mut client = machine
        .ssh()
        .arg(format!(
            "mkdir job; setsid sh -c '{detached} >job/out 2>&1; echo $? >job/rc.new; mv job/rc.new job/rc' \
             </dev/null >/dev/null 2>&1 & sleep 1000 & echo $! >plain.pid; wait"
        ))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let home = machine.host.home();
    let pid: u32 =
        wait_for("the plain job", || std::fs::read_to_string(home.join("plain.pid")).ok()?.trim().parse().ok());
    wait_for("the detached job", || {
        std::fs::read_to_string(home.join("job/out")).ok().filter(|out| out.contains("Migrating"))
    });
    client.kill().unwrap();
    client.wait().unwrap();
    wait_for("the plain job's end", || (!greenlight_rehearsal::host::is_alive(pid)).then_some(()));
    let code = wait_for("the detached job's end", || std::fs::read_to_string(home.join("job/rc")).ok());
    assert_eq!(code.trim(), "0", "{}", std::fs::read_to_string(home.join("job/out")).unwrap_or_default());
}

#[test]
fn switching_the_host_off_leaves_no_process() {
    let machine = Machine::start(1);
    success(machine.ssh().arg("setsid sleep 900 </dev/null >/dev/null 2>&1 & true"));
    wait_for("the detached process", || (!machine.host.processes().is_empty()).then_some(()));
    machine.host.switch_off();
    wait_for("the end of all", || machine.host.processes().is_empty().then_some(()));
}
