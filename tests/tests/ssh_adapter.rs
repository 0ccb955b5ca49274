//! The staging machine adapter against a real OpenSSH server with sudo, login environments and a
//! real database.

#[path = "ssh_adapter/handshake.rs"]
mod handshake;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use greenlight_adapters::{keychain::MemorySecrets, ssh::SshHost as Adapter};
use greenlight_engine::ports::{
    Credential, EnvLock, HostAddress, JobSpec, JobState, JobStatus, Launched, LockClaim, Ownership, RemoteHost,
    RevokeReason, Revoked, SecretText, Secrets, Submitted,
};
use greenlight_tests::support::{
    hold::Moment,
    postgres::Postgres,
    process::Deadline,
    sleeping::sleeping,
    ssh_host::{Script, SshHost, USER},
};
use greenlight_types::{ErrorCode, RunId};

const PATIENCE: Duration = Duration::from_secs(60);
const BACK_UP: &str = "exec bash -lc 'cd /opt/backup/bin && sudo -n ./backupRallyPROD.sh'\n";
const MIGRATE: &str = "exec bash -lc 'cd /home/ec2-user/migrate && export CONFIG=/home/ec2-user/migrate/application-prod.properties && ./run.sh'\n";
/// The run that owns the environment lock.
const RUN: &str = "run-1";
/// Job id of the first attempt of the migration.
const MIGRATION: &str = "rally.prod.migrate.2.1.0.a1";

struct Bench {
    database: Postgres,
    machine: SshHost,
}

impl Bench {
    async fn new() -> Self {
        let database = Postgres::start().await.expect("PostgreSQL");
        let machine = SshHost::start(&database).await.expect("OpenSSH");
        Self { database, machine }
    }

    async fn secrets(key: PathBuf, passphrase: Option<&str>) -> Arc<dyn Secrets> {
        let secrets = MemorySecrets::default();
        let path = key.display().to_string();
        let credential = Credential::StagingKey { path, passphrase: passphrase.map(SecretText::new) };
        secrets.set(&credential).await.expect("kept in memory");
        Arc::new(secrets)
    }

    async fn adapter(&self, key: PathBuf, passphrase: Option<&str>) -> Adapter {
        Adapter::new(Self::secrets(key, passphrase).await)
    }

    /// An adapter whose connection went silent after one request: nothing answers and nothing
    /// closes, as in a network that dropped the connection. The number is the count of seconds that
    /// the computer has slept.
    async fn silent(&self) -> (Adapter, Arc<AtomicU64>) {
        let (read_clocks, asleep) = sleeping();
        let secrets = Self::secrets(self.machine.rsa_pem_key(), None).await;
        let adapter = Adapter::with_clocks(secrets, read_clocks);
        adapter.status(&self.host(), MIGRATION).await.expect("a status");
        self.machine.freeze_sessions(true).expect("frozen");
        (adapter, asleep)
    }

    /// An adapter of the run that owns the environment lock.
    async fn usual(&self) -> Adapter {
        let adapter = self.adapter(self.machine.rsa_pem_key(), None).await;
        let held = adapter.acquire_lock(&self.host(), &hold(RUN), &claim("Anna", ""), None).await;
        assert_eq!(held, Ok(Ownership::Ours));
        adapter
    }

    fn host(&self) -> HostAddress {
        HostAddress {
            address: "127.0.0.1".into(),
            port: self.machine.port(),
            user: USER.into(),
            fingerprint: self.machine.fingerprint().expect("a fingerprint"),
            machine_id: String::new(),
        }
    }
}

fn hold(run: &str) -> EnvLock {
    EnvLock { environment: "rally.prod".into(), run: RunId(run.into()) }
}

fn claim(person: &str, reason: &str) -> LockClaim {
    LockClaim { person: person.into(), computer: "desk-7".into(), version: "2.1.0".into(), reason: reason.into() }
}

fn job(id: &str, script: &str) -> JobSpec {
    JobSpec {
        id: id.into(),
        script: script.into(),
        mutex: "rally.prod-db".into(),
        lock: hold(RUN),
        starts_within: Duration::from_secs(600),
    }
}

async fn until(adapter: &Adapter, host: &HostAddress, id: &str, is_so: impl Fn(&JobState) -> bool) -> JobStatus {
    let mut deadline = Deadline::after(PATIENCE);
    loop {
        if let Ok(status) = adapter.status(host, id).await
            && is_so(&status.state)
        {
            return status;
        }
        deadline.pause("the job to get there").await.expect("in time");
    }
}

fn is_over(state: &JobState) -> bool {
    matches!(state, JobState::Finished { .. } | JobState::Lost { .. })
}

