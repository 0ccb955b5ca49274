//! Port to the host: jobs, the environment lock and read-only commands.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_engine::ports::{
    EnvLock, Environment, HostAddress, JobSpec, JobState, JobStatus, Launched, LockClaim, Ownership, PortResult,
    ReadOutput, RemoteHost, RevokeReason, Revoked, ScriptStop, StopSignal, Submitted,
};
use greenlight_types::{ErrorCode, Failure, LockOwner, RunId};

use super::{InProcess, stamp};
use crate::world::{
    World,
    host::{Dump, DumpFolder, Job, Packet, Put, Stop},
    record::Op,
};

/// Refuses when the host is unreachable or is not the expected machine (INV-S1, INV-S2).
fn refuse(world: &World, host: &HostAddress) -> PortResult<()> {
    refuse_unreachable(world)?;
    if !world.host.address.is_empty() && world.host.address != host.address {
        return Err(Failure::new(ErrorCode::Unreachable, "reach the staging machine").because("no route to host"));
    }
    if world.host.fingerprint != host.fingerprint {
        return Err(Failure::new(ErrorCode::HostChanged, "reach the staging machine: it is another one"));
    }
    if !host.machine_id.is_empty() && world.host.machine_id != host.machine_id {
        return Err(Failure::new(ErrorCode::HostReplaced, "find the staging machine that Deploy started on"));
    }
    Ok(())
}

fn refuse_unreachable(world: &World) -> PortResult<()> {
    if world.host.is_reachable {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::Unreachable, "reach the staging machine").because("no route to host"))
}

#[async_trait]
impl RemoteHost for InProcess {
    async fn fingerprints(&self, _address: &str, _port: u16) -> PortResult<Vec<String>> {
        self.read("host.fingerprint", |world| {
            refuse_unreachable(world)?;
            Ok(vec![world.host.fingerprint.clone()])
        })
        .await
    }

    async fn read(&self, host: &HostAddress, command: &str, _deadline: Duration) -> PortResult<ReadOutput> {
        self.at(host, "host.read", false, |world| Ok(answer(world, command))).await
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        let within = i64::try_from(job.starts_within.as_millis()).unwrap_or(i64::MAX);
        let packet = Packet::Submit {
            id: job.id.clone(),
            script: job.script.clone(),
            mutex: job.mutex.clone(),
            within,
            run: job.lock.run.0.clone(),
        };
        self.order("host.submit", &host.machine_id, packet, |world| {
            refuse(world, host)?;
            Ok(match world.submit(&job.id, &job.script, &job.mutex, within, &job.lock.run.0) {
                Put::New => Submitted::New,
                Put::Same => Submitted::Same,
                Put::Conflict => Submitted::Conflict,
                Put::Revoked => Submitted::Revoked,
                Put::Unfinished => Submitted::Unfinished,
                Put::NotOwner => Submitted::NotOwner(world.host.holder.clone()),
            })
        })
        .await
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: RevokeReason) -> PortResult<Revoked> {
        self.at(host, "host.revoke", true, |world| {
            Ok(if world.revoke(id, word(why)) { Revoked::Won } else { Revoked::Lost })
        })
        .await
    }

    async fn launch(&self, host: &HostAddress, id: &str, lock: &EnvLock) -> PortResult<Launched> {
        let packet = Packet::Launch { id: id.to_owned(), run: lock.run.0.clone() };
        self.order("host.launch", &host.machine_id, packet, |world| {
            refuse(world, host)?;
            let is_held = world.launch(id, &lock.run.0);
            Ok(if is_held { Launched::Ordered } else { Launched::NotOwner(world.host.holder.clone()) })
        })
        .await
    }

