//! `network_child FOLDER ADDRESS KEY`: the app without a window, with an operator who presses one
//! button. It uses the app's engine, journal, spool and SSH adapter. The simulator in process
//! replaces all systems except the host. It prints each change of the screen with its time in
//! milliseconds, and ends after the job's step.
//!
//! On an empty folder it creates a run that is ready for its backup, prints `ready` and waits for a
//! line. On a used folder it continues that run.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use greenlight_adapters::{
    clock::SystemClock, ids::Uuids, journal_sqlite::SqliteJournal, keychain::MemorySecrets, spool::FileSpool,
    ssh::SshHost,
};
use greenlight_engine::{
    fold,
    journal::Journal as _,
    ports::{
        Clock, Credential, EnvLock, HostAddress, LockClaim, Ownership, RawPorts, RemoteHost as _, Screen, Secrets as _,
    },
    release::{Parts, Release},
};
use greenlight_rehearsal::{
    ports::{Call, Fate, InProcess, Wire},
    world::{Start, World},
};
use greenlight_simulation::{operator::engine::press, play::simulated_profile};
use greenlight_types::{
    Actor, ErrorCode, EventBody, Fact, LineSource, Live, LiveUpdate, LockOwner, LogLine, Phase, Profile, Realm,
    RunEvent, RunId, RunView, StagingMachine, Status, StepEvent, StepId, Timestamp, Version,
};
use parking_lot::Mutex;

/// SSH port of the host.
const PORT: u16 = 22;
/// User on the host.
const USER: &str = "root";
/// Wait after a refusal.
const AGAIN: Duration = Duration::from_millis(500);
/// Largest number of presses.
const PRESSES: usize = 200;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (folder, address, key) = (words.next(), words.next(), words.next());
    let folder = folder.context("usage: network_child FOLDER ADDRESS KEY")?;
    let (address, key) = (address.context("an address")?, key.context("a key file")?);
    let folder = Path::new(&folder);
    let secrets = MemorySecrets::default();
    secrets.set(&Credential::StagingKey { path: key, passphrase: None }).await?;
    let host = Arc::new(SshHost::new(Arc::new(secrets)));
    let journal = Arc::new(SqliteJournal::open(&folder.join("journal.sqlite")).await?);
    let parts = Parts {
        journal: journal.clone(),
        screen: Arc::new(Printed),
        spool: Arc::new(FileSpool::new(&folder.join("lines"))),
        clock: Arc::new(SystemClock),
        ids: Arc::new(Uuids),
        redactor: Arc::default(),
    };
    let run = match journal.runs().await?.pop() {
        Some(run) => run,
        None => {
            let run = prepare(&parts, &host, &address).await?;
            say("ready");
            tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await??;
            run
        }
    };
    let ports = RawPorts { host, ..elsewhere(&run)? }.cleaned(&parts.redactor);
    let release = Release::open(parts, ports, &run, anna()).await?.without_readiness();
    press_until_ended(&release).await
}

fn now_ms() -> i64 {
    SystemClock.now().as_millisecond()
}

fn say(words: &str) {
    println!("{} {words}", now_ms());
}

fn anna() -> Actor {
    Actor {
        person: "Anna".into(),
        computer: "test".into(),
        app_version: env!("CARGO_PKG_VERSION").into(),
        github_login: None,
        aws_identity: None,
    }
}

/// The profile of the simulated releases, with this suite's job as its backup.
fn profile() -> Result<Profile> {
    let mut profile = simulated_profile()?;
    let backup = &mut profile.backup;
    backup.become_root.clear();
    backup.artifact_min_mib = 0;
    for (value, ours) in [
        (&mut backup.directory, "/root"),
        (&mut backup.command, "./job.sh"),
        (&mut backup.artifact_directory, "/root/dumps"),
        (&mut backup.artifact_pattern, "*.dump"),
        (&mut backup.artifact_probe, "test -s {file}"),
    ] {
        ours.clone_into(value);
    }
    Ok(profile)
}

