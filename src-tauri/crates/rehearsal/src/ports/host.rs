//! The staging machine.

use std::time::Duration;

use async_trait::async_trait;
use greenlight_engine::ports::{
    HostAddress, JobSpec, JobState, JobStatus, PortResult, ReadOutput, RemoteHost, Revoked, Submitted, Why,
};
use greenlight_types::{ErrorCode, Failure};

use super::{InProcess, stamp};
use crate::world::{
    World,
    host::{Dump, Job, Put},
    record::Op,
};

fn refuse_unreachable(world: &World) -> PortResult<()> {
    if world.host.is_reachable {
        return Ok(());
    }
    Err(Failure::new(ErrorCode::Unreachable, "reach the staging machine").because("no route to host"))
}

#[async_trait]
impl RemoteHost for InProcess {
    async fn fingerprint(&self, _address: &str, _port: u16) -> PortResult<String> {
        self.read("host.fingerprint", |world| {
            refuse_unreachable(world)?;
            Ok(world.host.fingerprint.clone())
        })
        .await
    }

    async fn read(&self, host: &HostAddress, command: &str, _deadline: Duration) -> PortResult<ReadOutput> {
        self.at(host, "host.read", false, |world| Ok(answer(world, command))).await
    }

    async fn submit(&self, host: &HostAddress, job: &JobSpec) -> PortResult<Submitted> {
        self.at(host, "host.submit", true, |world| {
            let within = i64::try_from(job.starts_within.as_millis()).unwrap_or(i64::MAX);
            Ok(match world.submit(&job.id, &job.script, &job.mutex, within) {
                Put::New => Submitted::New,
                Put::Same => Submitted::Same,
                Put::Conflict => Submitted::Conflict,
                Put::Revoked => Submitted::Revoked,
                Put::Unfinished => Submitted::Unfinished,
            })
        })
        .await
    }

    async fn revoke(&self, host: &HostAddress, id: &str, why: Why) -> PortResult<Revoked> {
        self.at(host, "host.revoke", true, |world| {
            Ok(if world.revoke(id, word(why)) { Revoked::Won } else { Revoked::Lost })
        })
        .await
    }

    async fn launch(&self, host: &HostAddress, id: &str) -> PortResult<()> {
        self.at(host, "host.launch", true, |world| {
            world.launch(id);
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
    /// A call to the machine, which answers only to whoever knows it (INV-S1).
    async fn at<T>(
        &self,
        host: &HostAddress,
        name: &'static str,
        is_changing: bool,
        work: impl FnOnce(&mut World) -> PortResult<T>,
    ) -> PortResult<T> {
        let guarded = |world: &mut World| {
            refuse_unreachable(world)?;
            if world.host.fingerprint != host.fingerprint {
                return Err(Failure::new(ErrorCode::HostChanged, "reach the staging machine: it is another one"));
            }
            work(world)
        };
        if is_changing { self.change(name, guarded).await } else { Self::read(self, name, guarded).await }
    }
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

fn word(why: Why) -> &'static str {
    match why {
        Why::Expired => "expired",
        Why::Outside => "outside",
    }
}

fn state(world: &World, id: &str, job: &Job) -> JobState {
    if let Some(why) = &job.revoked {
        return JobState::Revoked(if why == "expired" { Why::Expired } else { Why::Outside });
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

/// What the commands that only read print on this machine.
fn answer(world: &World, command: &str) -> ReadOutput {
    let said = |exit: i32, out: String, err: &str| ReadOutput { exit: Some(exit), out, err: err.to_owned() };
    if command.starts_with("sudo -n -l") {
        return if world.host.may_back_up {
            said(0, "/opt/backup/bin/backupRallyPROD.sh\n".to_owned(), "")
        } else {
            said(1, String::new(), "sudo: a password is required")
        };
    }
    if command.contains("sha256sum") {
        return said(0, format!("{}\n", world.host.folder_hash), "");
    }
    if command.contains("ls -1t") {
        return match world.host.newest_dump() {
            Some(Dump { file, bytes, at_ms, .. }) => said(0, format!("{file}|{bytes}|{}\n", at_ms / 1_000), ""),
            None => said(1, String::new(), ""),
        };
    }
    let proved = world.host.dumps.iter().find(|dump| command.contains(&dump.file));
    match proved {
        Some(dump) if dump.is_good => said(0, String::new(), ""),
        Some(_) => said(1, String::new(), "unexpected end of file"),
        None => said(127, String::new(), "command not found"),
    }
}