async fn output(adapter: &Adapter, host: &HostAddress, status: &JobStatus) -> String {
    let size = u32::try_from(status.output_bytes).expect("a small output");
    let bytes = adapter.output(host, &status.id, 0, size.max(1)).await.expect("the output");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_migration_launched_many_times_at_once_starts_once() {
    let bench = Bench::new().await;
    let (one, other, host) = (bench.usual().await, bench.usual().await, bench.host());
    let spec = job(MIGRATION, MIGRATE);
    assert_eq!(one.status(&host, &spec.id).await.expect("a status").state, JobState::Absent);
    assert_eq!(one.submit(&host, &spec).await.expect("submitted"), Submitted::New);
    assert_eq!(other.submit(&host, &spec).await.expect("submitted"), Submitted::Same);
    assert_eq!(other.submit(&host, &job(&spec.id, "true\n")).await.expect("an answer"), Submitted::Conflict);
    assert_eq!(one.status(&host, &spec.id).await.expect("a status").state, JobState::NotStarted);
    let launches = (0..10).map(|n| if n % 2 == 0 { &one } else { &other }.launch(&host, &spec.id, &spec.lock));
    for launched in futures::future::join_all(launches).await {
        launched.expect("a launch may be repeated");
    }
    let status = until(&one, &host, &spec.id, is_over).await;
    one.launch(&host, &spec.id, &spec.lock).await.expect("a launch may be repeated after the end");
    assert!(
        matches!(status.state, JobState::Finished { exit: 0, .. }),
        "{status:?}: {}",
        output(&one, &host, &status).await
    );
    let again = until(&other, &host, &spec.id, is_over).await;
    assert_eq!(again, status, "nothing moved");
    assert_eq!(bench.machine.starts(Script::Migration).len(), 1, "one start");
    assert!(bench.machine.starts(Script::Migration)[0].ends_with(USER), "as the login user");
    assert!(bench.database.schema_is_migrated().expect("the database answers"));
    assert_eq!(one.jobs(&host, "rally.prod.migrate.2.1.0.a").await.expect("a list").len(), 1);
}

#[tokio::test]
async fn a_revoked_job_stays_revoked_for_every_computer() {
    let bench = Bench::new().await;
    let (one, other, host) = (bench.usual().await, bench.usual().await, bench.host());
    let (first, second) = (job(MIGRATION, MIGRATE), job("rally.prod.migrate.2.1.0.a2", MIGRATE));
    assert_eq!(one.submit(&host, &first).await.expect("submitted"), Submitted::New);
    assert_eq!(
        one.submit(&host, &second).await.expect("an answer"),
        Submitted::Unfinished,
        "the first may still start"
    );
    for adapter in [&one, &other] {
        assert_eq!(adapter.revoke(&host, &first.id, RevokeReason::Outside).await.expect("an answer"), Revoked::Won);
    }
    assert_eq!(other.submit(&host, &first).await.expect("an answer"), Submitted::Revoked);
    other.launch(&host, &first.id, &first.lock).await.expect("a launch may arrive late");
    assert_eq!(other.status(&host, &first.id).await.expect("a status").state, JobState::Revoked(RevokeReason::Outside));
    assert_eq!(other.submit(&host, &second).await.expect("submitted"), Submitted::New);
    other.launch(&host, &second.id, &second.lock).await.expect("launched");
    until(&other, &host, &second.id, is_over).await;
    assert_eq!(one.revoke(&host, &second.id, RevokeReason::Outside).await.expect("an answer"), Revoked::Lost);
    assert_eq!(one.status(&host, &first.id).await.expect("a status").state, JobState::Revoked(RevokeReason::Outside));
    assert_eq!(bench.machine.starts(Script::Migration).len(), 1, "only the second attempt started");
}

#[tokio::test]
async fn one_run_owns_the_lock_and_others_see_it() {
    let bench = Bench::new().await;
    let (anna, maria, host) = (bench.usual().await, bench.usual().await, bench.host());
    let spec = job(MIGRATION, MIGRATE);
    let theirs = JobSpec { lock: hold("run-2"), ..spec.clone() };
    let refused = maria.acquire_lock(&host, &theirs.lock, &claim("Maria", ""), None).await.expect("an answer");
    let Ownership::NotOurs(Some(holder)) = refused else { panic!("{refused:?}") };
    assert_eq!((holder.run.0.as_str(), holder.person.as_str(), holder.computer.as_str()), (RUN, "Anna", "desk-7"));
    assert!(matches!(maria.submit(&host, &theirs).await, Ok(Submitted::NotOwner(Some(_)))));
    assert_eq!(anna.submit(&host, &spec).await, Ok(Submitted::New));
    let taken = maria.acquire_lock(&host, &theirs.lock, &claim("Maria", "Anna is ill"), Some(&RunId(RUN.into()))).await;
    assert_eq!(taken, Ok(Ownership::Ours));
    let late = anna.launch(&host, &spec.id, &spec.lock).await.expect("an answer");
    let Launched::NotOwner(Some(holder)) = late else { panic!("{late:?}") };
    assert_eq!((holder.person.as_str(), holder.reason.as_str()), ("Maria", "Anna is ill"));
    assert!(matches!(anna.check_lock(&host, &spec.lock).await, Ok(Ownership::NotOurs(Some(_)))));
    anna.release_lock(&host, &spec.lock).await.expect("nothing of theirs is given back");
    assert_eq!(maria.check_lock(&host, &theirs.lock).await, Ok(Ownership::Ours));
    maria.launch(&host, &spec.id, &theirs.lock).await.expect("launched");
    until(&maria, &host, &spec.id, is_over).await;
    assert_eq!(bench.machine.starts(Script::Migration).len(), 1);
    maria.release_lock(&host, &theirs.lock).await.expect("given back");
    assert_eq!(anna.environment(&host, "rally.prod").await.expect("an answer").owner, None);
}

#[tokio::test]
async fn another_machine_at_the_address_is_refused() {
    let bench = Bench::new().await;
    let (adapter, host) = (bench.usual().await, bench.host());
    let found = adapter.environment(&host, "rally.prod").await.expect("an answer");
    // The id has two parts: the machine, and the folder with the jobs.
    assert!(found.machine_id.len() == 65 && !found.boot_id.is_empty(), "{found:?}");
    let same = HostAddress { machine_id: found.machine_id, ..host.clone() };
    let spec = job(MIGRATION, MIGRATE);
    assert_eq!(adapter.submit(&same, &spec).await, Ok(Submitted::New));
    let other = HostAddress { machine_id: "0".repeat(32), ..host };
    let refused = [
        adapter.status(&other, &spec.id).await.expect_err("another machine").code,
        adapter.launch(&other, &spec.id, &spec.lock).await.expect_err("another machine").code,
        adapter.revoke(&other, &spec.id, RevokeReason::Outside).await.expect_err("another machine").code,
        adapter.jobs(&other, "rally.").await.expect_err("another machine").code,
    ];
    assert_eq!(refused, [ErrorCode::HostReplaced; 4]);
    assert_eq!(adapter.status(&same, &spec.id).await.expect("a status").state, JobState::NotStarted);
}

#[tokio::test]
async fn a_job_respects_its_mutex_and_its_deadline() {
    let bench = Bench::new().await;
    let (adapter, host) = (bench.usual().await, bench.host());
    let hold = bench.machine.hold(Script::Migration, Moment::BeforeEffect).expect("a hold");
    let first = job("rally.prod.migrate.2.0.0.a1", MIGRATE);
    adapter.submit(&host, &first).await.expect("submitted");
    adapter.launch(&host, &first.id, &first.lock).await.expect("launched");
    hold.wait_until_held(PATIENCE).await.expect("the script runs");
    let late = JobSpec { starts_within: Duration::ZERO, ..job(MIGRATION, "touch ~/late\n") };
    adapter.submit(&host, &late).await.expect("submitted");
    assert!(adapter.status(&host, &late.id).await.expect("a status").state.never_started());
    until(&adapter, &host, &late.id, |state| *state == JobState::Expired).await;
    adapter.launch(&host, &late.id, &late.lock).await.expect("an order that arrives late");
    let busy = job("rally.prod.backup.2.1.0.a1", "touch ~/beside\n");
    adapter.submit(&host, &busy).await.expect("submitted");
    assert_eq!(adapter.status(&host, &busy.id).await.expect("a status").state, JobState::Busy);
    drop(hold);
    until(&adapter, &host, &first.id, is_over).await;
    adapter.launch(&host, &busy.id, &busy.lock).await.expect("launched");
    until(&adapter, &host, &busy.id, is_over).await;
    let files = bench.machine.inside_as_user("ls ~").expect("a look");
    assert!(files.contains("beside") && !files.contains("late"), "{files}");
}

#[tokio::test]
async fn finds_a_job_again_after_killed_sessions() {
    let bench = Bench::new().await;
    let (adapter, host) = (bench.usual().await, bench.host());
    let hold = bench.machine.hold(Script::Backup, Moment::BeforeEffect).expect("a hold");
    let spec = job("rally.prod.backup.2.1.0.a1", BACK_UP);
    adapter.submit(&host, &spec).await.expect("submitted");
    adapter.launch(&host, &spec.id, &spec.lock).await.expect("launched");
    hold.wait_until_held(PATIENCE).await.expect("the script runs");
    bench.machine.kill_sessions().expect("sessions end");
    let status = until(&adapter, &host, &spec.id, |state| *state == JobState::Running).await;
    assert!(status.started_at.is_some());
    drop(hold);
    let fresh = bench.usual().await;
    let end = until(&fresh, &host, &spec.id, is_over).await;
    assert!(matches!(end.state, JobState::Finished { exit: 0, .. }), "{end:?}");
    assert_eq!(bench.machine.starts(Script::Backup).len(), 1);
    assert!(bench.machine.starts(Script::Backup)[0].ends_with("root"), "the backup becomes root");
}

#[tokio::test]
async fn opens_a_new_ssh_connection_after_a_sleep() {
    let bench = Bench::new().await;
    let (adapter, asleep) = bench.silent().await;
    asleep.fetch_add(8 * 3_600, Ordering::AcqRel);
    let status = adapter.status(&bench.host(), MIGRATION).await;
    bench.machine.freeze_sessions(false).expect("they go on");
    assert_eq!(status.expect("a status over a new connection").state, JobState::Absent);
}

#[tokio::test]
async fn a_request_interrupted_by_a_sleep_can_be_repeated() {
    let bench = Bench::new().await;
    let ((adapter, asleep), host) = (bench.silent().await, bench.host());
    let (asked, ()) = tokio::join!(adapter.status(&host, MIGRATION), async {
        // The request has read its clocks once it waits for an answer.
        tokio::task::yield_now().await;
        asleep.fetch_add(60, Ordering::AcqRel);
    });
    let again = adapter.status(&host, MIGRATION).await;
    bench.machine.freeze_sessions(false).expect("they go on");
    let failure = asked.expect_err("nobody answered");
    assert_eq!(failure.code, ErrorCode::Unreachable);
    assert!(failure.to_string().contains("this computer slept"), "{failure}");
    assert_eq!(again.expect("a status over a new connection").state, JobState::Absent);
}

#[tokio::test]
async fn replaces_a_silent_connection_with_a_new_one() {
    let bench = Bench::new().await;
    let ((adapter, _awake), host) = (bench.silent().await, bench.host());
    let asked = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Ok(status) = adapter.status(&host, MIGRATION).await {
                return status;
            }
        }
    });
    let asked = asked.await;
    bench.machine.freeze_sessions(false).expect("they go on");
    assert_eq!(asked.expect("an answer long before the deadline of a verb").state, JobState::Absent);
}