/// A prepared run that has the environment lock, as from an earlier day.
async fn prepare(parts: &Parts, host: &SshHost, address: &str) -> Result<RunId> {
    let (version, by) = (Version::parse("2.1.0")?, anna());
    let run = Release::draft(parts, &profile()?, Realm::Practice, &version, &by, None).await?;
    let fingerprint = host.fingerprints(address, PORT).await?.swap_remove(0);
    let view = fold::fold(&parts.journal.events(&run, 0).await?)?;
    let mut staging = StagingMachine {
        name: view.names.staging_machine.clone(),
        address: address.to_owned(),
        port: PORT,
        user: USER.to_owned(),
        fingerprint,
        known_by: None,
        machine_id: String::new(),
        boot_id: String::new(),
    };
    let lock = EnvLock::of(&view);
    let found = host.environment(&HostAddress::of(&staging), &lock.environment).await?;
    staging.machine_id = found.machine_id;
    staging.boot_id = found.boot_id;
    let now = parts.clock.now();
    let mut bodies =
        vec![EventBody::Run(RunEvent::PrepareStarted { statement: "tested".into(), commit_time: now, begun: None })];
    for step in StepId::ALL.into_iter().filter(|step| step.phase() == Phase::Prepare) {
        bodies.push(EventBody::Step(StepEvent::Skipped { step, note: "done on an earlier day".into() }));
    }
    let arn = "arn:aws:ecs:us-east-1:676917001797:task-definition/rally-prod:143".to_owned();
    let fact = Fact::RevisionSaved {
        base_arn: arn.clone(),
        arn,
        revision: 143,
        image: "rally-prod:2.1.0.0".into(),
        already: false,
    };
    bodies.push(EventBody::Run(RunEvent::FactLearned { step: StepId::RegisterTaskDefinition, fact }));
    bodies.push(EventBody::Run(RunEvent::Prepared));
    bodies.push(EventBody::Run(RunEvent::LockAcquiring {
        staging: staging.clone(),
        from: None,
        on_machine: None,
        reason: String::new(),
    }));
    let deploy = EventBody::Run(RunEvent::DeployStarted {
        staging: staging.clone(),
        told: "all".into(),
        differences: Vec::new(),
    });
    bodies.push(deploy);
    parts.journal.append(&run, view.seq, &now, &by, bodies).await?;
    let claim = LockClaim {
        person: by.person.clone(),
        computer: by.computer.clone(),
        version: version.to_string(),
        reason: String::new(),
    };
    let held = host.acquire_lock(&HostAddress::of(&staging), &lock, &claim, None).await?;
    anyhow::ensure!(held == Ownership::Ours, "the environment is held by {held:?}");
    Ok(run)
}

/// Ports of the simulator for all systems. The run owns the environment lock on the git remote. The
/// caller replaces the host.
fn elsewhere(run: &RunId) -> Result<RawPorts> {
    let by = anna();
    let owner = LockOwner {
        run: run.clone(),
        person: by.person,
        computer: by.computer,
        version: "2.1.0".to_owned(),
        is_rollback: false,
        reason: String::new(),
        since: Timestamp::from_millisecond(now_ms()).context("a time")?,
        seen: None,
    };
    let start = Start {
        main: "0".repeat(40),
        version_value: "2.0.1.11-RELEASE".to_owned(),
        now_ms: now_ms(),
        repository: "rallyforresearch/rally".to_owned(),
    };
    let mut world = World::new(&start);
    world.write_lock(&owner, true);
    let world = Arc::new(Mutex::new(world));
    Ok(InProcess::new(world, Arc::default(), Arc::new(SystemClock), Arc::new(Calm), 1).ports())
}

/// A wire without faults.
struct Calm;

impl Wire for Calm {
    fn now_ms(&self) -> i64 {
        now_ms()
    }
    fn fate(&self, _call: Call) -> Fate {
        Fate::Calm
    }
    fn end_app(&self) {}
    fn passed(&self, _world: &mut World) {}
}

/// A screen that prints.
struct Printed;

#[async_trait]
impl Screen for Printed {
    fn moved(&self, _run: &RunId, seq: u32) {
        say(&format!("moved {seq}"));
    }

    fn live(&self, live: Live) {
        match live.seen {
            LiveUpdate::Connection { text, .. } | LiveUpdate::Activity { text, .. } => say(&text),
            LiveUpdate::Servers(_)
            | LiveUpdate::Build(_)
            | LiveUpdate::Site(_)
            | LiveUpdate::Heard { .. }
            | LiveUpdate::Watcher { .. } => {}
        }
    }

    /// Prints the time at which the host wrote each line.
    fn lines(&self, _run: &RunId, _source: LineSource, lines: &[LogLine]) {
        for line in lines {
            if let Some(written) = line.text.strip_prefix("line ").and_then(|rest| rest.split(' ').nth(1)) {
                say(&format!("line {written}"));
            }
        }
    }
}

/// Presses the button whenever it is offered, and prints the end of the job.
async fn press_until_ended(release: &Release) -> Result<()> {
    let mut watch = release.watch();
    for _ in 0..PRESSES {
        let view = watch.wait_for(|view| !is_under_way(view)).await.context("the run was closed")?.clone();
        let step = fold::step(&view, StepId::BackUp).context("no such step")?;
        match (step.status(), step.failure()) {
            (Status::Succeeded, _) => {
                say("end 0");
                return Ok(());
            }
            (Status::Failed, Some(failure)) if failure.code == ErrorCode::ScriptFailed => {
                say(&format!("end {}", failure.params.get("exit").cloned().unwrap_or_default()));
                return Ok(());
            }
            (status, failure) => say(&format!("waits for a person: {status:?} {failure:?}")),
        }
        if let Err(failure) = press(release, &anna(), StepId::BackUp).await {
            say(&format!("refused: {failure}"));
            tokio::time::sleep(AGAIN).await;
        }
    }
    anyhow::bail!("pressed too often")
}

/// Whether the step continues without the operator.
fn is_under_way(view: &RunView) -> bool {
    let status = fold::step(view, StepId::BackUp).map(|step| step.status());
    matches!(status, Some(Status::NotStarted | Status::Running | Status::InDoubt))
}
