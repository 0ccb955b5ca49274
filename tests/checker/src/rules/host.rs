//! INV-S2 and INV-O1: Deploy uses one machine, and only the owner of the environment lock on it
//! changes production.

use crate::{
    Found,
    known::Known,
    records::{Actor, Body, Entry, Event, Op, Step},
};

/// Longest time from a confirmed lock to the start that follows: one slow answer.
const SLACK_MS: i64 = 60_000;

/// INV-O1: a takeover has a reason and another owner. INV-S2: Deploy knows the machine id.
pub fn record(event: &Event, found: &mut Found) {
    if let Body::LockAcquiring { from: Some(holder), reason, .. } = &event.body {
        if reason.trim().is_empty() {
            found.add("INV-O1", "the environment is taken from another run without a reason");
        }
        if holder.run == event.run {
            found.add("INV-O1", "a run takes the environment from itself");
        }
    }
    if let Body::DeployStarted { staging, .. } = &event.body
        && staging.machine_id.is_empty()
    {
        found.add("INV-S2", "Deploy starts on a machine that nobody asked for its id");
    }
}

/// INV-O1: a changing step of Deploy starts only while its run has the environment lock.
pub fn event(known: &Known, event: &Event, found: &mut Found) {
    if let Body::DeployStarted { .. } = &event.body
        && !known.is_rollback
        && known.world.holder.0.as_ref() != Some(&event.run)
        && !is_fresh(known, &event.at)
    {
        found.add("INV-O1", "Deploy starts without the environment");
    }
    if let Body::StepStarted { step: step @ (Step::BackUp | Step::DispatchBuild | Step::RunMigration), .. } =
        &event.body
        && known.world.holder.0.as_ref() != Some(&event.run)
        && !is_fresh(known, &event.at)
    {
        let holder = known.world.holder.0.as_deref().unwrap_or("nobody");
        found.add("INV-O1", format!("{step:?} starts while {holder} holds the environment"));
    }
}

/// Whether the lock changed so recently that the app cannot know it.
fn is_fresh(known: &Known, at: &str) -> bool {
    crate::known::ms(at).is_some_and(|at| at - known.world.holder.1 < SLACK_MS)
}

/// INV-J1, INV-S2 and INV-O1: requests to the host, and dispatches, match the journal and the lock.
pub fn request(known: &Known, entry: &Entry, found: &mut Found) {
    if entry.actor != Actor::App {
        return;
    }
    let is_of_host = match &entry.op {
        Op::EnvironmentTaken { run, from } => {
            // A lock that is free on the machine may have an owner on the remote.
            let is_ordered = known.taking.as_ref().is_some_and(|taking| from.iter().all(|from| taking.contains(from)));
            if !is_ordered || *run != known.run {
                found.add("INV-J1", format!("the environment was taken from {from:?} for {run}, and no event says so"));
            }
            true
        }
        Op::EnvironmentLeft { run } => {
            if !known.has_ended || *run != known.run {
                found.add("INV-J1", format!("the environment of {run} was given back before the end of the run"));
            }
            true
        }
        Op::SubmitJob { .. }
        | Op::LaunchJob { .. }
        | Op::RevokeJob { .. }
        | Op::StopScript { .. }
        | Op::JobSeen { .. } => true,
        Op::PushRef { .. }
        | Op::DeleteRef { .. }
        | Op::Dispatch { .. }
        | Op::RegisterTaskDefinition { .. }
        | Op::HostReplaced { .. }
        | Op::PayloadStarted { .. }
        | Op::PayloadEnded { .. }
        | Op::DumpWritten { .. }
        | Op::SchemaChanged { .. }
        | Op::DatabaseRestored
        | Op::HostRebooted
        | Op::RerunBuild { .. }
        | Op::CancelBuild { .. }
        | Op::PullRequestOpened { .. }
        | Op::PullRequestMerged { .. }
        | Op::ImagePushed { .. }
        | Op::RunEnded { .. }
        | Op::DeploymentStarted
        | Op::DeploymentEnded
        | Op::TaskBecameHealthy
        | Op::TaskStopped { .. }
        | Op::UpdateService { .. }
        | Op::StopDeployment { .. }
        | Op::Listing { .. }
        | Op::Described { .. }
        | Op::ServiceSeen { .. }
        | Op::SiteAnswered { .. }
        | Op::RunSeen { .. }
        | Op::ImageSeen { .. }
        | Op::DatabaseSeen { .. } => false,
    };
    let answers = known.world.machine.as_ref();
    if is_of_host && known.machine.is_some() && answers.is_some() && known.machine.as_ref() != answers {
        found.add("INV-S2", format!("{:?} answered in place of the machine that Deploy started on", answers));
    }
    outside_the_lock(known, entry, found);
}

/// INV-O1: only the owner of the environment lock starts a build, or uses the machine for a job.
fn outside_the_lock(known: &Known, entry: &Entry, found: &mut Found) {
    // GitHub knows no lock, so the app must notice an old loss before it dispatches.
    if matches!(entry.op, Op::Dispatch { .. })
        && entry.applied
        && !entry.late
        && known.world.holder.0.as_ref() != Some(&known.run)
        && entry.at - known.world.holder.1 >= SLACK_MS
    {
        found.add("INV-O1", "a build was started by a run that does not hold the environment");
    }
    if matches!(entry.op, Op::SubmitJob { .. } | Op::LaunchJob { .. } | Op::StopScript { .. })
        && entry.applied
        && known.world.holder.0.as_ref() != Some(&known.run)
    {
        found.add("INV-O1", "a job was put, started or stopped by a run that does not hold the environment");
    }
}