    async fn stop_script(
        &self,
        host: &HostAddress,
        id: &str,
        lock: &EnvLock,
        signal: StopSignal,
    ) -> PortResult<ScriptStop> {
        self.at(host, "host.stop_script", true, |world| {
            Ok(match world.stop_script(id, &lock.run.0, signal == StopSignal::Kill) {
                Stop::Signalled => ScriptStop::Signalled,
                Stop::NotRunning => ScriptStop::NotRunning,
                Stop::OtherUser => ScriptStop::OtherUser { group: "812".to_owned() },
                Stop::NotOwner => ScriptStop::NotOwner(world.host.holder.clone()),
            })
        })
        .await
    }

    async fn environment(&self, host: &HostAddress, _environment: &str) -> PortResult<Environment> {
        self.at(host, "host.environment", false, |world| {
            Ok(Environment {
                machine_id: world.host.machine_id.clone(),
                boot_id: format!("boot-{}", world.host.boot),
                owner: world.host.holder.clone(),
            })
        })
        .await
    }

    async fn acquire_lock(
        &self,
        host: &HostAddress,
        lock: &EnvLock,
        claim: &LockClaim,
        from: Option<&RunId>,
    ) -> PortResult<Ownership> {
        let LockClaim { person, computer, version, reason } = claim.clone();
        self.at(host, "host.hold", true, |world| {
            let (run, since) = (lock.run.clone(), stamp(world.now_ms()));
            let (is_rollback, seen) = (false, None);
            let taken = LockOwner { run, person, computer, version, is_rollback, reason, since, seen };
            Ok(held(world.acquire_lock(&taken, from.map(|run| run.0.as_str())), world))
        })
        .await
    }

    async fn check_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<Ownership> {
        self.at(host, "host.still", false, |world| Ok(held(world.host.is_held_by(&lock.run.0), world))).await
    }

    async fn release_lock(&self, host: &HostAddress, lock: &EnvLock) -> PortResult<()> {
        self.at(host, "host.leave", true, |world| {
            world.release_lock(&lock.run.0);
            Ok(())
        })
        .await
    }

    async fn status(&self, host: &HostAddress, id: &str) -> PortResult<JobStatus> {
        self.at(host, "host.status", false, |world| Ok(told(world, id))).await
    }

    async fn jobs(&self, host: &HostAddress, prefix: &str) -> PortResult<Vec<JobStatus>> {
        self.at(host, "host.jobs", false, |world| {
            let ids: Vec<String> = world.host.jobs.keys().filter(|id| id.starts_with(prefix)).cloned().collect();
            Ok(ids.iter().map(|id| told(world, id)).collect())
        })
        .await
    }

    async fn output(&self, host: &HostAddress, id: &str, offset: u64, max: u32) -> PortResult<Vec<u8>> {
        self.at(host, "host.output", false, |world| {
            let text = world.host.jobs.get(id).map(|job| job.output(world.now_ms())).unwrap_or_default();
            let from = usize::try_from(offset).unwrap_or(usize::MAX).min(text.len());
            let bytes = text.as_bytes().get(from..).unwrap_or_default();
            Ok(bytes.iter().take(max as usize).copied().collect())
        })
        .await
    }
}

impl InProcess {
    /// Makes a call to the host.
    async fn at<T>(
        &self,
        host: &HostAddress,
        name: &'static str,
        is_changing: bool,
        work: impl FnOnce(&mut World) -> PortResult<T>,
    ) -> PortResult<T> {
        let guarded = |world: &mut World| {
            refuse(world, host)?;
            work(world)
        };
        if is_changing { self.change(name, guarded).await } else { Self::read(self, name, guarded).await }
    }
}

fn held(is_ours: bool, world: &World) -> Ownership {
    if is_ours { Ownership::Ours } else { Ownership::NotOurs(world.host.holder.clone()) }
}