#[tokio::test]
async fn waits_for_a_slow_answer_on_a_live_connection() {
    let bench = Bench::new().await;
    let adapter = bench.usual().await;
    let read = adapter.read(&bench.host(), "sleep 7; echo here", PATIENCE).await.expect("an answer");
    assert_eq!((read.exit, read.out.trim()), (Some(0), "here"));
}

#[tokio::test]
async fn fault_4_reads_do_not_depend_on_the_login_shell() {
    let bench = Bench::new().await;
    let (key, host) = (bench.machine.rsa_pem_key(), bench.host());
    let question = "printf 'it'\\''s %s\\n' here; cat; echo no >&2; exit 3";
    for (shell, bashrc) in [
        ("/bin/bash", ""),
        ("/bin/bash", "echo 'Welcome to staging!'\nprintf '\\033]0;staging\\007'\nstty erase '^H'\n"),
        ("/bin/rbash", "echo 'This shell is watched'\n"),
        ("/bin/dash", ""),
    ] {
        bench.machine.set_login_shell(shell, bashrc).expect("a login shell");
        // A connection keeps the shell of its sign-in.
        let adapter = bench.adapter(key.clone(), None).await;
        let read = adapter.read(&host, question, PATIENCE).await.unwrap_or_else(|failure| panic!("{shell}: {failure}"));
        assert_eq!((read.exit, read.out.as_str(), read.err.as_str()), (Some(3), "it's here\n", "no\n"), "{shell}");
    }
    let adapter = bench.adapter(key, None).await;
    let long = adapter.read(&host, "head -c 400000 /dev/zero | tr '\\0' x", PATIENCE).await.expect("an answer");
    assert_eq!((long.exit, long.out.len() > 200_000), (Some(0), true), "the end of a long output is not needed");
}

