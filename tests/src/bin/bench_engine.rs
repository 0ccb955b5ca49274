//! `bench_engine [RELEASES]`: the cost of the engine, the journal and one poll of a job. Ends with
//! an error when a median exceeds its limit.
//!
//! A release runs on virtual time over the simulator in process, where every answer is immediate.
//! The measured time is that of the engine and the simulator. Its events are then appended one by
//! one to a journal on the disk of this folder, each durable before the next. The app often appends
//! several at once, so this is an upper bound. A bare write with fsync to the same disk is measured
//! too, because disks differ more than programs.
#![expect(clippy::print_stdout, reason = "a program prints its results")]

use std::{
    io::{Seek as _, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use greenlight_adapters::{journal_sqlite::SqliteJournal, keychain::MemorySecrets, ssh::SshHost};
use greenlight_engine::{
    journal::Journal as _,
    ports::{EnvLock, HostAddress, JobSpec, LockClaim, RemoteHost as _, Secrets, ServiceDeployments, TaskSnapshot},
    rollout::{self, EarlierDeployments, RolloutGoal, Snapshot, Verdict},
};
use greenlight_rehearsal::host::USER;
use greenlight_simulation::{
    judge::{Judge, Violation},
    play::{play, simulated_profile},
    scenario::Scenario,
    tape::Keep,
};
use greenlight_tests::support::{production::Served, took::Took};
use greenlight_types::{Event, RunId};
use serde_json::{Value, json};

/// Longest median of an append, in ms.
const APPEND_MAX: f64 = 5.0;
/// Longest median of a release in engine and journal together, in ms.
const RELEASE_MAX: f64 = 500.0;
/// Highest cost of a poll of a job, as a multiple of a command that does nothing. Two round trips
/// would cost at least twice as much.
const STATUS_MAX: f64 = 1.9;
/// Servers of the largest service, and the longest median of a verdict about it, in ms.
const SERVERS: u32 = 5_000;
const LOOK_MAX: f64 = 50.0;
/// Content of the bare write: about the size of an event.
const PAGE: [u8; 4_096] = [0; 4_096];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<()> {
    let releases: usize = std::env::args().nth(1).map_or(Ok(20), |text| text.parse())?;
    println!("{:<52} {:>11} {:>11}", "what", "median", "99 of 100");
    let (engine, events) = tokio::task::spawn_blocking(move || engine(releases)).await??;
    say("a release of the engine, every answer at once", &engine);
    let (append, journal) = journal(&events, releases).await?;
    say("an append of the journal, durable", &append);
    say(&format!("the journal of a release, {} appends one by one", events.len()), &journal);
    let bare = bare_write(events.len() * releases).await?;
    say("a bare write of 4 KiB with fsync", &bare);
    let (nothing, status) = status(releases * 5).await?;
    say("a command over SSH that does nothing", &nothing);
    say("a look at a job over SSH", &status);
    let look = look(SERVERS, releases * 5)?;
    say("the verdict about a look at 5,000 servers", &look);
    let whole = engine.median() + journal.median();
    let looks = status.median() / nothing.median();
    println!("\nengine and journal of a release: {whole:.1} ms of {RELEASE_MAX}");
    println!(
        "an append: {:.2} ms of {APPEND_MAX}, {:.1} bare writes",
        append.median(),
        append.median() / bare.median()
    );
    println!("a look at a job: {looks:.2} commands of {STATUS_MAX}");
    println!("a look at {SERVERS} servers: {:.1} ms of {LOOK_MAX}", look.median());
    ensure!(look.median() < LOOK_MAX, "the verdict about a look takes too long");
    ensure!(append.median() < APPEND_MAX, "an append takes too long");
    ensure!(whole < RELEASE_MAX, "a release takes too long in engine and journal");
    ensure!(looks < STATUS_MAX, "a look at a job is more than one round trip");
    Ok(())
}

/// A folder beside this program. The usual temporary folder may be in memory.
fn folder() -> Result<tempfile::TempDir> {
    let here = std::env::current_exe()?;
    Ok(tempfile::tempdir_in(here.parent().context("this program lies nowhere")?)?)
}

/// A judge that does nothing, so that only the engine is timed.
struct NoJudge;

impl Judge for NoJudge {
    fn secret(&mut self, _secret: &str) {}
    fn event(&mut self, _event: &Value) {}
    fn request(&mut self, _entry: &Value) {}
    fn shown(&mut self, _shown: &Value) {}
    fn operator(&mut self, _note: &Value) {}
    fn end(&mut self, _end: &Value) {}
    fn violations(&self) -> Vec<Violation> {
        Vec::new()
    }
}

fn say(what: &str, took: &Took) {
    println!("{what:<52} {:>8.2} ms {:>8.2} ms", took.median(), took.slowest_of_a_hundred());
}

/// Plays the first release that ends as released, without faults and with an operator who does not
/// delay. Returns its events.
fn engine(releases: usize) -> Result<(Took, Vec<Event>)> {
    let profile = Arc::new(simulated_profile()?);
    let scenario = (0..100).map(calm).find(|scenario| {
        play(&profile, scenario, Box::new(NoJudge), Keep::Counts).is_ok_and(|played| played.ending == "Released")
    });
    let scenario = scenario.context("none of a hundred calm releases ended as released")?;
    let mut took: Vec<Duration> = Vec::with_capacity(releases);
    for _ in 0..releases {
        let begun = Instant::now();
        let played = play(&profile, &scenario, Box::new(NoJudge), Keep::Counts)?;
        took.push(begun.elapsed());
        ensure!(played.starts == 1, "the app was opened {} times", played.starts);
    }
    let played = play(&profile, &scenario, Box::new(NoJudge), Keep::Lines)?;
    let mut events = Vec::new();
    for line in &played.tape.lines {
        if !line.starts_with("{\"event\":") {
            continue;
        }
        let mut told: Value = serde_json::from_str(line)?;
        events.push(serde_json::from_value(told["event"].take())?);
    }
    ensure!(!events.is_empty(), "the release left no events");
    Ok((took.into(), events))
}

fn calm(seed: u64) -> Scenario {
    let mut scenario = Scenario::of(seed);
    scenario.faults.clear();
    scenario.person.mischief = 0;
    scenario.person.dawdles_s = 1;
    scenario.person.fails_checks = 0;
    scenario
}

/// Durations of single appends, and of all appends of a release. Each release has a new file.
async fn journal(events: &[Event], releases: usize) -> Result<(Took, Took)> {
    let folder = folder()?;
    let (mut appends, mut wholes) = (Vec::new(), Vec::with_capacity(releases));
    for number in 0..releases {
        let journal = SqliteJournal::open(&folder.path().join(format!("{number}.sqlite"))).await?;
        let mut whole = Duration::ZERO;
        for (after, event) in (0..).zip(events) {
            let bodies = vec![event.body.clone()];
            let begun = Instant::now();
            journal.append(&event.run, after, &event.at, &event.by, bodies).await?;
            appends.push(begun.elapsed());
            whole += begun.elapsed();
        }
        wholes.push(whole);
    }
    Ok((appends.into(), wholes.into()))
}

async fn bare_write(writes: usize) -> Result<Took> {
    let folder = folder()?;
    let mut file = fs_err::File::create_new(folder.path().join("bare"))?;
    Took::of(writes, async || {
        file.rewind()?;
        file.write_all(&PAGE)?;
        Ok(file.sync_data()?)
    })
    .await
}

fn claim() -> LockClaim {
    let text = || "bench".to_owned();
    LockClaim { person: text(), computer: text(), version: text(), reason: String::new() }
}

/// Durations of a command that does nothing and of the status of an ended job, over the app's own
/// client.
async fn status(looks: usize) -> Result<(Took, Took)> {
    let served = Served::start(60).await?;
    let file = served.handle().file();
    let memory = MemorySecrets::default();
    for credential in served.handle().credentials() {
        memory.set(&credential).await?;
    }
    let ssh = SshHost::new(Arc::new(memory));
    let host = HostAddress {
        address: "127.0.0.1".to_owned(),
        port: file.ports.ssh,
        user: USER.to_owned(),
        fingerprint: file.fingerprint.clone(),
        machine_id: String::new(),
    };
    let job = JobSpec {
        id: "bench.prod.migrate.2.1.0.a1".to_owned(),
        script: "true\n".to_owned(),
        mutex: "bench.prod-db".to_owned(),
        lock: EnvLock { environment: "bench.prod".to_owned(), run: RunId("bench".to_owned()) },
        starts_within: Duration::from_secs(60),
    };
    ssh.acquire_lock(&host, &job.lock, &claim(), None).await?;
    ssh.submit(&host, &job).await?;
    let nothing = Took::of(looks, async || {
        let read = ssh.read(&host, "true", Duration::from_secs(20)).await?;
        if read.exit == Some(0) { Ok(()) } else { bail!("`true` ended with {:?}", read.exit) }
    })
    .await?;
    let status = Took::of(looks, async || {
        ssh.status(&host, &job.id).await?;
        Ok(())
    })
    .await?;
    Ok((nothing, status))
}

/// Durations of the verdict about a service in the middle of its rollout. It runs on one thread, so
/// that they are processor time.
fn look(servers: u32, looks: usize) -> Result<Took> {
    let (ours, before) = ("arn:aws:ecs:::task-definition/bench:2", "arn:aws:ecs:::task-definition/bench:1");
    let at = "2026-11-23T09:00:00.000Z";
    let deployment = |id: &str, status: &str, revision: &str| {
        json!({
            "id": id, "status": status, "task_definition": revision, "rollout_state": "IN_PROGRESS", "rollout_reason": "",
            "desired": servers, "running": servers / 2, "pending": 0, "failed": 0, "created_at": at,
        })
    };
    let service = serde_json::from_value(json!({
        "task_definition": ours, "desired": servers, "running": servers, "events": [],
        "deployments": [deployment("new", "PRIMARY", ours), deployment("old", "ACTIVE", before)],
        "settings": {
            "breaker": null, "minimum_percent": 100, "maximum_percent": 200, "bake_minutes": null, "alarms": null,
        },
    }))?;
    let task = |number: u32| {
        let (revision, deployment) = if number.is_multiple_of(2) { (ours, "new") } else { (before, "old") };
        serde_json::from_value(json!({
            "id": format!("{number:032x}"), "task_definition": revision, "last_status": "RUNNING", "health": "HEALTHY",
            "deployment": deployment, "stop_code": "", "stopped_reason": "", "stopped_at": null, "exit_code": null,
            "image_digest": "sha256:1", "created_at": at,
        }))
    };
    let tasks = (0..servers).map(task).collect::<serde_json::Result<Vec<TaskSnapshot>>>()?;
    let goal = RolloutGoal {
        ours,
        previous: before,
        completed: None,
        deployment: Some("new"),
        earlier: EarlierDeployments::default(),
        since: None,
        migrated_at: None,
        undone_at: None,
        digest: Some("sha256:1"),
        expected: &[],
    };
    let deployments = ServiceDeployments::Listed(Vec::new());
    let mut took = Vec::with_capacity(looks);
    for _ in 0..looks {
        let begun = Instant::now();
        let seen = rollout::assess(Snapshot { service: &service, tasks: &tasks, deployments: &deployments }, &goal);
        took.push(begun.elapsed());
        ensure!(matches!(seen.verdict, Verdict::Began { .. }), "{:?}", seen.verdict);
    }
    Ok(took.into())
}