fn told(world: &mut World, id: &str) -> JobStatus {
    let at = world.now_ms();
    let status = match world.host.jobs.get(id) {
        None => JobStatus { id: id.to_owned(), state: JobState::Absent, started_at: None, output_bytes: 0 },
        Some(job) => JobStatus {
            id: id.to_owned(),
            state: state(world, id, job),
            started_at: job.started_ms.map(stamp),
            output_bytes: job.output(at).len() as u64,
        },
    };
    let (name, exit) = match &status.state {
        JobState::Absent => ("absent", None),
        JobState::NotStarted | JobState::Busy | JobState::Expired => ("notStarted", None),
        JobState::Revoked(_) => ("revoked", None),
        JobState::Running | JobState::Orphaned => ("running", None),
        JobState::Finished { exit, .. } => ("finished", Some(*exit)),
        JobState::Lost { .. } => ("lost", None),
    };
    world.record.told(at, Op::JobSeen { id: id.to_owned(), state: name, exit });
    status
}

fn word(why: RevokeReason) -> &'static str {
    match why {
        RevokeReason::Expired => "expired",
        RevokeReason::Outside => "outside",
    }
}

fn state(world: &World, id: &str, job: &Job) -> JobState {
    if let Some(why) = &job.revoked {
        return JobState::Revoked(if why == "expired" { RevokeReason::Expired } else { RevokeReason::Outside });
    }
    match (job.started_ms, job.ended, job.is_lost) {
        (None, _, _) if world.now_ms() > job.not_after_ms => JobState::Expired,
        (None, _, _) if world.host.is_busy(id) => JobState::Busy,
        (None, _, _) => JobState::NotStarted,
        (Some(_), Some((at, exit)), _) => JobState::Finished { exit, finished_at: stamp(at) },
        (Some(_), None, true) => JobState::Lost { why: "the machine was restarted while the job ran".to_owned() },
        (Some(_), None, false) => JobState::Running,
    }
}

/// Output of a read-only command on this host.
fn answer(world: &mut World, command: &str) -> ReadOutput {
    let said = |exit: i32, out: String, err: &str| ReadOutput { exit: Some(exit), out, err: err.to_owned() };
    if command.starts_with("sudo -n -l") {
        return if world.host.may_back_up {
            said(0, "/opt/backup/bin/backupRallyPROD.sh\n".to_owned(), "")
        } else {
            said(1, String::new(), "sudo: a password is required")
        };
    }
    if command.contains("rally-schema") {
        return match world.ask_database() {
            Some(line) => said(0, format!("{line}\n"), ""),
            None => said(1, String::new(), "rally-schema: the database is locked by a migration"),
        };
    }
    if command.contains("sha256sum") {
        return said(0, format!("{}\n", world.host.folder_hash), "");
    }
    let is_root = command.starts_with("sudo -n sh -c ");
    if is_root && world.host.dump_folder != DumpFolder::RootOnly {
        return said(1, String::new(), "sudo: a password is required");
    }
    if command.contains("ls -1t") {
        if !is_root && world.host.dump_folder != DumpFolder::Open {
            return said(0, format!("{}\ndenied\n", world.now_ms() / 1_000), "");
        }
        let line = |dump: &Dump| format!("{}|{}|{}|81a4|r\n", dump.file, dump.bytes, dump.at_ms / 1_000);
        let mut dumps: Vec<&Dump> = world.host.dumps.iter().collect();
        dumps.sort_by_key(|dump| std::cmp::Reverse(dump.at_ms));
        let lines: String = dumps.into_iter().map(line).collect();
        return said(0, format!("{}\nlisted\n{lines}", world.now_ms() / 1_000), "");
    }
    if world.host.ends.lost_proofs > 0 {
        world.host.ends.lost_proofs -= 1;
        return ReadOutput { exit: None, out: String::new(), err: String::new() };
    }
    let proved = world.host.dumps.iter().find(|dump| command.contains(&dump.file));
    match proved {
        // A command of root says first that sudo allowed it.
        Some(dump) if dump.is_good => said(0, if is_root { "allowed\n".to_owned() } else { String::new() }, ""),
        Some(_) => said(1, String::new(), "unexpected end of file"),
        None => said(127, String::new(), "command not found"),
    }
}