#[tokio::test]
async fn names_a_login_shell_that_runs_no_command() {
    let bench = Bench::new().await;
    let (key, host) = (bench.machine.rsa_pem_key(), bench.host());
    for (shell, bashrc, problem) in [
        ("/bin/rbash", "PATH=/home/ec2-user/rbin\n", "does not find the program sh"),
        ("/bin/bash", "PATH=/nonexistent\n", "does not find the program sh"),
        ("/bin/bash", "exit 0\n", "ends before the command runs"),
        ("/bin/false", "", "ends before the command runs"),
        ("/usr/sbin/nologin", "", "may not open a shell"),
    ] {
        bench.machine.set_login_shell(shell, bashrc).expect("a login shell");
        let adapter = bench.adapter(key.clone(), None).await;
        let (read, verb) =
            (adapter.read(&host, "date", PATIENCE).await, adapter.environment(&host, "rally.prod").await);
        for failure in [read.expect_err("no answer"), verb.expect_err("no answer")] {
            assert_eq!(failure.code, ErrorCode::LoginShell, "{failure}");
            assert!(failure.summary.contains(problem), "{shell}: {failure}");
        }
    }
    bench.machine.set_login_shell("/bin/bash", "").expect("a login shell");
    bench.machine.force_command("uptime").expect("a forced command");
    let forced = bench.adapter(key, None).await.read(&host, "date", PATIENCE).await;
    assert!(forced.expect_err("no answer").summary.contains("something else answers"));
}

#[tokio::test]
async fn reports_exit_code_and_output_of_a_script() {
    let bench = Bench::new().await;
    let (adapter, host) = (bench.usual().await, bench.host());
    bench.machine.fail(Script::Migration, true).expect("it will fail");
    let spec = job(MIGRATION, MIGRATE);
    adapter.submit(&host, &spec).await.expect("submitted");
    adapter.launch(&host, &spec.id, &spec.lock).await.expect("launched");
    let end = until(&adapter, &host, &spec.id, is_over).await;
    assert!(matches!(end.state, JobState::Finished { exit: 3, .. }), "{end:?}");
    assert!(!output(&adapter, &host, &end).await.is_empty(), "its output is there");
}

#[tokio::test]
async fn job_files_are_private_and_script_files_are_not() {
    let bench = Bench::new().await;
    let (adapter, host) = (bench.usual().await, bench.host());
    let typed = adapter.read(&host, "umask", PATIENCE).await.expect("an answer").out;
    let spec = job("rally.prod.backup.2.1.0.a1", "umask\n");
    adapter.submit(&host, &spec).await.expect("submitted");
    adapter.launch(&host, &spec.id, &spec.lock).await.expect("launched");
    let status = until(&adapter, &host, &spec.id, is_over).await;
    assert_eq!(output(&adapter, &host, &status).await.trim(), typed.trim());
    let own = bench.machine.inside("stat -c %a /home/ec2-user/.greenlight/jobs/rally.prod.backup.2.1.0.a1/log");
    assert_eq!(own.expect("a mode").trim(), "600");
}

#[tokio::test]
async fn a_killed_job_is_lost_and_never_restarts() {
    let bench = Bench::new().await;
    let (adapter, host) = (bench.usual().await, bench.host());
    let hold = bench.machine.hold(Script::Migration, Moment::BeforeEffect).expect("a hold");
    let spec = job(MIGRATION, MIGRATE);
    adapter.submit(&host, &spec).await.expect("submitted");
    adapter.launch(&host, &spec.id, &spec.lock).await.expect("launched");
    hold.wait_until_held(PATIENCE).await.expect("the script runs");
    // Only the supervisor. Its script still holds the lock, so the job still runs.
    let supervisors =
        "for p in /proc/[0-9]*; do grep -qa supervise $p/cmdline 2>/dev/null && echo ${p#/proc/}; done; true";
    let pids = bench.machine.inside(supervisors).expect("a look");
    let pid = pids.split_whitespace().last().expect("a supervisor").to_owned();
    bench
        .machine
        .inside(&format!("for p in {}; do kill -9 $p 2>/dev/null; done; true", pids.replace('\n', " ")))
        .expect("killed");
    assert_eq!(adapter.status(&host, &spec.id).await.expect("a status").state, JobState::Orphaned, "supervisor {pid}");
    drop(hold);
    let end = until(&adapter, &host, &spec.id, is_over).await;
    assert!(matches!(end.state, JobState::Lost { .. }), "{end:?}");
    adapter.launch(&host, &spec.id, &spec.lock).await.expect("a launch may be repeated");
    let still = until(&adapter, &host, &spec.id, is_over).await;
    assert!(matches!(still.state, JobState::Lost { .. }), "{still:?}");
    assert_eq!(bench.machine.starts(Script::Migration).len(), 1);
}
